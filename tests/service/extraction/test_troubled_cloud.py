"""Clouds that are incomplete, down, slow or broken: a sentence, and nothing lost when they are well again."""

import socket
from datetime import UTC, datetime

import msgspec
import pytest

from service.extraction.witness import (
    FIRST,
    HASTY,
    SECOND,
    accounted,
    complained,
    edit,
    good,
    hold_complete,
    project_ids,
    status,
    usual_names,
    usual_site,
)
from usance.demo.cloud import CloudOptions
from usance.demo.faults import Fault, FaultKind

MIDDLE = datetime(2026, 10, 27, tzinfo=UTC)
PATIENT = "[usance]\nretries = 3\ntimeout = 20\n"


def test_a_catalog_without_nova_is_said_of_each_project(tmp_path):
    with usual_site(tmp_path, cloud=CloudOptions(uncatalogued=frozenset({"compute"}))) as site:
        done = site.command(FIRST)

        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert done.stderr.count("the catalog has no public endpoint of type compute") == 3
        assert site.messages() == []
        ends_with, found = status(site)
        assert ends_with == 1
        assert all(
            "no region has Nova" in one["error"] for one in found["sources"] if one["source"] == "nova"
        )


def test_a_catalog_without_neutron_is_a_warning_and_no_more(tmp_path):
    with usual_site(tmp_path, cloud=CloudOptions(uncatalogued=frozenset({"network"}))) as site:
        done = site.command(FIRST)

        assert done.returncode == 0, done.stderr
        assert done.stderr.count("WARNING") == 1
        assert "without floating IPs" in done.stderr
        hold_complete(site, FIRST)


def test_a_keystone_that_is_down_is_one_sentence(tmp_path):
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        with usual_site(tmp_path) as site:
            down = f"http://127.0.0.1:{unheard.getsockname()[1]}"
            edit(site, f"{site.url}/identity", f"{down}/identity")

            complained(site.command(FIRST), 1, "Keystone can't be reached", down)

            edit(site, f"{down}/identity", f"{site.url}/identity")
            good(site.run(SECOND))
            hold_complete(site, SECOND)


def test_a_nova_that_is_down_is_one_sentence_for_each_project(tmp_path):
    with usual_site(tmp_path) as site:
        site.cloud.faults.add(Fault(FaultKind.DROP, "/compute"))
        done = site.command(FIRST)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert done.stderr.count("Nova can't be reached") == 3
        site.cloud.faults.clear()

        good(site.run(SECOND))

        hold_complete(site, SECOND)


PERSISTENT = {
    "500 half way through the pages": (Fault(FaultKind.STATUS, status=500), "answered 500"),
    "slower than the time-out": (Fault(FaultKind.LATENCY, delay_ms=2500), "within 1 s"),
    "429 without end": (Fault(FaultKind.STATUS, status=429), "lower the concurrency"),
    "connections dropped": (Fault(FaultKind.DROP), "can't be reached"),
    "answers cut off": (Fault(FaultKind.CUT), "can't be reached"),
    "JSON cut short": (Fault(FaultKind.TRUNCATE), "something else than the API documents"),
    # Not EXPIRE: that forgets the tokens of the other projects, too, some of them just before they are used.
    "every token refused": (Fault(FaultKind.STATUS, status=401), "Keystone agree"),
}


@pytest.mark.parametrize("trouble", PERSISTENT)
def test_a_project_that_fails_half_way_fails_alone_and_is_completed_later(trouble, tmp_path):
    """The second page of the servers of one of three projects never comes."""
    fault, sentence = PERSISTENT[trouble]
    hasty = HASTY.replace("timeout = 10", "timeout = 1") if fault.kind is FaultKind.LATENCY else HASTY
    options = CloudOptions(page_cap=2)
    with usual_site(tmp_path, cloud=options, sections=f"{hasty}concurrency = 1\n") as site:
        last_of_first_page = usual_names(site, 1)["worker"]
        site.cloud.faults.add(msgspec.structs.replace(fault, match=f"marker={last_of_first_page}"))

        complained(site.command(MIDDLE), 1, "project1", sentence)

        assert site.cloud.faults.met
        assert accounted(site) == project_ids(site, 0, 2)
        hold_complete(site, MIDDLE, without=project_ids(site, 1))
        site.cloud.faults.clear()
        good(site.run(SECOND))
        hold_complete(site, SECOND)


PASSING = {
    "500": Fault(FaultKind.STATUS, "compute", skip=2, count=3, status=500),
    "429 with Retry-After": Fault(FaultKind.STATUS, "compute", skip=2, count=3, status=429, retry_after_s=1),
    "dropped": Fault(FaultKind.DROP, "compute", skip=2, count=3),
    "cut off": Fault(FaultKind.CUT, "compute", skip=2, count=3),
    "cut short": Fault(FaultKind.TRUNCATE, "compute", skip=2, count=3),
    "tokens expired": Fault(FaultKind.EXPIRE, "compute", skip=4, count=1),
    "slow": Fault(FaultKind.SLOW_BODY, "servers/detail", delay_ms=10),
}


@pytest.mark.parametrize("trouble", PASSING)
def test_what_passes_is_not_even_mentioned(trouble, tmp_path):
    with usual_site(tmp_path, cloud=CloudOptions(page_cap=2), sections=PATIENT) as site:
        site.cloud.faults.add(PASSING[trouble])

        good(site.run(SECOND))

        assert site.cloud.faults.met
        hold_complete(site, SECOND)
