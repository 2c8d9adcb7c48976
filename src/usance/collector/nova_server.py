"""What Nova's events do to a server, whichever of its two formats tells them.

The payload of an `.end` event is made after the row was saved, so its state is the one that the
action ended in, or the old one if the action came to nothing; the table below knows the state only
for payloads that lack it. An event claims what it is about and nothing else: that a flavor still
stands in a payload does not say that it began there. Sources: nova/compute/manager.py,
nova/compute/api.py, nova/compute/utils.py and nova/notifications/base.py.

The same attributes, names and states as those of the pull source; with the request id they are
one fact.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

import msgspec

from usance.collector.reading import NOTHING, Notification, NotUnderstoodError, Reader, Reading
from usance.collector.times import WHOLE_SECOND_US, Instant
from usance.model.observation import DeletionQuality, Observation, Verb
from usance.model.resource import FLAVOR_ATTRIBUTES, IMAGE_ID, STATE, USER_ID, Resource, Value

NAME: Final = "nova-notifications"
AUDIT: Final = "nova-audit"

BUILDING: Final = "building"
DELETED: Final = "deleted"
ERROR: Final = "error"

# Described attributes of a server.
SERVER_NAME: Final = "name"
HOST: Final = "host"
ZONE: Final = "zone"
METADATA: Final = "metadata"  # what users wrote beside it, as canonical JSON
OS_DISTRO: Final = "os_distro"
OS_VERSION: Final = "os_version"
OS_TYPE: Final = "os_type"

NO_METADATA: Final = "{}"

LONGEST_STATE: Final = 64
LONGEST_NAME: Final = 255
LARGEST: Final = 2**31 - 1
"""The greatest amount that Nova's database keeps of a flavor."""


class Told(msgspec.Struct, frozen=True):
    """What a payload says of its server; nothing in it says yet what happened."""

    resource: Resource
    sent: datetime | None
    occurrence: str | None
    state: str | None
    task: str = ""  # empty for none
    user: dict[str, Value] = {}  # accounted attributes, each where the payload has it
    flavor: dict[str, Value] = {}
    image: dict[str, Value] = {}
    described: dict[str, Value] = {}  # name, host and zone
    created: Instant | None = None
    launched: bool = False
    terminated: Instant | None = None
    deleted: Instant | None = None
    # Metadata and what image properties say of the system; of events that may change them.
    properties: dict[str, Value] = {}

    @property
    def at(self) -> datetime:
        """When the message was sent."""
        if self.sent is None:
            raise NotUnderstoodError("`timestamp` is missing")
        return self.sent


class Teller(Protocol):
    """Reads what a payload says of its server, as far as it is asked for."""

    def __call__(
        self, notification: Notification, cloud_id: str, *, accounted: bool = True, properties: bool = False
    ) -> Told:
        """Read a notification of a cloud, given its id. Raises NotUnderstoodError.

        *accounted* asks for the user, the flavor and the image, *properties* for metadata and system.
        """


class Action(msgspec.Struct, frozen=True):
    """What an event of an action claims."""

    legacy: str  # after `compute.instance.`
    versioned: str  # after `instance.`
    state: str | None  # that it ends in; None: the payload must tell
    flavor: bool = False  # whether the server runs on the payload's flavor from here on
    image: bool = False

    @property
    def effect(self) -> str:
        """What the documentation says of it."""
        parts = []
        if self.flavor:
            parts.append("the flavor")
        if self.image:
            parts.append("the image")
        parts.append("the payload's state" + ("" if self.state is None else f" (`{self.state}`)"))
        return f"{' and '.join(parts)}, from the message's time on"


ACTIONS: Final = (
    Action("power_on.end", "power_on.end", "active"),
    Action("power_off.end", "power_off.end", "stopped"),
    Action("reboot.end", "reboot.end", None),  # rescued, if it was
    Action("pause.end", "pause.end", "paused"),
    Action("unpause.end", "unpause.end", "active"),
    Action("suspend.end", "suspend.end", "suspended"),
    Action("resume.end", "resume.end", "active"),
    Action("shelve.end", "shelve.end", "shelved"),
    Action("shelve_offload.end", "shelve_offload.end", "shelved_offloaded"),
    Action("unshelve.end", "unshelve.end", "active"),
    Action("rescue.end", "rescue.end", "rescued"),
    Action("unrescue.end", "unrescue.end", "active"),
    Action("soft_delete.end", "soft_delete.end", "soft-delete"),
    Action("restore.end", "restore.end", "active"),
    # The server runs on the new flavor before anybody confirms. A confirmation repeats the flavor: it counts
    # where the earlier message was lost, or never sent, as with those who only know Almanach's events.
    Action("finish_resize.end", "resize_finish.end", "resized", flavor=True),
    Action("resize.confirm.end", "resize_confirm.end", None, flavor=True),
    Action("resize.revert.end", "resize_revert.end", None, flavor=True),
    Action("rebuild.end", "rebuild.end", None, image=True),
)

