"""What goes into the ledger's outbox and comes out of it."""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from usance.model.observation import Observation
from usance.model.span import Timeline


class Observed(msgspec.Struct, frozen=True):
    """What became of a batch."""

    inserted: int  # observations that were new
    duplicates: int  # observations that the ledger had already
    changed: int  # timelines that are different now
    revision: int  # the project's revision after the transaction


class Named(msgspec.Struct, frozen=True):
    """A name that something has, or takes, at an instant."""

    kind: str  # of the thing: "user", "project", "image", "volume_type", ...
    id: str
    name: str
    at: datetime


def of_cloud(kind: str, cloud_id: str) -> str:
    """Return the kind under which the ledger keeps the names of things that one cloud knows.

    Another cloud has other users and images, and must not be asked for these, nor say that they
    have no name. A project of two regions may be reported under a VO of its own in each.
    """
    return f"{kind}@{cloud_id}"


class Parked(msgspec.Struct, frozen=True):
    """A message that nothing could be made of, and why."""

    cloud_id: str
    queue: str
    body: bytes  # as it came, at most what the collector keeps of one
    size: int  # in bytes, before it was cut
    reason: str
    at: datetime  # when it came, by the collector's clock
    event_type: str = ""  # empty if it can't be told
    project_id: str = ""
    id: str = ""  # a digest of the whole message; of what comes in
    times: int = 1  # how often it came


class Heard(msgspec.Struct, frozen=True):
    """What a collector hands over at once, of any projects and clouds, to be kept in one transaction."""

    observations: tuple[Observation, ...] = ()  # those whose project is not known have the project ''
    names: tuple[Named, ...] = ()
    parked: tuple[Parked, ...] = ()
    unparked: tuple[str, ...] = ()  # ids of parked messages that were understood now


class HeardOf(msgspec.Struct, frozen=True):
    """What became of what was heard."""

    inserted: int  # observations that were new
    duplicates: int
    changed: int  # timelines that are different now
    parked: int  # messages that were not parked before


class Changed(msgspec.Struct, frozen=True):
    """A timeline as it is now, and since when (in the cloud) it differs from an earlier revision."""

    timeline: Timeline
    revision: int  # in which it changed last
    changed_from: datetime | None  # None: it did not change since the revision asked about


class Looked(msgspec.Struct, frozen=True):
    """Since when, and when last, some kinds of resource were looked at completely."""

    first: datetime  # when the first full look began; of several kinds, the latest of these
    last: datetime  # when the last one began; of several kinds, the earliest of these


class StagedRecord(msgspec.Struct, frozen=True):
    """What was staged last under one record key for one messenger."""

    digest: str  # of the rendered record
    created_at: datetime  # its RecordCreateTime: a newer statement is never replaced by an older one


class NewRecord(msgspec.Struct, frozen=True):
    """One record of a message that is about to be staged."""

    key: str  # for instance "cloud/<server id>/2026-10"
    resource_kind: str
    resource_id: str
    digest: str
    created_at: datetime


class NewMessage(msgspec.Struct, frozen=True):
    """A message that is about to be staged."""

    record_type: str  # "cloud", later "storage", "ip", ...
    format: str  # "cloud-v04", ...
    body: bytes
    records: tuple[NewRecord, ...]
    # Where each record stands in the body: its first byte, and how many they are.
    places: tuple[tuple[int, int], ...] = ()


class Statement(msgspec.Struct, frozen=True):
    """A record as it was delivered once."""

    record: NewRecord
    format: str
    text: str


class Quarantine(msgspec.Struct, frozen=True):
    """A record that its format's validator refused, and why."""

    record: NewRecord
    reason: str
    text: str  # the record as it would have been rendered, for the operator


class MessageState(enum.StrEnum):
    """What became of a message."""

    PENDING = "pending"
    DELIVERED = "delivered"
    SUPERSEDED = "superseded"  # not delivered, and every record in it was stated anew
    DEAD = "dead"  # the receiver refuses it for good


class Message(msgspec.Struct, frozen=True):
    """A message in the outbox."""

    id: int  # unique in the ledger, in the order of staging
    project_id: str
    cloud_id: str
    messenger: str
    record_type: str
    format: str
    body: bytes
    record_count: int
    staged_at: datetime  # whole microseconds; unique for each message of a messenger
    state: MessageState
    attempts: int = 0
    reason: str | None = None  # why the last attempt failed


class SourceStatus(msgspec.Struct, frozen=True):
    """How far a source has looked at a project, and how its last attempt went."""

    project_id: str
    cloud_id: str
    source: str
    watermark: datetime | None  # up to this instant of the cloud; None: never
    attempted_at: datetime | None
    error: str | None  # of the last attempt; None: it went well
    failing_since: datetime | None  # the first attempt that failed since the last good one
    succeeded_at: datetime | None  # the last good attempt


class MessengerStatus(msgspec.Struct, frozen=True):
    """What is in a messenger's outbox."""

    messenger: str
    pending: int
    delivered: int
    superseded: int
    dead: int
    oldest_pending: datetime | None  # when the oldest pending message was staged
    last_reason: str | None  # why the last attempt at a message that is pending or dead failed


class QuarantinedRecord(msgspec.Struct, frozen=True):
    """A record that is held back, and why."""

    project_id: str
    cloud_id: str
    messenger: str
    quarantine: Quarantine
    since: datetime  # when it was first held back
    at: datetime  # when it was last tried


class Status(msgspec.Struct, frozen=True):
    """What `usance status` shows of the ledger."""

    sources: tuple[SourceStatus, ...]
    messengers: tuple[MessengerStatus, ...]
    quarantined: tuple[QuarantinedRecord, ...]
