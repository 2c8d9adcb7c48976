"""All types of records at once: killed anywhere, held back for a VO, and on either engine."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from demo_site import demo_site
from every_kind import (
    FIRST,
    SECOND,
    TYPES,
    history,
    kept,
    measured,
    site_at,
    types_in,
    without_vo,
)
from service.extraction.witness import good, status
from service.prometheus_server import HOW_TO_GET_IT
from usance.demo.history import WrittenHistory

CRASH = Path(__file__).parent / "crash.py"
LOOKS_APART = timedelta(minutes=5)
"""Two sites look when they come to it: a volume that is gone has its end from the look that missed it."""
POINTS = {
    "after volumes are listed": ("usance.sources.cinder_api:CinderApi.negotiate", "after", 2),
    "after some floating IPs are listed": ("usance.cloud.addresses:Addresses.floating_ips", "after", 1),
    "after some batches of several sources": ("usance.ledger.ledger:Ledger.observe", "after", 7),
    "before the power of the second day is read": (
        "usance.sources.prometheus_api:PrometheusApi.hours",
        "before",
        2,
    ),
    "before the second type is staged": ("usance.messengers.outbox:_stage", "before", 2),
    "after addresses are staged": ("usance.messengers.outbox:_stage", "after", 2),
    "after accelerators are staged": ("usance.messengers.outbox:_stage", "after", 3),
    "after storage is staged": ("usance.messengers.outbox:_stage", "after", 4),
    "before a watermark of the messenger": ("usance.ledger.staging:move_messenger_watermark", "before", 3),
    "after the third message": ("usance.messengers.ssm:SsmMessenger.send", "after", 3),
    "after the second line of the file": ("usance.messengers.file:FileMessenger.send", "after", 2),
}


@pytest.fixture(scope="module")
def told() -> WrittenHistory:
    return history()


@pytest.fixture(scope="module")
def cloud(told, tmp_path_factory):
    with demo_site(told, tmp_path_factory.mktemp("cloud")) as site:
        yield site


@pytest.fixture(scope="module")
def prometheus(told):
    with measured(told) as url:
        if url is None:
            pytest.skip(HOW_TO_GET_IT)
        yield url


def run_both(site):
    for at in (FIRST, SECOND):
        site.cloud.clock.set(at, running=True)
        done = site.command(None, "--extract-to", at.isoformat())
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def undisturbed(cloud, prometheus, tmp_path_factory):
    site = site_at(cloud, tmp_path_factory.mktemp("undisturbed"), prometheus)
    run_both(site)
    found = kept(site)
    assert types_in(found) == TYPES
    assert all(found.values())
    return found


# All of them in `make soak`; what is killed of servers alone is in test_kill.py.
@pytest.mark.parametrize("point", POINTS if os.environ.get("USANCE_SOAK") else list(POINTS)[::3])
def test_a_killed_run_is_completed_by_the_next_one_for_every_type(
    point, cloud, prometheus, undisturbed, tmp_path
):
    """Each of two runs is killed and repeated: each receiver keeps what it would have kept."""
    site = site_at(cloud, tmp_path, prometheus)
    target, moment, count = POINTS[point]
    crash = (str(CRASH), target, moment, str(count), "--", "usance.legacy.caso_extract:main")

    for at in (FIRST, SECOND):
        site.cloud.clock.set(at, running=True)
        killed = site.command(None, "--extract-to", at.isoformat(), wrapper=crash)
        assert killed.returncode == -9, (killed.returncode, killed.stderr)
        done = site.command(None, "--extract-to", at.isoformat())
        assert done.returncode == 0, done.stderr

    assert differing(kept(site), undisturbed) == {}


def test_what_is_held_back_for_a_vo_goes_out_whole_once_there_is_one(cloud, told, prometheus, tmp_path):
    """A project is mapped only after a month has ended; its records of every type come then."""
    mapped, late = site_at(cloud, tmp_path / "a", prometheus), site_at(cloud, tmp_path / "b", prometheus)
    without = WrittenHistory(without_vo(told.site, 1), told.lives)
    later = SECOND + timedelta(hours=1)  # two looks at one instant might seem to be in another order
    for at in (FIRST, SECOND, later):
        good(mapped.run(at))
    cloud.cloud.load(without)
    try:
        for at in (FIRST, SECOND):
            assert late.run(at).exit_status == 1
        held = {one["LocalGroupId"] for one in kept(late)["cloud"].values()}
        assert held == {told.site.projects[0].id}
    finally:
        cloud.cloud.load(told)

    good(late.run(later))

    assert further_apart(LOOKS_APART, differing(kept(late), kept(mapped))) == {}
    assert status(late)[0] == 0


def test_the_ledger_on_postgresql_leaves_the_same_records_of_every_type(
    cloud, prometheus, undisturbed, postgres_url, tmp_path
):
    site = site_at(cloud, tmp_path, prometheus, f"[usance]\nledger_url = {postgres_url}\n")

    run_both(site)

    assert differing(kept(site), undisturbed) == {}


def differing(mine: dict, others: dict) -> dict:
    """Return the fields that differ, by receiver and record: (mine, the other's)."""
    found = {}
    for receiver, theirs in others.items():
        for key in mine[receiver].keys() | theirs.keys():
            one, other = mine[receiver].get(key, {}), theirs.get(key, {})
            fields = {name: (one.get(name), other.get(name)) for name in one.keys() | other.keys()}
            different = {name: pair for name, pair in fields.items() if pair[0] != pair[1]}
            if different:
                found[receiver, key] = different
    return found


def further_apart(than: timedelta, different: dict) -> dict:
    """Return the differences without those of two instants that are no further apart."""
    found = {
        key: {name: pair for name, pair in fields.items() if not _within(than, *pair)}
        for key, fields in different.items()
    }
    return {key: fields for key, fields in found.items() if fields}


def _within(limit: timedelta, one: object, other: object) -> bool:
    if not (isinstance(one, str) and isinstance(other, str)):
        return False
    try:
        return abs(datetime.fromisoformat(one) - datetime.fromisoformat(other)) <= limit
    except (ValueError, TypeError):
        return False
