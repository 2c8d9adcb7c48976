"""Looks at the simulated Cinder: what is seen, what is gone, what moved, and what disturbs them."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from looking import Notebook, look, opened, selected
from usance.cloud.catalog import NoEndpointError
from usance.cloud.plugins import SYSTEM
from usance.config.settings import MessengerSettings, RecordSettings, Settings
from usance.demo.clock import Clock
from usance.demo.cloud import CloudOptions, DemoCloud
from usance.demo.faults import Fault, FaultKind
from usance.demo.history import WrittenHistory
from usance.demo.server import serving
from usance.demo.site import standard_site, uuid_id
from usance.demo.storage import Volume
from usance.demo.storage_script import stored
from usance.model.errors import AccessError, CloudError, DoubtfulLookError
from usance.model.observation import Scope, Verb
from usance.model.resource import ATTACHMENTS, SIZE_GIB, VOLUME_TYPE, Resource
from usance.model.span import LIFE
from usance.model.timeline import timeline
from usance.sources.cinder import sources
from usance.sources.cinder_rows import StorageRow

SITE = msgspec.structs.replace(standard_site(projects=3), volumes=())
WEB = uuid_id(SITE.projects[0].id, "web")
DATABASE = uuid_id(SITE.projects[0].id, "database")
NOON = datetime(2026, 10, 10, 12, tzinfo=UTC)
FIRST, SECOND = SITE.projects[0], SITE.projects[1]


def everything_at(cloud):
    """Return settings of which the sources read what they need."""
    return Settings(
        cloud=cloud.settings,
        projects=None,
        records=RecordSettings("TEST-Site", "cloud.test.org"),
        messengers=(MessengerSettings("noop"),),
        spool_dir=None,
        ledger_url="",
        lock_dir=None,
    )


class Place:
    """A served cloud, and what was seen of it."""

    def __init__(self, demo: DemoCloud, url: str) -> None:
        self.demo = demo
        self.url = url
        self.notebook = Notebook()
        self.batches = []

    def look(self, at: datetime | None = None, user: str = "reader", **settings):
        """Set the cloud's clock and look once at everything; return what was observed anew."""
        if at is not None:
            self.demo.clock.set(at)

        async def inside():
            async with opened(self.url, user, **settings) as cloud:
                everything = everything_at(cloud)
                projects = await selected(cloud)
                batches = []
                for source in sources(cloud, everything):
                    batches += await look(source, projects, self.notebook)
                return batches

        self.batches = asyncio.run(inside())
        return [one for batch in self.batches for one in batch.observations]

    def life(self, volume: Volume, project=FIRST):
        """Return the timeline of a volume in a project."""
        resource = Resource(project.id, "default", volume.kind, volume.id)
        said = [one for one in self.notebook.observations[volume.id] if one.resource == resource]
        return timeline(said, self.notebook.looks)


@pytest.fixture
def cloud():
    """Serve volumes and give the place beside it."""
    with_cloud = []

    def serve(*volumes: Volume, **options) -> Place:
        site = msgspec.structs.replace(SITE, volumes=volumes)
        demo = DemoCloud(WrittenHistory(site), clock=Clock(NOON), options=CloudOptions(**options))
        context = serving(demo)
        with_cloud.append(context)
        return Place(demo, context.__enter__())

    yield serve
    for context in with_cloud:
        context.__exit__(None, None, None)


def second(instant):
    """Return an instant without its fraction: the clocks of both sides agree on no more."""
    return instant.replace(microsecond=0)


def spans(life, *names):
    """Return since when attributes had which values."""
    found = [(f"{one.start:%d %H:%M:%S}", *(one.values.get(name) for name in names)) for one in life.spans]
    return [after for before, after in itertools.pairwise([("",), *found]) if before[1:] != after[1:]]


def test_a_volume_is_what_its_row_says(cloud):
    volume = stored(SITE, "data", "2026-10-01 10:00:00 create 10 fast", multiattach=True)
    place = cloud(volume)

    place.look()

    life = place.life(volume)
    assert (life.begin, life.begin_exact, life.end) == (datetime(2026, 10, 1, 10, tzinfo=UTC), True, None)
    assert life.launched
    assert life.spans[0].values == {
        "size_gib": 10,
        "volume_type": "fast",
        "attachments": "[]",
        "user_id": volume.user_id,
    }
    described = {one.attribute: one.value for one in life.described}
    assert described == {"name": "data", "status": "available", "zone": "nova", "bootable": "false"}


