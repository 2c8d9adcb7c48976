"""Looks at the simulated Nova: whole, in part, and disturbed."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from looking import Notebook, look, opened, selected
from usance.cloud.access import Cloud
from usance.demo import truth
from usance.demo.clock import Clock
from usance.demo.cloud import CloudOptions, DemoCloud
from usance.demo.faults import Fault, FaultKind
from usance.demo.history import SeededHistory, WrittenHistory, microseconds
from usance.demo.life import Life, LifeWriter
from usance.demo.server import serving
from usance.demo.site import EVERYWHERE, FLAVORS, standard_site
from usance.model.errors import AccessError, CloudError, DoubtfulLookError
from usance.model.observation import Batch, Scope, Verb
from usance.model.period import epoch_seconds
from usance.model.span import Timeline
from usance.sources.nova import NovaSource

BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=30)
SUSPENDED = truth.SUSPENDED
SITE = standard_site(projects=3)


def seeded(seed: int = 0, servers: int = 24, **more: Any) -> DemoCloud:
    """Return a cloud with a random month, its clock at the end."""
    options = more.pop("options", None)
    history = SeededHistory(seed, servers=servers, begin=BEGIN, end=END, **more)
    return DemoCloud(history, clock=Clock(END), options=options)


def day(number: float) -> int:
    """Return an instant of the month, in microseconds."""
    return microseconds(BEGIN + timedelta(days=number))


def written(*lives: Life, now: float = 20, options: CloudOptions | None = None) -> DemoCloud:
    """Return a cloud with these servers, on some day."""
    return DemoCloud(WrittenHistory(SITE, lives), clock=Clock(BEGIN + timedelta(days=now)), options=options)


def server(number: int, *steps: tuple[str, float], created: float = 1, **more: Any) -> Life:
    """Return a server of the first project: created, and then each step on its day, for ten seconds."""
    writer = LifeWriter(day(created), FLAVORS[1], SITE.images[0].id)
    writer.act("create", day(created), day(created) + 8_000_000)
    for action, when in steps:
        if action == "delete":
            writer.delete(day(when), day(when) + 5_000_000, day(when) + 6_000_000)
        elif action == "soft delete":
            writer.soft_delete(day(when), day(when) + 5_000_000)
        else:
            flavor = FLAVORS[3] if action == "resize" else None
            writer.act(action, day(when), day(when) + 10_000_000, flavor=flavor)
    values = {
        "id": f"00000000-0000-4000-a000-{number:012d}",
        "project_id": SITE.projects[0].id,
        "user_id": SITE.users[0].id,
        "name": f"server-{number}",
        "zone": "nova",
        "host": "compute1",
        "cell": 1,
        "created_us": day(created),
        "flavor": FLAVORS[1],
        "image_id": SITE.images[0].id,
        "steps": tuple(writer.steps),
        "deleted_us": writer.deleted_us,
    }
    return Life(**(values | more))


@pytest.fixture
def notebook() -> Notebook:
    """Return a notebook with nothing in it."""
    return Notebook()


class Place:
    """A served cloud, and what is done with it."""

    def __init__(self, demo: DemoCloud, url: str, notebook: Notebook) -> None:
        self.demo = demo
        self.url = url
        self.notebook = notebook
        self.requests = 0

    def look(self, user: str = "reader", *, full: bool = False, **settings: Any) -> list[Batch]:
        """Look once, as one run of the program does; count what it asked."""

        async def do(cloud: Cloud) -> list[Batch]:
            projects = await selected(cloud)
            batches = await look(NovaSource(cloud), projects, self.notebook, full=full)
            self.requests = cloud.client.requests
            return batches

        return self.do(do, user, **settings)

    def do(self, do: Callable[[Cloud], Awaitable[Any]], user: str = "reader", **settings: Any) -> Any:
        """Do something with the cloud."""

        async def inside() -> Any:
            async with opened(self.url, user, **settings) as cloud:
                return await do(cloud)

        return asyncio.run(inside())

    def asked(self, ending: str) -> int:
        """Return how many paths with this ending were asked for."""
        return sum(number for path, number in self.demo.requests.items() if path.endswith(ending))

    def timeline(self, life: Life) -> Timeline:
        """Return the timeline of a server."""
        return self.notebook.timelines()[life.id]


@pytest.fixture
def place(notebook: Notebook) -> Iterator[Callable[[DemoCloud], Place]]:
    """Return what serves a cloud for the time of a test."""
    serving_now = []

    def serve(demo: DemoCloud) -> Place:
        context = serving(demo)
        url = context.__enter__()
        serving_now.append(context)
        return Place(demo, url, notebook)

    yield serve
    for context in serving_now:
        context.__exit__(None, None, None)


def amounts(life: Timeline, until: datetime) -> tuple[int, int, int]:
    """Return elapsed and suspended seconds, and vCPU-seconds."""
    elapsed = suspended = vcpu = 0
    for span in life.spans if life.launched else ():
        end = until if span.end is None else min(span.end, until)
        seconds = max(0, epoch_seconds(end) - epoch_seconds(span.start))
        elapsed += seconds
        if span.values.get("state") in SUSPENDED:
            suspended += seconds
        else:
            vcpu += seconds * int(span.values.get("vcpus", 0))
    return elapsed, suspended, vcpu


def check_against_truth(place: Place) -> None:
    """Hold every timeline to the history: exactly, but for vCPUs where a flavor is marked as inferred."""
    now = place.demo.clock.now()
    timelines = place.notebook.timelines()
    history = place.demo.regions["RegionOne"].history
    for number in range(len(history)):
        life = history.life(number)
        true = list(truth.of_server(life, microseconds(now)).values())
        found = timelines.get(life.id)
        if found is None:
            assert not true, life
            continue
        elapsed, suspended, vcpu = amounts(found, now)
        assert elapsed == sum(one.elapsed_s for one in true), life
        assert suspended == sum(one.suspended_s for one in true), life
        if not any(doubt.attribute == "vcpus" for doubt in found.doubts):
            assert vcpu == sum(one.vcpu_s for one in true), life


# --- truth ---


@pytest.mark.parametrize("user", ["reader", "admin"])
@pytest.mark.parametrize("looks", [1, 5])
def test_seconds_are_exact_whatever_the_number_of_looks(place, user, looks):
    there = place(seeded(seed=looks))

    for number in range(looks):
        there.demo.clock.set(
            BEGIN + timedelta(days=31 * (number + 1) / looks, seconds=number, microseconds=7)
        )
        there.look(user, full=number == 2)

    check_against_truth(there)


def test_times_between_a_request_and_its_end_are_exact_too(place):
    """Look again and again while a server is busy: nothing is told before it is over."""
    there = place(written(server(1, ("suspend", 2), ("resume", 3), ("shelve", 4), ("unshelve", 5))))

    for start, seconds in itertools.product((1, 2, 3, 4, 5), (0, 1, 5, 9, 11)):
        there.demo.clock.set(BEGIN + timedelta(days=start, seconds=seconds, microseconds=500_000))
        there.look()

    check_against_truth(there)


def test_resize_is_exact_when_both_flavors_were_seen(place):
    life = server(1, ("resize", 4), ("confirmResize", 8))
    there = place(written(life))

    for number in (2, 6, 9):
        there.demo.clock.set(BEGIN + timedelta(days=number))
        there.look()

    found = there.timeline(life)
    assert not found.doubts
    check_against_truth(there)


def test_server_that_lived_between_two_looks_is_known_with_user_flavor_and_image(place):
    life = server(1, ("stop", 11), ("delete", 12), created=10)
    there = place(written(life, now=5))
    there.look()

    there.demo.clock.set(END)
    there.look()

    found = there.timeline(life)
    assert [span.values["state"] for span in found.spans] == ["building", "active", "stopped"]
    assert found.spans[0].values["flavor"] == "m1.small"
    assert found.spans[0].values["user_id"] == SITE.users[0].id
    assert found.spans[0].values["image_id"] == SITE.images[0].id
    assert not found.doubts
    assert found.end == datetime.fromtimestamp(life.deleted_us // 1_000_000, UTC)
    assert found.end_exact


def test_half_deleted_server_ends_when_its_row_was_last_saved(place):
    life = server(1, ("delete", 12), half_deleted=True)
    there = place(written(life, now=25))

    there.look()

    assert there.timeline(life).end is not None
    assert abs(there.timeline(life).end - (BEGIN + timedelta(days=12, seconds=5))) <= timedelta(seconds=2)


@pytest.mark.parametrize("omitted", [("flavor",), ("image",), ("user_id",)])
def test_row_that_lacks_something_tells_the_rest(place, omitted):
    life = server(1, omitted=omitted)
    there = place(written(life))

    there.look()

    values = there.timeline(life).spans[-1].values
    assert values["state"] == "active"
    assert ("vcpus" in values) is (omitted != ("flavor",))
    assert ("image_id" in values) is (omitted != ("image",))
    assert ("user_id" in values) is (omitted != ("user_id",))


@pytest.mark.parametrize(
    "name", ["%%", "before\n%%\nSiteName: FORGED", "bell\x07\x1b[31m", "日本語🚀", "x" * 255]
)
def test_hostile_name_is_kept_as_it_is(place, name):
    life = server(1, name=name)
    there = place(written(life))

    there.look()

    assert there.timeline(life).describe("name") == name


@pytest.mark.parametrize("version", [(2, 1), (2, 46), (2, 57), (2, 60)])
def test_old_nova_tells_the_same_of_what_lives_on_flavors_that_exist(place, version):
    lives = [
        server(1, ("suspend", 3), ("resume", 5)),
        server(2, ("resize", 4), ("confirmResize", 5)),
        server(3, ("shelve", 4)),
    ]
    there = place(written(*lives, now=2, options=CloudOptions(max_microversion=version)))
    there.look()

    there.demo.clock.set(END)
    there.look()

    check_against_truth(there)
    assert not any(one.doubts for one in there.notebook.timelines().values())


def test_each_flavor_of_an_old_nova_is_asked_for_once(place):
    there = place(seeded(options=CloudOptions(max_microversion=(2, 46))))

    there.look()

    assert there.asked("/os-extra_specs") <= len(FLAVORS)


# --- looks ---


def test_look_that_finds_nothing_new_says_nothing(place):
    there = place(seeded())
    there.look()

    batches = there.look()

    assert sum(len(one.observations) for one in batches) == 0
    assert all(one.look is not None and one.look.scope is Scope.CHANGES for one in batches)


def test_watermark_is_the_begin_of_the_look_less_the_margin(place):
    there = place(seeded())

    first = [one for one in there.look(margin_s=120) if one.look]
    second = [one for one in there.look(margin_s=7200) if one.look]

    assert all(one.watermark == one.look.begin - timedelta(seconds=120) for one in first)
    # It never goes back, and is what the next look asks for.
    assert [one.watermark for one in second] == [one.look.since for one in second]
    assert {one.look.since for one in second} <= {one.watermark for one in first}


def test_first_look_is_a_full_one_of_all_times(place):
    there = place(seeded())

    looks = [one.look for one in there.look() if one.look]

    assert len(looks) == 3
    assert all(one.scope is Scope.FULL and one.since is None for one in looks)


def test_every_sighting_lies_in_the_window_of_its_look(place):
    there = place(seeded(options=CloudOptions(page_cap=2)))

    batches = there.look()

    windows = {one.look.project_id: one.look for one in batches if one.look}
    for batch in batches:
        for one in batch.observations:
            if one.verb.is_sighting and one.begin != one.at:
                window = windows[one.resource.project_id]
                assert window.begin == one.begin
                assert one.at <= window.end


def test_row_that_was_archived_is_gone_at_the_next_full_look_only(place):
    life = server(1, ("delete", 10), purged_us=day(11))
    there = place(written(life, server(2), now=5))
    there.look()

    there.demo.clock.set(BEGIN + timedelta(days=15))
    there.look()
    before = there.timeline(life)
    there.demo.clock.advance(timedelta(minutes=1))
    there.look(full=True)
    after = there.timeline(life)

    assert before.end is None
    assert after.end is not None
    assert not after.end_exact
    assert (after.doubts[-1].start, after.doubts[-1].attribute) < (BEGIN + timedelta(days=10), "z")


def test_soft_deleted_server_lives_on_in_a_full_look(place):
    """Nova's plain listing hides it."""
    life = server(1, ("soft delete", 10))
    there = place(written(life, now=5))
    there.look()

    for number in (12, 14):
        there.demo.clock.set(BEGIN + timedelta(days=number))
        there.look(full=True)

    found = there.timeline(life)
    assert found.end is None
    assert found.spans[-1].values["state"] == "soft-delete"


