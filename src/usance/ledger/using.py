"""Usage, as it is asked for: from the rollups of whole days where these are good, else from spans."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Final

import msgspec
from sqlalchemy import Connection

from usance.ledger import days
from usance.ledger.answers import MOST_DAYS, Asked, By, UsageRow, Window
from usance.ledger.counting import Stretch
from usance.ledger.engine import Store
from usance.ledger.listing import conditions
from usance.ledger.paging import checked
from usance.ledger.standing import NOW, holds, places, stands
from usance.ledger.summing import Sums, add_spans, seconds_of

_PROJECTS: Final = 500
"""Projects whose figures are made in one transaction."""


class Demand(msgspec.Struct, frozen=True):
    """What figures are asked for."""

    asked: Asked
    by: frozenset[By]
    window: Window | None
    suspended: frozenset[str]
    counted: bool
    # Whether only a part of a resource's life may count: then it is no use to count its begins.
    partly: bool
    seconds: Stretch  # of the period that there is something to tell of

    @property
    def each_group(self) -> bool:
        """Whether resources are counted in groups that they leave and come back to."""
        return self.counted and self.partly

    @property
    def of_whole_projects(self) -> bool:
        """Whether days that are summed up can say it: they know of no single resource and no past."""
        asked = self.asked
        return not self.each_group and (asked.ids, asked.alive, asked.name, asked.as_of) == (None,) * 4


def usage(
    store: Store,
    asked: Asked,
    *,
    by: Collection[By],
    window: Window | None,
    until: datetime,
    suspended_states: Collection[str],
    count_resources: bool | None,
) -> Iterator[UsageRow]:
    """Return what was used; see :meth:`usance.ledger.questions.Questions.usage`."""
    asked = checked(asked)
    period = asked.period
    if period is None:
        raise ValueError("usage is that of a period")
    if window is Window.DAY and (period.end - period.start).days > MOST_DAYS:
        raise ValueError(f"at most {MOST_DAYS} days are told one by one")
    seconds = seconds_of(period, until if asked.as_of is None else min(until, asked.as_of))
    partly = bool(set(by) & {By.FLAVOR, By.STATE}) or asked.flavors is not None or asked.states is not None
    counted = not partly if count_resources is None else count_resources
    demand = Demand(
        msgspec.structs.replace(asked, period=None),
        frozenset(by),
        window,
        frozenset(suspended_states),
        counted,
        partly,
        seconds,
    )
    return _answers(store, demand) if seconds[0] < seconds[1] else iter(())


def _answers(store: Store, demand: Demand) -> Iterator[UsageRow]:
    """Yield the figures; told apart by project, those of some projects at a time."""
    with store.read() as connection:
        known = places(connection, demand.asked)
    projects = [project_id for project_id, _ in groupby(known, key=itemgetter(0))]
    sums = Sums(demand.seconds, demand.by, demand.window, demand.suspended)
    for start in range(0, len(projects), _PROJECTS):
        chunk = tuple(projects[start : start + _PROJECTS])
        with store.read() as connection:
            _add(connection, sums, demand, msgspec.structs.replace(demand.asked, projects=chunk))
        if By.PROJECT in demand.by:
            yield from sums.rows(counted=demand.counted)
    yield from sums.rows(counted=demand.counted)


def _add(connection: Connection, sums: Sums, demand: Demand, asked: Asked) -> None:
    """Add what some projects used."""
    if asked.as_of is not None:
        for one in stands(connection, asked, asked.as_of):
            standing = one.standing
            which = [*conditions(standing, asked), *holds(standing.spans, asked)]
            add_spans(connection, sums, standing, which, demand.seconds, each_group=demand.each_group)
    elif demand.of_whole_projects:
        cover = days.coverage(connection, asked, demand.seconds)
        days.add_days(connection, sums, asked, cover)
        for part, stretch in days.not_covered(asked, demand.seconds, cover):
            add_spans(connection, sums, NOW, [*conditions(NOW, part), *holds(NOW.spans, part)], stretch)
    else:
        which = [*conditions(NOW, asked), *holds(NOW.spans, asked)]
        add_spans(connection, sums, NOW, which, demand.seconds, each_group=demand.each_group)
