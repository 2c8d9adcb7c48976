"""What revisions and measures of Gnocchi's say of a server."""

from datetime import UTC, datetime, timedelta

from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.resource import FLAVOR, IMAGE_ID, SERVER, STATE, USER_ID, VCPUS, Resource
from usance.model.span import LIFE, Timeline
from usance.model.timeline import timeline
from usance.sources.gnocchi_observations import Told, inside, observations, size_of, stretches
from usance.sources.gnocchi_rows import ServerRow, told_instant

SERVER_ID = "00000000-0000-4000-a000-000000000001"
RESOURCE = Resource("project", "cloud", SERVER, SERVER_ID)
NEVER_TOLD = "1677-09-21T00:12:43.145224+00:00"
SMALL, LARGE = {VCPUS: 1}, {VCPUS: 8}


def at(clock: str) -> datetime:
    """Return a time of day in October."""
    return datetime.fromisoformat(f"2026-10-01T{clock}").replace(tzinfo=UTC)


def row(since: str, **told: str | None) -> ServerRow:
    """Return a revision, told at a time of day; the times in *told* are times of day, too."""
    values = {
        name: at(text).isoformat() if text and name.endswith("_at") and len(text) == 8 else text
        for name, text in told.items()
    }
    usual = {"user_id": "ada", "flavor_name": "small", "created_at": at("09:59:00").isoformat()}
    return ServerRow(id=SERVER_ID, revision_start=at(since).isoformat(), **{**usual, **values})


def said(*rows: ServerRow, outlived: str | None = None, measured: tuple[str, ...] = ()) -> list[Observation]:
    """Return what revisions say; a flavor's name tells its vCPUs. *measured* is of the first stretch."""
    told = [
        Told(
            one,
            LARGE if one.row.flavor_name == "large" else SMALL,
            tuple(at(clock) for clock in measured) if place == 0 else (),
        )
        for place, one in enumerate(stretches(rows))
    ]
    return observations(RESOURCE, told, None if outlived is None else at(outlived))


def life(*rows: ServerRow, **more: object) -> Timeline:
    """Return the timeline that follows."""
    found = timeline(said(*rows, **more), [])
    assert found is not None
    return found


def test_a_server_lives_from_novas_creation_to_novas_deletion():
    found = life(
        row("10:00:05", launched_at="10:00:00"),
        row("12:00:01", launched_at="10:00:00", ended_at="12:00:00"),
        row("12:00:09", launched_at="10:00:00", ended_at="12:00:00", deleted_at="12:00:04"),
    )

    assert (found.begin, found.end) == (at("09:59:00"), at("12:00:04"))
    assert found.end_exact
    assert found.launched
    assert found.spans[-1].values[STATE] == "active"


def test_an_end_that_only_ceilometer_tells_counts_as_that_of_a_message():
    [deletion] = [
        one for one in said(row("10:00:05"), row("12:00:01", ended_at="12:00:00")) if one.verb is Verb.DELETED
    ]

    assert deletion.at == at("12:00:00")
    assert deletion.quality is DeletionQuality.ENVELOPE


def test_a_time_that_was_empty_is_none():
    """Gnocchi keeps an empty time as an instant in 1677."""
    found = life(row("10:00:05", launched_at=NEVER_TOLD, deleted_at=NEVER_TOLD))

    assert told_instant(NEVER_TOLD) is None
    assert found.end is None
    assert not found.launched


def test_the_earliest_creation_counts_for_libvirt_tells_a_later_one_after_each_move():
    found = life(row("10:00:05"), row("15:00:00", flavor_name="large", created_at="14:59:00"))

    assert found.begin == at("09:59:00")


def test_a_creation_after_what_was_first_told_is_none():
    found = life(row("10:00:05", created_at="14:59:00"))

    assert found.begin == at("10:00:05")


def test_another_flavor_begins_when_gnocchi_was_told_and_since_the_last_sample_is_inferred():
    found = life(row("10:00:05"), row("12:00:01", flavor_name="large"), measured=("10:05:00", "11:50:00"))

    assert [(span.start, span.values[FLAVOR], span.values[VCPUS]) for span in found.spans] == [
        (at("09:59:00"), "small", 1),
        (at("12:00:01"), "large", 8),
    ]
    doubts = {(one.start, one.end) for one in found.doubts if one.attribute == FLAVOR}
    assert (at("11:50:00"), at("12:00:01")) in doubts
    assert not any(one.attribute == LIFE for one in found.doubts)


def test_an_attribute_that_is_not_accounted_only_describes():
    observed = said(row("10:00:05", display_name="web"), row("11:00:00", display_name="www", host="compute2"))

    assert [one.accounted for one in observed] == [
        {USER_ID: "ada", FLAVOR: "small", VCPUS: 1},
        {},
    ]
    assert not observed[1].is_evidence_of_life
    assert observed[1].described == {"name": "www", "host": "compute2"}


def test_what_comes_in_after_the_end_does_not_bring_a_server_back():
    """The notification of the end may come late, and change what is told of a server."""
    found = life(
        row("10:00:05"),
        row("12:30:00", flavor_name="large", ended_at="12:00:00", deleted_at="12:00:04"),
    )

    assert found.end == at("12:00:04")
    assert found.anomalies == ()


def test_a_server_that_is_polled_long_after_its_deletion_began_lives():
    found = life(row("10:00:05"), row("12:00:01", ended_at="12:00:00"), outlived="14:00:00")

    assert found.end is None


def test_an_image_is_told_by_its_id_or_its_url():
    for told in ("image-1", "http://glance/v2/images/image-1"):
        [observed] = said(row("10:00:05", image_ref=told))

        assert observed.accounted[IMAGE_ID] == "image-1"


def test_sizes_are_whole_numbers_of_measures_that_lie_in_one_stretch():
    """The mean of a stretch of time in which a resize lies is that of two flavors."""
    measures = [(at(clock).isoformat(), 300.0, value) for clock, value in (
        ("09:55:00", 3.0), ("10:00:00", 4.0), ("11:55:00", 4.0), ("12:00:00", 6.0)
    )]  # fmt: skip

    found = inside(measures, at("09:59:00"), at("12:01:00"))

    assert [one[0] for one in found] == [at("10:00:00").isoformat(), at("11:55:00").isoformat()]
    assert size_of(found) == 4
    assert size_of([(at("10:00:00").isoformat(), 300.0, 2.5)]) is None
    assert size_of([]) is None


def test_measures_without_a_sensible_time_are_left_out():
    end = at("10:00:00") + timedelta(days=1)

    assert (
        inside([(at("11:00:00").isoformat(), -1.0, 4.0), (NEVER_TOLD, 300.0, 4.0)], at("10:00:00"), end) == []
    )
