"""Accelerators from the flavors of a simulated cloud to the messages that APEL would get."""

import json
from datetime import UTC, datetime

import pytest

from service.extraction.witness import HASTY, status, usual_site
from usance.demo import truth
from usance.demo.history import WrittenHistory, microseconds
from usance.demo.script import scripted
from usance.demo.site import standard_site
from usance.records.validate_accelerator import message_findings

SITE = standard_site(projects=2, hostile=True, accelerated=True)
LIVES = {
    "train": """
        2026-08-20 10:00:00.5 +20 create g1.large
        2026-09-05 09:00:00 +30 resize g2.pci
        2026-09-05 09:10:00 confirmResize
        2026-09-10 09:00:00 +8 suspend
        2026-10-02 08:00:00 +6 resume
        2026-10-05 12:00:00 +3 delete
        """,
    "retired": """
        2026-08-21 10:00:00 +20 create g1.large
        2026-09-05 10:00:00 +30 resize m1.tiny
        2026-09-05 10:10:00 confirmResize
        """,
    "slow": """
        2026-08-21 11:00:00 +20 create m1.small
        2026-09-05 11:00:00 +30 resize m1.tiny
        2026-09-05 11:10:00 confirmResize
        """,
    "desktop": "2026-09-28 00:00:00 +10 create g3.vgpu",
    "shared": "2026-10-01 00:00:00 +10 create g4.shared",
    "broken": "2026-10-01 00:00:00 +10 create bad.accelerator",
    "plain": "2026-10-01 00:00:00 +10 create m1.small",
    "alveo": "2026-10-01 00:00:00 +10 create f1.alveo",
}
HISTORY = WrittenHistory(SITE, [scripted(SITE, name, script) for name, script in LIVES.items()])
IDS = {HISTORY.life(number).id: HISTORY.life(number).name for number in range(len(HISTORY))}
KINDS = {
    "g1.large": ("GPU", "NVIDIA Tesla V100", 1),
    "g2.pci": ("GPU", "NVIDIA A100", 2),
    "g3.vgpu": ("GPU", "NVIDIA A16 4C", 1),
    "g4.shared": ("GPU", "NVIDIA T4", 0.5),
    "f1.alveo": ("FPGA", "AMD Alveo U250", 1),
}
SECTIONS = HASTY + (
    "[accelerator]\naliases = a100=GPU/NVIDIA/A100, nic=none, alveo-u250=FPGA/AMD/Alveo U250\n"
)
RUNS = [
    datetime(2026, *day, tzinfo=UTC) for day in ((8, 25, 1), (9, 5, 9, 5), (9, 6), (9, 30), (10, 3), (10, 9))
]
LAST = RUNS[-1]


def real_seconds():
    """Return the seconds without suspended time of each server, month and kind, from the script alone."""
    found = {}
    for number in range(len(HISTORY)):
        life = HISTORY.life(number)
        for one in truth.stretches(life, microseconds(LAST)):
            if one.flavor in KINDS and one.state not in truth.SUSPENDED:
                for (year, month), seconds in truth.by_month(one.start_s, one.end_s):
                    key = (life.name, year, month, *KINDS[one.flavor])
                    found[key] = found.get(key, 0) + seconds
    return found


def kept(site):
    """Return what a receiver keeps that lets a later record replace an earlier one, by what it is about."""
    records = {}
    queue = site.outgoing.with_name(f"{site.outgoing.name}-accelerator")
    for path in sorted(one for one in queue.rglob("*") if one.is_file()):
        assert message_findings(path.read_bytes()) == []
        for one in json.loads(path.read_bytes())["UsageRecords"]:
            name = IDS[one["AssociatedRecord"]]
            what = (name, one["MeasurementYear"], one["MeasurementMonth"])
            records[*what, one["Type"], one["Model"], one["Count"]] = one["AvailableDuration"]
    return {key: seconds for key, seconds in records.items() if seconds}


def run(site, *instants):
    for now in instants:
        done = site.command(now)
        assert done.returncode in {0, 1}, done.stderr  # 1: what is held back


@pytest.mark.no_cover
def test_every_second_with_an_accelerator_is_told(tmp_path):
    with usual_site(tmp_path, history=HISTORY, sections=SECTIONS) as site:
        run(site, *RUNS)

        assert kept(site) == real_seconds()


def test_benchmark_of_a_flavor_does_not_outlive_a_resize_to_one_without(tmp_path):
    with usual_site(tmp_path, history=HISTORY, sections=SECTIONS) as site:
        run(site, *RUNS)

        (slow,) = [one for one, name in IDS.items() if name == "slow"]
        rows = site.apel().rows
        assert [rows[key].fields.get("Benchmark") for key in sorted(rows) if key[0] == slow] == [
            "12.5",
            None,
            None,
        ]


def test_one_run_leaves_what_many_leave_of_servers_whose_flavor_it_saw(tmp_path):
    """Nova's actions name no flavor: what a server had before a resize that nobody saw is inferred."""
    with usual_site(tmp_path, history=HISTORY, sections=SECTIONS) as site:
        run(site, LAST)

        found, real, resized = kept(site), real_seconds(), {"train", "retired"}
        assert {key: one for key, one in found.items() if key[0] not in resized} == {
            key: one for key, one in real.items() if key[0] not in resized
        }
        assert {key[0] for key in found} == {key[0] for key in real} - {"retired"}


def test_a_number_that_is_none_holds_back_its_own_record_only(tmp_path):
    with usual_site(tmp_path, history=HISTORY, sections=SECTIONS) as site:
        run(site, LAST)
        _, said = status(site)

        held = [one for one in said["quarantined"] if one["quarantine"]["record"]["key"].startswith("acc")]
        clouds = b"".join(site.messages()).decode()
        assert len(held) == 1
        assert "'half of one' is no number" in held[0]["quarantine"]["reason"]
        assert all(server_id in clouds for server_id in IDS)
