"""Whatever is observed, in whatever order and however often it fails: the ledger equals the pure timeline."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from said import BUS, NOVA, at
from usance.ledger.difference import differs_from
from usance.ledger.keeping import whole
from usance.ledger.ledger import Ledger
from usance.ledger.observing import observe
from usance.ledger.values import Heard, Observed
from usance.model.observation import Batch, DeletionQuality, Look, Observation, Scope, Verb
from usance.model.period import Period
from usance.model.resource import SERVER, Resource
from usance.model.span import Memory, Timeline
from usance.model.timeline import timeline

CLOUD = "region1"
TOLERANCE = timedelta(seconds=5)
DAY = at("00:00")
NAMES = ["a", "b", "c"]
AUDIT = "audit"  # a second source that looks

seconds = st.integers(0, 300)
accounted = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(["building", "active", "stopped"]),
        "flavor": st.sampled_from(["small", "large"]),
    },
)


class Crash(Exception):  # noqa: N818  # it stands for a crash, not for an error
    """The process dies before the transaction is committed."""


@st.composite
def exact(draw: st.DrawFn, name: str | None = None, after: int = 0) -> dict[str, object]:
    verb = draw(st.sampled_from([Verb.CREATED, Verb.CHANGED, Verb.CHANGED, Verb.CHANGED, Verb.DELETED]))
    moment = after + draw(seconds) + draw(st.sampled_from([0.0, 0.0, 0.25]))
    said = draw(accounted)
    begin = draw(st.sampled_from([None, 0, 3, 20]))
    return {
        "name": name or draw(st.sampled_from(NAMES)),
        "verb": verb,
        "at": moment,
        "source": draw(st.sampled_from([BUS, BUS, NOVA])),
        "begin": None if begin is None else moment - begin,
        "resolution_us": draw(st.sampled_from([0, 0, 1_000_000])),
        "accounted": {} if verb is Verb.DELETED else said,
        "untold": tuple(
            one
            for one in ("state", "flavor")
            if one not in said and draw(st.sampled_from([False, False, True]))
        ),
        "created_at": moment if verb is Verb.CREATED else None,
        "occurrence": draw(st.sampled_from([None, "req-1", "req-2"])),
        "seq": draw(st.sampled_from([None, None, None, 1, 2])),
        "quality": draw(st.sampled_from(DeletionQuality)) if verb is Verb.DELETED else None,
    }


@st.composite
def sighting(draw: st.DrawFn) -> dict[str, object]:
    verb = draw(st.sampled_from([Verb.SEEN, Verb.SEEN, Verb.GONE]))
    return {
        "name": draw(st.sampled_from(NAMES)),
        "verb": verb,
        "accounted": draw(accounted) if verb is Verb.SEEN else {},
        "described": draw(st.sampled_from([{}, {"name": "web"}, {"name": "db"}])),
        "created_at": draw(st.sampled_from([None, 0, 40])) if verb is Verb.SEEN else None,
    }


class LedgerMachine(RuleBasedStateMachine):
    """A project of three servers, watched by a bus and by two sources that look."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.project_id = uuid.uuid4().hex
        self.ledger = Ledger.open(self.url, tolerance=TOLERANCE)
        self.said: dict[str, Observation] = {}
        self.looks: set[Look] = set()
        self.batches: list[Batch] = []
        self.then: dict[int, dict[str, Timeline]] = {0: {}}  # what the timelines were, by revision
        self.now = 0  # the latest moment of anything that came in order

    def teardown(self) -> None:
        self.ledger.close()

    def moment(self, offset: object) -> datetime | None:
        return None if offset is None else DAY + timedelta(seconds=offset)

    def observation(self, fields: dict[str, object]) -> Observation:
        fields = dict(fields)
        resource = Resource(self.project_id, CLOUD, SERVER, str(fields.pop("name")))
        for one in ("at", "begin", "created_at"):
            if not isinstance(fields.get(one), datetime):
                fields[one] = self.moment(fields.get(one))
        return Observation(resource=resource, **fields)

    def keep(self, batch: Batch, *, heard: bool = False) -> None:
        """Observe a batch, or hear what is in it."""
        said = {one.key: one for one in batch.observations}
        before = self.ledger.revision(self.project_id, CLOUD)

        if heard:
            kept = self.ledger.hear(Heard(batch.observations))
            revision = self.ledger.revision(self.project_id, CLOUD)
            observed = Observed(kept.inserted, kept.duplicates, kept.changed, revision)
        else:
            observed = self.ledger.observe(self.project_id, CLOUD, batch)

        assert observed.inserted == len(said.keys() - self.said.keys())
        assert observed.duplicates == len(batch.observations) - observed.inserted
        is_news = observed.inserted > 0 or batch.look not in {None, *self.looks}
        assert observed.revision == before + is_news
        self.said |= said
        if batch.look is not None:
            self.looks.add(batch.look)
        self.batches.append(batch)
        self.then[observed.revision] = {
            one.timeline.resource.id: one.timeline
            for one in self.ledger.timelines(self.project_id, CLOUD, SERVER)
        }

    @rule(said=st.lists(exact(), max_size=5), heard=st.booleans())
    def hear_anything(self, said: list[dict[str, object]], *, heard: bool) -> None:
        self.keep(Batch(tuple(self.observation(one) for one in said)), heard=heard)

    @rule(name=st.sampled_from(NAMES), said=st.lists(st.tuples(accounted, st.integers(0, 9)), max_size=6))
    def hear_of_one(self, name: str, said: list[tuple[dict[str, str], int]]) -> None:
        """Several messages of one server in one batch, mostly in order and close to each other."""
        batch = []
        for values, pause in said:
            self.now = max(self.now, 320) + pause
            fields = {
                "name": name,
                "verb": Verb.CHANGED if batch else Verb.CREATED,
                "at": self.now,
                "source": BUS,
                "accounted": values,
                "occurrence": f"req-{self.now // 7}",
            }
            batch.append(self.observation(fields))
        self.keep(Batch(tuple(batch)), heard=True)

    @rule(name=st.sampled_from(NAMES), values=accounted, pause=st.integers(-20, 30))
    def hear_in_order(self, name: str, values: dict[str, str], pause: int) -> None:
        """Mostly later than all that is known; sometimes earlier than the last look, which was silent."""
        when = max(self.now, 320) + pause
        self.now = max(self.now, when)
        fields = {
            "name": name,
            "verb": Verb.CHANGED,
            "at": when,
            "source": BUS,
            "accounted": values,
            "occurrence": f"req-{when}",
        }
        self.keep(Batch((self.observation(fields),)), heard=pause % 2 == 0)

    @rule(
        source=st.sampled_from([NOVA, NOVA, AUDIT]),
        scope=st.sampled_from(Scope),
        when=st.one_of(st.none(), seconds),
        width=st.integers(0, 8),
        said=st.lists(sighting(), max_size=3, unique_by=lambda one: str(one["name"])),
        found=st.lists(exact(), max_size=2),
        early=st.booleans(),
    )
    def look(  # noqa: PLR0917  # Hypothesis gives them by name
        self,
        source: str,
        scope: Scope,
        when: int | None,
        width: int,
        said: list[dict[str, object]],
        found: list[dict[str, object]],
        early: bool,
    ) -> None:
        """Look now or long ago; the sightings come with the look or in a batch before it."""
        if when is None:
            self.now = max(self.now, 320) + width + 1
            when = self.now
        window = Look(
            self.project_id,
            CLOUD,
            source,
            SERVER,
            scope,
            DAY + timedelta(seconds=when - width),
            DAY + timedelta(seconds=when),
        )
        sightings = tuple(
            self.observation(one | {"source": source, "at": window.end, "begin": window.begin})
            for one in said
        )
        claims = tuple(self.observation(one | {"source": source}) for one in found)
        if early:
            self.keep(Batch(claims + sightings))
            self.keep(Batch(look=window))
        else:
            self.keep(Batch(claims + sightings, window))

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        if self.batches:
            batch = data.draw(st.sampled_from(self.batches))
            self.keep(batch)

    @rule(said=st.lists(exact(), min_size=1, max_size=3))
    def crash(self, said: list[dict[str, object]]) -> None:
        batch = Batch(tuple(self.observation(one) for one in said))
        with pytest.raises(Crash):
            self.die_after(batch)

    def die_after(self, batch: Batch) -> None:
        with self.ledger._store.write() as connection:
            observe(connection, self.project_id, CLOUD, batch, tolerance=TOLERANCE, now=DAY, rewind=False)
            raise Crash

    @invariant()
    def timelines_are_those_of_all_that_was_said(self) -> None:
        kept = {
            one.timeline.resource.id: one.timeline
            for one in self.ledger.timelines(self.project_id, CLOUD, SERVER)
        }
        for name in NAMES:
            own = [one for one in self.said.values() if one.resource.id == name]
            expected = timeline(own, self.looks, tolerance=TOLERANCE)
            assert kept.get(name) == expected
            if expected is not None:
                memory = self.memory(name)
                assert memory.heard_until == expected.memory.heard_until
                assert memory.occurrences == expected.memory.occurrences
                assert memory.plain == expected.memory.plain

    def memory(self, name: str) -> Memory:
        """Return what is kept for those who extend a timeline; those who read it don't get it."""
        with self.ledger._store.read() as connection:
            resource = Resource(self.project_id, CLOUD, SERVER, name)
            return whole(connection, [resource])[resource].timeline.memory

    @invariant()
    def a_change_is_told_with_the_instant_from_which_it_counts(self) -> None:
        revisions = sorted(self.then)
        for since in {revisions[0], revisions[len(revisions) // 2], *revisions[-2:]}:
            then = self.then[since]
            news = {
                one.timeline.resource.id: one
                for one in self.ledger.timelines(
                    self.project_id, CLOUD, SERVER, since_revision=since, touching=Period(DAY, DAY)
                )
            }
            for name, now in self.then[max(self.then)].items():
                if name not in then:
                    assert news[name].changed_from == now.begin
                    continue
                differs = differs_from(then[name], now)
                told = news[name].changed_from if name in news else None
                assert differs is None or (told is not None and told <= differs), (told, differs)


@pytest.fixture
def machine(ledger_url: str) -> type[LedgerMachine]:
    return type("Machine", (LedgerMachine,), {"url": ledger_url})


@pytest.mark.no_cover
def test_ledger_equals_the_timeline_of_all_that_was_said(machine: type[LedgerMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=12,
            suppress_health_check=list(HealthCheck),
        ),
    )
