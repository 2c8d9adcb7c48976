"""The truth, held against examples worked out by hand."""

from datetime import UTC, datetime

import pytest

from usance.demo import truth
from usance.demo.history import SeededHistory, WrittenHistory, microseconds
from usance.demo.script import scripted
from usance.demo.site import standard_site
from usance.demo.truth import Amount

SITE = standard_site(projects=2)
HOUR = 3600
DAY = 24 * HOUR


def at(text: str) -> int:
    return microseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


def used(script: str, until: str = "2027-01-01", **options) -> dict[tuple[int, int], Amount]:
    return truth.of_server(scripted(SITE, "web", script), at(until), **options)


def test_running_server_counts_from_its_creation_and_not_from_its_launch():
    october = used("2026-10-01 10:00:00 +90 create m1.large", "2026-10-01 12:00:00")

    assert october == {(2026, 10): Amount(elapsed_s=7200, suspended_s=0, wall_s=7200, vcpu_s=28800)}


def test_stopped_and_paused_time_is_wall_and_suspended_time_is_not():
    script = """
        2026-10-01 00:00:00      create m1.medium
        2026-10-01 01:00:00      stop
        2026-10-01 02:00:00      start
        2026-10-01 03:00:00      pause
        2026-10-01 04:00:00      unpause
        2026-10-01 05:00:00 +10  suspend
        2026-10-01 07:00:00 +20  resume
        2026-10-01 08:00:00      delete
    """

    # From 05:00:10 to 07:00:20 it is suspended: 7210 s of 28800; the rest runs on 2 vCPUs.
    assert used(script) == {(2026, 10): Amount(28800, 7210, 21590, 43180)}


def test_shelved_server_is_suspended_whether_it_is_offloaded_or_not():
    script = """
        2026-10-01 00:00:00  create m1.tiny
        2026-10-01 01:00:00  shelve
        2026-10-01 02:00:00  shelveOffload
        2026-10-01 04:00:00  unshelve
        2026-10-01 05:00:00  shelve offload
        2026-10-01 06:00:00  delete
    """

    assert used(script) == {(2026, 10): Amount(6 * HOUR, 4 * HOUR, 2 * HOUR, 2 * HOUR)}


def test_the_caller_says_which_states_are_suspended():
    script = """
        2026-10-01 00:00:00  create m1.tiny
        2026-10-01 01:00:00  stop
        2026-10-01 03:00:00  suspend
        2026-10-01 04:00:00  delete
    """

    assert used(script, suspended=frozenset()) == {(2026, 10): Amount(4 * HOUR, 0, 4 * HOUR, 4 * HOUR)}
    assert used(script, suspended=frozenset({"stopped"})) == {
        (2026, 10): Amount(4 * HOUR, 2 * HOUR, 2 * HOUR, 2 * HOUR)
    }


def test_new_flavor_counts_from_the_end_of_the_resize_before_it_is_confirmed():
    script = """
        2026-10-01 00:00:00       create m1.tiny
        2026-10-01 01:00:00 +600  resize m1.xlarge
        2026-10-01 03:00:00 +5    confirmResize
        2026-10-01 04:00:00       delete
    """

    # 1 vCPU until 01:10, then 8 of them for 2 h 50 min.
    assert used(script) == {(2026, 10): Amount(14400, 0, 14400, 4200 + 8 * 10200)}


def test_reverted_resize_gives_the_old_flavor_back_at_the_end_of_the_revert():
    script = """
        2026-10-01 00:00:00       create m1.medium
        2026-10-01 01:00:00       resize m1.xlarge
        2026-10-01 02:00:00 +300  revertResize
        2026-10-01 03:00:00       delete
    """

    # 2 vCPUs for an hour, 8 for 65 minutes, 2 for the 55 that are left.
    assert used(script) == {(2026, 10): Amount(10800, 0, 10800, 2 * 3600 + 8 * 3900 + 2 * 3300)}


def test_failed_actions_change_nothing():
    script = """
        2026-10-01 00:00:00      create m1.tiny
        2026-10-01 01:00:00 +60  resize m1.xlarge failed
        2026-10-01 02:00:00 +60  suspend failed
        2026-10-01 03:00:00      delete
    """

    assert used(script) == {(2026, 10): Amount(10800, 0, 10800, 10800)}


def test_instants_are_cut_to_seconds_before_they_are_subtracted():
    script = """
        2026-10-01 00:00:00.900000 +0.05  create m1.tiny
        2026-10-01 00:00:10.100000        suspend
        2026-10-01 00:00:20.999999        delete
    """

    # 0 to 10, and 10 to 20: 20 s, although 20.099999 s went by.
    assert used(script) == {(2026, 10): Amount(20, 10, 10, 10)}


def test_two_changes_in_one_second_leave_nothing_of_the_state_between_them():
    script = """
        2026-10-01 00:00:00.0  create m1.tiny
        2026-10-01 00:00:10.2  suspend
        2026-10-01 00:00:10.8  resume
        2026-10-01 00:00:30.0  delete
    """

    assert used(script) == {(2026, 10): Amount(30, 0, 30, 30)}


