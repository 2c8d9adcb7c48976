"""When collectors were there to hear, and which types of events they ignored."""

from __future__ import annotations

import pytest

from said import CLOUD, at
from usance.ledger import listening
from usance.ledger.ledger import Ledger
from usance.model.period import Period


def test_stretch_becomes_longer_and_its_messages_are_added_up(ledger: Ledger) -> None:
    ledger.listening.note(CLOUD, "a", since=at("10:00"), until=at("10:05"), messages=3)
    ledger.listening.note(CLOUD, "a", since=at("10:00"), until=at("10:10"), messages=4)
    ledger.listening.note(CLOUD, "a", since=at("10:00"), until=at("10:07"))

    (found,) = ledger.listening.stretches(CLOUD)

    assert (found.until, found.messages) == (at("10:10"), 7)


def test_what_was_heard_are_the_joined_stretches_of_all_collectors(ledger: Ledger) -> None:
    for collector, since, until in (
        ("a", "10:00", "11:00"),
        ("b", "10:30", "11:30"),
        ("c", "12:00", "13:00"),
        ("d", "15:00", "16:00"),
    ):
        ledger.listening.note(CLOUD, collector, since=at(since), until=at(until))
    ledger.listening.note("region2", "e", since=at("11:30"), until=at("12:00"))

    heard = ledger.listening.heard(CLOUD, Period(at("10:15"), at("12:30")))

    assert heard == [Period(at("10:15"), at("11:30")), Period(at("12:00"), at("12:30"))]


def test_ignored_events_are_counted_by_type(ledger: Ledger) -> None:
    ledger.listening.ignore(CLOUD, {"a.b": 2, "c.d": 1}, at=at("11:00"))
    ledger.listening.ignore(CLOUD, {"c.d": 4}, at=at("12:00"))
    ledger.listening.ignore("region2", {"a.b": 1}, at=at("10:00"))

    found = ledger.listening.ignored(CLOUD)

    assert [(one.event_type, one.count, one.since, one.until) for one in found] == [
        ("c.d", 5, at("11:00"), at("12:00")),
        ("a.b", 2, at("11:00"), at("11:00")),
    ]
    assert len(ledger.listening.ignored()) == 3


def test_types_that_are_too_many_are_counted_together(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may send messages may not fill the ledger with names that he makes up."""
    monkeypatch.setattr(listening, "MOST_TYPES", 2)
    ledger.listening.ignore(CLOUD, {"a": 1, "b": 1, "c": 1, "d": 1}, at=at("11:00"))
    ledger.listening.ignore(CLOUD, {"a": 1, "e": 1}, at=at("11:00"))

    found = {one.event_type: one.count for one in ledger.listening.ignored(CLOUD)}

    assert found == {"a": 2, "b": 1, listening.OTHERS: 3}
