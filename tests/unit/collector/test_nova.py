"""What Nova's notifications make of a server's timeline, as a ledger."""

from datetime import timedelta

import pytest

from unit.collector.nova_messages import (
    CREATED,
    SERVER_ID,
    STEPS,
    History,
    Server,
    legacy_of,
    read,
    real,
)
from unit.model.lives import at, doubts, ledger, life, seen
from usance.collector import nova_server
from usance.collector.reading import NotUnderstoodError
from usance.model.observation import DeletionQuality, Verb
from usance.model.resource import FLAVOR_ATTRIBUTES
from usance.sources import nova_observations, nova_states

BARE = {"instance_id": SERVER_ID, "tenant_id": "project-1"}


def bare(event: str, when: str, **payload: object) -> dict:
    """Return a message as Almanach's own tests send it: an event, a time and a payload."""
    return {
        "event_type": "compute.instance." + event,
        "timestamp": at(when).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "payload": BARE | payload,
    }


@pytest.fixture
def history():
    history = History()
    history.create(at("10:00:20"))
    return history


def test_server_builds_from_its_creation_and_is_active_from_the_end_of_it(history):
    made = life(*read(*history.messages))

    assert ledger(made, "state", "flavor", "vcpus", "ram_mib", "disk_gib", "ephemeral_gib") == [
        "10:00-10:00:20 building m1.small 1 2048 20 5",
        "10:00:20-now active m1.small 1 2048 20 5",
    ]
    assert made.spans[0].values["image_id"] == "image-1"
    assert made.spans[0].values["user_id"] == "user-1"
    assert (made.launched, made.begin_exact, made.doubts) == (True, True, ())
    assert made.describe("name") == "web"
    assert made.describe("host") == "compute1"
    assert made.describe("zone") == "nova"
    assert made.describe("metadata") == '{"stage":"test"}'


def test_resize_counts_from_its_finish_and_the_confirmation_changes_nothing_but_the_state(history):
    history.step("resize", at("12:00:00.5"))
    history.step("confirm", at("12:30"))

    assert ledger(life(*read(*history.messages)), "state", "flavor", "vcpus") == [
        "10:00-10:00:20 building m1.small 1",
        "10:00:20-12:00:00.5 active m1.small 1",
        "12:00:00.5-12:30 resized m1.large 4",
        "12:30-now active m1.large 4",
    ]


def test_revert_gives_the_old_flavor_back_at_its_end(history):
    history.step("resize", at("12:00"))
    history.step("revert", at("12:30"))

    assert ledger(life(*read(*history.messages)), "state", "flavor", "benchmark_value") == [
        "10:00-10:00:20 building m1.small 18.5",
        "10:00:20-12:00 active m1.small 18.5",
        "12:00-12:30 resized m1.large 18.5",
        "12:30-now active m1.small 18.5",
    ]


def test_confirmation_alone_changes_the_flavor():
    """Almanach knows no other event of a resize."""
    made = life(
        *read(
            bare("create.end", "10:00:20", created_at=CREATED, instance_type="m1.small", vcpus=1),
            bare("resize.confirm.end", "12:00", instance_type="m1.large"),
        )
    )

    assert ledger(made, "state", "flavor") == [
        "10:00-10:00:20 building m1.small",
        "10:00:20-12:00 active m1.small",
        "12:00-now active m1.large",
    ]
    assert "vcpus 12:00-now" in doubts(made)  # it does not say how many the new flavor has


def test_every_step_of_a_long_life_is_in_the_timeline(history):
    for hour, name in enumerate(
        ("stop", "start", "pause", "unpause", "suspend", "resume", "rescue", "unrescue", "shelve", "offload"),
        1,
    ):
        assert history.step(name, at("10:00") + timedelta(hours=hour))
    history.step("unshelve", at("21:00"))
    history.step("soft_delete", at("22:00"))
    history.step("restore", at("22:10"))
    history.delete(at("23:00"))

    assert ledger(life(*read(*history.messages)), "state")[1:] == [
        "10:00:20-11:00 active",
        "11:00-12:00 stopped",
        "12:00-13:00 active",
        "13:00-14:00 paused",
        "14:00-15:00 active",
        "15:00-16:00 suspended",
        "16:00-17:00 active",
        "17:00-18:00 rescued",
        "18:00-19:00 active",
        "19:00-20:00 shelved",
        "20:00-21:00 shelved_offloaded",
        "21:00-22:00 active",
        "22:00-22:10 soft-delete",
        "22:10-23:00 active",
    ]


