"""Almanach's entities, made from timelines: pure.

An entity is a stretch of a life in which what Almanach tells of a resource stayed the same. It is
coarser than our spans: a change of state cuts none. Of an instance, a change of its flavor's name or
of its operating system begins a new one. Of a volume, a change of its size or type does, and being
attached to a first server, or detached from the last; other changes of the attachments are made in
place. What never ran is no entity, and a life without length neither.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from usance.model.resource import ATTACHMENTS, FLAVOR, SERVER, SIZE_GIB, VOLUME, VOLUME_TYPE, Value
from usance.model.span import Timeline
from usance.model.storage import VOLUME_TYPE_ID

INSTANCE: Final = "instance"

KIND_OF: Final = {INSTANCE: SERVER, "volume": VOLUME}
"""Our kinds of resource by Almanach's types of entity."""

TYPE_NAMES: Final = "volume_type"
"""The kind under which the ledger keeps the names of types of volumes."""

NAME: Final = "name"
METADATA: Final = "metadata"  # described: canonical JSON

OS: Final = {"distro": "os_distro", "version": "os_version", "os_type": "os_type"}
"""Described attributes of a server by Almanach's names of the properties of its image."""


class Shape(msgspec.Struct, frozen=True):
    """As whom entities are told: which generation of Almanach, and how that was configured."""

    version: int = 4  # 3 or 4
    metadata: tuple[str, ...] = ()  # the keys of a server's metadata that are told
    image_meta: tuple[str, ...] = tuple(OS)  # the properties of its image that 4.x tells
    # An attachment or detachment sooner than this after the begin of an entity is made in place, and an
    # entity that the volume's deletion ends sooner is left out, if there was one before.
    volume_threshold: timedelta = timedelta(seconds=60)

    @property
    def told(self) -> tuple[str, ...]:
        """The properties of an image that entities have."""
        return tuple(OS) if self.version == 3 else tuple(one for one in OS if one in self.image_meta)

    @property
    def cutting(self) -> tuple[str, ...]:
        """The properties of an image whose change begins a new entity."""
        return ("distro", "version") if self.version == 3 else self.told


class Entity(msgspec.Struct, frozen=True):
    """One stretch, as Almanach has it."""

    entity_id: str
    project_id: str
    start: datetime
    end: datetime | None
    last_event: datetime
    name: str | None
    processed: datetime | None = None  # when the ledger learnt what it says; None: not asked


class Instance(Entity, frozen=True):
    """A stretch of the life of a server."""

    flavor: str | None = None
    os: Mapping[str, Value | None] = {}
    metadata: Mapping[str, Any] = {}


class Volume(Entity, frozen=True):
    """A stretch of the life of a volume."""

    volume_type: str | None = None
    size: int | None = None
    attached_to: tuple[str, ...] = ()


def entities(
    timeline: Timeline,
    shape: Shape,
    *,
    types: Mapping[str, str] | None = None,
    processed: datetime | None = None,
) -> list[Entity]:
    """Return the entities of a life, in order.

    *types* are the names of types of volumes by their ids: where only the id of a volume's type was
    told, its name is shown. *processed* is when the ledger learnt what the timeline says.
    """
    if not timeline.launched:
        return []
    kind = timeline.resource.kind
    if kind == SERVER:
        return list(_instances(timeline, shape, processed))
    if kind == VOLUME:
        return _without_late_end(list(_volumes(timeline, shape, types or {}, processed)), shape)
    return []


# --- instances -------------------------------------------------------------------------------


def _instances(timeline: Timeline, shape: Shape, processed: datetime | None) -> Iterator[Instance]:
    cuts = list(_instance_cuts(timeline, shape))
    ends = [*(start for start, _ in cuts[1:]), timeline.end] if cuts else []
    for (start, flavor), end in zip(cuts, ends, strict=True):
        yield Instance(
            entity_id=timeline.resource.id,
            project_id=timeline.resource.project_id,
            start=start,
            end=end,
            last_event=start if end is None else end,
            name=_text(last_described(timeline, NAME, end)),
            processed=processed,
            flavor=flavor,
            os=_os(timeline, start, shape.told, whole=shape.version == 3),
            metadata=metadata_of(last_described(timeline, METADATA, end), shape.metadata),
        )


def _instance_cuts(timeline: Timeline, shape: Shape) -> Iterator[tuple[datetime, str | None]]:
    """Yield the starts of a server's entities, each with its flavor."""
    flavors = {span.start: span.values.get(FLAVOR) for span in timeline.spans}
    described = {OS[one] for one in shape.cutting}
    changes = {
        one.since
        for one in timeline.described
        if one.attribute in described and (timeline.end is None or one.since < timeline.end)
    }
    last: tuple[Value | None, Mapping[str, Value | None]] | None = None
    flavor: Value | None = None
    for moment in sorted(flavors.keys() | changes) if flavors else ():
        flavor = flavors.get(moment, flavor)
        now = flavor, _os(timeline, moment, shape.cutting, whole=True)
        if now != last:
            yield moment, _text(flavor)
        last = now


