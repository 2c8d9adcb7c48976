"""What malicious users and broken databases make of rows: each bad record is held back alone."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from apel_arithmetic import parse_message
from demo_site import truth_of
from service.extraction.witness import complained, hold_once, status, usual_site
from usance.demo.history import SeededHistory, hostile_row

BEGIN, MIDDLE, END = (datetime(2026, 9, 20, tzinfo=UTC), datetime(2026, 10, 12, tzinfo=UTC),
                      datetime(2026, 11, 3, tzinfo=UTC))  # fmt: skip


@pytest.fixture(scope="module")
def history():
    return SeededHistory(11, projects=3, servers=66, begin=BEGIN, end=END, actions=5, hostile=True)


@pytest.fixture(scope="module")
def site(history, tmp_path_factory):
    with usual_site(tmp_path_factory.mktemp("hostile"), history=history) as made:
        first, second = made.command(MIDDLE), made.command(END)
        made.done = (first, second)
        yield made


def without_flavor(history) -> set[str]:
    return {history.life(number).id for number in range(len(history)) if "flavor" in hostile_row(number)[1]}


def test_the_run_says_how_many_records_are_held_back_and_ends_with_1(site):
    for done in site.done:
        complained(done, 1, "records are held back", "usance status")


def test_all_good_records_go_out_once_a_month_and_all_of_them_are_valid(site, history):
    """Only the project without VO and what nobody knows the flavor of are missing."""
    hold_once(site)
    unmapped = history.site.projects[-1].id
    unsure = without_flavor(history)
    lives = {history.life(number).id: history.life(number) for number in range(len(history))}
    wanted = {
        key: one
        for key, one in truth_of(history, END).items()
        if lives[key[0]].project_id != unmapped and key[0] not in unsure
    }
    published = site.apel()

    assert {key: one.wall_s for key, one in published.months().items() if one.wall_s} == {
        key: one.wall_s for key, one in wanted.items() if one.wall_s
    }
    assert set(published.rows) >= wanted.keys()


def test_each_server_stands_once_for_a_month_in_each_run(site):
    for message in site.messages():
        months = Counter(
            (record["VMUUID"], record.get("EndTime") or record["RecordCreateTime"])
            for record in parse_message(message)
        )
        assert max(months.values()) == 1


def test_names_can_neither_forge_a_record_nor_end_one(site):
    for message in site.messages():
        for record in parse_message(message):
            assert record["SiteName"] == "TEST-Site"
            assert len(record.get("MachineName", "")) <= 255


def test_a_benchmark_that_is_no_number_costs_the_benchmark_only(site, history):
    lives = {history.life(number).id: history.life(number) for number in range(len(history))}
    rows = [
        row.fields
        for row in site.apel().rows.values()
        if {one.flavor.name for one in lives[row.vmuuid].steps if one.flavor} == {"bad.benchmark"}
    ]

    assert rows
    assert all("Benchmark" not in one for one in rows)


def test_status_shows_each_held_back_record_with_its_reason(site, history):
    ends_with, found = status(site)

    assert ends_with == 1
    unmapped = history.site.projects[-1].id
    reasons = {
        one["quarantine"]["record"]["key"]: one["quarantine"]["reason"] for one in found["quarantined"]
    }
    for one in found["quarantined"]:
        server = one["quarantine"]["record"]["resource_id"]
        reason = reasons[one["quarantine"]["record"]["key"]]
        assert ("no VO is mapped" in reason) == (one["project_id"] == unmapped)
        assert ("vcpus: nobody told it" in reason) == (server in without_flavor(history))
    held = {key.split("/")[1] for key in reasons}
    assert held >= {
        one for one in without_flavor(history) if any(key[0] == one for key in truth_of(history, END))
    }
