"""Two regions in one Keystone: two configurations, one spool, and each server accounted once."""

import sys
from subprocess import run

from service.extraction.witness import FIRST, SECOND, hold_complete, site_beside, status
from usance.demo.clock import Clock
from usance.demo.cloud import DemoCloud
from usance.demo.history import WrittenHistory
from usance.demo.script import scripted
from usance.demo.server import serving
from usance.demo.site import standard_site

SITE = standard_site(projects=2)


def history_of(region: str) -> WrittenHistory:
    texts = {
        "runs": "2026-09-20 00:00:00 create m1.large",
        "ends": "2026-10-01 00:00:00 create m1.small\n2026-10-20 00:00:00 delete",
        "between": "2026-10-16 00:00:00 create m1.small\n2026-10-17 00:00:00 delete",
    }
    return WrittenHistory(
        SITE,
        [
            scripted(SITE, f"{region}-{name}", text, project=project)
            for project in range(2)
            for name, text in texts.items()
        ],
    )


def test_two_regions_with_one_spool_account_each_server_once(tmp_path):
    """With a state by project alone, as cASO kept it, one region would hide the other's servers."""
    regions = ("North", "South")
    cloud = DemoCloud({name: history_of(name) for name in regions}, clock=Clock(FIRST))
    with serving(cloud) as url:
        site = site_beside(cloud, url, tmp_path)
        text = site.conf.read_text()
        confs = [tmp_path / f"{name}.conf" for name in regions]
        for name, conf in zip(regions, confs, strict=True):
            conf.write_text(text.replace("[DEFAULT]\n", f"[DEFAULT]\nregion_name = {name}\n"))
        for at in (FIRST, SECOND):
            cloud.clock.set(at)
            for conf in confs:
                done = run(
                    [sys.executable, "-c", "from usance.legacy.caso_extract import main; main()",
                     "--config-file", str(conf)],
                    capture_output=True, text=True, timeout=120, check=False,
                )  # fmt: skip
                assert done.returncode == 0, done.stderr

        hold_complete(site, SECOND)
        ends_with, found = status(site)
        assert ends_with == 0
        assert {(one["project_id"], one["cloud_id"]) for one in found["sources"]} == {
            (project.id, name) for project in SITE.projects for name in regions
        }
