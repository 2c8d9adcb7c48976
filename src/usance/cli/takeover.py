"""`usance import`: taking over what other programs kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import click

from usance.api.almanach.dump import files_of
from usance.api.almanach.takeover import Account, take_over
from usance.cli.columns import Columns
from usance.cli.configuration import configuration_options, configure, output_option, say_warnings
from usance.cli.examples import examples
from usance.cli.present import show
from usance.config.load import Need
from usance.ledger.ledger import Ledger


@click.group(
    "import",
    short_help="Take over what another program kept.",
    epilog=examples("usance import almanach entity.json volume_type.json --dry-run"),
)
def import_() -> None:
    """Take over what another program kept of the usage."""


@import_.command(
    short_help="Take over Almanach's database.",
    epilog=examples(
        "usance import almanach dump --dry-run",
        "usance import almanach dump",
    ),
)
@configuration_options
@output_option
@click.argument("dump", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--cloud-id", metavar="ID", help="Cloud that all of it is of. Default: that of the configuration."
)
@click.option("--dry-run", is_flag=True, help="Read everything and tell what would be done; write nothing.")
def almanach(
    *,
    config_file: Sequence[Path],
    config_dir: Sequence[Path],
    debug: bool,
    output: str,
    dump: Sequence[Path],
    cloud_id: str | None,
    dry_run: bool,
) -> int:
    """Take over what Almanach (3.x or 4.x) kept in MongoDB, from files that mongoexport wrote.

    DUMP are files, with one document a line or written with --jsonArray, or directories of such files.
    The collections are told apart by what is in the documents. It can be done again, with the same dump or
    a later one. Exit status 1 if nothing could be made of some document; the others are taken over.
    """
    configuration = configure(config_file, config_dir, debug=debug, need=Need.NOTHING)
    say_warnings(configuration)
    settings = configuration.clouds[0]
    cloud = cloud_id or settings.cloud.cloud_id
    files = files_of(list(dump))
    if dry_run:
        account = take_over(files, None, cloud)
    else:
        tolerance = timedelta(seconds=settings.cloud.tolerance_s)
        with Ledger.open(settings.ledger_url, tolerance=tolerance) as ledger:
            account = take_over(files, ledger, cloud)
    show(output, account, _tables(account, dry_run=dry_run))
    return 1 if account.refused else 0


def _tables(account: Account, *, dry_run: bool) -> list[Columns]:
    counts: list[tuple[str, int]] = [
        ("documents", account.documents),
        ("spans", account.spans),
        ("instances", account.instances),
        ("volumes", account.volumes),
        ("types of volumes", account.volume_types),
        ("observations", account.observations),
        ("documents of which nothing could be made", account.refused),
    ]
    if not dry_run:
        counts.append(("observations that are new in the ledger", account.new))
    return [
        Columns("Almanach, not written" if dry_run else "Almanach", ("what", "number"), tuple(counts)),
        Columns(
            "Spans that can't have been so",
            ("what", "number", "how it is understood"),
            tuple((one.what, one.number, one.meaning) for one in account.odd),
        ),
        Columns(
            "Some of them",
            ("what", "kind", "id", "project", "span from"),
            tuple(
                (one.what, one.kind, one.entity_id, one.project_id, one.start.isoformat())
                for one in account.examples
            ),
        ),
        Columns(
            "Documents of which nothing could be made",
            ("file", "document", "reason"),
            tuple((one.file, one.number, one.reason) for one in account.refusals),
        ),
    ]
