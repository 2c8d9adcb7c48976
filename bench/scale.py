"""A large cloud: 100,000 servers, read from nothing and then looked at in full again.

The limit is a bare concurrent download of exactly the requests that the run made (see
`bench.download`). What Usance does beside it (decoding, timelines, the ledger, records, messages) has to
fit into what remains. The simulated cloud answers far more quickly than a real one, so the same is
measured once more at the pace of a real Nova; a first run with fewer servers then, so that it ends.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench import ours
from bench.child import Took
from bench.cloud import Cloud, download, running
from bench.figures import Aim, Figure
from bench.place import directory
from bench.recorded import by_kind, read
from bench.steady import AFTER, BEFORE
from bench.workplace import copy, forget_messages, prepare, records

PROJECTS, SERVERS, CHANGED = 50, 2000, 5
CONCURRENCY = 8  # what Usance has by default
MEMORY_AIM_MIB = 250
TIME_AIM = 1.5

# What a real control plane took on two cores: 6.5 s for a page of 1,000 servers, 30 ms for the
# actions of one server.
ROW_MS, ACTIONS_MS = 6.5, 30.0
PACED_PROJECTS = 10
"""A first run asks for the actions of every server: at that pace, so many projects are enough to wait for."""

FULL_LOOK = "[usance]\nfull_look_every = 1\n"


class Pair(msgspec.Struct, frozen=True):
    """One run of Usance, and the bare download of the same requests right before it."""

    took: Took
    download_s: float
    download: Took
    requests: int
    records: int
    calls: dict[str, int]


def run(*, quick: bool = False, repetitions: int = 3) -> list[Figure]:
    """Measure a first run and a full look, as fast as the demo can and at a real cloud's pace."""
    projects, servers = (10, 1000) if quick else (PROJECTS, SERVERS)
    figures: list[Figure] = []
    with running(projects=projects, servers=servers, changed=CHANGED) as cloud:
        bench = _Bench(cloud)
        # Unmeasured: it fills the server's cache of rows, and says what has to be downloaded.
        bench.first()
        bench.again()
        times = 1 if quick else repetitions
        size = f"{projects * servers:,} servers"
        figures += _figures([bench.paired_first() for _ in range(times)], f"{size}, first run")
        figures += _figures([bench.paired_again() for _ in range(times)], f"{size}, full look")
        cloud.set_pace(row_ms=ROW_MS, actions_ms=ACTIONS_MS)
        figures += _figures([bench.paired_again()], f"{size}, full look, at Nova's pace")
    projects = min(projects, PACED_PROJECTS)
    with running(projects=projects, servers=servers, changed=CHANGED) as cloud:
        bench = _Bench(cloud)
        bench.first()
        cloud.set_pace(row_ms=ROW_MS, actions_ms=ACTIONS_MS)
        size = f"{projects * servers:,} servers"
        figures += _figures([bench.paired_first()], f"{size}, first run, at Nova's pace")
    return figures


class _Bench:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._work = directory() / "work"
        self._state = self._work / "scale"
        self._again = self._work / "scale-again"
        self._first_requests = self._work / "scale-first.jsonl"
        self._again_requests = self._work / "scale-again.jsonl"

    def first(self) -> Took:
        """Run from nothing; the state that it leaves is what a full look starts from."""
        prepare(self._state, self._cloud.account, extractors="nova", extra=FULL_LOOK)
        self._cloud.set_clock(BEFORE)
        self._cloud.forget_requests()
        took = ours.run(self._state, log=self._work / "scale-first.log")
        self._cloud.write_requests(self._first_requests)
        return took

    def again(self) -> Took:
        """Run an hour later, with a full look."""
        copy(self._state, self._again)
        forget_messages(self._again)
        self._cloud.set_clock(AFTER)
        self._cloud.forget_requests()
        took = ours.run(self._again, log=self._work / "scale-again.log")
        self._cloud.write_requests(self._again_requests)
        return took

    def paired_first(self) -> Pair:
        """Download what a first run asks for, then make one."""
        self._cloud.set_clock(BEFORE)
        limit = self._download(self._first_requests)
        return self._pair(self.first(), limit, self._first_requests, self._state)

    def paired_again(self) -> Pair:
        """Download what a full look asks for, then make one."""
        self._cloud.set_clock(AFTER)
        limit = self._download(self._again_requests)
        return self._pair(self.again(), limit, self._again_requests, self._again)

    def _download(self, requests: Path) -> tuple[float, int, Took]:
        return download(self._cloud.url, requests, CONCURRENCY, self._work / "scale-download.log")

    @staticmethod
    def _pair(took: Took, limit: tuple[float, int, Took], requests: Path, work: Path) -> Pair:
        seconds, _, bare = limit
        calls = by_kind(read(requests))
        return Pair(took, seconds, bare, sum(calls.values()), records(work), calls)


def _figures(pairs: list[Pair], case: str) -> list[Figure]:
    last = pairs[-1]
    note = f"{case}: asked " + ", ".join(f"{count:,} {kind}" for kind, count in last.calls.items())
    return [
        Figure("scale", case, "Usance: time", tuple(one.took.wall_s for one in pairs), "s"),
        Figure("scale", case, "Usance: processor", tuple(one.took.cpu_s for one in pairs), "s"),
        Figure("scale", case, "bare download: time", tuple(one.download_s for one in pairs), "s"),
        Figure("scale", case, "bare download: processor", tuple(one.download.cpu_s for one in pairs), "s"),
        Figure("scale", case, "requests", (last.requests,), note=note),
        Figure("scale", case, "records", (last.records,)),
        Figure(
            "scale",
            case,
            "Usance: peak memory",
            tuple(one.took.peak_rss_mib for one in pairs),
            "MiB",
            Aim.AT_MOST,
            MEMORY_AIM_MIB,
        ),
        Figure(
            "scale",
            case,
            "time of Usance / time of bare download",
            tuple(one.took.wall_s / one.download_s for one in pairs),
            aim=Aim.AT_MOST,
            limit=TIME_AIM,
        ),
    ]