def test_rebuild_takes_another_image(history):
    history.step("rebuild", at("12:00"))

    assert ledger(life(*read(*history.messages)), "image_id")[1:] == [
        "10:00:20-12:00 image-1",
        "12:00-now image-11",
    ]


def test_only_versioned_messages_tell_accelerators_and_legacy_ones_leave_them_untold(history):
    history.step("resize", at("12:00"))
    history.step("confirm", at("12:10"))
    history.step("resize", at("13:00"))

    legacy, both = (life(*read(*some)) for some in (legacy_of(history.messages), history.messages))

    assert both.spans[-1].values["accelerators"] == '{"number":"2","type":"GPU"}'
    assert both.spans[-1].values["benchmark_value"] == ""
    assert "accelerators" not in legacy.spans[-1].values


def test_sighting_tells_what_legacy_messages_leave_untold(history):
    """With the pull source beside it, the accelerators count exactly from the resize on."""
    history.step("resize", at("12:00"))
    history.step("confirm", at("12:00:30"))

    made = life(
        *read(*legacy_of(history.messages)),
        seen("11:00..11:01", "active accelerators=few"),
        seen("13:00..13:01", "active accelerators=many"),
    )

    assert ledger(made, "accelerators")[-1] == "12:00:30-now many"
    assert ledger(made, "accelerators")[1] == "10:00:20-12:00 few"


def test_late_messages_of_an_image_say_which_system_it_is():
    system = {"distro": "CentOS", "version": "6.4", "os_type": "linux"}
    messages = (
        bare(
            "create.end", "10:00:20", created_at=CREATED, instance_type="f", hostname="a.b", image_meta=system
        ),
        bare(
            "rebuild.end", "12:00", image_meta={"distro": "Ubuntu", "base_image_ref": "image-2"}, metadata=[]
        ),
    )

    made = life(*read(*messages))

    assert made.describe("name") == "a.b"
    assert [made.describe(name, at("11:00")) for name in ("os_distro", "os_version", "os_type")] == [
        "CentOS",
        "6.4",
        "linux",
    ]
    assert [made.describe(name) for name in ("os_distro", "os_version", "os_type")] == ["Ubuntu", "", ""]
    assert made.describe("metadata") == "{}"
    assert made.spans[-1].values["image_id"] == "image-2"


def test_deletion_alone_tells_a_whole_life():
    """A server that was deleted right after the collector came is known by what its last message says."""
    history = History()
    history.create(at("10:00:20"))
    history.delete(at("13:30"))

    made = life(*read(history.messages[-2]))

    assert ledger(made, "flavor", "vcpus") == ["10:00-13:30 m1.small 1"]
    assert made.launched
    assert "vcpus 10:00-13:30" in doubts(made)


@pytest.mark.parametrize(
    ("payload", "when", "quality"),
    [
        ({"terminated_at": "2026-11-20T13:30:00.250000", "deleted_at": "x"}, None, None),
        (
            {"terminated_at": "2026-11-20T13:30:00.250000", "deleted_at": "2026-11-20T13:30:01.000000"},
            "13:30:00.25",
            DeletionQuality.TERMINATED_AT,
        ),
        ({"deleted_at": "2026-11-20 13:30:01+00:00"}, "13:30:01", DeletionQuality.DELETED_AT),
        (
            {"deleted_at": "2026-11-20 13:30:01+00:00", "state": "error"},
            "13:30:01",
            DeletionQuality.DELETED_AT,
        ),
        ({"state": "deleted"}, "13:30:02", DeletionQuality.ENVELOPE),
        ({}, "13:30:02", DeletionQuality.ENVELOPE),
    ],
)
def test_deletion_is_timed_by_the_best_that_the_message_has(payload, when, quality):
    message = bare("delete.end", "13:30:02", **payload)
    if when is None:
        with pytest.raises(NotUnderstoodError, match="`deleted_at` is no time"):
            read(message)
        return

    (deletion,) = read(message)

    assert (deletion.verb, deletion.at, deletion.quality) == (Verb.DELETED, at(when), quality)


def test_end_of_a_deletion_that_failed_is_none():
    """Nova tells the end of an attempt in any case; then the server has another state, and no time."""
    assert read(bare("delete.end", "13:30", state="active", terminated_at="", deleted_at="")) == []


def test_soft_deletion_that_failed_leaves_the_state():
    (claim,) = read(bare("soft_delete.end", "13:30", state="active"))

    assert claim.accounted == {"state": "active"}


def test_failed_build_exists_and_never_launched():
    server = Server()
    server.state = "error"

    made = life(*read(*server.both("create.error", "create.error", at("10:00:30"), "req-1")))

    assert ledger(made, "state") == ["10:00-10:00:30 building", "10:00:30-now error"]
    assert not made.launched


