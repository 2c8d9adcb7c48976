"""A day in a real cloud, heard by a collector that is killed again and again.

What the API tells of it is what the services' own messages say, read by code that shares nothing with
ours, and what the services say when they are asked: `usance reconcile` finds no difference. Then
messages are thrown away, and it finds exactly what they were about, and repairs it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from client import wait_for
from lab.capture import Capture
from lab.collecting import Collector, throw_away
from lab.collecting import Life as Told
from lab.history import History, Life, play
from lab.notifications import Notification
from lab.site import policies
from lab.storage_day import StorageDay, VolumeTruth, volumes_from_notifications
from lab.truth import Truth, truth_from_notifications
from place import Place

pytestmark = pytest.mark.timeout(3600)  # the first test waits for the lab, and for the day

TOLERANCE = timedelta(seconds=2)
EXCHANGES = ("nova", "openstack", "neutron", "glance")
HEARD = {"begins_late": True}  # it is created while the collector listens

DAY = {
    "before": Life(second=("stop", "start")),
    "stopped-before": Life(first=("stop",), second=("start",)),
    "deleted-later": Life(second=("delete",)),
    "holder": Life(second=("reboot",), **HEARD),
    "stopped": Life(second=("stop", "start"), **HEARD),
    "paused": Life(second=("pause", "unpause"), **HEARD),
    "suspended": Life(second=("suspend", "resume"), **HEARD),
    "shelved": Life(second=("shelve", "unshelve"), **HEARD),
    "resized": Life(second=("resize", "confirm"), **HEARD),
    "reverted": Life(second=("resize", "revert"), **HEARD),
    "rebuilt": Life(second=("rebuild",), **HEARD),
    "rescued": Life(second=("rescue",), **HEARD),
    "soft-deleted": Life(second=("soft-delete",), **HEARD),
    "restored": Life(second=("soft-delete", "restore"), **HEARD),
    "force-deleted": Life(second=("soft-delete", "force-delete"), **HEARD),
    "brief": Life(second=("delete",), **HEARD),
    "failed": Life(fails=True, **HEARD),
    # What happens to these later is thrown away.
    "stop-unheard": Life(**HEARD),
    "resize-unheard": Life(**HEARD),
    "end-unheard": Life(**HEARD),
}
ENDING = {"deleted-later", "force-deleted", "brief"}
UNHEARD = {"new": Life(**HEARD)}


@dataclass
class Story:
    """All that became of the day."""

    owner: History
    taker: History
    storage: StorageDay
    collector: Collector
    servers: dict[str, Truth]
    volumes: dict[str, VolumeTruth]
    messages: tuple[Notification, ...]
    calm: dict[str, Any]  # what `usance reconcile` said after it
    expected: set[str]  # ids of what was thrown away, and not told again
    found: dict[str, Any]
    repaired: dict[str, Any]
    again: dict[str, Any]

    def truth(self, role: str) -> Truth:
        """Return the life of a server."""
        return self.servers[self.owner.ids[role]]


@pytest.fixture(scope="module")
def story(lab: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Play the day once, and what is thrown away after it."""
    with History(lab, DAY) as owner, History(lab, {}) as taker:
        with policies("accounting"), Capture(lab.amqp_url, EXCHANGES) as capture, ExitStack() as ends:
            projects = (owner.project_id, taker.project_id)
            collector = Collector(lab, tmp_path_factory.mktemp("collector"), projects)
            ends.callback(collector.close)
            storage = StorageDay(owner, taker)
            owner.first_act()
            throw_away(lab)  # what happened before anybody listened
            collector.take_stock()
            with collector.killed_at_random():
                play([owner.second_act, partial(_store, storage, owner)])
                _attach_interface(owner)
                for role in ENDING:
                    ended = partial(capture.has, owner.ids[role], "instance.delete.end")
                    wait_for(f"Nova to say that {role} ended", ended)
            collector.catch_up()
            calm = collector.reconcile(status=0)
            messages = tuple(capture.messages)

            collector.stop()
            told = len(capture.messages)
            expected = _go_unheard(owner, storage, capture)
            lost = throw_away(lab)
            assert lost
            collector.start()
            collector.catch_up()
            expected -= _told_again(capture.messages[told:], lost)
            found = collector.reconcile(status=1)
            repaired = collector.reconcile("--repair", status=0)
            again = collector.reconcile(status=0)
            collector.stop()
        yield Story(
            owner=owner,
            taker=taker,
            storage=storage,
            collector=collector,
            servers=truth_from_notifications(messages),
            volumes=volumes_from_notifications(messages),
            messages=messages,
            calm=calm,
            expected=expected,
            found=found,
            repaired=repaired,
            again=again,
        )


