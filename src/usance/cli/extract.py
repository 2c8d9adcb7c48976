"""`usance extract`: observe the cloud, and put the records where their receivers take them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from usance.cli.columns import Columns
from usance.cli.configuration import (
    cloud_option,
    configuration_options,
    configure,
    output_option,
    say_warnings,
)
from usance.cli.examples import examples
from usance.cli.present import as_csv, as_json, print_tables
from usance.cli.progress import progress_on_terminal
from usance.cli.projects import only_projects
from usance.cli.rehearsed import print_records
from usance.config.load import Need
from usance.extraction.garbage import collected_rarely
from usance.extraction.report import RunReport


@click.command(
    short_help="Observe the cloud, and deliver records.",
    epilog=examples(
        "usance extract",
        "usance extract --dry-run --project demo",
        "usance extract --from 2026-10-01 --to 2026-11-01T00:00+01:00",
        "usance extract --from None --output json",
    ),
)
@configuration_options
@cloud_option
@output_option
@click.option("--from", "begin", metavar="TIME", help="Start of the period; None: the beginning of time.")
@click.option("--to", "end", metavar="TIME", help="End of the period. Default: now.")
@click.option(
    "--project",
    "projects",
    multiple=True,
    help="Only this one: an id, a name, or domain/name. May be given several times.",
)
@click.option("--dry-run", is_flag=True, help="Print the records that would go out; deliver nothing.")
@click.option("--usage", is_flag=True, help="Sum up what each project used this month, too.")
@click.option("--verify", is_flag=True, help="Compare with what Nova's own usage API says.")
def extract(
    *,
    config_file: Sequence[Path],
    config_dir: Sequence[Path],
    debug: bool,
    clouds: Sequence[str],
    output: str,
    begin: str | None,
    end: str | None,
    projects: Sequence[str],
    dry_run: bool,
    usage: bool,
    verify: bool,
) -> int:
    """Observe the clouds since the last run, and deliver the accounting records.

    Times are UTC unless they name an offset. Without --from everything since the last run is
    accounted, and what is still running is reported anew. Exit status 1 if a project could not be
    observed, a cloud can't be entered, a record is held back, or a message was not delivered.
    """
    overrides = only_projects(projects) | {
        name: value
        for name, value in (("extract_from", begin), ("extract_to", end), ("dry_run", dry_run or None))
        if value is not None
    }
    configuration = configure(
        config_file, config_dir, debug=debug, need=Need.ALL, overrides=overrides, only=clouds
    )
    say_warnings(configuration)
    request = msgspec.structs.replace(configuration.request, verify=verify)
    with collected_rarely(), progress_on_terminal() as progress:
        from usance.extraction.run import extract as extract_usage  # noqa: PLC0415 - help and mistakes do without it

        report: RunReport = extract_usage(configuration.clouds, request, progress=progress, with_usage=usage)
    show_report(report, output, dry_run=request.dry_run)
    return report.exit_status


def show_report(report: RunReport, output: str, *, dry_run: bool) -> None:
    """Print what a run did; of a dry run, the records that would go out."""
    if output == "json":
        print(as_json(report))
    elif output == "csv":
        print(as_csv(_dry_columns(report) if dry_run else _projects(report)), end="")
    else:
        if dry_run:
            print_records(report)
        print_tables(
            (_clouds(report), _projects(report), _usage(report), _messengers(report), *_sentences(report))
        )


def _projects(report: RunReport) -> Columns:
    columns = Columns(
        "Projects",
        ("id", "name", "VO", "observations", "changed", "error"),
        tuple(
            (one.project_id, one.name, one.vo, one.observations, one.changed, one.error)
            for one in report.projects
        ),
    )
    return of_clouds(columns, report, [one.cloud_id for one in report.projects])


def of_clouds(columns: Columns, report: RunReport, clouds: Sequence[str]) -> Columns:
    """Put the cloud of each row before it, where a run was over several."""
    if len(report.clouds) < 2:
        return columns
    rows = tuple((cloud, *row) for cloud, row in zip(clouds, columns.rows, strict=True))
    return Columns(columns.title, ("cloud", *columns.headings), rows)


def _clouds(report: RunReport) -> Columns:
    shown = report.clouds if len(report.clouds) > 1 else ()
    return Columns(
        "Clouds",
        ("cloud", "up to (UTC)", "requests", "error"),
        tuple(
            (one.cloud_id, f"{one.until:%Y-%m-%d %H:%M:%S}" if one.until else None, one.requests, one.error)
            for one in shown
        ),
    )


def _usage(report: RunReport) -> Columns:
    columns = Columns(
        "Usage",
        ("name", "VO", "from (UTC)", "to (UTC)", "servers", "wall s", "suspended s", "vCPU s", "inferred s"),
        tuple(
            (
                one.name,
                one.vo,
                f"{one.period.start:%Y-%m-%d %H:%M:%S}",
                f"{one.period.end:%Y-%m-%d %H:%M:%S}",
                one.servers,
                one.usage.wall_s,
                one.usage.suspended_s,
                one.usage.vcpu_s,
                one.usage.inferred_s,
            )
            for one in report.usage
        ),
    )
    return of_clouds(columns, report, [one.cloud_id for one in report.usage])


def _messengers(report: RunReport) -> Columns:
    return Columns(
        "Messengers",
        ("messenger", "records", "messages", "held back", "delivered", "pending", "error"),
        tuple(
            (one.name, one.records, one.messages, one.quarantined, one.delivered, one.pending, one.error)
            for one in report.messengers
        ),
    )


def _dry_columns(report: RunReport) -> Columns:
    columns = Columns(
        "Records",
        ("messenger", "project", "record", "problem"),
        tuple((one.messenger, one.project_id, one.key, one.problem) for one in report.dry_records),
    )
    return of_clouds(columns, report, [one.cloud_id for one in report.dry_records])


def _sentences(report: RunReport) -> tuple[Columns, ...]:
    kinds = (
        ("Not accounted", report.refused),
        ("Not known", report.troubles),
        ("Differences from Nova's usage API", report.differences),
        ("Warnings", report.warnings),
    )
    return tuple(Columns(title, ("",), tuple((one,) for one in lines)) for title, lines in kinds)
