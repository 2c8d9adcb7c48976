"""What the tests of bad luck share: a usual cloud and its site, and what must hold afterwards."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apel_arithmetic import parse_message
from demo_site import DemoSite, truth_of
from usance.demo.clock import Clock
from usance.demo.cloud import CloudOptions, DemoCloud
from usance.demo.history import History, WrittenHistory
from usance.demo.script import scripted
from usance.demo.server import serving
from usance.demo.site import Site, standard_site
from usance.extraction.report import RunReport
from usance.records.validate_cloud import message_findings

FIRST = datetime(2026, 10, 15, 12, tzinfo=UTC)
SECOND = datetime(2026, 11, 3, tzinfo=UTC)
HASTY = "[usance]\nretries = 0\ntimeout = 10\n"
"""A section for sites whose cloud is not going to recover while they wait."""

_LINE = re.compile(r"^[0-9-]{10} [0-9:.]+ \d+ (?P<level>ERROR|CRITICAL) \S+ \[-\] (?P<sentence>.*)$")


def usual_history(projects: int = 3) -> WrittenHistory:
    """Return three servers for each project: one that runs, one that is deleted, one that comes late."""
    site = standard_site(projects=projects)
    return WrittenHistory(site, [life for number in range(projects) for life in usual_lives(site, number)])


def usual_names(site: DemoSite, project: int) -> dict[str, str]:
    """Return the ids of a project's servers by their names."""
    history = next(iter(site.cloud.regions.values())).history
    lives = map(history.life, range(len(history)))
    return {life.name: life.id for life in lives if life.project_id == site.cloud.site.projects[project].id}


def usual_lives(site: Site, project: int) -> list:
    """Return the usual three servers of one project."""
    return [
        scripted(site, "web", "2026-09-20 00:00:00 +10 create m1.large", project=project),
        scripted(
            site,
            "worker",
            """
            2026-10-01 10:00:00.5 +20 create m1.medium
            2026-10-03 09:00:00 +8 suspend
            2026-10-16 08:00:00 +6 resume
            2026-10-20 12:00:00 +3 delete
            """,
            project=project,
        ),
        scripted(site, "late", "2026-10-25 00:00:00 +30 create m1.small", project=project),
    ]


@contextmanager
def usual_site(
    directory: Path,
    *,
    history: History | None = None,
    cloud: CloudOptions | None = None,
    sections: str = HASTY,
    messengers: str = "ssm",
    **options: str,
) -> Iterator[DemoSite]:
    """Serve a cloud and give a site beside it; *sections* come at the end of its configuration."""
    demo = DemoCloud(history or usual_history(), clock=Clock(FIRST), options=cloud)
    with serving(demo) as url:
        yield site_beside(demo, url, directory, sections=sections, messengers=messengers, **options)


def site_beside(
    demo: DemoCloud,
    url: str,
    directory: Path,
    *,
    sections: str = HASTY,
    messengers: str = "ssm",
    **options: str,
) -> DemoSite:
    """Return one more site beside a cloud that is served already."""
    directory.mkdir(parents=True, exist_ok=True)
    site = DemoSite(demo, url, directory, messengers=messengers, **options)
    with site.conf.open("a", encoding="utf-8") as conf:
        conf.write(f"\n{sections}")
    return site


def edit(site: DemoSite, old: str, new: str) -> None:
    """Write something else into the configuration, as an operator would."""
    text = site.conf.read_text(encoding="utf-8")
    assert old in text
    site.conf.write_text(text.replace(old, new), encoding="utf-8")


def status(site: DemoSite) -> tuple[int, dict[str, Any]]:
    """Run `usance status` as a command; return its exit status, and what it says."""
    done = subprocess.run(
        [sys.executable, "-c", "from usance.cli.main import main; main()", "status", "-o", "json",
         "--config-file", str(site.conf)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def errors_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the sentences with which a command complained, and hold it to have no traceback."""
    assert "Traceback" not in done.stderr, done.stderr
    found = []
    for line in done.stderr.splitlines():
        logged = _LINE.match(line)
        if logged:
            found.append(logged["sentence"])
        elif line.startswith("caso-extract: "):
            found.append(line.removeprefix("caso-extract: "))
    return found


def complained(done: subprocess.CompletedProcess[str], exit_status: int, *parts: str) -> str:
    """Hold a command to its exit status, and to a single sentence that holds all the parts; return it."""
    assert done.returncode == exit_status, done.stderr
    [sentence] = errors_of(done)
    for part in parts:
        assert part in sentence, sentence
    return sentence


def good(report: RunReport) -> RunReport:
    """Hold a run to have done everything."""
    assert report.exit_status == 0, report
    return report


def hold_complete(
    site: DemoSite,
    until: datetime,
    *,
    without: frozenset[str] = frozenset(),
    clouds: Iterable[DemoCloud] | None = None,
) -> None:
    """Hold what the federation would keep to the truth: nothing lost, nothing twice, all of it valid.

    *without* are the ids of projects that were never accounted; *clouds* are those of a site that has
    several.
    """
    hold_once(site)
    real = {}
    for region in (one for cloud in clouds or (site.cloud,) for one in cloud.regions.values()):
        lives = map(region.history.life, range(len(region.history)))
        outside = {life.id for life in lives if life.project_id in without}
        real |= {key: one for key, one in truth_of(region.history, until).items() if key[0] not in outside}
    database = site.apel()
    assert {key: (one.wall_s, one.cpu_s) for key, one in database.months().items()} == {
        key: (one.wall_s, one.vcpu_s) for key, one in real.items()
    }
    for server in {key[0] for key in real}:
        last = max(key for key in real if key[0] == server)
        suspended = sum(one.suspended_s for key, one in real.items() if key[0] == server)
        assert database.rows[last].number("SuspendDuration") == suspended


def hold_once(site: DemoSite) -> None:
    """Hold the queue to valid messages, and to say nothing twice."""
    said: Counter[tuple] = Counter()
    for message in site.messages():
        assert message_findings(message) == []
        for record in parse_message(message):
            record.pop("RecordCreateTime")
            said[tuple(sorted(record.items()))] += 1
    assert [one for one, times in said.items() if times > 1] == []


def project_ids(site: DemoSite, *numbers: int) -> frozenset[str]:
    """Return the ids of projects by their numbers in the site."""
    return frozenset(site.cloud.site.projects[number].id for number in numbers)


def accounted(site: DemoSite) -> set[str]:
    """Return the ids of the projects of which there are records in the queue."""
    return {row.fields["LocalGroupId"] for row in site.apel().rows.values()}
