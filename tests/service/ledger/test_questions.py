"""What the ledger answers to those who bill, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import update

from said import BUS, CLOUD, PLACE, PROJECT, at, batch, changed, created, deleted, look, seen
from usance.ledger import schema
from usance.ledger.answers import Asked, By, Cursor, Sort, SpanRow, What, Window
from usance.ledger.ledger import Ledger
from usance.model.observation import Batch, Observation, Verb
from usance.model.period import Period
from usance.model.resource import VOLUME, Resource

DAY = Period(at("00:00"), at("2026-10-02T00:00:00"))


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """Two projects with servers and a volume; and a server of which nobody knows the project."""
    ledger.observe(
        *PLACE,
        batch(
            created("web", "10:00"),
            changed("web", "12:00", state="stopped"),
            created("db", "09:00", vcpus=4, flavor="m1.large"),
            deleted("db", "13:00"),
            created("nul", "08:00"),
            deleted("nul", "08:00"),
        ),
    )
    volume = Observation(
        Resource("project2", CLOUD, VOLUME, "disk"),
        Verb.CREATED,
        at("11:00"),
        BUS,
        accounted={"size_gib": 10, "volume_type": "ssd"},
        described={"name": "data"},
        created_at=at("11:00"),
    )
    ledger.observe("project2", CLOUD, Batch((volume,)))
    ledger.observe("", CLOUD, batch(created("stray", "07:00", project_id="")))
    ledger.remember_names("project", {PROJECT: "alpha"}, at=at("10:00"))
    return ledger


def ids(ledger: Ledger, asked: Asked, **how: object) -> list[str]:
    """Return the ids of all pages of two."""
    found: list[str] = []
    after: Cursor | None = None
    while True:
        page = ledger.questions.resources(asked, after=after, limit=2, **how)
        found += [one.resource.id for one in page.items]
        after = page.next
        if after is None:
            return found


def spans(ledger: Ledger, asked: Asked, **how: object) -> list[tuple[str, str, str | None]]:
    found: list[SpanRow] = []
    after: Cursor | None = None
    while True:
        page = ledger.questions.spans(asked, after=after, limit=2, **how)
        found += page.items
        after = page.next
        if after is None:
            break
    return [
        (one.resource.id, f"{one.start:%H:%M}", None if one.end is None else f"{one.end:%H:%M}")
        for one in found
    ]


# --- projects --------------------------------------------------------------------------------


def test_projects_are_told_with_their_names_and_the_last_revision(filled: Ledger) -> None:
    filled.observe(*PLACE, batch(changed("web", "15:00", state="active")))

    first, second = filled.questions.projects()

    assert (first.project_id, first.cloud_id, first.name, first.revision) == (PROJECT, CLOUD, "alpha", 2)
    assert (second.project_id, second.name, second.revision) == ("project2", None, 1)
    assert first.first_recorded_at is not None
    assert first.last_recorded_at is not None
    assert first.first_recorded_at < first.last_recorded_at <= datetime.now(UTC)
    assert [one.project_id for one in filled.questions.projects(["project2", "none"])] == ["project2"]
    assert filled.questions.projects(clouds=["elsewhere"]) == []


# --- resources -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, ["db", "nul", "web", "disk"]),
        ({"descending": True}, ["disk", "web", "nul", "db"]),
        ({"sort": Sort.BEGIN}, ["nul", "db", "web", "disk"]),
        ({"sort": Sort.BEGIN, "descending": True}, ["disk", "web", "db", "nul"]),
        ({"sort": Sort.END}, ["nul", "db", "web", "disk"]),
        ({"sort": Sort.END, "descending": True}, ["disk", "web", "db", "nul"]),
    ],
)
@pytest.mark.parametrize("as_of", [None, at("2100-01-01T00:00:00")])
def test_resources_come_in_the_order_asked_for(
    filled: Ledger, how: dict[str, object], expected: list[str], as_of: datetime | None
) -> None:
    assert ids(filled, Asked(as_of=as_of), **how) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Asked(projects=(PROJECT,)), ["db", "nul", "web"]),
        (Asked(projects=()), []),
        (Asked(projects=("none", "project2")), ["disk"]),
        (Asked(clouds=("elsewhere",)), []),
        (Asked(kinds=(VOLUME,)), ["disk"]),
        (Asked(ids=("web", "disk")), ["web", "disk"]),
        (Asked(alive=True), ["web", "disk"]),
        (Asked(alive=False), ["db", "nul"]),
        (Asked(name="data"), ["disk"]),
        (Asked(name="dat"), []),
        (Asked(name="%"), []),
        (Asked(period=Period(at("13:00"), at("14:00"))), ["web", "disk"]),
        (Asked(period=Period(at("12:59:59"), at("13:00"))), ["db", "web", "disk"]),
        (Asked(projects=("nul\0", "\ud800")), []),
        (Asked(ids=("nul\0",), name="\ud800"), []),
    ],
)
@pytest.mark.parametrize("as_of", [None, at("2100-01-01T00:00:00")])
def test_resources_that_fulfil_the_conditions_are_told(
    filled: Ledger, asked: Asked, expected: list[str], as_of: datetime | None
) -> None:
    assert ids(filled, msgspec.structs.replace(asked, as_of=as_of)) == expected


def test_a_resource_is_told_as_it_is_in_the_end(filled: Ledger) -> None:
    [web] = filled.questions.resources(Asked(ids=("web",))).items
    [disk] = filled.questions.resources(Asked(ids=("disk",))).items
    [nothing] = filled.questions.resources(Asked(ids=("nul",))).items

    assert (web.begin, web.end, web.state, web.flavor) == (at("10:00"), None, "stopped", "m1.small")
    assert (disk.name, disk.flavor, disk.state, disk.described) == ("data", "ssd", None, {"name": "data"})
    assert (nothing.begin, nothing.end, nothing.accounted) == (at("08:00"), at("08:00"), {})


def test_pages_lose_and_repeat_nothing_while_somebody_writes(ledger: Ledger) -> None:
    """Between two pages, what was told ends and is renamed, and new servers come."""
    names = [f"web{number:02}" for number in range(10)]
    ledger.observe(*PLACE, batch(*(created(one, "10:00") for one in names)))
    found: list[str] = []
    after: Cursor | None = None
    for step in range(20):
        page = ledger.questions.resources(Asked(), after=after, limit=3)
        found += [one.resource.id for one in page.items]
        after = page.next
        if after is None:
            break
        ledger.observe(*PLACE, batch(deleted(found[-1], "12:00"), created(f"a{step}", "12:00")))

    assert found == names


def test_a_name_is_found_page_by_page_among_those_that_look_like_it(ledger: Ledger) -> None:
    window = look("12:00")
    said = [seen(f"s{number:02}", window, since="10:00") for number in range(20)]
    named = [
        msgspec.structs.replace(one, described={"name": "web" if place % 2 else "db", "host": "web"})
        for place, one in enumerate(said)
    ]
    ledger.observe(*PLACE, Batch(tuple(named), window))

    assert ids(ledger, Asked(name="web")) == [f"s{number:02}" for number in range(1, 20, 2)]


@pytest.mark.parametrize(
    "cursor",
    [
        Cursor("resources:begin", (PROJECT, CLOUD, "server", "web")),
        Cursor("resources:id", (PROJECT, CLOUD, "server")),
        Cursor("resources:id", (PROJECT, CLOUD, "server", 5)),
        Cursor("spans:id", (PROJECT, CLOUD, "server", "web", 0)),
    ],
)
def test_a_cursor_of_another_question_is_refused(filled: Ledger, cursor: Cursor) -> None:
    with pytest.raises(ValueError, match="cursor"):
        filled.questions.resources(Asked(), after=cursor)


def test_a_number_that_no_database_holds_is_refused_in_a_cursor(filled: Ledger) -> None:
    with pytest.raises(ValueError, match="cursor"):
        filled.questions.spans(Asked(), after=Cursor("spans:id", (PROJECT, CLOUD, "server", "web", 1 << 63)))


@pytest.mark.parametrize("limit", [0, -1, 10_001])
def test_pages_have_a_size(filled: Ledger, limit: int) -> None:
    with pytest.raises(ValueError, match="1 to 10000"):
        filled.questions.resources(Asked(), limit=limit)


# --- spans -----------------------------------------------------------------------------------


def test_spans_are_cut_to_the_period_unless_asked_otherwise(filled: Ledger) -> None:
    asked = Asked(projects=(PROJECT,), period=Period(at("11:00"), at("12:30")))

    cut = [("db", "11:00", "12:30"), ("web", "11:00", "12:00"), ("web", "12:00", "12:30")]
    whole = [("db", "09:00", "13:00"), ("web", "10:00", "12:00"), ("web", "12:00", None)]
    assert spans(filled, asked) == cut
    assert spans(filled, asked, clip=False) == whole
    assert spans(filled, asked, sort=Sort.END, clip=False) == [whole[1], whole[0], whole[2]]
    assert spans(filled, asked, sort=Sort.BEGIN, descending=True, clip=False) == [
        whole[2],
        whole[1],
        whole[0],
    ]


def test_a_boundary_that_was_only_seen_is_marked(ledger: Ledger) -> None:
    """A look at 12:00 finds another flavor than one at 11:00: it may have changed at any time between."""
    for when, flavor in (("11:00", "m1.small"), ("12:00", "m1.large")):
        window = look(when)
        ledger.observe(*PLACE, batch(seen("web", window, since="10:00", flavor=flavor), look=window))

    first, second = ledger.questions.spans(Asked()).items

    assert (first.start_exact, first.end_exact) == (True, False)
    assert (second.start_exact, second.end_exact) == (False, True)
    assert "flavor" in first.inferred
    assert second.inferred == ()
    assert first.end == second.start == at("12:00")


def test_a_boundary_that_the_period_cuts_is_exact(ledger: Ledger) -> None:
    for when, flavor in (("11:00", "m1.small"), ("12:00", "m1.large")):
        window = look(when)
        ledger.observe(*PLACE, batch(seen("web", window, since="10:00", flavor=flavor), look=window))

    [cut] = ledger.questions.spans(Asked(period=Period(at("12:30"), at("12:45")))).items

    assert (cut.start, cut.end, cut.start_exact, cut.end_exact) == (at("12:30"), at("12:45"), True, True)


# --- as of -----------------------------------------------------------------------------------


def recorded_at(ledger: Ledger, revision: int, instant: datetime) -> None:
    """Let a revision have been recorded at another time than now."""
    table = schema.revision
    with ledger._store.write() as connection:
        connection.execute(
            update(table)
            .where(table.c.project_id == PROJECT, table.c.revision == revision)
            .values(recorded_at=int(instant.timestamp()) * 1_000_000)
        )


def test_what_was_known_then_is_told_as_it_was(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(created("web", "10:00")))
    ledger.observe(*PLACE, batch(changed("web", "12:00", state="stopped"), created("db", "12:00")))
    ledger.observe(*PLACE, batch(changed("web", "11:00", flavor="m1.large")))
    for revision in (1, 2, 3):
        recorded_at(ledger, revision, at("2026-11-01T00:00:00") + timedelta(days=revision))
    of_days = [at(f"2026-11-{day:02}T12:00:00") for day in (1, 2, 3, 4)]

    told = [spans(ledger, Asked(as_of=one)) for one in of_days]
    used = [
        sum(
            row.amounts.seconds for row in ledger.questions.usage(Asked(period=DAY, as_of=one), until=DAY.end)
        )
        for one in of_days
    ]

    assert told == [
        [],
        [("web", "10:00", None)],
        [("db", "12:00", None), ("web", "10:00", "12:00"), ("web", "12:00", None)],
        [("db", "12:00", None), ("web", "10:00", "11:00"), ("web", "11:00", "12:00"), ("web", "12:00", None)],
    ]
    assert used == [0, 14 * 3600, 26 * 3600, 26 * 3600]


# --- usage -----------------------------------------------------------------------------------


def test_usage_is_told_apart_by_what_was_asked(filled: Ledger) -> None:
    asked = Asked(period=DAY)

    def told(*by: By, **how: object) -> list[tuple[object, ...]]:
        found = filled.questions.usage(asked, until=at("14:00"), by=by, **how)
        groups = ("project_id", "cloud_id", "kind", "flavor", "state")
        amounts = ("seconds", "vcpu_s", "disk_gib_s")
        return [
            (
                *(getattr(row, name) for name in groups if getattr(row, name) is not None),
                row.resources,
                *(getattr(row.amounts, name) // 3600 for name in amounts),
            )
            for row in found
        ]

    assert told() == [(3, 11, 24, 30)]
    assert told(By.PROJECT) == [(PROJECT, 2, 8, 24, 0), ("project2", 1, 3, 0, 30)]
    assert told(By.CLOUD, By.KIND) == [(CLOUD, "server", 2, 8, 24, 0), (CLOUD, "volume", 1, 3, 0, 30)]
    assert told(By.FLAVOR) == [
        ("m1.large", None, 4, 16, 0),
        ("m1.small", None, 4, 8, 0),
        ("ssd", None, 3, 0, 30),
    ]
    assert told(By.STATE, count_resources=True) == [
        ("", 1, 3, 0, 30),
        ("active", 2, 6, 20, 0),
        ("stopped", 1, 2, 4, 0),
    ]
    assert told(suspended_states=["stopped"]) == [(3, 11, 20, 30)]


def test_what_never_launched_counts_nothing(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(created("web", "10:00", state="building")))

    assert list(ledger.questions.usage(Asked(period=DAY), until=DAY.end)) == []


def test_what_goes_on_counts_up_to_the_present(filled: Ledger) -> None:
    asked = Asked(period=Period(DAY.start, at("2100-01-01T00:00:00")), ids=("web",))

    [found] = filled.questions.usage(asked, until=at("2026-10-01T14:00:00.900000"))

    assert (found.amounts.seconds, found.period) == (4 * 3600, Period(DAY.start, at("14:00")))


def test_a_period_is_needed_and_may_not_have_too_many_days(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="period"):
        ledger.questions.usage(Asked(), until=DAY.end)
    with pytest.raises(ValueError, match="3700 days"):
        ledger.questions.usage(
            Asked(period=Period(at("1970-01-01T00:00:00"), DAY.end)), until=DAY.end, window=Window.DAY
        )


# --- changes ---------------------------------------------------------------------------------


def test_changes_come_in_the_order_of_revisions(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(created("web", "10:00"), created("db", "10:00")))
    ledger.observe(*PLACE, batch(changed("web", "12:00", state="stopped")))
    ledger.observe(*PLACE, batch(deleted("db", "10:00")))

    found = ledger.questions.changes(*PLACE)

    assert [
        (one.revision, one.what, one.span.resource.id, f"{one.span.start:%H}") for one in found.items
    ] == [
        (1, What.NEW, "db", "10"),
        (1, What.NEW, "web", "10"),
        (2, What.CHANGED, "web", "10"),
        (2, What.NEW, "web", "12"),
        (3, What.WITHDRAWN, "db", "10"),
    ]
    assert (found.next, found.revision) == (None, 3)
    assert [one.revision for one in ledger.questions.changes(*PLACE, since_revision=2).items] == [3]
    assert ledger.questions.changes(*PLACE, since_revision=3).items == ()
    assert ledger.questions.changes(*PLACE, kinds=[VOLUME]).items == ()
    assert ledger.questions.changes("nobody", CLOUD).revision == 0


def test_changes_since_an_instant_are_those_recorded_after_it(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(created("web", "10:00")))
    ledger.observe(*PLACE, batch(changed("web", "12:00", state="stopped")))
    recorded_at(ledger, 1, at("2026-11-01T00:00:00"))
    recorded_at(ledger, 2, at("2026-11-02T00:00:00"))

    found = ledger.questions.changes(*PLACE, since=at("2026-11-01T00:00:00")).items

    assert {(one.revision, one.recorded_at) for one in found} == {(2, at("2026-11-02T00:00:00"))}


def test_a_mark_that_changes_is_a_change_and_a_name_is_none(ledger: Ledger) -> None:
    """A second look confirms what the first one could only infer back to the creation."""
    window = look("12:00")
    ledger.observe(*PLACE, batch(created("web", "10:00")))
    renamed = seen("web", window)
    ledger.observe(*PLACE, batch(renamed, look=window))

    assert [one.revision for one in ledger.questions.changes(*PLACE, since_revision=1).items] == []

    ledger.observe(*PLACE, batch(changed("web", "10:00", state="building", flavor="m2")))
    assert ledger.questions.changes(*PLACE, since_revision=2).items


def test_who_applies_changes_page_by_page_has_the_spans(ledger: Ledger) -> None:
    """However they come: late, doubled, undone; and whatever is written between two pages."""
    held: dict[tuple[str, datetime], tuple[datetime | None, object]] = {}
    revision = 0

    def follow(limit: int) -> None:
        nonlocal revision
        after: Cursor | None = None
        number = 0
        while True:
            page = ledger.questions.changes(*PLACE, since_revision=revision, after=after, limit=limit)
            for one in page.items:
                key = (one.span.resource.id, one.span.start)
                if one.what is What.WITHDRAWN:
                    del held[key]
                else:
                    assert (key in held) is (one.what is What.CHANGED)
                    held[key] = (one.span.end, one.span.accounted)
            after = page.next
            number += 1
            if number == 1:
                ledger.observe(*PLACE, batch(changed("web", f"{10 + revision}:30", vcpus=revision + 9)))
            if after is None:
                revision = page.revision
                return

    ledger.observe(*PLACE, batch(created("web", "10:00"), created("db", "10:00"), deleted("db", "20:00")))
    follow(1)
    ledger.observe(*PLACE, batch(changed("web", "18:00", state="stopped")))
    ledger.observe(*PLACE, batch(changed("web", "15:00", state="paused"), changed("db", "11:00", vcpus=7)))
    ledger.observe(*PLACE, batch(deleted("web", "16:00")))
    follow(2)
    follow(100)
    follow(1)

    page = ledger.questions.changes(*PLACE, since_revision=revision)
    told = {
        (one.resource.id, one.start): (one.end, one.accounted)
        for one in ledger.questions.spans(Asked(), limit=1000).items
    }
    late = {(one.span.resource.id, one.span.start) for one in page.items}
    assert {key: value for key, value in told.items() if key not in late} == {
        key: value for key, value in held.items() if key not in late
    }
    assert len(held) > 4
