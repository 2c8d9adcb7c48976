"""What instance actions tell. A history reads like a ledger: action, begin, end, all on one day."""

from datetime import UTC, datetime

import pytest

from usance.model.resource import FLAVOR_ATTRIBUTES, IMAGE_ID, STATE
from usance.sources.nova_actions import EFFECTS, Told, doubtful, tell
from usance.sources.nova_rows import ActionRow, EventRow, ServerRow


def at(clock: str) -> datetime:
    """Return an instant of the day."""
    return datetime.fromisoformat(f"2026-11-21T{clock}").replace(tzinfo=UTC)


def actions(ledger: str) -> list[ActionRow]:
    """Read `10:00:00 10:00:05 create` lines; a `!` behind the action says that it failed."""
    found = []
    for number, line in enumerate(ledger.strip().splitlines()):
        begin, end, name = line.split()
        found.append(
            ActionRow(
                action=name.rstrip("!"),
                request_id=f"req-{number}",
                start_time=f"2026-11-21T{begin}.000000",
                updated_at=f"2026-11-21T{end}.000000",
                message="Error" if name.endswith("!") else None,
            )
        )
    return found[::-1]  # Nova lists the latest first


def row(state: str = "active", updated: str = "00:00:00", **more: object) -> ServerRow:
    """Return a server that launched."""
    values = {
        "status": "DELETED" if state == "deleted" else "X",
        "vm_state": state,
        "updated": f"2026-11-21T{updated}Z",
        "launched_at": "2026-11-21T10:00:05.000000",
        **more,
    }
    return ServerRow("i", **values)


def told(server: ServerRow, ledger: str, **steps: list[EventRow]) -> Told:
    """Tell a history at 23:00."""
    known = {f"req-{number.removeprefix('req_')}": own for number, own in steps.items()}
    return tell(server, actions(ledger), known, read_from=at("23:00:00"))


def states(found: Told) -> list[tuple[str, str | None]]:
    """Return when which state began."""
    return [
        (fact.at.strftime("%H:%M:%S"), fact.state)
        for fact in found.facts
        if fact.state is not None or STATE in fact.untold
    ]


def step(event: str, begin: str, end: str | None, result: str | None = "Success") -> EventRow:
    """Return a step of an action."""
    return EventRow(event, f"2026-11-21T{begin}", f"2026-11-21T{end}" if end else None, result)


CREATED = "10:00:00 10:00:05 create\n"


def test_life_of_an_ordinary_server_is_told_at_the_ends_of_its_actions():
    found = told(
        row("stopped"),
        CREATED + "11:00:00 11:00:09 suspend\n12:00:00 12:00:04 resume\n13:00:00 13:01:00 stop",
    )

    assert states(found) == [
        ("10:00:05", "active"),
        ("11:00:09", "suspended"),
        ("12:00:04", "active"),
        ("13:01:00", "stopped"),
    ]
    assert found.creation is not None
    assert found.pending is None
    assert found.facts[-1].begin == at("13:00:00")
    assert found.facts[-1].request_id == "req-3"


@pytest.mark.parametrize(
    ("name", "state"),
    [(name, effect.state) for name, effect in EFFECTS.items() if effect.state in {
        "active", "stopped", "paused", "suspended", "rescued", "resized", "shelved", "shelved_offloaded"}],
)  # fmt: skip
def test_each_action_with_a_state_of_its_own_ends_in_it(name, state):
    ledger = f"11:00:00 11:00:09 {name}"

    assert states(told(row(state), ledger)) == [("11:00:09", state)]


@pytest.mark.parametrize(
    "name", ["lock", "unlock", "attach_volume", "createImage", "live-migration", "changePassword", "new"]
)
def test_other_actions_tell_nothing(name):
    assert states(told(row(), CREATED + f"11:00:00 11:00:09 {name}")) == [("10:00:05", "active")]


@pytest.mark.parametrize(("before", "after"), [("stop", "stopped"), ("start", "active")])
@pytest.mark.parametrize("end", ["confirmResize", "revertResize"])
def test_end_of_a_resize_gives_the_state_back(before, after, end):
    found = told(
        row(after),
        CREATED + f"11:00:00 11:00:05 {before}\n12:00:00 12:01:00 resize\n13:00:00 13:00:30 {end}",
    )

    assert states(found)[2:] == [("12:01:00", "resized"), ("13:00:30", after)]


def test_resize_and_revert_leave_the_flavor_untold_and_a_confirmation_does_not():
    ledger = "11:00:00 11:01:00 resize\n12:00:00 12:00:30 revertResize\n"
    found = told(row(), CREATED + ledger + "13:00:00 13:01:00 resize\n14:00:00 14:00:30 confirmResize")

    assert [fact.untold for fact in found.facts] == [
        (), FLAVOR_ATTRIBUTES, FLAVOR_ATTRIBUTES, FLAVOR_ATTRIBUTES, ()
    ]  # fmt: skip


