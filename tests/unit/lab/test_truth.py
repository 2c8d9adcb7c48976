"""The truth that the lab's tests compare with, held to small histories worked out by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lab.notifications import Notification
from lab.truth import Truth, truth_from_notifications

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SUSPENDED = frozenset({"suspended"})


def message(event_type: str, after_s: float, state: str, **payload: Any) -> Notification:
    data = {
        "uuid": "web",
        "created_at": "2026-11-22T12:00:00Z",
        "launched_at": "2026-11-22T12:00:05Z",
        "terminated_at": None,
        "deleted_at": None,
        "state": state,
        "flavor": {"nova_object.data": {"vcpus": payload.pop("vcpus", 1)}},
    }
    return Notification(event_type, NOON + timedelta(seconds=after_s), data | payload, versioned=True)


def life(*messages: Notification) -> Truth:
    return truth_from_notifications(messages)["web"]


def at(after_s: float) -> datetime:
    return NOON + timedelta(seconds=after_s)


def test_suspended_time_lies_between_the_moments_in_which_the_states_were_saved() -> None:
    truth = life(
        message("instance.create.start", 0.5, "building"),
        message("instance.update", 5.2, "active"),
        message("instance.update", 100.9, "suspended"),
        message("instance.suspend.end", 101.0, "suspended"),
        message("instance.update", 160.1, "active"),
    )

    assert truth.elapsed(at(200.7)) == 200
    assert truth.in_states(at(200.7), SUSPENDED) == 60
    assert truth.vcpu_seconds(at(200.7), without=SUSPENDED) == 140


def test_a_server_runs_on_its_new_flavor_from_the_end_of_the_resize_to_that_of_the_revert() -> None:
    truth = life(
        message("instance.create.start", 0.5, "building"),
        message("instance.resize_finish.start", 29.0, "active", vcpus=4),
        message("instance.resize_finish.end", 30.5, "resized", vcpus=4),
        message("instance.resize_revert.start", 60.0, "resized", vcpus=4),
        message("instance.resize_revert.end", 70.5, "active", vcpus=1),
    )

    assert truth.vcpu_seconds(at(100), without=()) == 30 + 40 * 4 + 30


def test_a_deletion_ends_the_life_at_the_second_in_its_payload() -> None:
    truth = life(
        message("instance.create.start", 0.5, "building"),
        message("instance.update", 40.0, "deleted"),
        message("instance.delete.end", 42.8, "deleted", terminated_at="2026-11-22T12:00:40Z"),
    )

    assert truth.deleted == at(40)
    assert truth.elapsed(at(100)) == 40
    assert [state for _, state in truth.states] == ["building"]


def test_a_soft_deletion_is_no_end() -> None:
    truth = life(
        message("instance.create.start", 0.5, "building"),
        message("instance.update", 40.0, "soft-delete", deleted_at="2026-11-22T12:00:40Z"),
        message("instance.soft_delete.end", 40.1, "soft-delete", deleted_at="2026-11-22T12:00:40Z"),
    )

    assert truth.deleted is None
    assert truth.in_states(at(100), {"soft-delete"}) == 60


def test_offloading_lasts_from_the_saved_state_to_the_end_of_the_operation() -> None:
    truth = life(
        message("instance.create.start", 0.5, "building"),
        message("instance.update", 20.0, "shelved"),
        message("instance.update", 25.0, "shelved_offloaded"),
        message("instance.shelve_offload.end", 26.0, "shelved_offloaded"),
    )

    assert truth.in_states(at(30), {"shelved", "shelved_offloaded"}) == 10
    assert truth.in_states(at(30), {"shelved_offloaded"}) == 4


def test_the_order_in_which_messages_come_does_not_matter() -> None:
    messages = [
        message("instance.create.start", 0.5, "building"),
        message("instance.update", 5.0, "active"),
        message("instance.update", 50.0, "stopped"),
    ]

    assert life(*messages) == life(*reversed(messages))


def test_legacy_messages_and_those_without_a_server_are_left_alone() -> None:
    legacy = Notification("compute.instance.update", NOON, {"instance_id": "web"}, versioned=False)
    flavor = Notification("flavor.create", NOON, {"name": "m1.tiny"}, versioned=True)

    assert truth_from_notifications([legacy, flavor]) == {}


def test_a_server_without_launched_at_never_ran() -> None:
    truth = life(message("instance.update", 3.0, "error", launched_at=None))

    assert not truth.launched
