"""An hourly run beside cASO's: 10 projects of 500 servers, 25 of each changed since the last run.

Both programs look at the same simulated cloud once at BEFORE (cASO leaves its lastrun files there,
Usance its ledger). Then the clock moves on an hour, and the second run is measured: its time, what
it asked, its memory, its records. Each repetition starts from copies of the same state and runs one
program right after the other; a ratio is made of the two.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from bench import ours, peer
from bench.child import Took
from bench.cloud import Cloud, running
from bench.figures import Aim, Figure
from bench.place import directory
from bench.recorded import by_kind, read
from bench.steady import AFTER, BEFORE, site
from bench.workplace import copy, forget_messages, prepare, records

PROJECTS, SERVERS, CHANGED = 10, 500, 25
CALLS_AIM = 60
SPEED_AIM = 10
PEER_CALLS = 5392
"""What cASO was counted to need for such a cloud: our own count has to agree."""


class Measured(msgspec.Struct, frozen=True):
    """One program's second run."""

    took: Took
    calls: dict[str, int]
    records: int

    @property
    def total(self) -> int:
        """All requests that it made."""
        return sum(self.calls.values())


class Program(msgspec.Struct, frozen=True):
    """One of the programs that are compared."""

    name: str
    extractors: str | None  # written into its configuration

    def run(self, work: Path, until: datetime, log: Path) -> Took:
        """Let it extract up to an instant."""
        if self.name.startswith("Usance"):
            return ours.run(work, log=log)
        return peer.run(work, until=until, log=log)


OURS = Program("Usance", "nova")
OURS_WHOLE = Program("Usance, all", None)
PEER = Program("cASO", "nova")
PEER_WHOLE = Program("cASO, all", peer.ALL_EXTRACTORS)


def first_run(cloud: Cloud, program: Program) -> Path:
    """Give a program its first look at BEFORE, and return the working directory that it leaves."""
    work = directory() / "work" / f"extract-{program.name.replace(', ', '-')}"
    # Each project has a floating IP that leads to no server.
    somebody = f"[neutron]\ndefault_user = {site(projects=1).users[0].id}\n"
    prepare(work, cloud.account, extractors=program.extractors, extra=somebody)
    cloud.set_clock(BEFORE)
    program.run(work, BEFORE, work / "first.log")
    forget_messages(work)
    return work


def second_run(cloud: Cloud, program: Program, state: Path) -> Measured:
    """Measure a program's run at AFTER, from a copy of the state that its first run left."""
    work = state.with_name(state.name + "-again")
    copy(state, work)
    cloud.set_clock(AFTER)
    cloud.forget_requests()
    took = program.run(work, AFTER, work / "second.log")
    asked = cloud.write_requests(work / "requests.jsonl")
    return Measured(took, by_kind(read(asked)), records(work))


def run(*, quick: bool = False) -> list[Figure]:
    """Measure at no latency and at 10 ms for each answer."""
    figures: list[Figure] = []
    with running(projects=PROJECTS, servers=SERVERS, changed=CHANGED) as cloud:
        programs = [OURS, PEER] if quick else [OURS, PEER, OURS_WHOLE, PEER_WHOLE]
        states = {program: first_run(cloud, program) for program in programs}
        # Both meet a server that has its rows at hand; the first to ask would pay for making them.
        second_run(cloud, OURS, states[OURS])
        for latency_ms in (0, 10):
            cloud.set_latency(latency_ms)
            rounds = [
                {program: second_run(cloud, program, states[program]) for program in programs}
                for _ in range(1 if quick else 3)
            ]
            figures += _figures(rounds, f"{PROJECTS} x {SERVERS} servers, {latency_ms} ms")
        figures += _calls(rounds[0])
    return figures


def _figures(rounds: list[dict[Program, Measured]], case: str) -> list[Figure]:
    def each(program: Program) -> list[Took]:
        return [one[program].took for one in rounds if program in one]

    figures = []
    for program in rounds[0]:
        figures += [
            Figure("extract", case, f"{program.name}: time", _values(each(program), "wall_s"), "s"),
            Figure("extract", case, f"{program.name}: processor", _values(each(program), "cpu_s"), "s"),
            Figure("extract", case, f"{program.name}: memory", _values(each(program), "peak_rss_mib"), "MiB"),
        ]
    for mine, other in ((OURS, PEER), (OURS_WHOLE, PEER_WHOLE)):
        if other not in rounds[0]:
            continue
        ratios = tuple(one[other].took.wall_s / one[mine].took.wall_s for one in rounds)
        what = f"time of {other.name} / time of {mine.name}"
        figures.append(Figure("extract", case, what, ratios, aim=Aim.AT_LEAST, limit=SPEED_AIM))
    return figures


def _values(runs: list[Took], name: str) -> tuple[float, ...]:
    return tuple(getattr(one, name) for one in runs)


def _calls(one: dict[Program, Measured]) -> list[Figure]:
    figures = []
    case = f"{PROJECTS} x {SERVERS} servers"
    for program, measured in one.items():
        note = f"{program.name} asked: " + ", ".join(
            f"{count} {kind}" for kind, count in measured.calls.items()
        )
        figures += [
            Figure("extract", case, f"{program.name}: calls", (measured.total,), note=note),
            Figure("extract", case, f"{program.name}: records", (measured.records,)),
        ]
    mine = one[OURS]
    actions = mine.calls.get("instance actions", 0)
    figures += [
        Figure(
            "extract",
            case,
            "Usance: calls beside instance actions",
            (mine.total - actions,),
            aim=Aim.AT_MOST,
            limit=CALLS_AIM,
        ),
        Figure(
            "extract",
            case,
            "Usance: instance actions of a changed server",
            (actions / (PROJECTS * CHANGED),),
            aim=Aim.AT_MOST,
            limit=1,
        ),
    ]
    return figures
