"""Who comes from cASO: its lastrun files are imported once, and what it reported stands."""

from datetime import UTC, datetime, timedelta

import pytest

from apel_arithmetic import ApelDatabase
from service.extraction.witness import (
    HASTY,
    SECOND,
    accounted,
    complained,
    good,
    hold_once,
    project_ids,
    status,
    usual_site,
)
from usance.demo import truth
from usance.demo.history import WrittenHistory, microseconds
from usance.demo.script import scripted
from usance.demo.site import standard_site

EARLIER = datetime(2026, 9, 30, 23, tzinfo=UTC)  # cASO's last run in September
T0 = datetime(2026, 10, 8, 12, tzinfo=UTC)  # its last run
FIRST_RUN = T0 + timedelta(days=2)
SITE = standard_site(projects=2)

LIVES = {
    "runs": "2026-09-20 00:00:00 create m1.medium",
    "suspended": "2026-09-22 00:00:00 create m1.medium\n2026-10-03 00:00:00 suspend\n"
    "2026-10-12 00:00:00 resume",
    "suspended since": "2026-09-22 00:00:00 create m1.small\n2026-10-12 00:00:00 suspend",
    "resized": "2026-09-25 00:00:00 create m1.small\n2026-10-02 00:00:00 resize m1.large\n"
    "2026-10-02 01:00:00 confirmResize",
    "in the hole": "2026-10-01 00:00:00 create m1.large\n2026-10-08 12:00:00.5 delete",
    "gone": "2026-09-21 00:00:00 create m1.large\n2026-10-05 00:00:00 delete",
    "ends later": "2026-09-21 00:00:00 create m1.large\n2026-10-20 00:00:00 delete",
    "new": "2026-10-09 00:00:00 create m1.small",
}


def history_of(projects: int = 1) -> WrittenHistory:
    return WrittenHistory(
        SITE,
        [
            scripted(SITE, name, text, project=number)
            for number in range(projects)
            for name, text in LIVES.items()
        ],
    )


def lastrun(site, name: str, content: str) -> None:
    (site.directory / "spool" / f"lastrun.{name}").write_text(content)


def by_caso(life, at: datetime) -> dict[str, str] | None:
    """Return what cASO 5 reported of a server in a run: all of its life is wall, at the vCPUs of then."""
    end = min(life.deleted_us, microseconds(at)) // 1_000_000
    start = life.created_us // 1_000_000
    if end <= start:
        return None
    flavors = [life.flavor, *(step.flavor for step in life.steps if step.end_us <= microseconds(at))]
    wall = end - start
    record = {
        "VMUUID": life.id,
        "Status": "started",
        "StartTime": str(start),
        "WallDuration": str(wall),
        "CpuDuration": str(wall * flavors[-1].vcpus),
    }
    if life.deleted_us <= microseconds(at):
        record |= {"Status": "completed", "EndTime": str(end)}
    return record


def reported(history: WrittenHistory) -> ApelDatabase:
    """Return what the federation has of cASO."""
    database = ApelDatabase()
    for at in (EARLIER, T0):
        for life in history.lives:
            record = by_caso(life, at)
            if record is not None:
                database.replace(record)
    return database


