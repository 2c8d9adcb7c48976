"""cASO's lastrun files."""

from datetime import UTC, datetime

import pytest

from usance.config.lastrun import read_lastrun
from usance.model.errors import UsanceError

PROJECT = "b2221a58008a05a6c4647159c324c985"


def test_the_second_that_caso_added_is_taken_off(tmp_path):
    (tmp_path / f"lastrun.{PROJECT}").write_text("2026-11-21 12:00:01.123456+00:00")

    assert read_lastrun(tmp_path, PROJECT) == datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2016-03-01 10:00:01", "2016-03-01 10:00:01\n", "2016-03-01 12:00:01+02:00"]
)
def test_files_of_older_generations_are_in_utc(tmp_path, text):
    (tmp_path / "lastrun.demo").write_text(text)

    assert read_lastrun(tmp_path, PROJECT, ["demo"]) == datetime(2016, 3, 1, 10, tzinfo=UTC)


def test_the_latest_file_of_a_project_counts(tmp_path):
    (tmp_path / "lastrun.demo").write_text("2016-03-01 10:00:01")
    (tmp_path / f"lastrun.{PROJECT}").write_text("2026-11-21 12:00:01")

    assert read_lastrun(tmp_path, PROJECT, ["demo"]) == datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_a_project_that_caso_never_extracted_has_no_end(tmp_path):
    assert read_lastrun(tmp_path, PROJECT, ["demo", "", "x" * 300, "../lastrun.x", "a\0b"]) is None
    assert read_lastrun(tmp_path / "none", PROJECT) is None


@pytest.mark.parametrize(
    ("content", "part"),
    [(b"", "is empty"), (b" \n", "is empty"), (b"soon", "holds no time"), (b"\xff" * 9999, "holds no time")],
)
def test_a_file_without_a_time_is_named_and_nothing_is_guessed(tmp_path, content, part):
    path = tmp_path / f"lastrun.{PROJECT}"
    path.write_bytes(content)

    with pytest.raises(UsanceError, match=part) as caught:
        read_lastrun(tmp_path, PROJECT)

    assert str(path) in caught.value.message
    assert caught.value.hint


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / f"lastrun.{PROJECT}").mkdir()

    with pytest.raises(UsanceError, match="can't be read: Is a directory"):
        read_lastrun(tmp_path, PROJECT)
