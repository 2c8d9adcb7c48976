"""`usance status`: how far each source has looked, what is still to be delivered, what is held back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import click
import msgspec

from usance.cli.columns import Columns
from usance.cli.configuration import cloud_option, configuration_options, configure, output_option
from usance.cli.examples import examples
from usance.cli.present import show
from usance.config.load import Need
from usance.ledger.engine import Store
from usance.ledger.migrating import MIGRATIONS, refuse_newer, stored_version
from usance.ledger.naming import names
from usance.ledger.schema import SCHEMA_VERSION
from usance.ledger.status import status as read_status
from usance.ledger.values import MessengerStatus, QuarantinedRecord, SourceStatus, Status
from usance.model.errors import LedgerError

_PROJECT = "project"  # the kind under which the ledger keeps the names of projects


@click.command(
    short_help="Show what was observed, waits, or failed.",
    epilog=examples("usance status", "usance status --output json"),
)
@configuration_options
@cloud_option
@output_option
def status(
    *,
    config_file: Sequence[Path],
    config_dir: Sequence[Path],
    debug: bool,
    clouds: Sequence[str],
    output: str,
) -> int:
    """Show how far each project was observed, what is to be delivered, and what is held back.

    Reads the ledger only. Messages are those of all clouds. Exit status 1 if a project could not be
    observed, if messages wait or were refused, or if records are held back.
    """
    configuration = configure(config_file, config_dir, debug=debug, need=Need.NOTHING, only=clouds)
    found, project_names = _read(configuration.settings.ledger_url)
    if clouds:
        found = _only(found, {one.cloud.cloud_id for one in configuration.clouds})
    show(output, found, _tables(found, project_names))
    return 1 if needs_attention(found) else 0


def _only(found: Status, cloud_ids: set[str]) -> Status:
    """Return what there is to say of some clouds."""
    return msgspec.structs.replace(
        found,
        sources=tuple(one for one in found.sources if one.cloud_id in cloud_ids),
        quarantined=tuple(one for one in found.quarantined if one.cloud_id in cloud_ids),
    )


def needs_attention(found: Status) -> bool:
    """Say whether something is not as it should be."""
    return bool(
        found.quarantined
        or any(one.error for one in found.sources)
        or any(one.pending or one.dead for one in found.messengers)
    )


def _read(url: str) -> tuple[Status, dict[str, str]]:
    with closing(Store(url, create=False)) as store, store.read() as connection:
        version = stored_version(connection)
        if version is None:
            raise LedgerError(f"the ledger {store.place} is empty", hint="usance extract makes its tables")
        if version != SCHEMA_VERSION:
            refuse_newer(version, migrations=MIGRATIONS, place=store.place)
            raise LedgerError(
                f"the ledger {store.place} was made by an older usance (schema {version},"
                f" needed {SCHEMA_VERSION})",
                hint="usance db upgrade",
            )
        found = read_status(connection)
        ids = {one.project_id for one in found.sources} | {one.project_id for one in found.quarantined}
        return found, names(connection, _PROJECT, sorted(ids))


def _tables(found: Status, project_names: dict[str, str]) -> list[Columns]:
    return [
        Columns(
            "Observed",
            ("project", "name", "cloud", "source", "up to (UTC)", "last good run", "failing since", "error"),
            tuple(_source_row(one, project_names) for one in found.sources),
        ),
        Columns(
            "Messages",
            ("messenger", "pending", "delivered", "superseded", "refused", "oldest pending", "reason"),
            tuple(_messenger_row(one) for one in found.messengers),
        ),
        Columns(
            "Records held back",
            ("project", "name", "cloud", "messenger", "record", "since", "reason"),
            tuple(_quarantine_row(one, project_names) for one in found.quarantined),
        ),
    ]


def _source_row(one: SourceStatus, project_names: dict[str, str]) -> tuple[str | int | None, ...]:
    return (
        one.project_id or "all",  # what concerns a cloud as a whole
        project_names.get(one.project_id),
        one.cloud_id,
        one.source,
        _time(one.watermark),  # not every source keeps one
        _time(one.succeeded_at) or "never",
        _time(one.failing_since),
        one.error,
    )


def _messenger_row(one: MessengerStatus) -> tuple[str | int | None, ...]:
    return (
        one.messenger,
        one.pending,
        one.delivered,
        one.superseded,
        one.dead,
        _time(one.oldest_pending),
        one.last_reason,
    )


def _quarantine_row(one: QuarantinedRecord, project_names: dict[str, str]) -> tuple[str | int | None, ...]:
    return (
        one.project_id,
        project_names.get(one.project_id),
        one.cloud_id,
        one.messenger,
        one.quarantine.record.key,
        _time(one.since),
        one.quarantine.reason,
    )


def _time(instant: datetime | None) -> str | None:
    return None if instant is None else f"{instant:%Y-%m-%d %H:%M:%S}"
