"""The parts of /v2 that do no I/O: parameters, cursors, formats, tags."""

from __future__ import annotations

import base64
import csv
import io
import sys
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usance.api.caller import Caller
from usance.api.errors import RefusedError
from usance.api.v2 import columns, cursors, parameters
from usance.api.v2.answers import Project
from usance.api.v2.asking import visible
from usance.api.v2.conditional import is_known, tag_of
from usance.api.v2.formats import CsvWriter, Format, JsonWriter, choose
from usance.ledger.answers import Cursor
from usance.model.spreadsheet import harmless


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- parameters --------------------------------------------------------------------------------

KNOWN = (
    parameters.ids("project_id", "Projects."),
    parameters.instant("start", "Start.", required=True),
    parameters.words_of("group_by", "Groups.", ("day", "month")),
    parameters.integer("limit", "Rows.", least=1, most=10),
    parameters.switch("clip", "Cut."),
)


def read(*given: tuple[str, str]) -> dict[str, Any]:
    return parameters.read_query(KNOWN, given)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-10-01", "2026-10-01T00:00"),
        ("2026-10-01T01:00", "2026-10-01T01:00"),
        ("2026-10-01T01:00:00Z", "2026-10-01T01:00"),
        ("2026-10-01T01:00:00.000001", "2026-10-01T01:00:00.000001"),
        ("2026-10-01T01:00:00+02:00", "2026-09-30T23:00"),
        ("2026-10-01T01:00:00 02:00", "2026-09-30T23:00"),  # its plus was written into the address as it is
        ("2026-10-01T01:00:00-0230", "2026-10-01T03:30"),
    ],
)
def test_times_are_iso_8601_and_their_offsets_count(written: str, meant: str) -> None:
    assert read(("start", written)) == {"start": at(meant)}


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("start", "yesterday", "start: it is not a time"),
        ("start", "0001-01-01T00:00:00+14:00", "start: it lies outside of the calendar"),
        ("start", "2026-13-01", "start: it is not a time"),
        ("start", "1" * 500, "start: it is too long for a time"),
        ("limit", "0", "limit: 0 is not from 1 to 10"),
        ("limit", "11", "limit: 11 is not from 1 to 10"),
        ("limit", "1.5", "limit: '1.5' is no whole number from 1 to 10"),
        ("limit", "\N{ARABIC-INDIC DIGIT ONE}", "is no whole number"),
        ("limit", "9" * 400, "is no whole number"),
        ("clip", "yes", "clip: 'yes' is neither true nor false"),
        ("group_by", "day,year", "group_by: 'year' is none of day, month"),
        ("project_id", "", "project_id: it is empty"),
        ("project_id", "x" * 256, "project_id: it is longer than 255 characters"),
        ("strat", "2026-10-01", "there is no parameter 'strat'"),
        ("start", "2026-10-01", "the parameter start may be given once, not more"),
    ],
)
def test_what_can_not_be_read_is_refused_with_a_sentence(name: str, text: str, says: str) -> None:
    given = (
        [(name, text)]
        if name == "start" and says.startswith("start:")
        else [("start", "2026-10-01"), (name, text)]
    )

    with pytest.raises(RefusedError) as caught:
        read(*given)

    assert caught.value.status == 400
    assert says in caught.value.message


def test_what_is_missing_is_named() -> None:
    with pytest.raises(RefusedError, match="the parameter start is missing"):
        read(("limit", "1"))


def test_words_come_with_commas_or_several_times() -> None:
    values = read(("start", "2026-10-01"), ("group_by", "day,month"), ("group_by", "day"))

    assert values["group_by"] == (("day", "month"), ("day",))


def test_no_parameter_is_given_without_end() -> None:
    with pytest.raises(RefusedError, match="may be given 100 times, not more"):
        read(("start", "2026-10-01"), *[("project_id", "x")] * 101)


# --- who may -----------------------------------------------------------------------------------


def test_a_member_asks_of_her_project_whatever_she_names() -> None:
    member = Caller(how="keystone", key="k", project_id="mine")
    reader = Caller(how="keystone", key="k", project_id="mine", may_read_all=True)
    nobody = Caller(how="keystone", key="k")

    assert visible(None, member) == ("mine",)
    assert visible(("other",), member) == ()
    assert visible(("mine", "other"), member) == ("mine",)
    assert visible(None, reader) is None
    assert visible(("other",), reader) == ("other",)
    assert visible(None, nobody) == ()


