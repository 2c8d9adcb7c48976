"""Disks that are full or may not be written: a sentence, and the next run completes what was left."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from file_systems import mounted, unwritable
from service.extraction.witness import (
    FIRST,
    HASTY,
    SECOND,
    complained,
    edit,
    good,
    hold_complete,
    status,
    usual_site,
)
from usance.model.errors import LedgerError

# The child may not make any file longer than this; what it writes beyond fails, as on a full disk.
LIMITED_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
from usance.legacy.caso_extract import main
main()
"""


def fill(directory: Path) -> Path:
    """Use up all the room of a file system; return the file that does."""
    path = directory / "filling"
    with path.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return path


def test_a_ledger_that_can_not_grow_is_one_sentence_and_the_next_run_completes_it(tmp_path):
    with usual_site(tmp_path) as site:
        complained(site.command(FIRST, wrapper=("-c", LIMITED_FILES)), 1, "usance.sqlite", "disk")

        good(site.run(SECOND))

        hold_complete(site, SECOND)
        assert status(site)[0] == 0


def test_a_ledger_on_a_full_disk_is_one_sentence_and_the_next_run_completes_it(tmp_path):
    """The disk fills up between two runs."""
    with mounted(tmp_path / "disk", "size=2m") as disk, usual_site(tmp_path) as site:
        edit(site, f"spooldir = {tmp_path / 'spool'}", f"spooldir = {disk}")
        good(site.run(FIRST))
        filling = fill(disk)

        complained(
            site.command(SECOND.replace(day=2)),
            1,
            "no room left on its disk",
            "nothing that was kept is lost",
        )

        filling.unlink()
        good(site.run(SECOND))
        hold_complete(site, SECOND)


def test_a_ledger_that_fills_up_anywhere_is_said_to_and_the_next_run_completes_it(tmp_path):
    """With a little more room each time: the disk is full while looking, noting, staging, or delivering."""
    with mounted(tmp_path / "disk", "size=2m") as disk, usual_site(tmp_path) as site:
        edit(site, f"spooldir = {tmp_path / 'spool'}", f"spooldir = {disk}")
        good(site.run(FIRST))
        for place in (disk, site.outgoing):
            shutil.copytree(place, tmp_path / "before" / place.name)
        said = 0
        for room_kib in range(32, 400, 32):
            for place in (disk, site.outgoing):
                restore(tmp_path / "before" / place.name, place)
            filling = fill(disk)
            os.truncate(filling, filling.stat().st_size - room_kib * 1024)

            try:
                report = site.run(SECOND.replace(day=2))
            except LedgerError as error:
                complaints = [str(error)]
            else:
                complaints = [one.error for one in report.projects if one.error]
                complaints += [*report.warnings, *report.troubles]
                assert report.exit_status == (1 if complaints else 0)

            assert all("no room left on its disk" in one for one in complaints), complaints
            said += bool(complaints)
            filling.unlink()
            good(site.run(SECOND))
            hold_complete(site, SECOND)
        assert said > 6


def restore(source: Path, target: Path) -> None:
    """Let a directory hold what another one holds."""
    for path in target.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    shutil.copytree(source, target, dirs_exist_ok=True)


def test_a_queue_on_a_full_disk_holds_up_no_other_messenger(tmp_path):
    """The messages wait in the ledger, and status says why."""
    with (
        mounted(tmp_path / "outgoing", "size=64k") as disk,
        usual_site(
            tmp_path,
            messengers="ssm, file",
            sections=f"{HASTY}\n[messenger_file]\npath = {tmp_path}/records.jsonl\n",
        ) as site,
    ):
        filling = fill(disk)
        complained(site.command(FIRST), 1, "messenger ssm", "No space left", "wait in the ledger")
        assert site.messages() == []
        assert len((tmp_path / "records.jsonl").read_text().splitlines()) == 9
        ends_with, found = status(site)
        assert ends_with == 1
        [waiting] = [one for one in found["messengers"] if one["pending"]]
        assert waiting["messenger"] == "ssm"
        assert "No space left" in waiting["last_reason"]

        filling.unlink()
        good(site.run(SECOND))
        hold_complete(site, SECOND)
        assert status(site)[0] == 0


def test_a_file_on_a_full_disk_holds_up_no_other_messenger(tmp_path):
    sections = f"{HASTY}\n[messenger_file]\npath = /dev/full\n"
    with usual_site(tmp_path, messengers="file, ssm", sections=sections) as site:
        complained(site.command(FIRST), 1, "messenger file", "/dev/full", "No space left")

        hold_complete(site, FIRST)
        edit(site, "/dev/full", str(tmp_path / "records.jsonl"))
        good(site.run(SECOND))
        hold_complete(site, SECOND)
        lines = [json.loads(line) for line in (tmp_path / "records.jsonl").read_text().splitlines()]
        assert len({(one["record_id"], one["record_digest"]) for one in lines}) == len(lines)
        assert len({one["record_id"] for one in lines}) == len(site.apel().rows)


@pytest.mark.parametrize(
    ("lock_path", "ends_with", "parts"),
    [("", 2, ("usance.lock", "lock_path")), ("{}/locks", 1, ("usance.sqlite", "spool directory must exist"))],
    ids=["lock in the spool", "lock elsewhere"],
)
def test_a_spool_that_may_not_be_written_is_one_sentence(lock_path, ends_with, parts, tmp_path):
    with usual_site(tmp_path, lock_path=lock_path.format(tmp_path)) as site:
        with unwritable(tmp_path / "spool", {"lastrun.somebody": "2026-10-01"}):
            complained(site.command(FIRST), ends_with, *parts)

        assert site.messages() == []
        good(site.run(SECOND))
        hold_complete(site, SECOND)
