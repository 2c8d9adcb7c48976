"""Collecting: from a queue of a real RabbitMQ to the committed ledger, by one `usance collect`.

The messages are those of `bench.heard` as Nova sends them, and all of them lie in a durable queue before
anybody listens. Measured is from the first that is acknowledged to the last; a message is acknowledged
when the transaction that it is in is committed. The limit takes and acknowledges the same messages from
the same broker, with as many ahead and at once, and does nothing with them. The peer is Almanach,
over a store in memory.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pika

from bench import almanach_peer
from bench.child import RunFailedError, measure
from bench.consume import Consumed
from bench.figures import Aim, Figure
from bench.heard import stream
from bench.ledger import POSTGRES, fresh, same, sqlite_urls
from bench.notified import messages
from bench.place import REPOSITORY, directory
from usance.config.settings import CollectorSettings

sys.path.insert(0, str(REPOSITORY / "tests"))

from bus import Bus, Collecting, until
from certificates import Place
from service.rabbitmq import HOW_TO_GET_IT, RabbitMq, is_installed, running_rabbitmq

RATE_AIM = 10_000  # events in a second
BARE_AIM = 2  # times as fast as we are
GROWTH_AIM = 1.25  # of the peak memory, from a quarter of the messages to all of them
PROJECTS = 100
BATCH = CollectorSettings().batch_size  # messages acknowledged at once
TOPIC = "bench"

_LIMIT_S = 300
_PEER_GETS = 4  # one in so many of the messages
_PAUSE_S = 0.1
_ENVIRON = {"PATH": "/usr/bin:/bin"}


class Collected(msgspec.Struct, frozen=True):
    """What a collector took for the messages of a queue."""

    rate: float  # events a second
    cpu_us: float  # each event
    peak_mib: float
    growth: float  # of the peak memory, from a quarter of the messages to all of them


class _Moment(msgspec.Struct, frozen=True):
    acknowledged: float
    at_s: float
    cpu_s: float
    peak_mib: float


def run(*, quick: bool = False) -> list[Figure]:
    """Measure SQLite with Almanach beside it, and PostgreSQL where the variable names a database."""
    if not is_installed():
        print(HOW_TO_GET_IT, file=sys.stderr)
        return []
    bodies = messages(stream((5 if quick else 10) * BATCH, PROJECTS))  # the first batch is not measured
    times = 1 if quick else 3
    work = directory() / "collect"
    shutil.rmtree(work, ignore_errors=True)
    peer = almanach_peer.environment()
    with _broker(work) as broker:
        figures = _measured("SQLite", sqlite_urls(work / "ledgers"), broker, bodies, times, peer=peer)
        url = os.environ.get(POSTGRES)
        if url:
            figures += _measured("PostgreSQL", same(url), broker, bodies, times)
    shutil.rmtree(work)
    return figures


def _measured(
    engine: str,
    urls: Iterator[str],
    broker: RabbitMq,
    bodies: Sequence[bytes],
    times: int,
    *,
    peer: Path | None = None,
) -> list[Figure]:
    work = directory() / "collect"
    some = bodies[: len(bodies) // _PEER_GETS]
    mine: list[Collected] = []
    bare: list[float] = []
    theirs: list[tuple[float, float]] = []
    for number in range(times):
        mine.append(_collected(broker, bodies, next(urls), work / f"{engine}-{number}"))
        bare.append(_consumed(broker, bodies, work / "bare.log"))
        if peer is not None:
            theirs.append(_almanach(peer, broker, some, work / "almanach"))
    return [
        *_figures(f"{engine}, {len(bodies):,} events of {PROJECTS} projects", mine, bare),
        *(
            _beside(f"Almanach {almanach_peer.VERSION}, {len(some):,} of them", mine, theirs)
            if theirs
            else ()
        ),
    ]


def _figures(case: str, mine: Sequence[Collected], bare: Sequence[float]) -> list[Figure]:
    rates = tuple(one.rate for one in mine)
    ratios = tuple(least / rate for least, rate in zip(bare, rates, strict=True))
    growth = tuple(one.growth for one in mine)
    return [
        Figure("collect", case, "events, broker to ledger", rates, "1/s", Aim.AT_LEAST, RATE_AIM),
        Figure("collect", case, "bare consumption", tuple(bare), "1/s"),
        Figure("collect", case, "bare rate / rate", ratios, aim=Aim.AT_MOST, limit=BARE_AIM),
        Figure("collect", case, "processor, each event", tuple(one.cpu_us for one in mine), "µs"),
        Figure("collect", case, "peak memory", tuple(one.peak_mib for one in mine), "MiB"),
        Figure("collect", case, "peak memory / after a quarter", growth, aim=Aim.AT_MOST, limit=GROWTH_AIM),
    ]


def _beside(case: str, mine: Sequence[Collected], theirs: Sequence[tuple[float, float]]) -> list[Figure]:
    rates, peaks = zip(*theirs, strict=True)
    ratios = tuple(one.rate / rate for one, rate in zip(mine, rates, strict=True))
    return [
        Figure("collect", case, "messages taken", rates, "1/s"),
        Figure("collect", case, "peak memory", peaks, "MiB"),
        Figure("collect", case, "rate of Usance / rate of Almanach", ratios),
    ]


# --- one run of each ---------------------------------------------------------------------------


def _collected(broker: RabbitMq, bodies: Sequence[bytes], url: str, work: Path) -> Collected:
    with fresh(url):
        pass
    with (
        _filled(broker, TOPIC, bodies),
        _collecting(work, _configuration(url, broker)) as collecting,
    ):
        seen = _watched(collecting, len(bodies))
        for name in ("messages_parked_total", "events_ignored_total"):
            assert not collecting.metric(f"usance_collector_{name}"), name
        assert collecting.stop() == 0, collecting.said()
    first, last = seen[0], seen[-1]
    early = next(one for one in seen if one.acknowledged >= len(bodies) / 4)
    events = last.acknowledged - first.acknowledged
    return Collected(
        rate=events / (last.at_s - first.at_s),
        cpu_us=1e6 * (last.cpu_s - first.cpu_s) / events,
        peak_mib=last.peak_mib,
        growth=last.peak_mib / early.peak_mib,
    )


def _watched(collecting: Collecting, messages: int) -> list[_Moment]:
    """Return how it got on, from the first messages that were acknowledged to the last."""
    until_s = time.monotonic() + _LIMIT_S
    seen: list[_Moment] = []
    while not seen or seen[-1].acknowledged < messages:
        if collecting.process.poll() is not None or time.monotonic() > until_s:
            raise RunFailedError(f"usance collect did not take all\n{collecting.said()[-2000:]}")
        acknowledged = collecting.metric("usance_collector_messages_acknowledged_total")
        if acknowledged:
            process = Path(f"/proc/{collecting.process.pid}")
            seen.append(_Moment(acknowledged, time.perf_counter(), _cpu_s(process), collecting.peak_mib()))
        time.sleep(_PAUSE_S)
    return seen


def _consumed(broker: RabbitMq, bodies: Sequence[bytes], log: Path) -> float:
    with _filled(broker, TOPIC, bodies) as bus:
        took = measure(
            [sys.executable, "-m", "bench.consume", broker.url(scheme="amqp"), bus.queue, len(bodies), BATCH],
            log=log, environ=_ENVIRON, cwd=REPOSITORY, limit_s=_LIMIT_S,
        )  # fmt: skip
    found = msgspec.json.decode(took.output.strip().splitlines()[-1], type=Consumed)
    return found.messages / found.seconds


def _almanach(place: Path, broker: RabbitMq, bodies: Sequence[bytes], work: Path) -> tuple[float, float]:
    with _filled(broker, almanach_peer.TOPIC, bodies):
        found, took = almanach_peer.run(place, broker.url(), work)
    # A copy that comes soon after the first it neither takes nor acknowledges.
    assert found.messages > 0.98 * len(bodies), found
    return found.messages / found.seconds, took.peak_rss_mib


# --- what they run on --------------------------------------------------------------------------


@contextmanager
def _broker(work: Path) -> Iterator[RabbitMq]:
    place = Place(work / "certificates")
    place.issue("localhost")
    with running_rabbitmq(place) as broker:
        yield broker


@contextmanager
def _filled(broker: RabbitMq, topic: str, bodies: Sequence[bytes]) -> Iterator[Bus]:
    """Let messages lie in a new durable queue, as oslo.messaging sends them."""
    bus = Bus(broker, topic)
    bus.declare()
    try:
        with closing(broker.connect()) as connection:
            channel = connection.channel()
            properties = pika.BasicProperties(delivery_mode=2, content_type="application/json")
            for body in bodies:
                channel.basic_publish("", bus.queue, body, properties)
        until(lambda: bus.depth() == len(bodies), what="all messages are in the queue")
        yield bus
    finally:
        bus.delete()


def _configuration(ledger_url: str, broker: RabbitMq) -> str:
    """Leave all as it is by itself, but for the look at the cloud's stock: there is no cloud."""
    lines = ("[usance]", f"ledger_url = {ledger_url}")
    lines += ("[collector]", f"transport_url = {broker.url()}", f"topics = {TOPIC}", "take_stock = false")
    return "\n".join(lines) + "\n"


@contextmanager
def _collecting(work: Path, text: str) -> Iterator[Collecting]:
    collecting = Collecting(work, text)
    try:
        yield collecting
    finally:
        collecting.kill()


def _cpu_s(process: Path) -> float:
    """Return the processor time of a process so far, in user and in system mode (proc(5), stat)."""
    fields = (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