def test_project_of_1300_servers_is_read_whole_in_pages_of_100(place):
    lives = [server(number) for number in range(1300)]
    there = place(written(*lives, options=CloudOptions(page_cap=100)))
    there.demo.faults.add(Fault(FaultKind.STATUS, "os-instance-actions", status=403))

    there.look()

    assert len(there.notebook.timelines()) == 1300


def test_page_limit_of_the_operator_is_asked_for(place):
    there = place(seeded(options=CloudOptions(page_cap=100)))

    there.look(page_limit=3)

    assert there.asked("/servers/detail") >= 8
    check_against_truth(there)


# --- few calls ---


def test_calls_are_few(place):
    """Ten projects of which each has changes: at most 60 calls beside one for each changed server."""
    there = place(seeded(servers=200, projects=10, actions=4))
    there.demo.clock.set(END - timedelta(days=1))
    there.look()
    there.demo.requests.clear()

    there.demo.clock.set(END)
    batches = there.look()

    changed = {one.resource.id for batch in batches for one in batch.observations}
    assert len(changed) > 5
    assert there.asked("/os-instance-actions") == len(changed)
    assert there.requests - len(changed) <= 40
    check_against_truth(there)


def test_administrator_asks_once_for_all_changes(place):
    there = place(seeded(servers=30, projects=10))
    there.look("admin")
    there.demo.requests.clear()

    there.look("admin")

    assert there.asked("/servers/detail") == 1
    assert there.asked("/auth/tokens") <= 3