def test_usage_is_cut_at_the_beginning_of_each_month():
    script = """
        2026-11-30 23:00:00  create m1.medium
        2026-12-31 22:00:00  suspend
        2027-01-01 02:00:00  delete
    """

    assert used(script, "2027-02-01") == {
        (2026, 11): Amount(1 * HOUR, 0, 1 * HOUR, 2 * HOUR),
        (2026, 12): Amount(31 * DAY, 2 * HOUR, 31 * DAY - 2 * HOUR, 2 * (31 * DAY - 2 * HOUR)),
        (2027, 1): Amount(2 * HOUR, 2 * HOUR, 0, 0),
    }


def test_server_that_never_launched_counts_nothing():
    script = """
        2026-10-01 00:00:00 +30  create m1.tiny failed
        2026-10-02 00:00:00      delete
    """

    assert used(script) == {}


def test_server_that_is_still_being_built_counts_nothing_yet():
    script = "2026-10-01 00:00:00 +30 create m1.tiny"

    assert used(script, "2026-10-01 00:00:29") == {}
    assert used(script, "2026-10-01 00:00:30") == {(2026, 10): Amount(30, 0, 30, 30)}


def test_soft_deleted_server_lives_until_its_real_deletion():
    script = """
        2026-10-01 00:00:00  create m1.tiny
        2026-10-01 01:00:00  soft-delete
        2026-10-01 02:00:00  restore
        2026-10-01 03:00:00  soft-delete
        2026-10-01 05:00:00  reclaim
    """

    assert used(script) == {(2026, 10): Amount(5 * HOUR, 0, 5 * HOUR, 5 * HOUR)}


@pytest.mark.parametrize("end", ["delete", "half-delete"])
def test_deletion_counts_from_the_end_of_its_action(end):
    script = f"""
        2026-10-01 00:00:00      create m1.tiny
        2026-10-01 01:00:00 +25  {end}
        2026-10-15 00:00:00      purge
    """

    assert used(script) == {(2026, 10): Amount(3625, 0, 3625, 3625)}


def test_state_that_changes_without_an_action_counts_too():
    script = """
        2026-10-01 00:00:00  create m1.tiny
        2026-10-01 01:00:00  become suspended
        2026-10-01 02:00:00  delete
    """

    assert used(script) == {(2026, 10): Amount(7200, 3600, 3600, 3600)}


def test_projects_are_summed_over_their_servers():
    script = """
        2026-10-01 00:00:00  create m1.medium
        2026-10-01 01:00:00  delete
    """
    lives = [scripted(SITE, name, script, project=number) for name, number in (("a", 0), ("b", 0), ("c", 1))]

    totals = truth.of_projects(WrittenHistory(SITE, lives), at("2026-11-01"))

    assert totals == {
        SITE.projects[0].id: {(2026, 10): Amount(7200, 0, 7200, 14400)},
        SITE.projects[1].id: {(2026, 10): Amount(3600, 0, 3600, 7200)},
    }


def test_wall_and_suspended_time_add_up_to_the_elapsed_time_in_random_lives():
    history = SeededHistory(
        7,
        servers=200,
        begin=datetime(2026, 8, 1, tzinfo=UTC),
        end=datetime(2026, 11, 1, tzinfo=UTC),
        undated=True,
    )
    until_us = at("2026-11-01")

    for number in range(len(history)):
        life = history.life(number)
        months = truth.of_server(life, until_us)
        elapsed = sum(month.elapsed_s for month in months.values())
        assert elapsed == sum(month.wall_s + month.suspended_s for month in months.values())
        if months:
            end_s = min(life.deleted_us, until_us) // 1_000_000
            assert elapsed == end_s - life.created_us // 1_000_000


def test_truth_is_what_counting_second_by_second_gives():
    begin, end = datetime(2026, 9, 30, 20, tzinfo=UTC), datetime(2026, 10, 1, 3, tzinfo=UTC)
    history = SeededHistory(5, servers=15, begin=begin, end=end, actions=10, undated=True)
    until_us = microseconds(end)

    for life in map(history.life, range(15)):
        counted = [0, 0, 0]
        last_s = min(life.deleted_us, until_us) // 1_000_000
        if truth.launched(life, until_us):
            for second in range(life.created_us // 1_000_000, last_s):
                state, flavor = "building", life.flavor
                for step in life.steps:
                    if step.end_us // 1_000_000 <= second:
                        state, flavor = step.state, step.flavor
                suspended = state in truth.SUSPENDED
                counted[0] += 1
                counted[1] += suspended
                counted[2] += 0 if suspended else flavor.vcpus

        months = truth.of_server(life, until_us).values()

        assert counted == [
            sum(month.elapsed_s for month in months),
            sum(month.suspended_s for month in months),
            sum(month.vcpu_s for month in months),
        ]
