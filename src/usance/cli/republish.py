"""`usance republish`: send the records of a month again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from usance.cli.configuration import (
    cloud_option,
    configuration_options,
    configure,
    output_option,
    say_warnings,
)
from usance.cli.examples import examples
from usance.cli.extract import show_report
from usance.config.instants import read_instant
from usance.config.load import Need
from usance.config.messenger_options import RECORD_TYPES
from usance.model.errors import ConfigurationError
from usance.model.period import Period, month_of


@click.command(
    short_help="Send the records of a month again.",
    epilog=examples(
        "usance republish --month 2026-10",
        "usance republish --month 2026-10 --project demo --dry-run",
        "usance republish --month 2026-10 --as-of 2026-11-05",
        "usance republish --month 2026-10 --cloud north",
        "usance republish --restate --project demo",
    ),
)
@configuration_options
@cloud_option
@output_option
@click.option(
    "--month", "months", metavar="YYYY-MM", multiple=True, help="Which month. Several times for several."
)
@click.option(
    "--project", "projects", multiple=True, help="Only this one: an id or a name. May be given several times."
)
@click.option("--messenger", "messengers", multiple=True, help="Only to this one, by name.")
@click.option(
    "--record-type",
    "record_types",
    multiple=True,
    type=click.Choice(RECORD_TYPES),
    help="Only these records.",
)
@click.option(
    "--as-of",
    metavar="TIME",
    help="As it was said on that day, byte by byte; the rest is made of what was known then.",
)
@click.option(
    "--restate",
    is_flag=True,
    help="Count what a former program had reported anew, too, and forget its figures for good.",
)
@click.option("--dry-run", is_flag=True, help="Print the records that would go out; deliver nothing.")
def republish(
    *,
    config_file: Sequence[Path],
    config_dir: Sequence[Path],
    debug: bool,
    clouds: Sequence[str],
    output: str,
    months: Sequence[str],
    projects: Sequence[str],
    messengers: Sequence[str],
    record_types: Sequence[str],
    as_of: str | None,
    restate: bool,
    dry_run: bool,
) -> int:
    """Send the records of a month again: what was sent, or should have been, as it is known now.

    Only the ledger is read, the cloud is not asked; what the next extraction does is not changed by
    it. With --restate and no --month, all months are sent that the ledger knows anything of.
    """
    # The credentials, too: they name the region, under which the ledger knows the cloud.
    configuration = configure(config_file, config_dir, debug=debug, need=Need.ALL, only=clouds)
    say_warnings(configuration)
    if not months and not restate:
        raise click.UsageError("give a --month (for instance 2026-10), or --restate")
    from usance.extraction.republishing import RepublishRequest  # noqa: PLC0415 - help does without it
    from usance.extraction.republishing import republish as publish_again  # noqa: PLC0415 - as above

    request = RepublishRequest(
        months=tuple(_month(one) for one in months),
        projects=tuple(projects),
        messengers=tuple(messengers),
        record_types=frozenset(record_types) or None,
        as_of=None if as_of is None else _instant(as_of),
        restate=restate,
        dry_run=dry_run,
    )
    report = publish_again(configuration.clouds, request)
    show_report(report, output, dry_run=dry_run)
    return report.exit_status


def _month(text: str) -> Period:
    try:
        found = month_of(datetime.strptime(text.strip(), "%Y-%m").replace(tzinfo=UTC))
    except ValueError:
        raise click.BadParameter(f"{text!r} is no month such as 2026-10", param_hint="--month") from None
    if found.start > datetime.now(UTC):
        raise click.BadParameter(f"{text} has not begun yet", param_hint="--month")
    return found


def _instant(text: str) -> datetime:
    found = read_instant(text, "--as-of")
    if found > datetime.now(UTC):
        raise ConfigurationError(f"--as-of is in the future: {found.isoformat()}", hint="name a day that was")
    return found
