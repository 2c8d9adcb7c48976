"""From what Gnocchi was told of a server to observations: pure.

Ceilometer tells Gnocchi what notifications and polls say, when they come. So a revision is no
claim of when something happened: it says that by then it was so. That is a sighting, at that
instant; when a value changed in between is inferred. The creation, the launch and the
deletion are Nova's own times, which the resource carries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.resource import (
    DISK_GIB,
    EPHEMERAL_GIB,
    FLAVOR,
    IMAGE_ID,
    RAM_MIB,
    STATE,
    USER_ID,
    VCPUS,
    Resource,
    Value,
)
from usance.sources.gnocchi_rows import POLLED_ONLY, Measure, ServerRow, told_instant
from usance.sources.nova_observations import HOST, LONGEST, SERVER_NAME, WHOLE_SECOND_US
from usance.sources.nova_states import ACTIVE

NAME: Final = "gnocchi"

# Described attributes of a server, by which a later look knows what it has read.
REVISION: Final = "revision"
PENDING: Final = "revision_pending"  # what was missing: so it is read again for a while

METRICS: Final = {
    VCPUS: "vcpus",
    RAM_MIB: "memory",
    DISK_GIB: "disk.root.size",
    EPHEMERAL_GIB: "disk.ephemeral.size",
}
"""The metrics that tell the size of a flavor: memory in MiB, disks in GiB, as Nova has them."""

SIZES: Final = (VCPUS, RAM_MIB, DISK_GIB)
"""What a record can't do without."""

_CLOCKS: Final = timedelta(minutes=1)  # by which the clocks of Nova and Gnocchi may disagree
_LARGEST: Final = 2**53


class Stretch(msgspec.Struct, frozen=True):
    """A time in which nothing was told that changes what is accounted."""

    begin: datetime
    end: datetime | None  # when something else was told; None: nothing yet
    revisions: tuple[ServerRow, ...]

    @property
    def row(self) -> ServerRow:
        """The latest revision in it."""
        return self.revisions[-1]


class Told(msgspec.Struct, frozen=True):
    """A stretch, and what was found out about it."""

    stretch: Stretch
    flavor: Mapping[str, Value]  # the accounted attributes of its flavor
    measured: tuple[datetime, ...] = ()  # when samples came in it, that would have told another flavor


def stretches(revisions: Sequence[ServerRow]) -> list[Stretch]:
    """Cut a server's revisions, in order, where they tell another user, flavor or image."""
    found: list[list[ServerRow]] = []
    for row in revisions:
        if found and _accounted_key(found[-1][-1]) == _accounted_key(row):
            found[-1].append(row)
        else:
            found.append([row])
    ends = [rows[0].since for rows in found[1:]]
    return [Stretch(rows[0].since, end, tuple(rows)) for rows, end in zip(found, [*ends, None], strict=True)]


def _accounted_key(row: ServerRow) -> tuple[str | None, str | None, str | None]:
    return row.user_id, row.flavor_name or row.flavor_id, row.image_ref


def size_of(measures: Sequence[Measure]) -> int | None:
    """Return the last of some measures, if it can be a size: a mean of two flavors is none."""
    if not measures:
        return None
    value = measures[-1][2]
    return int(value) if 0 <= value < _LARGEST and value == int(value) else None


def inside(measures: Sequence[Measure], begin: datetime, end: datetime | None) -> list[Measure]:
    """Return the measures of which every sample lies in a stretch: one on its edge may be of two flavors."""
    found = []
    for one in measures:
        start = told_instant(one[0])
        if start is None or start < begin or not 0 < one[1] < _LARGEST:
            continue
        if end is None or start + timedelta(seconds=one[1]) <= end:
            found.append(one)
    return sorted(found)


def marker(
    resource: Resource, row: ServerRow, begin: datetime, end: datetime, pending: str = ""
) -> Observation:
    """Return what is remembered of having read a revision. It proves nothing of the server."""
    described: dict[str, Value] = {REVISION: row.revision_start[:LONGEST]}
    if pending:
        described[PENDING] = pending
    return Observation(
        resource=resource, verb=Verb.SEEN, at=end, begin=begin, source=NAME, described=described
    )


