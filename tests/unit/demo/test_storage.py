"""Lives of volumes as scripts tell them, and what was really stored."""

from datetime import UTC, datetime

import pytest

from usance.demo.history import microseconds
from usance.demo.site import standard_site, uuid_id
from usance.demo.storage_script import random_storage, stored
from usance.demo.storage_truth import gib_seconds, held

SITE = standard_site(projects=2)
FIRST, SECOND = SITE.projects
BEGIN, END = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
SCRIPT = """
    2026-10-01 10:00:00  create 10 standard
    2026-10-03 09:00:00  extend 20
    2026-10-03 10:00:00  retype fast
    2026-10-04 00:00:00  attach web
    2026-10-05 00:00:00  detach web
    2026-10-06 00:00:00  transfer 1
    2026-10-07 00:00:00  delete
"""


def us(text):
    return microseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


def test_a_script_tells_a_life():
    life = stored(SITE, "data", SCRIPT)

    views = {
        day: life.at(us(f"2026-10-{day}"))
        for day in ("01 10:00:00", "03 09:30:00", "03 12:00:00", "04 12:00:00", "05 12:00:00", "06 12:00:00")
    }
    assert [(one.size_gib, one.volume_type, one.status, len(one.attachments)) for one in views.values()] == [
        (10, "standard", "available", 0),
        (20, "standard", "available", 0),
        (20, "fast", "available", 0),
        (20, "fast", "in-use", 1),
        (20, "fast", "available", 0),
        (20, "fast", "available", 0),
    ]
    assert views["04 12:00:00"].attachments[0].server_id == uuid_id(FIRST.id, "web")
    assert [one.project_id for one in views.values()] == [FIRST.id] * 5 + [SECOND.id]
    assert life.exists(us("2026-10-06 23:59:59"))
    assert not life.exists(us("2026-10-07"))
    assert not life.exists(us("2026-10-01 09:59:59"))


@pytest.mark.parametrize(
    "script", ["", "2026-10-01 10:00:00 extend 10", "2026-10-01 10:00:00 create 1\n2026-10-01 10:00:00 boil"]
)
def test_what_is_no_life_is_refused(script):
    with pytest.raises(ValueError, match=r"create|boil"):
        stored(SITE, "data", script)


def test_what_was_held_is_size_times_seconds_in_each_project_and_month():
    across = stored(SITE, "across", "2026-10-31 23:00:00 create 3\n2026-11-01 02:00:00 delete")

    assert [
        (one.project_id, one.end_s - one.start_s, one.size_gib)
        for one in held(stored(SITE, "data", SCRIPT), us("2027-01-01"))
    ] == [
        (FIRST.id, 47 * 3600, 10),
        (FIRST.id, 3600, 20),
        (FIRST.id, 14 * 3600, 20),
        (FIRST.id, 86400, 20),
        (FIRST.id, 86400, 20),
        (SECOND.id, 86400, 20),
    ]
    assert gib_seconds([across], us("2027-01-01")) == {
        (FIRST.id, "volume", (2026, 10)): 3 * 3600,
        (FIRST.id, "volume", (2026, 11)): 3 * 2 * 3600,
    }
    assert gib_seconds([across], us("2026-10-31 23:30:00")) == {(FIRST.id, "volume", (2026, 10)): 3 * 1800}


def test_what_never_was_made_holds_nothing():
    failed = stored(SITE, "failed", "2026-10-01 10:00:00 create 10 failed")

    assert gib_seconds([failed], us("2026-11-01")) == {}


def test_random_lives_are_the_same_for_the_same_seed():
    once, again = (list(random_storage(SITE, 3, 40, begin=BEGIN, end=END)) for _ in range(2))
    other = list(random_storage(SITE, 4, 40, begin=BEGIN, end=END))

    assert once == again
    assert {one.id for one in once}.isdisjoint(one.id for one in other)
    assert {one.kind for one in once} == {"volume", "snapshot", "backup"}
    assert all(BEGIN.timestamp() <= one.created_us / 1_000_000 < END.timestamp() for one in once)
    assert all(list(one.steps) == sorted(one.steps, key=lambda step: step.at_us) for one in once)