def test_member_of_some_projects_reads_those(place):
    there = place(seeded())

    there.look("some-reader")

    wanted = {one.id for one in there.demo.site.projects[::2]}
    assert {batch.look.project_id for batch in there.look("some-reader") if batch.look} == wanted


def test_project_whose_role_was_taken_away_is_refused_in_a_sentence_and_alone(place):
    there = place(seeded())
    reader = next(one for one in there.demo.site.users if one.name == "reader")

    async def do(cloud: Cloud) -> None:
        first, lost, _ = await selected(cloud)
        reader.roles.pop(EVERYWHERE)
        reader.roles[first.id] = ("reader",)
        await look(NovaSource(cloud), (first,), there.notebook)
        with pytest.raises(AccessError, match=f"reader has no role in project {lost.id}"):
            await look(NovaSource(cloud), (lost,), there.notebook)

    there.do(do)

    assert len(there.notebook.watermarks) == 1


# --- disturbed ---


@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.STATUS, "compute", status=500, probability=0.2),
        Fault(FaultKind.STATUS, "compute", status=429, retry_after_s=0, probability=0.2),
        Fault(FaultKind.DROP, "compute", probability=0.2),
        Fault(FaultKind.CUT, "compute", probability=0.2),
        Fault(FaultKind.TRUNCATE, "compute", probability=0.2),
        Fault(FaultKind.EXPIRE, "compute", probability=0.05),
        Fault(FaultKind.SLOW_BODY, "servers/detail", delay_ms=2),
    ],
    ids=lambda fault: fault.kind,
)
def test_disturbed_look_says_what_an_undisturbed_one_does(place, fault):
    there = place(seeded(options=CloudOptions(page_cap=4)))
    there.demo.faults.add(fault)

    there.look(retries=8)

    assert there.demo.faults.met
    check_against_truth(there)


