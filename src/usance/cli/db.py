"""`usance db`: the ledger's database."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click

from usance.cli.configuration import configuration_options, configure
from usance.cli.examples import examples
from usance.config.load import Need
from usance.extraction.lock import run_lock
from usance.ledger.copying import Counted
from usance.ledger.copying import copy as copy_ledger
from usance.ledger.distributing import distribute as distribute_ledger
from usance.ledger.engine import Store
from usance.ledger.ledger import Ledger
from usance.ledger.migrating import upgrade as upgrade_schema
from usance.ledger.schema import SCHEMA_VERSION
from usance.model.errors import LedgerError

_TO = "sqlite:////srv/usance/copy.sqlite"


@click.group(
    epilog=examples(
        "usance db upgrade", f"usance db copy --to {_TO}", "usance db rollup", "usance db distribute"
    )
)
def db() -> None:
    """Look after the ledger's database."""


@db.command(epilog=examples("usance db upgrade", "usance db upgrade --config-file /etc/usance/usance.conf"))
@configuration_options
def upgrade(*, config_file: Sequence[Path], config_dir: Sequence[Path], debug: bool) -> None:
    """Make the ledger's tables, or bring them up to date; all of it or nothing.

    A ledger in SQLite is brought up to date by every run; one in PostgreSQL by this command only,
    since other programs may be using it.
    """
    configuration = configure(config_file, config_dir, debug=debug, need=Need.NOTHING)
    with closing(Store(configuration.settings.ledger_url, create=True)) as store:
        upgrade_schema(store)
        print(f"the ledger {store.place} has schema {SCHEMA_VERSION}")


@db.command(epilog=examples("usance db rollup"))
@configuration_options
def rollup(*, config_file: Sequence[Path], config_dir: Sequence[Path], debug: bool) -> None:
    """Sum up the usage of days that are over, and of those that a late event has changed.

    Reports and the API read these sums in place of the spans, which say the same. `usance serve` does
    it by itself, a report for what it is asked; this does it at once, beside whoever writes.
    """
    configuration = configure(config_file, config_dir, debug=debug, need=Need.NOTHING)
    with Ledger.open(configuration.settings.ledger_url, create=False) as ledger:
        done = ledger.rollups.roll(datetime.now(UTC))
        print(f"{done.projects} projects, {done.days} days of a kind of resource")


@db.command(epilog=examples("usance db distribute", "usance db distribute --debug"))
@configuration_options
def distribute(*, config_file: Sequence[Path], config_dir: Sequence[Path], debug: bool) -> None:
    """Distribute a ledger in PostgreSQL over the workers of a Citus cluster, by project.

    The extension and the workers have to be there. All tables are distributed, or none; who uses the
    ledger meanwhile waits, and goes on afterwards. What is distributed already stays as it is.
    """
    configuration = configure(config_file, config_dir, debug=debug, need=Need.NOTHING)
    with closing(Store(configuration.settings.ledger_url, create=False)) as store:
        done = distribute_ledger(store)
        print(
            f"the ledger {store.place}: {len(done.distributed)} tables distributed by project over"
            f" {done.workers} workers, {len(done.reference)} put on each, {len(done.already)} were before"
        )


@db.command(
    epilog=examples(
        "usance db copy --to postgresql://usance@db.example.org/usance", f"usance db copy --to {_TO}"
    )
)
@configuration_options
@click.option(
    "--to",
    "target_url",
    metavar="URL",
    required=True,
    help="An empty database. A password is better left to PGPASSWORD or ~/.pgpass: others see command lines.",
)
def copy(*, config_file: Sequence[Path], config_dir: Sequence[Path], debug: bool, target_url: str) -> None:
    """Copy the ledger into another database, of the same engine or of the other; all of it or nothing.

    It is read as of one moment, and each table is compared with what was read before anything is kept.
    No `usance extract` runs meanwhile; collectors and the API must be stopped first, for what they
    write after the beginning is not in the copy (exit status 1 if that happened). Afterwards name the
    new URL as [usance] ledger_url, and start them again. The ledger that was read stays as it is.
    """
    settings = configure(config_file, config_dir, debug=debug, need=Need.NOTHING).settings
    with (
        run_lock(settings.lock_dir, timeout_s=settings.lock_timeout_s),
        closing(Store(settings.ledger_url, create=False)) as source,
        closing(Store(target_url, create=True)) as target,
    ):
        done = copy_ledger(source, target, tell=_tell)
        rows = sum(one.rows for one in done.tables)
        print(f"the ledger {source.place} is copied to {target.place}: {rows} rows")
        if done.written_meanwhile:
            raise LedgerError(
                f"The ledger {source.place} was written to while it was copied",
                hint="stop collectors and the API, and copy again to an empty database",
            )


def _tell(one: Counted) -> None:
    print(f"{one.table:<20} {one.rows:>12} rows  {one.checksum}", flush=True)
