"""A run that is killed anywhere is completed by the next one: nothing is lost, nothing is kept twice."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo_site import DemoSite, demo_site
from usance.demo.history import SeededHistory

BEGIN, END = datetime(2026, 9, 20, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)
FIRST, SECOND = datetime(2026, 10, 20, 12, tzinfo=UTC), END
CRASH = Path(__file__).parent / "crash.py"

POINTS = {
    "before anything is asked": ("usance.cloud.tokens:Tokens.get", "before", 1),
    "after the projects are known": ("usance.cloud.access:Cloud.select_projects", "after", 1),
    "before the first batch is kept": ("usance.ledger.ledger:Ledger.observe", "before", 1),
    "after the first batch is kept": ("usance.ledger.ledger:Ledger.observe", "after", 1),
    "within the transaction of the second batch": (
        "usance.ledger.observing:move_source_watermark",
        "before",
        1,
    ),
    "after the second batch is kept": ("usance.ledger.ledger:Ledger.observe", "after", 2),
    "after the last look": ("usance.extraction.observing:Observer.observe", "after", 1),
    "before names are kept": ("usance.ledger.ledger:Ledger.remember_names", "before", 3),
    "before the first messages are staged": ("usance.ledger.ledger:Ledger.stage", "before", 1),
    "after the first messages are staged": ("usance.ledger.ledger:Ledger.stage", "after", 1),
    "after the first project is staged": ("usance.extraction.publishing:Publisher.stage", "after", 1),
    "before the first message is delivered": ("usance.messengers.ssm:SsmMessenger.send", "before", 1),
    "while the directory of a message is made": ("os:fchmod", "before", 1),
    "while a message is written": ("os:fchmod", "before", 2),
    "after a message is delivered, before that is noted": (
        "usance.messengers.ssm:SsmMessenger.send",
        "after",
        1,
    ),
    "after a delivery is noted": ("usance.ledger.ledger:Ledger.delivered", "after", 1),
    "after a line of the file is written, before that is noted": (
        "usance.messengers.file:FileMessenger.send",
        "after",
        1,
    ),
    "when everything is done": ("usance.extraction.publishing:deliver_staged", "after", 2),
}


@pytest.fixture(scope="module")
def history() -> SeededHistory:
    return SeededHistory(7, projects=2, servers=8, begin=BEGIN, end=END, actions=8)


@pytest.fixture(scope="module")
def cloud(history, tmp_path_factory):
    with demo_site(history, tmp_path_factory.mktemp("cloud")) as site:
        yield site


def site_at(cloud: DemoSite, directory: Path) -> DemoSite:
    lines = directory / "records.jsonl"
    site = DemoSite(cloud.cloud, cloud.url, directory, messengers="ssm, file")
    with site.conf.open("a") as conf:
        conf.write(f"\n[messenger_file]\npath = {lines}\n")
    return site


def kept(site: DemoSite) -> tuple[dict, dict]:
    """Return what APEL keeps, and what a consumer of the JSON lines keeps by their identities."""
    rows = site.apel().state()
    lines = map(json.loads, (site.directory / "records.jsonl").read_text().splitlines())
    return rows, {one["record_id"]: one for one in lines}


@pytest.fixture(scope="module")
def undisturbed(cloud, tmp_path_factory):
    site = site_at(cloud, tmp_path_factory.mktemp("undisturbed"))
    for at in (FIRST, SECOND):
        site.cloud.clock.set(at, running=True)
        done = site.command(None, "--extract-to", at.isoformat())
        assert done.returncode == 0, done.stderr
    return kept(site)


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_is_completed_by_the_next_one(point, cloud, undisturbed, tmp_path):
    """Each of two runs is killed and repeated, the first and a later one: as if nothing had happened."""
    site = site_at(cloud, tmp_path)
    target, moment, count = POINTS[point]
    crash = (str(CRASH), target, moment, str(count), "--", "usance.legacy.caso_extract:main")

    for at in (FIRST, SECOND):
        site.cloud.clock.set(at, running=True)
        killed = site.command(None, "--extract-to", at.isoformat(), wrapper=crash)
        assert killed.returncode == -9, (killed.returncode, killed.stderr)
        done = site.command(None, "--extract-to", at.isoformat())
        assert done.returncode == 0, done.stderr

    rows, lines = kept(site)
    assert differing(rows, undisturbed[0]) == {}
    assert differing(lines, undisturbed[1]) == {}


def differing(mine: dict, others: dict) -> dict:
    """Return the fields that differ, by record: (mine, the other's)."""
    found = {}
    for key in mine.keys() | others.keys():
        one, other = mine.get(key, {}), others.get(key, {})
        fields = {name: (one.get(name), other.get(name)) for name in one.keys() | other.keys()}
        different = {name: pair for name, pair in fields.items() if pair[0] != pair[1]}
        if different:
            found[key] = different
    return found