def _store(storage: StorageDay, owner: History) -> None:
    """Do everything to volumes and addresses, once the server is there that they are for."""
    wait_for("the server that volumes are attached to", lambda: _is_at_rest(owner, "holder"))
    storage.play(owner.ids["holder"])


def _is_at_rest(owner: History, role: str) -> bool:
    if role not in owner.ids:
        return False
    server = owner.cloud.get("compute", f"/servers/{owner.ids[role]}")["server"]
    return server["status"] == "ACTIVE" and server["OS-EXT-STS:task_state"] is None


def _attach_interface(owner: History) -> None:
    """Give a server a second interface: it changes nothing that is accounted."""
    network = {"interfaceAttachment": {"net_id": owner.networks["provider"]}}
    owner.cloud.post("compute", f"/servers/{owner.ids['holder']}/os-interface", network)


def _go_unheard(owner: History, storage: StorageDay, capture: Capture) -> set[str]:
    """Let things happen that nobody hears of; return the ids of what they happen to."""
    owner.script = {**DAY, **UNHEARD}
    owner._create("new", UNHEARD["new"])
    owner._do("stop-unheard", "stop")
    owner._do("resize-unheard", "resize")
    owner._do("end-unheard", "delete")
    storage.delete("grows")
    for role, event in (
        ("new", "instance.create.end"),
        ("stop-unheard", "instance.power_off.end"),
        ("resize-unheard", "instance.resize_finish.end"),
        ("end-unheard", "instance.delete.end"),
    ):
        wait_for(f"{event} of {role}", partial(capture.has, owner.ids[role], event))
    wait_for(
        "the volume's end", lambda: _told_of(capture.messages, "volume.delete.end", storage.ids["grows"])
    )
    roles = ("new", "stop-unheard", "resize-unheard", "end-unheard")
    return {*(owner.ids[role] for role in roles), storage.ids["grows"]}


def _told_again(told: Sequence[Notification], lost: Sequence[Notification]) -> set[str]:
    """Return the servers whose end is heard after all: Nova tells it once more when it cleans up."""
    return set(_ends_in(told) - _ends_in(lost))


def _ends_in(messages: Sequence[Notification]) -> Counter[str]:
    """Return how often the end of each server is told, in either format: an update may tell it, too."""
    return Counter(
        str(one.payload.get("uuid") or one.payload.get("instance_id"))
        for one in messages
        if one.event_type.endswith(("instance.delete.end", "instance.update"))
        and one.payload.get("state") == "deleted"
    )


def _told_of(messages: Sequence[Notification], event_type: str, volume: str) -> bool:
    return any(
        one.event_type == event_type and one.payload.get("volume_id") == volume for one in tuple(messages)
    )


# --- what the API tells ---------------------------------------------------------------------


def test_every_server_has_the_life_that_its_messages_tell(story: Story) -> None:
    """Those that ran before are left out here: what happened to them before nobody captured."""
    lives = story.collector.lives("server")
    wrong = [
        f"{role}: {complaint}"
        for role, life in DAY.items()
        if life.begins_late
        for complaint in complaints(
            lives[story.owner.project_id, story.owner.ids[role]], story.truth(role), story
        )
    ]

    assert not wrong, "\n".join(wrong)


def complaints(life: Told, truth: Truth, story: Story) -> Iterator[str]:
    """Yield what of a server's life is not what its messages tell, as it was before anything was lost."""
    end = max(message.sent for message in story.messages)
    if abs(life.begin - truth.created) > TOLERANCE:
        yield f"begins at {life.begin}, not at {truth.created}"
    if truth.deleted is not None and (life.end is None or abs(life.end - truth.deleted) > TOLERANCE):
        yield f"ends at {life.end}, not at {truth.deleted}"
    last = end if truth.deleted is None else truth.deleted
    for name, changes in (("state", truth.states), ("vcpus", truth.vcpus)):
        told = tuple((span.start, span.values.get(name)) for span in life.spans)
        for start, stop, ours, theirs in disagreements(told, changes, life.begin, last):
            yield f"{name} is {ours!r} from {start} to {stop}, not {theirs!r}"


def disagreements(
    ours: Sequence[tuple[datetime, object]],
    theirs: Sequence[tuple[datetime, object]],
    begin: datetime,
    end: datetime,
) -> Iterator[tuple[datetime, datetime, object, object]]:
    """Yield where two courses of one attribute differ for longer than the tolerance."""
    cuts = sorted({at for at, _ in (*ours, *theirs) if begin < at < end} | {begin, end})
    for start, stop in pairwise(cuts):
        one, other = (
            next((value for at, value in reversed(changes) if at <= start), None)
            for changes in (ours, theirs)
        )
        if one != other and stop - start > TOLERANCE:
            yield start, stop, one, other


