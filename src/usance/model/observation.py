"""Observations and looks: what a source says, and when it was so in the cloud."""

from __future__ import annotations

import enum
import hashlib
from datetime import datetime

import msgspec

from usance.model.resource import Resource, Value

_encoder = msgspec.json.Encoder(order="deterministic")


class Verb(enum.StrEnum):
    """What an observation says of its resource."""

    CREATED = "created"  # exact claims: something happened at this instant
    CHANGED = "changed"
    DELETED = "deleted"
    LEFT = "left"
    ENTERED = "entered"
    SEEN = "seen"  # sightings: so it was at some moment of a look
    GONE = "gone"

    @property
    def is_sighting(self) -> bool:
        """True for what a look saw, false for an exact claim."""
        return self is _SEEN or self is _GONE


_SEEN, _GONE = Verb.SEEN, Verb.GONE  # by name, each look-up of a member takes longer than all the rest


class DeletionQuality(enum.IntEnum):
    """Where the time of a deletion comes from; the greatest is the best (TIMELINE, rule 11)."""

    UPDATED = 1  # updated_at of a row that says DELETED
    ENVELOPE = 2  # the time of a message
    ACTION = 3  # the end of the delete action
    DELETED_AT = 4
    TERMINATED_AT = 5
    CORRECTION = 6  # what somebody states against what was reported; the greatest `seq` of them counts


class Observation(msgspec.Struct, frozen=True):
    """One fact about one resource, from one source.

    All instants are aware, in UTC and of the cloud's clock.
    """

    resource: Resource
    verb: Verb
    # Of an exact claim: when it took effect (the end of the action). Of a sighting: the end of its look.
    at: datetime
    source: str  # for instance "nova", "nova-notifications"
    # Of an exact claim: the start of the action, where known. Of a sighting: the begin of its look.
    begin: datetime | None = None
    resolution_us: int = 0  # of `at`: 0 for microseconds, 1_000_000 where the source gives whole seconds
    # What is asserted of the accounted attributes. What is absent is not asserted.
    accounted: dict[str, Value] = {}
    # Accounted attributes that took another value here which the source doesn't tell (an action
    # that resizes names no flavor). A sighting inside the stretch that begins here tells it.
    # On a claim of creation it says: these are known to be unchanged until the next claim.
    untold: tuple[str, ...] = ()
    # Described attributes (name, host, zone, image properties ...): dated, but they cut no span.
    described: dict[str, Value] = {}
    created_at: datetime | None = None  # when the resource was created, as this source has it
    created_resolution_us: int = 0
    launched: bool = False  # the source says that it ran at least once
    occurrence: str | None = None  # the request id: one occurrence is one fact, whoever reports it
    seq: int | None = None  # the source's own order, where it has one
    # Of deletions. CORRECTION also of a creation, which then counts whatever else is said of it; and of a
    # change, which counts before others of its instant and is doubted by no sighting until the next claim.
    quality: DeletionQuality | None = None

    @property
    def key(self) -> str:
        """The identity of what is said: equal for a repetition, different for anything else."""
        return hashlib.sha256(_encoder.encode(self)).hexdigest()[:32]

    @property
    def statement(self) -> str:
        """A digest of what a sighting says, whenever it was said: equal as long as nothing changed."""
        said = (
            self.verb,
            self.accounted,
            self.untold,
            self.described,
            self.created_at,
            self.created_resolution_us,
            self.launched,
        )
        return hashlib.sha256(_encoder.encode(said)).hexdigest()[:32]

    @property
    def is_evidence_of_life(self) -> bool:
        """False for a sighting that only describes: a port that still names a server proves nothing."""
        return self.verb is not _SEEN or bool(self.accounted) or self.created_at is not None


class Scope(enum.StrEnum):
    """What a look's silence means."""

    FULL = "full"  # what is absent is gone
    CHANGES = "changes"  # what is absent is unchanged


class Look(msgspec.Struct, frozen=True):
    """One complete poll of one source for one kind of resource of one project.

    `begin` and `end` are instants of the cloud's clock, aware and in UTC. The silence of a look
    repeats what this source last said of a resource; of a resource that it never spoke of, the
    silence of a full look says that it is absent (TIMELINE, rule 3).
    """

    project_id: str
    cloud_id: str
    source: str
    kind: str
    scope: Scope
    begin: datetime
    end: datetime
    since: datetime | None = None  # of a look at changes: changes later than this were asked for


class Batch(msgspec.Struct, frozen=True):
    """What a source hands over at once, to be kept in one transaction.

    The last batch of a complete look carries the look; a look that failed carries none, and
    then its source's watermark stays where it was. `watermark` is how far the source has then
    looked at the project: the begin of the look less the margin that the source keeps.
    """

    observations: tuple[Observation, ...] = ()
    look: Look | None = None
    watermark: datetime | None = None