def test_what_did_not_change_is_said_once(cloud):
    place = cloud(stored(SITE, None, "2026-10-01 10:00:00 create 10"))

    assert len(place.look()) == 3
    assert place.look(NOON + timedelta(hours=1)) == []
    assert {one.look.scope for one in place.batches} == {Scope.FULL}


def test_a_row_that_was_written_once_leaves_two_seconds_in_doubt(cloud):
    """Cinder writes the row again when the volume is made: it was so since then."""
    volume = stored(SITE, "data", "2026-10-01 10:00:00 create 10 fast")
    place = cloud(volume)

    place.look()

    made = volume.created_us + 2_000_000
    assert {(one.attribute, int(one.end.timestamp() * 1_000_000)) for one in place.life(volume).doubts} == {
        (SIZE_GIB, made),
        (VOLUME_TYPE, made),
        ("user_id", made),
    }


def test_attachments_are_dated_and_a_volume_begins_with_none(cloud):
    volume = stored(SITE, "data", "2026-10-01 10:00:00 create 10 fast\n2026-10-05 08:30:10 attach web")
    place = cloud(volume)

    place.look()

    assert spans(place.life(volume), ATTACHMENTS) == [
        ("01 10:00:00", "[]"),
        ("05 08:30:10", f'["{WEB}"]'),
    ]
    assert ATTACHMENTS not in {one.attribute for one in place.life(volume).doubts}


def test_a_volume_moved_between_servers_by_two_looks(cloud):
    volume = stored(
        SITE,
        "data",
        "2026-10-01 10:00:00 create 10 fast\n2026-10-05 08:30:10 attach web\n"
        "2026-10-10 12:20:00 detach web\n2026-10-10 12:40:00 attach database",
    )
    place = cloud(volume)

    for hour in range(3):
        place.look(NOON + timedelta(hours=hour))

    assert spans(place.life(volume), ATTACHMENTS) == [
        ("01 10:00:00", "[]"),
        ("05 08:30:10", f'["{WEB}"]'),
        ("10 12:40:00", f'["{DATABASE}"]'),
    ]


def test_a_detachment_lies_where_the_row_was_written_last(cloud):
    volume = stored(
        SITE,
        "data",
        "2026-10-01 10:00:00 create 10\n2026-10-05 08:30:10 attach web\n2026-10-10 12:20:00 detach web",
    )
    place = cloud(volume)

    place.look(NOON)
    place.look(NOON + timedelta(hours=1))

    assert spans(place.life(volume), ATTACHMENTS)[-1] == ("10 12:20:00", "[]")
    (doubt,) = [one for one in place.life(volume).doubts if one.attribute == ATTACHMENTS]
    assert (second(doubt.start), doubt.end) == (NOON, NOON + timedelta(minutes=20))


def test_several_attachments_are_each_dated(cloud):
    both = sorted([WEB, DATABASE])
    volume = stored(
        SITE,
        "shared",
        "2026-10-01 10:00:00 create 10\n2026-10-05 08:00:00 attach web\n2026-10-10 12:20:00 attach database\n"
        "2026-10-10 14:30:00 detach web",
        multiattach=True,
    )
    place = cloud(volume)

    for hour in range(4):
        place.look(NOON + timedelta(hours=hour))

    found = spans(place.life(volume), ATTACHMENTS)
    assert found[:3] == [
        ("01 10:00:00", "[]"),
        ("05 08:00:00", f'["{WEB}"]'),
        ("10 12:20:00", f'["{both[0]}","{both[1]}"]'),
    ]
    # The row says nothing of when the other one went: it was seen at the next look.
    assert found[3:] == [("10 15:00:00", f'["{DATABASE}"]')]


def test_an_extension_and_a_retype_lie_between_two_looks_where_the_row_was_written(cloud):
    volume = stored(
        SITE,
        "data",
        "2026-10-01 10:00:00 create 10 standard\n2026-10-10 12:10:00 extend 30\n"
        "2026-10-10 13:20:00 retype fast",
    )
    place = cloud(volume)

    for hour in range(3):
        place.look(NOON + timedelta(hours=hour))

    assert spans(place.life(volume), SIZE_GIB, VOLUME_TYPE) == [
        ("01 10:00:00", 10, "standard"),
        ("10 12:10:00", 30, "standard"),
        ("10 13:20:00", 30, "fast"),
    ]
    doubts = {
        (one.attribute, f"{one.start:%H:%M}", f"{one.end:%H:%M}")
        for one in place.life(volume).doubts
        if one.start > datetime(2026, 10, 2, tzinfo=UTC)
    }
    assert doubts == {(SIZE_GIB, "12:00", "12:10"), (VOLUME_TYPE, "13:00", "13:20")}


