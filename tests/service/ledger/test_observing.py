"""Transaction 1: what is kept of a batch, what is told of it, and what the silence of a look changes."""

from __future__ import annotations

import pytest

from said import BUS, CLOUD, NOVA, PLACE, PROJECT, at, batch, changed, created, deleted, gone, look, seen
from usance.ledger.ledger import Ledger
from usance.model.observation import Scope
from usance.model.resource import SERVER
from usance.model.span import Timeline


def states(timeline: Timeline) -> list[tuple[str, str]]:
    """Return the spans as (time of day, state), and the end."""
    spans = [(f"{one.start:%H:%M:%S}", str(one.values.get("state"))) for one in timeline.spans]
    return spans if timeline.end is None else [*spans, (f"{timeline.end:%H:%M:%S}", "end")]


def the_states(ledger: Ledger, name: str = "web") -> list[tuple[str, str]]:
    return next(
        states(one.timeline) for one in ledger.timelines(*PLACE, SERVER) if one.timeline.resource.id == name
    )


def test_what_is_new_is_counted_and_what_is_known_is_not_kept_twice(ledger: Ledger) -> None:
    first = ledger.observe(*PLACE, batch(created("web", "10:00")))
    again = ledger.observe(
        *PLACE,
        batch(created("web", "10:00"), created("web", "10:00"), changed("web", "11:00", state="stopped")),
    )

    assert (first.inserted, first.duplicates, first.changed, first.revision) == (1, 0, 1, 1)
    assert (again.inserted, again.duplicates, again.changed, again.revision) == (1, 2, 1, 2)
    assert the_states(ledger) == [("10:00:00", "active"), ("11:00:00", "stopped")]


def test_batch_that_says_nothing_new_takes_no_revision(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(created("web", "10:00")))

    again = ledger.observe(*PLACE, batch(created("web", "10:00")))
    nothing = ledger.observe(*PLACE, batch())

    assert (again.revision, nothing.revision) == (1, 1)
    assert ledger.revision(*PLACE) == 1


def test_projects_have_revisions_of_their_own(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(created("web", "10:00")))
    ledger.observe(*PLACE, batch(changed("web", "11:00", state="stopped")))

    other = ledger.observe("project2", CLOUD, batch(created("db", "10:00", project_id="project2")))

    assert other.revision == 1
    assert ledger.projects() == [(PROJECT, CLOUD), ("project2", CLOUD)]


def test_batch_of_another_project_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="is not of project"):
        ledger.observe("project2", CLOUD, batch(created("web", "10:00")))


def test_deletion_that_arrives_first_closes_the_later_creation(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(deleted("web", "12:00")))
    ledger.observe(*PLACE, batch(created("web", "10:00")))

    assert the_states(ledger) == [("10:00:00", "active"), ("12:00:00", "end")]


def test_hostile_names_come_back_as_they_were(ledger: Ledger) -> None:
    hostile = "%%\n\0\x1b[31m 'quoted\" ünïcødé \U0001f4a9"
    window = look("11:00")

    ledger.observe(*PLACE, batch(seen("web", window, since="10:00", flavor=hostile), look=window))

    (found,) = ledger.timelines(*PLACE, SERVER)
    assert found.timeline.spans[0].values["flavor"] == hostile


# --- what a source said last -----------------------------------------------------------------


def test_statement_is_that_of_the_last_sighting_whenever_it_arrives(ledger: Ledger) -> None:
    first, second, third = (look(when) for when in ("11:00", "12:00", "13:00"))
    later = seen("web", third, state="stopped")
    ledger.observe(*PLACE, batch(seen("web", first), seen("db", first)))
    ledger.observe(*PLACE, batch(later))

    ledger.observe(*PLACE, batch(seen("web", second, state="paused")))

    statements = ledger.statements(*PLACE, NOVA, SERVER, ["web", "db", "mail"])
    assert statements == {"web": later.statement, "db": seen("db", first).statement}
    assert ledger.statements(*PLACE, BUS, SERVER, ["web"]) == {}


def test_alive_is_what_the_source_saw_last(ledger: Ledger) -> None:
    first, second = look("11:00"), look("12:00")
    ledger.observe(*PLACE, batch(seen("web", first), seen("db", first), created("mail", "10:00")))

    ledger.observe(*PLACE, batch(gone("db", second)))

    assert ledger.alive(*PLACE, NOVA, SERVER) == {"web"}
    assert ledger.alive(PROJECT, "region2", NOVA, SERVER) == set()


# --- looks and watermarks --------------------------------------------------------------------


def test_watermark_moves_with_the_look_and_never_back_unless_told(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(look=look("11:00"), watermark="10:55"))
    ledger.observe(*PLACE, batch(look=look("10:30"), watermark="10:25"))
    forward = ledger.source_watermark(*PLACE, NOVA)
    ledger.observe(*PLACE, batch(look=look("10:31"), watermark="10:26"), rewind=True)

    assert forward == at("10:55")
    assert ledger.source_watermark(*PLACE, NOVA) == at("10:26")
    assert ledger.source_watermark(*PLACE, BUS) is None


