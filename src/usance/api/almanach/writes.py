"""What is written through Almanach's routes, as observations: pure.

They are observations of the source `api` like any other. What a request says that is so already
is not said again, so that repeating it changes nothing. Each function returns what is to be kept; an
empty tuple, if nothing is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from usance.api.almanach.entities import NAME, OS
from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.period import to_us
from usance.model.resource import (
    ATTACHMENTS,
    FLAVOR,
    FLAVOR_ATTRIBUTES,
    IMAGE_ID,
    SIZE_GIB,
    STATE,
    VOLUME_TYPE,
    Resource,
    Value,
)
from usance.model.span import Timeline
from usance.model.storage import VOLUME_TYPE_ID, attachments

SOURCE: Final = "api"

ACTIVE: Final = "active"

Observations = tuple[Observation, ...]

NOTHING: Final[Observations] = ()


def next_seq(said: Iterable[Observation], now: datetime) -> int:
    """Return a number greater than those of all that was said: the microseconds of the clock, if they are."""
    return max(to_us(now), 1 + max((one.seq for one in said if one.seq is not None), default=0))


def create_instance(
    resource: Resource,
    known: Timeline | None,
    *,
    at: datetime,
    flavor: str,
    name: str | None,
    os: Mapping[str, Value],
) -> Observations:
    """Say that a server was created and ran. A life whose begin is known already is not begun again."""
    if _is_known(known):
        return NOTHING
    described = _described(name) | {OS[key]: value for key, value in os.items()}
    return (_created(resource, at, {STATE: ACTIVE, FLAVOR: flavor}, described),)


def create_volume(
    resource: Resource,
    known: Timeline | None,
    *,
    at: datetime,
    volume_type: tuple[str, str] | None,  # its id and its name
    size: int,
    name: str | None,
    attached_to: Sequence[str],
) -> Observations:
    """Say that a volume was created. A life whose begin is known already is not begun again."""
    if _is_known(known):
        return NOTHING
    accounted: dict[str, Value] = {SIZE_GIB: size, ATTACHMENTS: attachments(attached_to)}
    described = _described(name)
    if volume_type is not None:
        described[VOLUME_TYPE_ID], accounted[VOLUME_TYPE] = volume_type
    return (_created(resource, at, accounted, described),)


def _created(
    resource: Resource, at: datetime, accounted: dict[str, Value], described: dict[str, Value]
) -> Observation:
    return Observation(
        resource=resource,
        verb=Verb.CREATED,
        at=at,
        source=SOURCE,
        accounted=accounted,
        described=described,
        created_at=at,
        launched=True,
    )


def delete(known: Timeline, *, at: datetime) -> Observations:
    """Say that a resource was deleted; the cloud's own `terminated_at` would count before it."""
    return (
        Observation(
            resource=known.resource,
            verb=Verb.DELETED,
            at=at,
            source=SOURCE,
            quality=DeletionQuality.DELETED_AT,
        ),
    )


def resize_instance(known: Timeline, *, at: datetime, flavor: str, seq: int) -> Observations:
    """Say that a server has another flavor since an instant, of which only the name is told."""
    if value_at(known, FLAVOR, at) == flavor:
        return NOTHING
    others = tuple(name for name in FLAVOR_ATTRIBUTES if name != FLAVOR)
    return (_changed(known.resource, at, seq, accounted={FLAVOR: flavor}, untold=others),)


def rebuild_instance(known: Timeline, *, at: datetime, os: Mapping[str, Value], seq: int) -> Observations:
    """Say that a server runs another operating system since an instant, from an image that isn't told."""
    if all(known.describe(OS[key], at) == value for key, value in os.items()):
        return NOTHING
    described = {OS[key]: value for key, value in os.items()}
    return (_changed(known.resource, at, seq, described=described, untold=(IMAGE_ID,)),)


def resize_volume(known: Timeline, *, at: datetime, size: int, seq: int) -> Observations:
    """Say that a volume has another size since an instant."""
    return _unless_so(known, at, seq, SIZE_GIB, size)


def attach_volume(known: Timeline, *, at: datetime, attached_to: Sequence[str], seq: int) -> Observations:
    """Say what a volume is attached to since an instant: all of it, whether it was attached or detached."""
    return _unless_so(known, at, seq, ATTACHMENTS, attachments(attached_to))


def _unless_so(known: Timeline, at: datetime, seq: int, attribute: str, value: Value) -> Observations:
    if value_at(known, attribute, at) == value:
        return NOTHING
    return (_changed(known.resource, at, seq, accounted={attribute: value}),)


def _changed(
    resource: Resource,
    at: datetime,
    seq: int,
    *,
    accounted: dict[str, Value] | None = None,
    described: dict[str, Value] | None = None,
    untold: tuple[str, ...] = (),
) -> Observation:
    return Observation(
        resource=resource,
        verb=Verb.CHANGED,
        at=at,
        source=SOURCE,
        accounted=accounted or {},
        described=described or {},
        untold=untold,
        seq=seq,
    )


def _is_known(known: Timeline | None) -> bool:
    return known is not None and known.launched and known.begin_exact


def _described(name: str | None) -> dict[str, Value]:
    return {} if name is None else {NAME: name}


def value_at(known: Timeline, attribute: str, at: datetime) -> Value | None:
    """Return the value of an accounted attribute at an instant; before the life, that at its begin."""
    found: Value | None = None
    for span in known.spans:
        if found is not None and span.start > at:
            break
        found = span.values.get(attribute)
    return found
