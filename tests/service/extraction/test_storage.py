"""Storage records, from a simulated Cinder to the queue: held to a truth that is worked out without us."""

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest

from demo_site import DemoSite, demo_site, spread
from service.extraction.witness import HASTY, SECOND, good, status, usual_history, usual_site
from storage_timelines import GIB, StarDatabase
from usance.config.settings import ExtractRequest
from usance.demo import cinder, storage_truth
from usance.demo.faults import Fault, FaultKind
from usance.demo.history import WrittenHistory, microseconds
from usance.demo.site import standard_site
from usance.demo.storage import Volume
from usance.demo.storage_script import random_storage, stored
from usance.ledger.values import Heard, Named
from usance.model.period import EPOCH, Period
from usance.model.resource import ATTACHMENTS, BACKUP, SIZE_GIB, SNAPSHOT, USER_ID, VOLUME, VOLUME_TYPE
from usance.model.span import Timeline
from usance.model.storage import TYPE_NAMES
from usance.records.validate_storage import message_findings

BEGIN, END = datetime(2026, 8, 20, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)
CLEAR = timedelta(seconds=6)  # the clocks' tolerance, and the second that a row's times are cut to
HISTORIES = int(os.environ.get("USANCE_HISTORIES", "40")) // 8
BARE = msgspec.structs.replace(standard_site(projects=2), volumes=())


def storage_messages(site: DemoSite) -> list[bytes]:
    """Return the messages in the queue of storage records, in their order; each of them is valid."""
    queue = site.directory / "outgoing-storage"
    messages = [path.read_bytes() for path in sorted(queue.glob("*/*")) if path.is_file()]
    assert [message_findings(one) for one in messages] == [[] for _ in messages]
    return messages


def receiver(site: DemoSite) -> StarDatabase:
    """Return what the federation would keep of the messages in the queue."""
    database = StarDatabase()
    for message in storage_messages(site):
        database.load(message)
    return database


def stated(database: StarDatabase) -> dict[tuple[str, str, tuple[int, int]], int]:
    """Return GiB times seconds by project, kind and month."""
    found: defaultdict[tuple[str, str, tuple[int, int]], int] = defaultdict(int)
    for row in database.rows.values():
        kind = row.fields["StorageShare"].removesuffix("s")
        if row.gib_seconds:
            found[row.fields["LocalGroup"], kind, (row.start.year, row.start.month)] += row.gib_seconds
    return dict(found)


def test_caso_extract_tells_of_servers_and_of_what_they_store(tmp_path):
    """The command, with the extractors that cASO has by default but for neutron."""
    history = usual_history(projects=2)
    site = history.site
    data = stored(
        site,
        None,
        "2026-10-01 10:00:00 create 10 fast\n2026-10-05 00:00:00 attach web\n2026-10-20 12:00:00 extend 20",
    )
    snapshot = stored(site, "daily", "2026-10-02 00:00:00 create 10", kind="snapshot", of=data)
    backup = stored(site, "weekly", "2026-10-03 00:00:00 create 10", kind="backup", of=data, project=1)
    history.site = msgspec.structs.replace(site, volumes=(data, snapshot, backup))
    with usual_site(tmp_path, history=history, extractor="nova, cinder") as place:
        for at in (datetime(2026, 10, 15, tzinfo=UTC), datetime(2026, 10, 20, 13, tzinfo=UTC), SECOND):
            done = place.command(at)
            assert done.returncode == 0, done.stderr

        assert len(place.apel().rows) > 4
        rows = receiver(place).rows.values()
        found = {
            (
                row.fields["StorageShare"],
                row.start.isoformat()[:16],
                row.end.isoformat()[:16],
                row.capacity // GIB,
            )
            for row in rows
        }
        assert found == {
            ("volumes", "2026-10-01T10:00", "2026-10-20T12:00", 10),
            ("volumes", "2026-10-20T12:00", "2026-11-01T00:00", 20),
            ("volumes", "2026-11-01T00:00", "2026-11-03T00:00", 20),
            ("snapshots", "2026-10-02T00:00", "2026-11-01T00:00", 10),
            ("snapshots", "2026-11-01T00:00", "2026-11-03T00:00", 10),
            ("backups", "2026-10-03T00:00", "2026-11-01T00:00", 10),
            ("backups", "2026-11-01T00:00", "2026-11-03T00:00", 10),
        }
        row = next(
            one for one in rows if one.capacity == 10 * GIB and one.fields["StorageShare"] == "volumes"
        )
        assert row.fields["Group"] == "vo.example0.org"
        assert row.fields["UserIdentity"] == "user0@example.org"
        assert row.fields["StorageClass"] == "fast"
        assert row.fields["StorageSystem"] == "cloud.test.org"


