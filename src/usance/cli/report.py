"""`usance report`: what was used, in a table, for programs, or as a page."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import time
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from usance.cli import reporting
from usance.cli.configuration import configuration_options, configure
from usance.cli.examples import examples
from usance.cli.present import as_csv, print_tables
from usance.cli.reporting import Report
from usance.config.instants import read_instant
from usance.config.load import Need
from usance.ledger.answers import Asked, By, ProjectRow, Window
from usance.ledger.ledger import Ledger
from usance.model.errors import ConfigurationError, LedgerError
from usance.model.period import Period, month_of
from usance.model.resource import KINDS

_OUTPUTS: Final = ("table", "json", "csv", "parquet", "html")
_BY: Final = (*(one.value for one in By), *(one.value for one in Window))
_PATIENCE_S: Final = 10
"""How long a report sums up days that nobody has summed up yet, before it takes the rest from spans."""


@click.command(
    short_help="Say what was used.",
    epilog=examples(
        "usance report",
        "usance report --month 2026-10 --by project,flavor",
        "usance report --from 2026-10-01 --to 2026-10-08 --by kind,day --output csv",
        "usance report --month 2026-10 --output html --out october.html",
        "usance report --month 2026-10 --as-of 2026-11-05 --output json",
    ),
)
@configuration_options
@click.option("--from", "begin", metavar="TIME", help="Start of the period. Default: of this month.")
@click.option("--to", "end", metavar="TIME", help="End of the period. Default: now.")
@click.option("--month", metavar="YYYY-MM", help="A calendar month, in place of --from and --to.")
@click.option("--project", "projects", multiple=True, help="Only this one: an id or a name. Repeatable.")
@click.option("--cloud", "clouds", multiple=True, help="Only this one, as the ledger names it. Repeatable.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only these. Repeatable.")
@click.option(
    "--by",
    default="project,kind",
    show_default=True,
    metavar="LIST",
    help=f"What is told apart: some of {', '.join(_BY)}, with commas; nothing: one sum.",
)
@click.option("--count", is_flag=True, help="Count resources also where flavors or states are told apart.")
@click.option("--as-of", metavar="TIME", help="As it was known then.")
@click.option("--output", "-o", type=click.Choice(_OUTPUTS), default="table", help="How to print the result.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
def report(
    *,
    config_file: Sequence[Path],
    config_dir: Sequence[Path],
    debug: bool,
    begin: str | None,
    end: str | None,
    month: str | None,
    projects: Sequence[str],
    clouds: Sequence[str],
    kinds: Sequence[str],
    by: str,
    count: bool,
    as_of: str | None,
    output: str,
    out: Path | None,
) -> None:
    """Say what projects used in a period: hours of existence, vCPU hours, GiB hours.

    Reads the ledger only. Times are UTC unless they name an offset. What still exists is counted
    up to now. JSON and Parquet have integers of seconds, the other forms hours, rounded.
    """
    now = datetime.now(UTC)
    period = _period(begin, end, month, now)
    told_apart, window = _told_apart(by)
    _refuse_what_is_missing(output, out)
    instant = None if as_of is None else read_instant(as_of, "--as-of")
    configuration = configure(config_file, config_dir, debug=debug, need=Need.NOTHING)
    suspended = tuple(sorted(configuration.settings.records.suspended_states))
    with Ledger.open(configuration.settings.ledger_url, create=False) as ledger:
        known = ledger.questions.projects()
        asked = Asked(
            projects=_projects(projects, known),
            clouds=_clouds(clouds, known),
            kinds=tuple(kinds) or None,
            period=period,
            as_of=instant,
        )
        if instant is None:
            _sum_up(ledger, now, asked.projects)
        rows = ledger.questions.usage(
            asked,
            until=now,
            by=told_apart,
            window=window,
            suspended_states=suspended,
            count_resources=count or None,
        )
        made = Report(
            period=Period(period.start, max(period.start, min(period.end, now, instant or now))),
            made_at=now,
            as_of=instant,
            by=told_apart,
            window=window,
            suspended_states=suspended,
            rows=tuple(rows),
            names={one.project_id: one.name for one in known if one.name},
        )
    _give(made, output, out)


# --- what is asked ---------------------------------------------------------------------------


def _period(begin: str | None, end: str | None, month: str | None, now: datetime) -> Period:
    if month is not None:
        if begin is not None or end is not None:
            raise click.UsageError("give either --month, or --from and --to")
        try:
            return month_of(datetime.strptime(month.strip(), "%Y-%m").replace(tzinfo=UTC))
        except ValueError:
            raise click.BadParameter(f"{month!r} is no month such as 2026-10", param_hint="--month") from None
    last = now if end is None else read_instant(end, "--to")
    first = month_of(min(now, last)).start if begin is None else read_instant(begin, "--from")
    if first > last:
        raise click.UsageError(
            f"--from ({first:%Y-%m-%d %H:%M}) should lie before --to ({last:%Y-%m-%d %H:%M})"
        )
    return Period(first, last)


def _told_apart(by: str) -> tuple[frozenset[By], Window | None]:
    names = [one.strip() for one in by.split(",") if one.strip()]
    for one in names:
        if one not in _BY:
            raise click.BadParameter(f"{one!r} is none of {', '.join(_BY)}", param_hint="--by")
    windows = {Window(one) for one in names if one in set(Window)}
    if len(windows) > 1:
        raise click.BadParameter("days are parts of months: give one of them", param_hint="--by")
    return frozenset(By(one) for one in names if one in set(By)), next(iter(windows), None)


def _projects(given: Collection[str], known: Iterable[ProjectRow]) -> tuple[str, ...] | None:
    """Return the ids of the projects that are named, by id or by name; None if none is."""
    if not given:
        return None
    ids = {one.project_id for one in known}
    found = set()
    for text in given:
        named = {one.project_id for one in known if one.name == text}
        if text in ids:
            found.add(text)
        elif len(named) == 1:
            found |= named
        else:
            problem = f"{len(named)} projects are named" if named else "the ledger knows no project"
            raise ConfigurationError(f"--project: {problem} {text!r}", hint="give the id of the project")
    return tuple(sorted(found))


def _clouds(given: Collection[str], known: Iterable[ProjectRow]) -> tuple[str, ...] | None:
    clouds = {one.cloud_id for one in known}
    for text in given:
        if text not in clouds:
            there = ", ".join(sorted(clouds)) or "none"
            raise ConfigurationError(f"--cloud: the ledger knows no cloud {text!r}", hint=f"it knows {there}")
    return tuple(sorted(set(given))) or None


def _sum_up(ledger: Ledger, now: datetime, projects: Collection[str] | None) -> None:
    """Sum up the days that are over, for a while: what is not summed up then is told from spans."""
    begin = time.monotonic()
    # An account that may only read, or a ledger that is busy, is no reason to say nothing.
    with contextlib.suppress(LedgerError):
        if ledger.rollups.may_write():
            ledger.rollups.roll(now, projects=projects, stop=lambda: time.monotonic() - begin > _PATIENCE_S)


# --- how it is given -------------------------------------------------------------------------


def _refuse_what_is_missing(output: str, out: Path | None) -> None:
    needed = {"parquet": ("pyarrow", "archive"), "html": ("jinja2", "api")}.get(output)
    if needed is not None and importlib.util.find_spec(needed[0]) is None:
        raise ConfigurationError(
            f"--output {output} needs {needed[0]}, which is not installed",
            hint=f"pip install 'usance[{needed[1]}]'",
        )
    if output == "parquet" and out is None:
        raise click.UsageError("Parquet is not for a terminal: name a file with --out")
    if output == "table" and out is not None:
        raise click.UsageError("a table is for the terminal: give --output csv, json, parquet or html")


def _give(made: Report, output: str, out: Path | None) -> None:
    if output == "table":
        print_tables([reporting.table(made)])
        if not made.rows:
            print("Nothing was used.")
    elif output == "parquet":
        from usance.cli.reported_parquet import pieces  # noqa: PLC0415 - what it needs may be missing

        _write(pieces(made), out)
    else:
        _write((piece.encode() for piece in _texts(made, output)), out)


def _texts(made: Report, output: str) -> Iterable[str]:
    if output == "json":
        return reporting.json_pieces(made)
    if output == "csv":
        return [as_csv(reporting.csv_columns(made))]
    from usance.cli.page import page  # noqa: PLC0415 - what it needs may be missing

    return [page(made)]


def _write(pieces: Iterable[bytes], out: Path | None) -> None:
    if out is None:
        sys.stdout.flush()
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.flush()
        return
    try:
        with out.open("wb") as file:
            for piece in pieces:
                file.write(piece)
    except OSError as error:
        raise ConfigurationError(
            f"--out: {out} can't be written: {error.strerror}", hint="name a file in a directory of yours"
        ) from error
