"""Which energy records are made again, on a real ledger: late facts, runs into the past, what waits."""

from datetime import UTC, datetime, timedelta

import pytest

from usance.ledger.values import NewMessage
from usance.messengers.energy_due import EnergyMaker
from usance.messengers.making import Asked
from usance.messengers.packing import Rendered
from usance.model.observation import Batch, DeletionQuality, Observation, Verb
from usance.model.resource import ENERGY, SERVER, Resource
from usance.records.context import RecordContext

PLACE = ("project1", "region1")
CONTEXT = RecordContext("TEST-Site", "cloud.test.org", "vo", suspended_states=frozenset({"suspended"}))
HOUR = timedelta(hours=1)


def at(text):
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


def said(kind, resource_id, verb, instant, **more):
    return Observation(Resource(*PLACE, kind, resource_id), verb, instant, "test", **more)


def server(verb, instant, **accounted):
    quality = DeletionQuality.DELETED_AT if verb is Verb.DELETED else None
    return said(SERVER, "s1", verb, instant, accounted=accounted, launched=True, quality=quality)


def day(date, watts, *, over=True, hours=24):
    """Return the claims of one day on which the server drew so many watts all the time."""
    start, one_id = at(f"{date} 00:00"), f"s1/2026-{date}"
    claims = [said(ENERGY, one_id, Verb.CREATED, start, launched=True)]
    values = {"power_uw": watts * 1_000_000, "sampled_s": 3600}
    claims += [
        said(ENERGY, one_id, Verb.CHANGED, start + number * HOUR, accounted=values) for number in range(hours)
    ]
    if over:
        end = start + 24 * HOUR
        claims.append(said(ENERGY, one_id, Verb.DELETED, end, quality=DeletionQuality.DELETED_AT))
    return claims


class Site:
    """A ledger, and what one messenger was told."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.hear(server(Verb.CREATED, at("10-01 00:00"), state="active", vcpus=2))

    def hear(self, *observations):
        self.ledger.observe(*PLACE, Batch(tuple(observations)))

    def run(self, until, since=None):
        """Stage what is due; return what was told: the day, and its watt-hours."""
        revision = self.ledger.revision(*PLACE)
        watermark = self.ledger.messenger_watermark(*PLACE, "m", "energy")
        asked = Asked(
            self.ledger, *PLACE, "m", CONTEXT, until=at(until), since=since and at(since), watermark=watermark
        )
        due = list(EnergyMaker().due(asked))
        records = [record for one in due for record in one.records]
        messages = [
            NewMessage("energy", "energy-cim", b"[]", (Rendered(record, "").staged,)) for record in records
        ]
        mark = None if any(one.untold for one in due) else ("energy", revision)
        self.ledger.stage(*PLACE, "m", messages, at=datetime.now(UTC), watermark=mark)
        return [(f"{record.day:%m-%d}", record.energy_wh) for record in records]


@pytest.fixture
def site(ledger):
    return Site(ledger)


def test_a_day_is_told_once_it_is_over(site):
    site.hear(*day("10-01", 10, over=False, hours=13))
    assert site.run("10-01 13:30") == []

    site.hear(*day("10-01", 10))
    assert site.run("10-02 00:30") == [("10-01", "240")]
    assert site.run("10-02 01:30") == []


def test_a_server_that_had_ended_is_told_again_from_that_day_on(site):
    site.hear(*day("10-01", 10), *day("10-02", 10), *day("10-03", 10))
    assert len(site.run("10-04 00:30")) == 3

    site.hear(server(Verb.DELETED, at("10-02 06:00")))

    assert site.run("10-04 01:30") == [("10-02", "60"), ("10-03", "0")]
    assert site.run("10-04 02:30") == []


def test_samples_that_came_late_are_told_again(site):
    site.hear(*day("10-01", 10), *day("10-02", 10))
    site.run("10-03 00:30")

    late = {"power_uw": 34_000_000, "sampled_s": 3600}
    site.hear(
        said(ENERGY, "s1/2026-10-02", Verb.CHANGED, at("10-02 05:00"), accounted=late, seq=1_800_000_000)
    )

    assert site.run("10-03 01:30") == [("10-02", "264")]


def test_a_run_into_the_past_tells_no_day_that_ends_later_and_loses_none(site):
    site.hear(*day("10-01", 10), *day("10-02", 10))

    assert site.run("10-02 12:00") == [("10-01", "240")]
    assert site.run("10-03 00:30") == [("10-02", "240")]
    assert site.run("10-03 01:30", since="10-01 00:00") == []


def test_a_day_without_a_sample_has_no_record(site):
    start = at("10-01 00:00")
    site.hear(
        said(ENERGY, "s1/2026-10-01", Verb.CREATED, start, launched=True),
        said(ENERGY, "s1/2026-10-01", Verb.CHANGED, start, accounted={"power_uw": 0, "sampled_s": 0}),
        said(ENERGY, "s1/2026-10-01", Verb.DELETED, start + 24 * HOUR),
    )

    assert site.run("10-02 00:30") == []
