"""A sender or a writer that dies before any line: who comes next finds the message, and finishes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FEWEST = 15  # lines: fewer would mean that hardly anything was tried


@pytest.fixture
def kills(tmp_path):
    def run(way):
        done = subprocess.run(
            [sys.executable, HERE / "killed_between_lines.py", way, tmp_path],
            env={"PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        told = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(told) > FEWEST
        return told

    return run


def files(found):
    """Return the files of what was found, and what is in them; directories have no content."""
    return {name: content for name, (_, content) in found.items() if content is not None}


def test_a_message_is_there_until_it_is_removed_and_the_next_sender_takes_it_at_once(kills):
    for told in kills("take"):
        between = [content for name, content in files(told["between"]).items() if not name.endswith(".lck")]
        assert between in (["body"], []), told
        assert files(told["after"]) == {}, told


def test_a_message_that_can_never_go_is_kept_once_with_its_reason(kills):
    for told in kills("bury"):
        bodies = [name for name, content in files(told["between"]).items() if content == "body"]
        assert [name for name in bodies if not name.endswith(".tmp")], told
        after = files(told["after"])
        assert {name.partition("/")[0] for name in after} == {"queue-dead"}, told
        assert sorted(after.values()) == ["body", "why\n"], told
        assert {mode for name, (mode, _) in told["after"].items() if name.startswith("queue-dead")} == {
            "0o2770",
            "0o660",
        }, told


def test_a_message_that_is_written_has_one_name_whole_and_open_to_who_shares_the_queue(kills):
    for told in kills("send"):
        for name, content in files(told["between"]).items():
            assert content == "body" or name.endswith(".tmp"), told
        [(name, content)] = files(told["after"]).items()
        assert (content, name.endswith(".tmp")) == ("body", False), told
        assert {mode for mode, _ in told["after"].values()} == {"0o2770", "0o660"}, told
