"""What holds for any set of observations, however wrong, late, doubled or reordered."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from unit.model.strategies import RESOURCE, ZERO, anything_said, look_at, one_after_another
from usance.model.looks import that_matter
from usance.model.observation import Verb
from usance.model.span import LIFE, Timeline
from usance.model.timeline import timeline


def whole(made: Timeline | None):
    """Return what a timeline says and what it remembers, for comparison."""
    if made is None:
        return None
    return made, made.memory.heard_until, made.memory.occurrences, made.memory.plain


@given(anything_said(), st.integers(0, 2**32))
def test_neither_order_nor_repetition_makes_a_difference(example, seed):
    said, looked, random = example.observations, example.looks, Random(seed)
    again = [*said, *random.choices(said, k=len(said))] if said else []
    looked_again = [*looked, *looked[:2]]
    random.shuffle(again)
    random.shuffle(looked_again)

    assert whole(timeline(again, looked_again)) == whole(timeline(said, looked))


@given(anything_said())
def test_spans_are_adjacent_and_cover_the_life(example):
    made = timeline(example.observations, example.looks)

    if made is None:
        assert all(one.verb is Verb.GONE or not one.is_evidence_of_life for one in example.observations)
        return
    assert made.resource == RESOURCE
    if made.end is not None and made.end <= made.begin:
        assert (made.spans, made.end) == ((), made.begin)
        return
    assert made.spans[0].start == made.begin
    assert made.spans[-1].end == made.end
    for earlier, later in pairwise(made.spans):
        assert earlier.start < earlier.end == later.start
        assert earlier.values != later.values
    assert made.spans[-1].end is None or made.spans[-1].start < made.spans[-1].end


@given(anything_said())
def test_doubts_are_ordered_disjoint_and_lie_in_the_life(example):
    made = timeline(example.observations, example.looks)

    if made is None:
        return
    for doubt in made.doubts:
        assert doubt.end is None or doubt.start < doubt.end
        if doubt.attribute != LIFE:
            assert made.begin <= doubt.start
            assert made.end is None or (doubt.end is not None and doubt.end <= made.end)
    for earlier, later in pairwise(made.doubts):
        assert earlier.attribute < later.attribute or (
            earlier.attribute == later.attribute and earlier.end is not None and earlier.end <= later.start
        )


@given(anything_said())
def test_what_is_known_of_an_attribute_is_known_all_life_long(example):
    made = timeline(example.observations, example.looks)

    if made is not None and made.spans:
        names = [set(span.values) for span in made.spans]
        assert all(one == names[0] for one in names)


@given(anything_said())
def test_described_values_are_ordered_and_change(example):
    made = timeline(example.observations, example.looks)

    if made is None:
        return
    for earlier, later in pairwise(made.described):
        assert (earlier.attribute, earlier.since) < (later.attribute, later.since)
        if earlier.attribute == later.attribute:
            assert earlier.value != later.value
    assert all(made.begin <= one.since for one in made.described)
    assert all(made.end is None or one.since <= made.end for one in made.described)


@given(anything_said(spoken=8, looked=40, pulls=("nova",)))
def test_the_looks_that_matter_give_what_all_looks_give(example):
    said, looked = example.observations, one_after_another(example.looks)

    chosen = that_matter(looked, said)

    assert whole(timeline(said, chosen)) == whole(timeline(said, looked))
    assert that_matter(chosen, said) == chosen


@given(anything_said(spoken=4, looked=0, pulls=("nova",)), st.integers(20, 300))
def test_of_many_looks_few_matter(example, count):
    said = example.observations
    hours = [ZERO + timedelta(hours=hour) for hour in range(count)]
    looked = [look_at(hour, hour + timedelta(seconds=30)) for hour in hours]

    chosen = that_matter(looked, said)

    assert whole(timeline(said, chosen)) == whole(timeline(said, looked))
    assert len(chosen) <= 5 * (3 * len(said) + 1) + 1


@given(anything_said(), st.integers(0, 14))
def test_what_was_made_of_a_part_has_no_bearing_on_the_whole(example, count):
    said, looked = example.observations, example.looks
    expected = whole(timeline(said, looked))

    timeline(said[:count], looked)

    assert whole(timeline(said, looked)) == expected
