"""Make storage messages for a judge: `python tests/judges/storage_messages.py DIRECTORY`.

A simulated cloud has random volumes, snapshots and backups, and users and types with names that are
meant to break something; the program looks at it three times, and leaves its messages in the
directory's queue.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from usance.config.load import load_settings
from usance.config.settings import ExtractRequest
from usance.demo.clock import Clock
from usance.demo.cloud import DemoCloud
from usance.demo.history import WrittenHistory
from usance.demo.server import serving
from usance.demo.setup import write_caso_conf
from usance.demo.site import Site, standard_site
from usance.demo.storage_script import random_storage
from usance.extraction.run import extract

BEGIN, END = datetime(2026, 8, 20, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)
HOSTILE = ("<b>&amp;]]>", "%%\nSite: x", "Gerät 日本語 🚀", "x" * 300, "quote \" and '", "\x1b[31m")


def site() -> Site:
    """Return a site whose users and volume types have hostile names."""
    plain = standard_site(projects=3)
    users = tuple(
        one if one.password else msgspec.structs.replace(one, name=HOSTILE[number % len(HOSTILE)])
        for number, one in enumerate(plain.users)
    )
    mapped = msgspec.structs.replace(plain.projects[1], properties={"VO": "/vo.example/group/Role=manager"})
    named = msgspec.structs.replace(
        plain, users=users, projects=(plain.projects[0], mapped, *plain.projects[2:]), volumes=()
    )
    volumes = tuple(
        msgspec.structs.replace(one, volume_type=HOSTILE[number % len(HOSTILE)])
        if one.kind == "volume" and number % 3 == 0
        else one
        for number, one in enumerate(random_storage(named, 7, 120, begin=BEGIN, end=END))
    )
    return msgspec.structs.replace(named, volumes=volumes)


def main() -> int:
    """Make the messages; exit status 1 if a run did not do everything."""
    directory = Path(sys.argv[1])
    cloud = DemoCloud(WrittenHistory(site()), clock=Clock(BEGIN))
    status = 0
    with serving(cloud) as url:
        conf = write_caso_conf(url, directory, options={"extractor": "cinder"})
        for share in (1, 2, 3):
            cloud.clock.set(BEGIN + timedelta(days=25 * share))
            report = extract(load_settings([conf], {}, {}), ExtractRequest())
            status = max(status, report.exit_status)
    return status


if __name__ == "__main__":
    sys.exit(main())
