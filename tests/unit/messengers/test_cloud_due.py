"""Which records are made again, and that any number of runs leaves APEL as one run would."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from apel_arithmetic import ApelDatabase, parse_record
from server_timelines import SERVER_ID, at, server
from usance.ledger.values import Changed, StagedRecord
from usance.messengers.cloud_due import due_records
from usance.model.period import Period
from usance.model.usage import usage
from usance.records.cloud import record_key
from usance.records.cloud_v04 import CloudV04
from usance.records.context import RecordContext
from usance.records.validate_cloud import cloud_findings

SUSPENDED = frozenset({"suspended"})
CONTEXT = RecordContext("TEST-Site", "cloud.test.org", "vo.example.org", suspended_states=SUSPENDED)
FORM = CloudV04()


class Outbox:
    """What one messenger was told of one server, and what APEL made of it."""

    def __init__(self):
        self.staged = {}
        self.apel = ApelDatabase()
        self.made = []

    def run(self, timeline, until, *, changed_from=None, context=CONTEXT, since=None, waiting=()):
        """Stage and deliver what is due; return the months told."""
        changed = Changed(timeline, 1, changed_from)
        records = list(due_records(changed, self.staged, until, context, since=since, waiting=waiting))
        for record in records:
            text = FORM.render(record)
            assert cloud_findings(record, text) == []
            self.apel.replace(parse_record(text))
            self.staged[record.key] = StagedRecord(record.digest, record.created_at)
        return [f"{record.month:%m}" for record in records]

    def months(self):
        return {f"{month:02}": (one.wall_s, one.cpu_s) for (_, _, month), one in self.apel.months().items()}


def test_the_first_run_tells_every_month_and_the_next_one_only_the_last():
    outbox = Outbox()
    timeline = server(("2026-07-30", {}))

    assert outbox.run(timeline, at("2026-10-05"), changed_from=at("2026-07-30")) == ["07", "08", "09", "10"]
    assert outbox.run(timeline, at("2026-10-06")) == ["10"]
    assert outbox.run(timeline, at("2026-10-06")) == []


def test_a_month_that_ended_between_two_runs_is_told_whole():
    outbox = Outbox()
    timeline = server(("2026-10-30", {}))
    outbox.run(timeline, at("2026-10-31"), changed_from=at("2026-10-30"))

    assert outbox.run(timeline, at("2026-11-02")) == ["10", "11"]
    assert outbox.months() == {"10": (2 * 86400, 4 * 86400), "11": (86400, 2 * 86400)}


def test_a_period_that_ended_on_the_boundary_leaves_nothing_of_its_month():
    outbox = Outbox()
    timeline = server(("2026-10-30", {}))
    outbox.run(timeline, at("2026-11-01"), changed_from=at("2026-10-30"))

    assert outbox.run(timeline, at("2026-11-02")) == ["11"]


def test_an_unchanged_server_that_ended_is_told_once():
    outbox = Outbox()
    timeline = server(("2026-10-30", {}), end="2026-11-02")

    assert outbox.run(timeline, at("2026-11-03"), changed_from=at("2026-10-30")) == ["10", "11"]
    assert outbox.run(timeline, at("2026-12-24")) == []


def test_a_late_change_is_told_from_its_month_on():
    outbox = Outbox()
    outbox.run(server(("2026-08-01", {})), at("2026-11-02"), changed_from=at("2026-08-01"))
    later = server(
        ("2026-08-01", {}), ("2026-09-10", {"state": "suspended"}), ("2026-09-11", {"state": "active"})
    )

    assert outbox.run(later, at("2026-11-03"), changed_from=at("2026-09-10")) == ["09", "10", "11"]
    assert outbox.months()["09"] == (29 * 86400, 2 * 29 * 86400)


def test_an_end_on_the_boundary_that_is_learnt_late_is_told_in_the_month_that_it_closes():
    outbox = Outbox()
    outbox.run(server(("2026-10-30", {})), at("2026-10-31 12:00"), changed_from=at("2026-10-30"))
    ended = server(("2026-10-30", {}), end="2026-11-01 00:00:00.3")

    assert outbox.run(ended, at("2026-11-05"), changed_from=at("2026-11-01 00:00:00.3")) == ["10"]
    assert outbox.months() == {"10": (2 * 86400, 4 * 86400)}


def test_an_end_learnt_after_the_month_was_told_takes_the_next_month_back():
    """A deletion just before midnight, committed after the run of just after midnight."""
    outbox = Outbox()
    outbox.run(server(("2026-10-30", {})), at("2026-11-01 00:05"), changed_from=at("2026-10-30"))
    ended = server(("2026-10-30", {}), end="2026-10-31 23:59:58")

    told = outbox.run(ended, at("2026-11-01 01:05"), changed_from=at("2026-10-31 23:59:58"))

    assert told == ["10", "11"]
    assert outbox.months() == {"10": (2 * 86400 - 2, 2 * (2 * 86400 - 2)), "11": (0, 0)}
    assert outbox.run(ended, at("2026-11-01 02:05"), changed_from=at("2026-10-31 23:59:58")) == []


def test_an_end_on_the_boundary_that_is_learnt_after_both_months_were_told_closes_the_first():
    outbox = Outbox()
    outbox.run(server(("2026-10-30", {})), at("2026-11-01 00:05"), changed_from=at("2026-10-30"))
    ended = server(("2026-10-30", {}), end="2026-11-01 00:00:00.3")

    assert outbox.run(ended, at("2026-11-01 01:05"), changed_from=at("2026-11-01 00:00:00.3")) == ["10", "11"]
    assert {row.fields["Status"] for row in outbox.apel.rows.values()} == {"completed", "unknown"}
    assert outbox.months() == {"10": (2 * 86400, 4 * 86400), "11": (0, 0)}


def test_a_month_told_whole_is_not_told_a_second_shorter_by_a_run_into_the_past():
    outbox = Outbox()
    timeline = server(("2026-10-30", {}))
    outbox.run(timeline, at("2026-11-01"), changed_from=at("2026-10-30"))

    assert outbox.run(timeline, at("2026-10-31"), since=at("2026-10-01")) == []


def test_a_run_into_the_past_tells_nothing_older_than_was_told():
    outbox = Outbox()
    timeline = server(("2026-10-30", {}))
    outbox.run(timeline, at("2026-11-10"), changed_from=at("2026-10-30"))

    assert outbox.run(timeline, at("2026-11-05"), since=at("2026-10-01")) == []


def test_a_change_that_a_run_into_the_past_finds_is_told_up_to_what_was_told():
    outbox = Outbox()
    outbox.run(server(("2026-10-30", {})), at("2026-11-10"), changed_from=at("2026-10-30"))
    ended = server(("2026-10-30", {}), end="2026-11-08")

    assert outbox.run(ended, at("2026-11-05"), changed_from=at("2026-11-08")) == ["11"]
    assert outbox.months()["11"] == (7 * 86400, 14 * 86400)


def test_months_that_were_held_back_are_made_again():
    outbox = Outbox()
    timeline = server(("2026-08-30", {}))
    outbox.run(timeline, at("2026-11-10"), changed_from=at("2026-08-30"))
    waiting = record_key(SERVER_ID, at("2026-09-01"))
    del outbox.staged[waiting]

    assert outbox.run(timeline, at("2026-11-10"), waiting=[waiting]) == ["09"]


def test_explicit_since_makes_its_months_again_where_they_say_something_new():
    outbox = Outbox()
    timeline = server(("2026-08-30", {}))
    outbox.run(timeline, at("2026-11-10"), changed_from=at("2026-08-30"))
    renamed = RecordContext("TEST-Site", "cloud.test.org", "other.vo", suspended_states=SUSPENDED)

    assert outbox.run(timeline, at("2026-11-10"), since=at("2026-10-20"), context=renamed) == ["10", "11"]


def test_who_comes_from_caso_sees_no_negative_month_and_no_peak():
    """The former program told 40 days of wall, 8 vCPUs; since then 5 of 20 days were suspended."""
    outbox = Outbox()
    baseline = at("2026-10-11")
    for month, created in (("09", "2026-09-30 23:59:59"), ("10", "2026-10-10 23:59:59")):
        elapsed_s = int((at(created) - at("2026-09-01")).total_seconds())
        outbox.apel.replace(
            {
                "VMUUID": SERVER_ID,
                "Status": "started",
                "StartTime": str(int(at("2026-09-01").timestamp())),
                "WallDuration": str(elapsed_s),
                "CpuDuration": str(elapsed_s * 8),
            }
        )
        assert outbox.months()[month][0] > 0
    context = RecordContext("s", "c", "vo", suspended_states=SUSPENDED, counted_whole_until=baseline)
    timeline = server(
        ("2026-09-01", {"vcpus": 8}),
        ("2026-09-05", {"state": "suspended"}),
        ("2026-10-26", {"state": "active"}),
    )

    outbox.run(timeline, at("2026-11-01"), changed_from=at("2026-09-01"), context=context)

    wall_s = 10 * 86400 + 6 * 86400 + 1
    assert outbox.months() == {"09": (2591999, 2591999 * 8), "10": (wall_s, wall_s * 8)}


INSTANTS = st.integers(0, 150 * 86400).map(lambda seconds: at("2026-06-20") + timedelta(seconds=seconds))
STATES = st.sampled_from(["active", "suspended", "stopped"])


@st.composite
def histories(draw):
    """Draw a server's life and the times of some runs, the last of them after everything."""
    starts = sorted(draw(st.lists(INSTANTS, min_size=1, max_size=5, unique=True)))
    values = [{"state": draw(STATES), "vcpus": draw(st.integers(1, 16))} for _ in starts]
    end = draw(
        st.none() | st.integers(1, 60 * 86400).map(lambda seconds: starts[-1] + timedelta(seconds=seconds))
    )
    runs = sorted(draw(st.lists(INSTANTS, max_size=6)))
    return list(zip(starts, values, strict=True)), end, [*runs, at("2027-01-15")]


