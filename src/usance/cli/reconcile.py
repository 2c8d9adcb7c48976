"""`usance reconcile`: what push told against what the services tell when they are asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from usance.cli.columns import Cell, Columns
from usance.cli.configuration import (
    cloud_option,
    configuration_options,
    configure,
    configure_with_cloud_if_known,
    output_option,
    say_warnings,
)
from usance.cli.examples import examples
from usance.cli.present import as_csv, as_json, print_tables
from usance.cli.progress import progress_on_terminal
from usance.cli.projects import only_projects
from usance.config.instants import read_beginning, read_instant
from usance.config.load import Need
from usance.model.errors import ConfigurationError

if TYPE_CHECKING:
    from usance.reconcile.comparing import Difference
    from usance.reconcile.report import ReconcileReport

# The kinds of `usance.reconcile.reconciling.KINDS`, which loads what help does without.
KINDS: Final = (
    "server",
    "volume",
    "snapshot",
    "backup",
    "floating_ip",
    "port",
    "router_gateway",
    "image",
)


@click.command(
    short_help="Compare what events told with what the services say.",
    epilog=examples(
        "usance reconcile",
        "usance reconcile --from 2026-11-01 --to 2026-12-01 --repair",
        "usance reconcile --project demo --kind server --output json",
        "usance reconcile --offline",
    ),
)
@configuration_options
@cloud_option
@output_option
@click.option(
    "--from",
    "begin",
    metavar="TIME",
    help="Start of the period; None: the beginning of time. Default: 31 days before its end.",
)
@click.option("--to", "end", metavar="TIME", help="End of the period. Default: now.")
@click.option(
    "--project",
    "projects",
    multiple=True,
    help="Only this one: an id, a name, or domain/name. May be given several times.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(KINDS),
    help="Only this kind of resource. May be given several times.",
)
@click.option("--repair", is_flag=True, help="Write what the ledger lacks into it.")
@click.option("--offline", is_flag=True, help="Ask no service: compare with what the ledger has from them.")
@click.option(
    "--all", "everything", is_flag=True, help="Tell also what the ledger has, and no event ever told."
)
@click.option(
    "--wait",
    "wait_s",
    type=click.IntRange(0, 3600),
    default=30,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait, at most, for a collector that runs to hear of what was just seen.",
)
def reconcile(
    *,
    config_file: Sequence[Path],
    config_dir: Sequence[Path],
    debug: bool,
    clouds: Sequence[str],
    output: str,
    begin: str | None,
    end: str | None,
    projects: Sequence[str],
    kinds: Sequence[str],
    repair: bool,
    offline: bool,
    everything: bool,
    wait_s: int,
) -> int:
    """Compare what the ledger has with what Nova, Cinder and Neutron say, and show what it lacks.

    All that the projects have is looked at anew; nothing is written without --repair. What lies no
    further apart than 2 seconds is the same. With --repair what was seen is written into the ledger,
    so that nothing is lacking any more. Times are UTC unless they name an offset. Exit status 1 if
    something is lacking (and was not repaired), or could not be compared.
    """
    if offline and repair:
        raise ConfigurationError(
            "--offline asks nobody, so there is nothing to repair with", hint="leave one of them out"
        )
    start = read_beginning(begin, "--from") if begin is not None else None
    until = read_instant(end, "--to") if end is not None else None
    chosen = only_projects(projects)
    if offline:
        configuration, _ = configure_with_cloud_if_known(
            config_file, config_dir, debug=debug, overrides=chosen, only=clouds
        )
    else:
        need = Need.CLOUD | Need.SOURCES
        configuration = configure(
            config_file, config_dir, debug=debug, need=need, overrides=chosen, only=clouds
        )
    say_warnings(configuration)
    from usance.reconcile.reconciling import reconcile as compare  # noqa: PLC0415 - help and mistakes do without it
    from usance.reconcile.report import ReconcileRequest  # noqa: PLC0415 - as above

    request = ReconcileRequest(
        start=start,
        end=until,
        kinds=tuple(dict.fromkeys(kinds)),
        repair=repair,
        offline=offline,
        everything=everything,
        wait_s=wait_s,
    )
    with progress_on_terminal() as progress:
        report = compare(configuration.clouds, request, progress=progress)
    columns = Columns("Differences", _HEADINGS, tuple(_row(one) for one in report.differences))
    if output == "json":
        print(as_json(report))
    elif output == "csv":
        print(as_csv(columns), end="")
    else:
        print_tables((columns, *_sentences(report)))
        print(_summary(report))
    return report.exit_status


_HEADINGS: Final = (
    "cloud",
    "project",
    "kind",
    "id",
    "what",
    "from (UTC)",
    "until (UTC)",
    "seconds",
    "ledger",
    "push",
    "pull",
    "audit",
    "note",
)


def _row(one: Difference) -> tuple[Cell, ...]:
    return (
        one.cloud_id,
        one.project_id,
        one.kind,
        one.id,
        one.what,
        _time(one.start),
        None if one.end is None else _time(one.end),
        one.apart_s,
        one.ledger,
        one.push,
        one.pull,
        one.audit,
        _note(one),
    )


def _time(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}"


def _note(one: Difference) -> str | None:
    if one.in_ledger:
        return "in the ledger"
    if one.lacking == "pull":
        return "push counts"
    return None if one.not_before is None else f"some time after {_time(one.not_before)}"


def _sentences(report: ReconcileReport) -> tuple[Columns, ...]:
    errors = [f"{one.cloud_id}: {one.error}" for one in report.clouds if one.error]
    errors += [f"{one.project}, {one.kind}: {one.error}" for one in report.results if one.error]
    kinds = (("Not compared", (*errors, *report.refused)), ("Warnings", report.warnings))
    return tuple(Columns(title, ("",), tuple((one,) for one in lines)) for title, lines in kinds)


def _summary(report: ReconcileReport) -> str:
    """Return one line for each cloud with its period, and one with what came of it all."""
    lines = [
        f"{one.cloud_id}: compared from {_time(one.period.start)} to {_time(one.period.end)} (UTC)"
        for one in report.clouds
        if one.period is not None
    ]
    compared = sum(one.compared for one in report.results)
    found = sum(one.lacking for one in report.results)
    words = [f"{compared} resources compared"]
    if not report.offline:
        words.append(f"{found} differences")
    if report.repaired:
        words.append(f"{found - report.lacking} repaired")
    if report.unheard:
        words.append(f"{report.unheard} that no event told, and the ledger has")
    if report.more:
        words.append(f"{report.more} not shown: name a project or a shorter period")
    return "\n".join([*lines, ", ".join(words)])
