"""Which storage records are made again, and that any number of runs leaves what one run would."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from server_timelines import at
from storage_timelines import StarDatabase, gib_seconds, volume
from usance.ledger.values import Changed, StagedRecord
from usance.messengers.storage_due import StorageMaker, due_records
from usance.model.observation import Look, Observation, Scope, Verb
from usance.model.resource import Resource
from usance.model.timeline import timeline as made_of
from usance.records.context import RecordContext
from usance.records.storage_star import StorageStar

CONTEXT = RecordContext("TEST-Site", "cloud.test.org", "vo.example.org")
FORM = StorageStar()


class Outbox:
    """What one messenger was told of one volume, and what the receiver made of it."""

    def __init__(self):
        self.staged = {}
        self.receiver = StarDatabase()

    def run(self, timeline, until, *, changed_from=None, since=None, waiting=()):
        """Stage and deliver what is due; return the ends of the keys told."""
        changed = Changed(timeline, 1, changed_from)
        records = list(due_records(changed, self.staged, until, CONTEXT, since=since, waiting=waiting))
        for record in records:
            text = FORM.render(record)
            assert FORM.findings(record, text) == []
            assert record.key not in self.staged or self.staged[record.key].created_at <= record.created_at
            self.receiver.load(FORM.pack([text]))
            self.staged[record.key] = StagedRecord(record.digest, record.created_at)
        return [record.key.split("/", 3)[3] for record in records]


def test_the_first_run_tells_every_month_and_the_next_one_only_what_grew():
    outbox = Outbox()
    timeline = volume(("2026-08-30", {}), ("2026-10-02", {"size_gib": 20}))

    assert outbox.run(timeline, at("2026-10-05"), changed_from=at("2026-08-30")) == [
        "2026-08/0",
        "2026-09/0",
        "2026-10/0",
        "2026-10/1",
    ]
    assert outbox.run(timeline, at("2026-10-06")) == ["2026-10/1"]
    assert outbox.run(timeline, at("2026-10-06")) == []


def test_a_month_that_ended_between_two_runs_is_told_whole():
    outbox = Outbox()
    timeline = volume(("2026-10-20", {}))
    outbox.run(timeline, at("2026-10-31"), changed_from=at("2026-10-20"))

    assert outbox.run(timeline, at("2026-11-02")) == ["2026-10/0", "2026-11/0"]
    assert outbox.receiver.gib_seconds == gib_seconds(timeline, at("2026-11-02"))


def test_a_late_fact_that_makes_one_interval_of_two_takes_the_second_back():
    outbox = Outbox()
    outbox.run(
        volume(("2026-10-01", {}), ("2026-10-05", {"size_gib": 20})),
        at("2026-10-10"),
        changed_from=at("2026-10-01"),
    )
    known_better = volume(("2026-10-01", {"size_gib": 20}))

    told = outbox.run(known_better, at("2026-10-10"), changed_from=at("2026-10-01"))

    assert told == ["2026-10/0", "2026-10/1"]
    assert outbox.receiver.gib_seconds == gib_seconds(known_better, at("2026-10-10"))
    assert outbox.run(known_better, at("2026-10-10"), changed_from=at("2026-10-01")) == []


def test_a_life_that_turns_out_shorter_takes_its_last_months_back():
    outbox = Outbox()
    outbox.run(volume(("2026-08-15", {})), at("2026-10-10"), changed_from=at("2026-08-15"))
    shorter = volume(("2026-08-15", {}), end="2026-09-03")

    assert outbox.run(shorter, at("2026-10-11"), changed_from=at("2026-09-03")) == ["2026-09/0", "2026-10/0"]
    assert outbox.receiver.gib_seconds == gib_seconds(shorter, at("2026-10-11"))


def test_what_was_stated_is_never_stated_up_to_an_earlier_instant():
    outbox = Outbox()
    timeline = volume(("2026-10-01", {}))
    outbox.run(timeline, at("2026-10-10"), changed_from=at("2026-10-01"))

    assert outbox.run(timeline, at("2026-10-05")) == []
    assert StorageMaker().counted_until(outbox.staged, at("2026-10-05")) == at("2026-10-10")


def test_what_waits_in_quarantine_is_made_again():
    outbox = Outbox()
    timeline = volume(("2026-08-15", {}))
    outbox.run(timeline, at("2026-10-10"), changed_from=at("2026-08-15"))
    key = next(one for one in outbox.staged if "2026-09" in one)
    del outbox.staged[key]

    assert outbox.run(timeline, at("2026-10-10"), waiting=(key,)) == ["2026-09/0"]


BEGIN = at("2026-08-20")
RESOURCE = Resource("project1", "region1", "volume", "volume1")
MOMENTS = st.integers(0, 100 * 24)  # hours
CHANGES = st.lists(
    st.tuples(MOMENTS, st.integers(1, 4), st.sampled_from(["standard", "fast"])),
    min_size=1,
    max_size=5,
    unique_by=lambda one: one[0],
)


@given(CHANGES, st.integers(1, 100 * 24) | st.none(), st.lists(MOMENTS, max_size=8), st.data())
def test_any_runs_leave_at_the_receiver_what_one_run_would(changes, lasts, runs, data):
    """Facts come late and in any order; the runs between tell what is known then."""
    lines = sorted(changes, key=lambda one: one[0])
    begin = BEGIN + timedelta(hours=lines[0][0])
    facts = [
        Observation(
            resource=RESOURCE,
            verb=Verb.CREATED if place == 0 else Verb.CHANGED,
            at=BEGIN + timedelta(hours=hour),
            source="test",
            accounted={"size_gib": size, "volume_type": kind, "user_id": "user1"},
            launched=True,
        )
        for place, (hour, size, kind) in enumerate(lines)
    ]
    if lasts is not None:
        facts.append(
            Observation(
                resource=RESOURCE, verb=Verb.DELETED, at=begin + timedelta(hours=lasts), source="test"
            )
        )
    learned = data.draw(st.lists(MOMENTS, min_size=len(facts), max_size=len(facts)))
    last = BEGIN + timedelta(days=120)
    outbox, known = Outbox(), None

    for run in [*sorted(runs), None]:
        until = last if run is None else BEGIN + timedelta(hours=run)
        said = [one for one, hour in zip(facts, learned, strict=True) if run is None or hour <= run]
        now = made_of(said)
        if now is None:
            continue
        # The ledger says from when a timeline differs; from its beginning is always true.
        changed_from = (
            min(now.begin, known.begin if known is not None else now.begin) if now != known else None
        )
        outbox.run(now, until, changed_from=changed_from)
        known = now

    once = Outbox()
    once.run(made_of(facts), last, changed_from=begin)
    assert outbox.receiver.stated == once.receiver.stated
    assert outbox.receiver.gib_seconds == gib_seconds(made_of(facts), last)


def test_what_was_only_seen_in_looks_is_stated_too():
    looks = [
        Look(
            "project1",
            "region1",
            "cinder-volumes",
            "volume",
            Scope.FULL,
            at(one),
            at(one) + timedelta(seconds=1),
        )
        for one in ("2026-10-02", "2026-10-03")
    ]
    seen = Observation(
        resource=RESOURCE,
        verb=Verb.SEEN,
        at=looks[0].end,
        begin=looks[0].begin,
        source="cinder-volumes",
        accounted={"size_gib": 3, "volume_type": "fast", "user_id": "user1"},
        created_at=at("2026-10-01"),
        launched=True,
    )

    found = made_of([seen], looks)

    assert Outbox().run(found, at("2026-10-04"), changed_from=found.begin) == ["2026-10/0"]
