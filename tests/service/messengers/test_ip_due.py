"""Which days of public addresses are stated again, and that any number of runs leaves what one would."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ip_site import CONTEXT, DEFAULT, Address, IpSite, Named, by_day, kept, truth
from server_timelines import at
from usance.ledger.ledger import Ledger
from usance.messengers.ip_due import IpMaker
from usance.messengers.making import Asked
from usance.messengers.repeating import Repetition, repeated
from usance.model.period import month_of
from usance.records.ip import DAY

USERS = {"s0": "user0", "s1": "user1", "s2": "user0"}
ONE = Address("a", at("2026-10-01 08:00"), None, ((at("2026-10-01 08:00"), "s0"),))


def site() -> IpSite:
    return IpSite(Ledger.open("sqlite://"))


def lines(records: list[dict]) -> list[str]:
    """Return records as a ledger: when, version, whose, how many."""
    return [
        f"{datetime.fromtimestamp(one['MeasurementTime'], UTC):%m-%d %H:%M:%S} v{one['IPVersion']}"
        f" {one['LocalUser']} {one['IPCount']}"
        for one in records
    ]


def run(mine: IpSite, when: str, addresses: list[Address], until: str | None = None, **more) -> list[str]:
    """Look and stage; return what is told anew."""
    before = len(mine.told())
    mine.look(at(when), addresses)
    mine.stage(at(until or when), **more)
    return lines(mine.told()[before:])


def test_day_under_way_is_measured_at_the_end_of_the_period_and_for_good_once_it_is_over():
    mine = site()
    mine.servers(USERS, at("2026-09-01"))

    assert run(mine, "2026-10-03 12:00", [ONE]) == ["10-03 12:00:00 v4 user0 1"]
    assert run(mine, "2026-10-03 13:00", [ONE]) == []
    assert run(mine, "2026-10-05 01:00", [ONE]) == [
        "10-03 23:59:59 v4 user0 1",
        "10-04 23:59:59 v4 user0 1",
        "10-05 01:00:00 v4 user0 1",
    ]
    assert run(mine, "2026-10-05 02:00", [ONE]) == []


def test_nothing_is_stated_of_days_before_the_first_look_not_even_if_asked_for():
    mine = site()

    assert run(mine, "2026-10-03 12:00", [ONE], since=at("2026-10-01")) == ["10-03 12:00:00 v4 accounting 1"]


def test_period_that_ends_at_midnight_measures_the_last_second_of_the_day_before():
    mine = site()
    run(mine, "2026-10-03 12:00", [ONE])

    assert run(mine, "2026-10-04 00:00", [ONE]) == ["10-03 23:59:59 v4 accounting 1"]
    assert run(mine, "2026-10-04 00:01", [ONE]) == ["10-04 00:01:00 v4 accounting 1"]


def test_address_that_went_leaves_one_record_of_zero():
    mine = site()
    gone = msgspec.structs.replace(ONE, deleted=at("2026-10-04 08:00"))
    run(mine, "2026-10-03 12:00", [gone])

    assert run(mine, "2026-10-04 12:00", [gone]) == [
        "10-03 23:59:59 v4 accounting 1",
        "10-04 12:00:00 v4 accounting 1",
    ]
    assert run(mine, "2026-10-04 13:00", [gone]) == ["10-04 13:00:00 v4 accounting 0"]
    assert run(mine, "2026-10-07 12:00", [gone]) == ["10-04 23:59:59 v4 accounting 0"]


def test_late_fact_states_its_days_anew_and_the_last_of_the_month_after_them():
    """The receiver keeps the record of a month that it loaded last."""
    mine = site()
    other = Address("b", at("2026-10-05 08:00"), at("2026-10-07 08:00"), ((at("2026-10-05 08:00"), ""),))
    for day in range(3, 10):
        run(mine, f"2026-10-{day:02} 12:00", [ONE])
    before = len(mine.told())

    mine.tell([other])
    mine.stage(at("2026-10-09 12:30"))

    assert lines(mine.told()[before:]) == [
        "10-05 23:59:59 v4 accounting 2",
        "10-06 23:59:59 v4 accounting 2",
        "10-09 12:30:00 v4 accounting 1",
    ]


def test_user_of_a_server_that_is_heard_of_late_gets_what_others_were_said_to_have():
    mine = site()
    run(mine, "2026-10-03 12:00", [ONE])
    run(mine, "2026-10-04 12:00", [ONE])
    before = len(mine.told())

    mine.servers(USERS, at("2026-10-01"))
    mine.stage(at("2026-10-04 13:00"))

    assert sorted(lines(mine.told()[before:])) == [
        "10-03 23:59:59 v4 accounting 0",
        "10-03 23:59:59 v4 user0 1",
        "10-04 13:00:00 v4 accounting 0",
        "10-04 13:00:00 v4 user0 1",
    ]


def test_several_addresses_of_both_versions_count_for_each_version():
    mine = site()
    both = msgspec.structs.replace(ONE, addresses="192.0.2.1 192.0.2.2 2001:db8::1")

    assert run(mine, "2026-10-03 12:00", [both]) == [
        "10-03 12:00:00 v4 accounting 2",
        "10-03 12:00:00 v6 accounting 1",
    ]


def test_addresses_of_nobody_are_held_back_until_somebody_is_configured():
    mine = site()
    nobody = msgspec.structs.replace(CONTEXT, default_user_id=None)
    mine.look(at("2026-10-03 12:00"), [ONE])

    held = mine.stage(at("2026-10-03 12:00"), context=nobody)
    mine.look(at("2026-10-05 12:00"), [ONE])
    again = mine.stage(at("2026-10-05 12:00"), context=nobody)
    [reason, *_] = [one.quarantine.reason for one in mine.ledger.quarantined("project1", "region1", "many")]
    mine.look(at("2026-10-06 12:00"), [ONE])
    good = mine.stage(at("2026-10-06 12:00"))

    assert (held.records, held.quarantined) == (0, 1)
    assert (again.records, again.quarantined) == (0, 3)
    assert "[neutron] default_user" in reason
    assert (good.records, good.quarantined) == (4, 0)
    assert mine.ledger.quarantined("project1", "region1", "many") == []


def test_run_into_the_past_states_nothing_older_than_was_stated():
    mine = site()
    run(mine, "2026-10-03 12:00", [ONE])
    run(mine, "2026-10-06 12:00", [ONE])

    assert run(mine, "2026-10-06 13:00", [ONE], until="2026-10-04", since=at("2026-10-01")) == []


def test_change_that_a_run_into_the_past_finds_is_stated_up_to_what_was_stated():
    mine = site()
    run(mine, "2026-10-03 12:00", [ONE])
    run(mine, "2026-10-06 12:00", [ONE])
    other = Address("b", at("2026-10-04 08:00"), None, ((at("2026-10-04 08:00"), ""),))

    told = run(mine, "2026-10-06 13:00", [ONE, other], until="2026-10-05", since=at("2026-10-01"))

    assert told[-1] == "10-06 12:00:00 v4 accounting 2"


DAYS = 45
BEGIN = at("2026-09-20")
moments = st.integers(0, DAYS * 86400 // 60 - 1).map(
    lambda minute: BEGIN + timedelta(minutes=minute, seconds=17)
)


@st.composite
def addresses(draw, one_id: str) -> Address:
    """Return a life of an address: when it began, ended, and where it led."""
    instants = sorted(draw(st.sets(moments, min_size=2, max_size=4)))
    servers = draw(st.lists(st.sampled_from(["", *USERS]), min_size=len(instants), max_size=len(instants)))
    ends = draw(st.booleans())
    known = instants[:-1] if ends else instants
    return Address(
        one_id,
        instants[0],
        instants[-1] if ends else None,
        tuple(zip(known, servers, strict=False)),
        draw(st.sampled_from(["192.0.2.1", "2001:db8::1", "192.0.2.1 2001:db8::1", ""])),
    )


@st.composite
def histories(draw):
    """Return addresses, runs, and with which run the exact facts about each address and the servers come."""
    lives = [draw(addresses(f"a{number}")) for number in range(draw(st.integers(1, 4)))]
    runs = sorted(draw(st.sets(moments, min_size=1, max_size=7)))
    heard = [draw(st.integers(0, len(runs))) for _ in lives]
    return lives, runs, heard, draw(st.integers(0, len(runs)))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(histories())
@pytest.mark.no_cover
def test_any_number_of_runs_at_any_times_leaves_what_one_run_would_and_that_is_the_truth(history):
    lives, runs, heard, servers_heard = history
    mine = site()
    end = BEGIN + timedelta(days=DAYS, hours=6)
    for number, instant in enumerate(runs):
        mine.look(instant, lives)
        mine.tell([one for one, when in zip(lives, heard, strict=True) if when == number])
        if servers_heard == number:
            mine.servers(USERS, BEGIN - DAY)
        mine.stage(instant)

    mine.look(end, lives)
    mine.tell(lives)
    mine.servers(USERS, BEGIN - DAY)
    mine.stage(end)
    mine.stage(end, "once")

    many, once = mine.told("many"), mine.told("once")
    assert by_day(many) == by_day(once)
    assert kept(many) == kept(once)
    real: Counter[tuple[str, int, str]] = Counter()
    day = runs[0].replace(hour=0, minute=0, second=0)
    while day < end:
        for (version, user), count in truth(lives, USERS, min(day + DAY - timedelta(seconds=1), end)).items():
            real[f"{day:%Y-%m-%d}", version, user] = count
        day += DAY
    assert {key: count for key, (_, count) in by_day(many).items()} == dict(real)
    assert DEFAULT not in USERS.values()


def test_month_that_is_stated_again_has_all_its_days_as_they_are_known_now():
    mine = site()
    early = Address("a", at("2026-09-28 08:00"), None, ((at("2026-09-28 08:00"), ""),))
    run(mine, "2026-09-29 12:00", [early])
    lived = Address("b", at("2026-09-30 08:00"), None, ((at("2026-09-30 08:00"), ""),))
    run(mine, "2026-10-03 12:00", [early, lived])
    september = Repetition(
        "project1", "region1", CONTEXT, at("2026-10-03 12:00"), months=(month_of(at("2026-09-30")),)
    )

    again = [one.text for one in repeated(mine.ledger, Named("many"), september)]

    assert lines([json.loads(one) for one in again]) == [
        "09-29 23:59:59 v4 accounting 1",
        "09-30 23:59:59 v4 accounting 2",
    ]


def late(mine):
    """Tell of an address that came and went early in a month of which later days were stated."""
    mine.tell([Address("b", at("2026-10-05 08:00"), at("2026-10-07 08:00"), ((at("2026-10-05 08:00"), ""),))])


def days_with_one_address():
    mine = site()
    mine.servers(USERS, at("2026-09-01"))
    owned = Address("c", at("2026-10-08 08:00"), None, ((at("2026-10-08 08:00"), ""),))
    for day in range(3, 11):
        run(mine, f"2026-10-{day:02} 12:00", [ONE, owned] if day > 7 else [ONE])
    return mine


def test_a_staging_that_is_cut_off_anywhere_still_has_the_last_word_of_the_month():
    """What was staged before a kill is no news afterwards; the last word is with what it corrects."""
    undisturbed, until = days_with_one_address(), at("2026-10-10 12:30")
    late(undisturbed)
    undisturbed.stage(until)
    asked = Asked(undisturbed.ledger, "project1", "region1", "other", CONTEXT, until=until, watermark=1)
    steps = len(list(IpMaker().due(asked)))

    for cut in range(steps):
        mine = days_with_one_address()
        late(mine)
        mine.stage_part(until, cut)
        mine.stage(until)
        assert kept(mine.told()) == kept(undisturbed.told()), f"killed after {cut} of {steps} steps"


def test_what_was_said_is_repeated_in_an_order_that_leaves_the_same():
    mine = days_with_one_address()
    late(mine)
    mine.stage(at("2026-10-10 12:30"))
    october = Repetition(
        "project1",
        "region1",
        CONTEXT,
        at("2026-10-10 12:30"),
        months=(month_of(at("2026-10-01")),),
        as_of=datetime.now(UTC),
    )

    again = [json.loads(one.text) for one in repeated(mine.ledger, Named("many"), october)]

    assert kept(again) == kept(mine.told())
    assert by_day(again) == by_day(mine.told())


def test_a_messenger_that_is_told_whole_days_gets_on():
    """The day under way is beyond what it is told; what is known of it does not hold up the days before."""
    mine, daily = site(), Daily("daily")
    mine.servers(USERS, at("2026-09-01"))
    lives = [ONE, msgspec.structs.replace(ONE, id="b", deleted=at("2026-10-05 08:00"))]
    for day in range(3, 9):
        for hour in ("00:10", "12:00", "23:50"):
            now = at(f"2026-10-{day:02} {hour}")
            mine.look(now, lives)
            mine.stage(now, messenger=daily)
            if day > 3:
                before = mine.ledger.messenger_watermark("project1", "region1", "daily", "ip")
                assert before == mine.ledger.revision("project1", "region1")

    assert lines(mine.told("daily")) == [
        "10-03 23:59:59 v4 user0 2",
        "10-04 23:59:59 v4 user0 2",
        "10-05 23:59:59 v4 user0 1",
        "10-06 23:59:59 v4 user0 1",
        "10-07 23:59:59 v4 user0 1",
    ]


def test_a_look_after_midnight_leaves_the_day_before_to_be_measured_for_good():
    """A run that began before midnight and looked after it."""
    mine = site()
    mine.servers(USERS, at("2026-09-01"))
    run(mine, "2026-10-03 12:00", [ONE])

    assert run(mine, "2026-10-05 00:00", [ONE], until="2026-10-04 23:59:50") == [
        "10-03 23:59:59 v4 user0 1",
        "10-04 23:59:50 v4 user0 1",
    ]
    assert run(mine, "2026-10-05 12:00", [ONE]) == [
        "10-04 23:59:59 v4 user0 1",
        "10-05 12:00:00 v4 user0 1",
    ]


class Daily(Named):
    """A messenger that is told whole days."""

    def counted_until(self, until):
        """Return the midnight before."""
        return until.replace(hour=0, minute=0, second=0, microsecond=0)


def test_the_days_are_the_same_on_either_engine(ledger):
    mine = IpSite(ledger)
    mine.servers(USERS, at("2026-09-01"))
    gone = msgspec.structs.replace(ONE, deleted=at("2026-10-04 08:00"))
    run(mine, "2026-10-03 12:00", [gone])

    assert run(mine, "2026-10-05 12:00", [gone]) == [
        "10-03 23:59:59 v4 user0 1",
        "10-04 23:59:59 v4 user0 1",
        "10-05 12:00:00 v4 user0 1",
    ]
