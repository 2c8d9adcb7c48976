"""Push and pull of one server are one timeline: an action and its event are one change."""

import pytest

from unit.collector.nova_messages import History, legacy_of, read, versioned_of
from unit.model.lives import at, ledger, life
from usance.model.resource import SERVER, Resource
from usance.sources.nova_actions import tell
from usance.sources.nova_observations import Seen, observations
from usance.sources.nova_rows import ActionRow, ImageRow, ServerRow

SMALL = {"flavor": "m1.small", "vcpus": 1, "ram_mib": 2048, "disk_gib": 20, "ephemeral_gib": 5}
LARGE = {"flavor": "m1.large", "vcpus": 4, "ram_mib": 8192, "disk_gib": 80, "ephemeral_gib": 5}
NEITHER = {"accelerators": "", "benchmark_type": "hepscore23", "benchmark_value": "18.5"}

# The step, when its message was sent, its action, and when that began and ended, in whole seconds.
STEPS = [
    ("create", "10:00:20.3", "create", "10:00:00", "10:00:20"),
    ("stop", "11:00:00.7", "stop", "10:59:58", "11:00:01"),
    ("start", "12:00:00.2", "start", "11:59:58", "12:00:00"),
    ("resize", "13:00:10.4", "resize", "13:00:00", "13:00:10"),
    ("confirm", "13:30:05.9", "confirmResize", "13:30:00", "13:30:06"),
    ("resize", "13:40:10.4", "resize", "13:40:00", "13:40:10"),
    ("revert", "13:50:05.9", "revertResize", "13:50:00", "13:50:06"),
    ("shelve", "14:00:00.6", "shelve", "13:59:50", "14:00:01"),
    ("unshelve", "15:00:00.5", "unshelve", "14:59:30", "15:00:01"),
    ("rebuild", "16:00:00.5", "rebuild", "15:59:30", "16:00:00"),
]


@pytest.fixture
def history():
    history = History()
    for name, sent, *_ in STEPS:
        if name == "create":
            history.create(at(sent))
        else:
            assert history.step(name, at(sent))
    return history


def pulled():
    """Return what the pull source says: two looks at the row, and all actions since the creation."""
    said = []
    for hour, flavor, image in (("12:30", SMALL, "image-1"), ("17:00", LARGE, "image-11")):
        done = [one for one in STEPS if at(one[4]) < at(hour)]
        rows = [
            ActionRow(
                action=action,
                request_id=f"req-{number}",
                start_time=f"2026-11-20T{begin}.000000",
                updated_at=f"2026-11-20T{end}.000000",
            )
            for number, (_, _, action, begin, end) in enumerate(done, 1)
        ]
        row = ServerRow(
            id="server-1",
            name="web",
            status="ACTIVE",
            tenant_id="project-1",
            user_id="user-1",
            created="2026-11-20T10:00:00Z",
            updated=f"2026-11-20T{done[-1][4]}Z",
            vm_state="active",
            launched_at="2026-11-20T10:00:20",
            image=ImageRow(image),
        )
        resource = Resource("project-1", "cloud-1", SERVER, "server-1")
        seen = Seen(row, resource, flavor | NEITHER, at(hour), at(hour + ":01"))
        said += observations(seen, tell(row, rows, {}, read_from=at(hour)))
    return said


@pytest.mark.parametrize("chosen", [list, versioned_of], ids=["both", "versioned"])
def test_actions_add_nothing_to_the_events_of_their_requests(history, chosen):
    messages = chosen(history.messages)

    push, both = life(*read(*messages)), life(*read(*messages), *pulled())

    assert both.spans == push.spans
    assert not both.doubts


def test_legacy_events_time_what_the_pull_source_tells_better(history):
    both = life(*read(*legacy_of(history.messages)), *pulled())

    assert ledger(both, "state", "flavor", "image_id", "benchmark_value") == [
        "10:00-10:00:20.3 building m1.small image-1 18.5",
        "10:00:20.3-11:00:00.7 active m1.small image-1 18.5",
        "11:00:00.7-12:00:00.2 stopped m1.small image-1 18.5",
        "12:00:00.2-13:00:10.4 active m1.small image-1 18.5",
        "13:00:10.4-13:30:05.9 resized m1.large image-1 18.5",
        "13:30:05.9-13:40:10.4 active m1.large image-1 18.5",
        "13:40:10.4-13:50:05.9 resized g1.gpu image-1 18.5",
        "13:50:05.9-14:00:00.6 active m1.large image-1 18.5",
        "14:00:00.6-15:00:00.5 shelved m1.large image-1 18.5",
        "15:00:00.5-16:00:00.5 active m1.large image-1 18.5",
        "16:00:00.5-now active m1.large image-11 18.5",
    ]
    assert {one.attribute for one in both.doubts} <= {"accelerators", "benchmark_type", "benchmark_value"}
