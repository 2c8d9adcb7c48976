"""Days that are summed up: what they say equals what their spans say, whatever comes late."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from said import CLOUD, NOVA, PLACE, at, batch, changed, created, deleted
from usance.ledger import schema
from usance.ledger.answers import Asked, By, UsageRow, Window
from usance.ledger.ledger import Ledger
from usance.model.observation import Batch, DeletionQuality, Look, Observation, Scope, Verb
from usance.model.period import Period, epoch_seconds
from usance.model.resource import IMAGE, SERVER, VOLUME, Resource
from usance.model.usage import usage

DAY0 = at("00:00")
DAYS = 6
SUSPENDED = frozenset({"suspended", "shelved"})
WHOLE = Period(DAY0, DAY0 + timedelta(days=DAYS))
LATER = WHOLE.end + timedelta(days=2)


def rows_of(ledger: Ledger, asked: Asked, **how: object) -> list[UsageRow]:
    given: dict[str, object] = {"until": LATER, "suspended_states": SUSPENDED} | how
    return list(ledger.questions.usage(asked, **given))


def table(ledger: Ledger, name: str) -> list[tuple[object, ...]]:
    one = schema.metadata.tables[name]
    with ledger._store.read() as connection:
        return [tuple(row) for row in connection.execute(select(one).order_by(*one.primary_key))]


def dirty(ledger: Ledger) -> list[tuple[str, int]]:
    first = epoch_seconds(DAY0) // 86400
    return [(str(row[2]), int(str(row[3])) - first) for row in table(ledger, "dirty_day")]


# --- both ways say the same ------------------------------------------------------------------

moments = st.one_of(
    st.integers(0, DAYS * 86400).map(float),
    # Around midnight, and within a second.
    st.builds(
        lambda day, offset: day * 86400 + offset,
        st.integers(0, DAYS),
        st.sampled_from([-0.5, 0.0, 0.25, 0.75, 1.0, -3600.0]),
    ),
)
SAID = {
    SERVER: st.fixed_dictionaries(
        {},
        optional={
            "state": st.sampled_from(["building", "active", "stopped", "suspended"]),
            "flavor": st.sampled_from(["small", "large", "nul\0"]),
            "vcpus": st.integers(1, 4),
            "ram_mib": st.sampled_from([512, 4096]),
            "disk_gib": st.integers(0, 20),
        },
    ),
    VOLUME: st.fixed_dictionaries(
        {}, optional={"size_gib": st.integers(1, 9), "volume_type": st.sampled_from(["ssd", "hdd"])}
    ),
    IMAGE: st.fixed_dictionaries({}, optional={"size_kib": st.sampled_from([1, 1 << 40])}),
}


def instant(seconds: float) -> datetime:
    return DAY0 + timedelta(seconds=seconds)


@st.composite
def observation(draw: st.DrawFn) -> Observation:
    kind = draw(st.sampled_from([SERVER, SERVER, SERVER, VOLUME, IMAGE]))
    verb = draw(st.sampled_from([Verb.CREATED, Verb.CHANGED, Verb.CHANGED, Verb.DELETED, Verb.SEEN]))
    when = instant(draw(moments))
    return Observation(
        resource=Resource("", CLOUD, kind, draw(st.sampled_from(["a", "b", "c"]))),
        verb=verb,
        at=when,
        source=NOVA,
        begin=when - timedelta(seconds=2) if verb is Verb.SEEN else None,
        accounted={} if verb is Verb.DELETED else draw(SAID[kind]),
        created_at=when if verb is Verb.CREATED else None,
        quality=DeletionQuality.DELETED_AT if verb is Verb.DELETED else None,
    )


@st.composite
def look(draw: st.DrawFn) -> Look:
    end = instant(draw(moments))
    kind = draw(st.sampled_from([SERVER, VOLUME]))
    return Look("", CLOUD, NOVA, kind, Scope.FULL, end - timedelta(seconds=2), end)


steps = st.lists(
    st.one_of(st.lists(observation(), min_size=1, max_size=4), look(), st.integers(0, DAYS + 1)),
    min_size=1,
    max_size=8,
)
periods = st.tuples(moments, moments).map(lambda pair: Period(instant(min(pair)), instant(max(pair))))
groupings = st.sets(st.sampled_from(By)).map(frozenset)


def play(ledger: Ledger, project_id: str, history: Iterable[object]) -> None:
    """Keep what was said, and sum up the days that were over at some moments in between."""
    for step in history:
        if isinstance(step, int):
            ledger.rollups.roll(DAY0 + timedelta(days=step), margin=timedelta(0), projects=[project_id])
        elif isinstance(step, Look):
            own = Look(project_id, CLOUD, step.source, step.kind, step.scope, step.begin, step.end)
            ledger.observe(project_id, CLOUD, Batch((), own))
        else:
            assert isinstance(step, list)
            ledger.observe(project_id, CLOUD, Batch(tuple(in_project(one, project_id) for one in step)))


def in_project(one: Observation, project_id: str) -> Observation:
    resource = Resource(project_id, CLOUD, one.resource.kind, one.resource.id)
    fields = {name: getattr(one, name) for name in one.__struct_fields__} | {"resource": resource}
    return Observation(**fields)


@settings(
    max_examples=2000 if os.environ.get("USANCE_SOAK") else 60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    histories=st.lists(steps, min_size=1, max_size=3),
    period=periods,
    told_apart=st.tuples(groupings, st.sampled_from([None, *Window])),
    last=st.booleans(),
)
@pytest.mark.no_cover
def test_days_and_spans_say_the_same(
    ledger: Ledger,
    histories: list[list[object]],
    period: Period,
    told_apart: tuple[frozenset[By], Window | None],
    *,
    last: bool,
) -> None:
    """Histories of projects, with days summed up here and there: figures do not tell when that was."""
    by, window = told_apart
    projects = tuple(uuid.uuid4().hex for _ in histories)
    for project_id, history in zip(projects, histories, strict=True):
        play(ledger, project_id, history)
    if last:
        ledger.rollups.roll(LATER, projects=projects[1:] or projects)
    asked = Asked(projects=projects, period=period)
    from_spans = Asked(projects=projects, period=period, as_of=at("2030-01-01T00:00:00"))

    found = rows_of(ledger, asked, by=by, window=window)

    assert found == rows_of(ledger, from_spans, by=by, window=window)
    servers = rows_of(ledger, Asked(projects=projects, kinds=(SERVER,), period=period))
    timelines = [one.timeline for own in projects for one in ledger.timelines(own, CLOUD, SERVER)]
    whole = Period(floored(period.start), floored(period.end))
    used = [usage(one, whole, suspended_states=SUSPENDED) for one in timelines]
    expected = (
        sum(one.elapsed_s for one in used),
        sum(one.suspended_s for one in used),
        sum(one.vcpu_s for one in used),
        sum(one.ram_mib_s for one in used),
        sum(one.disk_gib_s for one in used),
        0,
        sum(one.inferred_s for one in used),
        sum(one.inferred_vcpu_s for one in used),
    )
    amounts = [tuple(getattr(row.amounts, name) for name in row.amounts.__struct_fields__) for row in servers]
    assert amounts == ([expected] if expected[0] else [])
    assert [row.resources for row in servers] == ([sum(one.elapsed_s > 0 for one in used)] if amounts else [])


def floored(moment: datetime) -> datetime:
    return moment - timedelta(microseconds=moment.microsecond)


# --- when days are summed up -----------------------------------------------------------------


def test_only_days_that_are_over_by_more_than_the_margin_are_summed_up(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(created("web", "10:00")))

    early = ledger.rollups.roll(at("2026-10-02T02:59:59"))
    in_time = ledger.rollups.roll(at("2026-10-02T03:00:00"))

    assert (early.days, in_time.days) == (0, 1)
    [row] = table(ledger, "usage_day")
    columns = [column.name for column in schema.usage_day.columns]
    named = dict(zip(columns, row, strict=True))
    assert (named["resources"], named["begun"]) == (1, 1)
    assert (named["seconds"], named["vcpu_s"]) == (14 * 3600, 28 * 3600)


def test_a_second_time_there_is_nothing_to_do(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(created("web", "10:00")))
    ledger.rollups.roll(at("2026-10-05T12:00:00"))

    again = ledger.rollups.roll(at("2026-10-05T12:00:00"))

    assert (again.projects, again.days, again.finished) == (0, 0, True)


def test_a_late_event_makes_the_days_dirty_that_it_changes_and_no_others(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(created("web", "10:00"), changed("web", "2026-10-05T10:00:00", state="off")))
    ledger.rollups.roll(at("2026-10-08T12:00:00"))

    ledger.observe(*PLACE, batch(changed("web", "2026-10-03T10:00:00", vcpus=8)))
    resized = dirty(ledger)
    ledger.rollups.roll(at("2026-10-08T12:00:00"))
    ledger.observe(
        *PLACE,
        batch(created("db", "2026-10-02T10:00:00"), deleted("db", "2026-10-02T11:00:00")),
    )

    assert resized == [(SERVER, day) for day in range(2, 7)]
    assert dirty(ledger) == [(SERVER, 1)]


def test_what_happens_after_the_last_day_makes_nothing_dirty(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(created("web", "10:00")))
    ledger.rollups.roll(at("2026-10-08T12:00:00"))

    ledger.observe(
        *PLACE,
        batch(changed("web", "2026-10-08T01:00:00", state="stopped"), created("db", "2026-10-08T02:00:00")),
    )

    assert dirty(ledger) == []


def test_a_change_while_days_are_summed_up_is_not_lost(ledger: Ledger) -> None:
    """Somebody writes between the claim of the days and the keeping of their sums."""
    ledger.observe(*PLACE, batch(created("web", "10:00")))
    asked = 0

    def write_meanwhile() -> bool:
        nonlocal asked
        asked += 1
        if asked == 2:
            ledger.observe(*PLACE, batch(changed("web", "2026-10-02T10:00:00", vcpus=8)))
        return False

    rolled = ledger.rollups.roll(at("2026-10-04T12:00:00"), stop=write_meanwhile)

    assert (rolled.days, dirty(ledger)) == (1, [(SERVER, 1), (SERVER, 2)])
    assert ledger.rollups.roll(at("2026-10-04T12:00:00")).days == 2
    [found] = rows_of(ledger, Asked(period=WHOLE), until=at("2026-10-03T00:00:00"))
    assert found.amounts.vcpu_s == 24 * 3600 * 2 + 14 * 3600 * 8


def test_days_of_one_that_is_told_to_stop_are_kept(ledger: Ledger) -> None:
    for number in range(3):
        project = f"project{number}"
        ledger.observe(project, CLOUD, batch(created("web", "10:00", project_id=project)))
    answers = iter([False, False, True])

    first = ledger.rollups.roll(at("2026-10-04T12:00:00"), stop=lambda: next(answers))
    second = ledger.rollups.roll(at("2026-10-04T12:00:00"))

    assert (first.projects, first.days, first.finished) == (1, 3, False)
    assert (second.projects, second.days, second.finished) == (2, 6, True)


def test_amounts_that_no_database_holds_are_told_from_spans(ledger: Ledger) -> None:
    ledger.observe(
        *PLACE, batch(created("web", "10:00", ram_mib=(1 << 62)), created("db", "10:00", ram_mib=1))
    )

    rolled = ledger.rollups.roll(at("2026-10-04T12:00:00"))
    [found] = rows_of(ledger, Asked(period=WHOLE), until=at("2026-10-02T00:00:00"))

    assert rolled.days == 0
    assert found.amounts.ram_mib_s == 14 * 3600 * ((1 << 62) + 1)


def test_sums_of_many_days_may_be_greater_than_an_integer_of_the_database(ledger: Ledger) -> None:
    largest = ((1 << 63) - 1) // 86400
    ledger.observe(*PLACE, batch(created("web", "00:00", ram_mib=largest)))

    rolled = ledger.rollups.roll(at("2026-10-07T12:00:00"))
    [found] = rows_of(ledger, Asked(period=WHOLE))

    assert rolled.days == 6
    assert found.amounts.ram_mib_s == 6 * 86400 * largest


def test_a_server_of_the_year_1970_makes_no_days_before_openstack(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(created("web", "1970-01-01T00:00:00")))

    ledger.rollups.roll(at("2010-01-05T12:00:00"))
    [found] = rows_of(ledger, Asked(period=Period(at("1970-01-01T00:00:00"), at("2010-01-06T00:00:00"))))

    assert len(table(ledger, "usage_day")) == 4
    assert found.amounts.seconds == epoch_seconds(at("2010-01-06T00:00:00"))


def test_projects_are_summed_up_for_themselves(ledger: Ledger) -> None:
    for project in ("one", "two"):
        ledger.observe(project, CLOUD, batch(created("web", "10:00", project_id=project)))

    rolled = ledger.rollups.roll(at("2026-10-04T12:00:00"), projects=["two"])

    assert rolled.projects == 1
    assert {row[0] for row in table(ledger, "usage_day")} == {"two"}
