"""Several clouds in one configuration and one run: each is accounted once, also when one is down."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from demo_site import DemoSite
from service.extraction.test_regions import SITE, history_of
from service.extraction.witness import FIRST, HASTY, SECOND, good, hold_complete, site_beside, status
from usance.config.load import load_all
from usance.config.settings import ExtractRequest
from usance.demo.clock import Clock
from usance.demo.cloud import DemoCloud
from usance.demo.faults import Fault, FaultKind
from usance.demo.server import serving
from usance.demo.setup import auth_url
from usance.extraction.run import extract

DOWN = [Fault(kind=FaultKind.STATUS, match="/identity", status=503)]
CASO_T0 = datetime(2026, 10, 8, 12, tzinfo=UTC)  # cASO's last run


@pytest.fixture
def clouds(tmp_path):
    """Serve two clouds that have projects of the same ids; yield them and a site that accounts both."""
    north, south = (DemoCloud(history_of(name), clock=Clock(FIRST)) for name in ("north", "south"))
    with serving(north) as north_url, serving(south) as south_url:
        sections = (
            f"{HASTY}clouds = north, south\n[cloud_north]\nsite_name = NORTH\n"
            f"[cloud_south]\nsite_name = SOUTH\nauth_url = {auth_url(south_url)}\n"
        )
        yield north, south, site_beside(north, north_url, tmp_path, sections=sections)


@pytest.fixture
def regions():
    """Serve a cloud of two regions; yield it, its URL, and the sections that account both."""
    names = ("North", "South")
    cloud = DemoCloud({name: history_of(name) for name in names}, clock=Clock(FIRST))
    sections = f"{HASTY}clouds = {', '.join(names)}\n" + "".join(
        f"[cloud_{name}]\nregion_name = {name}\n" for name in names
    )
    with serving(cloud) as url:
        yield cloud, url, sections


def run(site: DemoSite, at: datetime, *clouds: DemoCloud, only=(), **request):
    for cloud in clouds or (site.cloud,):
        cloud.clock.set(at)
    return extract(load_all([site.conf], {}, {}, only=only), ExtractRequest(**request))


def usance(site: DemoSite, *arguments: str) -> tuple[int, dict]:
    done = subprocess.run(
        [sys.executable, "-c", "from usance.cli.main import main; main()", *arguments, "-o", "json",
         "--config-file", str(site.conf)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_two_regions_in_one_file_are_accounted_once_each(regions, tmp_path):
    cloud, url, sections = regions
    site = site_beside(cloud, url, tmp_path, sections=sections)

    reports = [good(run(site, at)) for at in (FIRST, SECOND)]

    hold_complete(site, SECOND)
    assert [one.cloud_id for one in reports[0].clouds] == ["North", "South"]
    assert {(one.project_id, one.cloud_id) for one in reports[0].projects} == {
        (project.id, name) for project in SITE.projects for name in ("North", "South")
    }


def test_two_clouds_in_one_file_are_accounted_once_each_under_their_own_site(clouds):
    north, south, site = clouds

    for at in (FIRST, SECOND):
        good(run(site, at, north, south))

    hold_complete(site, SECOND, clouds=(north, south))
    sites = {(row.fields["SiteName"], row.fields["VMUUID"]) for row in site.apel().rows.values()}
    for name, cloud in (("NORTH", north), ("SOUTH", south)):
        [region] = cloud.regions.values()
        lives = map(region.history.life, range(len(region.history)))
        assert {server for place, server in sites if place == name} == {life.id for life in lives}


def test_a_cloud_that_is_down_harms_no_other_and_is_completed_when_it_is_back(clouds):
    north, south, site = clouds
    south.faults.replace(DOWN)

    first = run(site, FIRST, north, south)

    assert first.exit_status == 1
    fine, failed = first.clouds
    assert (fine.error, fine.until) == (None, FIRST)
    assert "503" in failed.error
    assert all(one.cloud_id == "north" and one.error is None for one in first.projects)
    hold_complete(site, FIRST, clouds=(north,))
    ends_with, said = status(site)
    assert ends_with == 1
    [trouble] = [one for one in said["sources"] if one["error"]]
    assert (trouble["cloud_id"], trouble["project_id"]) == ("south", "")
    assert usance(site, "status", "--cloud", "north")[0] == 0

    south.faults.clear()
    good(run(site, SECOND, north, south))

    hold_complete(site, SECOND, clouds=(north, south))
    assert status(site)[0] == 0


def test_what_waits_is_delivered_while_all_clouds_are_down(clouds):
    north, south, site = clouds
    site.outgoing.write_text("in the way of the queue")
    assert run(site, FIRST, north, south).exit_status == 1
    site.outgoing.unlink()
    for cloud in (north, south):
        cloud.faults.replace(DOWN)

    report = run(site, SECOND, north, south)

    assert report.exit_status == 1
    assert all(one.error for one in report.clouds)
    assert report.messengers[0].delivered > 0
    assert report.messengers[0].pending == 0
    hold_complete(site, FIRST, clouds=(north, south))


def test_only_the_cloud_that_is_named_is_read(clouds):
    north, south, site = clouds

    good(run(site, FIRST, north, south, only=["south"]))

    hold_complete(site, FIRST, clouds=(south,))
    assert not north.requests


def test_a_dry_run_tells_of_which_cloud_each_record_is(clouds):
    north, south, site = clouds

    report = good(run(site, FIRST, north, south, dry_run=True))

    assert {one.cloud_id for one in report.dry_records} == {"north", "south"}
    assert site.messages() == []


def test_the_commands_work_on_all_clouds(clouds):
    _, south, site = clouds
    south.faults.replace(DOWN)

    checked = usance(site, "config", "check")
    listed = usance(site, "projects")
    extracted = usance(site, "extract")
    one = usance(site, "projects", "--cloud", "north")

    assert (checked[0], set(checked[1]["clouds"])) == (0, {"north", "south"})
    assert checked[1]["clouds"]["south"]["site"] == "SOUTH (cloud.test.org)"
    assert {(one["cloud_id"], one["id"]) for one in listed[1]["projects"]} == {
        ("north", project.id) for project in SITE.projects
    }
    [refused] = listed[1]["refused"]
    assert (listed[0], refused["cloud_id"], refused["wanted"]) == (1, "south", "all")
    assert (extracted[0], [one["error"] is None for one in extracted[1]["clouds"]]) == (1, [True, False])
    assert one[0] == 0


def test_the_commands_of_caso_work_on_all_clouds(clouds):
    north, south, site = clouds

    both = site.command(FIRST, wrapper=("-c", "from usance.legacy.caso_projects import main; main()"))
    south.faults.replace(DOWN)
    done = site.command(FIRST)
    alone = site.command(None, "--cloud", "north")

    assert both.returncode == 0
    assert [line.rpartition(" in cloud ")[2] for line in both.stdout.splitlines()] == [
        "north", "north", "south", "south",
    ]  # fmt: skip
    assert (done.returncode, alone.returncode) == (1, 0)
    assert "cloud south: " in done.stderr
    hold_complete(site, FIRST, clouds=(north,))


def test_a_file_for_each_region_with_a_spool_of_its_own_still_works(regions, tmp_path):
    """As cASO's documentation of several regions has it."""
    cloud, url, _ = regions
    sites = [
        site_beside(cloud, url, tmp_path / name, region_name=name, projects=f"project{number}", caso_tag="")
        for number, name in enumerate(("North", "South"))
    ]

    for at in (FIRST, SECOND):
        for site in sites:
            cloud.clock.set(at)
            assert site.command(at).returncode == 0

    for number, (name, site) in enumerate(zip(("North", "South"), sites, strict=True)):
        history = cloud.regions[name].history
        mine = {
            life.id
            for life in map(history.life, range(len(history)))
            if life.project_id == SITE.projects[number].id
        }
        assert {row.fields["VMUUID"] for row in site.apel().rows.values()} == mine


