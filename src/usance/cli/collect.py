"""`usance collect`: listen to the notifications of the cloud's services, and keep what they say."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import click

from usance.cli.configuration import (
    cloud_option,
    configuration_options,
    configure_with_cloud_if_known,
    say_warnings,
)
from usance.cli.examples import examples
from usance.config.collector import check_told_apart
from usance.config.credentials import NOTHING
from usance.config.load import Configuration
from usance.config.settings import Settings
from usance.extraction.garbage import collected_rarely
from usance.ledger.ledger import Ledger
from usance.model.errors import ConfigurationError

LOG = logging.getLogger(__name__)


@click.command(
    short_help="Listen to notifications, and keep what they say.",
    epilog=examples(
        "usance collect",
        "usance collect --config-file /etc/usance/usance.conf",
        "usance collect --cloud waw",
        "usance collect --listen 127.0.0.1:9114",
    ),
)
@configuration_options
@cloud_option
@click.option("--listen", metavar="HOST:PORT", help="Where /health, /ready and /metrics are answered.")
def collect(
    *,
    config_file: Sequence[Path],
    config_dir: Sequence[Path],
    debug: bool,
    clouds: Sequence[str],
    listen: str | None,
) -> int:
    """Listen to the notifications of Nova, Cinder, Neutron, Glance and Keystone, for ever.

    The brokers, topics and queues are those of [collector]. A message is acknowledged when what it
    says is committed to the ledger, and not before; what can't be understood is put aside there (see
    usance events). SIGTERM and SIGINT let it write what it has, and end. On PostgreSQL several
    collectors may listen to one queue. Exit status 1 if the last messages could not be written (they
    stay on the broker), or if the broker refuses the account.
    """
    overrides = {"collector.listen": listen} if listen else {}
    configuration, unknown = configure_with_cloud_if_known(
        config_file, config_dir, debug=debug, overrides=overrides, only=clouds
    )
    say_warnings(configuration)
    if unknown is not None and any(one.collector.take_stock for one in configuration.clouds):
        LOG.warning(
            "of what runs already no stock is taken: %s; [collector] take_stock = false if that is meant",
            unknown,
        )
    logging.getLogger("usance").setLevel(logging.DEBUG if debug else logging.INFO)
    return collect_for(configuration)


def collect_for(configuration: Configuration) -> int:
    """Listen for ever, as a configuration says; return the exit status.

    Raises ConfigurationError if it can't be listened so, LedgerError if the ledger can't be opened.
    """
    check_told_apart(configuration.clouds)
    try:
        from usance.collector.running import collect as listen_for_ever  # noqa: PLC0415 - an extra, see below
    except ImportError as error:
        raise ConfigurationError(
            f"the collector needs {error.name}, which is not installed",
            hint="pip install 'usance[collector]'",
        ) from None
    with (
        Ledger.open(configuration.settings.ledger_url) as ledger,
        _stock(configuration.clouds),
        collected_rarely(),
    ):
        report = listen_for_ever(configuration.clouds, ledger)
    if report.unwritten:
        LOG.error(
            "%d messages could not be written in the end; the broker gives them out again", report.unwritten
        )
    return report.exit_status


def _stock(clouds: Sequence[Settings]) -> AbstractContextManager[object]:
    """Return what takes stock of what the clouds have already, while we listen."""
    known = [one for one in clouds if one.collector.take_stock and one.cloud.auth is not NOTHING]
    if not known:
        return nullcontext()
    from usance.reconcile.stock import StockTaking  # noqa: PLC0415 - who takes none does without it

    return StockTaking(known)
