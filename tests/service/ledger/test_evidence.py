"""What a timeline follows from can be asked for, with what is not in the ledger beside it."""

from datetime import UTC, datetime, timedelta

from usance.model.observation import Batch, Look, Observation, Scope, Verb
from usance.model.resource import STATE, Resource
from usance.model.timeline import timeline

PLACE = ("project1", "region1", "server")
WEB = Resource("project1", "region1", "server", "web")
NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def seen(at: datetime, state: str, source: str = "nova") -> Observation:
    return Observation(WEB, Verb.SEEN, at, source, begin=at - timedelta(seconds=3), accounted={STATE: state})


def look(at: datetime) -> Look:
    begin = at - timedelta(seconds=3)
    return Look("project1", "region1", "nova", "server", Scope.FULL, begin=begin, end=at)


def test_the_timeline_follows_from_what_is_answered(ledger):
    ledger.observe("project1", "region1", Batch((seen(NOON, "active"),), look(NOON)))
    for hours in range(1, 40):
        ledger.observe("project1", "region1", Batch((), look(NOON + hours * HOUR)))

    known = ledger.evidence.of(*PLACE, ["web"])["web"]

    [kept] = ledger.timelines(*PLACE)
    assert timeline(known.observations, known.looks) == kept.timeline


def test_looks_about_what_is_beside_the_ledger_are_answered_too(ledger):
    """An observation of the past meets the silence of the looks around it."""
    ledger.observe("project1", "region1", Batch((seen(NOON, "active"),), look(NOON)))
    for hours in range(1, 400):
        ledger.observe("project1", "region1", Batch((), look(NOON + hours * HOUR)))
    late = seen(NOON + 200 * HOUR + timedelta(minutes=30), "stopped", "nova-audit")

    alone = ledger.evidence.of(*PLACE, ["web"])["web"]
    beside = ledger.evidence.of(*PLACE, ["web"], beside={"web": [late]})["web"]

    after = look(NOON + 201 * HOUR)
    assert after in beside.looks
    assert after not in alone.looks
    life = timeline([*beside.observations, late], beside.looks)
    assert [span.values[STATE] for span in life.spans] == ["active", "stopped", "active"]


def test_of_what_nobody_spoke_of_only_the_looks_are_answered(ledger):
    ledger.observe("project1", "region1", Batch((), look(NOON)))

    assert ledger.evidence.of(*PLACE, ["web"])["web"].observations == ()
    assert ledger.evidence.of(*PLACE, ["web"])["web"].looks == (look(NOON),)


def test_what_lives_is_known_whoever_told_of_it(ledger):
    ended = Observation(
        Resource(*PLACE, "old"), Verb.DELETED, NOON + HOUR, "nova-notifications", created_at=NOON
    )
    ledger.observe("project1", "region1", Batch((seen(NOON, "active", "nova-audit"), ended)))

    assert ledger.evidence.living(*PLACE) == {"web"}
    assert ledger.evidence.living("project2", "region1", "server") == set()


def test_what_another_project_has_or_had_is_known_to_be_elsewhere(ledger):
    ledger.observe("project1", "region1", Batch((seen(NOON, "active"),)))

    assert ledger.evidence.elsewhere("project2", "region1", "server", ["web", "other"]) == {"web"}
    assert ledger.evidence.elsewhere("project1", "region1", "server", ["web"]) == set()
    assert ledger.evidence.elsewhere("project2", "region2", "server", ["web"]) == set()
