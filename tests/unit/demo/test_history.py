"""Histories: the same for a seed, and as Nova's state machine would have them."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest

from usance.demo.history import SeededHistory, microseconds
from usance.demo.index import Index, Selection
from usance.demo.life import NEVER, Life
from usance.demo.script import scripted
from usance.demo.site import standard_site

BEGIN = datetime(2026, 8, 1, tzinfo=UTC)
END = datetime(2026, 11, 1, tzinfo=UTC)
SITE = standard_site()


def history(seed: int = 1, **options) -> SeededHistory:
    return SeededHistory(seed, begin=BEGIN, end=END, **({"servers": 300} | options))


def test_the_same_seed_gives_the_same_lives_in_any_order():
    forwards, backwards = history(), history()

    lives = [forwards.life(number) for number in range(300)]

    assert lives == [backwards.life(number) for number in reversed(range(300))][::-1]


def test_another_seed_gives_another_cloud():
    one, other = history(1), history(2)

    assert {one.life(n).id for n in range(300)}.isdisjoint(other.life(n).id for n in range(300))
    assert {p.id for p in one.site.projects}.isdisjoint(p.id for p in other.site.projects)


def test_server_is_found_by_its_id_and_by_no_other():
    made = history()
    server_id = made.life(17).id

    assert made.find(server_id) == 17
    for stranger in (
        history(2).life(17).id,
        server_id[:-1] + "0",
        "0" * 36,
        "",
        "nonsense",
        made.server_id(300),
    ):
        assert made.find(stranger) is None


def test_every_kind_of_event_occurs():
    made = history(servers=1500, undated=True, purged=timedelta(days=3))
    lives = [made.life(number) for number in range(1500)]
    actions = {(step.action, step.failed) for life in lives for step in life.steps}
    states = {step.state for life in lives for step in life.steps}

    assert {action for action, _ in actions} == {
        *("", "create", "stop", "start", "pause", "unpause", "suspend", "resume", "shelve", "shelveOffload"),
        *("unshelve", "resize", "confirmResize", "revertResize", "rebuild", "reboot", "rescue", "unrescue"),
        *("restore", "delete"),
    }
    assert {("create", True), ("resize", True), ("rebuild", True)} <= actions
    assert {"soft-delete", "error", "shelved", "shelved_offloaded", "resized"} <= states
    assert any(life.half_deleted for life in lives)
    assert any(life.purged_us != NEVER for life in lives)
    assert any(not life.image_id for life in lives)
    # Reclaimed: the last action left it soft-deleted, and yet it is gone.
    assert any(life.deleted_us != NEVER and life.steps[-1].state == "soft-delete" for life in lives)


def test_actions_follow_one_another_and_nothing_happens_after_the_end():
    made = history()

    for number in range(300):
        life = made.life(number)
        instants = [instant for step in life.steps for instant in (step.begin_us, step.end_us)]
        assert instants == sorted(instants)
        assert instants[0] == life.created_us
        assert list(life.changes) == sorted(life.changes)
        assert life.deleted_us == NEVER or life.deleted_us <= microseconds(END)
        assert life.deleted_us == NEVER or instants[-1] - life.deleted_us < 1_000_000


def test_a_row_is_the_same_between_the_instants_that_it_names():
    made = history(servers=60, undated=True)

    for number in range(60):
        life = made.life(number)
        changes = [*life.changes, microseconds(END)]
        for change, following in pairwise(changes):
            if following <= change:
                continue
            view = life.at(change)
            assert view.since_us == change == view.updated_us
            assert life.at(following - 1) == view
            assert view.until_us in {following, NEVER}


def row(script: str, when: str):
    return scripted(SITE, "web", script).at(microseconds(datetime.fromisoformat(when).replace(tzinfo=UTC)))


RESIZED = """
    2026-10-01 00:00:00 +30  create m1.tiny
    2026-10-01 01:00:00 +60  resize m1.large
    2026-10-01 02:00:00 +60  revertResize
    2026-10-01 03:00:00 +10  delete
