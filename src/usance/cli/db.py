"""`usance db`: the ledger's database."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click

from usance.cli.configuration import configuration_options, configure, examples
from usance.config.load import Need
from usance.ledger.engine import Store
from usance.ledger.migrating import upgrade as upgrade_schema
from usance.ledger.schema import SCHEMA_VERSION


@click.group(epilog=examples("usance db upgrade"))
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