def test_a_cinder_that_fails_holds_back_storage_records_alone(tmp_path):
    with usual_site(
        tmp_path,
        extractor="nova, cinder",
        messengers="ssm, file",
        sections=(f"{HASTY}\n[messenger_file]\npath = {tmp_path}/records.jsonl\n"),
    ) as place:
        place.cloud.faults.add(Fault(FaultKind.STATUS, match="snapshots/detail", status=503))

        done = place.command(datetime(2026, 10, 15, tzinfo=UTC))

        assert done.returncode == 1
        assert done.stderr.count("Cinder answered 503") == 3, done.stderr  # once for each project

        assert len(place.apel().rows) > 4
        assert storage_messages(place) == []
        assert status(place)[0] == 1
        place.cloud.faults.clear()
        good(place.run(SECOND))
        assert {row.fields["StorageShare"] for row in receiver(place).rows.values()} == {"volumes"}
        assert status(place)[0] == 0
        lines = [json.loads(line) for line in (tmp_path / "records.jsonl").read_text().splitlines()]
        assert {one["RecordId"] for one in lines if one["record_type"] == "storage"} == set(
            receiver(place).rows
        )


def test_what_caso_has_reported_is_not_stated_again(tmp_path):
    volume = stored(BARE, "data", "2026-09-01 00:00:00 create 10 fast")
    history = WrittenHistory(msgspec.structs.replace(BARE, volumes=(volume,)))
    with demo_site(history, tmp_path, END, extractor="nova,cinder") as place:
        spool = place.directory / "spool"
        spool.mkdir(exist_ok=True)
        (spool / f"lastrun.{BARE.projects[0].id}").write_text("2026-10-10 12:00:01")

        good(place.run(END))

        starts = sorted(row.start for row in receiver(place).rows.values())
        assert starts == [datetime(2026, 10, 10, 12, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)]


def volumes_of(seed: int, *, transfers: bool = True):
    return tuple(random_storage(BARE, seed, 25, begin=BEGIN, end=END, transfers=transfers))


def certain_instants(life: Timeline, random: Random) -> Iterator[datetime]:
    """Yield instants of a life in which nothing that is counted is in doubt, clear of what was cut."""
    for span in life.spans:
        end = min(span.end or END, END)
        for _ in range(4):
            instant = span.start + (end - span.start) * random.random()
            doubtful = any(
                one.start - CLEAR <= instant and (one.end is None or instant <= one.end + CLEAR)
                for one in life.doubts
                if one.attribute != ATTACHMENTS
            )
            if not doubtful and instant < end:
                yield instant


