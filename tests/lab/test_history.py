"""A real cloud, a scripted history, two runs of `caso-extract`: the figures are those of Nova's events."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from client import wait_for
from contents import DOCUMENTED, READER
from lab.capture import Capture
from lab.history import HOSTILE_NAMES, SCRIPT, History
from lab.site import Run, Site, policies
from lab.truth import Truth, truth_from_notifications
from place import Place
from usance.model.period import next_month
from usance.records.validate_accelerator import message_findings as accelerator_findings
from usance.records.validate_cloud import message_findings

pytestmark = pytest.mark.timeout(3600)  # the first test waits for the lab, and for the history

TOLERANCE_S = 2
SUSPENDED = frozenset({"suspended", "shelved", "shelved_offloaded"})
# When a server became `shelved` no API tells: the action that shelves ends with the offloading.
SUSPENDED_LATER = frozenset({"suspended", "shelved_offloaded"})
NEVER_LAUNCHED = {role for role, life in SCRIPT.items() if life.fails}
OVER_BEFORE_THE_FIRST_RUN = {role for role, life in SCRIPT.items() if "delete" in life.first}
LATE = {role for role, life in SCRIPT.items() if life.begins_late}
ENDING = {role for role, life in SCRIPT.items() if {"delete", "force-delete"} & {*life.first, *life.second}}
# While these had another flavor nobody looked, and no API tells which one it was.
FLAVOR_UNSEEN = {"resized-unseen", "reverted"}
ACCELERATED = {
    "gpu": {"Type": "GPU", "Model": "NVIDIA Tesla V100", "Count": 2},
    "gpu-resumed": {"Type": "GPU", "Model": "NVIDIA Tesla V100", "Count": 2},
    "vgpu": {"Type": "GPU", "Count": 2},  # Placement's class names no model
}

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Story:
    """All that became of the history."""

    ids: dict[str, str]
    vo: str
    member: str
    truths: dict[str, Truth]
    runs: dict[str, tuple[Run, Run]]  # by account
    inferred: dict[str, frozenset[str]]  # by account: the servers of which something is inferred

    def truth(self, role: str) -> Truth:
        """Return the life of a server."""
        return self.truths[self.ids[role]]


@pytest.fixture(scope="module")
def story(lab: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Play the history once, with two runs of each account around its second act."""
    directory = tmp_path_factory.mktemp("sites")
    with History(lab) as history:
        with policies("accounting"), Capture(lab.amqp_url) as capture:
            sites = {  # a project may be configured by its id and by its name
                READER: Site(lab, directory / READER, READER, history.project_id),
                DOCUMENTED: Site(lab, directory / DOCUMENTED, DOCUMENTED, history.project),
            }
            history.first_act()
            # One flavor tells a number of accelerators that is none: what that gives is held back.
            first = {account: site.extract(status=1) for account, site in sites.items()}
            history.second_act()
            second = {account: site.extract(status=1) for account, site in sites.items()}
            for role in ENDING:
                ended = partial(capture.has, history.ids[role], "instance.delete.end")
                wait_for(f"Nova to say that {role} ended", ended)
        yield Story(
            ids=history.ids,
            vo=history.vo,
            member=history.member,
            truths=truth_from_notifications(capture.messages),
            runs={account: (first[account], second[account]) for account in sites},
            inferred={account: site.inferred() for account, site in sites.items()},
        )


@pytest.fixture(params=[READER, DOCUMENTED])
def runs(story: Story, request: pytest.FixtureRequest) -> tuple[Run, Run]:
    """Return both runs of one account: with the role `reader`, and as the 3.x documentation has it."""
    return story.runs[request.param]


def test_every_server_that_ran_is_reported_once(story: Story, runs: tuple[Run, Run]) -> None:
    expected = {story.ids[role] for role in SCRIPT.keys() - NEVER_LAUNCHED - LATE}

    assert runs[0].records.keys() == expected