def test_what_is_absent_is_gone_since_some_moment_after_the_last_look(cloud):
    volume = stored(SITE, "data", "2026-10-01 10:00:00 create 10\n2026-10-10 12:30:00 delete")
    place = cloud(volume)

    place.look(NOON)
    said = place.look(NOON + timedelta(hours=1))

    assert [one.verb for one in said] == [Verb.GONE]
    life = place.life(volume)
    assert (second(life.end), life.end_exact) == (NOON + timedelta(hours=1), False)
    assert [second(one.start) for one in life.doubts if one.attribute == LIFE] == [NOON]
    assert place.look(NOON + timedelta(hours=2)) == []


def test_snapshots_and_backups_are_kinds_of_their_own(cloud):
    volume = stored(SITE, "data", "2026-10-01 10:00:00 create 10")
    snapshot = stored(SITE, "daily", "2026-10-02 10:00:00 create 10", kind="snapshot", of=volume)
    backup = stored(SITE, None, "2026-10-03 10:00:00 create 10", kind="backup", of=volume)
    place = cloud(volume, snapshot, backup)

    place.look()

    for one in (snapshot, backup):
        life = place.life(one)
        assert life.resource.kind == one.kind
        assert life.spans[0].values == {"size_gib": 10, "user_id": one.user_id}
        assert life.describe("volume_id") == volume.id
        assert life.begin_exact
    assert {batch.look.source for batch in place.batches if batch.look} == {
        "cinder-volumes",
        "cinder-snapshots",
        "cinder-backups",
    }


def test_what_never_was_made_never_launched(cloud):
    failed = stored(
        SITE, "failed", "2026-10-01 10:00:00 create 10 failed\n2026-10-10 12:30:00 status deleting"
    )
    stuck = stored(SITE, "stuck", "2026-10-01 10:00:00 create 10\n2026-10-05 10:00:00 status error_deleting")
    creating = stored(SITE, "new", "2026-10-10 11:59:00 create 10\n2026-10-10 11:59:00 status creating")
    place = cloud(failed, stuck, creating)

    place.look(NOON)
    place.look(NOON + timedelta(hours=1))

    assert [place.life(one).launched for one in (failed, stuck, creating)] == [False, True, False]


def moved(hour: str) -> Volume:
    return stored(SITE, "data", f"2026-10-01 10:00:00 create 10 fast\n2026-10-10 {hour} transfer 1")


@pytest.mark.parametrize("user", ["reader", "admin"])
def test_a_volume_that_was_given_away_lives_in_one_project_at_a_time(cloud, user):
    volume = moved("12:20:00")
    place = cloud(volume)

    place.look(NOON, user)
    place.look(NOON + timedelta(hours=1), user)
    place.look(NOON + timedelta(hours=2), user)

    donor, recipient = place.life(volume), place.life(volume, SECOND)
    assert (second(donor.end), donor.end_exact) == (NOON + timedelta(hours=1), False)
    # Its row was written when it came; but up to the look that missed it there, it was charged there.
    assert (second(recipient.begin), recipient.begin_exact) == (NOON + timedelta(hours=1), False)
    assert recipient.spans[0].values["user_id"] != donor.spans[0].values["user_id"]


def test_what_changes_after_a_transfer_does_not_bring_its_creation_here(cloud):
    volume = moved("12:20:00")
    extended = msgspec.structs.replace(
        volume,
        steps=(
            *volume.steps,
            stored(SITE, "x", "2026-10-01 10:00:00 create 1\n2026-10-10 13:30:00 extend 40").steps[0],
        ),
    )
    place = cloud(extended)

    for hour in range(3):
        place.look(NOON + timedelta(hours=hour))

    assert spans(place.life(extended, SECOND), SIZE_GIB) == [("10 13:00:00", 10), ("10 13:30:00", 40)]


def test_a_transfer_into_a_project_that_was_never_looked_at(cloud):
    """The second project is accounted only from the second look on."""
    volume = moved("12:20:00")
    place = cloud(volume)
    everything = place.demo.site
    without = msgspec.structs.replace(SECOND, tags=())
    place.demo.load(
        WrittenHistory(
            msgspec.structs.replace(everything, projects=(FIRST, without, *everything.projects[2:]))
        )
    )
    place.look(NOON)
    place.demo.load(WrittenHistory(everything))

    place.look(NOON + timedelta(hours=1))

    assert second(place.life(volume, SECOND).begin) == NOON + timedelta(hours=1)