"""


@pytest.mark.parametrize(
    ("when", "status", "task", "flavor", "launched"),
    [
        ("2026-10-01 00:00:00", "BUILD", "spawning", "m1.tiny", None),
        ("2026-10-01 00:30:00", "ACTIVE", "", "m1.tiny", "00:00:30"),
        ("2026-10-01 01:00:30", "RESIZE", "resize_migrating", "m1.tiny", "00:00:30"),
        ("2026-10-01 01:01:00", "VERIFY_RESIZE", "", "m1.large", "01:01:00"),
        ("2026-10-01 02:00:30", "REVERT_RESIZE", "resize_reverting", "m1.large", "01:01:00"),
        ("2026-10-01 02:01:00", "ACTIVE", "", "m1.tiny", "02:01:00"),
        ("2026-10-01 03:00:05", "ACTIVE", "deleting", "m1.tiny", "02:01:00"),
        ("2026-10-01 03:00:10", "DELETED", "", "m1.tiny", "02:01:00"),
    ],
)
def test_a_resized_and_reverted_server_looks_like_this(when, status, task, flavor, launched):
    view = row(RESIZED, when)

    assert (view.status, view.task, view.flavor.name) == (status, task, flavor)
    wanted = 0
    if launched:
        wanted = microseconds(datetime.fromisoformat(f"2026-10-01 {launched}").replace(tzinfo=UTC))
    assert view.launched_us == wanted


def test_a_half_deleted_row_has_no_terminated_at():
    script = """
        2026-10-01 00:00:00  create m1.tiny
        2026-10-01 01:00:00  {end}
    """

    assert row(script.format(end="half-delete"), "2026-10-01 02:00:00").terminated_us == 0
    assert row(script.format(end="delete"), "2026-10-01 02:00:00").terminated_us != 0


def test_a_script_that_goes_back_in_time_is_refused():
    with pytest.raises(ValueError, match="does not follow"):
        scripted(SITE, "web", "2026-10-01 00:00:00 +60 create m1.tiny\n2026-10-01 00:00:30 stop")


def reference(made: SeededHistory, selection: Selection, now_us: int) -> list[str]:
    """Select by looking at every life, the slow way."""

    def wanted(life: Life) -> bool:
        if not life.created_us <= now_us < life.purged_us:
            return False
        gone = life.deleted_us <= now_us
        since = selection.changed_since_s
        updated_us = max(change for change in life.changes if change <= now_us)
        return (
            selection.project_id in {None, life.project_id}
            and selection.deleted in {None, gone}
            and (since is None or updated_us // 1_000_000 >= since)
        )

    lives = [life for life in map(made.life, range(len(made))) if wanted(life)]
    # Newest first; those of one second by their id.
    lives.sort(key=lambda life: (-(life.created_us // 1_000_000), life.id))
    return [life.id for life in lives]


@pytest.mark.parametrize("deleted", [None, True, False])
@pytest.mark.parametrize("since_days", [None, 0, 40, 87])
@pytest.mark.parametrize("now_days", [1, 50, 88])
def test_index_selects_what_a_look_at_every_life_selects(deleted, since_days, now_days):
    made = history(servers=250, purged=timedelta(days=5), undated=True)
    index = Index(made)
    # The microsecond at which something changes is the hardest moment.
    exact = min(
        c for n in range(250) for c in made.life(n).changes if c >= microseconds(BEGIN + timedelta(now_days))
    )
    since = None if since_days is None else microseconds(BEGIN + timedelta(since_days)) // 1_000_000
    for now_us in (exact - 1, exact, exact + 1):
        for project_id in (None, made.site.projects[1].id):
            selection = Selection(project_id, since, deleted)

            found = [made.life(number).id for number in index.select(selection, now_us)]

            assert found == reference(made, selection, now_us)


def test_selection_goes_on_behind_any_of_its_servers():
    made = history(servers=100)
    index, now_us = Index(made), microseconds(END)
    for project_id in (None, made.site.projects[0].id):
        everything = list(index.select(Selection(project_id), now_us))
        for place, number in enumerate(everything):
            assert list(index.select(Selection(project_id), now_us, number)) == everything[place + 1 :]


def test_exactly_the_late_servers_change_in_the_last_hour():
    made = history(servers=150, late=4, deleted=0.5)
    index = Index(made)
    since = Selection(None, microseconds(END - timedelta(hours=1)) // 1_000_000, deleted=None)

    changed = [made.life(number) for number in index.select(since, microseconds(END))]

    assert len(changed) == 4 * len(made.site.projects)
    for project in made.site.projects:
        assert sum(life.project_id == project.id for life in changed) == 4
    assert {life.steps[-1].action for life in changed} == {"stop"}


def test_index_follows_a_clock_that_goes_forwards_and_back():
    made = history(servers=120)
    index = Index(made)
    since = Selection(None, microseconds(BEGIN + timedelta(days=20)) // 1_000_000, deleted=None)

    for days in (30, 60, 61, 25, 90, 10, 21):
        now_us = microseconds(BEGIN + timedelta(days=days))
        found = [made.life(number).id for number in index.select(since, now_us)]
        assert found == reference(made, since, now_us)


def test_values_of_a_life_are_frozen():
    life = history().life(0)

    with pytest.raises(AttributeError):
        life.name = "other"
    assert msgspec.structs.replace(life, name="other").name == "other"
