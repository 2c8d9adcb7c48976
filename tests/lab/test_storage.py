"""Volumes of a real Cinder, created, extended, retyped, attached, moved and deleted between runs.

Cinder dates the creation; everything else happened between two looks, and counts from the later one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from defusedxml import ElementTree

from client import Cloud, Refused, wait_for
from contents import DOCUMENTED, READER
from lab.history import History, Life
from lab.site import Run, Site, policies
from place import Place
from usance.records.validate_storage import message_findings

pytestmark = pytest.mark.timeout(3600)

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "{http://eu-emi.eu/namespaces/2011/02/storagerecord}"
SIZES = {"plain": 1, "unnamed": 2, "grows": 1, "retyped": 1, "attached": 2, "deleted": 3, "moved": 4}


@dataclass
class Volumes:
    """A project's volumes, and what is done with them."""

    place: Place
    owner: History
    taker: History
    ids: dict[str, str] = field(default_factory=dict)
    created: dict[str, int] = field(default_factory=dict)  # in seconds since 1970, as Cinder says

    def first_act(self) -> None:
        """Make them, and a snapshot of one."""
        for name, size in SIZES.items():
            body = {"name": None if name == "unnamed" else name, "size": size}
            made = self._cinder.post("block-storage", "/volumes", {"volume": body})["volume"]
            self.ids[name] = made["id"]
        for name in SIZES:
            self._reach(name, status="available")
            at = datetime.fromisoformat(self._volume(name)["created_at"]).replace(tzinfo=UTC)
            self.created[name] = int(at.timestamp())
        body = {"snapshot": {"name": "snapshot", "volume_id": self.ids["plain"]}}
        self.ids["snapshot"] = self._cinder.post("block-storage", "/snapshots", body)["snapshot"]["id"]
        path = f"/snapshots/{self.ids['snapshot']}"
        wait_for(
            "the snapshot",
            lambda: self._cinder.get("block-storage", path)["snapshot"]["status"] == "available",
        )
        self.owner.first_act()

    def second_act(self) -> None:
        """Do everything to them."""
        self._act("grows", {"os-extend": {"new_size": 3}})
        self._act("retyped", {"os-retype": {"new_type": "lab.fast", "migration_policy": "on-demand"}})
        server = self.owner.ids["holder"]
        attachment = {"volumeAttachment": {"volumeId": self.ids["attached"]}}
        self._cinder.post("compute", f"/servers/{server}/os-volume_attachments", attachment)
        self._cinder.call("DELETE", "block-storage", f"/volumes/{self.ids['deleted']}")
        body = {"transfer": {"volume_id": self.ids["moved"], "name": "moved"}}
        transfer = self._cinder.post("block-storage", "/volume-transfers", body)["transfer"]
        self.taker.cloud.post(
            "block-storage",
            f"/volume-transfers/{transfer['id']}/accept",
            {"accept": {"auth_key": transfer["auth_key"]}},
        )
        self._reach("grows", size=3, status="available")
        self._reach("retyped", volume_type="lab.fast", status="available")
        self._reach("attached", status="in-use")
        wait_for("the deletion", self._is_deleted)

    @property
    def _cinder(self) -> Cloud:
        return self.owner.cloud

    def _act(self, name: str, body: dict[str, Any]) -> None:
        self._cinder.call("POST", "block-storage", f"/volumes/{self.ids[name]}/action", body)

    def _volume(self, name: str) -> dict[str, Any]:
        return dict(self._cinder.get("block-storage", f"/volumes/{self.ids[name]}")["volume"])

    def _reach(self, name: str, **wanted: object) -> None:
        wait_for(f"{name} to be {wanted}", lambda: wanted.items() <= self._volume(name).items())

    def _is_deleted(self) -> bool:
        try:
            self._volume("deleted")
        except Refused as refused:
            return refused.status == 404
        return False


@dataclass(frozen=True)
class Story:
    """The volumes, and what three runs said of them."""

    volumes: Volumes
    runs: tuple[Run, Run, Run]
    resources: dict[str, str]  # volume or snapshot, by record id: the messages themselves don't name it

    def told(self, name: str, of: History | None = None) -> list[Interval]:
        """Return what the receiver keeps of a volume in a project, in order: the last record of each id."""
        project = (of or self.volumes.owner).project_id
        kept = {
            one.record_id: one for run in self.runs for body in run.others["storage"] for one in read(body)
        }
        mine = {one for one, resource in self.resources.items() if resource == self.volumes.ids[name]}
        return sorted(one for one in kept.values() if one.record_id in mine and one.project == project)


@dataclass(frozen=True, order=True)
class Interval:
    """One record."""

    start: int
    end: int
    gib: int
    kind: str  # the class
    share: str
    record_id: str
    project: str
    user: str
    group: str


def read(body: bytes) -> Iterator[Interval]:
    """Read the records of a message as a receiver does."""
    for element in ElementTree.fromstring(body):

        def text(name: str, element: Element = element) -> str:
            return str(element.findtext(f".//{NAMESPACE}{name}"))

        yield Interval(
            start=int(datetime.fromisoformat(text("StartTime")).timestamp()),
            end=int(datetime.fromisoformat(text("EndTime")).timestamp()),
            gib=int(text("ResourceCapacityUsed")) // 2**30,
            kind=text("StorageClass"),
            share=text("StorageShare"),
            record_id=element.find(f"{NAMESPACE}RecordIdentity").attrib[f"{NAMESPACE}recordId"],
            project=text("LocalGroup"),
            user=text("LocalUser"),
            group=text("Group"),
        )


