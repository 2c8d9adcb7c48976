"""Public addresses from a whole cloud, as the command accounts them: records beside those of servers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from ip_site import by_day
from service.extraction.witness import (
    FIRST,
    HASTY,
    SECOND,
    good,
    hold_complete,
    status,
    usual_lives,
    usual_site,
)
from usance.demo.address_truth import addresses_at
from usance.demo.addresses import FLOATING_IP, PORT, PUBLIC, ROUTER, scripted_holder
from usance.demo.cloud import CloudOptions
from usance.demo.faults import Fault, FaultKind
from usance.demo.history import WrittenHistory, microseconds
from usance.demo.script import scripted
from usance.demo.site import standard_site, uuid_id
from usance.records.validate_ip import message_findings

SITE = standard_site(projects=2)
USERS = [one.id for one in SITE.users if not one.password]
NEUTRON = f"{HASTY}\n[neutron]\nrouter_gateways = true\ndefault_user = {USERS[3]}\n"
LAST_SECOND = timedelta(days=1, seconds=-1)


def address_history() -> WrittenHistory:
    """Return servers of three users, and addresses that come, go, and lead to one and then another."""
    lives = [life for number in (0, 1) for life in usual_lives(SITE, number)]
    theirs = [
        scripted(
            SITE,
            name,
            "2026-10-10 00:00:00 +5 create m1.small",
            user_id=USERS[number],
            floating_ips=("198.51.100.1",) if number else (),
        )
        for number, name in ((1, "of-one"), (2, "of-two"))
    ]
    servers = {one.name: one.id for one in theirs}

    def holder(kind: str, name: str, script: str, project: int = 0):
        return scripted_holder(
            kind,
            name,
            script,
            one_id=uuid_id(kind, name),
            project_id=SITE.projects[project].id,
            network_id=uuid_id(PUBLIC),
            servers=servers,
        )

    holders = (
        holder(
            FLOATING_IP,
            "moving",
            """
            2026-10-12 08:00:00 create 192.0.2.20
            2026-10-12 08:01:00 lead of-one
            2026-10-17 08:00:00 lead of-two
            2026-10-19 08:00:00 delete
            """,
        ),
        holder(FLOATING_IP, "six", "2026-10-16 01:00:00 create 2001:db8::20"),
        holder(
            PORT,
            "both",
            """
            2026-10-15 13:00:00 create 192.0.2.21 2001:db8::21
            2026-10-15 13:00:05 lead of-one
            2026-10-17 09:00:00 have 2001:db8::21
            2026-10-18 09:00:00 delete
            """,
        ),
        holder(PORT, "unbound", "2026-10-15 09:00:00 create 192.0.2.22", project=1),
        holder(
            ROUTER,
            "gate",
            "2026-10-14 09:00:00 create\n2026-10-16 09:00:00 have 192.0.2.23\n2026-10-18 09:00:00 have",
        ),
    )
    site = msgspec.structs.replace(SITE, holders=holders)
    return WrittenHistory(site, [*lives, *theirs])


def ip_messages(site) -> list[bytes]:
    """Return what is in the queue of public IP records, in the order in which SSM would send it."""
    queue = site.outgoing.with_name("outgoing-ip")
    return [path.read_bytes() for path in sorted(queue.glob("*/*")) if path.is_file()]


def ip_records(site) -> list[dict]:
    """Return the records in that queue, all of them valid."""
    found = []
    for message in ip_messages(site):
        assert message_findings(message) == []
        found += json.loads(message)["UsageRecords"]
    return found


@pytest.fixture
def neutron_site(tmp_path):
    with usual_site(
        tmp_path,
        history=address_history(),
        sections=NEUTRON,
        cloud=CloudOptions(page_cap=2),
        extractor="nova, neutron",
    ) as site:
        yield site


@pytest.mark.no_cover
def test_every_users_addresses_of_each_version_are_what_they_were_on_each_day(neutron_site):
    """All happens before the look of a day, so that its last second finds it as it was seen."""
    site = neutron_site
    first = datetime(2026, 10, 15, 22, tzinfo=UTC)
    for number in range(6):
        at = first + timedelta(days=number)
        if number in {2, 5}:
            done = site.command(at)
            assert done.returncode == 0, done.stderr
        else:
            good(site.run(at))

    history = next(iter(site.cloud.regions.values())).history
    stated = by_day(ip_records(site))
    for number in range(5):
        day = (first + timedelta(days=number)).replace(hour=0)
        measured = day + LAST_SECOND
        real = addresses_at(history, microseconds(measured), gateways=True, default=USERS[3])
        users = {}
        for (_, version, user), count in real.items():
            users[version, user] = users.get((version, user), 0) + count
        assert {(key[1], key[2]) for key in stated if key[0] == f"{day:%Y-%m-%d}"} == set(users)
        measured_s = int(measured.timestamp())
        for one in ip_records(site):
            if one["MeasurementTime"] == measured_s:
                assert one["IPCount"] == real[one["LocalGroup"], one["IPVersion"], one["LocalUser"]]
    assert {one["LocalGroup"] for one in ip_records(site)} == {one.id for one in SITE.projects}
    assert {one["GlobalUserName"] for one in ip_records(site)} <= {one.name for one in SITE.users}
    hold_complete(site, first + timedelta(days=5))


def test_neutron_that_fails_holds_back_its_own_records_only(neutron_site):
    site = neutron_site
    site.cloud.faults.add(Fault(FaultKind.STATUS, match="/network/", status=503))

    done = site.command(FIRST)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Neutron answered 503" in done.stderr
    assert ip_messages(site) == []
    hold_complete(site, FIRST)
    ends_with, found = status(site)
    assert ends_with == 1
    assert {one["source"] for one in found["sources"] if one["error"]} >= {
        "neutron-floating-ips",
        "neutron-ports",
        "neutron-router-gateways",
    }

    site.cloud.faults.clear()
    later = SECOND + timedelta(hours=12)
    good(site.run(later))
    assert ip_records(site)
    hold_complete(site, later)
    assert status(site)[0] == 0


def test_neutron_alone_accounts_addresses_and_no_servers(tmp_path):
    """Without Nova nothing tells of servers: all addresses count for the configured user."""
    with usual_site(tmp_path, history=address_history(), sections=NEUTRON, extractor="neutron") as site:
        good(site.run(FIRST))

        assert {one["LocalUser"] for one in ip_records(site)} == {USERS[3]}
        assert site.messages() == []


def test_addresses_of_nobody_are_held_back_and_the_run_says_so(tmp_path):
    sections = f"{HASTY}\n[messenger_file]\npath = {tmp_path}/records.jsonl\n"
    with usual_site(
        tmp_path, history=address_history(), sections=sections, messengers="file", extractor="nova, neutron"
    ) as site:
        done = site.command(FIRST)

        assert done.returncode == 1
        assert "records are held back" in done.stderr
        _, found = status(site)
        assert any("[neutron] default_user" in one["quarantine"]["reason"] for one in found["quarantined"])
        lines = [json.loads(line) for line in (tmp_path / "records.jsonl").read_text().splitlines()]
        mine = [one for one in lines if one["record_type"] == "ip"]
        assert mine
        assert all(one["by_server"] == one["IPCount"] for one in mine)
