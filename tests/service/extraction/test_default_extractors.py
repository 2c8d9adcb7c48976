"""What is accounted if nobody says what: of cASO's list, as much as the cloud has."""

import re

import pytest

from service.extraction.witness import FIRST, SECOND, edit, hold_complete, status, usual_site
from usance.demo.cloud import CloudOptions

CINDER = frozenset({"volumev3", "block-storage"})
NEUTRON = frozenset({"network"})


def lines(done, *words):
    """Return the lines of the log that say one of these."""
    return [one for one in done.stderr.splitlines() if any(word in one for word in words)]


def queues(site):
    """Return what the queues are called in which something is."""
    return sorted(
        path.name
        for path in site.directory.glob("outgoing*")
        if any(one.is_file() for one in path.rglob("*"))
    )


def default_user(site):
    return f"[neutron]\ndefault_user = {site.cloud.site.users[0].id}\n"


def test_servers_storage_and_addresses_are_accounted(tmp_path):
    with usual_site(tmp_path, extractor=None) as site:
        edit(site, "[usance]", default_user(site) + "[usance]")

        runs = [site.command(now) for now in (FIRST, SECOND)]

        assert [one.returncode for one in runs] == [0, 0], runs[0].stderr
        assert queues(site) == ["outgoing", "outgoing-ip", "outgoing-storage"]
        hold_complete(site, SECOND)


@pytest.mark.parametrize(
    ("without", "left"),
    [
        (CINDER, ["outgoing", "outgoing-ip"]),
        (NEUTRON, ["outgoing", "outgoing-storage"]),
        (CINDER | NEUTRON, ["outgoing"]),
    ],
)
def test_a_service_that_the_cloud_does_not_have_is_left_out_with_one_line(tmp_path, without, left):
    with usual_site(tmp_path, extractor=None, cloud=CloudOptions(uncatalogued=without)) as site:
        edit(site, "[usance]", default_user(site) + "[usance]")

        runs = [site.command(now) for now in (FIRST, SECOND)]

        assert [one.returncode for one in runs] == [0, 0], runs[0].stderr
        assert queues(site) == left
        for done in runs:
            said = lines(done, "are accounted", "no records of", "without floating IPs")
            assert len(said) == len(without & {"volumev3", "network"}), done.stderr
            assert all(" INFO " in one for one in said)
        hold_complete(site, SECOND)
        assert status(site)[0] == 0


def test_a_service_that_is_named_and_not_there_is_warned_of(tmp_path):
    with usual_site(
        tmp_path, extractor="nova, cinder, neutron", cloud=CloudOptions(uncatalogued=CINDER | NEUTRON)
    ) as site:
        done = site.command(FIRST)

        assert done.returncode == 0
        said = lines(done, "no volumes are accounted", "no records of public addresses")
        assert [bool(re.search(r" WARNING ", one)) for one in said] == [True, True], done.stderr


def test_a_service_that_was_there_is_missed_whoever_named_it(tmp_path):
    with usual_site(tmp_path, extractor=None) as site:
        edit(site, "[usance]", default_user(site) + "[usance]")
        assert site.command(FIRST).returncode == 0
        site.cloud.options = CloudOptions(uncatalogued=CINDER)

        done = site.command(SECOND)

        assert done.returncode == 1
        assert "the catalog has no public endpoint of type block-storage" in done.stderr


def test_addresses_that_lead_to_no_server_wait_until_somebody_answers_for_them(tmp_path):
    """Whoever comes from cASO 5 with such a floating IP is told what to write, and loses nothing else."""
    with usual_site(tmp_path, extractor=None) as site:
        first = site.command(FIRST)
        held, said = status(site)
        edit(site, "[usance]", default_user(site) + "[usance]")
        second = site.command(SECOND)

        assert (first.returncode, held, second.returncode) == (1, 1, 0), first.stderr
        reasons = {one["quarantine"]["reason"] for one in said["quarantined"]}
        assert all("name a user with [neutron] default_user" in one for one in reasons)
        assert len(reasons) == 3  # one for each project
        assert status(site)[0] == 0
        hold_complete(site, SECOND)