def _os(
    timeline: Timeline, at: datetime, names: Collection[str], *, whole: bool
) -> Mapping[str, Value | None]:
    """Return the properties of a server's image at an instant; *whole*: also those that nobody knows."""
    # The empty text is how it is kept that there is none.
    found = {name: timeline.describe(OS[name], at) or None for name in names}
    return {name: value for name, value in found.items() if whole or value is not None}


def last_described(timeline: Timeline, attribute: str, end: datetime | None) -> Value | None:
    """Return the last described value of a stretch that ends at an instant, if it doesn't go on."""
    value: Value | None = None
    for one in timeline.described:
        if one.attribute == attribute and (value is None or end is None or one.since < end):
            value = one.value
    return value


def metadata_of(text: Value | None, told: Collection[str]) -> Mapping[str, Any]:
    """Return those of a server's metadata that are told."""
    if not told or not isinstance(text, str):
        return {}
    try:
        written = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}
    return {key: value for key, value in written.items() if key in told}


# --- volumes ---------------------------------------------------------------------------------


class _Open(msgspec.Struct):
    """The entity of a volume that is being made."""

    start: datetime
    last_event: datetime
    size: int | None
    type: str | None
    attached: tuple[str, ...]


def _volumes(
    timeline: Timeline, shape: Shape, types: Mapping[str, str], processed: datetime | None
) -> Iterator[Volume]:
    def closed(one: _Open, end: datetime | None) -> Volume:
        return Volume(
            entity_id=timeline.resource.id,
            project_id=timeline.resource.project_id,
            start=one.start,
            end=end,
            last_event=one.last_event if end is None else end,
            name=_text(last_described(timeline, NAME, end)),
            processed=processed,
            volume_type=one.type if one.type is None else types.get(one.type, one.type),
            size=one.size,
            attached_to=one.attached,
        )

    current: _Open | None = None
    for new in _stretches(timeline):
        if current is None:
            current = new
        elif _cuts(current, new, shape.volume_threshold):
            yield closed(current, new.start)
            current = new
        elif current.attached != new.attached:
            current.attached, current.last_event = new.attached, new.start
    if current is not None:
        yield closed(current, timeline.end)


def _stretches(timeline: Timeline) -> Iterator[_Open]:
    """Yield what is told of a volume from each instant on at which something changed."""
    values = {span.start: span.values for span in timeline.spans}
    retypes = {
        one.since
        for one in timeline.described
        if one.attribute == VOLUME_TYPE_ID and (timeline.end is None or one.since < timeline.end)
    }
    now: Mapping[str, Value] = {}
    for moment in sorted(values.keys() | retypes) if values else ():
        now = values.get(moment, now)
        size = now.get(SIZE_GIB)
        # Notifications tell the id of a type and not its name.
        volume_type = now.get(VOLUME_TYPE, timeline.describe(VOLUME_TYPE_ID, moment))
        yield _Open(
            start=moment,
            last_event=moment,
            size=size if isinstance(size, int) else None,
            type=_text(volume_type),
            attached=attached_to(now.get(ATTACHMENTS)),
        )


def _cuts(before: _Open, after: _Open, threshold: timedelta) -> bool:
    if (before.size, before.type) != (after.size, after.type):
        return True
    turns = bool(before.attached) is not bool(after.attached)
    return turns and after.start - before.start >= threshold


def attached_to(text: Value | None) -> tuple[str, ...]:
    """Return the ids that a volume is attached to, as they are accounted."""
    if not isinstance(text, str):
        return ()
    try:
        return msgspec.json.decode(text, type=tuple[str, ...])
    except msgspec.DecodeError:
        return ()


def _without_late_end(found: list[Volume], shape: Shape) -> list[Entity]:
    """Leave out an entity that the deletion of the volume ended at once, if there was one before."""
    if len(found) > 1 and found[-1].end is not None:
        lasted = found[-1].end - found[-1].start
        if lasted < shape.volume_threshold:
            return [*found[:-1]]
    return [*found]


def _text(value: Value | None) -> str | None:
    return None if value is None else str(value)


# --- as Almanach writes them -----------------------------------------------------------------


def told(entity: Entity, shape: Shape) -> dict[str, Any]:
    """Return an entity as the generation of Almanach writes it."""
    written: dict[str, Any] = {
        "entity_id": entity.entity_id,
        "project_id": entity.project_id,
        "start": date_of(entity.start),
        "end": date_of(entity.end),
        "last_event": date_of(entity.last_event),
        "name": entity.name,
    }
    if shape.version != 3:
        written["processed"] = date_of(entity.processed)
    if isinstance(entity, Instance):
        written |= {
            "entity_type": INSTANCE,
            "flavor": entity.flavor,
            "os": dict(entity.os),
            "metadata": dict(entity.metadata),
        }
        if shape.version != 3:
            written["image_meta"] = dict(entity.os)
    elif isinstance(entity, Volume):
        written |= {
            "entity_type": "volume",
            "volume_type": entity.volume_type,
            "size": entity.size,
            "attached_to": list(entity.attached_to),
        }
    return written


def date_of(instant: datetime | None) -> str | None:
    """Write an instant as Almanach does: `2016-01-01 18:30:00+00:00`, with microseconds where it has some."""
    return None if instant is None else str(instant)
