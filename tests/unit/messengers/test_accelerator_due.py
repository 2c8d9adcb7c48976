"""Accelerator records: what they hold, which are made again, and that no choice of runs matters."""

import json
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from server_timelines import SERVER_ID, at, server
from usance.ledger.values import Changed, StagedRecord
from usance.messengers.accelerator_due import due_records
from usance.model.accelerator import Accelerator, AcceleratorAlias, Told
from usance.model.span import Doubt
from usance.records.accelerator import key_accelerator, key_month, record_key
from usance.records.accelerator_v01 import AcceleratorV01
from usance.records.context import RecordContext
from usance.records.validate_accelerator import message_findings

CONTEXT = RecordContext(
    "TEST-Site",
    "cloud.test.org",
    "vo.example.org",
    cloud_type="usance/1 (OpenStack)",
    suspended_states=frozenset({"suspended"}),
    accelerator_aliases={"a100": AcceleratorAlias("GPU", "NVIDIA A100")},
    user_names={"user1": "user1@egi.eu"},
)
FORM = AcceleratorV01()
V100 = Told(type="GPU", vendor="NVIDIA", model="Tesla V100", number="2").text
HALF = Told(type="GPU", vendor="NVIDIA", model="Tesla V100", number="0.5").text
A100 = Told(pci="a100:1").text
BAD = Told(type="GPU", number="half of one").text
DAY = 86400


class Receiver:
    """What one messenger was told of one server, and what a receiver that replaces by key keeps."""

    def __init__(self):
        self.staged = {}
        self.kept = {}
        self.held_back = {}

    def run(self, timeline, until, *, changed_from=None, context=CONTEXT, since=None, waiting=()):
        """Stage and deliver what is due; return what was told, by month, count and seconds."""
        changed = Changed(timeline, 1, changed_from)
        told = []
        for record in list(due_records(changed, self.staged, until, context, since=since, waiting=waiting)):
            text = FORM.render(record)
            findings = FORM.findings(record, text)
            if findings:
                self.held_back[record.key] = [str(one) for one in findings]
                continue
            assert message_findings(FORM.pack([text])) == []
            self.staged[record.key] = StagedRecord(record.digest, record.created_at)
            self.kept[record.key] = json.loads(text)
            told.append((f"{record.month:%m}", record.accelerator.count, record.available_s))
        return told

    def seconds(self):
        return {key: one["AvailableDuration"] for key, one in self.kept.items() if one["AvailableDuration"]}


def test_record_on_exact_bytes():
    told = server(("2026-10-30", {"accelerators": HALF}))
    (record,) = due_records(Changed(told, 1, None), {}, at("2026-10-31"), CONTEXT)

    assert FORM.pack([FORM.render(record)]) == (
        b'{"Type": "APEL-accelerator-message", "Version": "0.1", "UsageRecords": [{"SiteName": "TEST-Site", '
        b'"CloudType": "usance/1 (OpenStack)", "CloudComputeService": "cloud.test.org", '
        b'"AssociatedRecord": "cd447e35-b8b6-48fe-842e-3d437204e52d", "GlobalUserName": "user1@egi.eu", '
        b'"FQAN": "vo.example.org", "Count": 0.5, "AvailableDuration": 86400, "MeasurementMonth": 10, '
        b'"MeasurementYear": 2026, "AssociatedRecordType": "cloud", "Type": "GPU", '
        b'"Model": "NVIDIA Tesla V100"}]}'
    )


def test_server_without_accelerators_has_no_record():
    assert Receiver().run(server(("2026-08-01", {})), at("2026-10-31")) == []


def test_server_that_never_launched_has_no_record():
    told = server(("2026-08-01", {"accelerators": V100}), launched=False)

    assert Receiver().run(told, at("2026-10-31")) == []


def test_each_month_stands_alone_and_the_one_under_way_is_replaced():
    receiver = Receiver()
    told = server(("2026-09-29", {"accelerators": V100}))

    assert receiver.run(told, at("2026-10-02")) == [("09", "2", 2 * DAY), ("10", "2", DAY)]
    assert receiver.run(told, at("2026-10-05")) == [("10", "2", 4 * DAY)]
    assert receiver.run(told, at("2026-10-05")) == []
    assert receiver.run(told, at("2026-11-02")) == [("10", "2", 31 * DAY), ("11", "2", DAY)]


def test_suspended_time_does_not_count():
    told = server(
        ("2026-10-01", {"accelerators": V100}),
        ("2026-10-05", {"state": "suspended"}),
        ("2026-10-08", {"state": "active"}),
        end="2026-10-10",
    )

    assert Receiver().run(told, at("2026-11-02")) == [("10", "2", 6 * DAY)]


def test_resize_in_a_month_gives_a_record_for_each_kind():
    told = server(
        ("2026-10-01", {"accelerators": V100}),
        ("2026-10-03", {"accelerators": A100}),
        ("2026-10-06", {"accelerators": ""}),
    )

    assert sorted(Receiver().run(told, at("2026-11-01"))) == [("10", "1", 3 * DAY), ("10", "2", 2 * DAY)]


