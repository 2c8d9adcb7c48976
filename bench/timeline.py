"""The timeline of one resource: how long it takes to work out, beside a bare pass over what was said.

The limit sorts the same observations by time and makes a span at each: no rules, no checks of
sightings, no doubts. Nothing that makes a timeline can be faster.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import Aim, Figure
from bench.rates import paired
from bench.said import long_life
from bench.steady import SteadyHistory
from usance.model.observation import Observation
from usance.model.span import Span
from usance.model.timeline import timeline

SIZES = (10, 100, 1000)
_TIMES = {10: 300, 100: 40, 1000: 4}


def bare(observations: Sequence[Observation]) -> list[Span]:
    """Make a span of each observation, in the order of time: the limit."""
    ordered = sorted(observations, key=lambda one: one.at)
    values: dict[str, str | int] = {}
    spans = []
    for one, following in zip(ordered, [*ordered[1:], None], strict=True):
        values = {**values, **one.accounted}
        spans.append(Span(one.at, following.at if following else None, values))
    return spans


def run(*, quick: bool = False) -> list[Figure]:
    """Measure lives of 10, 100 and 1,000 observations."""
    life = SteadyHistory(1, 1, 0).life(0)
    figures, medians = [], {}
    for size in SIZES:
        observations, looks = long_life(life, size)
        times = _TIMES[size]

        def ours() -> None:
            for _ in range(times):  # noqa: B023 -- called within this turn of the loop
                timeline(observations, looks)  # noqa: B023

        def limit() -> None:
            for _ in range(times):  # noqa: B023
                bare(observations)  # noqa: B023

        pairs = paired(ours, limit, 3 if quick else 9)
        case = f"{size} observations"
        each = tuple(1e6 * mine / times for mine, _ in pairs)
        own = Figure("timeline", case, "one timeline", each, "µs")
        medians[size] = own.value
        figures += [
            own,
            Figure("timeline", case, "time / bare pass", tuple(mine / least for mine, least in pairs)),
        ]
    growth = Figure(
        "timeline",
        "from 100 to 1,000 observations",
        "times as long",
        (medians[1000] / medians[100],),
        aim=Aim.AT_MOST,
        limit=12,
    )
    return [*figures, growth]