# --- cursors -----------------------------------------------------------------------------------

keys = st.lists(st.one_of(st.text(), st.integers(-(2**63), 2**63 - 1)), max_size=6).map(tuple)


@given(of=st.text(), key=keys, question=st.text())
def test_a_cursor_is_itself_again_for_its_question_only(of: str, key: Any, question: str) -> None:
    cursor = Cursor(of, key)
    text = cursors.seal(cursor, ("spans", question))

    assert cursors.unseal(text, ("spans", question)) == cursor
    with pytest.raises(RefusedError):
        cursors.unseal(text, ("resources", question))


@given(st.one_of(st.text(), st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(RefusedError) as caught:
        cursors.unseal(text, "question")

    assert caught.value.status == 400


def test_a_cursor_of_which_a_letter_is_another_is_refused() -> None:
    text = cursors.seal(Cursor("spans:id", ("project", "region", "server", "a", 17)), "question")

    for place in range(len(text)):
        other = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        if base64.urlsafe_b64decode(other + "==") != base64.urlsafe_b64decode(text + "=="):
            with pytest.raises(RefusedError):
                cursors.unseal(other, "question")


# --- formats -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, Format.JSON),
        ("*/*", Format.JSON),
        ("text/csv", Format.CSV),
        ("TEXT/CSV; q=0.5", Format.CSV),
        ("text/*", Format.CSV),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format.JSON),
        ("text/csv;q=0.4, application/json;q=0.3", Format.CSV),
        ("text/csv;q=0.4, */*;q=0.5", Format.JSON),
        ("application/json;q=0, */*", Format.CSV),
        ("application/vnd.apache.parquet", Format.PARQUET),
    ],
)
def test_the_format_is_what_is_accepted_most_gladly(accept: str | None, chosen: Format) -> None:
    assert choose(None, accept) is chosen
    assert choose("csv", accept) is Format.CSV


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "", "text/csv;q=zero", ";;,,q=1"])
def test_what_we_do_not_have_is_406(accept: str) -> None:
    if not accept:
        assert choose(None, accept) is Format.JSON
        return
    with pytest.raises(RefusedError) as caught:
        choose(None, accept)

    assert caught.value.status == 406


def test_parquet_without_pyarrow_is_406_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(RefusedError, match="pyarrow is not installed") as caught:
        choose("parquet", None)

    assert caught.value.status == 406


@given(st.text())
def test_no_text_is_a_formula(text: str) -> None:
    shown = harmless(text)

    assert shown.removeprefix("'") == text.removeprefix("'")
    assert shown[:1] not in {"=", "+", "-", "@", "\t", "\r", "\n"} or not shown


PROJECTS = st.lists(
    st.builds(
        Project,
        st.text(),
        st.text(),
        st.none() | st.text(),
        st.integers(),
        st.none() | st.datetimes(timezones=st.just(UTC)),
        st.none(),
    ),
    max_size=5,
)


@given(PROJECTS, st.lists(st.integers(0, 5), max_size=3))
def test_pieces_are_one_document_however_they_are_cut(rows: list[Project], cuts: list[int]) -> None:
    edges = [0, *sorted(min(one, len(rows)) for one in cuts), len(rows)]
    pieces = [rows[start:end] for start, end in pairwise(edges)]

    for writer in (JsonWriter({"next": None}, "projects"), CsvWriter(columns.PROJECT)):
        written = b"".join([*(writer.rows(one) for one in pieces), writer.end()])
        if isinstance(writer, JsonWriter):
            assert msgspec.json.decode(written)["projects"] == msgspec.to_builtins(rows)
        else:
            lines = list(csv.reader(io.StringIO(written.decode(), newline="")))
            assert lines[0] == [one.name for one in columns.PROJECT]
            assert [line[0] for line in lines[1:]] == [harmless(one.project_id) for one in rows]


# --- tags --------------------------------------------------------------------------------------


def test_a_tag_is_known_in_every_form_of_the_header() -> None:
    tag = tag_of("usage", 1)

    assert tag != tag_of("usage", 2)
    for header in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        assert is_known(tag, header)
    for header in (None, "", '"other"', tag.strip('"')):
        assert not is_known(tag, header)
