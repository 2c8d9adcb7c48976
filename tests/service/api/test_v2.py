"""What /v2 answers, over real HTTP and a ledger with data."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pyarrow.parquet
import pytest

import api_ledger
from api_ledger import BEGIN, CLOUD, EVIL
from loopback_api import KEY, MINE, OTHER, serving_api
from usance.api.v2 import cursors
from usance.ledger.answers import Asked, Cursor, Sort
from usance.ledger.ledger import Ledger
from usance.model.observation import Batch, Observation, Verb
from usance.model.resource import KINDS, SERVER, Resource

SERVER_ID = api_ledger.resource_id(SERVER, MINE)
PERIOD = {"start": "2026-09-01", "end": "2026-10-01"}
LIMIT_OF_THE_TESTS = 50


class Api:
    """Asks one API with the private key."""

    def __init__(self, url: str, http: httpx2.Client, ledger: Ledger) -> None:
        self.url = url
        self.http = http
        self.ledger = ledger

    def ask(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> httpx2.Response:
        shown = {"X-Auth-Token": KEY} | (headers or {})
        return self.http.get(f"{self.url}/v2/{path}", params=query, headers=shown)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.ask(path, **query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def refused(self, path: str, **query: Any) -> tuple[int, str]:
        answer = self.ask(path, **query)
        error = answer.json()["error"]
        assert error["code"] == answer.status_code
        assert error["request_id"] == answer.headers["x-openstack-request-id"]
        return answer.status_code, error["message"]

    def all(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Return the rows of all pages."""
        found: list[dict[str, Any]] = []
        page = self.get(path, **query)
        while True:
            found += page[path]
            if page["next"] is None:
                return found
            page = self.get(path, **query, cursor=page["next"])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Serve a ledger with data, that no test changes."""
    place = tmp_path_factory.mktemp("ledger")
    with Ledger.open(f"sqlite:///{place}/ledger.db") as ledger:
        api_ledger.fill(ledger)
        with serving_api(ledger, max_page=LIMIT_OF_THE_TESTS) as url, httpx2.Client(timeout=30) as http:
            yield Api(url, http, ledger)


@pytest.fixture
def api(ledger: Ledger) -> Iterator[Api]:
    """Serve a ledger with data, on each engine, that the test may change."""
    api_ledger.fill(ledger)
    with serving_api(ledger) as url, httpx2.Client(timeout=30) as http:
        yield Api(url, http, ledger)


def tell(ledger: Ledger, hours: float, *, verb: Verb = Verb.CHANGED, **accounted: Any) -> None:
    """Tell of something about the server of MINE."""
    at = BEGIN + timedelta(hours=hours)
    told = Observation(
        Resource(MINE, CLOUD, SERVER, SERVER_ID),
        verb,
        at,
        "nova-notifications",
        accounted=accounted,
        occurrence=f"req-{hours}",
    )
    ledger.observe(MINE, CLOUD, Batch((told,)))


def seconds(row: dict[str, Any]) -> int:
    start, end = (datetime.fromisoformat(row[name]) for name in ("start", "end"))
    return int((end - start).total_seconds())


# --- pages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["projects", "resources", "spans"])
@pytest.mark.parametrize("limit", [1, 3, 50])
def test_pages_together_hold_each_row_once(api: Api, path: str, limit: int) -> None:
    found = api.all(path, limit=limit)

    assert found == api.all(path, limit=1000)
    counted = Counter((one["project_id"], one.get("kind"), one.get("id"), one.get("start")) for one in found)
    assert set(counted.values()) == {1}
    assert {one["project_id"] for one in found} == {MINE, OTHER}


@pytest.mark.parametrize("path", ["resources", "spans"])
@pytest.mark.parametrize("sort", ["id", "-id", "begin", "-begin", "end", "-end"])
def test_pages_come_in_the_order_that_is_asked_for(shared: Api, path: str, sort: str) -> None:
    name = {"begin": "begin" if path == "resources" else "start", "end": "end"}.get(sort.removeprefix("-"))
    whole = shared.all(path, sort=sort, limit=7)

    if name is not None:
        keys = [one[name] or "9999" for one in whole]
        assert keys == sorted(keys, reverse=sort.startswith("-"))
    assert len(whole) == len(shared.all(path))


def test_a_link_leads_to_the_next_page(shared: Api) -> None:
    answer = shared.ask("spans", limit=10, project_id=MINE, start="2026-09-01T00:00:00+02:00")
    target = answer.links["next"]["url"]

    following = shared.http.get(f"{shared.url}{target}", headers={"X-Auth-Token": KEY})

    assert following.json()["spans"] == shared.all("spans", project_id=MINE)[10:20]


def test_a_cursor_is_good_while_more_is_written_and_for_other_limits(api: Api) -> None:
    first = api.get("spans", limit=5, project_id=MINE)
    tell(api.ledger, 2000, state="stopped")

    rest = api.get("spans", limit=1000, project_id=MINE, cursor=first["next"])

    assert [*first["spans"], *rest["spans"]] == api.all("spans", project_id=MINE)


def test_a_cursor_of_another_question_is_refused(shared: Api) -> None:
    cursor = shared.get("spans", limit=1)["next"]
    others: list[tuple[str, dict[str, Any]]] = [
        ("resources", {}),
        ("projects", {}),
        ("spans", {"sort": "-id"}),
        ("spans", {"project_id": MINE}),
        ("spans", {"as_of": "2026-10-01"}),
        ("spans", {"clip": "false"}),
        ("changes", {"project_id": MINE}),
    ]

    for path, query in others:
        assert shared.refused(path, cursor=cursor, **query)[0] == 400, (path, query)


@pytest.mark.parametrize(
    "forged",
    [
        Cursor("spans:id", ()),
        Cursor("spans:id", (1, 2, 3, 4, 5)),
        Cursor("spans:id", ("a", "b", "c", "d", "e")),
        Cursor("spans:id", ("a", "b", "c", "d", 2**63)),
        Cursor("spans:id", ("a", "b", "c", "d", -(2**63))),
        Cursor("spans:begin", ("a",)),
        Cursor("", ("\0",)),
    ],
)
def test_a_cursor_that_somebody_made_herself_is_refused(shared: Api, forged: Cursor) -> None:
    """Even if she knows how: there is no secret in it, and nothing to be had."""
    question = ("spans", Asked(), Sort.ID, False, True)
    good = shared.get("spans", limit=1)["next"]
    assert cursors.unseal(good, question).of == "spans:id"

    assert shared.refused("spans", cursor=cursors.seal(forged, question))[0] == 400


def test_a_page_has_a_hundred_rows_or_what_the_site_allows(shared: Api) -> None:
    assert len(shared.get("spans")["spans"]) == LIMIT_OF_THE_TESTS


# --- formats -----------------------------------------------------------------------------------


def as_csv(answer: httpx2.Response) -> list[dict[str, str]]:
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def as_parquet(answer: httpx2.Response) -> list[dict[str, Any]]:
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    found: list[dict[str, Any]] = pyarrow.parquet.read_table(io.BytesIO(answer.content)).to_pylist()
    return found


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("projects", {}),
        ("resources", {}),
        ("spans", PERIOD),
        ("changes", {"project_id": MINE, "limit": 50}),
        ("usage", PERIOD | {"group_by": "project,kind,day"}),
    ],
)
def test_all_formats_say_the_same(shared: Api, path: str, query: dict[str, Any]) -> None:
    rows = shared.get(path, **query)[path] if path in {"usage", "changes"} else shared.all(path, **query)
    rows = [one | one.pop("span", {}) if path == "changes" else one for one in rows]

    table = as_csv(shared.ask(path, {"Accept": "text/csv"}, **query))
    columns = as_parquet(shared.ask(path, **query, format="parquet"))

    assert len(table) == len(columns) == len(rows) > 0
    for row, line, column in zip(rows, table, columns, strict=True):
        for name, value in row.items():
            if name in {"accounted", "described", "anomalies", "inferred"}:
                continue
            shown, typed = line[name].removeprefix("'"), column[name]
            if isinstance(value, bool):
                assert (shown, typed) == (str(value).lower(), value)
            elif isinstance(typed, datetime):
                assert shown == value
                assert typed == datetime.fromisoformat(value)
            else:
                assert shown == ("" if value is None else str(value))
                assert typed == value


def test_tables_have_everything_at_once_unless_a_limit_is_given(shared: Api) -> None:
    whole = shared.ask("spans", format="csv")
    page = shared.ask("spans", format="csv", limit=7)

    assert len(as_csv(whole)) == len(shared.all("spans")) > LIMIT_OF_THE_TESTS
    assert "link" not in whole.headers
    assert len(as_csv(page)) == 7
    assert "next" in page.links
    assert whole.headers["content-disposition"] == 'attachment; filename="usance.csv"'


def test_an_answer_of_many_pieces_is_one_document(ledger: Ledger) -> None:
    begin = datetime(2018, 1, 1, tzinfo=UTC)
    resource = Resource(MINE, CLOUD, SERVER, "old")
    told = [
        Observation(
            resource,
            Verb.CHANGED if hour else Verb.CREATED,
            begin + timedelta(hours=hour),
            "nova-notifications",
            accounted={"state": "stopped" if hour % 2 else "active", "vcpus": 1},
            created_at=None if hour else begin,
            occurrence=f"req-{hour}",
        )
        for hour in range(2500)
    ]
    ledger.observe(MINE, CLOUD, Batch(tuple(told)))
    days = (datetime(2026, 11, 1, tzinfo=UTC) - begin).days
    month = {"start": "2018-01-01", "end": "2026-11-01", "group_by": "day"}

    with serving_api(ledger) as url, httpx2.Client(timeout=60) as http:
        api = Api(url, http, ledger)
        usage = api.get("usage", **month)["usage"]
        table = as_csv(api.ask("spans", format="csv"))
        columns = as_parquet(api.ask("spans", format="parquet"))

    assert [one["seconds"] for one in usage] == [86400] * days
    assert len({one["start"] for one in usage}) == days
    assert [one["start"] for one in table] == [one.at.isoformat().replace("+00:00", "Z") for one in told]
    assert [one["start"] for one in columns] == [one.at for one in told]


def test_no_cell_is_a_formula(shared: Api) -> None:
    table = as_csv(shared.ask("resources", format="csv"))

    assert {one["name"][:2] for one in table} == {"'="}
    assert all(one["name"] == f"'{EVIL} name of {one['project_id'][:8]}" for one in table)


def test_an_empty_table_has_its_headers(shared: Api) -> None:
    line = shared.ask("usage", format="csv", project_id="nobody", **PERIOD).text
    table = shared.ask("spans", format="parquet", project_id="nobody")

    assert line.startswith("project_id,cloud_id,kind,flavor,state,start,end,")
    assert as_parquet(table) == []


def test_what_is_not_accepted_is_406(shared: Api) -> None:
    assert shared.ask("spans", {"Accept": "text/html"}).status_code == 406


# --- what is asked -----------------------------------------------------------------------------


def test_spans_are_cut_to_the_half_open_period_unless_asked_otherwise(shared: Api) -> None:
    query = {"start": "2026-09-02T12:00:00", "end": "2026-09-03T14:00:00+02:00", "id": SERVER_ID}

    cut = [(one["start"], one["end"], one["seconds"]) for one in shared.get("spans", **query)["spans"]]
    whole = [(one["start"], one["end"]) for one in shared.get("spans", **query, clip="false")["spans"]]

    assert cut == [
        ("2026-09-02T12:00:00Z", "2026-09-03T00:00:00Z", 43200),
        ("2026-09-03T00:00:00Z", "2026-09-03T12:00:00Z", 43200),
    ]
    assert whole == [
        ("2026-09-02T00:00:00Z", "2026-09-03T00:00:00Z"),
        ("2026-09-03T00:00:00Z", "2026-09-04T00:00:00Z"),
    ]


def test_what_goes_on_has_no_end_where_the_period_ends_in_the_future(shared: Api) -> None:
    query = {"start": "2026-11-01", "id": SERVER_ID}

    ends = [
        shared.get("spans", **query, **more)["spans"][-1]["end"]
        for more in ({}, {"end": "2026-11-02"}, {"end": "2100-01-01"})
    ]

    assert ends == [None, "2026-11-02T00:00:00Z", None]


def test_filters_hold_together(shared: Api) -> None:
    def ids(**query: Any) -> set[str]:
        return {one["id"] for one in shared.get("resources", **query)["resources"]}

    mine = {api_ledger.resource_id(kind, MINE) for kind in KINDS}
    assert ids(project_id=MINE) == mine
    assert ids(project_id=[MINE, OTHER], kind="server") == {
        SERVER_ID,
        api_ledger.resource_id(SERVER, OTHER),
    }
    assert ids(project_id=MINE, kind=["volume", "server"], flavor="ssd") == {
        api_ledger.resource_id("volume", MINE)
    }
    assert ids(project_id=MINE, state="stopped") == {SERVER_ID}
    assert ids(project_id=MINE, state="active") == set()
    assert ids(project_id=MINE, alive="false") == {api_ledger.resource_id("snapshot", MINE)}
    assert ids(cloud_id="elsewhere") == set()
    assert ids(name=f"{EVIL} name of {MINE[:8]}") == mine
    assert ids(name="=CMD") == set()
    assert ids(project_id=MINE, start="2026-09-05", kind="snapshot") == set()
    assert ids(project_id="' OR 1=1 --") == ids(id="%") == ids(name="%_") == ids(project_id="\0") == set()


def test_a_resource_is_told_with_its_whole_life(shared: Api) -> None:
    found = shared.get(f"resources/server/{SERVER_ID}")["lives"]

    assert len(found) == 1
    assert found[0]["resource"] == shared.get("resources", id=SERVER_ID)["resources"][0]
    assert found[0]["spans"] == shared.get("spans", id=SERVER_ID)["spans"]
    assert found[0]["described_since"] == [
        {"attribute": "name", "since": "2026-09-01T01:00:00Z", "value": f"{EVIL} name of {MINE[:8]}"}
    ]


def test_an_id_may_have_a_slash_in_it(shared: Api) -> None:
    energy = api_ledger.resource_id("energy", MINE)
    assert "/" in energy

    for written in (energy, energy.replace("/", "%2F")):
        assert shared.get(f"resources/energy/{written}")["lives"][0]["resource"]["id"] == energy


@pytest.mark.parametrize(
    "path",
    ["resources/server/nothing", "resources/thing/x", "resources/server/%00", "resources/server/a%27--"],
)
def test_what_is_not_there_is_404(shared: Api, path: str) -> None:
    assert shared.refused(path)[0] == 404


@pytest.mark.parametrize(
    ("path", "query", "says"),
    [
        ("spans", {"start": "2026-10-01", "end": "2026-10-01"}, "start has to lie before end"),
        ("spans", {"start": "2026-10-02", "end": "2026-10-01"}, "start has to lie before end"),
        ("resources", {"limit": LIMIT_OF_THE_TESTS + 1}, "limit: 51 is not from 1 to 50"),
        ("resources", {"kind": "tenant"}, "kind: 'tenant' is none of"),
        ("resources", {"as_of": "2026-10-01", "sort": "begin"}, "unless projects are named"),
        ("usage", {}, "the parameter start is missing"),
        ("usage", {"start": "2100-01-01"}, "start lies in the future"),
        ("usage", PERIOD | {"group_by": "day,month"}, "by day or by month"),
        ("usage", PERIOD | {"group_by": "tenant"}, "group_by: 'tenant' is none of"),
        ("usage", {"start": "0001-01-01", "end": "9999-12-31", "group_by": "day"}, "at most 3700 days"),
        ("usage", {"start": "0001-01-01", "end": "9999-12-31", "group_by": "month"}, "at most 600 months"),
        ("changes", {}, "the parameter project_id is missing"),
        ("changes", {"project_id": MINE, "since_revision": -1}, "since_revision: '-1' is no whole number"),
        ("changes", {"project_id": MINE, "since_revision": 2**63}, "is not from 0 to"),
        ("spans", {"format": "xml"}, "format: 'xml' is none of json, csv, parquet"),
        ("spans", {"tenant_id": MINE}, "there is no parameter 'tenant_id'"),
    ],
)
def test_what_can_not_be_asked_is_400_with_a_sentence(
    shared: Api, path: str, query: dict[str, Any], says: str
) -> None:
    status, message = shared.refused(path, **query)

    assert status == 400
    assert says in message


# --- usage -------------------------------------------------------------------------------------


def test_usage_is_the_sum_of_the_spans_however_it_is_told_apart(api: Api) -> None:
    spans = [
        one for one in api.all("spans", **PERIOD, limit=1000) if one["launched"] or one["kind"] != SERVER
    ]
    expected = sum(one["seconds"] for one in spans)

    for group_by in ("", "day", "month", "project,kind", "flavor,state,day", "cloud"):
        query = {"group_by": group_by} if group_by else {}
        rows = api.get("usage", **PERIOD, **query)["usage"]
        assert sum(one["seconds"] for one in rows) == expected, group_by
        assert all(one["seconds"] == one["wall_s"] + one["suspended_s"] for one in rows)


def test_usage_by_day_of_one_server(shared: Api) -> None:
    query = {
        "kind": "server",
        "project_id": MINE,
        "group_by": "day,flavor",
        "start": "2026-09-01",
        "end": "2026-09-03",
    }

    rows = shared.get("usage", **query)["usage"]

    assert [
        (one["start"], one["flavor"], one["seconds"], one["vcpu_s"], one["ram_mib_s"]) for one in rows
    ] == [
        ("2026-09-01T00:00:00Z", "m1.small", 82800, 165600, 82800 * 4096),
        ("2026-09-02T00:00:00Z", "m1.small", 86400, 172800, 86400 * 4096),
    ]
    assert {one["project_id"] for one in rows} == {None}


def test_what_counts_as_suspended_is_configured_or_asked(shared: Api) -> None:
    def suspended(**query: Any) -> tuple[list[str], int]:
        found = shared.get("usage", **PERIOD, kind="server", project_id=MINE, **query)
        return found["suspended_states"], found["usage"][0]["suspended_s"]

    assert suspended() == (["shelved", "shelved_offloaded", "suspended"], 0)
    assert suspended(suspended_state="stopped") == (["stopped"], 15 * 86400)
    assert suspended(suspended_state="") == ([], 0)


def test_usage_goes_on_to_the_present_and_no_further(shared: Api) -> None:
    before = datetime.now(UTC)
    found = shared.get("usage", start="2026-11-01", end="2100-01-01", id=SERVER_ID)

    end = datetime.fromisoformat(found["end"])
    assert before <= end <= datetime.now(UTC)
    assert found["usage"][0]["seconds"] == pytest.approx(
        (end - datetime(2026, 11, 1, tzinfo=UTC)).total_seconds(), abs=1
    )


def test_usage_of_all_time_is_told(shared: Api) -> None:
    found = shared.get("usage", start="0001-01-01", end="9999-12-31")

    assert len(found["usage"]) == 1


# --- what was known then, and what has changed since -------------------------------------------


def test_as_of_tells_what_was_known_then(api: Api) -> None:
    query = {"project_id": MINE, "start": "2026-09-01", "end": "2026-10-20"}
    before = {path: api.get(path, **query) for path in ("spans", "usage")}
    resources, everything = api.get("resources", project_id=MINE), api.all("resources")
    as_of = datetime.now(UTC).isoformat()

    tell(api.ledger, 30, flavor="m1.huge", vcpus=64)

    assert api.get("spans", **query) != before["spans"]
    assert api.get("spans", **query, as_of=as_of)["spans"] == before["spans"]["spans"]
    assert api.get("usage", **query, as_of=as_of)["usage"] == before["usage"]["usage"]
    assert api.get("resources", project_id=MINE, as_of=as_of)["resources"] == resources["resources"]
    assert api.all("resources", as_of=as_of, limit=4) == everything
    life = api.get(f"resources/server/{SERVER_ID}", as_of=as_of)["lives"][0]
    assert [one["flavor"] for one in life["spans"]] == [
        one["flavor"] for one in before["spans"]["spans"] if one["id"] == SERVER_ID
    ]
    assert api.refused(f"resources/server/{SERVER_ID}", as_of="2020-01-01")[0] == 404


def follow(api: Api, cursor: str | None, spans: dict[tuple[str, str, str], Any], limit: int) -> str:
    """Apply changes to spans until there is nothing more; return the last cursor."""
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        page = api.get("changes", project_id=MINE, limit=limit, **more)
        for change in page["changes"]:
            span = change["span"]
            key = (span["kind"], span["id"], span["start"])
            if change["what"] == "withdrawn":
                del spans[key]
            else:
                assert (change["what"] == "new") == (key not in spans)
                spans[key] = span
        cursor = page["next"]
        if not page["more"]:
            return cursor


def known(api: Api) -> dict[tuple[str, str, str], Any]:
    found = api.all("spans", project_id=MINE, limit=1000)
    return {(one["kind"], one["id"], one["start"]): one for one in found}


def same(one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    """Say whether two have the same spans: a new revision alone is no change."""
    return {key: value | {"revision": 0} for key, value in one.items()} == {
        key: value | {"revision": 0} for key, value in other.items()
    }


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_whoever_follows_the_changes_has_the_spans(api: Api, limit: int) -> None:
    spans: dict[tuple[str, str, str], Any] = {}

    cursor = follow(api, None, spans, limit)
    assert same(spans, known(api))
    assert follow(api, cursor, spans, limit) == cursor
    tell(api.ledger, 30, state="stopped", flavor="m1.huge")
    tell(api.ledger, 2000, verb=Verb.DELETED)
    cursor = follow(api, cursor, spans, limit)

    assert same(spans, known(api))
    assert follow(api, cursor, spans, limit) == cursor


def test_changes_begin_after_a_revision_or_a_moment(api: Api) -> None:
    project = api.get("projects", project_id=MINE)["projects"][0]
    tell(api.ledger, 2000, state="active")

    by_revision = api.get("changes", project_id=MINE, since_revision=project["revision"])
    by_moment = api.get("changes", project_id=MINE, recorded_after=project["last_recorded_at"])

    assert by_revision == by_moment
    assert {one["revision"] for one in by_moment["changes"]} == {project["revision"] + 1}
    assert api.get("projects", project_id=MINE)["projects"][0]["revision"] == by_moment["revision"]
    assert api.get("changes", project_id=MINE, recorded_after="2100-01-01")["changes"] == []


def test_a_project_in_two_clouds_has_two_feeds(api: Api) -> None:
    at = BEGIN + timedelta(hours=1)
    there = Resource(MINE, "region2", SERVER, "elsewhere")
    told = Observation(there, Verb.CREATED, at, "nova", accounted={"state": "active"}, created_at=at)
    api.ledger.observe(MINE, "region2", Batch((told,)))

    assert api.refused("changes", project_id=MINE) == (400, "the project is in several clouds")
    changes = api.get("changes", project_id=MINE, cloud_id="region2")["changes"]
    assert [one["span"]["id"] for one in changes] == ["elsewhere"]
    assert api.refused("changes", project_id=MINE, cloud_id="region3")[0] == 404


@pytest.mark.parametrize("path", ["resources", "spans", "usage"])
def test_what_has_not_changed_is_not_sent_again(api: Api, path: str) -> None:
    query: dict[str, Any] = PERIOD | {"project_id": MINE}
    first = api.ask(path, **query)
    tag = {"If-None-Match": first.headers["etag"]}

    again = api.ask(path, tag, **query)
    other = api.ask(path, tag, **query, format="csv")
    tell(api.ledger, 30, flavor="m1.huge", vcpus=64)
    after = api.ask(path, tag, **query)

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert other.status_code == 200
    assert after.status_code == 200
    assert after.json() != first.json()


def test_what_depends_on_the_present_has_no_tag(shared: Api) -> None:
    for path, query in (
        ("usage", {"start": "2026-11-01"}),
        ("usage", {"start": "2026-11-01", "end": "2100-01-01"}),
        ("spans", {"start": "2026-11-01", "end": "2100-01-01"}),
        ("projects", {}),
    ):
        assert "etag" not in shared.ask(path, **query).headers, (path, query)
