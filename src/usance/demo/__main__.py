"""`python -m usance.demo`: a simulated cloud in the foreground, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import msgspec

from usance.demo.clock import Clock
from usance.demo.cloud import CloudOptions, DemoCloud
from usance.demo.faults import Fault, FaultKind
from usance.demo.history import SeededHistory
from usance.demo.setup import write_caso_conf
from usance.demo.storage_script import random_storage


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text} is not a time as in ISO 8601") from error
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


@click.command(help="Serve a simulated OpenStack cloud on loopback, until SIGTERM or Ctrl-C.")
@click.option("--servers", default=30, show_default=True, help="How many servers there ever are.")
@click.option("--projects", default=3, show_default=True, help="In how many projects.")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same cloud.")
@click.option(
    "--volumes", default=0, help="How many volumes, snapshots and backups there ever are, of random lives."
)
@click.option("--port", default=0, help="0, the default: any that is free.")
@click.option("--latency-ms", default=0.0, help="Added to every answer.")
@click.option("--page-cap", default=1000, show_default=True, help="Nova's osapi_max_limit.")
@click.option("--clock", default=None, metavar="ISO", help="The cloud's time; it stands. Default: real time.")
@click.option(
    "--begin", default=None, metavar="ISO", help="Start of the history. Default: 90 days before its end."
)
@click.option("--end", default=None, metavar="ISO", help="End of the history. Default: the cloud's time.")
@click.option(
    "--actions", default=12, show_default=True, help="About how many actions a server sees at most."
)
@click.option("--deleted", default=0.4, show_default=True, help="The share of servers that are deleted.")
@click.option(
    "--late", default=0, help="Stop so many servers of each project in the last hour, and do nothing else."
)
@click.option("--microversion", default="2.96", show_default=True, help="Nova's newest.")
@click.option("--hostile", is_flag=True, help="Names, rows and properties that are meant to break things.")
@click.option("--port-file", default=None, type=click.Path(path_type=Path), help="Write the port there.")
@click.option(
    "--write-conf",
    default=None,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write a caso.conf for this cloud there.",
)
def main(
    *,
    servers: int,
    projects: int,
    seed: int,
    volumes: int,
    port: int,
    latency_ms: float,
    page_cap: int,
    clock: str | None,
    begin: str | None,
    end: str | None,
    actions: int,
    deleted: float,
    late: int,
    microversion: str,
    hostile: bool,
    port_file: Path | None,
    write_conf: Path | None,
) -> None:
    """Make the cloud, say where it is, and serve it."""
    try:
        from usance.demo.server import listen, make_server  # noqa: PLC0415 - its libraries are an extra
    except ModuleNotFoundError as missing:
        raise click.ClickException(f"{missing.name} is not installed (pip install 'usance[demo]')") from None
    ticking = Clock(_instant(clock))
    last = _instant(end) or ticking.now()
    first = _instant(begin) or last - timedelta(days=90)
    history = SeededHistory(
        seed,
        projects=projects,
        servers=servers,
        begin=first,
        end=last,
        actions=actions,
        deleted=deleted,
        hostile=hostile,
        late=late,
    )
    stored = random_storage(history.site, seed, volumes, begin=first, end=last)
    history.site = msgspec.structs.replace(history.site, volumes=(*history.site.volumes, *stored))
    major, _, minor = microversion.partition(".")
    options = CloudOptions(page_cap=page_cap, max_microversion=(int(major), int(minor)))
    cloud = DemoCloud(history, clock=ticking, options=options)
    if latency_ms:
        cloud.faults.add(Fault(FaultKind.LATENCY, delay_ms=latency_ms))
    with listen(port) as listening:
        number = listening.getsockname()[1]
        url = f"http://127.0.0.1:{number}"
        if write_conf is not None:
            # Each project has a floating IP that leads to no server.
            write_caso_conf(url, write_conf, default_user=history.site.users[0].id)
        if port_file is not None:
            # Whoever waits for the file must never read half of it.
            being_written = port_file.with_name(f"{port_file.name}.new")
            being_written.write_text(f"{number}\n", encoding="ascii")
            being_written.replace(port_file)
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        make_server(cloud).run([listening])


if __name__ == "__main__":
    main()
