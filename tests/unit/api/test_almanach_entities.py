"""Timelines as Almanach's entities, one by one, as small ledgers."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from unit.model.lives import SERVER_1, at, changed, clock, created, deleted, life, seen
from usance.api.almanach.entities import Instance, Shape, Volume, entities, told
from usance.model.resource import VOLUME
from usance.model.span import Timeline

V3, V4 = Shape(version=3), Shape(version=4)
VOLUME_1 = msgspec.structs.replace(SERVER_1, kind=VOLUME, id="volume-1")
UBUNTU = {"os_distro": "ubuntu", "os_version": "14.04", "os_type": "linux"}


def server(when: str, what: str = "active m1.small", **more):
    return created(when, what, launched=True, **more)


def volume(when: str, what: str = "size_gib=10 volume_type=ssd", servers: str = "[]"):
    return created(when, f"{what} attachments={servers}", launched=True, resource=VOLUME_1)


def so(when: str, what: str):
    return changed(when, what, resource=VOLUME_1)


def instances(made: Timeline, shape: Shape = V3) -> list[str]:
    lines = []
    for one in entities(made, shape):
        assert isinstance(one, Instance)
        lines.append(f"{clock(one.start)}-{clock(one.end)} {one.flavor} {one.os.get('version')} {one.name}")
    return lines


def volumes(made: Timeline, shape: Shape = V4) -> list[str]:
    lines = []
    for one in entities(made, shape):
        assert isinstance(one, Volume)
        servers = ",".join(one.attached_to) or "-"
        lines.append(
            f"{clock(one.start)}-{clock(one.end)} {one.size} {one.volume_type} {servers}"
            f" last {clock(one.last_event)}"
        )
    return lines


# --- instances -------------------------------------------------------------------------------


def test_a_state_cuts_nothing_and_another_flavor_does():
    made = life(
        server("10:00", described={"name": "web"}),
        changed("10:30", "stopped"),
        changed("11:00", "active"),
        changed("12:00", "m1.large"),
        deleted("13:00"),
    )

    assert instances(made) == ["10:00-12:00 m1.small None web", "12:00-13:00 m1.large None web"]


def test_a_rebuild_to_another_system_cuts():
    made = life(
        server("10:00", described=UBUNTU),
        changed("12:00", described={**UBUNTU, "os_version": "16.04"}),
    )

    assert instances(made, V3) == ["10:00-12:00 m1.small 14.04 None", "12:00-now m1.small 16.04 None"]
    assert instances(made, V4) == ["10:00-12:00 m1.small 14.04 None", "12:00-now m1.small 16.04 None"]


def test_a_rebuild_to_the_same_system_cuts_nothing():
    made = life(server("10:00", described=UBUNTU), changed("12:00", described=UBUNTU))

    assert instances(made) == ["10:00-now m1.small 14.04 None"]


def test_another_type_of_system_alone_cuts_in_4x_only():
    made = life(server("10:00", described=UBUNTU), changed("12:00", described={"os_type": "windows"}))

    assert len(entities(made, V3)) == 1
    assert len(entities(made, V4)) == 2


def test_a_property_of_the_image_that_4x_does_not_tell_cuts_nothing():
    made = life(server("10:00", described=UBUNTU), changed("12:00", described={"os_version": "16.04"}))

    found = entities(made, Shape(version=4, image_meta=("distro",)))

    assert [one.os for one in found] == [{"distro": "ubuntu"}]


def test_a_new_name_is_the_name_of_the_entity_in_which_it_was_given():
    made = life(
        server("10:00", described={"name": "web"}),
        changed("11:00", "m1.large"),
        changed("12:00", described={"name": "www"}),
    )

    assert instances(made) == ["10:00-11:00 m1.small None web", "11:00-now m1.large None www"]


def test_what_never_ran_is_no_entity():
    made = life(created("10:00", "building m1.small"), changed("10:05", "error"))

    assert entities(made, V4) == []


def test_a_life_without_length_is_no_entity():
    assert entities(life(server("10:00"), deleted("10:00")), V4) == []


def test_a_server_that_was_only_seen_has_its_entity():
    made = life(seen("10:00..10:01", "active m1.small", created_at="09:00"))

    assert instances(made) == ["09:00-now m1.small None None"]


def test_of_the_metadata_what_is_listed_is_told():
    made = life(server("10:00", described={"metadata": '{"metering.billing_mode":"month","secret":"x"}'}))

    assert [one.metadata for one in entities(made, V4)] == [{}]
    shape = Shape(metadata=("metering.billing_mode", "other"))
    assert [one.metadata for one in entities(made, shape)] == [{"metering.billing_mode": "month"}]


def test_an_instance_as_3x_writes_it():
    made = life(server("10:00", described={"name": "web", "os_distro": "ubuntu"}), deleted("11:00:00.5"))

    assert [told(one, V3) for one in entities(made, V3)] == [
        {
            "entity_id": "server-1",
            "entity_type": "instance",
            "project_id": "project-1",
            "start": "2026-11-20 10:00:00+00:00",
            "end": "2026-11-20 11:00:00.500000+00:00",
            "last_event": "2026-11-20 11:00:00.500000+00:00",
            "flavor": "m1.small",
            "name": "web",
            "os": {"distro": "ubuntu", "version": None, "os_type": None},
            "metadata": {},
        }
    ]


def test_an_instance_as_4x_writes_it():
    made = life(server("10:00", described={"name": "web", **UBUNTU}))
    system = {"distro": "ubuntu", "version": "14.04", "os_type": "linux"}

    assert [told(one, V4) for one in entities(made, V4, processed=at("15:00"))] == [
        {
            "entity_id": "server-1",
            "entity_type": "instance",
            "project_id": "project-1",
            "start": "2026-11-20 10:00:00+00:00",
            "end": None,
            "last_event": "2026-11-20 10:00:00+00:00",
            "processed": "2026-11-20 15:00:00+00:00",
            "flavor": "m1.small",
            "name": "web",
            "os": system,
            "image_meta": system,
            "metadata": {},
        }
    ]


# --- volumes ---------------------------------------------------------------------------------


def test_a_new_size_and_a_new_type_cut_a_volume():
    made = life(volume("10:00"), so("11:00", "size_gib=20"), so("12:00", "volume_type=hdd"))

    assert volumes(made) == [
        "10:00-11:00 10 ssd - last 11:00",
        "11:00-12:00 20 ssd - last 12:00",
        "12:00-now 20 hdd - last 12:00",
    ]


def test_the_first_attachment_and_the_last_detachment_cut_and_others_do_not():
    made = life(
        volume("10:00"),
        so("11:00", 'attachments=["a"]'),
        so("12:00", 'attachments=["a","b"]'),
        so("13:00", 'attachments=["b"]'),
        so("14:00", "attachments=[]"),
    )

    assert volumes(made) == [
        "10:00-11:00 10 ssd - last 11:00",
        "11:00-14:00 10 ssd b last 14:00",
        "14:00-now 10 ssd - last 14:00",
    ]


def test_an_attachment_right_after_the_creation_is_made_in_place():
    made = life(volume("10:00"), so("10:00:59", 'attachments=["a"]'))

    assert volumes(made) == ["10:00-now 10 ssd a last 10:00:59"]
    exact = Shape(volume_threshold=timedelta(0))
    assert len(volumes(made, exact)) == 2


def test_a_detachment_right_before_the_deletion_leaves_no_entity_of_its_own():
    gone = deleted("12:00:30", resource=VOLUME_1)
    made = life(volume("10:00", servers='["a"]'), so("12:00", "attachments=[]"), gone)

    assert volumes(made) == ["10:00-12:00 10 ssd a last 12:00"]


def test_a_volume_that_lived_shortly_is_an_entity():
    made = life(volume("10:00"), deleted("10:00:10", resource=VOLUME_1))

    assert volumes(made) == ["10:00-10:00:10 10 ssd - last 10:00:10"]


def test_the_name_of_a_type_is_shown_where_only_its_id_was_told():
    made = life(volume("10:00", "size_gib=1 volume_type=type-7"))

    assert [told(one, V3)["volume_type"] for one in entities(made, V3, types={"type-7": "fast"})] == ["fast"]
    assert [told(one, V3)["volume_type"] for one in entities(made, V3)] == ["type-7"]


def test_a_volume_of_whose_type_only_the_id_was_told_is_cut_where_that_changes():
    made = life(
        created("10:00", "size_gib=1", launched=True, described={"volume_type_id": "type-7"}),
        changed("11:00", "user_id=u", described={"volume_type_id": "type-8"}, untold=("volume_type",)),
    )
    made = msgspec.structs.replace(made, resource=VOLUME_1)

    assert [told(one, V3)["volume_type"] for one in entities(made, V3, types={"type-7": "fast"})] == [
        "fast",
        "type-8",
    ]


def test_a_volume_as_each_generation_writes_it():
    made = life(volume("10:00", servers='["b","a"]'))
    (one,) = entities(made, V4, processed=at("15:00"))
    in_both = {
        "entity_id": "volume-1",
        "entity_type": "volume",
        "project_id": "project-1",
        "start": "2026-11-20 10:00:00+00:00",
        "end": None,
        "last_event": "2026-11-20 10:00:00+00:00",
        "name": None,
        "size": 10,
        "volume_type": "ssd",
        "attached_to": ["b", "a"],
    }

    assert told(one, V3) == in_both
    assert told(one, V4) == {**in_both, "processed": "2026-11-20 15:00:00+00:00"}
