"""The table of events: which types of events something is made of, and by which reader.

What a reader is there for comes first, then what is known to change nothing
(:mod:`usance.collector.irrelevant`); any other type is unknown, and is counted. An operator's file may
say what her types are, or that she does not want some of ours (:mod:`usance.collector.own_events`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from usance.collector import cinder, glance, keystone, neutron, nova_legacy, nova_versioned
from usance.collector.irrelevant import IRRELEVANT
from usance.collector.own_events import Own, own_events
from usance.collector.reading import NOTHING, Event, Notification, NotUnderstoodError, Reading
from usance.config.settings import FlavorKeys
from usance.model.errors import ConfigurationError

_REMEMBERED: Final = 10_000  # types; what is sent to a queue is nobody's to bound


def _ignore(_notification: Notification, _cloud_id: str) -> Reading:
    return NOTHING


def _park(_notification: Notification, _cloud_id: str) -> Reading:
    raise NotUnderstoodError("the file of events says that this type is to be parked")


class EventTable(Mapping[str, Event]):
    """What is made of each type of event.

    It answers for types that are known to change nothing, too, and for those that fit a pattern; it
    counts and names only the types that something is made of.
    """

    def __init__(self, events: Iterable[Event], patterns: Iterable[tuple[str, Event]] = ()) -> None:
        """*patterns* are tried in their order, where no event has the very type."""
        self._events = {one.type: one for one in events}
        self._patterns = tuple((_pattern(text), event) for text, event in patterns)
        self._found: dict[str, Event | None] = {}

    def __getitem__(self, event_type: str) -> Event:
        event = self._find(event_type)
        if event is None:
            raise KeyError(event_type)
        return event

    def __iter__(self) -> Iterator[str]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def _find(self, event_type: str) -> Event | None:
        event = self._events.get(event_type)
        if event is not None:
            return event
        if event_type not in self._found:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            self._found[event_type] = next(
                (event for pattern, event in self._patterns if pattern.fullmatch(event_type)), None
            )
        return self._found[event_type]


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in text.split("*")), re.DOTALL)


def _ours(keys: FlavorKeys) -> tuple[Event, ...]:
    return (
        *nova_legacy.EVENTS,
        *nova_versioned.events(keys),
        *cinder.EVENTS,
        *neutron.EVENTS,
        *glance.EVENTS,
        *keystone.EVENTS,
    )


_IRRELEVANT: Final = tuple(
    (pattern, Event(pattern, _ignore, one.why)) for one in IRRELEVANT for pattern in one.patterns
)

EVENTS: Final = EventTable(_ours(FlavorKeys()), _IRRELEVANT)
"""What is made of events where the operator says nothing else."""


def load_events(path: Path | None, keys: FlavorKeys | None = None) -> EventTable:
    """Return the table with what an operator's file says beside it (None: there is none).

    *keys* name the properties of flavors that are accounted (None: those that are without
    configuration). Raises ConfigurationError for anything in the file that is not as documented.
    """
    ours = _ours(keys or FlavorKeys())
    if path is None:
        return EventTable(ours, _IRRELEVANT)
    events, patterns = {one.type: one for one in ours}, []
    for own in own_events(path):
        event = _as(own, path, ours)
        if "*" in own.type:
            patterns.append((own.type, event))
        else:
            events[own.type] = event
    return EventTable(events.values(), [*patterns, *_IRRELEVANT])


def _as(own: Own, path: Path, ours: Iterable[Event]) -> Event:
    """Return what an operator says that a type is."""
    if own.meaning in _WORDS:
        return Event(own.type, _WORDS[own.meaning], own.meaning)
    if "*" in own.type:
        raise ConfigurationError(
            f"{path}, line {own.line}: {own.type!r} stands for many types, and can't all be read as"
            f" {own.meaning!r}",
            hint="a type with a * can be ignored or parked; write out the others",
        )
    known = {one.type: one for one in ours}
    if own.meaning not in known:
        raise ConfigurationError(
            f"{path}, line {own.line}: {own.type} is said to be {own.meaning!r}, which is no type of event"
            " that anything is made of",
            hint="`ignore`, `park`, or a type of the reference of events",
        )
    of = known[own.meaning]
    return Event(own.type, of.reader, of.effect, of.service, of.is_versioned)


_WORDS: Final = {"ignore": _ignore, "park": _park}


def read(notification: Notification, cloud_id: str, events: Mapping[str, Event] = EVENTS) -> Reading | None:
    """Return what a notification of a cloud says; None if its type is unknown.

    Raises NotUnderstoodError if it should say something, and does not.
    """
    event = events.get(notification.event_type)
    return None if event is None else event.reader(notification, cloud_id)