UPDATE_EFFECT: Final = "the last state of an action, from about the message's time on, the name, and metadata"

_UNTOLD_AT_CREATION: Final = (USER_ID, *FLAVOR_ATTRIBUTES, IMAGE_ID)


def create_reader(teller: Teller) -> Reader:
    """Return the reader of the end of a creation: it began at `created_at`, and runs since the message."""

    def read(notification: Notification, cloud_id: str) -> Reading:
        told = teller(notification, cloud_id, properties=True)
        state = told.state or "active"
        running = _changed(told, {STATE: state}, begin=min(_created_at(told), told.at), launched=True)
        return Reading((_created(told), running))

    return read


def begin_reader(teller: Teller) -> Reader:
    """Return the reader of a creation that begins, or failed: the server exists, and may be in error."""

    def read(notification: Notification, cloud_id: str) -> Reading:
        told = teller(notification, cloud_id, properties=True)
        created = _created(told)
        if told.state == ERROR:
            return Reading((created, _changed(told, {STATE: ERROR})))
        return Reading((created,))

    return read


def action_reader(teller: Teller, action: Action, flavor_field: str) -> Reader:
    """Return the reader of an action that ended; *flavor_field* is what the payload calls the flavor."""

    def read(notification: Notification, cloud_id: str) -> Reading:
        told = teller(
            notification, cloud_id, accounted=action.flavor or action.image, properties=action.image
        )
        state = told.state or action.state
        accounted: dict[str, Value] = {}
        untold: tuple[str, ...] = ()
        if state is not None and state != DELETED:
            accounted[STATE] = state
        if action.flavor:
            if not told.flavor:
                raise NotUnderstoodError(f"`{flavor_field}` is missing")
            accounted |= told.flavor
            untold = tuple(one for one in FLAVOR_ATTRIBUTES if one not in told.flavor)
        elif action.image:
            accounted |= told.image
            untold = () if told.image else (IMAGE_ID,)
        elif state is None:
            raise NotUnderstoodError("`state` is missing")
        return Reading((_changed(told, accounted, untold=untold, described=told.properties),))

    return read


def describe_reader(teller: Teller) -> Reader:
    """Return the reader of what changes no more than where the server is."""

    def read(notification: Notification, cloud_id: str) -> Reading:
        return Reading((_changed(teller(notification, cloud_id, accounted=False), {}),))

    return read


def delete_reader(teller: Teller) -> Reader:
    """Return the reader of a deletion, at `terminated_at`, else `deleted_at`, else the message's time."""

    def read(notification: Notification, cloud_id: str) -> Reading:
        told = teller(notification, cloud_id)
        deletion = _deleted(told, NAME)
        if deletion is None and (told.state or DELETED) == DELETED:
            deletion = _deletion(told, NAME, Instant(told.at, 0), DeletionQuality.ENVELOPE)
        # Nova tells the end of an attempt even if it failed; then the server has another state, and no time.
        return NOTHING if deletion is None else Reading((deletion,))

    return read


class Update(msgspec.Struct, frozen=True):
    """What an update says that it changed."""

    old_state: str | None
    new_state: str | None
    old_task: str
    new_task: str
    renamed: bool


def update(told: Told, change: Update) -> Reading:
    """Return what an update says: a state that nothing else tells (reset, failed), a name, or metadata.

    It is sent while the action that it belongs to is still under way, a moment before its `.end`. So
    its time counts as a coarse one, which the finer one of the same request replaces; and a state that is not
    the last one of the action is left out.
    """
    state = change.new_state
    if state == DELETED:
        deletion = None if told.terminated is None else _deleted(told, NAME)
        return NOTHING if deletion is None else Reading((deletion,))
    if state is not None and state not in (change.old_state, BUILDING):
        if change.new_task and state != ERROR:
            return NOTHING
        return Reading((_changed(told, {STATE: state}, resolution_us=WHOLE_SECOND_US),))
    idle = not change.new_task and not change.old_task
    if change.renamed or idle:
        return Reading((_changed(told, {}, described=told.properties),))
    return NOTHING