def test_cold_migration_waits_for_its_confirmation_on_the_same_flavor():
    found = told(row(), CREATED + "11:00:00 11:01:00 migrate\n12:00:00 12:00:30 confirmResize")

    assert states(found)[1:] == [("11:01:00", "resized"), ("12:00:30", "active")]
    assert not any(fact.untold for fact in found.facts)


def test_confirmation_whose_resize_is_not_known_leaves_the_state_untold():
    found = told(row(), "12:00:00 12:00:30 confirmResize")

    assert states(found) == [("12:00:30", None)]
    assert found.creation is None


@pytest.mark.parametrize(("before", "after"), [("stop", "stopped"), ("pause", "active")])
def test_rebuild_leaves_the_image_untold_and_a_stopped_server_stopped(before, after):
    found = told(row(after), CREATED + f"11:00:00 11:00:05 {before}\n12:00:00 12:01:00 rebuild")

    assert states(found)[-1] == ("12:01:00", after)
    assert found.facts[-1].untold == (IMAGE_ID,)


@pytest.mark.parametrize(("before", "after"), [("stop", "active"), ("rescue", "rescued")])
def test_reboot_makes_active_but_of_a_rescued_server(before, after):
    found = told(row(after), CREATED + f"11:00:00 11:00:05 {before}\n12:00:00 12:00:30 reboot")

    assert states(found)[-1] == ("12:00:30", after)


@pytest.mark.parametrize(("before", "state"), [("stop", "stopped"), ("start", None)])
def test_evacuated_server_that_ran_must_tell_itself_whether_it_runs(before, state):
    found = told(row("stopped"), CREATED + f"11:00:00 11:00:05 {before}\n12:00:00 12:00:30 evacuate")

    assert states(found)[-1] == ("12:00:30", state)


# --- shelving ---


def test_shelving_that_offloads_at_once_is_told_in_one_instant():
    server = row("shelved_offloaded", updated="11:00:40")

    found = told(server, CREATED + "11:00:00 11:00:40 shelve")

    assert states(found)[1:] == [("11:00:40", "shelved"), ("11:00:40", "shelved_offloaded")]
    assert found.facts[1].at < found.facts[2].at


def test_shelving_is_told_alike_whenever_it_is_told():
    """What was told once is in the ledger: later it must not be contradicted."""
    ledger = CREATED + "11:00:00 11:00:40 shelve\n"
    first = told(row("shelved_offloaded", updated="11:00:40"), ledger)
    later = told(row("active", updated="12:00:09"), ledger + "12:00:00 12:00:09 unshelve")

    assert first.facts[1] == later.facts[1]
    assert states(later)[1:] == [("11:00:40", "shelved"), ("12:00:09", "active")]


def test_offloading_by_the_periodic_task_has_the_time_of_its_step():
    server = row("shelved_offloaded", updated="13:00:09")
    ledger = CREATED + "11:00:00 11:00:40 shelve"
    steps = [
        step("compute_shelve_instance", "11:00:01", "11:00:40"),
        step("compute_shelve_offload_instance", "13:00:00", "13:00:10"),
    ]

    assert doubtful(server, actions(ledger), read_from=at("23:00:00")) == ["req-1"]
    assert states(told(server, ledger, req_1=steps))[1:] == [
        ("11:00:40", "shelved"), ("13:00:10", "shelved_offloaded")
    ]  # fmt: skip


def test_unshelving_that_found_no_host_changes_nothing():
    """Nova ends it without an error, and the server stays shelved."""
    ledger = CREATED + "11:00:00 11:00:40 shelve\n12:00:00 12:00:03 unshelve\n"

    again = told(row("active", updated="13:00:30"), ledger + "13:00:00 13:00:30 unshelve")
    so_far = told(row("shelved_offloaded", updated="12:00:03"), ledger)

    assert states(again)[1:] == [("11:00:40", "shelved"), ("13:00:30", "active")]
    assert "active" not in [state for _, state in states(so_far)[1:]]


# --- creation and deletion ---


@pytest.mark.parametrize("name", ["create", "create!"])
def test_build_that_never_launched_does_not_run(name):
    """A build that fails on every host ends without an error of its step."""
    server = row("error", updated="10:00:05", launched_at=None)

    assert states(told(server, f"10:00:00 10:00:05 {name}")) == [("10:00:05", "error")]


def test_build_that_failed_on_one_host_and_launched_on_another_runs():
    assert states(told(row(), "10:00:00 10:00:05 create!")) == [("10:00:05", "active")]


def test_server_deleted_while_it_was_built_never_ran():
    server = row("deleted", launched_at=None, terminated_at="2026-11-21T10:01:00.000000")

    assert states(told(server, CREATED + "10:00:58 10:01:01 delete")) == []


def test_deletion_names_its_request():
    server = row("deleted", terminated_at="2026-11-21T15:00:03.000000")

    found = told(server, CREATED + "15:00:00 15:00:04 delete")

    assert found.deletion is not None
    assert (found.deletion.at, found.deletion.request_id) == (at("15:00:04"), "req-1")


