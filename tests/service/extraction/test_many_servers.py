"""A large project behind a small page cap loses no server, and a second run costs few calls."""

from datetime import UTC, datetime, timedelta

from service.extraction.witness import good, hold_complete, usual_site
from usance.demo.cloud import CloudOptions
from usance.demo.history import SeededHistory

BEGIN, END = datetime(2026, 10, 5, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)
SERVERS, LATE = 1300, 20


def test_1300_running_servers_are_all_accounted_in_pages_of_100(tmp_path):
    """Twenty of them are stopped between two runs: one look-up each, and the pages of Neutron."""
    history = SeededHistory(
        5, projects=1, servers=SERVERS, begin=BEGIN, end=END, actions=0, deleted=0, late=LATE
    )
    with usual_site(tmp_path, history=history, cloud=CloudOptions(page_cap=100)) as site:
        good(site.run(END - timedelta(hours=1)))
        first = site.cloud.requests.total()
        hold_complete(site, END - timedelta(hours=1))
        site.cloud.requests.clear()

        good(site.run(END))

        hold_complete(site, END)
        second = site.cloud.requests
        assert second["GET /RegionOne/compute/v2.1/servers/{id}/os-instance-actions"] == LATE
        assert second["GET /RegionOne/compute/v2.1/servers/detail"] == 1
        assert second.total() <= LATE + 20 < first