def test_the_second_run_sends_only_what_changed_or_still_runs(story: Story, runs: tuple[Run, Run]) -> None:
    expected = {story.ids[role] for role in SCRIPT.keys() - NEVER_LAUNCHED - OVER_BEFORE_THE_FIRST_RUN}

    assert runs[1].records.keys() == expected


def test_figures_are_those_of_the_events(story: Story, runs: tuple[Run, Run]) -> None:
    wrong = [
        f"{role}, run {number}: {complaint}"
        for number, run in enumerate(runs, start=1)
        for role, server in story.ids.items()
        if server in run.records
        for complaint in complaints(run, run.records[server], story.truth(role), unseen=role in FLAVOR_UNSEEN)
    ]

    assert not wrong, "\n".join(wrong)


def complaints(run: Run, record: dict[str, str], truth: Truth, *, unseen: bool) -> Iterator[str]:
    """Yield each figure of a record that is not what the events give."""
    stated_at = int(record["RecordCreateTime"])
    end = datetime.fromtimestamp(stated_at, UTC)
    wall, cpu = int(record["WallDuration"]), int(record["CpuDuration"])
    suspended = int(record.get("SuspendDuration", "0"))
    completed = record["Status"] == "completed"  # and then it is stated as of its end
    if not completed and not int(run.began.timestamp()) <= stated_at <= run.ended.timestamp():
        yield f"stated at {end}, but the run was from {run.began} to {run.ended}"
    if int(record["StartTime"]) != truth.created.timestamp():
        yield f"StartTime {record['StartTime']}, created {truth.created}"
    is_over = truth.deleted is not None and truth.deleted <= run.ended
    if is_over and int(record["EndTime"]) != truth.deleted.timestamp():
        yield f"EndTime {record['EndTime']}, deleted {truth.deleted}"
    if is_over != completed:
        yield f"Status {record['Status']}, deleted {truth.deleted}"
    if wall + suspended != truth.elapsed(end):
        yield f"wall {wall} + suspended {suspended} is not {truth.elapsed(end)}"
    least, most = (truth.in_states(end, states) for states in (SUSPENDED_LATER, SUSPENDED))
    if not least - TOLERANCE_S <= suspended <= most + TOLERANCE_S:
        yield f"suspended {suspended}, not {least} to {most}"
    margin = TOLERANCE_S * max(vcpus for _, vcpus in truth.vcpus)
    least, most = (truth.vcpu_seconds(end, states) for states in (SUSPENDED, SUSPENDED_LATER))
    if unseen:
        flavors = [vcpus for _, vcpus in truth.vcpus]
        least, most = wall * min(flavors), wall * max(flavors)
    if not least - margin <= cpu <= most + margin:
        yield f"CPU {cpu}, not {least} to {most}"


@pytest.mark.parametrize("account", [READER, DOCUMENTED])
def test_what_is_inferred_is_marked_and_nothing_else(story: Story, account: str) -> None:
    assert story.inferred[account] == {story.ids[role] for role in FLAVOR_UNSEEN}


def test_our_own_validator_accepts_every_message(runs: tuple[Run, Run]) -> None:
    findings = [message_findings(message.encode()) for run in runs for message in run.messages]

    assert findings
    assert not any(findings), findings


