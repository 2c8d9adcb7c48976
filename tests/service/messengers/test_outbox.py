"""Staging and delivery on a real ledger, judged by what APEL would keep."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apel_arithmetic import ApelDatabase
from server_timelines import SMALL, at
from usance.config.settings import MessengerSettings
from usance.ledger.ledger import Ledger
from usance.ledger.values import MessageState
from usance.messengers.messenger import RefusedError
from usance.messengers.outbox import deliver, records_that_would_go, stage
from usance.messengers.ssm import SsmMessenger
from usance.model.errors import DeliveryError
from usance.model.observation import Batch, DeletionQuality, Observation, Verb
from usance.model.resource import Resource
from usance.records.context import RecordContext
from usance.records.validate_cloud import message_findings

SUSPENDED = frozenset({"suspended"})
CONTEXT = RecordContext("TEST-Site", "cloud.test.org", "vo.example.org", suspended_states=SUSPENDED)
PLACE = ("project1", "region1")


class Site:
    """A ledger, one messenger that keeps what it was given, and APEL behind it."""

    def __init__(self, max_size=100):
        self.ledger = Ledger.open("sqlite://")
        self.messenger = Recorder(max_size)
        self.apel = ApelDatabase()
        self.context = CONTEXT
        self.clock = itertools.count()

    def observe(self, *observations):
        self.ledger.observe(*PLACE, Batch(tuple(observations)))

    def stage(self, until, **options):
        now = at("2027-06-01") + timedelta(seconds=next(self.clock))
        return stage(self.ledger, *PLACE, self.messenger, self.context, until=until, now=now, **options)

    def run(self, until, **options):
        """Stage and deliver; return (month, status) of the records that went out."""
        self.stage(until, **options)
        sent = len(self.messenger.sent)
        deliver(self.ledger, self.messenger, now=until)
        bodies = [message.body for message in self.messenger.sent[sent:]]
        assert not [finding for body in bodies for finding in message_findings(body)]
        self.apel.load_all(bodies)
        return bodies

    def months(self):
        return {f"{month:02}": one.wall_s for (_, month), one in self.apel.site_months().items()}


class Recorder(SsmMessenger):
    """Keeps messages instead of writing them; refuses or fails as it is told to."""

    def __init__(self, max_size):
        super().__init__(MessengerSettings("ssm", {"max_size": str(max_size)}))
        self.sent = []
        self.troubles = []

    def send(self, message):
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is not None:
            raise trouble
        self.sent.append(message)


def resource(number=0):
    return Resource(*PLACE, "server", f"server-{number:05}")


def created(when, number=0, **values):
    instant = at(when) if isinstance(when, str) else when
    return Observation(
        resource(number),
        Verb.CREATED,
        instant,
        "nova",
        accounted={**SMALL, **values},
        described={"name": f"vm{number}"},
        created_at=instant,
        launched=True,
        occurrence=f"create-{number}",
    )


def changed(when, number=0, **values):
    instant = at(when) if isinstance(when, str) else when
    return Observation(
        resource(number), Verb.CHANGED, instant, "nova", accounted=values, occurrence=f"{when}"
    )


def deleted(when, number=0):
    instant = at(when) if isinstance(when, str) else when
    return Observation(
        resource(number),
        Verb.DELETED,
        instant,
        "nova",
        quality=DeletionQuality.TERMINATED_AT,
        occurrence="delete",
    )


@pytest.fixture
def site():
    made = Site()
    yield made
    made.ledger.close()


def test_a_second_run_sends_only_what_still_runs(site):
    site.observe(created("2026-10-30", 1), created("2026-10-30", 2), deleted("2026-10-31", 2))

    (first,) = site.run(at("2026-11-02"))
    (second,) = site.run(at("2026-11-03"))

    assert (first.count(b"VMUUID"), second.count(b"VMUUID")) == (3, 1)
    assert site.run(at("2026-11-03")) == []
    assert site.months() == {"10": 3 * 86400, "11": 2 * 86400}


def test_records_are_packed_into_messages_of_the_configured_size():
    site = Site(max_size=10)
    site.observe(*(created("2026-11-01", number) for number in range(25)))

    bodies = site.run(at("2026-11-02"))

    assert [body.count(b"VMUUID") for body in bodies] == [10, 10, 5]


def test_a_late_change_goes_out_for_its_month_and_the_later_ones(site):
    site.observe(created("2026-08-15"))
    site.run(at("2026-11-02"))
    site.observe(changed("2026-09-10", state="suspended"), changed("2026-09-20", state="active"))

    (body,) = site.run(at("2026-11-03"))

    assert body.count(b"VMUUID") == 3
    assert site.months() == {"08": 17 * 86400, "09": 20 * 86400, "10": 31 * 86400, "11": 2 * 86400}


def test_making_everything_again_stages_nothing_that_was_staged(site):
    """So a run that was killed before its last transaction is completed by the next one."""
    site.observe(created("2026-09-01"), created("2026-10-30", 1), deleted("2026-10-31", 1))
    first = site.stage(at("2026-11-02"))

    again = site.stage(at("2026-11-02"), since=at("2020-01-01"))

    assert (first.records, again.records) == (4, 0)


def test_a_run_that_ends_in_the_past_loses_nothing_that_ended_after_it(site):
    site.observe(created("2026-10-01"), deleted("2026-10-20"))

    site.run(at("2026-10-15"))
    assert site.months() == {"10": 14 * 86400}
    site.run(at("2026-11-10"))

    assert site.months() == {"10": 19 * 86400}


def test_a_project_without_a_vo_is_held_back_and_goes_out_once_it_has_one(site):
    site.observe(created("2026-10-30", 1), deleted("2026-10-31", 1), created("2026-10-30", 2))
    site.context = RecordContext("TEST-Site", "cloud.test.org", None)

    result = site.stage(at("2026-11-02"))
    assert (result.records, result.quarantined) == (0, 3)
    reasons = {one.quarantine.reason for one in site.ledger.quarantined(*PLACE, "ssm")}
    assert reasons == {"FQAN: no VO is mapped to project project1"}

    site.context = CONTEXT
    site.run(at("2026-11-03"))

    assert site.ledger.quarantined(*PLACE, "ssm") == []
    assert site.months() == {"10": 3 * 86400, "11": 2 * 86400}


def test_one_record_that_can_not_go_holds_back_no_other(site):
    nameless = created("2026-11-01", 1)
    flavorless = Observation(
        resource(2),
        Verb.CREATED,
        at("2026-11-01"),
        "nova",
        accounted={"state": "active", "user_id": "user1"},
        created_at=at("2026-11-01"),
        launched=True,
    )
    site.observe(nameless, flavorless)

    result = site.stage(at("2026-11-02"))

    assert (result.records, result.quarantined) == (1, 1)
    (held,) = site.ledger.quarantined(*PLACE, "ssm")
    assert held.quarantine.reason.startswith("vcpus: nobody told it")


def test_what_is_told_of_a_held_back_server_later_goes_out(site):
    bare = Observation(
        resource(1),
        Verb.CREATED,
        at("2026-10-30"),
        "nova",
        accounted={"state": "active"},
        created_at=at("2026-10-30"),
        launched=True,
    )
    site.observe(bare)
    site.stage(at("2026-11-02"))
    site.observe(changed("2026-10-30 00:00:01", 1, **SMALL))

    site.run(at("2026-11-03"))

    assert site.ledger.quarantined(*PLACE, "ssm") == []
    assert site.months() == {"10": 2 * 86400, "11": 2 * 86400}


def test_a_dry_run_shows_what_would_go_and_writes_nothing(site):
    site.observe(created("2026-10-30"))

    would_go = list(
        records_that_would_go(site.ledger, *PLACE, site.messenger, CONTEXT, until=at("2026-11-02"))
    )

    assert [one.record.key for one in would_go] == [f"cloud/server-00000/2026-{month}" for month in (10, 11)]
    assert site.ledger.pending("ssm", limit=10) == []
    assert site.stage(at("2026-11-02")).records == 2


def test_a_failure_stops_the_messenger_and_the_next_run_completes_it():
    site = Site(max_size=1)
    site.observe(*(created("2026-11-01", number) for number in range(3)))
    site.stage(at("2026-11-02"))
    site.messenger.troubles = [None, DeliveryError("the disk is full", hint="make room")]

    result = deliver(site.ledger, site.messenger, now=at("2026-11-02"))

    assert (result.delivered, result.failed, result.reason) == (1, 1, "the disk is full (make room)")
    (message, _) = site.ledger.pending("ssm", limit=10)
    assert (message.attempts, message.reason) == (1, "the disk is full (make room)")
    assert deliver(site.ledger, site.messenger, now=at("2026-11-02")).delivered == 2
    assert [message.id for message in site.messenger.sent] == sorted(one.id for one in site.messenger.sent)


def test_a_message_that_is_refused_for_good_does_not_hold_back_the_others():
    site = Site(max_size=1)
    site.observe(*(created("2026-11-01", number) for number in range(3)))
    site.stage(at("2026-11-02"))
    site.messenger.troubles = [RefusedError("too large")]

    result = deliver(site.ledger, site.messenger, now=at("2026-11-02"))

    assert (result.delivered, result.failed, result.reason) == (2, 1, "too large")
    (status,) = site.ledger.status().messengers
    assert (status.dead, status.pending, status.last_reason) == (1, 0, "too large")


def test_a_fault_of_a_messenger_is_kept_as_the_reason(site):
    site.observe(created("2026-11-01"))
    site.stage(at("2026-11-02"))
    site.messenger.troubles = [KeyError("body")]

    result = deliver(site.ledger, site.messenger, now=at("2026-11-02"))

    assert result.reason == "The messenger ssm has a fault: KeyError: 'body'"
    assert site.ledger.pending("ssm", limit=1)[0].state is MessageState.PENDING


def test_messengers_do_not_share_what_they_were_told(site):
    site.observe(created("2026-11-01"))
    other = Recorder(100)
    other.name = "file"

    site.stage(at("2026-11-02"))
    result = stage(site.ledger, *PLACE, other, CONTEXT, until=at("2026-11-02"), now=at("2027-01-01"))

    assert result.records == 1


def test_a_messenger_that_carries_no_cloud_records_is_told_nothing(site):
    site.observe(created("2026-11-01"))
    site.messenger.record_types = frozenset({"ip"})

    assert site.stage(at("2026-11-02")).records == 0


HOURS = st.integers(0, 100 * 24)


@settings(max_examples=15)
@given(
    lives=st.lists(st.tuples(HOURS, st.lists(HOURS, max_size=2), st.none() | HOURS), min_size=1, max_size=4),
    runs=st.lists(HOURS, max_size=5),
)
@pytest.mark.no_cover
def test_any_number_of_runs_leaves_apel_as_one_run_would(lives, runs):
    def instant(hours):
        return at("2026-08-20") + timedelta(hours=hours)

    events = []
    for number, (begin, changes, length) in enumerate(lives):
        events.append((instant(begin), created(instant(begin), number)))
        for place, offset in enumerate(changes):
            when = instant(begin + offset) + timedelta(seconds=1)
            state = "suspended" if place % 2 else "active"
            events.append((when, changed(when, number, state=state, vcpus=1 + place)))
        if length is not None:
            when = instant(begin + length + 24)
            events.append((when, deleted(when, number)))
    many, single = Site(), Site()
    last = at("2027-05-05")

    known = 0
    events.sort(key=lambda event: event[0])
    for until in [*sorted(instant(hours) for hours in runs), last]:
        news = [one for when, one in events[known:] if when <= until]
        known += len(news)
        if news:
            many.observe(*news)
        many.run(until)
    single.observe(*(one for _, one in events))
    single.run(last)

    assert many.apel.state() == single.apel.state()
    assert all(one.wall_s >= 0 and one.cpu_s >= 0 for one in many.apel.months().values())
    many.ledger.close()
    single.ledger.close()