def test_number_that_is_none_is_held_back_alone():
    receiver = Receiver()
    told = server(("2026-10-01", {"accelerators": BAD}), ("2026-10-03", {"accelerators": A100}))

    assert receiver.run(told, at("2026-10-05")) == [("10", "1", 2 * DAY)]
    assert list(receiver.held_back.values()) == [["Count: 'half of one' is no number of accelerators"]]


def test_late_fact_that_takes_time_away_is_told_again():
    receiver = Receiver()
    receiver.run(server(("2026-09-20", {"accelerators": V100})), at("2026-11-03"))
    later = server(("2026-09-20", {"accelerators": V100}), end="2026-10-02")

    assert receiver.run(later, at("2026-11-04"), changed_from=at("2026-10-02")) == [
        ("10", "2", DAY),
        ("11", "2", 0),
    ]
    assert receiver.run(later, at("2026-11-05"), changed_from=at("2026-10-02")) == []


def test_run_into_the_past_takes_nothing_back():
    receiver = Receiver()
    told = server(("2026-09-20", {"accelerators": V100}))
    receiver.run(told, at("2026-11-03"))

    assert receiver.run(told, at("2026-10-10"), since=at("2026-09-01"), changed_from=at("2026-09-20")) == []


def test_alias_that_is_named_later_counts_for_the_past():
    receiver = Receiver()
    told = server(("2026-10-01", {"accelerators": A100}))
    nameless = RecordContext("s", "c", "vo")

    assert receiver.run(told, at("2026-10-05"), context=nameless) == []
    assert receiver.run(told, at("2026-10-06")) == [("10", "1", 5 * DAY)]


def test_months_that_caso_told_whole_stay_and_the_one_that_it_began_is_replaced():
    context = RecordContext("s", "c", "vo", counted_whole_until=at("2026-10-11"))
    told = server(("2026-09-20", {"accelerators": V100}), ("2026-10-15", {"state": "suspended"}))

    assert Receiver().run(told, at("2026-10-20"), context=context) == [("10", "2", 19 * DAY)]


def test_inferred_seconds_are_told():
    told = server(("2026-10-01", {"accelerators": V100}))
    doubtful = type(told)(
        told.resource, told.begin, told.end, told.spans, launched=True,
        doubts=(Doubt("accelerators", at("2026-10-01"), at("2026-10-02")),),
    )  # fmt: skip
    (record,) = due_records(Changed(doubtful, 1, None), {}, at("2026-10-05"), CONTEXT)

    assert (record.available_s, record.inferred_s) == (4 * DAY, DAY)


def test_key_tells_what_it_is_about():
    one = Accelerator("GPU", "a/b c%", "0.5")
    key = record_key("hostile/id", at("2026-10-01"), one)

    assert (key_month(key), key_accelerator(key)) == (at("2026-10-01"), one)
    assert record_key(SERVER_ID, at("2026-10-01"), Accelerator("GPU", None, "1")).endswith("/2026-10/GPU/1/")


INSTANTS = st.integers(0, 120 * DAY).map(lambda seconds: at("2026-07-20") + timedelta(seconds=seconds))
KINDS = st.sampled_from([V100, HALF, A100, ""])


@st.composite
def histories(draw):
    """Draw a server's life, and the times of some runs, the last of them after everything."""
    starts = sorted(draw(st.lists(INSTANTS, min_size=1, max_size=5, unique=True)))
    changes = [
        (start, {"state": draw(st.sampled_from(["active", "suspended"])), "accelerators": draw(KINDS)})
        for start in starts
    ]
    end = draw(st.none() | st.integers(1, 60 * DAY).map(lambda s: starts[-1] + timedelta(seconds=s)))
    return changes, end, [*sorted(draw(st.lists(INSTANTS, max_size=6))), at("2027-01-15")]


def known(changes, end, heard):
    """Return the timeline of who heard of the first so many changes only, and of the end with the last."""
    return server(*changes[:heard], end=end if heard == len(changes) else None)


@settings(max_examples=200)
@given(histories(), st.data())
def test_any_number_of_runs_leaves_what_one_run_would_and_all_of_the_time(history, data):
    """Each run knows any part of the facts, however late: what was told wrongly is taken back."""
    changes, end, runs = history
    many, single = Receiver(), Receiver()
    heard = before = 0
    for now in runs:
        last = now == runs[-1]
        heard = len(changes) if last else data.draw(st.integers(heard, len(changes)))
        if heard:
            from_ = changes[before][0] if before < heard else end if last and end else None
            if not last and heard == len(changes) and end:
                from_ = min(changes[before][0] if before < heard else end, end)
            many.run(known(changes, end, heard), now, changed_from=from_)
        before = heard
    whole = known(changes, end, len(changes))
    single.run(whole, runs[-1], changed_from=changes[0][0])

    assert many.seconds() == single.seconds()
    truth = sum(
        int(((span.end or runs[-1]) - span.start).total_seconds())
        for span in whole.spans
        if span.values.get("accelerators") and span.values["state"] != "suspended"
    )
    assert sum(single.seconds().values()) == truth