def known_at(changes, end, now):
    """Return the timeline as a run sees it that knows all that happened before it."""
    seen = [change for change in changes if change[0] < now]
    return server(*seen, end=end if end is not None and end <= now else None) if seen else None


def news_since(changes, end, before, now):
    """Return the first instant of which a run knows something that the run before it did not."""
    instants = [instant for instant, _ in changes] + ([end] if end is not None else [])
    return min((one for one in instants if (before is None or one >= before) and one <= now), default=None)


@settings(max_examples=200)
@given(histories())
def test_any_number_of_runs_leaves_apel_as_one_run_would(history):
    changes, end, runs = history
    many, single = Outbox(), Outbox()
    before = None
    for now in runs:
        timeline = known_at(changes, end, now)
        if timeline is not None:
            many.run(timeline, now, changed_from=news_since(changes, end, before, now))
            before = now

    whole = known_at(changes, end, runs[-1])
    single.run(whole, runs[-1], changed_from=changes[0][0])

    assert many.apel.state() == single.apel.state()
    truth = usage(whole, Period(whole.begin, runs[-1]), suspended_states=SUSPENDED)
    months = many.apel.months().values()
    assert sum(one.wall_s for one in months) == truth.wall_s
    assert sum(one.cpu_s for one in months) == truth.vcpu_s
    assert all(one.wall_s >= 0 and one.cpu_s >= 0 for one in months)
    assert all(one.wall_s <= 31 * 86400 for one in months)


def test_a_run_in_the_last_second_of_a_month_leaves_that_second_to_the_next_one():
    """A record of the last second stands for the whole month, so it must not be made too early."""
    changes = [(at("2026-06-20"), {"state": "active", "vcpus": 1})]
    early, late = at("2026-07-31T23:59:59"), at("2026-08-15")
    many, single = Outbox(), Outbox()

    many.run(known_at(changes, None, early), early, changed_from=changes[0][0])
    many.run(known_at(changes, None, late), late, changed_from=None)
    single.run(known_at(changes, None, late), late, changed_from=changes[0][0])

    assert many.apel.state() == single.apel.state()