def test_look_that_fails_half_way_moves_no_watermark_and_loses_nothing(place):
    there = place(seeded(options=CloudOptions(page_cap=2)))
    there.demo.faults.add(Fault(FaultKind.STATUS, "servers/detail.*marker=", skip=1, status=500))

    with pytest.raises(CloudError, match=r"Nova answered 500 to GET /RegionOne/compute/v2\.1/servers/detail"):
        there.look()
    first = dict(there.notebook.watermarks)
    there.demo.faults.clear()
    there.look()

    assert first == {}
    check_against_truth(there)


def test_slow_nova_is_given_up_with_a_sentence(place):
    there = place(seeded())
    there.demo.faults.add(Fault(FaultKind.LATENCY, "servers/detail", delay_ms=1500))

    with pytest.raises(
        CloudError, match=r"did not answer GET /RegionOne/compute/v2\.1/servers/detail within 1 s"
    ):
        there.look(timeout_s=1, retries=0)


def test_short_page_without_a_link_is_found_by_a_full_look(place):
    """Nova's answer when the database of a cell fails: 200, fewer rows, and no next link."""
    there = place(seeded(servers=60, deleted=0.0))
    there.look()
    there.demo.faults.add(Fault(FaultKind.SHORT_PAGE, "servers/detail$", count=1))

    batches = there.look(full=True)

    # The look was repeated, and is complete.
    assert there.demo.faults.met == 1
    assert all(one.verb is not Verb.GONE for batch in batches for one in batch.observations)
    check_against_truth(there)


