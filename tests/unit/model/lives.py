"""A small language in which timeline tests are written: a few lines that read like a ledger.

    10:00         create    state=building
    10:00:20      active    (begin 10:00)
    12:00         resize    m1.large
    13:00..13:01  seen      state=active
    13:30         delete

Instants are of one day, 2026-11-20, unless they begin with `+n `: then of the n-th day after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from usance.model.observation import DeletionQuality, Look, Observation, Scope, Verb
from usance.model.resource import FLAVOR_ATTRIBUTES, SERVER, Resource, Value
from usance.model.span import Timeline
from usance.model.timeline import timeline

DAY = datetime(2026, 11, 20, tzinfo=UTC)
SERVER_1 = Resource("project-1", "cloud-1", SERVER, "server-1")

FLAVORS: dict[str, dict[str, Value]] = {
    "m1.small": {"flavor": "m1.small", "vcpus": 1, "ram_mib": 2048, "disk_gib": 20},
    "m1.medium": {"flavor": "m1.medium", "vcpus": 2, "ram_mib": 4096, "disk_gib": 40},
    "m1.large": {"flavor": "m1.large", "vcpus": 4, "ram_mib": 8192, "disk_gib": 80},
}

_INSTANT = re.compile(r"(?:\+(\d+) )?(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?")


def at(text: str) -> datetime:
    """Read `12:00`, `12:00:30.5` or `+1 12:00` (the day after)."""
    match = _INSTANT.fullmatch(text.strip())
    assert match, text
    days, hours, minutes, seconds, fraction = match.groups()
    return DAY + timedelta(
        days=int(days or 0),
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds or 0),
        microseconds=int((fraction or "0").ljust(6, "0")),
    )


def values(text: str) -> dict[str, Value]:
    """Read `active m1.small image_id=i vcpus=4`: a flavor, a state, or attribute=value."""
    found: dict[str, Value] = {}
    for word in text.split():
        name, equals, value = word.partition("=")
        if equals:
            found[name] = int(value) if value.isdigit() else value
        elif word in FLAVORS:
            found |= FLAVORS[word]
        else:
            found["state"] = word
    return found


def created(when: str, what: str = "", *, untold: Iterable[str] = (), **more) -> Observation:
    return _claim(Verb.CREATED, when, what, created_at=at(when), untold=tuple(untold), **more)


def changed(when: str, what: str = "", *, untold: Iterable[str] = (), **more) -> Observation:
    return _claim(Verb.CHANGED, when, what, untold=tuple(untold), **more)


def resized(when: str, what: str = "", **more) -> Observation:
    """Say what an instance action says of a resize: it names no flavor."""
    return changed(when, what, untold=FLAVOR_ATTRIBUTES, **more)


def deleted(when: str, what: str = "", *, quality=DeletionQuality.TERMINATED_AT, **more) -> Observation:
    return _claim(Verb.DELETED, when, what, quality=quality, **more)


def _claim(
    verb: Verb, when: str, what: str, *, begin: str | None = None, coarse=False, **more
) -> Observation:
    return Observation(
        resource=more.pop("resource", SERVER_1),
        verb=verb,
        at=at(when),
        begin=at(begin) if begin else None,
        resolution_us=1_000_000 if coarse else 0,
        accounted=values(what),
        source=more.pop("source", "nova"),
        **more,
    )


def seen(window: str, what: str = "", *, verb=Verb.SEEN, source="nova", **more) -> Observation:
    """Read `13:00..13:01`: what a look saw."""
    begin, end = (at(one) for one in window.split(".."))
    if isinstance(more.get("created_at"), str):
        more["created_at"] = at(more["created_at"])
    return Observation(
        resource=SERVER_1, verb=verb, at=end, begin=begin, accounted=values(what), source=source, **more
    )


def gone(window: str, what: str = "", **more) -> Observation:
    return seen(window, what, verb=Verb.GONE, **more)


def look(window: str, *, scope=Scope.FULL, source="nova") -> Look:
    begin, end = (at(one) for one in window.split(".."))
    return Look("project-1", "cloud-1", source, SERVER, scope, begin, end)


def life(*said: Observation | Look) -> Timeline:
    """Return the timeline of everything that is said, looks among it."""
    made = timeline(
        [one for one in said if isinstance(one, Observation)],
        [one for one in said if isinstance(one, Look)],
    )
    assert made is not None
    return made


def clock(instant: datetime | None) -> str:
    """Write an instant as `12:00`, `12:00:30` or `+1 12:00`; `now` for the end of what goes on."""
    if instant is None:
        return "now"
    days = (instant - DAY).days
    form = "%H:%M" if not (instant.second or instant.microsecond) else "%H:%M:%S"
    text = instant.strftime(form) + (f".{instant.microsecond:06d}".rstrip("0") if instant.microsecond else "")
    return f"+{days} {text}" if days else text


def ledger(made: Timeline, *attributes: str) -> list[str]:
    """Write the spans of a timeline, with the attributes asked for (`-` for what is not known)."""
    lines: list[str] = []
    for span in made.spans:
        told = " ".join(str(span.values.get(name, "-")) for name in attributes)
        lines.append(f"{clock(span.start)}-{clock(span.end)} {told}".rstrip())
    return lines


def doubts(made: Timeline) -> list[str]:
    return [f"{one.attribute} {clock(one.start)}-{clock(one.end)}" for one in made.doubts]