def test_soft_deletion_is_a_state_until_the_server_is_reclaimed():
    ledger = CREATED + "15:00:00 15:00:04 delete"

    waiting = told(row("soft-delete", updated="15:00:04"), ledger)
    gone = told(row("deleted", terminated_at="2026-11-21T20:00:00.000000"), ledger)
    restored = told(row("active"), ledger + "\n16:00:00 16:00:05 restore")

    for one in (waiting, gone, restored):
        assert one.deletion is None
        assert states(one)[1] == ("15:00:04", "soft-delete")
    assert states(restored)[2] == ("16:00:05", "active")


@pytest.mark.parametrize("terminated", [None, "2026-11-21T15:00:09.000000"])
def test_deletion_that_was_asked_for_twice_is_one(terminated):
    server = row("deleted", terminated_at=terminated)

    found = told(server, CREATED + "15:00:00 15:00:08 delete\n15:00:05 15:00:10 delete")

    assert found.deletion is not None


def test_local_deletion_is_recorded_only_with_its_begin():
    server = row("deleted", terminated_at="2026-11-21T15:00:12.000000")

    found = told(server, CREATED + "15:00:00 15:00:00 delete")

    assert found.deletion is not None
    assert states(found) == [("10:00:05", "active")]


def test_deletion_of_a_server_that_is_still_there_tells_nothing():
    assert states(told(row("active"), CREATED + "15:00:00 15:00:04 delete")) == [("10:00:05", "active")]


# --- failure, and what is still under way ---


def test_failed_action_changes_nothing():
    found = told(row("active"), CREATED + "11:00:00 11:00:40 resize!\n12:00:00 12:00:05 stop!")

    assert states(found) == [("10:00:05", "active")]


def test_failed_action_that_left_an_error_tells_it():
    server = row("error", updated="11:00:40")

    assert states(told(server, CREATED + "11:00:00 11:00:40 resize!"))[1:] == [("11:00:40", "error")]


def test_resize_that_failed_on_one_host_was_done_if_it_was_confirmed():
    found = told(row(), CREATED + "11:00:00 11:01:00 resize!\n12:00:00 12:00:30 confirmResize")

    assert states(found)[1:] == [("11:01:00", "resized"), ("12:00:30", "active")]


def test_steps_of_a_failed_action_tell_whether_the_last_attempt_went_well():
    server = row("resized", updated="11:01:00")
    ledger = CREATED + "11:00:00 11:01:00 resize!"
    steps = [
        step("compute_finish_resize", "11:00:50", "11:01:00"),
        step("compute_prep_resize", "11:00:05", "11:00:10", "Error"),
    ]

    assert doubtful(server, actions(ledger), read_from=at("23:00:00")) == ["req-1"]
    assert states(told(server, ledger, req_1=steps))[1:] == [("11:01:00", "resized")]


def test_action_of_a_server_with_a_task_is_pending():
    server = row("active", updated="11:00:20", task_state="resize_migrating")

    found = told(server, CREATED + "11:00:00 11:00:20 resize")

    assert states(found) == [("10:00:05", "active")]
    assert found.pending == "req-1"


def test_action_that_began_after_the_row_was_read_is_pending():
    found = tell(row(), actions(CREATED + "11:00:00 11:00:01 stop"), {}, read_from=at("10:59:59"))

    assert states(found) == [("10:00:05", "active")]
    assert found.pending == "req-1"


def test_confirmation_that_is_under_way_has_no_task_but_still_shows_the_resize():
    server = row("resized", updated="11:01:00")

    found = told(server, CREATED + "11:00:00 11:01:00 resize\n12:00:00 12:00:01 confirmResize")

    assert states(found)[1:] == [("11:01:00", "resized")]
    assert found.pending == "req-2"


@pytest.mark.parametrize(("finish", "pending"), [(None, "req-1"), ("11:02:00", None)])
def test_server_saved_after_its_last_action_seemed_to_end_is_looked_into(finish, pending):
    server = row("stopped", updated="11:01:30")
    ledger = CREATED + "11:00:00 11:00:10 stop"

    assert doubtful(server, actions(ledger), read_from=at("23:00:00")) == ["req-1"]
    assert told(server, ledger, req_1=[step("compute_stop_instance", "11:00:10", finish)]).pending == pending


def test_nothing_is_pending_of_a_deleted_server():
    server = row("deleted", updated="15:00:04", terminated_at="2026-11-21T15:00:03.000000")

    assert told(server, CREATED + "15:00:00 15:00:04 delete").pending is None


def test_actions_without_an_end_are_told_by_their_steps():
    """Nova before 2.58 dates the begin of an action only."""
    old = [ActionRow(one.action, one.request_id, one.start_time) for one in actions(CREATED)]
    steps = {"req-0": [step("compute__do_build_and_run_instance", "10:00:01", "10:00:05")]}

    assert doubtful(row(), old, read_from=at("23:00:00")) == ["req-0"]
    assert states(tell(row(), old, steps, read_from=at("23:00:00"))) == [("10:00:05", "active")]
    assert states(tell(row(), old, {}, read_from=at("23:00:00"))) == []
