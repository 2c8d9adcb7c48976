"""Values as people and programs see them."""

import json
from datetime import UTC, datetime

import pytest

from usance.cli.columns import Columns, printable
from usance.cli.present import as_csv, as_json, print_tables, show
from usance.extraction.report import ProjectResult, RunReport

COLUMNS = Columns("Projects", ("name", "servers"), (("demo", 3), ("=cmd|x", 12), ("a\x1b[2Jb\nc", None)))


def test_a_name_cannot_steer_the_terminal(capsys):
    print_tables([COLUMNS])

    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}c" in printed


def test_markup_in_a_name_is_shown_as_it_is(capsys):
    print_tables([Columns("Projects", ("name",), (("[red]x[/red]",),))])

    assert "[red]x[/red]" in capsys.readouterr().out


def test_a_row_is_one_line_in_a_pipe(capsys):
    print_tables([Columns("Projects", ("name", "error"), (("demo", "long " * 100),))])

    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_table_without_rows_is_left_out(capsys):
    print_tables([Columns("Projects", ("name",), ())])

    assert capsys.readouterr().out == ""


def test_csv_holds_no_formula_and_no_control_character():
    assert as_csv(COLUMNS) == (
        "name,servers\ndemo,3\n'=cmd|x,12\na\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}c,\n"
    )


def test_json_has_every_field_of_a_value():
    report = RunReport(
        until=datetime(2026, 11, 21, tzinfo=UTC), projects=(ProjectResult("p", "n\x1b", None),)
    )

    read = json.loads(as_json(report))

    assert read["until"] == "2026-11-21T00:00:00Z"
    assert read["projects"][0]["name"] == "n\x1b"
    assert "\x1b" not in as_json(report)


@pytest.mark.parametrize(("output", "start"), [("table", "Projects"), ("json", "{"), ("csv", "name,servers")])
def test_a_value_is_shown_in_the_form_that_was_asked_for(capsys, output, start):
    show(output, {"a": 1}, [COLUMNS])

    assert capsys.readouterr().out.startswith(start)


@pytest.mark.parametrize("text", ["Zoë", "日本", "a b", "🙂"])
def test_letters_of_all_languages_are_printable(text):
    assert printable(text) == text


@pytest.mark.parametrize("text", ["\x9b1m", "\u202egnp.exe", "\ud800", "\x7f", "\u2028"])
def test_what_moves_or_reverses_text_is_not(text):
    assert printable(text)[0] == "\N{REPLACEMENT CHARACTER}"
