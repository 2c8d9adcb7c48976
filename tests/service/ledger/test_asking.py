"""Questions by flavor and state, of whole lives, and about whether anything was written."""

from __future__ import annotations

import pytest

from said import CLOUD, PLACE, PROJECT, at, batch, changed, created, deleted
from usance.ledger.answers import Asked, By
from usance.ledger.ledger import Ledger
from usance.model.observation import Batch, Observation, Verb
from usance.model.period import Period
from usance.model.resource import VOLUME, Resource

DAY = Period(at("00:00"), at("2026-10-02T00:00"))


def volume(name: str, when: str, volume_type: str) -> Observation:
    return Observation(
        Resource(PROJECT, CLOUD, VOLUME, name),
        Verb.CREATED,
        at(when),
        "cinder-notifications",
        accounted={"size_gib": 1, "volume_type": volume_type},
        created_at=at(when),
    )


@pytest.fixture
def told(ledger: Ledger) -> Ledger:
    """Tell of servers and volumes of some flavors.

    01:00 create a small / 02:00 resize a large / 03:00 delete a
    01:00 create b Small / 02:00 stop b
    01:00 create v, a volume of type small
    """
    ledger.observe(
        *PLACE,
        batch(
            created("a", "01:00", flavor="small"),
            changed("a", "02:00", flavor="large"),
            created("b", "01:00", flavor="Small"),
            changed("b", "02:00", state="stopped"),
            volume("v", "01:00", "small"),
        ),
    )
    ledger.observe(*PLACE, batch(deleted("a", "03:00")))
    return ledger


def spans(ledger: Ledger, **asked: object) -> list[tuple[str, str]]:
    page = ledger.questions.spans(Asked(**asked))
    return [(one.resource.id, one.start.strftime("%H:%M")) for one in page.items]


def resources(ledger: Ledger, **asked: object) -> list[str]:
    page = ledger.questions.resources(Asked(**asked))
    return [one.resource.id for one in page.items]


def test_a_flavor_is_that_of_the_span_and_of_the_resource_in_the_end(told: Ledger) -> None:
    assert spans(told, flavors=("small",)) == [("a", "01:00"), ("v", "01:00")]
    assert spans(told, flavors=("Small",)) == [("b", "01:00"), ("b", "02:00")]
    assert resources(told, flavors=("small",)) == ["v"]
    assert resources(told, flavors=("large", "Small")) == ["a", "b"]
    assert resources(told, flavors=('sm"all', "%", "_mall", "\0")) == []


def test_a_state_is_that_of_servers_and_none_is_that_of_the_others(told: Ledger) -> None:
    assert spans(told, states=("stopped",)) == [("b", "02:00")]
    assert resources(told, states=("active",)) == ["a"]
    assert resources(told, states=("",)) == ["v"]
    assert resources(told, states=()) == []


def test_what_was_known_of_flavors_and_states_before_is_asked_by_as_of(told: Ledger) -> None:
    ledger = told
    before = ledger.questions.projects()[0].last_recorded_at
    ledger.observe(*PLACE, batch(changed("b", "05:00", flavor="huge")))

    assert resources(ledger, flavors=("huge",)) == ["b"]
    assert resources(ledger, flavors=("huge",), as_of=before) == []
    assert spans(ledger, flavors=("Small",), as_of=before) == spans(ledger, flavors=("Small",))


def test_usage_of_a_flavor_is_that_of_its_spans_summed_up_or_not(told: Ledger) -> None:
    def used(**asked: object) -> list[tuple[str | None, int, int | None]]:
        rows = told.questions.usage(Asked(period=DAY, **asked), until=at("2026-10-03T00:00"), by=[By.KIND])
        return [(one.kind, one.amounts.seconds, one.resources) for one in rows]

    before = [used(flavors=("small",)), used(states=("stopped",)), used(flavors=("small",), states=("",))]
    told.rollups.roll(at("2026-10-03T00:00"))
    after = [used(flavors=("small",)), used(states=("stopped",)), used(flavors=("small",), states=("",))]

    assert before == after
    assert before[0] == [("server", 3600, None), ("volume", 23 * 3600, None)]
    assert before[1] == [("server", 22 * 3600, None)]
    assert before[2] == [("volume", 23 * 3600, None)]


def test_resources_of_a_flavor_are_counted_once_each_where_that_is_asked(told: Ledger) -> None:
    rows = told.questions.usage(
        Asked(period=DAY, flavors=("small", "large")), until=DAY.end, count_resources=True
    )

    assert [one.resources for one in rows] == [2]


def test_a_life_has_its_spans_now_and_as_it_was_known(told: Ledger) -> None:
    before = told.questions.projects()[0].last_recorded_at
    told.observe("project2", CLOUD, Batch((created("a", "07:00", project_id="project2"),)))

    now = told.questions.lives(Asked(kinds=("server",), ids=("a",)))
    then = told.questions.lives(Asked(kinds=("server",), ids=("a",), as_of=before))

    assert [one.resource.resource.project_id for one in now] == [PROJECT, "project2"]
    assert [one.accounted["flavor"] for one in now[0].spans] == ["small", "large"]
    assert now[0].resource.end == at("03:00")
    assert then == now[:1]
    assert told.questions.lives(Asked(projects=("project2",), ids=("b",))) == []


def test_projects_come_page_by_page(told: Ledger) -> None:
    for number in range(5):
        told.observe(f"q{number}", CLOUD, batch())

    found, after = [], None
    while page := told.questions.projects(after=after, limit=2):
        found += [one.project_id for one in page]
        after = (page[-1].project_id, page[-1].cloud_id)

    assert found == [one.project_id for one in told.questions.projects()]
    assert len(found) == len(set(found))


def test_the_version_is_another_once_anything_is_written(told: Ledger) -> None:
    asked = Asked(projects=(PROJECT,))
    before = told.questions.version(asked)
    told.observe("project2", CLOUD, batch(created("x", "01:00", project_id="project2")))

    assert told.questions.version(asked) == before
    told.observe(*PLACE, batch(created("new", "04:00")))
    assert told.questions.version(asked) != before
    assert told.questions.version(Asked(projects=())) == (0, 0)
