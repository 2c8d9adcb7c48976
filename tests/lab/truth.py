"""What really happened, from Nova's notifications alone; shares no code with what it judges.

`instance.update` comes whenever vm_state changes, in the moment in which it is saved; the end of
an operation is a notification of its own (`instance.resize_finish.end`). Both carry the time at
which they were sent, with microseconds. Creation and end stand in the payload, in whole seconds.

A shelving is a special case: with `shelved_offload_time = 0`, Nova's default, one action shelves and
offloads, and only its end is to be had from the API. So a server is `shelved` here from the moment
in which Nova says so, and `shelved_offloaded` from the end of the whole operation: in between
lies what nobody can know who was not listening.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from lab.notifications import Notification

# From when on a server runs on the flavor that its notification shows.
FLAVOR_EVENTS = ("instance.create.end", "instance.resize_finish.end", "instance.resize_revert.end")


@dataclass(frozen=True)
class Truth:
    """The life of one server. Changes are (since when, what); the first of each is the creation's."""

    created: datetime
    deleted: datetime | None
    launched: bool
    states: tuple[tuple[datetime, str], ...]
    vcpus: tuple[tuple[datetime, int], ...]

    def elapsed(self, end: datetime) -> int:
        """Return the seconds of its life up to *end*."""
        return sum(seconds for seconds, _, _ in self._stretches(end))

    def in_states(self, end: datetime, states: Container[str]) -> int:
        """Return the seconds up to *end* that it spent in one of the states."""
        return sum(seconds for seconds, state, _ in self._stretches(end) if state in states)

    def vcpu_seconds(self, end: datetime, without: Container[str]) -> int:
        """Return the sum of vCPUs x seconds up to *end*, leaving out the time in these states."""
        return sum(seconds * vcpus for seconds, state, vcpus in self._stretches(end) if state not in without)

    def _stretches(self, end: datetime) -> Iterator[tuple[int, str, int]]:
        last = end if self.deleted is None else min(end, self.deleted)
        cuts = sorted({at for at, _ in (*self.states, *self.vcpus) if at < last} | {last})
        for start, stop in pairwise(cuts):
            state = [value for since, value in self.states if since <= start][-1]
            vcpus = [value for since, value in self.vcpus if since <= start][-1]
            yield whole(stop) - whole(start), state, vcpus


def whole(instant: datetime) -> int:
    """Return the whole seconds since 1970, rounded down."""
    return int(instant.timestamp())


def parse(text: str) -> datetime:
    """Read an instant of a versioned payload: `2026-11-22T01:44:51Z`."""
    return datetime.fromisoformat(text)


def truth_of_one(messages: list[Notification]) -> Truth:
    """Return the life of one server from all notifications about it."""
    created = parse(messages[0].payload["created_at"])
    states: list[tuple[datetime, str]] = [(created, "building")]
    vcpus: list[tuple[datetime, int]] = [(created, flavor_vcpus(messages[0].payload))]
    deleted: datetime | None = None
    for message in messages:
        payload = message.payload
        if message.event_type == "instance.delete.end":
            deleted = parse(payload["terminated_at"] or payload["deleted_at"])
        elif message.event_type == state_event(payload["state"]) and payload["state"] != states[-1][1]:
            states.append((message.sent, payload["state"]))
        elif message.event_type in FLAVOR_EVENTS and flavor_vcpus(payload) != vcpus[-1][1]:
            vcpus.append((message.sent, flavor_vcpus(payload)))
    return Truth(
        created=created,
        deleted=deleted,
        launched=any(message.payload["launched_at"] for message in messages),
        states=tuple(states),
        vcpus=tuple(vcpus),
    )


def state_event(state: str) -> str | None:
    """Return the notification that dates the begin of a state; None if it is none of a life."""
    if state == "shelved_offloaded":
        return "instance.shelve_offload.end"
    return None if state == "deleted" else "instance.update"


def flavor_vcpus(payload: dict[str, Any]) -> int:
    """Return the vCPUs of the flavor in a payload."""
    return int(payload["flavor"]["nova_object.data"]["vcpus"])


def truth_from_notifications(messages: Iterable[Notification]) -> dict[str, Truth]:
    """Return the life of each server, by its id, from what Nova said in versioned notifications."""
    found: dict[str, list[Notification]] = {}
    for message in sorted(messages, key=lambda message: message.sent):
        if (
            message.versioned
            and message.event_type.startswith("instance.")
            and message.payload.get("created_at")
        ):
            found.setdefault(message.payload["uuid"], []).append(message)
    return {server: truth_of_one(about) for server, about in found.items()}