def given_back(*hours):
    """Return a volume that goes to and fro between the first two projects."""
    moves = "".join(f"\n2026-10-10 {hour} transfer {(number + 1) % 2}" for number, hour in enumerate(hours))
    return stored(SITE, "data", f"2026-10-01 10:00:00 create 10 fast{moves}")


@pytest.mark.parametrize("user", ["reader", "admin"])
def test_a_volume_that_comes_back_occupied_nothing_here_meanwhile(cloud, user):
    volume = given_back("12:20:00", "14:20:00", "15:20:00")
    place = cloud(volume)

    for hour in range(5):
        place.look(NOON + timedelta(hours=hour), user)

    giver, taker = place.life(volume), place.life(volume, SECOND)
    assert spans(giver, SIZE_GIB) == [("01 10:00:00", 10), ("10 13:00:00", 0), ("10 15:00:00", 10)]
    assert spans(taker, SIZE_GIB) == [("10 13:00:00", 10), ("10 15:00:00", 0), ("10 16:00:00", 10)]
    assert (second(giver.end), taker.end) == (NOON + timedelta(hours=4), None)
    # It was given away, and came back, at some moment between two looks.
    sizes = [(one.start, one.end) for one in giver.doubts if one.attribute == SIZE_GIB]
    assert [f"{second(start):%H:%M}-{second(end):%H:%M}" for start, end in sizes] == [
        "10:00-10:00",  # of the second in which the row was written
        "12:00-13:00",
        "14:00-15:00",
    ]


def test_what_only_seemed_to_be_gone_was_there_all_the_time(cloud):
    volume = stored(SITE, "data", "2026-10-01 10:00:00 create 10")
    place = cloud(volume)
    everything = place.demo.site
    place.look(NOON)
    place.demo.load(WrittenHistory(msgspec.structs.replace(everything, volumes=())))
    place.look(NOON + timedelta(hours=1))
    place.demo.load(WrittenHistory(everything))

    place.look(NOON + timedelta(hours=2))

    assert spans(place.life(volume), SIZE_GIB) == [("01 10:00:00", 10)]
    assert place.life(volume).end is None


def test_a_transfer_into_a_project_whose_first_look_came_later(cloud):
    """When it is looked at first, the giver has been found without the volume in an earlier run."""
    volume = moved("12:20:00")
    place = cloud(volume)
    everything = place.demo.site
    others = (msgspec.structs.replace(SECOND, tags=()), *everything.projects[2:])
    place.demo.load(WrittenHistory(msgspec.structs.replace(everything, projects=(FIRST, *others))))
    place.look(NOON)
    place.look(NOON + timedelta(hours=1))
    place.demo.load(WrittenHistory(everything))

    place.look(NOON + timedelta(hours=2))

    assert second(place.life(volume).end) == NOON + timedelta(hours=1)
    assert second(place.life(volume, SECOND).begin) == NOON + timedelta(hours=2)


def test_a_transfer_into_a_project_whose_looks_failed_since_before_the_creation(cloud):
    volume = stored(SITE, "data", "2026-10-10 12:10:00 create 10\n2026-10-10 13:20:00 transfer 1")
    place = cloud(volume)
    everything = place.demo.site
    others = (msgspec.structs.replace(SECOND, tags=()), *everything.projects[2:])
    place.look(NOON)
    place.demo.load(WrittenHistory(msgspec.structs.replace(everything, projects=(FIRST, *others))))
    for hour in (1, 2):
        place.look(NOON + timedelta(hours=hour))
    place.demo.load(WrittenHistory(everything))

    place.look(NOON + timedelta(hours=3))

    assert second(place.life(volume).end) == NOON + timedelta(hours=2)
    assert second(place.life(volume, SECOND).begin) == NOON + timedelta(hours=3)


def test_old_volumes_of_a_project_that_is_looked_at_first_were_always_there(cloud):
    volume = stored(SITE, "old", "2026-01-01 00:00:00 create 10")
    place = cloud(volume)

    place.look(NOON)

    assert place.life(volume).begin == datetime(2026, 1, 1, tzinfo=UTC)


MANY = [
    stored(SITE, f"data{number}", f"2026-10-01 10:{number:02}:00 create {number + 1}") for number in range(23)
]


@pytest.mark.parametrize("cap", [1, 5, 23, 1000])
def test_all_pages_are_read(cloud, cap):
    place = cloud(*MANY, page_cap=cap)

    place.look()

    assert {one.id for one in MANY} == set(place.notebook.observations)


