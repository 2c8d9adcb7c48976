"""What somebody states against what was reported: of the creation, of the end, and of a value."""

from __future__ import annotations

from random import Random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from unit.model.lives import at, changed, created, deleted, doubts, gone, ledger, life, look, resized, seen
from unit.model.strategies import RESOURCE, ZERO, anything_said
from unit.model.test_timeline_properties import whole
from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.span import Anomaly
from usance.model.timeline import timeline

CORRECTION = DeletionQuality.CORRECTION


def corrected(said: Observation, seq: int) -> Observation:
    return msgspec.structs.replace(said, quality=CORRECTION, seq=seq, source="api", created_at=None)


def test_a_corrected_creation_counts_whatever_else_is_said_of_it():
    made = life(
        created("10:00", "active m1.small"),
        seen("12:00..12:01", "active m1.small", created_at="09:00"),
        corrected(created("10:30"), 1),
    )

    assert ledger(made, "flavor") == ["10:30-now m1.small"]
    assert made.begin_exact


def test_a_creation_corrected_to_before_the_first_claim_begins_with_what_was_so_then():
    made = life(created("10:00", "active m1.small"), corrected(created("08:00"), 1))

    assert ledger(made, "state", "flavor") == ["08:00-now active m1.small"]
    assert doubts(made) == []


def test_a_corrected_end_counts_though_the_resource_is_seen_later():
    made = life(
        created("10:00", "active m1.small"),
        deleted("13:00"),
        seen("15:00..15:01", "active m1.small"),
        look("16:00..16:01"),
        corrected(deleted("12:00"), 1),
    )

    assert ledger(made, "state") == ["10:00-12:00 active"]
    assert (made.end_exact, made.anomalies) == (True, ())


def test_a_corrected_end_may_be_later_than_the_one_reported():
    made = life(
        created("10:00", "active m1.small"),
        deleted("13:00"),
        gone("14:00..14:01"),
        corrected(deleted("18:00"), 1),
    )

    assert ledger(made, "state") == ["10:00-18:00 active"]


def test_the_correction_made_last_counts_and_not_the_latest_instant():
    made = life(
        created("10:00", "active"),
        corrected(created("09:00"), 1),
        corrected(created("08:00"), 3),
        corrected(created("11:00"), 2),
        corrected(deleted("20:00"), 4),
        corrected(deleted("19:00"), 5),
    )

    assert ledger(made, "state") == ["08:00-19:00 active"]


def test_an_end_corrected_to_before_the_begin_leaves_no_span_and_is_odd():
    made = life(created("10:00", "active"), corrected(deleted("08:00"), 1))

    assert made.spans == ()
    assert made.anomalies == (Anomaly("deleted-before-created", at("08:00")),)


def test_a_corrected_value_counts_before_what_was_reported_of_that_instant():
    made = life(
        created("10:00", "active m1.small"),
        changed("12:00", "flavor=m1.large", occurrence="req-1"),
        corrected(changed("12:00", "flavor=m1.medium"), 1),
        corrected(changed("10:00", "flavor=m1.tiny"), 2),
    )

    assert ledger(made, "flavor") == ["10:00-12:00 m1.tiny", "12:00-now m1.medium"]


def test_no_sighting_doubts_a_corrected_value_until_the_next_claim():
    made = life(
        created("10:00", "active m1.small"),
        corrected(changed("12:00", "flavor=m1.huge"), 1),
        seen("13:00..13:01", "active m1.small"),
        resized("15:00"),
        seen("16:00..16:01", "active m1.large"),
    )

    assert ledger(made, "flavor") == ["10:00-12:00 m1.small", "12:00-15:00 m1.huge", "15:00-now m1.large"]
    assert doubts(made) == []


def test_a_corrected_name_counts_before_the_one_reported_at_that_instant():
    for name in ("a", "z"):
        made = life(
            created("10:00", "active", described={"name": "web"}),
            corrected(changed("10:00", described={"name": name}), 1),
        )

        assert made.describe("name") == name


@given(anything_said(), st.integers(0, 6), st.integers(0, 2**32))
def test_the_last_corrections_of_begin_and_end_count_whatever_is_said(example, count, seed):
    random = Random(seed)
    numbers = random.sample(range(100, 200), count + 2)
    verbs = [Verb.CREATED, Verb.DELETED, *random.choices([Verb.CREATED, Verb.DELETED], k=count)]
    hours = [random.randrange(12) for _ in verbs]
    corrections = [
        Observation(
            resource=RESOURCE,
            verb=verb,
            at=ZERO.replace(hour=hour),
            source="api",
            seq=number,
            quality=CORRECTION,
        )
        for verb, hour, number in zip(verbs, hours, numbers, strict=True)
    ]
    said = [*example.observations, *corrections]
    random.shuffle(said)
    begin = max((one for one in corrections if one.verb is Verb.CREATED), key=lambda one: one.seq or 0).at
    end = max((one for one in corrections if one.verb is Verb.DELETED), key=lambda one: one.seq or 0).at

    made = timeline(said, example.looks)

    assert made is not None
    assert (made.begin, made.end) == (begin, max(begin, end))
    assert made.begin_exact
    assert made.end_exact


@given(anything_said(spoken=10), st.integers(0, 2**32))
def test_neither_order_nor_repetition_of_corrections_makes_a_difference(example, seed):
    random = Random(seed)
    said = [
        corrected(one, random.randrange(4))
        if one.verb in (Verb.CREATED, Verb.CHANGED, Verb.DELETED) and random.random() < 0.6
        else one
        for one in example.observations
    ]
    again = [*said, *random.choices(said, k=len(said))] if said else []
    random.shuffle(again)

    assert whole(timeline(again, example.looks)) == whole(timeline(said, example.looks))
