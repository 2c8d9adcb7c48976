"""What push told is held against what a service tells when it is asked."""

from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server_timelines import at
from two_sides import CLOUD, asked, events, resource_of, without
from usance.demo.history import SeededHistory
from usance.demo.script import scripted
from usance.demo.site import standard_site
from usance.model.observation import DeletionQuality, Look, Observation, Scope, Verb
from usance.model.period import EPOCH, SECOND, Period
from usance.model.resource import STATE, Resource
from usance.model.timeline import timeline
from usance.reconcile.account import Account, Side, side_of
from usance.reconcile.comparing import Difference, lacking, unheard
from usance.reconcile.gaps import APART, gaps

SITE = standard_site(projects=1)
NOW = at("2026-10-20 12:00")
PERIOD = Period(EPOCH, NOW)
LIFE = """
    2026-10-01 10:00:00.25  +12.5  create m1.small
    2026-10-03 09:00:00     +40    resize m1.large
    2026-10-03 10:00:00     +1     confirmResize
    2026-10-05 08:00:00.7   +3     stop
    2026-10-06 08:00:00     +3     start
    2026-10-09 00:00:00     +8     delete
"""


CREATED, BUILT, RESIZED, CONFIRMED, STOPPED, STARTED, DELETED = range(7)


def account(
    script: str = LIFE, *, lost: tuple[int, ...] = (), pulled: bool = True, now: datetime = NOW
) -> Account:
    """Return what is said of a server: push told all but the events of these numbers, from 0."""
    life = scripted(SITE, "web", script)
    told = events(life, now)
    heard = without(told, [told[number] for number in lost])
    fresh, look = asked(life, now) if pulled else ([], None)
    return Account(resource_of(life), heard, fresh=fresh, fresh_looks=[look] if look else [])


def said(found: list[Difference]) -> list[tuple]:
    return [(one.what, f"{one.start:%d %H:%M:%S}", one.push, one.pull) for one in found]


def repaired(one: Account) -> Account:
    """Return what is said once the ledger has what the look told, and Nova is asked again."""
    return Account(one.resource, one.said, one._all_looks)


def test_two_complete_accounts_of_one_life_differ_in_nothing():
    assert lacking(account(), PERIOD) == []


def test_lost_stop_is_found_with_what_each_side_says():
    [found] = lacking(account(lost=(STOPPED,)), PERIOD)

    assert (found.what, found.ledger, found.push, found.pull) == ("state", "active", "active", "stopped")
    assert found.start == at("2026-10-05 08:00:03")
    assert found.end == at("2026-10-06 08:00:03")
    assert found.apart_s == 86400
    assert found.lacking is Side.PUSH
    assert found.not_before is None


def test_lost_deletion_is_found():
    """A server that push thinks alive is charged for ever."""
    assert said(lacking(account(lost=(DELETED,)), PERIOD)) == [
        ("end", "09 00:00:08", "lives", "2026-10-09T00:00:08Z")
    ]


def test_lost_resize_is_found_by_its_state_and_its_flavor_once():
    """The size of the flavor is not told beside its name; the confirmation told the flavor again."""
    found = lacking(account(lost=(RESIZED,)), PERIOD)

    assert {one.what for one in found} == {"state"}
    found = lacking(account(lost=(RESIZED, CONFIRMED, STOPPED, STARTED, DELETED)), PERIOD)
    assert [one.what for one in found] == ["flavor", "state", "state", "end"]


def test_server_of_which_push_heard_nothing_is_missing():
    [found] = lacking(account(lost=tuple(range(7))), PERIOD)

    assert (found.what, found.push) == ("missing", None)
    assert found.pull == "2026-10-01T10:00:00Z to 2026-10-09T00:00:08Z"


def test_creation_that_was_lost_is_no_loss_where_later_events_tell_it():
    """Each event carries created_at; the time of the building is lost, and that is found."""
    found = lacking(account(lost=(CREATED, BUILT)), PERIOD)

    assert [one.what for one in found] == ["state", "state"]
    assert [(one.ledger, one.pull) for one in found] == [
        ("resized", "building"),
        ("resized", "active"),
    ] or found


def test_what_is_repaired_differs_in_nothing():
    for lost in [(CREATED,), (STOPPED,), (DELETED,), (BUILT, RESIZED), tuple(range(7))]:
        broken = account(lost=lost)
        assert lacking(repaired(broken), PERIOD) == []


def test_what_the_ledger_has_from_pull_push_has_not_told_nevertheless():
    [found] = unheard(repaired(account(lost=(STOPPED,))), PERIOD)

    assert found.in_ledger
    assert (found.what, found.ledger, found.push, found.pull) == ("state", "stopped", "active", "stopped")