@pytest.mark.timeout(3000)
def test_where_nothing_is_in_doubt_the_ledger_says_what_was_so(tmp_path_factory):
    """Volumes are extended, retyped, given away and deleted, more than once between two runs."""
    checked = 0
    for seed in range(max(1, HISTORIES // 2)):
        random = Random(seed)
        # What comes back to a project that it was in is one life there: no id is ever used again.
        lives = {one.id: one for one in volumes_of(seed) if not came_back(one)}
        history = WrittenHistory(msgspec.structs.replace(BARE, volumes=tuple(lives.values())))
        with demo_site(history, tmp_path_factory.mktemp("site"), BEGIN, extractor="cinder") as place:
            settings = place.settings()
            for at in spread(BEGIN, END, [random.random() for _ in range(12)]):
                good(place.run(at, settings))

            with place.ledger() as ledger:
                known = [
                    changed.timeline
                    for project_id, cloud_id in ledger.projects()
                    for kind in (VOLUME, SNAPSHOT, BACKUP)
                    for changed in ledger.timelines(project_id, cloud_id, kind)
                ]
        for timeline in known:
            life = lives[timeline.resource.id]
            for instant in certain_instants(timeline, random):
                span = next(one for one in timeline.spans if one.end is None or instant < one.end)
                really = life.at(microseconds(instant))
                assert life.exists(microseconds(instant)), (seed, life.id)
                assert (really.project_id, really.size_gib, really.volume_type, really.user_id) == (
                    timeline.resource.project_id,
                    span.values.get(SIZE_GIB),
                    span.values.get(VOLUME_TYPE),
                    span.values.get(USER_ID),
                ), (seed, life.id, instant)
                checked += 1
    assert checked > 50


def came_back(life: Volume) -> bool:
    projects = [one.project_id for one in life.steps if one.project_id is not None]
    return len({life.project_id, *projects}) < 1 + len(projects)


@pytest.mark.timeout(3000)
@pytest.mark.no_cover
def test_what_lives_and_changes_once_a_run_is_stated_exactly(tmp_path_factory):
    """Creations, extensions and retypes, each between two runs: the row says when it was written."""
    for seed in range(max(2, HISTORIES)):
        random = Random(seed)
        lives = tuple(
            msgspec.structs.replace(one, deleted_us=1 << 62, steps=one.steps[:1])
            for one in volumes_of(seed, transfers=False)
        )
        history = WrittenHistory(msgspec.structs.replace(BARE, volumes=lives))
        with demo_site(history, tmp_path_factory.mktemp("site"), BEGIN, extractor="cinder") as place:
            settings = place.settings()
            made = [one.created_us for one in lives if one.steps]
            # A first look after a change can't know what was before it: look in between.
            between = sorted(datetime.fromtimestamp(us / 1_000_000 + 60, UTC) for us in made)
            for at in sorted([*between, *spread(BEGIN, END, [random.random() for _ in range(3)])]):
                good(place.run(at, settings))

            assert stated(receiver(place)) == storage_truth.gib_seconds(lives, microseconds(END)), seed


@pytest.mark.no_cover
def test_a_backfill_by_month_leaves_the_records_that_runs_each_day_leave(tmp_path):
    """Of what the API can date afterwards: creations."""
    lives = tuple(
        msgspec.structs.replace(one, deleted_us=1 << 62, steps=()) for one in volumes_of(3, transfers=False)
    )
    history = WrittenHistory(msgspec.structs.replace(BARE, volumes=lives))
    with demo_site(history, tmp_path / "runs", BEGIN, extractor="cinder") as site:
        settings = site.settings()
        at = BEGIN
        while at < END:
            at = min(at + timedelta(days=3, hours=7), END)
            good(site.run(at, settings))

        late = DemoSite(site.cloud, site.url, tmp_path / "backfill", extractor="cinder")
        for month in Period(BEGIN, END).months():
            request = ExtractRequest(extract_from=month.start, extract_to=min(month.end, END))
            good(late.run(END, late.settings(), request))

        assert len(receiver(site).stated) > 30
        assert receiver(late).stated == receiver(site).stated


def test_messages_stay_below_their_limits(tmp_path):
    lives = tuple(
        stored(BARE, f"data{number}", f"2026-09-01 00:00:00 create {number + 1} fast")
        for number in range(130)
    )
    history = WrittenHistory(msgspec.structs.replace(BARE, volumes=lives))
    with demo_site(history, tmp_path, END, extractor="cinder") as place:
        good(place.run(END))

        messages = storage_messages(place)
        assert sorted(one.count(b"<sr:StorageUsageRecord>") for one in messages) == [90, 100, 100, 100]
        assert len(receiver(place).rows) == 390


def test_types_that_a_collector_heard_of_are_named_by_the_next_run(tmp_path):
    """It may have no access to Cinder, whose messages name types by their ids."""
    history = usual_history(projects=1)
    data = stored(history.site, None, "2026-10-01 10:00:00 create 10 fast")
    history.site = msgspec.structs.replace(history.site, volumes=(data,))
    with usual_site(tmp_path, history=history, extractor="nova, cinder") as place:
        fast = cinder.type_id("fast")
        with closing(place.ledger()) as ledger:
            ledger.hear(
                Heard(names=(Named(TYPE_NAMES, fast, "", EPOCH), Named(TYPE_NAMES, "gone", "", EPOCH)))
            )

        assert place.command(SECOND).returncode == 0

        with closing(place.ledger()) as ledger:
            assert ledger.names(TYPE_NAMES, [fast, "gone"]) == {fast: "fast", "gone": ""}