@pytest.fixture(scope="module")
def stories(lab: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Story]]:
    """Play the history, with runs of both accounts after each act, and once more."""
    directory = tmp_path_factory.mktemp("storage")
    with History(lab, {"holder": Life()}) as owner, History(lab, {}) as taker:
        volumes = Volumes(lab, owner, taker)
        projects = f"{owner.project_id},{taker.project_id}"
        sites = [
            Site(lab, directory / account, account, projects, extractor="nova,cinder", messengers="ssm,file")
            for account in (READER, DOCUMENTED)
        ]
        with policies("accounting"):
            volumes.first_act()
            first = [site.extract() for site in sites]
            volumes.second_act()
            second = [site.extract() for site in sites]
            third = [site.extract() for site in sites]
        runs = zip(first, second, third, strict=True)
        yield {
            site.account: Story(volumes, three, resources_of(site))
            for site, three in zip(sites, runs, strict=True)
        }


def resources_of(site: Site) -> dict[str, str]:
    """Return which volume or snapshot each record is about, by record id."""
    lines = (site.directory / "spool" / "records.jsonl").read_text(encoding="utf-8").splitlines()
    told = [one for one in map(json.loads, lines) if one["record_type"] == "storage"]
    return {one["RecordId"]: one["resource_id"] for one in told}


@pytest.fixture(params=[READER, DOCUMENTED])
def story(stories: dict[str, Story], request: pytest.FixtureRequest) -> Story:
    """Return what one account tells: with the role `reader`, and with a role of its own."""
    return stories[request.param]


def test_each_volume_begins_when_cinder_made_it_and_goes_on(story: Story) -> None:
    for name in ("plain", "unnamed", "attached"):
        (interval,) = story.told(name)

        assert interval.start == story.volumes.created[name]
        assert story.runs[2].began.timestamp() - 1 <= interval.end <= story.runs[2].ended.timestamp()
        assert (interval.gib, interval.kind) == (SIZES[name], "lab.standard")
        assert (interval.share, interval.group) == ("volumes", story.volumes.owner.vo)
        assert interval.user == story.volumes.owner.cloud.user_id


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [("grows", (1, "lab.standard"), (3, "lab.standard")), ("retyped", (1, "lab.standard"), (1, "lab.fast"))],
)
def test_a_change_begins_an_interval_between_the_looks_around_it(
    story: Story, name: str, before: tuple[int, str], after: tuple[int, str]
) -> None:
    first, second = story.told(name)

    assert ((first.gib, first.kind), (second.gib, second.kind)) == (before, after)
    assert first.start == story.volumes.created[name]
    assert first.end == second.start
    assert story.runs[0].began.timestamp() - 1 <= second.start <= story.runs[1].ended.timestamp()


def test_a_deleted_volume_ends_between_the_looks_around_it(story: Story) -> None:
    (interval,) = story.told("deleted")

    assert interval.start == story.volumes.created["deleted"]
    assert story.runs[0].began.timestamp() - 1 <= interval.end <= story.runs[1].ended.timestamp()


def test_a_moved_volume_is_accounted_once_in_each_project_and_not_twice_at_a_time(story: Story) -> None:
    (here,), (there,) = story.told("moved"), story.told("moved", story.volumes.taker)

    assert here.start == story.volumes.created["moved"]
    # Two looks, a few seconds apart: the one ends with the first of them, the other begins with its own.
    assert abs(here.end - there.start) <= story.runs[1].ended.timestamp() - story.runs[1].began.timestamp()
    assert there.end > there.start
    assert (there.gib, there.group) == (SIZES["moved"], story.volumes.taker.vo)


def test_a_snapshot_is_of_its_own_kind(story: Story) -> None:
    (interval,) = story.told("snapshot")

    assert (interval.gib, interval.kind, interval.share) == (1, "snapshot", "snapshots")


def test_ids_are_unique_and_no_intervals_of_a_volume_overlap(story: Story) -> None:
    for run in story.runs:
        ids = [one.record_id for body in run.others["storage"] for one in read(body)]
        assert len(ids) == len(set(ids))
        assert not {*ids} & {*story.volumes.ids.values()}
    for name in story.volumes.ids:
        for one, other in pairwise(story.told(name)):
            assert one.end <= other.start


def test_our_own_validator_accepts_every_message(story: Story) -> None:
    bodies = [body for run in story.runs for body in run.others["storage"]]

    assert bodies
    assert [message_findings(body) for body in bodies] == [[]] * len(bodies)


@pytest.mark.judges
def test_apel_accepts_every_message(story: Story, tmp_path: Path) -> None:
    files = []
    for number, body in enumerate(body for run in story.runs for body in run.others["storage"]):
        files.append(tmp_path / f"message-{number}")
        files[-1].write_bytes(body)

    judged = subprocess.run(
        [sys.executable, str(ROOT / "tests/judges/apel_judge.py"), *map(str, files)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert files
    assert judged.returncode == 0, judged.stdout + judged.stderr
