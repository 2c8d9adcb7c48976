"""A report as one page that needs nothing else: it works offline, by light and dark, and runs no script."""

from __future__ import annotations

import base64
import hashlib
from decimal import Decimal
from importlib import resources
from typing import Final

import jinja2

from usance import __version__
from usance.cli import reporting
from usance.cli.charts import charts
from usance.cli.columns import Cell, printable
from usance.cli.reporting import Report
from usance.model.errors import ConfigurationError

MOST_ROWS: Final = 20_000
"""A browser has to hold them all."""


def page(report: Report) -> str:
    """Return the page. Raises ConfigurationError if it would have too many rows."""
    if len(report.rows) > MOST_ROWS:
        raise ConfigurationError(
            f"A page of {len(report.rows):,} rows is too much for a browser",
            hint="tell less apart with --by, or take --output csv or parquet",
        )
    style = (resources.files("usance.cli") / "templates" / "report.css").read_text(encoding="utf-8")
    table = reporting.table(report)
    measures = reporting.measures_of(report)
    texts = len(table.headings) - len(reporting.numbers(report, report.total, None, measures))
    has_total = len(report.rows) > 1
    rows = table.rows[:-1] if has_total else table.rows
    return _template().render(
        title=table.title,
        style=style,
        style_digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        version=__version__,
        made_at=f"{report.made_at:%Y-%m-%d %H:%M:%S}",
        suspended_states=report.suspended_states,
        cards=[(one.heading, _number(one.read(report.total, 2))) for one in measures if one.of(report.total)],
        charts=charts(report),
        headings=[(heading, place >= texts) for place, heading in enumerate(table.headings)],
        rows=[[_text(cell) for cell in row] for row in rows],
        total=[_text(cell) for cell in table.rows[-1]] if has_total else None,
        texts=texts,
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("usance.cli", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _number
    return environment.get_template("report.html")


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    return printable(cell) if isinstance(cell, str) else _number(cell)


def _number(value: int | Decimal) -> str:
    """Return a number with its thousands apart, by a space that does not break."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
