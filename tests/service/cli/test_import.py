"""`usance import almanach` as an operator runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from asking_almanach import Client
from loopback_api import serving_api
from usance.ledger.ledger import Ledger


def entity(kind: str, one_id: str, start: str, end: str | None, **more: Any) -> dict[str, Any]:
    """Return a document as mongoexport writes it; instants are `day hour` of January 2016."""
    written = [None if one is None else f"2016-01-{one.replace(' ', 'T')}:00:00.000Z" for one in (start, end)]
    dates = [None if one is None else {"$date": one} for one in written]
    about = {"flavor": "m1.small", "os": {"distro": "ubuntu"}} if kind == "instance" else {"size": 10}
    return {
        "_id": {"$oid": "0" * 24},
        "entity_id": one_id,
        "entity_type": kind,
        "project_id": "p1",
        "start": dates[0],
        "end": dates[1],
        "last_event": dates[1] or dates[0],
        "name": one_id,
    } | about | more  # fmt: skip


DUMP = [
    entity("instance", "web", "01 10", "02 10"),
    entity("volume", "data", "01 10", "03 10", volume_type="ssd", attached_to=["web"]),
    entity("instance", "web", "02 10", None, flavor="m1.large"),
    entity("instance", "zombie", "01 10", "02 10"),
    entity("instance", "zombie", "01 10", None),
    entity("instance", "other", "05 10", None, project_id="p2"),
]
TYPES = [{"volume_type_id": "t1", "volume_type_name": "ssd"}]


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    path = tmp_path / "dump"
    path.mkdir()
    (path / "entity.json").write_text("".join(json.dumps(one) + "\n" for one in DUMP))
    (path / "volume_type.json").write_text(json.dumps(TYPES))  # as with --jsonArray
    return path


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "usance.conf"
    path.write_text(f"[usance]\nledger_url = sqlite:///{tmp_path}/ledger.db\n")
    return path


def listed(tmp_path: Path, project: str) -> list[tuple[Any, ...]]:
    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db") as ledger, serving_api(ledger) as url:
        return [
            (one["entity_id"], one["start"][8:13], one["end"] and one["end"][8:13], one.get("flavor"))
            for one in Client(url).listed(project)
        ]


LISTED = [
    ("web", "01 10", "02 10", "m1.small"),
    ("web", "02 10", None, "m1.large"),
    ("zombie", "01 10", "02 10", "m1.small"),
    ("data", "01 10", "03 10", None),
]


def test_a_dump_is_taken_over_and_told_by_almanachs_routes(run, dump, conf, tmp_path):
    done = run("usance", "import", "almanach", "--config-file", conf, "--output", "json", dump)

    assert done.returncode == 0, done.stderr
    account = json.loads(done.stdout)
    counts = ("documents", "spans", "instances", "volumes", "volume_types", "observations", "new", "refused")
    assert [account[one] for one in counts] == [7, 6, 3, 1, 1, 7, 7, 0]
    assert [(one["what"], one["number"]) for one in account["odd"]] == [("active after its deletion", 1)]
    assert listed(tmp_path, "p1") == LISTED
    assert listed(tmp_path, "p2") == [("other", "05 10", None, "m1.small")]


def test_a_dump_that_is_taken_over_again_doubles_nothing(run, dump, conf, tmp_path):
    command = ("usance", "import", "almanach", "--config-file", conf, "--output", "json", dump)
    run(*command)

    again = run(*command)

    assert json.loads(again.stdout)["new"] == 0
    assert listed(tmp_path, "p1") == LISTED


def test_a_later_dump_adds_what_came_since(run, dump, conf, tmp_path):
    command = ("usance", "import", "almanach", "--config-file", conf, dump)
    run(*command)
    later = [*DUMP, entity("instance", "web", "04 10", None, flavor="m1.huge")]
    later[2] = entity("instance", "web", "02 10", "04 10", flavor="m1.large")
    (dump / "entity.json").write_text(json.dumps(later))

    assert run(*command).returncode == 0

    assert listed(tmp_path, "p1")[:3] == [
        ("web", "01 10", "02 10", "m1.small"),
        ("web", "02 10", "04 10", "m1.large"),
        ("web", "04 10", None, "m1.huge"),
    ]


def test_a_dry_run_tells_and_writes_nothing(run, dump, conf, tmp_path):
    done = run("usance", "import", "almanach", "--config-file", conf, "--dry-run", dump)

    assert done.returncode == 0, done.stderr
    assert "active after its deletion" in done.stdout
    assert not (tmp_path / "ledger.db").exists()


def test_what_nothing_can_be_made_of_is_told_and_the_rest_is_taken_over(run, dump, conf, tmp_path):
    wrong = [{"entity_type": "instance"}, entity("instance", "new", "06 10", None), {"a": 1}]
    (dump / "more.json").write_text("\n".join(json.dumps(one) for one in wrong))

    done = run("usance", "import", "almanach", "--config-file", conf, "--output", "json", dump)

    assert done.returncode == 1
    account = json.loads(done.stdout)
    assert account["refused"] == 2
    assert [(one["number"], one["reason"]) for one in account["refusals"]] == [
        (1, "it has no start"),
        (3, "its entity_type is neither instance nor volume"),
    ]
    assert ("new", "06 10", None, "m1.small") in listed(tmp_path, "p1")


def test_a_file_that_is_broken_is_one_sentence(run, dump, conf):
    (dump / "entity.json").write_bytes(b'{"entity_id": "web", ')

    done = run("usance", "import", "almanach", "--config-file", conf, dump)

    assert done.returncode == 1
    assert "entity.json, after 0 characters: this is no document" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cloud_may_be_named(run, dump, conf, tmp_path):
    run("usance", "import", "almanach", "--config-file", conf, "--cloud-id", "north", dump)

    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        assert ledger.projects() == [("p1", "north"), ("p2", "north")]
