"""`usance events`: the messages that a collector could not understand, and the types that it ignores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

import click
import msgspec
import orjson

from usance.cli.columns import Columns, printable
from usance.cli.configuration import (
    cloud_option,
    configuration_options,
    configure,
    output_option,
    say_warnings,
)
from usance.cli.examples import examples
from usance.cli.present import as_json, show
from usance.config.load import Configuration, Need
from usance.ledger.ledger import Ledger
from usance.ledger.listening import Ignored
from usance.ledger.values import Parked
from usance.model.errors import UsanceError


class ParkedMessage(msgspec.Struct, frozen=True):
    """A parked message, as it is shown."""

    id: str
    at: datetime
    cloud: str
    queue: str
    event_type: str
    reason: str
    size: int
    times: int
    is_whole: bool
    body: str | None = None


@click.group(
    short_help="Show and read again what was not understood.",
    epilog=examples("usance events list", "usance events replay", "usance events list --ignored"),
)
def events() -> None:
    """Look after the messages that the collector could not understand.

    They are kept in the ledger, without secrets: the newest of each cloud, as many as [collector]
    parked_limit says.
    """


@events.command("list", epilog=examples("usance events list", "usance events list --ignored --output csv"))
@configuration_options
@cloud_option
@output_option
@click.option("--type", "event_type", metavar="TYPE", help="Only messages of this type of event.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="So many at most.")
@click.option("--ignored", is_flag=True, help="The types of events of which nothing is made, counted.")
def list_(
    *,
    config_file: Sequence[Path],
    config_dir: Sequence[Path],
    debug: bool,
    clouds: Sequence[str],
    output: str,
    event_type: str | None,
    limit: int,
    ignored: bool,
) -> None:
    """List the messages that were not understood, the newest first, with the reasons."""
    configuration = configure(config_file, config_dir, debug=debug, need=Need.NOTHING, only=clouds)
    say_warnings(configuration)
    only = [one.cloud.cloud_id for one in configuration.clouds] if clouds else [None]
    with _ledger(configuration) as ledger:
        if ignored:
            types = [one for cloud_id in only for one in ledger.listening.ignored(cloud_id)][:limit]
            show(output, types, [_types_table(types)])
            return
        found = [_shown(one) for one in islice(_messages(ledger, only, event_type), limit)]
    show(output, found, [_table(found)])


@events.command("show", epilog=examples("usance events show 3f1c9a0e5d7b42c68a90d1e2f3a4b5c6"))
@configuration_options
@click.option(
    "--output", "-o", type=click.Choice(["table", "json"]), default="table", help="How to print it."
)
@click.argument("message_id", metavar="ID")
def show_(
    *, config_file: Sequence[Path], config_dir: Sequence[Path], debug: bool, output: str, message_id: str
) -> None:
    """Show a message that was not understood, as it came."""
    configuration = configure(config_file, config_dir, debug=debug, need=Need.NOTHING)
    with _ledger(configuration) as ledger:
        found = ledger.parking.get(message_id)
    if found is None:
        raise UsanceError(f"there is no parked message {message_id[:80]}", hint="usance events list")
    message = _shown(found, body=_readable(found.body))
    if output == "json":
        print(as_json(message))
        return
    for name in ("id", "at", "cloud", "queue", "event_type", "size", "times", "reason"):
        print(f"{name.replace('_', ' ')}: {printable(str(getattr(message, name)))}")
    print()
    for line in str(message.body).splitlines():
        print(printable(line))


@events.command(
    epilog=examples(
        "usance events replay", "usance events replay --type volume.resize.end", "usance events replay ID"
    )
)
@configuration_options
@cloud_option
@output_option
@click.option("--type", "event_type", metavar="TYPE", help="Only messages of this type of event.")
@click.argument("ids", metavar="[ID]...", nargs=-1)
def replay(
    *,
    config_file: Sequence[Path],
    config_dir: Sequence[Path],
    debug: bool,
    clouds: Sequence[str],
    output: str,
    event_type: str | None,
    ids: Sequence[str],
) -> int:
    """Read messages again, after an upgrade or a change of the file of events.

    Those that are understood now are written to the ledger, and are not parked any more. Exit status 1
    if some are still not understood.
    """
    configuration = configure(config_file, config_dir, debug=debug, need=Need.NOTHING, only=clouds)
    say_warnings(configuration)
    from usance.collector.replaying import replay as read_again  # noqa: PLC0415 - it loads all readers
    from usance.collector.table import load_events  # noqa: PLC0415 - as above
    from usance.collector.understanding import Understanding  # noqa: PLC0415 - as above

    tables = {
        one.cloud.cloud_id: Understanding(
            one.cloud.cloud_id,
            load_events(one.collector.events_file, one.flavor_keys),
            largest=one.collector.max_message,
            kept=one.collector.parked_bytes,
        )
        for one in configuration.clouds
    }
    with _ledger(configuration) as ledger:
        messages = (
            iter([_known(ledger, one) for one in ids])
            if ids
            else _messages(ledger, list(tables) if clouds else [None], event_type)
        )
        report = read_again(ledger, messages, tables)
    show(
        output,
        report,
        [
            Columns(
                "Still not understood",
                ("id", "type", "reason"),
                tuple((one.id, one.event_type, one.reason) for one in report.still_parked),
            ),
            Columns(
                "Read again",
                ("understood", "new observations", "still parked"),
                ((report.understood, report.observations, len(report.still_parked)),),
            ),
        ],
    )
    return 1 if report.still_parked else 0


@events.command(epilog=examples("usance events drop ID", "usance events drop --type acme.debug --all"))
@configuration_options
@cloud_option
@click.option("--type", "event_type", metavar="TYPE", help="With --all: only messages of this type of event.")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@click.argument("ids", metavar="[ID]...", nargs=-1)
def drop(
    *,
    config_file: Sequence[Path],
    config_dir: Sequence[Path],
    debug: bool,
    clouds: Sequence[str],
    event_type: str | None,
    everything: bool,
    ids: Sequence[str],
) -> None:
    """Throw away messages that were not understood. What they say is not accounted then."""
    configuration = configure(config_file, config_dir, debug=debug, need=Need.NOTHING, only=clouds)
    if everything == bool(ids):
        raise click.UsageError("name the ids of messages, or write --all")
    with _ledger(configuration) as ledger:
        if everything:
            only = [one.cloud.cloud_id for one in configuration.clouds] if clouds else [None]
            ids = [one.id for one in _messages(ledger, only, event_type)]
        print(f"{ledger.parking.drop(ids)} messages were dropped")


def _ledger(configuration: Configuration) -> Ledger:
    return Ledger.open(configuration.settings.ledger_url, create=False)


def _messages(ledger: Ledger, only: Sequence[str | None], event_type: str | None) -> Iterator[Parked]:
    """Yield parked messages, the newest first, page by page: they may be removed meanwhile."""
    for cloud_id in only:
        last: Parked | None = None
        while page := ledger.parking.page(cloud_id=cloud_id, event_type=event_type, after=last):
            yield from page
            last = page[-1]


def _known(ledger: Ledger, message_id: str) -> Parked:
    found = ledger.parking.get(message_id)
    if found is None:
        raise UsanceError(f"there is no parked message {message_id[:80]}", hint="usance events list")
    return found


def _shown(one: Parked, *, body: str | None = None) -> ParkedMessage:
    return ParkedMessage(
        one.id,
        one.at,
        one.cloud_id,
        one.queue,
        one.event_type,
        one.reason,
        one.size,
        one.times,
        len(one.body) == one.size,
        body,
    )


def _readable(body: bytes) -> str:
    """Return a message as text: JSON with its lines indented, and out of its envelope."""
    try:
        message = orjson.loads(body)
        if isinstance(message, dict) and isinstance(message.get("oslo.message"), str):
            message = orjson.loads(message["oslo.message"])
        return orjson.dumps(message, option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "backslashreplace")


def _table(found: Sequence[ParkedMessage]) -> Columns:
    return Columns(
        "Not understood",
        ("id", "last came (UTC)", "times", "cloud", "type", "bytes", "reason"),
        tuple(
            (one.id, _time(one.at), one.times, one.cloud, one.event_type, one.size, one.reason)
            for one in found
        ),
    )


def _types_table(types: Sequence[Ignored]) -> Columns:
    return Columns(
        "Types of events of which nothing is made",
        ("type", "count", "cloud", "since (UTC)", "last came (UTC)"),
        tuple((one.event_type, one.count, one.cloud_id, _time(one.since), _time(one.until)) for one in types),
    )


def _time(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}"