def audit(told: Told, period_end: Instant | None) -> Reading:
    """Return what an `exists` audit says: so was the server between the end of its period and the message.

    A periodic audit reads all servers of a host first, and then sends one message after the other. A
    resize under way asserts no flavor, and a rebuild no image. Of a server that is gone it tells when
    that was.
    """
    if told.state == DELETED:
        deletion = _deleted(told, AUDIT)
        return NOTHING if deletion is None else Reading((deletion,))
    accounted = dict(told.user)
    if told.state is not None:
        accounted[STATE] = told.state
    if not told.task.startswith("resize_"):
        accounted |= told.flavor
    if not told.task.startswith("rebuild"):
        accounted |= told.image
    begin = told.at if period_end is None else min(period_end.at, told.at)
    seen = Observation(
        resource=told.resource,
        verb=Verb.SEEN,
        at=told.at,
        begin=begin,
        source=AUDIT,
        accounted=accounted,
        described=told.described | {name: value for name, value in told.properties.items() if value},
        created_at=None if told.created is None else told.created.at,
        created_resolution_us=0 if told.created is None else told.created.resolution_us,
        launched=told.launched,
    )
    return Reading((seen,))


def failure(told: Told) -> Reading:
    """Return what the conductor says when a task came to nothing: perhaps that the server is in error."""
    return Reading((_changed(told, {STATE: ERROR}),)) if told.state == ERROR else NOTHING


def _created_at(told: Told) -> datetime:
    if told.created is None:
        raise NotUnderstoodError("`created_at` is missing")
    return told.created.at


def _created(told: Told) -> Observation:
    """Claim the creation: the same, to the last field, from each message of it in one format."""
    created_at = _created_at(told)
    if not told.flavor:
        raise NotUnderstoodError("the flavor is missing")
    accounted = {STATE: BUILDING} | told.user | told.flavor | told.image
    described = {name: value for name, value in told.properties.items() if value not in ("", NO_METADATA)}
    if SERVER_NAME in told.described:
        described[SERVER_NAME] = told.described[SERVER_NAME]
    resolution_us = 0 if told.created is None else told.created.resolution_us
    return Observation(
        resource=told.resource,
        verb=Verb.CREATED,
        at=created_at,
        source=NAME,
        resolution_us=resolution_us,
        accounted=accounted,
        untold=tuple(one for one in _UNTOLD_AT_CREATION if one not in accounted),
        described=described,
        created_at=created_at,
        created_resolution_us=resolution_us,
        occurrence=told.occurrence,
    )


def _changed(
    told: Told,
    accounted: dict[str, Value],
    *,
    untold: tuple[str, ...] = (),
    described: dict[str, Value] | None = None,
    begin: datetime | None = None,
    resolution_us: int = 0,
    launched: bool = False,
) -> Observation:
    return Observation(
        resource=told.resource,
        verb=Verb.CHANGED,
        at=told.at,
        begin=begin,
        source=NAME,
        resolution_us=resolution_us,
        accounted=accounted,
        untold=untold,
        described=told.described | described if described else told.described,
        created_at=None if told.created is None else told.created.at,
        created_resolution_us=0 if told.created is None else told.created.resolution_us,
        launched=launched or told.launched,
        occurrence=told.occurrence,
    )


def _deleted(told: Told, source: str) -> Observation | None:
    """Claim the deletion at the best time that the payload has; None if it has none."""
    if told.terminated is not None:
        return _deletion(told, source, told.terminated, DeletionQuality.TERMINATED_AT)
    if told.deleted is not None:
        return _deletion(told, source, told.deleted, DeletionQuality.DELETED_AT)
    return None


def _deletion(told: Told, source: str, when: Instant, quality: DeletionQuality) -> Observation:
    """Claim a deletion, and say what the server was then: perhaps nothing else tells it."""
    return Observation(
        resource=told.resource,
        verb=Verb.DELETED,
        at=when.at,
        source=source,
        resolution_us=when.resolution_us,
        accounted=told.user | told.flavor | told.image,
        described={name: value for name, value in told.described.items() if name == SERVER_NAME},
        created_at=None if told.created is None else told.created.at,
        created_resolution_us=0 if told.created is None else told.created.resolution_us,
        launched=told.launched,
        occurrence=told.occurrence if source == NAME else None,  # an audit's request ended nothing
        quality=quality,
    )
