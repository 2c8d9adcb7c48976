"""The energy of servers, from the power or energy that Prometheus has of them.

What is kept is a timeline for each server and UTC day: the day's full hours are its instants, and
each of them an exact claim of the power in it. So what is stated of a day does not depend on when
it was asked for. Deleted servers count like others: whose the hours are is known from the ledger.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from usance.cloud.access import Cloud
from usance.cloud.projects import Project
from usance.config.settings import PrometheusSettings, Settings
from usance.model.observation import Batch, DeletionQuality, Look, Observation, Scope, Verb
from usance.model.period import EPOCH, Period, epoch_seconds
from usance.model.resource import ENERGY, POWER_UW, SAMPLED_S, SERVER, Resource, Value
from usance.model.span import Timeline
from usance.sources.prometheus_api import HOUR, Hour, PrometheusApi
from usance.sources.source import Memory

LOG = logging.getLogger(__name__)

NAME: Final = "prometheus"
DAY: Final = timedelta(days=1)
_NOTHING: Final = Hour(0, 0)
_SLICE: Final = 40  # servers handed over together: so many days of 24 hours


def sources(cloud: Cloud, settings: Settings) -> list[PrometheusSource]:
    """Return what the extractor `prometheus` stands for."""
    return [PrometheusSource(cloud, settings.prometheus)]


class _Wanted(msgspec.Struct):
    """What is still to be learnt of one project."""

    hours: Period  # full hours
    known_until: datetime | None  # earlier hours were asked for before


class PrometheusSource:
    """Looks at the energy of all servers of all projects together, day by day.

    Its silence says nothing, so all its looks are at changes. An hour is looked at once it is over,
    by a margin in which late samples may come, and once the servers that lived in it are known.
    """

    name = NAME
    kind = ENERGY

    def __init__(self, cloud: Cloud, settings: PrometheusSettings, *, backoff_s: float = 0.5) -> None:
        self._cloud = cloud
        self._settings = settings
        self._margin = timedelta(seconds=cloud.settings.margin_s)
        self._backoff_s = backoff_s

    def plan(
        self,
        projects: Sequence[Project],
        *,
        full: Collection[str] = (),  # noqa: ARG002  every look is at changes; the protocol has it
    ) -> list[tuple[Project, ...]]:
        """Return one group of all projects: one question serves them all."""
        return [tuple(projects)] if projects else []

    async def look(
        self,
        group: Sequence[Project],
        memory: Memory,
        *,
        since: Mapping[str, datetime | None],
        full: bool = False,  # noqa: ARG002  every look is at changes; the protocol has it
    ) -> AsyncIterator[tuple[str, Batch]]:
        """Look once at a group; see :class:`usance.sources.source.Source`. Raises CloudError."""
        wanted = {one.id: await self._wanted(one.id, memory, since.get(one.id)) for one in group}
        first = min(one.hours.start for one in wanted.values())
        last = max(one.hours.end for one in wanted.values())
        settings = self._cloud.settings
        api = PrometheusApi(
            self._settings,
            timeout_s=settings.timeout_s,
            retries=settings.retries,
            backoff_s=self._backoff_s,
        )
        async with api.client:
            for day in _days(first, last):
                async for pair in self._take_day(api, day, wanted, memory):
                    yield pair
        for project_id, one in wanted.items():
            yield project_id, self._last_batch(project_id, one.hours.end)

    async def _wanted(self, project_id: str, memory: Memory, since: datetime | None) -> _Wanted:
        """Decide which hours of a project are looked at."""
        now = self._cloud.clock.now()
        seen = await memory.looked_until(project_id, SERVER)
        # Who came after the last look at servers is not known yet: that hour has to wait.
        end = _full_hour(min(now - self._margin, seen or EPOCH))
        oldest = _full_hour(now) - self._settings.history_days * DAY
        start = oldest if since is None else _full_hour(since)
        known = await memory.looked_until(project_id, ENERGY)
        return _Wanted(Period(min(start, end), end), known)

    async def _take_day(
        self, api: PrometheusApi, day: Period, wanted: Mapping[str, _Wanted], memory: Memory
    ) -> AsyncIterator[tuple[str, Batch]]:
        """Ask for one day, and yield what the projects' servers used on it."""
        lives: dict[str, list[Timeline]] = {}
        for project_id, one in wanted.items():
            hours = one.hours.clip(day.start, day.end)
            if hours is not None:
                # Those that ended earlier on the day, too: their day is over when it is.
                touching = Period(day.start, hours.end)
                lives[project_id] = await memory.lives(project_id, SERVER, touching)
        ids = {one.resource.id for found in lives.values() for one in found}
        if not ids:
            return
        asked = [one.hours.clip(day.start, day.end) for one in wanted.values()]
        starts = [one.start for one in asked if one is not None]
        ends = [one.end for one in asked if one is not None]
        measured = await api.hours(Period(min(starts), max(ends)), ids)
        for project_id, servers in lives.items():
            one = wanted[project_id]
            hours = one.hours.clip(day.start, day.end)
            if hours is None:
                continue
            known: dict[str, Timeline] = {}
            if one.known_until is not None and one.known_until > hours.start:
                known = {it.resource.id: it for it in await memory.lives(project_id, ENERGY, hours)}
            claims: list[Observation] = []
            for number, server in enumerate(servers, start=1):
                found = measured.get(server.resource.id, {})
                claims += self._claims(server, one, day, found, known)
                if number % _SLICE == 0 or number == len(servers):
                    if claims:
                        yield project_id, Batch(tuple(claims))
                    claims = []

    def _claims(
        self,
        server: Timeline,
        wanted: _Wanted,
        day: Period,
        measured: Mapping[datetime, Hour],
        known: Mapping[str, Timeline],
    ) -> Iterator[Observation]:
        """Yield what is claimed of one server that lived on a day: each full hour since it began."""
        hours = wanted.hours.clip(day.start, day.end)
        lived = day.clip(_full_hour(server.begin), server.end)
        if hours is None or lived is None or lived.start >= hours.end:
            return
        start = max(hours.start, lived.start)
        one_id = f"{server.resource.id}/{day.start:%Y-%m-%d}"
        resource = Resource(server.resource.project_id, self._cloud.cloud_id, ENERGY, one_id)
        before = known.get(one_id)
        known_until = wanted.known_until or EPOCH
        if start == lived.start or known_until < start:
            yield Observation(resource, Verb.CREATED, start, NAME, launched=True)
        at = start
        while at < hours.end:
            hour = measured.get(at, _NOTHING)
            is_known = at < known_until
            old = _values(before, at) if before is not None else None
            if old is None or _says_more(hour, old, is_known=is_known):
                # Of two claims about one hour, the one that was made later counts.
                seq = epoch_seconds(self._cloud.clock.now()) if is_known else None
                accounted: dict[str, Value] = {POWER_UW: hour.power_uw, SAMPLED_S: hour.sampled_s}
                yield Observation(resource, Verb.CHANGED, at, NAME, accounted=accounted, seq=seq)
            at += HOUR
        if hours.end == day.end:
            yield Observation(resource, Verb.DELETED, day.end, NAME, quality=DeletionQuality.DELETED_AT)

    def _last_batch(self, project_id: str, until: datetime) -> Batch:
        look = Look(project_id, self._cloud.cloud_id, NAME, ENERGY, Scope.CHANGES, until, until)
        return Batch(look=look, watermark=until)


def _values(known: Timeline, at: datetime) -> dict[str, Value] | None:
    """Return what is known of an hour of a day."""
    for span in known.spans:
        if span.start <= at and (span.end is None or at < span.end):
            return span.values
    return None


def _says_more(hour: Hour, old: Mapping[str, Value], *, is_known: bool) -> bool:
    """Tell whether an hour is to be claimed: it says something else than what the ledger has.

    Of an hour that was asked for before, fewer samples than then are no news: Prometheus deletes
    what is old, and what was measured stays measured.
    """
    if {POWER_UW: hour.power_uw, SAMPLED_S: hour.sampled_s} == old:
        return False
    sampled_s = old.get(SAMPLED_S)
    return not is_known or not isinstance(sampled_s, int) or hour.sampled_s >= sampled_s


def _full_hour(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)


def _days(start: datetime, end: datetime) -> Iterator[Period]:
    """Yield the UTC days that a period touches, each whole."""
    midnight = start.replace(hour=0)
    while midnight < end:
        yield Period(midnight, midnight + DAY)
        midnight += DAY
