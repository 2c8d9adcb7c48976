"""What Almanach's routes ask of the ledger, and write to it: synchronous, each call in one thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from usance import __version__
from usance.api.almanach import refusals, writes
from usance.api.almanach.bodies import Stretch
from usance.api.almanach.corrections import NoPlaceError, Place, Update, update_entity
from usance.api.almanach.entities import KIND_OF, TYPE_NAMES, Entity, Shape, entities, told
from usance.api.almanach.texts import is_identifier
from usance.api.errors import RefusedError
from usance.config.settings import ApiSettings
from usance.ledger.ledger import Ledger
from usance.ledger.lookup import Counts, Life
from usance.ledger.rows import pages
from usance.model.observation import Batch
from usance.model.resource import SERVER, Resource
from usance.model.span import Timeline

KINDS: Final = tuple(sorted(KIND_OF.values()))

_CHUNK: Final = 500  # timelines told at once
_COUNTED_FOR_S: Final = 10.0
"""Anybody may ask for the counts, and counting reads all of an index."""

MayRead = Callable[[str], bool]
"""Whether a caller may see what a project, given its id, uses."""


class Almanach:
    """Almanach's face of a ledger."""

    def __init__(self, ledger: Ledger, settings: ApiSettings) -> None:
        known = settings.entities
        self.shape = Shape(
            version=settings.almanach_version,
            metadata=known.instance_metadata,
            image_meta=known.instance_image_meta,
            volume_threshold=timedelta(seconds=known.volume_threshold_s),
        )
        self.version = settings.almanach_version
        self._ledger = ledger
        self._cloud_id = settings.cloud_id
        self._counting = threading.Lock()
        self._counts: tuple[float, Counts] | None = None

    # --- reading -----------------------------------------------------------------------------

    def info(self) -> dict[str, Any]:
        """Return the version, and how much there is; counted at most every few seconds."""
        with self._counting:
            if self._counts is None or time.monotonic() - self._counts[0] > _COUNTED_FOR_S:
                self._counts = time.monotonic(), self._ledger.lookup.counts(KINDS)
            counts = self._counts[1]
        return {
            "info": {"version": __version__},
            "database": {"all_entities": counts.spans, "active_entities": counts.alive},
        }

    def listing(self, project_id: str, kinds: Collection[str], stretch: Stretch) -> Iterator[bytes]:
        """Yield, piece by piece, the JSON list of a project's entities that a stretch of time touches."""
        separator = b"["
        if is_identifier(project_id):
            types = self._types()
            for cloud_id in self._ledger.lookup.clouds_of(project_id):
                for kind in sorted(kinds):
                    for lives in pages(self._touching(project_id, cloud_id, kind, stretch), _CHUNK):
                        piece = [
                            told(one, self.shape)
                            for one in self._entities(lives, types)
                            if one.start <= stretch.end and (one.end is None or one.end >= stretch.start)
                        ]
                        if piece:
                            yield separator + msgspec.json.encode(piece)[1:-1]
                            separator = b","
        yield b"[]" if separator == b"[" else b"]"

    def _touching(
        self, project_id: str, cloud_id: str, kind: str, stretch: Stretch
    ) -> Iterator[tuple[Timeline, int]]:
        # What has changed since the last revision is nothing yet: so those come that touch the period.
        revision = max(1, self._ledger.revision(project_id, cloud_id))
        found = self._ledger.timelines(
            project_id, cloud_id, kind, since_revision=revision, touching=stretch.period
        )
        for one in found:
            yield one.timeline, one.revision

    def _entities(self, lives: Collection[tuple[Timeline, int]], types: dict[str, str]) -> Iterator[Entity]:
        """Yield the entities of some lives of one project in one cloud."""
        recorded: dict[int, datetime] = {}
        if self.version != 3:
            resource = next(iter(lives))[0].resource
            recorded = self._ledger.lookup.recorded_at(
                resource.project_id, resource.cloud_id, (revision for _, revision in lives)
            )
        for timeline, revision in lives:
            yield from entities(timeline, self.shape, types=types, processed=recorded.get(revision))

    def exists(self, entity_id: str, may_read: MayRead) -> bool:
        """Whether there is an entity of that id that the caller may see."""
        return any(self._of(life) for life in self._lives(entity_id, may_read=may_read))

    def entity(self, entity_id: str, may_read: MayRead) -> list[dict[str, Any]]:
        """Return all entities of an id. Raises RefusedError."""
        types = self._types()
        found = [
            told(one, self.shape)
            for life in self._lives(entity_id, may_read=may_read)
            for one in self._of(life, types)
        ]
        if not found:
            raise refusals.no_entity()
        return found

    # --- writing -----------------------------------------------------------------------------

    def create(
        self,
        project_id: str,
        kind: str,
        resource_id: str,
        write: Callable[[Resource, Timeline | None], writes.Observations],
    ) -> None:
        """Write the creation of a resource into a project."""
        known = [
            one.timeline
            for one in self._lives(resource_id, kind)
            if one.timeline.resource.project_id == project_id
        ]
        resource = (
            known[-1].resource if known else Resource(project_id, self._cloud(project_id), kind, resource_id)
        )
        self._keep(write(resource, known[-1] if known else None))

    def _cloud(self, project_id: str) -> str:
        """Return the cloud into whose part of the ledger something new of a project is written."""
        clouds = self._ledger.lookup.clouds_of(project_id)
        return clouds[0] if len(clouds) == 1 else self._cloud_id

    def change(
        self,
        kind: str,
        resource_id: str,
        write: Callable[[Timeline, int], writes.Observations],
        refusal: RefusedError,
    ) -> None:
        """Write what happened to a resource that is active, or raise the refusal."""
        life = self._active(kind, resource_id)
        if life is None:
            raise refusal
        said = self._ledger.lookup.said(life.timeline.resource)
        self._keep(write(life.timeline, writes.next_seq(said, datetime.now(UTC))))

    def is_active(self, kind: str, resource_id: str) -> bool:
        """Whether a resource has an active entity."""
        return self._active(kind, resource_id) is not None

    def update_active(self, instance_id: str, update: Update) -> dict[str, Any]:
        """Correct the active entity of an instance, and return it. Raises RefusedError."""
        life = self._active(SERVER, instance_id)
        if life is None:
            raise refusals.not_found(self.version, instance_id)
        return self._update(life, self._of(life)[-1], update)

    def update_closed(self, instance_id: str, stretch: Stretch, update: Update) -> dict[str, Any]:
        """Correct the one closed entity of an instance in a stretch of time, and return it.

        Raises RefusedError if there is none, or are several.
        """
        found = [
            (life, one)
            for life in self._lives(instance_id, SERVER)
            for one in self._of(life)
            if one.end is not None and stretch.start <= one.start and one.end <= stretch.end
        ]
        if not found:
            raise refusals.no_instance(self.version, instance_id, closed=True)
        if len(found) > 1:
            raise refusals.several(self.version)
        return self._update(*found[0], update)

    def _update(self, life: Life, entity: Entity, update: Update) -> dict[str, Any]:
        resource = life.timeline.resource
        said = self._ledger.lookup.said(resource)
        seq = writes.next_seq(said, datetime.now(UTC))
        place = _place(self._of(life), entity)
        try:
            self._keep(update_entity(life.timeline, said, place, update, seq=seq))
        except NoPlaceError as error:
            raise refusals.InvalidFieldsError({error.field: error.message}) from None
        start = update.start or entity.start
        now = [
            one
            for again in self._lives(resource.id, SERVER)
            if again.timeline.resource == resource
            for one in self._of(again)
        ]
        # It may be one now with the entity before it, which is the same in everything that is told.
        return told(next((one for one in reversed(now) if one.start <= start), now[-1]), self.shape)

    # --- types of volumes --------------------------------------------------------------------

    def volume_types(self) -> list[dict[str, str]]:
        """Return the types of volumes."""
        return [
            _type(one, name) for one, name in sorted(self._ledger.lookup.names_of(TYPE_NAMES).now.items())
        ]

    def volume_type(self, type_id: str) -> dict[str, str]:
        """Return a type of volume. Raises RefusedError."""
        return _type(type_id, self.name_of_type(type_id))

    def name_of_type(self, type_id: str) -> str:
        """Return the name of a type of volume. Raises RefusedError."""
        name = self._ledger.lookup.names_of(TYPE_NAMES).now.get(type_id)
        if name is None:
            raise refusals.no_volume_type(type_id)
        return name

    def name_type(self, type_id: str, name: str) -> None:
        """Give a type of volume its name."""
        self._ledger.remember_names(TYPE_NAMES, {type_id: name}, at=datetime.now(UTC))

    def drop_type(self, type_id: str) -> None:
        """Forget that there is a type of volume; volumes keep its name. Raises RefusedError."""
        self.name_of_type(type_id)
        self._ledger.remember_names(TYPE_NAMES, {type_id: ""}, at=datetime.now(UTC))

    def _types(self) -> dict[str, str]:
        names = self._ledger.lookup.names_of(TYPE_NAMES)
        return names.past | names.now

    # --- what both need ----------------------------------------------------------------------

    def _lives(
        self, resource_id: str, *kinds: str, may_read: MayRead = lambda _project_id: True
    ) -> list[Life]:
        if not is_identifier(resource_id):
            return []
        found = self._ledger.lookup.lives(kinds or KINDS, resource_id)
        return [one for one in found if may_read(one.timeline.resource.project_id)]

    def _of(self, life: Life, types: dict[str, str] | None = None) -> list[Entity]:
        return entities(life.timeline, self.shape, types=types, processed=life.recorded_at)

    def _active(self, kind: str, resource_id: str) -> Life | None:
        """Return the life of a resource that goes on: of several, as of a transfer half told, the latest."""
        alive = [one for one in self._lives(resource_id, kind) if one.timeline.end is None and self._of(one)]
        return alive[-1] if alive else None

    def _keep(self, observations: writes.Observations) -> None:
        if observations:
            resource = observations[0].resource
            self._ledger.observe(resource.project_id, resource.cloud_id, Batch(observations))


def _place(found: list[Entity], entity: Entity) -> Place:
    index = found.index(entity)
    is_last = index + 1 == len(found)
    return Place(
        start=entity.start,
        end=entity.end,
        before=found[index - 1].start if index else None,
        after=None if is_last else found[index + 1].end,
        is_last=is_last,
    )


def _type(type_id: str, name: str) -> dict[str, str]:
    return {"volume_type_id": type_id, "volume_type_name": name}