def test_conductor_tells_that_no_host_was_found():
    legacy = {
        "event_type": "compute_task.build_instances",
        "timestamp": "2026-11-20 10:00:30.5",
        "payload": {
            "instance_id": SERVER_ID,
            "state": "error",
            "instance_properties": {"project_id": "project-1"},
            "request_spec": {},
            "reason": {},
        },
    }
    spec = {"nova_object.data": {"project_id": "project-1"}}
    versioned = legacy | {
        "event_type": "compute_task.build_instances.error",
        "payload": {"nova_object.data": {"instance_uuid": SERVER_ID, "state": "error", "request_spec": spec}},
    }

    first, second = read(legacy, versioned)

    assert first == second
    assert (first.accounted, first.at) == ({"state": "error"}, at("10:00:30.5"))
    assert read(legacy | {"payload": legacy["payload"] | {"state": "active"}}) == []


def test_update_of_an_action_changes_nothing_that_its_end_tells(history):
    history.step("stop", at("12:00:00.5"))
    history.step("start", at("13:00:00.5"))

    assert life(*read(*history.messages, *history.updates)).spans == life(*read(*history.messages)).spans


def test_update_alone_tells_a_state_that_was_reset(history):
    server = history.server
    server.state = "error"
    history.messages += server.updated(at("12:00"), "req-reset", "active")
    server.state = "active"
    history.messages += server.updated(at("13:00"), "req-reset-2", "error")

    assert ledger(life(*read(*history.messages)), "state")[1:] == [
        "10:00:20-12:00 active",
        "12:00-13:00 error",
        "13:00-now active",
    ]


def test_state_amid_an_action_is_left_out(history):
    """A stopped server that is rebuilt is active for a moment, before Nova stops it again."""
    history.step("stop", at("11:00"))
    server = history.server
    server.state, server.task = "active", "powering-off"

    assert read(*server.updated(at("12:00"), "req-9", "stopped")) == []


def test_update_tells_a_new_name_and_new_metadata(history):
    history.rename(at("12:00"))
    history.server.metadata = {}
    history.messages += history.server.updated(at("13:00"), "req-m", "active")

    made = life(*read(*history.messages))

    assert [made.describe("name", at(when)) for when in ("11:59", "12:00")] == ["web", "webx"]
    assert [made.describe("metadata", at(when)) for when in ("12:59", "13:00")] == ['{"stage":"test"}', "{}"]
    assert len(made.spans) == 2


def test_update_that_says_deleted_is_the_end_only_with_a_time(history):
    history.server.state = "deleted"
    assert read(*history.server.updated(at("13:30"), "req-d", "active")) == []

    history.server.terminated_at = "2026-11-20T13:30:00"

    assert {one.at for one in read(*history.server.updated(at("13:30:01"), "req-d", "active"))} == {
        at("13:30")
    }


def test_live_migration_tells_the_host(history):
    history.server.host = "compute9"
    history.messages += history.server.both(
        "live_migration.post.dest.end", "live_migration_post_dest.end", at("12:00"), "req-l"
    )

    made = life(*read(*history.messages))

    assert [made.describe("host", at(when)) for when in ("11:59", "12:00")] == ["compute1", "compute9"]
    assert len(made.spans) == 2


def test_audit_is_a_sighting_between_the_end_of_its_period_and_its_message(history):
    server = history.server
    period = {"audit_period_beginning": "2026-11-20 11:00:00", "audit_period_ending": "2026-11-20 12:00:00"}
    legacy = server.legacy("exists", at("12:03:10"), "req-a", **period)
    versioned = server.versioned("exists", at("12:03:10"), "req-a", audit_period={"nova_object.data": period})

    first, second = read(legacy, versioned)

    for one in (first, second):
        assert (one.verb, one.source) == (Verb.SEEN, "nova-audit")
        assert (one.begin, one.at) == (at("12:00"), at("12:03:10"))
        assert one.accounted["state"] == "active"
        assert one.accounted["vcpus"] == 1
        assert one.created_at == at("10:00")
    assert life(*read(*history.messages, legacy, versioned)).spans == life(*read(*history.messages)).spans


def test_audit_amid_a_resize_asserts_no_flavor_and_amid_a_rebuild_no_image(history):
    server = history.server
    server.task = "resize_prep"
    (resizing,) = read(server.legacy("exists", at("12:00"), "req-a"))
    server.task = "rebuilding"
    (rebuilding,) = read(server.versioned("exists", at("12:00"), "req-a"))

    assert not set(FLAVOR_ATTRIBUTES) & set(resizing.accounted)
    assert "image_id" in resizing.accounted
    assert "image_id" not in rebuilding.accounted