def test_an_administrator_lists_all_projects_at_once(cloud):
    theirs = stored(SITE, "theirs", "2026-10-01 10:00:00 create 10", project=1)
    backup = stored(SITE, "saved", "2026-10-01 10:00:00 create 10", project=1, kind="backup")
    place = cloud(*MANY, theirs, backup)

    place.look(user="admin")

    asked = {line: count for line, count in place.demo.requests.items() if "/volume/" in line}
    assert sum(asked.values()) == 4  # the version, and one page of each kind
    assert place.life(theirs, SECOND) is not None
    assert place.life(backup, SECOND) is not None


def test_an_administrator_who_is_no_member_lists_one_project(cloud):
    place = cloud(*MANY, stored(SITE, "theirs", "2026-10-01 10:00:00 create 10", project=1))

    async def inside():
        async with opened(place.url, "admin") as entered:
            projects = (await selected(entered))[:1]
            entered._member_of = frozenset()
            source = sources(entered, everything_at(entered))[0]
            return await look(source, projects, place.notebook)

    asyncio.run(inside())

    assert len(place.notebook.observations) == len(MANY)


def test_where_a_migration_copies_to_is_not_counted_beside_the_volume():
    row = StorageRow(id="a", migration="target:b")

    assert row.is_copy
    assert not StorageRow(id="b", migration="migrating").is_copy


def test_a_listing_that_leaves_something_out_is_repeated(cloud):
    place = cloud(*MANY)
    place.look()
    place.demo.faults.add(Fault(FaultKind.SHORT_PAGE, match="volumes/detail", count=1))

    assert place.look(NOON + timedelta(hours=1)) == []
    assert place.life(MANY[0]).end is None


def test_what_a_listing_left_out_twice_is_taken_from_its_own_row(cloud):
    place = cloud(*MANY)
    place.look()
    place.demo.faults.add(Fault(FaultKind.SHORT_PAGE, match=f"{FIRST.id}/volumes/detail", count=2))

    assert place.look(NOON + timedelta(hours=1)) == []
    assert all(place.life(one).end is None for one in MANY)


def test_a_listing_that_misses_very_much_counts_for_nothing(cloud):
    many = [
        stored(SITE, f"data{number}", f"2026-10-01 10:00:00 create {number + 1}") for number in range(250)
    ]
    place = cloud(*many)
    place.look()
    looks = len(place.notebook.looks)
    place.demo.faults.add(Fault(FaultKind.SHORT_PAGE, match="volumes/detail"))

    with pytest.raises(DoubtfulLookError, match="left out volume"):
        place.look(NOON + timedelta(hours=1))

    assert len(place.notebook.looks) == looks
    assert place.life(many[0]).end is None


def test_a_marker_that_is_deleted_between_two_pages_makes_the_look_begin_again(cloud):
    """The second page can't be found, once."""
    place = cloud(*MANY, page_cap=10)
    place.demo.faults.add(Fault(FaultKind.STATUS, match="volumes/detail.*marker", status=404, count=1))

    place.look()

    assert {one.id for one in MANY} == set(place.notebook.observations)
    assert place.demo.faults.met == 1


@pytest.mark.parametrize("status", [500, 503])
def test_a_cinder_that_fails_says_so(cloud, status):
    place = cloud(*MANY)
    place.demo.faults.add(Fault(FaultKind.STATUS, match="volumes/detail", status=status))

    with pytest.raises(CloudError, match=f"Cinder answered {status}"):
        place.look()


def test_a_refused_listing_says_so(cloud):
    place = cloud(*MANY, storage_forbidden=frozenset({"backups"}))

    with pytest.raises(CloudError, match="Cinder answered 403"):
        place.look()


def test_a_cloud_without_cinder_has_no_volumes(cloud, caplog):
    place = cloud(uncatalogued=frozenset({"volumev3", "block-storage"}))

    assert place.look() == []

    assert {one.look.scope for one in place.batches} == {Scope.CHANGES}
    assert caplog.text.count("no volumes are accounted") == 1


def test_a_cinder_that_vanishes_from_the_catalog_ends_no_life(cloud):
    place = cloud(*MANY)
    place.look()
    place.demo.options = CloudOptions(uncatalogued=frozenset({"volumev3", "block-storage"}))
    place.demo.tokens.forget()

    with pytest.raises(NoEndpointError):
        place.look(NOON + timedelta(hours=1))

    assert place.life(MANY[0]).end is None


def test_a_scope_without_a_project_can_not_ask(cloud):
    place = cloud()

    async def inside():
        async with opened(place.url, "admin") as entered:
            await entered.volume.project_id(SYSTEM)

    with pytest.raises(AccessError, match="in a project"):
        asyncio.run(inside())