@pytest.mark.parametrize(
    ("start", "end"), [("2026-10-07", "2026-10-20"), ("2026-09-01", "2026-10-05 08:00:02")]
)
def test_difference_outside_the_period_is_none(start, end):
    assert lacking(account(lost=(STOPPED,)), Period(at(start), at(end))) == []


def test_difference_that_reaches_into_the_period_is_one():
    period = Period(at("2026-10-06"), at("2026-10-07"))

    assert [one.what for one in lacking(account(lost=(STOPPED,)), period)] == ["state"]


def test_change_that_pull_cannot_date_lies_between_two_looks():
    """Cinder tells no time of an extension: it has the end of the look, or is as old as the last."""
    volume = Resource("project1", CLOUD, "volume", "data")
    created = Observation(
        volume, Verb.CREATED, at("2026-10-01"), "cinder-notifications",
        accounted={"size_gib": 10}, created_at=at("2026-10-01"),
    )  # fmt: skip
    seen = Observation(
        volume, Verb.SEEN, NOW, "cinder-volumes", begin=NOW - timedelta(seconds=2), accounted={"size_gib": 20}
    )

    [found] = lacking(Account(volume, [created], fresh=[seen]), PERIOD)

    assert (found.what, found.push, found.pull) == ("size_gib", 10, 20)
    assert (found.not_before, found.start) == (at("2026-10-01"), NOW)


def test_event_inside_the_doubt_of_two_looks_is_no_difference():
    """Push dates what pull only saw: nothing is lacking."""
    volume = Resource("project1", CLOUD, "volume", "data")
    common = {"source": "cinder-notifications", "created_at": at("2026-10-01")}
    told = [
        Observation(volume, Verb.CREATED, at("2026-10-01"), accounted={"size_gib": 10}, **common),
        Observation(volume, Verb.CHANGED, at("2026-10-07 08:00:01.5"), accounted={"size_gib": 20}, **common),
    ]
    looks = [
        Observation(volume, Verb.SEEN, moment, "cinder-volumes", begin=moment, accounted={"size_gib": size})
        for moment, size in ((at("2026-10-05"), 10), (NOW, 20))
    ]

    assert lacking(Account(volume, told, fresh=looks), PERIOD) == []


def test_resource_that_a_complete_look_does_not_show_has_ended():
    """Cinder tells nothing of what is deleted: its absence is what tells."""
    volume = Resource("project1", CLOUD, "volume", "data")
    created = Observation(
        volume, Verb.CREATED, at("2026-10-01"), "cinder-notifications", created_at=at("2026-10-01")
    )
    look = Look("project1", CLOUD, "cinder-volumes", "volume", Scope.FULL, begin=NOW, end=NOW)

    [found] = lacking(Account(volume, [created], fresh_looks=[look]), PERIOD)

    assert (found.what, found.push, found.pull) == ("end", "lives", None)
    assert found.not_before == at("2026-10-01")


def test_attribute_that_push_never_tells_is_no_difference():
    """Legacy notifications have no flavor properties, so none of them knows a benchmark."""
    server = Resource("project1", CLOUD, "server", "web")
    common = {"created_at": at("2026-10-01"), "created_resolution_us": 0}
    told = Observation(
        server, Verb.CREATED, at("2026-10-01"), "nova-notifications", accounted={STATE: "active"}, **common
    )
    seen = Observation(
        server,
        Verb.SEEN,
        NOW,
        "nova",
        begin=NOW,
        accounted={STATE: "active", "benchmark_value": "9"},
        **common,
    )

    assert lacking(Account(server, [told], fresh=[seen]), PERIOD) == []


def test_creation_that_both_date_differently_is_told_until_the_ledger_has_heard_both():
    server = Resource("project1", CLOUD, "server", "web")
    told = Observation(
        server, Verb.CREATED, at("2026-10-01 10:00:07"), "api",
        accounted={STATE: "active"}, created_at=at("2026-10-01 10:00:07"),
    )  # fmt: skip
    seen = Observation(
        server, Verb.SEEN, NOW, "nova", begin=NOW, accounted={STATE: "active"},
        created_at=at("2026-10-01 10:00:00"), created_resolution_us=1_000_000,
    )  # fmt: skip

    [found] = lacking(Account(server, [told], fresh=[seen]), PERIOD)

    assert (found.what, found.apart_s, found.lacking) == ("begin", 7, Side.PULL)
    assert lacking(Account(server, [told, seen], fresh=[msgspec.structs.replace(seen, at=NOW)]), PERIOD) == []