def test_audit_of_what_is_gone_says_when_it_went(history):
    server = history.server
    server.state, server.terminated_at = "deleted", "2026-11-20T11:30:00"

    (gone,) = read(server.legacy("exists", at("12:00"), "req-a"))

    assert (gone.verb, gone.at, gone.source, gone.occurrence) == (
        Verb.DELETED,
        at("11:30"),
        "nova-audit",
        None,
    )


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (bare("create.end", "10:00:20", instance_type="f"), "`created_at` is missing"),
        (bare("create.end", "10:00:20", created_at=CREATED), "the flavor is missing"),
        (bare("power_off.end", "10:00:20", instance_id=None), "`instance_id` is missing"),
        (bare("reboot.end", "10:00:20"), "`state` is missing"),
        (bare("finish_resize.end", "10:00:20"), "`instance_type` is missing"),
        (bare("resize.confirm.end", "10:00:20", instance_type=""), "`instance_type` is missing"),
        (bare("power_off.end", "10:00:20") | {"timestamp": None}, "`timestamp` is missing"),
        (
            {"event_type": "instance.power_off.end", "payload": {}, "timestamp": "2026-11-20 10:00:00"},
            "`nova_object.data` is missing",
        ),
    ],
)
def test_message_that_lacks_what_it_must_say_is_not_understood(message, reason):
    with pytest.raises(NotUnderstoodError, match=reason):
        read(message)


def test_server_of_no_project_has_the_empty_one():
    (claim,) = read(bare("power_off.end", "12:00", tenant_id=None))

    assert claim.resource.project_id == ""


def test_names_and_states_are_those_of_the_pull_source():
    """Both speak of the same things with the same words, or their claims would never meet."""
    states = {value for name, value in vars(nova_states).items() if name.isupper() and isinstance(value, str)}

    assert {state for _, _, _, state in STEPS.values()} <= states
    assert {one.state for one in nova_server.ACTIONS} - {None} <= states
    assert {nova_server.BUILDING, nova_server.ERROR} <= states
    for name in ("SERVER_NAME", "HOST", "ZONE"):
        assert getattr(nova_server, name) == getattr(nova_observations, name)


@pytest.mark.parametrize(
    ("legacy", "versioned", "attributes"),
    [
        ("create.end", "create.end", {"state": "active"}),
        ("finish_resize.end", "resize_finish.end", {"state": "resized", "flavor": "lab.big", "vcpus": 4}),
        ("resize.confirm.end", "resize_confirm.end", {"state": "active", "flavor": "lab.big"}),
        ("resize.revert.end", "resize_revert.end", {"state": "active", "flavor": "lab.std", "vcpus": 1}),
        ("rebuild.end", "rebuild.end", {"state": "active"}),
        ("power_off.end", "power_off.end", {"state": "stopped"}),
        ("suspend.end", "suspend.end", {"state": "suspended"}),
        ("shelve.end", "shelve.end", {"state": "shelved"}),
        ("shelve_offload.end", "shelve_offload.end", {"state": "shelved_offloaded"}),
        ("delete.end", "delete.end", {"flavor": "lab.big"}),
        ("exists", "exists", {"state": "active"}),
    ],
)
def test_real_messages_of_both_formats_say_the_same(legacy, versioned, attributes):
    """What a real Nova sent: one occurrence, the same values, and times that differ by milliseconds."""
    first, second = (read(real(name)) for name in (f"compute.instance.{legacy}", f"instance.{versioned}"))

    assert [one.verb for one in first] == [one.verb for one in second]
    assert first[-1].accounted.items() >= attributes.items()
    for one, other in zip(first, second, strict=True):
        assert one.resource == other.resource
        assert one.occurrence == other.occurrence
        assert one.accounted.items() <= other.accounted.items()
        assert one.created_at == other.created_at
        assert one.launched == other.launched
        assert abs(one.at - other.at) < timedelta(seconds=1)
    if first[0].verb is not Verb.SEEN:
        assert first[0].occurrence is not None


def test_real_messages_of_one_occurrence_are_one_change():
    legacy, versioned = real("compute.instance.create.end"), real("instance.create.end")

    made, alone = life(*read(legacy, versioned)), life(*read(legacy))

    assert [span.start for span in made.spans] == [span.start for span in alone.spans]
    assert made.spans[-1].values["benchmark_value"] == "96.2"


def test_update_of_a_build_that_goes_on_says_nothing():
    assert read(real("compute.instance.update"), real("instance.update")) == []
