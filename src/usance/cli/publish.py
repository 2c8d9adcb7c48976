"""`usance publish`: send what is in the queues to the messaging service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from usance.cli.columns import Columns
from usance.cli.configuration import configuration_options, configure, output_option, say_warnings
from usance.cli.examples import examples
from usance.cli.present import show
from usance.config.load import Need
from usance.config.publishing import queue_named
from usance.config.settings import PublishSettings, QueueSettings
from usance.model.errors import ConfigurationError

if TYPE_CHECKING:
    from usance.extraction.outgoing import OutgoingReport


@click.command(
    short_help="Send what is in the queues, signed.",
    epilog=examples(
        "usance publish",
        "usance publish --dry-run",
        "usance publish --queue /var/spool/apel/outgoing/openstack",
        "usance publish --queue /srv/messages=my-topic --path-type directory",
    ),
)
@configuration_options
@output_option
@click.option(
    "--queue",
    "queues",
    multiple=True,
    metavar="PATH[=DESTINATION]",
    help="Only this queue; one that is not configured needs a destination. May be given several times.",
)
@click.option(
    "--path-type",
    type=click.Choice(["dirq", "directory"]),
    help="What the queues named by --queue are. Default: as configured, else dirq.",
)
@click.option("--dry-run", is_flag=True, help="Sign and count what would go; send and change nothing.")
def publish(
    *,
    config_file: Sequence[Path],
    config_dir: Sequence[Path],
    debug: bool,
    output: str,
    queues: Sequence[str],
    path_type: str | None,
    dry_run: bool,
) -> int:
    """Send the messages in the queues to the messaging service, signed, and encrypted if configured.

    The queues are those that the messenger ssm writes, and those of the option queues; what waits
    for the messengers ams and stomp goes, too. A message is removed when the service has
    acknowledged it. What can never go is put aside into <queue>-dead, with the reason. Exit status
    1 if something was put aside or still waits, 75 if another process is sending.
    """
    configuration = configure(config_file, config_dir, debug=debug, need=Need.MESSENGERS)
    say_warnings(configuration)
    settings = configuration.settings
    chosen = [_chosen(word, path_type, settings.publish) for word in queues] if queues else None
    from usance.extraction.outgoing import send_all  # noqa: PLC0415 - help, status and mistakes do without it

    report = send_all(settings, chosen, dry_run=dry_run)
    show(output, report, _tables(report, dry_run=dry_run))
    return report.exit_status


def _chosen(word: str, path_type: str | None, settings: PublishSettings) -> QueueSettings:
    path = Path(word).expanduser().absolute()
    for one in settings.queues:
        if one.path.absolute() == path:
            return QueueSettings(one.path, one.destination, path_type or one.path_type)
    if "=" not in word:
        raise ConfigurationError(
            f"no destination is configured for the queue {word}", hint=f"write --queue {word}=<destination>"
        )
    found = queue_named(word, path_type or "dirq", "--queue")
    try:
        found.path.stat()
    except OSError as error:
        raise ConfigurationError(
            f"there is no queue {found.path}: {error.strerror}", hint="see the spelling"
        ) from error
    return found


def _tables(report: OutgoingReport, *, dry_run: bool) -> list[Columns]:
    return [
        Columns(
            "Queues, as they would be sent" if dry_run else "Queues",
            ("queue", "destination", "sent", "in parts", "put aside", "left", "error"),
            tuple(
                (one.path, one.destination, one.sent, one.parts, one.dead, one.left, one.error)
                for one in report.queues
            ),
        ),
        Columns(
            "Outbox",
            ("messenger", "delivered", "pending", "error"),
            tuple((one.name, one.delivered, one.pending, one.error) for one in report.messengers),
        ),
    ]