def test_an_action_and_an_event_of_one_request_are_one_deletion():
    """The event times it, however late the row was saved."""
    server = Resource("project1", CLOUD, "server", "web")
    created = {"created_at": at("2026-10-01")}
    told = [
        Observation(server, Verb.CREATED, at("2026-10-01"), "nova-notifications", **created),
        Observation(
            server, Verb.DELETED, at("2026-10-02"), "nova-notifications",
            occurrence="req-1", quality=DeletionQuality.TERMINATED_AT,
        ),
    ]  # fmt: skip
    asked_for = [
        Observation(
            server, Verb.DELETED, at("2026-10-02 00:00:30"), "nova", resolution_us=1_000_000,
            occurrence="req-1", quality=DeletionQuality.ACTION, **created,
        ),
    ]  # fmt: skip

    assert lacking(Account(server, told, fresh=asked_for), PERIOD) == []
    other = [msgspec.structs.replace(asked_for[0], occurrence="req-2")]
    assert [one.what for one in lacking(Account(server, told, fresh=other), PERIOD)] == ["end"]


def test_audit_of_what_push_never_heard_of_is_in_the_ledger_and_was_not_heard():
    server = Resource("project1", CLOUD, "server", "web")
    exists = Observation(
        server, Verb.SEEN, at("2026-10-02 01:00"), "nova-audit", begin=at("2026-10-02"),
        accounted={STATE: "active"}, created_at=at("2026-10-01"),
    )  # fmt: skip
    one = Account(server, [exists])

    assert lacking(one, PERIOD) == []
    [found] = unheard(one, PERIOD)
    assert (found.what, found.push, found.audit) == ("missing", None, "2026-10-01T00:00:00Z, lives")


def test_what_goes_on_since_before_anybody_listened_is_not_unheard():
    server = Resource("project1", CLOUD, "server", "web")
    seen = Observation(
        server, Verb.SEEN, at("2026-10-02"), "nova", begin=at("2026-10-02"),
        accounted={STATE: "active"}, created_at=at("2026-09-01"), launched=True,
    )  # fmt: skip

    assert unheard(Account(server, [seen]), Period(at("2026-10-05"), NOW)) == []


@pytest.mark.parametrize(
    ("source", "side"),
    [("nova-notifications", "push"), ("api", "push"), ("almanach-import", "push"),
     ("nova-audit", "audit"), ("nova", "pull"), ("neutron-floating-ips", "pull"), ("cinder-volumes", "pull"),
     ("gnocchi", "pull")],
)  # fmt: skip
def test_side_follows_from_the_name_of_the_source(source, side):
    assert side_of(source) == side


def test_server_of_which_only_the_end_was_heard_lacks_its_states():
    found = lacking(account(lost=tuple(range(6))), PERIOD)

    assert {one.what for one in found} == {"state", "flavor"}
    assert {(one.ledger, one.push) for one in found} == {(None, None)}


# --- random lives ----------------------------------------------------------------------------

TOLD_BY_ACTIONS = {"missing", "end", "state"}
BEGIN, END = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
ASKED = END + timedelta(hours=1)


def lives(seed: int):
    history = SeededHistory(seed, projects=1, servers=4, begin=BEGIN, end=END, actions=8)
    return [history.life(number) for number in range(len(history))]


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_whatever_happens_two_complete_accounts_differ_in_nothing(seed):
    for life in lives(seed):
        fresh, look = asked(life, ASKED)
        one = Account(resource_of(life), events(life, ASKED), fresh=fresh, fresh_looks=[look])

        assert lacking(one, Period(EPOCH, ASKED)) == []


@settings(max_examples=60)
@given(st.integers(0, 10**6))
def test_of_lost_events_exactly_what_makes_a_difference_is_found_and_repaired(seed):
    """What differs is worked out from the events alone: the life with all of them, and without the lost."""
    random = Random(seed)
    for life in lives(seed):
        if life.steps[0].failed:
            continue  # once such a server is deleted, nothing tells that it was in error
        told = events(life, ASKED)
        share = random.choice((0.1, 0.5))
        heard = [one for one in told if random.random() > share]
        fresh, look = asked(life, ASKED)
        one = Account(resource_of(life), heard, fresh=fresh, fresh_looks=[look])

        found = {gap.what for gap in lacking(one, Period(EPOCH, ASKED))} & TOLD_BY_ACTIONS

        # Nova's rows have whole seconds, so that what lasts for about 2 s may be found or not.
        assert lost(heard, told, APART + SECOND) <= found <= lost(heard, told, APART - SECOND)
        assert lacking(repaired(one), Period(EPOCH, ASKED)) == []
        again, later = asked(life, ASKED + timedelta(hours=1))
        after = Account(one.resource, one.said, [look], fresh=again, fresh_looks=[later])
        assert lacking(after, Period(EPOCH, ASKED + timedelta(hours=1))) == []


def lost(heard: list[Observation], told: list[Observation], least: timedelta) -> set[str]:
    """Return what of a life was lost for longer than some time."""
    return {
        gap.what
        for gap in gaps(timeline(heard), timeline(told), expected={"state"})
        if gap.what in TOLD_BY_ACTIONS and (gap.end is None or gap.end - gap.start > least)
    }
