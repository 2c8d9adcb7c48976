"""`usance db`: the ledger's database."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click

from usance.cli.configuration import configuration_options, configure, examples
from usance.config.load import Need
from usance.ledger.distributing import distribute as distribute_ledger
from usance.ledger.engine import Store
from usance.ledger.ledger import Ledger
from usance.ledger.migrating import upgrade as upgrade_schema
from usance.ledger.schema import SCHEMA_VERSION


@click.group(epilog=examples("usance db upgrade", "usance db rollup", "usance db distribute"))
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