@pytest.mark.judges
def test_apel_accepts_every_message(runs: tuple[Run, Run], tmp_path: Path) -> None:
    files = []
    for number, message in enumerate(message for run in runs for message in run.messages):
        files.append(tmp_path / f"message-{number}")
        files[-1].write_text(message, encoding="ascii")

    judged = subprocess.run(
        [sys.executable, str(ROOT / "tests/judges/apel_judge.py"), *map(str, files)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert files
    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_figures_only_grow_from_run_to_run(runs: tuple[Run, Run]) -> None:
    first, second = (run.records for run in runs)

    for server in first.keys() & second.keys():
        assert first[server]["StartTime"] == second[server]["StartTime"]
        for figure in ("WallDuration", "CpuDuration", "SuspendDuration"):
            assert int(first[server].get(figure, 0)) <= int(second[server].get(figure, 0)), (server, figure)


def test_what_is_said_beside_the_figures(story: Story, runs: tuple[Run, Run]) -> None:
    records = {role: runs[1].records.get(server, {}) for role, server in story.ids.items()}

    assert {record["FQAN"] for record in records.values() if record} == {story.vo}
    assert records["running"]["PublicIPCount"] == "1"
    assert records["running"]["Benchmark"] == "18.5"
    assert records["running"]["BenchmarkType"] == "hepscore23"
    assert records["resized"]["CpuCount"] == "4"
    assert records["on-deleted-flavor"]["CpuCount"] == "2"
    assert "Benchmark" not in records["odd-flavor"]
    assert records["rebuilt"]["ImageId"] == "https://appdb.example.org/store/image/1"


def test_users_have_names_where_the_account_may_read_them(story: Story) -> None:
    for told in (lambda run: list(run.records.values()), accelerator_records):
        reader, documented = (told(story.runs[account][1]) for account in (READER, DOCUMENTED))

        assert not any("GlobalUserName" in record for record in reader)
        assert {record["GlobalUserName"] for record in documented} == {story.member}


def accelerator_records(run: Run) -> list[dict[str, Any]]:
    return [one for body in run.others["accelerator"] for one in json.loads(body)["UsageRecords"]]


def test_each_run_tells_the_accelerators_of_servers_that_have_some(
    story: Story, runs: tuple[Run, Run]
) -> None:
    for run in runs:
        found = {one["AssociatedRecord"]: one for one in accelerator_records(run)}

        assert found.keys() == {story.ids[role] for role in ACCELERATED}
        for role, expected in ACCELERATED.items():
            record = found[story.ids[role]]
            assert {key: record[key] for key in record.keys() & {"Type", "Model", "Count"}} == expected
            assert (record["AssociatedRecordType"], record["FQAN"]) == ("cloud", story.vo)


def test_accelerators_that_nobody_can_count_are_held_back_alone(runs: tuple[Run, Run]) -> None:
    """Those of the flavor with the odd properties; the cloud record of its server goes out."""
    for run in runs:
        assert "flavor lab.odd: its accelerators can't be counted" in run.log
        assert "1 records are held back" in run.log


def test_accelerators_are_available_while_their_server_is_not_suspended(
    story: Story, runs: tuple[Run, Run]
) -> None:
    """In each month that the history touches, by the events; up to when the cloud record is stated."""
    for run in runs:
        for record in accelerator_records(run):
            server = record["AssociatedRecord"]
            truth = story.truths[server]
            month = datetime(record["MeasurementYear"], record["MeasurementMonth"], 1, tzinfo=UTC)
            stated = datetime.fromtimestamp(int(run.records[server]["RecordCreateTime"]), UTC)
            available = [
                truth.elapsed(end) - truth.in_states(end, SUSPENDED)
                for end in (month, min(stated, next_month(month)))
            ]
            assert abs(record["AvailableDuration"] - (available[1] - available[0])) <= TOLERANCE_S


def test_suspended_time_of_an_accelerator_is_left_out(story: Story, runs: tuple[Run, Run]) -> None:
    """The server was suspended for longer than the tolerance, or the test before would prove nothing."""
    suspended = story.truth("gpu-resumed").in_states(runs[1].began, SUSPENDED)

    assert suspended > TOLERANCE_S


def test_our_own_validator_accepts_every_accelerator_message(runs: tuple[Run, Run]) -> None:
    findings = [accelerator_findings(body) for run in runs for body in run.others["accelerator"]]

    assert findings
    assert not any(findings), findings


@pytest.mark.parametrize("role", HOSTILE_NAMES)
def test_a_hostile_name_stays_in_its_line(story: Story, runs: tuple[Run, Run], role: str) -> None:
    record = runs[0].records[story.ids[role]]

    assert record["Status"] == "started"
    assert 0 < len(record["MachineName"]) <= 255
