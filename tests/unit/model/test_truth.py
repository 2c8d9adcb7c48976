"""Timelines against made-up lives whose truth is known: what TIMELINE promises, as properties."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from hypothesis import example, given
from hypothesis import strategies as st

from unit.model.simulator import (
    ATTRIBUTES,
    Life,
    Stretch,
    a_life,
    actions,
    floor,
    notifications,
    pieces,
    poll,
    stretches_of,
)
from unit.model.test_timeline_properties import whole
from usance.model.fastpath import extend
from usance.model.looks import that_matter
from usance.model.span import LIFE, Timeline
from usance.model.timeline import TOLERANCE, timeline

seeds = st.integers(0, 2**40)
SECOND = timedelta(seconds=1)


def told(made: Timeline, name: str) -> list[Stretch]:
    """Return the stretches of one attribute as the timeline has them."""
    points = [(span.start, span.values[name]) for span in made.spans if name in span.values]
    return stretches_of(points, made.end) if points else []


def lived(begin: datetime, end: datetime | None) -> list[Stretch]:
    return [(begin, end, "alive")]


def in_doubt(made: Timeline, name: str, start: datetime, end: datetime) -> bool:
    """Whether all of a piece lies in one doubt about the attribute."""
    return any(
        one.attribute == name and one.start <= start and (one.end is None or end <= one.end)
        for one in made.doubts
    )


def some_of(random: Random, things: list, share: float) -> list:
    return [one for one in things if random.random() < share]


@given(seeds)
def test_with_all_notifications_the_truth_exactly(seed):
    """Whatever actions and looks come beside, with clocks that differ by less than the tolerance."""
    random = Random(seed)
    life = a_life(random)
    skew = timedelta(seconds=random.uniform(-4, 4))
    looked = poll(random, life, failing=random.choice([0, 0.5]), skew=skew, purged=random.random() < 0.3)
    said = [
        *notifications(life),
        *some_of(random, actions(life), random.choice([0, 0.5, 1])),
        *looked.reports,
    ]
    random.shuffle(said)

    made = timeline(said, looked.looks)

    assert made is not None
    assert (made.begin, made.end, made.begin_exact, made.end_exact) == (
        life.created,
        life.deleted,
        True,
        True,
    )
    assert (made.doubts, made.anomalies) == ((), ())
    for name in ATTRIBUTES:
        assert told(made, name) == life.stretches(name)


@given(seeds)
def test_with_looks_and_actions_only_the_state_exactly_and_the_flavor_where_it_was_seen(seed):
    random = Random(seed)
    life = a_life(random)
    looked = poll(random, life, failing=random.choice([0, 0.3]))
    said = [*actions(life), *looked.reports]
    random.shuffle(said)

    made = timeline(said, looked.looks)

    assert made is not None
    assert (made.begin, made.end) == (life.created, life.deleted and floor(life.deleted))
    if not made.spans:
        return
    assert told(made, "state") == life.stretches("state", coarse=True)
    assert not [one for one in made.doubts if one.attribute in ("state", LIFE)]
    for name in ("flavor", "vcpus", "image_id", "user_id"):
        truth = life.stretches(name, coarse=True)
        for start, end, (true, said_so) in pieces(truth, told(made, name)):
            assert true == said_so or said_so is None or in_doubt(made, name, start, end)
        for start, end in untouched(life, name):
            if any(
                start + TOLERANCE < look.begin and look.end < end - TOLERANCE and life.alive(moment)
                for look, moment in zip(looked.looks, looked.moments, strict=True)
            ):
                assert not any(
                    one.attribute == name and one.start < end and (one.end is None or one.end > floor(start))
                    for one in made.doubts
                )


def untouched(life: Life, name: str) -> list[tuple[datetime, datetime]]:
    """Return the stretches between the actions that may have changed an attribute."""
    touching = [one for one in life.changes if name in one.values]
    starts = [life.created, *(one.end for one in touching)]
    ends = [*(floor(one.begin) for one in touching), life.deleted or life.created + timedelta(days=9)]
    return list(zip(starts, ends, strict=True))


@given(seeds)
@example(531)  # built within the second of its creation, and seen meanwhile
@example(174295)  # rebuilt twice, and seen within the second action, which does not tell the image
@example(985734901)  # seen right before its deletion, by a clock that was ahead
@example(3491580598)  # suspended and seen within seconds of its creation, which nobody else told
def test_after_losses_each_complete_look_finds_in_the_timeline_what_it_saw(seed):
    """It finds it within a margin, or as the result of an action that was under way then.

    A look that may be of the moment of the creation, as far as clocks can tell, may have seen what was
    before the first action: the next one tells. What is inferred from a look begins at its end; a life
    that has ended by then, as clocks have it, is over.
    """
    random = Random(seed)
    life = a_life(random)
    skew = timedelta(seconds=random.uniform(-4, 4))
    looked = poll(random, life, failing=random.choice([0, 0.3, 0.8]), skew=skew, purged=random.random() < 0.3)
    kept = some_of(random, notifications(life), random.choice([0, 0.3, 0.7]))
    kept += some_of(random, actions(life)[1:], random.choice([0, 0, 0.5]))
    said = [*kept, *looked.reports]

    made = timeline(said, looked.looks)

    if made is None:
        return
    for look, moment in zip(looked.looks, looked.moments, strict=True):
        margin = 2 * TOLERANCE + (look.end - look.begin)
        first, last = look.begin - margin, look.end + margin
        if not life.alive(moment) or not (made.begin <= moment and (made.end is None or moment < made.end)):
            continue
        if look.begin - TOLERANCE <= made.begin or (made.end is not None and look.end >= made.end):
            continue
        true = life.values(moment)
        under_way = [
            one
            for one in kept
            if (one.begin or one.at) <= look.end + TOLERANCE and one.at >= look.begin - TOLERANCE
        ]
        for name in ATTRIBUTES:
            values = {
                value
                for start, end, value in told(made, name)
                if start <= last and (end is None or end > first)
            }
            values |= {
                one.accounted.get(name, then)
                for one in under_way
                for start, end, then in told(made, name)
                if name in one.accounted
                or (name in one.untold and start <= one.at and (end is None or one.at < end))
            }
            assert true[name] in values


@given(seeds)
def test_after_losses_the_truth_differs_only_within_doubts_and_where_nobody_observed_it(seed):
    """Each message tells what changed. A value that nobody reported leaves no trace, and so no doubt."""
    random = Random(seed)
    life = a_life(random, least_gap_s=15)
    looked = poll(random, life, failing=random.choice([0, 0.3, 0.8]))
    heard = some_of(random, notifications(life, whole=False), random.choice([0, 0.3, 0.7]))
    said = [*heard, *looked.reports]

    made = timeline(said, looked.looks)

    if made is None or not looked.looks:
        return
    horizon = looked.looks[-1].begin - 2 * TOLERANCE
    instants = {one.at for one in heard}
    for name in ATTRIBUTES:
        observed: list[Stretch] = []
        for start, end, value in life.stretches(name):
            reported = start in instants and (start != life.created or heard[0].at == life.created)
            met = any(start <= moment and (end is None or moment < end) for moment in looked.moments)
            if reported or met:
                observed.append((start, end, value))
        check(made, name, observed, told(made, name), horizon)
    if any(life.alive(moment) for moment in looked.moments) or heard:
        check(made, LIFE, lived(life.created, life.deleted), lived(made.begin, made.end), horizon)


def check(made: Timeline, name: str, truth: list[Stretch], told_so: list[Stretch], horizon: datetime) -> None:
    """Hold what is told to the truth up to the horizon, but for the tolerance around each boundary."""
    if not truth:
        return
    for start, end, (true, said_so) in pieces(truth, told_so):
        last = min(end, horizon)
        if true is None and name != LIFE:
            continue
        if last - start > 2 * TOLERANCE + 8 * SECOND and true != said_so:
            assert in_doubt(made, name, start, last), (name, start, last, true, said_so)


@given(seeds)
def test_with_looks_only_a_change_is_late_by_at_most_one_interval_and_the_doubt_says_so(seed):
    random = Random(seed)
    life = a_life(random, least_gap_s=15)
    looked = poll(random, life)

    made = timeline(looked.reports, looked.looks)

    if made is None or life.deleted is not None:
        return
    for look, moment in zip(looked.looks, looked.moments, strict=True):
        if not life.alive(moment):
            continue
        now = [
            span
            for span in made.spans
            if span.start <= look.end and (span.end is None or span.end > look.end)
        ]
        assert now[0].values == life.values(moment)
    for span in made.spans[1:]:
        assert any(span.start == look.end for look in looked.looks)
        assert any(one.start < span.start and one.end and span.start <= one.end for one in made.doubts)


@given(seeds)
def test_piece_by_piece_late_lost_and_doubled_is_as_all_at_once(seed):
    """As a ledger does it: the fast path where it is open, else all that is known so far."""
    random = Random(seed)
    life = a_life(random)
    looked = poll(random, life, failing=random.choice([0, 0.8]))
    arrivals: list[tuple[datetime, int, object]] = []
    for one in some_of(random, notifications(life), 0.9):
        for _ in range(random.choice([1, 1, 1, 2])):
            delay_s = random.choice([0, 0, 1, 20, 9000])
            arrivals.append((one.at + timedelta(seconds=delay_s), len(arrivals), one))
    for one in looked.reports:
        arrivals.append((one.at, len(arrivals), one))
    for look in looked.looks:
        arrivals.append((look.end, len(arrivals), look))
    arrivals.sort(key=lambda arrival: arrival[:2])
    said, looks, made = [], [], None
    for _, _, one in arrivals:
        if one in looked.looks:
            looks.append(one)
        elif one in said:
            continue
        else:
            said.append(one)
            looked_until = looks[-1].end if looks else None
            extended = made and extend(made, one, looked_until=looked_until, tolerance=TOLERANCE)
            if extended:
                made = extended
                continue
        made = timeline(said, that_matter(looks, said))

    assert whole(made) == whole(timeline(reversed(said), looked.looks))
