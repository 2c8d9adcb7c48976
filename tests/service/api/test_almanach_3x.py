"""What Almanach 3.2.0's own black-box tests asked of its API, asked of `usance serve`.

There were 52. Each parameter `n-of-52` and each name below stands for one of them, in the order of its
files; how they are worded and made is ours. What differs on purpose is said where it is tested. Those
from the 42nd on send messages: they are beside the tests of the collector.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from asking_almanach import (
    BAD_DATE,
    Client,
    instance_body,
    mandatory,
    new_id,
    volume_body,
    without,
)
from serve_process import Serving, almanach_3

SYSTEM = {"distro": "ubuntu", "version": "14.04", "os_type": "linux"}


@pytest.fixture(scope="module")
def ledger_file(tmp_path_factory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.db"


@pytest.fixture(scope="module")
def serve(ledger_file, tmp_path_factory) -> Iterator[Serving]:
    process = Serving(tmp_path_factory.mktemp("serve"), almanach_3(ledger_file))
    try:
        yield process.ready()
        assert process.stop() == 0
    finally:
        process.kill()


@pytest.fixture(scope="module")
def almanach(serve) -> Client:
    return Client(serve.url)


@pytest.fixture(scope="module")
def volume_type(almanach) -> str:
    return almanach.volume_type("my-type")


@pytest.fixture
def project() -> str:
    return new_id()


def around(moment: str) -> dict[str, str]:
    """Return a period of two minutes around a minute of the first of January 2016."""
    hour, minute = moment.split(":")
    before, after = (f"2016-01-01 {hour}:{int(minute) + step:02}:00.000" for step in (-1, 1))
    return {"start": before, "end": after}


# --- who may ---------------------------------------------------------------------------------


def test_1_of_52_a_list_without_a_token_is_refused(serve):
    asked = {"start": "2014-02-28 18:50:00.000", "end": "2014-03-21 22:00:00.000"}

    answer = Client(serve.url, token=None).get(f"/project/{new_id()}/instances", **asked)

    assert (answer.status_code, answer.text) == (401, "Unauthorized")


# --- entities --------------------------------------------------------------------------------


def test_2_of_52_head_finds_an_entity(almanach, project):
    assert almanach.ask("HEAD", f"/entity/{almanach.instance(project)}").status_code == 200


def test_3_of_52_head_does_not_find_what_there_is_not(almanach):
    assert almanach.ask("HEAD", "/entity/some_uuid").status_code == 404


def test_4_of_52_get_lists_the_one_entity(almanach, project):
    instance = almanach.instance(project)

    answer = almanach.get(f"/entity/{instance}")

    assert answer.status_code == 200
    assert [one["entity_id"] for one in answer.json()] == [instance]


def test_5_of_52_get_does_not_find_what_there_is_not(almanach):
    answer = almanach.get("/entity/foobar")

    assert (answer.status_code, answer.json()) == (404, {"error": "Entity not found"})


def test_6_of_52_info_is_there_for_everybody(serve):
    answer = Client(serve.url, token=None).get("/info")

    assert answer.status_code == 200
    assert answer.json().keys() == {"info", "database"}


# --- instances -------------------------------------------------------------------------------


def listed_instance(instance: str, project: str, **more: Any) -> dict[str, Any]:
    return {
        "entity_id": instance,
        "entity_type": "instance",
        "project_id": project,
        "start": "2016-01-01 18:30:00+00:00",
        "end": None,
        "last_event": "2016-01-01 18:30:00+00:00",
        "flavor": "m1.small",
        "name": "web",
        "os": SYSTEM,
        "metadata": {},
    } | more


def test_7_of_52_an_instance_that_is_created_is_listed(almanach, project):
    instance = almanach.instance(project)

    found = almanach.listed(project, "instances", **around("18:30"))

    assert found == [listed_instance(instance, project)]


BAD_CREATIONS = {
    "8-of-52": ({"created_at": "A_BAD_DATE_FORMAT"}, {"error": BAD_DATE}),
    "9-of-52": ("flavor", mandatory("flavor")),
}


@pytest.mark.parametrize(("wrong", "error"), BAD_CREATIONS.values(), ids=BAD_CREATIONS)
def test_a_creation_of_an_instance_is_refused(almanach, project, wrong, error):
    body = instance_body(**wrong) if isinstance(wrong, dict) else without(instance_body(), wrong)

    answer = almanach.post(f"/project/{project}/instance", body)

    assert (answer.status_code, answer.json()) == (400, error)


def test_10_of_52_a_type_of_volumes_needs_its_name(almanach):
    answer = almanach.post("/volume_type", {"type_id": new_id()})

    assert (answer.status_code, answer.json()) == (400, mandatory("type_name"))


def test_11_of_52_an_instance_that_is_deleted_has_its_end(almanach, project):
    instance = almanach.instance(project)

    answer = almanach.delete(f"/instance/{instance}", {"date": "2016-01-01T18:50:00Z"})

    assert (answer.status_code, answer.content) == (202, b"")
    end = "2016-01-01 18:50:00+00:00"
    assert almanach.listed(project, "instances", **around("18:50")) == [
        listed_instance(instance, project, end=end, last_event=end)
    ]


def test_12_of_52_a_deletion_needs_a_date_that_is_one(almanach, project):
    answer = almanach.delete(f"/instance/{almanach.instance(project)}", {"date": "A_BAD_DATE"})

    assert (answer.status_code, answer.json()) == (400, {"error": BAD_DATE})


def test_14_of_52_an_update_of_start_and_flavor_is_answered_with_the_entity(almanach, project):
    instance = almanach.instance(project)

    answer = almanach.put(
        f"/entity/instance/{instance}", {"start_date": "2016-04-14T18:30:00.00Z", "flavor": "m1.large"}
    )

    assert answer.status_code == 200
    start = "2016-04-14 18:30:00+00:00"
    assert answer.json() == listed_instance(
        instance, project, start=start, last_event=start, flavor="m1.large"
    )
    assert almanach.get(f"/entity/{instance}").json() == [answer.json()]


def test_15_of_52_an_update_of_the_start_alone_is_answered_with_the_entity(almanach, project):
    instance = almanach.instance(project)

    answer = almanach.put(f"/entity/instance/{instance}", {"start_date": "2016-04-14T18:30:00.00Z"})

    assert answer.status_code == 200
    assert answer.json()["entity_id"] == instance
    assert answer.json()["start"] == "2016-04-14 18:30:00+00:00"


BAD_UPDATES = {
    "16-of-52": (
        {"start_date": "2016-04-14T18:30:00.00Z", "flavor": 123, "os": 123},
        {"flavor": "expected unicode", "os": "expected a dictionary"},
    ),
    "17-of-52": ({"flavor_flavor": "m1.small"}, {"flavor_flavor": "extra keys not allowed"}),
    "18-of-52": (
        {"start_date": "my date"},
        {"start_date": "value does not match expected format %Y-%m-%dT%H:%M:%S.%fZ"},
    ),
}


@pytest.mark.parametrize(("wrong", "errors"), BAD_UPDATES.values(), ids=BAD_UPDATES)
def test_an_update_is_refused_field_by_field(almanach, project, wrong, errors):
    instance = almanach.instance(project)

    answer = almanach.put(f"/entity/instance/{instance}", wrong)

    assert (answer.status_code, answer.json()) == (400, {"error": errors})
    assert almanach.get(f"/entity/{instance}").json() == [listed_instance(instance, project)]


def test_19_of_52_the_flavor_and_end_of_a_closed_entity_are_updated(almanach, project):
    instance = almanach.instance(project)
    almanach.delete(f"/instance/{instance}", {"date": "2016-01-01T18:50:00Z"})

    answer = almanach.put(
        f"/entity/instance/{instance}",
        {"flavor": "m1.large", "end_date": "2016-01-02 18:50:00.0Z"},
        start="2016-01-01 18:29:59.0",
        end="2016-01-01 18:50:00.0",
    )

    assert answer.status_code == 200
    end = "2016-01-02 18:50:00+00:00"
    assert answer.json() == listed_instance(instance, project, flavor="m1.large", end=end, last_event=end)


def test_20_of_52_a_rebuild_begins_an_entity(almanach, project):
    instance = almanach.instance(project, os_version="12.04")
    body = {**SYSTEM, "rebuild_date": "2016-01-01T18:40:00Z"}

    answer = almanach.put(f"/instance/{instance}/rebuild", body)

    assert (answer.status_code, answer.content) == (200, b"")
    start = "2016-01-01 18:40:00+00:00"
    found = almanach.listed(project, "instances", **around("18:40"))
    assert found[1] == listed_instance(instance, project, start=start, last_event=start)
    assert (found[0]["end"], found[0]["os"]["version"]) == (start, "12.04")


def test_23_of_52_a_resize_begins_an_entity(almanach, project):
    instance = almanach.instance(project)

    answer = almanach.put(
        f"/instance/{instance}/resize", {"date": "2016-01-01T18:40:00Z", "flavor": "m1.large"}
    )

    assert (answer.status_code, answer.content) == (200, b"")
    start = "2016-01-01 18:40:00+00:00"
    found = almanach.listed(project, "instances", **around("18:40"))
    assert found[1] == listed_instance(instance, project, start=start, last_event=start, flavor="m1.large")
    assert (found[0]["end"], found[0]["flavor"]) == (start, "m1.small")


# --- volumes ---------------------------------------------------------------------------------


def listed_volume(volume: str, project: str, **more: Any) -> dict[str, Any]:
    return {
        "entity_id": volume,
        "entity_type": "volume",
        "project_id": project,
        "start": "2016-01-01 18:30:00+00:00",
        "end": None,
        "last_event": "2016-01-01 18:30:00+00:00",
        "name": "data",
        "volume_type": "my-type",
        "size": 100,
        "attached_to": [],
    } | more


def test_26_of_52_an_attachment_begins_an_entity(almanach, project, volume_type):
    instance = almanach.instance(project)
    volume = almanach.volume(project, volume_type, start="2016-01-01T18:30:30Z")

    answer = almanach.put(
        f"/volume/{volume}/attach", {"date": "2016-01-01T18:40:00Z", "attachments": [instance]}
    )

    assert (answer.status_code, answer.content) == (200, b"")
    start = "2016-01-01 18:40:00+00:00"
    assert almanach.listed(project, "volumes", **around("18:40"))[1] == listed_volume(
        volume, project, start=start, last_event=start, attached_to=[instance]
    )


def test_29_of_52_a_volume_that_is_created_is_listed(almanach, project, volume_type):
    volume = almanach.volume(project, volume_type)

    assert almanach.listed(project, "volumes", **around("18:30")) == [listed_volume(volume, project)]


BAD_VOLUMES = {
    "30-of-52": ({"start": "BAD_DATE_FORMAT"}, {"error": BAD_DATE}),
    "31-of-52": ("start", mandatory("start")),
}


@pytest.mark.parametrize(("wrong", "error"), BAD_VOLUMES.values(), ids=BAD_VOLUMES)
def test_a_creation_of_a_volume_is_refused(almanach, project, volume_type, wrong, error):
    body = volume_body(volume_type)
    body = body | wrong if isinstance(wrong, dict) else without(body, wrong)

    answer = almanach.post(f"/project/{project}/volume", body)

    assert (answer.status_code, answer.json()) == (400, error)


def test_32_of_52_a_volume_that_is_deleted_has_its_end(almanach, project, volume_type):
    volume = almanach.volume(project, volume_type)

    answer = almanach.delete(f"/volume/{volume}", {"date": "2016-01-01T18:50:00Z"})

    assert (answer.status_code, answer.content) == (202, b"")
    end = "2016-01-01 18:50:00+00:00"
    assert almanach.listed(project, "volumes", **around("18:50")) == [
        listed_volume(volume, project, end=end, last_event=end)
    ]


def test_35_of_52_a_detachment_begins_an_entity(almanach, project, volume_type):
    instance = almanach.instance(project)
    volume = almanach.volume(project, volume_type, start="2016-01-01T18:30:30Z", attached_to=[instance])

    answer = almanach.put(f"/volume/{volume}/detach", {"date": "2016-01-01T18:40:00Z", "attachments": []})

    assert (answer.status_code, answer.content) == (200, b"")
    start = "2016-01-01 18:40:00+00:00"
    found = almanach.listed(project, "volumes", **around("18:40"))
    assert found[1] == listed_volume(volume, project, start=start, last_event=start)
    assert found[0]["attached_to"] == [instance]


def test_38_of_52_a_resize_of_a_volume_begins_an_entity(almanach, project, volume_type):
    """The size was sent as a text, and came back as one; here it is a number."""
    volume = almanach.volume(project, volume_type)

    answer = almanach.put(f"/volume/{volume}/resize", {"date": "2016-01-01T18:40:00Z", "size": "150"})

    assert (answer.status_code, answer.content) == (200, b"")
    start = "2016-01-01 18:40:00+00:00"
    assert almanach.listed(project, "volumes", **around("18:40"))[1] == listed_volume(
        volume, project, start=start, last_event=start, size=150
    )


def test_41_of_52_a_type_of_volumes_that_is_created_is_shown(almanach):
    type_id = almanach.volume_type("my-name")

    answer = almanach.get(f"/volume_type/{type_id}")

    assert answer.status_code == 200
    assert answer.json() == {"volume_type_id": type_id, "volume_type_name": "my-name"}


# --- a date that is none, or is missing, wherever one is asked for ---------------------------

BAD = "A_BAD_DATE"
NO_DATE = {"error": BAD_DATE}
DATED: dict[str, tuple[str, str, dict[str, Any], dict[str, str]]] = {
    "13-of-52": ("DELETE", "/instance/my_id", {}, mandatory("date")),
    "21-of-52": ("PUT", "/instance/my_id/rebuild", {**SYSTEM, "rebuild_date": BAD}, NO_DATE),
    "22-of-52": (
        "PUT",
        "/instance/my_id/rebuild",
        {**without(SYSTEM, "version"), "rebuild_date": BAD},
        mandatory("version"),
    ),
    "24-of-52": ("PUT", "/instance/my_id/resize", {"date": BAD, "flavor": "c"}, NO_DATE),
    "25-of-52": ("PUT", "/instance/my_id/resize", {"flavor": "c"}, mandatory("date")),
    "27-of-52": ("PUT", "/volume/my_id/attach", {"date": BAD, "attachments": ["i"]}, NO_DATE),
    "28-of-52": ("PUT", "/volume/my_id/attach", {"attachments": ["i"]}, mandatory("date")),
    "33-of-52": ("DELETE", "/volume/my_id", {"date": BAD}, NO_DATE),
    "34-of-52": ("DELETE", "/volume/my_id", {}, mandatory("date")),
    "36-of-52": ("PUT", "/volume/my_id/detach", {"date": BAD, "attachments": ["i"]}, NO_DATE),
    "37-of-52": ("PUT", "/volume/my_id/detach", {"attachments": ["i"]}, mandatory("date")),
    "39-of-52": ("PUT", "/volume/my_id/resize", {"date": BAD, "size": "150"}, NO_DATE),
    "40-of-52": ("PUT", "/volume/my_id/resize", {"size": "250"}, mandatory("date")),
}  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "error"), DATED.values(), ids=DATED)
def test_a_date_that_is_none_or_is_missing_is_refused(almanach, method, path, body, error):
    answer = almanach.ask(method, path, body)

    assert (answer.status_code, answer.json()) == (400, error)
