"""Entity updates, as corrections: what was so in a stretch of a life, and where it began and ended: pure.

A life has no gaps. So moving the begin of an entity moves the end of the one before it, and the
values of the stretch in between change hands. Each instant at which something was said about such a
stretch is corrected, because what was said there would show again otherwise; where the stretch ends
that was corrected, what is so from there on is said again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from usance.api.almanach.entities import NAME, OS
from usance.api.almanach.writes import SOURCE, Observations
from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.resource import FLAVOR, FLAVOR_ATTRIBUTES, IMAGE_ID, Value
from usance.model.span import Timeline

_MOVING = frozenset((*FLAVOR_ATTRIBUTES, IMAGE_ID, *OS.values()))
"""What changes hands with a stretch that belongs to another entity now."""

_CORRECTION = DeletionQuality.CORRECTION


class Update(msgspec.Struct, frozen=True):
    """What an entity is to be from now on; None: as it was."""

    start: datetime | None = None
    end: datetime | None = None
    flavor: str | None = None
    described: Mapping[str, Value] = {}  # by the names of our attributes


class Place(msgspec.Struct, frozen=True):
    """Where an entity stands in its life."""

    start: datetime
    end: datetime | None
    before: datetime | None = None  # the start of the entity before it; None: it is the first
    after: datetime | None = None  # the end of the one after it
    is_last: bool = True


class NoPlaceError(ValueError):
    """The boundaries that are asked for leave no room for the entity, or for one beside it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class _Values:
    """What is to be said at each instant: values, and whether they are corrections."""

    def __init__(self, life: Timeline) -> None:
        self.life = life
        self._said: dict[datetime, dict[str, tuple[Value, bool]]] = {}

    def say(self, at: datetime, values: Mapping[str, Value | None], *, corrects: bool) -> None:
        known = {name: (value, corrects) for name, value in values.items() if value is not None}
        if known:
            self._said.setdefault(at, {}).update(known)

    def observations(self, seq: int) -> Iterable[Observation]:
        for at in sorted(self._said):
            for corrects in (True, False):
                values = {name: value for name, (value, how) in self._said[at].items() if how is corrects}
                if values:
                    yield Observation(
                        resource=self.life.resource,
                        verb=Verb.CHANGED,
                        at=at,
                        source=SOURCE,
                        accounted={name: one for name, one in values.items() if is_accounted(name)},
                        described={name: one for name, one in values.items() if not is_accounted(name)},
                        seq=seq,
                        quality=_CORRECTION if corrects else None,
                    )


def update_entity(
    life: Timeline, said: Iterable[Observation], place: Place, update: Update, *, seq: int
) -> Observations:
    """Return the corrections that make an entity what it is to be.

    *said* is all that was said of the resource. Raises NoPlaceError.
    """
    start, end = update.start or place.start, update.end or place.end
    _check(place, start, end)
    stated = dict(update.described) | ({} if update.flavor is None else {FLAVOR: update.flavor})
    moves = start != place.start or end != place.end
    names = frozenset(stated) | (_MOVING if moves else frozenset())
    making = _Making(
        life=life,
        place=place,
        start=start,
        end=end,
        stated=stated,
        names=names,
        heard=sorted(_instants(said, names)),
        values=_Values(life),
    )
    making.move_start()
    making.move_end()
    making.state()
    return (*making.boundaries(seq), *making.values.observations(seq))