def observations(
    resource: Resource, told: Sequence[Told], outlived: datetime | None = None
) -> list[Observation]:
    """Return all that Gnocchi's revisions of a server say, in the order of its stretches.

    *outlived* is when the hypervisor still told of a server whose deletion had begun long before: then
    it has failed.
    """
    revisions = [row for one in told for row in one.stretch.revisions]
    created_at = _created_at(revisions)
    deletion = _deletion(resource, revisions[-1]) if outlived is None else None
    first_launch = min(filter(None, (told_instant(row.launched_at) for row in revisions)), default=None)
    launched = first_launch is not None or POLLED_ONLY in revisions[-1].metrics
    found: list[Observation] = []

    def see(at: datetime, accounted: dict[str, Value], described: dict[str, Value] | None = None) -> None:
        # What comes in while the server is being deleted says nothing of a life after that.
        instant = at if deletion is None else min(at, deletion.at)
        found.append(
            Observation(
                resource=resource,
                verb=Verb.SEEN,
                at=instant,
                begin=instant,
                source=NAME,
                accounted=accounted,
                described=described or {},
                created_at=created_at,
                created_resolution_us=WHOLE_SECOND_US,
                launched=launched,
            )
        )

    if first_launch is not None:
        see(first_launch, {STATE: ACTIVE})
    for one in told:
        accounted = _accounted(one)
        described: dict[str, Value] = {}
        for row in one.stretch.revisions:
            if row is one.stretch.revisions[0]:
                see(one.stretch.begin, accounted, described := _described(row))
            elif _described(row) != described:
                described = _described(row)
                found.append(
                    Observation(
                        resource=resource,
                        verb=Verb.SEEN,
                        at=row.since,
                        begin=row.since,
                        source=NAME,
                        described=described,
                    )
                )
        for at in one.measured:
            see(at, accounted)
    if outlived is not None:
        see(outlived, _accounted(told[-1]))
    return found if deletion is None else [*found, deletion]


def _accounted(told: Told) -> dict[str, Value]:
    row = told.stretch.row
    found: dict[str, Value] = {}
    if row.user_id:
        found[USER_ID] = row.user_id[:LONGEST]
    found |= told.flavor
    if row.flavor_name:
        found[FLAVOR] = row.flavor_name[:LONGEST]
    # A notification has the image's URL, a poll its id.
    image_id = (row.image_ref or "").rstrip("/").rpartition("/")[2]
    if image_id:
        found[IMAGE_ID] = image_id[:LONGEST]
    return found


def _described(row: ServerRow) -> dict[str, Value]:
    named = ((SERVER_NAME, row.display_name), (HOST, row.host))
    return {attribute: text[:LONGEST] for attribute, text in named if text}


def _created_at(revisions: Sequence[ServerRow]) -> datetime | None:
    """Return the creation: the earliest that was told.

    A poll that reads libvirt tells when the guest was defined, which each move and resize does anew. One
    that is later than what was first told of the server is none.
    """
    told = min(filter(None, (told_instant(row.created_at) for row in revisions)), default=None)
    return told if told is not None and told <= revisions[0].since + _CLOCKS else None


def _deletion(resource: Resource, row: ServerRow) -> Observation | None:
    """Claim the deletion: Nova's time if it was told, else when Ceilometer heard of its start."""
    at, quality = told_instant(row.deleted_at), DeletionQuality.DELETED_AT
    if at is None:
        at, quality = told_instant(row.ended_at), DeletionQuality.ENVELOPE
    if at is None:
        return None
    return Observation(
        resource=resource,
        verb=Verb.DELETED,
        at=at,
        source=NAME,
        resolution_us=WHOLE_SECOND_US if quality is DeletionQuality.DELETED_AT else 0,
        quality=quality,
    )