def test_last_full_look_is_found_among_looks_at_changes(ledger: Ledger) -> None:
    full = look("11:00")
    for one in (look("09:00"), full, look("12:00", scope=Scope.CHANGES)):
        ledger.observe(*PLACE, batch(look=one))

    assert ledger.last_full_look(*PLACE, NOVA, SERVER) == full
    assert ledger.last_full_look(*PLACE, "cinder", SERVER) is None


def test_silence_of_a_look_contradicts_what_another_source_said(ledger: Ledger) -> None:
    """The pull saw it active; the bus says stopped; the pull has nothing new to say: it is active."""
    first = look("11:00")
    ledger.observe(*PLACE, batch(created("web", "10:00"), seen("web", first), look=first))
    ledger.observe(*PLACE, batch(changed("web", "11:20", state="stopped")))

    silent = ledger.observe(*PLACE, batch(look=look("12:00")))

    assert silent.changed == 1
    assert the_states(ledger) == [("10:00:00", "active"), ("11:20:00", "stopped"), ("12:00:00", "active")]


def test_what_a_source_never_saw_is_gone_at_its_full_look(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(created("web", "10:00")))

    changes = ledger.observe(*PLACE, batch(look=look("11:00", scope=Scope.CHANGES)))
    full = ledger.observe(*PLACE, batch(look=look("12:00")))

    assert (changes.changed, full.changed) == (0, 1)
    (found,) = ledger.timelines(*PLACE, SERVER)
    assert found.timeline.end == at("12:00")
    assert not found.timeline.end_exact


def test_look_at_what_did_not_change_changes_nothing(ledger: Ledger) -> None:
    first = look("11:00")
    names = [f"web{number:04}" for number in range(1200)]
    ledger.observe(*PLACE, batch(*(seen(one, first, since="10:00") for one in names), look=first))
    revision = ledger.revision(*PLACE)

    silent = ledger.observe(*PLACE, batch(look=look("12:00")))

    assert (silent.inserted, silent.changed) == (0, 0)
    assert list(ledger.timelines(*PLACE, SERVER, since_revision=revision)) == []


def test_look_that_comes_twice_counts_once(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(created("web", "10:00"), look=look("11:00", scope=Scope.CHANGES)))

    again = ledger.observe(*PLACE, batch(look=look("11:00", scope=Scope.CHANGES)))

    assert (again.changed, again.revision) == (0, 1)


def test_years_of_looks_do_not_change_what_a_resource_was(ledger: Ledger) -> None:
    """More looks than are loaded at once lie between what was said and what is said now."""
    first = look("2026-01-01T00:00:00")
    ledger.observe(*PLACE, batch(seen("web", first, since="2025-12-31T00:00:00"), look=first))
    for hour in range(1, 200):
        ledger.observe(*PLACE, batch(look=look(f"2026-01-{1 + hour // 24:02}T{hour % 24:02}:00:00")))
    last = look("2026-01-10T00:00:00")

    ledger.observe(*PLACE, batch(seen("web", last, state="stopped"), look=last))

    (found,) = ledger.timelines(*PLACE, SERVER)
    (doubt,) = (one for one in found.timeline.doubts if one.attribute == "state" and one.end == last.end)
    assert doubt.start == look("2026-01-09T07:00:00").begin


# --- baseline and attempts -------------------------------------------------------------------


def test_baseline_is_set_once(ledger: Ledger) -> None:
    before = ledger.baseline(*PLACE)
    ledger.set_baseline(*PLACE, at("10:00"))
    ledger.set_baseline(*PLACE, at("10:00"))

    with pytest.raises(Exception, match="has the baseline"):
        ledger.set_baseline(*PLACE, at("11:00"))

    assert before is None
    assert ledger.baseline(*PLACE) == at("10:00")


def test_status_says_what_failed_why_and_since_when(ledger: Ledger) -> None:
    ledger.observe(*PLACE, batch(look=look("10:00"), watermark="09:55"))
    ledger.note_attempt(*PLACE, NOVA, at=at("10:00"), error=None)
    ledger.note_attempt(*PLACE, NOVA, at=at("11:00"), error="Nova answers 500")
    ledger.note_attempt(*PLACE, NOVA, at=at("12:00"), error="Nova answers 503")

    (trouble,) = ledger.troubles()

    assert (trouble.project_id, trouble.source, trouble.error) == (PROJECT, NOVA, "Nova answers 503")
    assert (trouble.failing_since, trouble.attempted_at) == (at("11:00"), at("12:00"))
    assert (trouble.succeeded_at, trouble.watermark) == (at("10:00"), at("09:55"))


def test_success_ends_the_trouble(ledger: Ledger) -> None:
    ledger.note_attempt(*PLACE, NOVA, at=at("11:00"), error="Nova answers 500")

    ledger.note_attempt(*PLACE, NOVA, at=at("12:00"), error=None)

    assert ledger.troubles() == []
    (source,) = ledger.status().sources
    assert (source.error, source.failing_since, source.succeeded_at) == (None, None, at("12:00"))
