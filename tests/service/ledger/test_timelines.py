"""Reading timelines: what changed since a revision, and from when on it counts."""

from __future__ import annotations

import pytest

from said import PLACE, at, batch, changed, created, deleted, look, seen
from usance.ledger import reading
from usance.ledger.ledger import Ledger
from usance.model.period import Period
from usance.model.resource import SERVER, VOLUME

TODAY = Period(at("00:00"), at("2026-10-02T00:00:00"))


def ids(ledger: Ledger, **which: object) -> list[str]:
    return [one.timeline.resource.id for one in ledger.timelines(*PLACE, SERVER, **which)]


def test_timelines_come_in_the_order_of_their_ids(ledger: Ledger) -> None:
    names = ["b", "a-1", "A", "a", "a_1", "é", "10", "9"]

    ledger.observe(*PLACE, batch(*(created(one, "10:00") for one in names)))

    assert ids(ledger) == sorted(names)


def test_only_what_changed_after_the_revision_is_told(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(created("web", "10:00"), created("db", "10:00")))

    ledger.observe(*PLACE, batch(changed("db", "11:00", state="stopped")))

    assert ids(ledger, since_revision=0) == ["db", "web"]
    assert ids(ledger, since_revision=1) == ["db"]
    assert ids(ledger, since_revision=2) == []


def test_change_counts_from_the_earliest_instant_that_differs(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(created("web", "10:00")))
    ledger.observe(*PLACE, batch(changed("web", "14:00", state="stopped")))
    ledger.observe(*PLACE, batch(changed("web", "12:00", state="paused")))
    ledger.observe(*PLACE, batch(changed("web", "16:00", state="active")))

    from_when = {
        revision: next(ledger.timelines(*PLACE, SERVER, since_revision=revision)).changed_from
        for revision in range(4)
    }

    assert from_when == {0: at("10:00"), 1: at("12:00"), 2: at("12:00"), 3: at("16:00")}


def test_end_changes_a_timeline_from_the_end_on(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(created("web", "10:00")))

    ledger.observe(*PLACE, batch(deleted("web", "12:00")))

    (found,) = ledger.timelines(*PLACE, SERVER, since_revision=1)
    assert (found.changed_from, found.revision) == (at("12:00"), 2)


def test_what_lives_in_the_period_is_told_though_it_did_not_change(ledger: Ledger) -> None:
    ledger.observe(
        *PLACE,
        batch(
            created("early", "2026-09-01T00:00:00"),
            deleted("early", "2026-09-02T00:00:00"),
            created("edge", "2026-09-01T00:00:00"),
            deleted("edge", "2026-10-01T00:00:00"),
            created("late", "2026-10-02T00:00:00"),
            created("running", "2026-09-01T00:00:00"),
            created("today", "10:00"),
            deleted("today", "11:00"),
        ),
    )

    found = list(ledger.timelines(*PLACE, SERVER, since_revision=1, touching=TODAY))

    assert [one.timeline.resource.id for one in found] == ["running", "today"]
    assert {one.changed_from for one in found} == {None}


def test_caller_may_write_while_timelines_are_read(ledger: Ledger) -> None:
    """More than a page, and each timeline changes the ledger before the next one is taken."""
    count = reading.PAGE + 50
    names = [f"web{number:05}" for number in range(count)]
    ledger.observe(*PLACE, batch(*(created(one, "10:00") for one in names)))
    read = []

    for number, one in enumerate(ledger.timelines(*PLACE, SERVER, since_revision=0, touching=TODAY)):
        read.append(one.timeline.resource.id)
        if number % 200 == 0:
            ledger.observe(*PLACE, batch(changed(read[-1], "12:00", state="stopped")))

    assert read == names


def test_pages_hold_what_changed_and_what_lives_each_once(ledger: Ledger) -> None:
    names = [f"web{number:05}" for number in range(2 * reading.PAGE)]
    ledger.observe(*PLACE, batch(*(created(one, "10:00") for one in names)))
    ledger.observe(*PLACE, batch(*(deleted(one, "2026-10-01T12:00:00") for one in names[::2])))

    assert ids(ledger, since_revision=1, touching=TODAY) == names


def test_kinds_are_kept_apart(ledger: Ledger) -> None:
    window = look("11:00")
    ledger.observe(*PLACE, batch(seen("web", window, since="10:00"), look=window))

    assert list(ledger.timelines(*PLACE, VOLUME)) == []


def test_blocks_of_ids_follow_each_other_without_a_gap(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids are read in blocks, timelines in pages; neither border loses or repeats one."""
    monkeypatch.setattr(reading, "BLOCK", 30)
    monkeypatch.setattr(reading, "PAGE", 8)
    names = [f"web{number:05}" for number in range(90)]
    ledger.observe(*PLACE, batch(*(created(one, "10:00") for one in names)))
    ledger.observe(*PLACE, batch(*(changed(one, "11:00", state="stopped") for one in names[::3])))

    assert ids(ledger) == names
    assert ids(ledger, since_revision=1) == names[::3]
    assert ids(ledger, since_revision=1, touching=TODAY) == names