class _Making(msgspec.Struct, frozen=True, kw_only=True):
    """The corrections of one entity, while they are gathered."""

    life: Timeline
    place: Place
    start: datetime  # as it is to be
    end: datetime | None
    stated: Mapping[str, Value]  # of the whole entity
    names: frozenset[str]  # the attributes that are written about
    heard: list[datetime]  # when something was said about them, in order
    values: _Values

    def move_start(self) -> None:
        """Give the strip between the old start and the new one to the entity that it is of now."""
        old, until = self.place.start, self.end
        if self.start < old:
            mine = {**at_instant(self.life, self.names, old), **self.stated}
            self._correct(self.start, old if until is None else min(old, until), mine)
            if until is None or old < until:
                self._resume(old)
        elif self.start > old and self.place.before is not None:
            self._correct(old, self.start, before_instant(self.life, self.names, old))
            self._resume(self.start)

    def move_end(self) -> None:
        """Give the strip between the old end and the new one to the entity that it is of now."""
        old, new = self.place.end, self.end
        if old is None or new is None or old == new:
            return
        if new > old:
            mine = {**before_instant(self.life, self.names, old), **self.stated}
            self._correct(max(old, self.start), new, mine)
            self._resume(new)
        elif not self.place.is_last:
            self._correct(new, old, at_instant(self.life, self.names, old))
            self._resume(old)

    def state(self) -> None:
        """Say of what stays of the entity what it is to be."""
        if not self.stated or not _differs(self.life, self.stated, self.place):
            return
        ends = [one for one in (self.place.end, self.end) if one is not None]
        first, until = max(self.start, self.place.start), min(ends, default=None)
        if until is not None and until <= first:
            return
        self._correct(first, until, self.stated)
        if until is not None and not self.place.is_last and self.end == self.place.end:
            self.values.say(until, at_instant(self.life, frozenset(self.stated), until), corrects=False)

    def boundaries(self, seq: int) -> Iterable[Observation]:
        """Say when the life began and ended, where that is another instant now."""
        if self.place.before is None and self.start != self.place.start:
            yield _boundary(self.life, Verb.CREATED, self.start, seq)
        if self.place.is_last and self.end is not None and self.end != self.place.end:
            yield _boundary(self.life, Verb.DELETED, self.end, seq)

    def _correct(self, first: datetime, last: datetime | None, what: Mapping[str, Value | None]) -> None:
        for at in (first, *(one for one in self.heard if first < one and (last is None or one < last))):
            self.values.say(at, what, corrects=True)

    def _resume(self, at: datetime) -> None:
        """Say what is so from the end of a strip on, as long as the life goes on."""
        if self.place.is_last and self.end is not None and at >= self.end:
            return
        self.values.say(at, at_instant(self.life, self.names, at), corrects=False)


def _check(place: Place, start: datetime, end: datetime | None) -> None:
    if end is not None and start >= end:
        raise NoPlaceError("end_date", "must be later than the start")
    if place.before is not None and start <= place.before:
        raise NoPlaceError("start_date", "must be later than the start of the entity before it")
    if place.after is not None and end is not None and end >= place.after:
        raise NoPlaceError("end_date", "must be earlier than the end of the entity after it")


def _boundary(life: Timeline, verb: Verb, at: datetime, seq: int) -> Observation:
    return Observation(resource=life.resource, verb=verb, at=at, source=SOURCE, seq=seq, quality=_CORRECTION)


def _instants(said: Iterable[Observation], names: frozenset[str]) -> set[datetime]:
    """Return when something was said about one of some attributes, apart from the creation."""
    found: set[datetime] = set()
    for one in said:
        if one.verb is Verb.CREATED:
            continue
        claims = not one.verb.is_sighting and not names.isdisjoint((*one.accounted, *one.untold))
        if claims or not names.isdisjoint(one.described):
            found.add(one.at)
    return found


def _differs(life: Timeline, stated: Mapping[str, Value], place: Place) -> bool:
    """Whether something else than what is stated is known of any moment of the entity."""
    moments = [place.start]
    moments += [one.start for one in life.spans if place.start < one.start]
    moments += [one.since for one in life.described if place.start < one.since]
    return any(
        at_instant(life, frozenset(stated), at) != stated
        for at in moments
        if place.end is None or at < place.end
    )


def is_accounted(name: str) -> bool:
    """Whether an attribute of a server is accounted, and not only described."""
    return name in FLAVOR_ATTRIBUTES or name == IMAGE_ID


def at_instant(life: Timeline, names: Iterable[str], at: datetime) -> dict[str, Value | None]:
    """Return what is known of some attributes at an instant of a life."""
    values: Mapping[str, Value] = {}
    for span in life.spans:
        if span.start <= at or not values:
            values = span.values
    return {name: values.get(name) if is_accounted(name) else life.describe(name, at) for name in names}


def before_instant(life: Timeline, names: Iterable[str], at: datetime) -> dict[str, Value | None]:
    """Return what is known of some attributes just before an instant of a life."""
    earlier = max(
        (
            *(one.start for one in life.spans if one.start < at),
            *(one.since for one in life.described if one.since < at),
        ),
        default=life.begin,
    )
    return at_instant(life, names, earlier)


def described_update(
    name: str | None, os: Mapping[str, Value] | None, metadata: str | None
) -> dict[str, Value]:
    """Return what an update says of the described attributes; *metadata* is canonical JSON."""
    found: dict[str, Value] = {} if name is None else {NAME: name}
    if os is not None:
        found |= {OS[key]: value for key, value in os.items()}
    if metadata is not None:
        found["metadata"] = metadata
    return found