def test_servers_that_no_listing_shows_and_no_get_answers_for_make_the_look_doubtful(place):
    there = place(seeded(servers=60, deleted=0.0))
    there.look()
    before = dict(there.notebook.watermarks)
    there.demo.faults.add(Fault(FaultKind.SHORT_PAGE, "servers/detail$"))
    there.demo.faults.add(Fault(FaultKind.STATUS, r"servers/[^/?]+$", status=500))

    with pytest.raises(CloudError):
        there.look(full=True)

    assert there.notebook.watermarks == before
    assert all(one.verb is not Verb.GONE for said in there.notebook.observations.values() for one in said)


def test_cell_that_is_down_makes_a_full_look_doubtful(place):
    there = place(seeded(servers=30, deleted=0.0))
    there.look()
    before = dict(there.notebook.watermarks)
    there.demo.regions["RegionOne"].down_cells.add(2)

    with pytest.raises(DoubtfulLookError, match="one of its cells is down"):
        there.look(full=True)

    assert there.notebook.watermarks == before
    there.demo.regions["RegionOne"].down_cells.clear()
    there.look(full=True)
    check_against_truth(there)


def test_actions_that_nobody_may_read_are_inferred_with_one_warning(place, caplog):
    suspended, resumed = (BEGIN + timedelta(days=one, seconds=10) for one in (3, 9))
    life = server(1, ("suspend", 3), ("resume", 9))
    there = place(written(life, server(2), now=2))
    there.demo.faults.add(Fault(FaultKind.STATUS, "os-instance-actions", status=403))

    for number in (2, 5, 12):
        there.demo.clock.set(BEGIN + timedelta(days=number))
        there.look()

    found = there.timeline(life)
    assert [span.values["state"] for span in found.spans] == ["active", "suspended", "active"]
    states = [doubt for doubt in found.doubts if doubt.attribute == "state"]
    assert all(any(one.start <= day <= one.end for one in states) for day in (suspended, resumed))
    assert not any(doubt.attribute == "life" for doubt in found.doubts)
    warnings = [one for one in caplog.records if "dated by looks only" in one.getMessage()]
    assert len(warnings) == 3  # one a run


def test_clock_of_the_cloud_that_is_an_hour_behind_dates_the_look(place):
    there = place(written(server(1, ("suspend", 3)), now=10))
    there.demo.clock.set(BEGIN + timedelta(days=10))

    looks = [one.look for one in there.look() if one.look]

    assert all(abs(one.begin - (BEGIN + timedelta(days=10))) < timedelta(seconds=5) for one in looks)
