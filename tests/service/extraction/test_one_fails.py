"""One messenger fails, one record is invalid: everything else is delivered, and a later run completes it."""

import json

import msgspec

from service.extraction.witness import (
    FIRST,
    HASTY,
    SECOND,
    complained,
    edit,
    good,
    hold_complete,
    hold_once,
    status,
    usual_history,
    usual_names,
    usual_site,
)
from usance.demo.history import WrittenHistory


def test_one_messenger_that_can_not_write_holds_up_no_other(tmp_path):
    """The queue's place is taken by a file, for two runs; then by nothing."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a directory is wanted")
    sections = f"{HASTY}\n[messenger_file]\npath = {tmp_path}/records.jsonl\n"
    with usual_site(tmp_path, messengers="ssm, file", sections=sections) as site:
        edit(site, f"output_path = {tmp_path}/outgoing", f"output_path = {blocked}/outgoing")
        for at in (FIRST, SECOND):
            complained(site.command(at), 1, "messenger ssm", str(blocked), "not a directory")
        ends_with, found = status(site)
        assert ends_with == 1
        states = {one["messenger"]: one for one in found["messengers"]}
        assert states["ssm"]["delivered"] == 0
        assert "not a directory" in states["ssm"]["last_reason"]
        assert (states["file"]["pending"], states["file"]["last_reason"]) == (0, None)

        blocked.unlink()
        edit(site, f"output_path = {blocked}/outgoing", f"output_path = {tmp_path}/outgoing")
        good(site.run(SECOND))

        hold_complete(site, SECOND)
        lines = [json.loads(line) for line in (tmp_path / "records.jsonl").read_text().splitlines()]
        assert len({(one["record_id"], one["record_digest"]) for one in lines}) == len(lines)
        assert {one["record_id"] for one in lines} == {
            f"cloud/{server}/{year}-{month:02}" for server, year, month in site.apel().rows
        }
        assert status(site)[0] == 0


def test_one_record_that_is_invalid_is_held_back_alone(tmp_path):
    """Nova has lost the flavor of one server, until its database is mended."""
    whole = usual_history(projects=2)
    broken_id = whole.lives[0].id
    lives = (
        msgspec.structs.replace(one, omitted=("flavor",)) if one.id == broken_id else one
        for one in whole.lives
    )
    with usual_site(tmp_path, history=WrittenHistory(whole.site, lives)) as site:
        assert usual_names(site, 0)["web"] == broken_id
        complained(site.command(FIRST), 1, "2 records are held back", "usance status")
        assert {key[0] for key in site.apel().rows} == {
            one.id for one in whole.lives if one.id != broken_id and one.name != "late"
        }
        ends_with, found = status(site)
        assert ends_with == 1
        assert [
            (
                one["quarantine"]["record"]["resource_id"],
                "vcpus: nobody told it" in one["quarantine"]["reason"],
            )
            for one in found["quarantined"]
        ] == [(broken_id, True)] * 2

        site.cloud.load(whole)
        good(site.run(SECOND))

        hold_complete(site, SECOND)
        assert status(site)[0] == 0


def test_a_failing_project_a_failing_messenger_and_an_invalid_record_at_once(tmp_path):
    """Each of them is named, and all of it is made good by one good run."""
    whole = usual_history()
    broken_id = whole.lives[3].id
    lives = (
        msgspec.structs.replace(one, omitted=("flavor",)) if one.id == broken_id else one
        for one in whole.lives
    )
    sections = f"{HASTY}\n[messenger_file]\npath = /dev/full\n"
    options = {"messengers": "file, ssm", "sections": sections, "projects": "nowhere"}
    with usual_site(tmp_path, history=WrittenHistory(whole.site, lives), **options) as site:
        done = site.command(FIRST)

        assert done.returncode == 1
        for sentence in (
            "there is no project nowhere",
            "messenger file: The messenger file can't write",
            "messenger ssm: 2 records are held back",
        ):
            assert done.stderr.count(sentence) == 1, done.stderr
        hold_once(site)
        assert len(site.apel().rows) == 7
        site.cloud.load(whole)
        edit(site, "projects = nowhere\n", "")
        edit(site, "/dev/full", str(tmp_path / "records.jsonl"))
        good(site.run(SECOND))
        hold_complete(site, SECOND)
        assert status(site)[0] == 0