def test_what_caso_reported_stands_and_what_follows_is_exact(tmp_path):
    """No month is negative, none is doubled, and those before cASO's last run are not touched."""
    history = history_of()
    database = reported(history)
    before = {key: row.fields for key, row in database.rows.items()}
    with usual_site(tmp_path, history=history, caso_tag="", projects=SITE.projects[0].id) as site:
        lastrun(site, SITE.projects[0].id, f"{T0 + timedelta(seconds=1)}")
        good(site.run(FIRST_RUN))
        good(site.run(SECOND))
        hold_once(site)
        database.load_all(site.messages())

    ids = {life.name: life for life in history.lives}
    assert all(one.wall_s >= 0 and one.cpu_s >= 0 for one in database.months().values())
    assert {key: row.fields for key, row in database.rows.items() if key[1:] == (2026, 9)} == {
        key: fields for key, fields in before.items() if key[1:] == (2026, 9)
    }
    gone = ids["gone"].id, 2026, 10
    assert database.rows[gone].fields == before[gone]
    hole = database.rows[ids["in the hole"].id, 2026, 10].fields
    assert (hole["Status"], int(hole["EndTime"])) == ("completed", int(T0.timestamp()))
    for life in history.lives:
        whole = by_caso(life, T0)
        then = sum_of(life, T0)
        now = sum_of(life, SECOND)
        mine = [one for key, one in database.months().items() if key[0] == life.id]
        assert sum(one.wall_s for one in mine) == int((whole or {}).get("WallDuration", 0)) + (
            now.wall_s - then.wall_s
        ), life.name
        assert sum(one.cpu_s for one in mine) == int((whole or {}).get("CpuDuration", 0)) + (
            now.vcpu_s - then.vcpu_s
        ), life.name
    # What cASO had not told in September at 23:00 is October's.
    assert max(one.wall_s for one in database.months().values()) == 31 * 86400 + 3600


def sum_of(life, until: datetime) -> truth.Amount:
    return sum(truth.of_server(life, microseconds(until)).values(), truth.Amount())


@pytest.mark.parametrize("named", ["id", "name", "domain/name"])
def test_a_lastrun_file_is_found_by_the_id_and_by_the_name_that_the_configuration_has(named, tmp_path):
    project = SITE.projects[0]
    wanted = {"id": project.id, "name": project.name, "domain/name": f"Default/{project.name}"}[named]
    with usual_site(tmp_path, history=history_of(), caso_tag="", projects=wanted) as site:
        lastrun(site, project.id if named == "id" else project.name, f"{T0 + timedelta(seconds=1)}\n")

        good(site.run(FIRST_RUN))

        assert {key[1:] for key in site.apel().rows} == {(2026, 10)}
        assert len(site.apel().rows) == len(LIVES) - 1  # all but the one that was gone


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"", "is empty"), (b"\xff\x00nonsense\n", "holds no time"), (b"2026-13-45 99:00", "holds no time"),
     (None, "can't be read")],
    ids=["empty", "binary", "no time", "a directory"],
)  # fmt: skip
def test_a_lastrun_file_that_says_nothing_stops_its_project_only_until_it_is_mended(content, what, tmp_path):
    """What cASO reported is never guessed: nothing goes out for that project before somebody says it."""
    with usual_site(tmp_path, history=history_of(2), sections=HASTY) as site:
        path = site.directory / "spool" / f"lastrun.{SITE.projects[0].id}"
        if content is None:
            path.mkdir()
        else:
            path.write_bytes(content)

        complained(site.command(FIRST_RUN), 1, str(path), what, "project0")
        assert accounted(site) == project_ids(site, 1)
        ends_with, found = status(site)
        assert ends_with == 1
        assert [one["project_id"] for one in found["sources"] if one["error"]] == [SITE.projects[0].id]

        if content is None:
            path.rmdir()
        path.write_text(f"{T0 + timedelta(seconds=1)}")
        good(site.run(SECOND))
        assert {key[1:] for key, row in site.apel().rows.items() if row.fields["LocalGroupId"] in
                project_ids(site, 0)} == {(2026, 10), (2026, 11)}  # fmt: skip
        assert status(site)[0] == 0


def test_a_lastrun_file_counts_once_whatever_is_written_into_it_later(tmp_path):
    """A cASO that still runs beside us moves its file on; what we have observed is not forgotten for it."""
    with usual_site(tmp_path, history=history_of(), caso_tag="", projects=SITE.projects[0].id) as site:
        lastrun(site, SITE.projects[0].id, f"{T0 + timedelta(seconds=1)}")
        good(site.run(FIRST_RUN))
        lastrun(site, SITE.projects[0].id, "2026-12-24 00:00:00+00:00")
        good(site.run(SECOND))

        months = site.apel().months()
        assert {key[1:] for key in months} == {(2026, 10), (2026, 11)}
        hold_once(site)
