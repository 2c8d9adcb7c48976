"""A report as a page: it says what the table says, and holds nothing that anybody slipped into a name."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import msgspec
import pytest

from usance.cli import page as pages
from usance.cli.page import page
from usance.cli.present import as_csv
from usance.cli.reporting import Report, csv_columns, json_pieces, table
from usance.ledger.answers import Amounts, By, UsageRow, Window
from usance.model.errors import ConfigurationError
from usance.model.period import Period

START = datetime(2026, 10, 1, tzinfo=UTC)
MONTH = Period(START, datetime(2026, 11, 1, tzinfo=UTC))
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e\x1b[31m"


def row(project: str, vcpu_h: int, *, day: int | None = None) -> UsageRow:
    period = MONTH if day is None else Period(START + timedelta(days=day), START + timedelta(days=day + 1))
    amounts = Amounts(seconds=vcpu_h * 3600, vcpu_s=vcpu_h * 3600)
    return UsageRow(project, None, None, None, None, period, None if day is None else 1, amounts)


def report(*rows: UsageRow, window: Window | None = None, **names: str) -> Report:
    return Report(MONTH, MONTH.end, None, frozenset({By.PROJECT}), window, ("shelved",), rows, names)


class Page(HTMLParser):
    """The tags of a page, the attributes that lead elsewhere or run something, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.dangerous: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.dangerous += [
            (name, value)
            for name, value in attrs
            if name.startswith("on") or name in {"src", "href", "style"}
        ]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_no_name_becomes_a_tag_an_attribute_or_a_control() -> None:
    text = page(report(row("p1", 2), row("p2", 1), p1=EVIL))

    found = Page(text)
    assert not {"script", "img", "link", "iframe", "object"} & set(found.tags)
    assert not found.dangerous
    assert "<script>alert(1)</script>" in "".join(found.texts)
    assert not re.search("[\u202e\x1b]", text)


def test_the_page_allows_its_own_style_and_nothing_else() -> None:
    text = page(report(row("p1", 2)))

    style = re.search("<style>(.*?)</style>", text, re.DOTALL)
    policy = re.search('Content-Security-Policy" content="([^"]*)"', text)
    assert style is not None
    assert policy is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    allowed = policy[1].replace("&#39;", "'").replace("&#43;", "+")
    assert allowed == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert "http" not in text.replace("http-equiv", "")


def test_the_greatest_groups_are_drawn_in_proportion() -> None:
    text = page(report(row("p1", 30), row("p2", 10), row("p3", 20)))

    widths = [int(one) for one in re.findall(r'<rect [^>]*width="(\d+)"', text)]
    names = re.findall(r'text-anchor="end">(\w+)<', text)
    assert names == ["p1", "p3", "p2"]
    assert [width * 3 // widths[0] for width in widths] == [3, 2, 1]


def test_many_groups_leave_the_small_ones_together() -> None:
    text = page(report(*(row(f"p{number:02}", number + 1) for number in range(20))))

    assert "8 others: 36.00" in text


def test_the_course_of_time_has_a_place_for_every_day() -> None:
    text = page(report(row("p1", 30, day=0), row("p1", 15, day=30), window=Window.DAY))

    days = re.findall(r"<title>(2026-10-\d\d): ([\d.]+)", text)
    assert len(days) == 31
    assert [day for day in days if day[1] != "0.00"] == [("2026-10-01", "30.00"), ("2026-10-31", "15.00")]


def test_an_empty_report_says_so() -> None:
    text = page(report())

    assert "Nothing was used." in text
    assert "<table>" not in text


def test_a_page_that_no_browser_would_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_ROWS", 1)

    with pytest.raises(ConfigurationError, match="2 rows"):
        page(report(row("p1", 2), row("p2", 1)))


def test_the_last_row_of_a_table_is_the_sum() -> None:
    found = table(report(row("p1", 2), row("p2", 1), p2="beta"))

    assert found.headings == ("project", "name", "hours", "vCPU h")
    assert [tuple(str(cell) for cell in one) for one in found.rows] == [
        ("p1", "None", "2.00", "2.00"),
        ("p2", "beta", "1.00", "1.00"),
        ("total", "None", "3.00", "3.00"),
    ]


def test_no_cell_of_csv_is_a_formula() -> None:
    text = as_csv(csv_columns(report(row("p1", 2), p1="=cmd|' /C calc'!A0")))

    assert text.splitlines()[1].startswith("p1,'=cmd|' /C calc'!A0,")


def test_json_has_integers_however_long() -> None:
    large = UsageRow("p1", None, None, None, None, MONTH, 3, Amounts(seconds=1, ram_mib_s=1 << 70))

    read = msgspec.json.decode("".join(json_pieces(report(large, p1=EVIL))).replace(str(1 << 70), '"large"'))

    assert read["usage"][0]["ram_mib_s"] == "large"
    assert read["usage"][0]["project"] == EVIL
    assert (read["start"], read["by"]) == ("2026-10-01T00:00:00Z", ["project"])
