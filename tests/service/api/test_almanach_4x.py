"""Almanach's routes as 4.x answered: shapes, statuses and errors, over real HTTP on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from asking_almanach import BAD_DATE, Client, instance_body, mandatory, new_id, volume_body, without
from loopback_api import KEY, MINE, OTHER, keystone, serving_api, token
from usance.config.settings import ApiSettings, EntitySettings, KeystoneSettings, Strategy
from usance.demo.server import serving
from usance.ledger.ledger import Ledger
from usance.model.observation import Batch, Observation, Verb
from usance.model.resource import Resource

INVALID = {"error": "Invalid parameter or payload"}
PERIOD = {"start": "2016-01-01 00:00:00.000", "end": "2016-02-01 00:00:00.000"}
SYSTEM = {"distro": "ubuntu", "version": "14.04", "os_type": "linux"}


@pytest.fixture
def api(ledger: Ledger) -> Iterator[str]:
    with serving_api(ledger, rate_limit=0) as url:
        yield url


@pytest.fixture(params=["", "/v1"])
def almanach(api: str, request: pytest.FixtureRequest) -> Client:
    return Client(api, prefix=request.param)


def said(answer: Any) -> tuple[int, Any]:
    return answer.status_code, answer.json()


# --- shapes ----------------------------------------------------------------------------------


def test_an_instance_has_its_image_and_when_it_was_learnt(almanach: Client) -> None:
    before = datetime.now(UTC)
    instance = almanach.instance("p1")

    (one,) = almanach.listed("p1", "instances", **PERIOD)

    processed = datetime.fromisoformat(one.pop("processed"))
    assert before <= processed <= datetime.now(UTC)
    assert one == {
        "entity_id": instance,
        "entity_type": "instance",
        "project_id": "p1",
        "start": "2016-01-01 18:30:00+00:00",
        "end": None,
        "last_event": "2016-01-01 18:30:00+00:00",
        "flavor": "m1.small",
        "name": "web",
        "os": SYSTEM,
        "image_meta": SYSTEM,
        "metadata": {},
    }


def test_a_volume_has_the_name_of_its_type(almanach: Client) -> None:
    volume = almanach.volume("p1", almanach.volume_type("fast"), attached_to=["b", "a"])

    (one,) = almanach.listed("p1", "volumes", **PERIOD)

    assert one.pop("processed") is not None
    assert one == {
        "entity_id": volume,
        "entity_type": "volume",
        "project_id": "p1",
        "start": "2016-01-01 18:30:00+00:00",
        "end": None,
        "last_event": "2016-01-01 18:30:00+00:00",
        "name": "data",
        "volume_type": "fast",
        "size": 100,
        "attached_to": ["a", "b"],
    }


def test_entities_are_instances_and_volumes(almanach: Client) -> None:
    almanach.instance("p1")
    almanach.volume("p1", None)

    assert [one["entity_type"] for one in almanach.listed("p1", **PERIOD)] == ["instance", "volume"]
    assert almanach.listed("p1")[1]["volume_type"] is None


def test_the_property_and_metadata_lists_decide_what_is_told(ledger: Ledger) -> None:
    entities = EntitySettings(instance_metadata=("billing",), instance_image_meta=("distro",))
    with serving_api(ledger, entities=entities) as url:
        almanach = Client(url)
        instance = almanach.instance("p1")
        almanach.put(f"/entity/instance/{instance}", {"metadata": {"billing": "month", "secret": "x"}})
        almanach.put(
            f"/instance/{instance}/rebuild", {**SYSTEM, "version": "9", "rebuild_date": "2016-01-02"}
        )

        (one,) = almanach.listed("p1")

    assert one["metadata"] == {"billing": "month"}
    assert one["os"] == one["image_meta"] == {"distro": "ubuntu"}


def test_info_counts_what_is_active_and_all_spans(ledger: Ledger) -> None:
    with serving_api(ledger) as url:
        almanach = Client(url)
        almanach.delete(f"/instance/{almanach.instance('p1')}", {"date": "2016-01-02"})
        almanach.instance("p2")

        counts = Client(url, token=None).get("/v1/info").json()["database"]

    assert counts == {"active_entities": 1, "all_entities": 2}


# --- periods ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("2016-01-01 18:40:00.000", "2016-01-01 18:45:00.000", 1),
        ("2016-01-01 18:50:00.000", "2016-01-01 19:00:00.000", 1),  # both ends belong to a period
        ("2016-01-01 18:00:00.000", "2016-01-01 18:30:00.000", 1),
        ("2016-01-01 18:50:00.000001", "2016-01-01 19:00:00.000", 0),
        ("2016-01-01 18:00:00.000", "2016-01-01 18:29:59.999999", 0),
        ("0001-01-01 00:00:00.0", "9999-12-31 23:59:59.999999", 1),
    ],
)
def test_a_period_takes_what_it_touches_and_clips_nothing(api: str, start: str, end: str, found: int) -> None:
    almanach = Client(api)
    almanach.delete(f"/instance/{almanach.instance('p1')}", {"date": "2016-01-01T18:50:00Z"})

    listed = almanach.listed("p1", start=start, end=end)

    assert [(one["start"], one["end"]) for one in listed] == [
        ("2016-01-01 18:30:00+00:00", "2016-01-01 18:50:00+00:00")
    ] * found


def test_a_period_without_an_end_ends_now(api: str) -> None:
    almanach = Client(api)
    almanach.instance("p1")
    almanach.instance("p1", created_at="2100-01-01T00:00:00Z")

    assert len(almanach.listed("p1")) == 1


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({}, mandatory("start")),
        ({"start": "2016-01-01"}, INVALID),
        ({"start": "2016-01-01 00:00:00.000", "end": "yesterday"}, INVALID),
        ({"start": "2016-01-01T00:00:00.000"}, INVALID),
        ({"start": "2016-02-01 00:00:00.000", "end": "2016-01-01 00:00:00.000"}, INVALID),
        ({"start": "2016-02-01 00:00:00.000'; drop table span; --"}, INVALID),
    ],
)
@pytest.mark.parametrize("what", ["instances", "volumes", "entities"])
def test_a_period_that_is_none_is_refused(api: str, what: str, query: dict[str, str], error: Any) -> None:
    assert said(Client(api).get(f"/project/p1/{what}", **query)) == (400, error)


def test_a_project_that_nobody_knows_has_nothing(almanach: Client) -> None:
    for project in ("nothing", "a'b", "%00", "x" * 400):
        assert almanach.listed(project) == []


def test_a_long_list_comes_whole_and_in_order(ledger: Ledger) -> None:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    many = [
        Observation(
            resource=Resource("p1", "default", "server", f"server-{number:05}"),
            verb=Verb.CREATED,
            at=created,
            created_at=created,
            source="nova",
            launched=True,
        )
        for number in range(1234)
    ]
    ledger.observe("p1", "default", Batch(tuple(many)))
    with serving_api(ledger) as url:
        listed = Client(url).listed("p1")

    assert [one["entity_id"] for one in listed] == [one.resource.id for one in many]


# --- what is not there -----------------------------------------------------------------------

DATE = {"date": "2016-01-02T00:00:00Z"}
UNKNOWN: list[tuple[str, str, Any, str]] = [
    ("DELETE", "/instance/zz", DATE, "InstanceId: zz Not Found"),
    ("PUT", "/instance/zz/resize", {**DATE, "flavor": "m1.large"}, "Entity zz not found"),
    ("PUT", "/instance/zz/rebuild", {**SYSTEM, "rebuild_date": "2016-01-02"}, "Entity zz not found"),
    ("DELETE", "/volume/zz", DATE, "Entity zz not found"),
    ("PUT", "/volume/zz/resize", {**DATE, "size": 1}, "Entity zz not found"),
    ("PUT", "/volume/zz/attach", {**DATE, "attachments": []}, "Entity zz not found"),
    ("PUT", "/volume/zz/detach", {**DATE, "attachments": []}, "Entity zz not found"),
    ("PUT", "/entity/instance/zz", {"flavor": "m1.large"}, "Entity zz not found"),
    ("GET", "/entity/zz", None, "Entity not found"),
    ("GET", "/volume_type/none", None, 'Unable to find volume_type_id "none"'),
    ("DELETE", "/volume_type/none", None, 'Unable to find volume_type_id "none"'),
    ("POST", "/project/p1/volume", volume_body("none"), 'Unable to find volume_type_id "none"'),
]


@pytest.mark.parametrize(("method", "path", "body", "error"), UNKNOWN)
def test_what_is_not_there_is_not_found(api: str, method: str, path: str, body: Any, error: str) -> None:
    assert said(Client(api).ask(method, path, body)) == (404, {"error": error})


NOT_ACTIVE_IN_3X = [one for one in UNKNOWN if one[3].startswith("Entity zz")]


@pytest.mark.parametrize(("method", "path", "body", "_error"), NOT_ACTIVE_IN_3X)
def test_3x_takes_what_is_not_active_for_a_missing_field(
    ledger: Ledger, method: str, path: str, body: Any, _error: str
) -> None:
    with serving_api(ledger, almanach_version=3) as url:
        answer = Client(url).ask(method, path, body)

    assert said(answer) == (400, mandatory("Unable to find entity id zz"))


def test_3x_says_entity_not_found_of_an_instance_that_can_not_be_deleted(ledger: Ledger) -> None:
    with serving_api(ledger, almanach_version=3) as url:
        assert said(Client(url).delete("/instance/zz", DATE)) == (404, {"error": "Entity not found"})


def test_what_is_deleted_is_not_active(api: str) -> None:
    almanach = Client(api)
    instance = almanach.instance("p1")
    almanach.delete(f"/instance/{instance}", DATE)

    again = almanach.delete(f"/instance/{instance}", DATE)
    resized = almanach.put(f"/instance/{instance}/resize", {**DATE, "flavor": "x"})

    assert said(again) == (404, {"error": f"InstanceId: {instance} Not Found"})
    assert said(resized) == (404, {"error": f"Entity {instance} not found"})
    assert len(almanach.get(f"/entity/{instance}").json()) == 1


# --- bodies ----------------------------------------------------------------------------------

ROUTES_WITH_BODIES = [
    ("POST", "/project/p1/instance"),
    ("DELETE", "/instance/i"),
    ("PUT", "/instance/i/resize"),
    ("PUT", "/instance/i/rebuild"),
    ("POST", "/project/p1/volume"),
    ("DELETE", "/volume/v"),
    ("PUT", "/volume/v/resize"),
    ("PUT", "/volume/v/attach"),
    ("PUT", "/volume/v/detach"),
    ("PUT", "/entity/instance/i"),
    ("POST", "/volume_type"),
]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"7", b"\xff", b"[" * 100_000, b'{"a":NaN}'])
@pytest.mark.parametrize(("method", "path"), ROUTES_WITH_BODIES)
def test_a_body_that_is_no_object_is_refused(one_api: str, method: str, path: str, content: bytes) -> None:
    assert said(Client(one_api).ask(method, path, content)) == (400, INVALID)


@pytest.fixture(scope="module")
def one_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve one ledger to all the tests that change nothing in it."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    with Ledger.open(f"sqlite:///{path}") as ledger, serving_api(ledger, rate_limit=0) as url:
        yield url


INSTANCE_FIELDS = ("id", "created_at", "name", "flavor", "os_type", "os_distro", "os_version")
VOLUME_FIELDS = ("volume_id", "start", "volume_type", "size", "volume_name", "attached_to")


@pytest.mark.parametrize("name", INSTANCE_FIELDS)
def test_each_field_of_an_instance_is_mandatory(one_api: str, name: str) -> None:
    answer = Client(one_api).post("/project/p1/instance", without(instance_body(), name))

    assert said(answer) == (400, mandatory(name))


@pytest.mark.parametrize("name", VOLUME_FIELDS)
def test_each_field_of_a_volume_is_mandatory(one_api: str, name: str) -> None:
    answer = Client(one_api).post("/project/p1/volume", without(volume_body(None), name))

    assert said(answer) == (400, mandatory(name))


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": 5},
        {"id": ""},
        {"id": "a\nb"},
        {"id": "x" * 256},
        {"flavor": 5},
        {"flavor": None},
        {"flavor": ""},
        {"flavor": "x" * 2000},
        {"name": ["web"]},
        {"os_distro": {}},
    ],
)
def test_a_field_of_an_instance_that_can_not_be_is_refused(one_api: str, wrong: dict[str, Any]) -> None:
    answer = Client(one_api).post("/project/p1/instance", instance_body(**wrong))

    assert said(answer) == (400, INVALID)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": -1},
        {"size": 1.5},
        {"size": True},
        {"size": "many"},
        {"size": 2**63},
        {"size": None},
        {"attached_to": "server"},
        {"attached_to": [5]},
        {"attached_to": ["x"] * 1001},
    ],
)
def test_a_field_of_a_volume_that_can_not_be_is_refused(one_api: str, wrong: dict[str, Any]) -> None:
    assert said(Client(one_api).post("/project/p1/volume", volume_body(None, **wrong))) == (400, INVALID)


@pytest.mark.parametrize(
    "date",
    [
        "A_BAD_DATE",
        "",
        None,
        5,
        "2016-02-30T00:00:00Z",
        "x" * 1000,
        [],
        "1",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ],
)
def test_a_date_that_is_none_is_refused(one_api: str, date: Any) -> None:
    answer = Client(one_api).post("/project/p1/instance", instance_body(created_at=date))

    assert said(answer) == (400, {"error": BAD_DATE})


@pytest.mark.parametrize(
    ("date", "start"),
    [
        ("2016-01-01 18:30:00", "2016-01-01 18:30:00+00:00"),
        ("2016-01-01T18:30:00.1523Z", "2016-01-01 18:30:00.152300+00:00"),
        ("2016-01-01T20:30:00+02:00", "2016-01-01 18:30:00+00:00"),
        ("1970-01-01T00:00:00Z", "1970-01-01 00:00:00+00:00"),
    ],
)
def test_dates_are_read_in_their_usual_forms(one_api: str, date: str, start: str) -> None:
    project = new_id()
    Client(one_api).instance(project, created_at=date)

    (one,) = Client(one_api).listed(project, start="1960-01-01 00:00:00.0")

    assert one["start"] == start


def test_a_content_type_makes_no_difference(one_api: str) -> None:
    almanach = Client(one_api)
    almanach.headers |= {"Content-Type": "application/x-www-form-urlencoded"}

    almanach.instance(new_id())


# --- updates of entities ---------------------------------------------------------------------

WRONG_UPDATES: list[tuple[Any, dict[str, str]]] = [
    ({"flavor": 123, "os": 123}, {"flavor": "expected str", "os": "expected a dictionary"}),
    ({"name": None}, {"name": "expected str"}),
    ({"flavor_flavor": "x"}, {"flavor_flavor": "extra keys not allowed"}),
    ({"start": "2016-01-01T00:00:00.0Z"}, {"start": "extra keys not allowed"}),
    ({"os": {"distro": "x"}}, {"os": "required key not provided"}),
    ({"os": {**SYSTEM, "more": "x"}}, {"os": "extra keys not allowed"}),
    ({"os": {**SYSTEM, "version": 5}}, {"os": "expected str"}),
    ({"metadata": "x"}, {"metadata": "expected dict"}),
    ({"start_date": "x"}, {"start_date": "value does not match expected format %Y-%m-%dT%H:%M:%S.%fZ"}),
    ({"end_date": 5}, {"end_date": "value does not match expected format %Y-%m-%dT%H:%M:%S.%fZ"}),
    (
        {"start_date": "2016-01-03T00:00:00.0Z", "end_date": "2016-01-02T00:00:00.0Z"},
        {"end_date": "must be later than the start"},
    ),
]


@pytest.mark.parametrize(("wrong", "errors"), WRONG_UPDATES)
def test_an_update_is_refused_field_by_field(one_api: str, wrong: Any, errors: Any) -> None:
    almanach, project = Client(one_api), new_id()
    instance = almanach.instance(project)
    before = almanach.listed(project)

    assert said(almanach.put(f"/entity/instance/{instance}", wrong)) == (400, {"error": errors})
    assert almanach.listed(project) == before


def test_an_update_of_everything_is_kept(almanach: Client) -> None:
    instance = almanach.instance("p1")
    body = {
        "name": "db",
        "flavor": "m1.large",
        "os": {"distro": "debian", "version": "8", "os_type": "linux"},
        "start_date": "2016-01-02T00:00:00.0Z",
        "end_date": "2016-01-03T00:00:00.5Z",
    }

    answer = almanach.put(f"/entity/instance/{instance}", body)

    assert answer.status_code == 200
    one = answer.json()
    assert (one["name"], one["flavor"], one["os"]) == ("db", "m1.large", body["os"])
    assert (one["start"], one["end"]) == ("2016-01-02 00:00:00+00:00", "2016-01-03 00:00:00.500000+00:00")
    assert almanach.get(f"/entity/{instance}").json() == [one]


def test_an_update_that_says_nothing_new_changes_nothing(almanach: Client) -> None:
    instance = almanach.instance("p1")
    (before,) = almanach.get(f"/entity/{instance}").json()

    for body in ({}, {"flavor": "m1.small"}, {"name": ""}, {"start_date": "2016-01-01T18:30:00.0Z"}):
        assert almanach.put(f"/entity/instance/{instance}", body).json() == before


def resized(almanach: Client) -> str:
    """Return an instance that had three flavors and was deleted."""
    instance = almanach.instance("p1")
    for day, flavor in ((2, "m1.medium"), (3, "m1.large")):
        almanach.put(f"/instance/{instance}/resize", {"date": f"2016-01-0{day}", "flavor": flavor})
    almanach.delete(f"/instance/{instance}", {"date": "2016-01-04"})
    return instance


def test_a_closed_entity_in_the_middle_is_updated_and_its_neighbours_give_way(almanach: Client) -> None:
    instance = resized(almanach)

    answer = almanach.put(
        f"/entity/instance/{instance}",
        {"flavor": "m1.huge", "end_date": "2016-01-03 12:00:00Z"},
        start="2016-01-01 20:00:00.0",
        end="2016-01-03 00:00:00.0",
    )

    assert answer.status_code == 200
    listed = almanach.get(f"/entity/{instance}").json()
    assert answer.json() == listed[1]
    assert [(one["flavor"], one["start"][:13], one["end"][:13]) for one in listed] == [
        ("m1.small", "2016-01-01 18", "2016-01-02 00"),
        ("m1.huge", "2016-01-02 00", "2016-01-03 12"),
        ("m1.large", "2016-01-03 12", "2016-01-04 00"),
    ]


def test_of_several_closed_entities_none_is_updated(almanach: Client) -> None:
    instance = resized(almanach)

    answer = almanach.put(f"/entity/instance/{instance}", {"flavor": "x"}, **PERIOD)

    assert said(answer) == (400, {"error": "Multiple entities found while updating a closed entity"})


def test_a_closed_entity_that_is_not_there_is_not_found(almanach: Client) -> None:
    instance = almanach.instance("p1")

    answer = almanach.put(f"/entity/instance/{instance}", {"flavor": "x"}, **PERIOD)

    assert said(answer) == (404, {"error": f"InstanceId: {instance} Not Found with start"})


def test_a_closed_entity_is_checked_too(almanach: Client) -> None:
    instance = resized(almanach)
    middle = {"start": "2016-01-01 20:00:00.0", "end": "2016-01-03 00:00:00.0"}

    wrong = almanach.put(f"/entity/instance/{instance}", {"flavor": 5}, **middle)
    early = almanach.put(f"/entity/instance/{instance}", {"end_date": "2015-01-01"}, **middle)

    assert said(wrong) == (400, {"error": {"flavor": "expected str"}})
    assert said(early) == (400, {"error": {"end_date": "must be later than the start"}})


# --- repetition ------------------------------------------------------------------------------


def test_what_is_sent_again_changes_nothing(almanach: Client) -> None:
    body = instance_body()
    resize = {"date": "2016-01-02", "flavor": "m1.large"}

    for _ in range(3):
        assert almanach.post("/project/p1/instance", body).status_code == 201
    for _ in range(3):
        assert almanach.put(f"/instance/{body['id']}/resize", resize).status_code == 200

    assert [one["flavor"] for one in almanach.listed("p1")] == ["m1.small", "m1.large"]


def test_a_creation_after_the_deletion_revives_nothing(almanach: Client) -> None:
    body = instance_body()
    almanach.post("/project/p1/instance", body)
    almanach.delete(f"/instance/{body['id']}", {"date": "2016-01-02"})

    assert almanach.post("/project/p1/instance", body).status_code == 201

    assert [one["end"] for one in almanach.listed("p1")] == ["2016-01-02 00:00:00+00:00"]


def test_a_type_of_volumes_is_named_renamed_and_dropped(almanach: Client) -> None:
    type_id = almanach.volume_type("fast")
    volume = almanach.volume("p1", type_id)
    assert almanach.post("/volume_type", {"type_id": type_id, "type_name": "faster"}).status_code == 201
    shown = {"volume_type_id": type_id, "volume_type_name": "faster"}
    assert said(almanach.get("/volume_types")) == (200, [shown])
    assert said(almanach.get(f"/volume_type/{type_id}")) == (200, shown)

    dropped = almanach.delete(f"/volume_type/{type_id}")

    assert (dropped.status_code, dropped.content) == (202, b"")
    assert almanach.get("/volume_types").json() == []
    assert almanach.get(f"/entity/{volume}").json()[0]["volume_type"] == "fast"


# --- whose it is -----------------------------------------------------------------------------


def test_what_went_to_another_project_is_listed_in_both(ledger: Ledger) -> None:
    created, moved = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    for project, verb in (("p1", Verb.LEFT), ("p2", Verb.ENTERED)):
        resource = Resource(project, "default", "volume", "volume-1")
        held = {"size_gib": 5, "attachments": "[]"}
        began = Observation(
            resource=resource, verb=Verb.CREATED, at=created, created_at=created, source="cinder",
            accounted=held, launched=True,
        )  # fmt: skip
        went = Observation(
            resource=resource, verb=verb, at=moved, source="cinder", accounted=held, launched=True
        )
        ledger.observe(project, "default", Batch((began, went) if verb is Verb.LEFT else (went,)))
    with serving_api(ledger) as url:
        almanach = Client(url)
        listed = almanach.get("/entity/volume-1").json()
        resize = almanach.put("/volume/volume-1/resize", {"date": "2026-01-03", "size": 6})
        after = almanach.listed("p2", start="2026-01-01 00:00:00.0")

    assert [(one["project_id"], one["end"]) for one in listed] == [
        ("p1", "2026-01-02 00:00:00+00:00"),
        ("p2", None),
    ]
    assert resize.status_code == 200
    assert [one["size"] for one in after] == [5, 6]


def test_what_is_written_goes_to_the_cloud_where_the_project_is_known(ledger: Ledger) -> None:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    known = Observation(
        resource=Resource("p1", "north", "server", "server-1"), verb=Verb.CREATED, at=created,
        created_at=created, source="nova",
    )  # fmt: skip
    ledger.observe("p1", "north", Batch((known,)))
    with serving_api(ledger, cloud_id="south") as url:
        Client(url).instance("p1")
        Client(url).instance("p2")

    assert ledger.projects() == [("p1", "north"), ("p2", "south")]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Serve with the key and with Keystone; yield both URLs. MINE and OTHER have an instance each."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    with serving(keystone()) as identity, Ledger.open(f"sqlite:///{path}") as ledger:
        settings = ApiSettings(
            strategy=Strategy.PRIVATE_KEY | Strategy.KEYSTONE,
            private_key=KEY,
            keystone=KeystoneSettings(f"{identity}/identity/v3"),
            rate_limit=0,
        )
        with serving_api(ledger, settings) as url:
            for project in (MINE, OTHER):
                Client(url).instance(project, id=f"of-{project}")
            yield url, identity


def test_members_see_their_own_project_only(guarded: tuple[str, str]) -> None:
    url, identity = guarded
    member = Client(url, token(identity, "member"))

    assert len(member.listed(MINE)) == 1
    assert member.get(f"/project/{OTHER}/entities", **PERIOD).status_code == 403
    assert len(member.get(f"/entity/of-{MINE}").json()) == 1
    assert said(member.get(f"/entity/of-{OTHER}")) == (404, {"error": "Entity not found"})
    assert member.ask("HEAD", f"/entity/of-{OTHER}").status_code == 404
    assert member.get("/volume_types").status_code == 200


@pytest.mark.parametrize("name", ["member", "auditor"])
@pytest.mark.parametrize(("method", "path"), [*ROUTES_WITH_BODIES, ("DELETE", "/volume_type/x")])
def test_who_may_only_read_writes_nothing(
    guarded: tuple[str, str], name: str, method: str, path: str
) -> None:
    url, identity = guarded

    answer = Client(url, token(identity, name)).ask(method, path, {})

    assert answer.status_code == 403
    assert answer.json().keys() == {"error"}


@pytest.mark.parametrize("name", ["biller", "chief"])
def test_who_may_write_does_for_every_project(guarded: tuple[str, str], name: str) -> None:
    url, identity = guarded
    biller = Client(url, token(identity, name))

    instance = biller.instance(MINE)

    assert biller.delete(f"/instance/{instance}", DATE).status_code == 202
    assert len(biller.listed(OTHER)) >= 1


@pytest.mark.parametrize("shown", [None, "", "wrong", KEY + "x"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        *ROUTES_WITH_BODIES,
        ("DELETE", "/volume_type/x"),
        ("GET", "/volume_types"),
        ("GET", "/volume_type/x"),
        ("GET", "/entity/x"),
        ("GET", "/project/p1/instances"),
        ("GET", "/project/p1/volumes"),
        ("GET", "/project/p1/entities"),
    ],
)
def test_nobody_gets_in_without_a_token(one_api: str, method: str, path: str, shown: str | None) -> None:
    with_limit = Client(one_api, shown)

    answer = with_limit.ask(method, path, {})

    assert answer.status_code in {401, 429}
    if answer.status_code == 401:
        assert answer.text == "Unauthorized"