def test_servers_that_ran_before_anybody_listened_are_known(story: Story) -> None:
    """Stock was taken: with their states, and dated by Nova's own actions."""
    lives = story.collector.lives("server")
    before = {
        role: lives[story.owner.project_id, story.owner.ids[role]]
        for role in DAY
        if not DAY[role].begins_late
    }

    assert [span.values["state"] for span in before["stopped-before"].spans] == [
        "building",
        "active",
        "stopped",
        "active",
    ]
    assert before["deleted-later"].end is not None
    assert all(life.spans[0].start_exact and life.spans[0].launched for life in before.values())


def test_every_volume_has_the_life_that_its_messages_tell(story: Story) -> None:
    lives = story.collector.lives("volume")
    names = {name: one for name, one in story.storage.ids.items() if one in story.volumes and name != "moved"}

    assert names.keys() == {"grows", "retyped", "attached", "deleted"}
    for name, volume in names.items():
        life, truth = lives[story.owner.project_id, volume], story.volumes[volume]
        end = truth.deleted or max(message.sent for message in story.messages)
        told = {
            what: [(span.start, span.values.get(what)) for span in life.spans]
            for what in ("size_gib", "attachments")
        }
        attached = [
            (at, "[" + ",".join(f'"{one}"' for one in sorted(servers)) + "]") for at, servers in truth.servers
        ]
        assert abs(life.begin - truth.created) <= TOLERANCE, name
        assert truth.deleted is None or (
            life.end is not None and abs(life.end - truth.deleted) <= TOLERANCE
        ), name
        assert not list(disagreements(told["size_gib"], truth.sizes, life.begin, end)), name
        assert not list(disagreements(told["attachments"], attached, life.begin, end)), name
    retyped = lives[story.owner.project_id, story.storage.ids["retyped"]]
    assert retyped.spans[-1].values["flavor"] == "lab.fast"


def test_volume_that_was_given_away_is_each_project_s_for_its_time(story: Story) -> None:
    lives = story.collector.lives("volume")
    moved = story.storage.ids["moved"]
    given, taken = lives[story.owner.project_id, moved], lives[story.taker.project_id, moved]
    (_, donor), (at, recipient) = story.volumes[moved].projects

    assert (donor, recipient) == (story.owner.project_id, story.taker.project_id)
    assert given.end == taken.begin
    assert abs(taken.begin - at) <= TOLERANCE


def test_address_and_image_end_when_their_messages_say(story: Story) -> None:
    for kind, name, event in (
        ("floating_ip", "address", "floatingip.delete.end"),
        ("image", "image", "image.delete"),
    ):
        [life] = [
            one for (_, found), one in story.collector.lives(kind).items() if found == story.storage.ids[name]
        ]
        [ended] = {
            message.sent for message in story.messages if _is_about(message, event, story.storage.ids[name])
        }
        assert life.end is not None, kind
        assert abs(life.end - ended) <= TOLERANCE, kind


def _is_about(message: Notification, event_type: str, resource: str) -> bool:
    if message.event_type != event_type:
        return False
    about = message.payload.get("floatingip", message.payload)
    return resource in {about.get("id"), message.payload.get("floatingip_id")}


# --- what reconcile says ---------------------------------------------------------------------


def test_after_the_day_nothing_differs(story: Story) -> None:
    assert story.calm["differences"] == []
    assert story.collector.starts > 3


def test_exactly_what_was_thrown_away_is_found(story: Story) -> None:
    assert ids_in(story.found["differences"]) == story.expected
    told = {(one["id"], one["what"]) for one in story.found["differences"]}
    lost = {
        (story.owner.ids["new"], "missing"),
        (story.owner.ids["stop-unheard"], "state"),
        (story.owner.ids["resize-unheard"], "flavor"),
        (story.owner.ids["end-unheard"], "end"),
        (story.storage.ids["grows"], "end"),
    }
    assert told >= {one for one in lost if one[0] in story.expected}


def test_what_was_thrown_away_is_repaired(story: Story) -> None:
    assert ids_in(story.repaired["differences"]) == story.expected
    assert story.again["differences"] == []
    lives = story.collector.lives("server")
    assert lives[story.owner.project_id, story.owner.ids["end-unheard"]].end is not None
    assert lives[story.owner.project_id, story.owner.ids["resize-unheard"]].spans[-1].values["vcpus"] == 4


def ids_in(differences: Iterable[dict[str, Any]]) -> set[str]:
    return {one["id"] for one in differences}