def baselines(site: DemoSite) -> set[tuple[int, str]]:
    with site.ledger() as ledger:
        return {
            (number, cloud_id)
            for number, project in enumerate(SITE.projects)
            for cloud_id in ledger.baselines(project.id)
        }


def lastrun(directory, number: int) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"lastrun.{SITE.projects[number].id}").write_text(str(CASO_T0))


def test_what_caso_reported_belongs_to_the_region_that_it_read(regions, tmp_path):
    """Its files are by project; the other region, which it never read, is reported from its beginning."""
    cloud, url, sections = regions
    site = site_beside(cloud, url, tmp_path, sections=sections, region_name="South")
    lastrun(tmp_path / "spool", 0)

    good(run(site, FIRST))

    assert baselines(site) == {(0, "South")}
    ids = {
        life.name: life.id
        for history in (region.history for region in cloud.regions.values())
        for life in map(history.life, range(len(history)))
        if life.project_id == SITE.projects[0].id
    }
    assert {month for server, _, month in site.apel().months() if server == ids["North-runs"]} == {9, 10}
    assert {month for server, _, month in site.apel().months() if server == ids["South-runs"]} == {10}


def test_each_region_takes_what_caso_left_where_the_file_says_that_it_is_its_own(regions, tmp_path):
    cloud, url, sections = regions
    own = tmp_path / "spool-south"
    site = site_beside(cloud, url, tmp_path, sections=f"{sections}caso_spooldir = {own}\n")
    lastrun(tmp_path / "spool", 0)
    lastrun(own, 0)
    lastrun(own, 1)

    good(run(site, FIRST))

    assert baselines(site) == {(0, "North"), (0, "South"), (1, "South")}


def test_of_two_files_that_share_a_spool_the_first_takes_what_caso_left(regions, tmp_path):
    cloud, url, _ = regions
    site = site_beside(cloud, url, tmp_path, region_name="North")
    lastrun(tmp_path / "spool", 0)

    assert site.command(FIRST).returncode == 0
    text = site.conf.read_text()
    site.conf.write_text(text.replace("region_name = North", "region_name = South"))
    second = site.command(FIRST)

    assert second.returncode == 0
    assert "cASO's lastrun file is taken for cloud North" in second.stderr
    assert baselines(site) == {(0, "North")}
