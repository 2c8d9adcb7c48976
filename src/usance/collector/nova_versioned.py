"""Nova's versioned notifications (`instance.*`), each object of which stands in `nova_object.data`.

They tell the properties of a flavor, which legacy ones don't, and times in whole seconds.
Source: nova/notifications/objects/instance.py and flavor.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from usance.cloud.flavors import FlavorReader, FlavorRow
from usance.collector.fields import (
    identifier,
    metadata_text,
    optional_identifier,
    optional_integer,
    optional_text,
    section,
)
from usance.collector.nova_server import (
    ACTIONS,
    HOST,
    LARGEST,
    LONGEST_NAME,
    LONGEST_STATE,
    METADATA,
    OS_TYPE,
    SERVER_NAME,
    UPDATE_EFFECT,
    ZONE,
    Told,
    Update,
    action_reader,
    audit,
    begin_reader,
    create_reader,
    delete_reader,
    describe_reader,
    failure,
    update,
)
from usance.collector.reading import Event, Notification, NotUnderstoodError, Reading
from usance.collector.times import instant
from usance.config.settings import FlavorKeys
from usance.model.resource import IMAGE_ID, SERVER, USER_ID, Resource, Value

SERVICE: Final = "nova"
PREFIX: Final = "instance."

_DATA: Final = "nova_object.data"
_MOST_FLAVORS: Final = 4096


class _Flavors:
    """What flavors say that is accounted: worked out once for each that looks different."""

    def __init__(self, keys: FlavorKeys) -> None:
        self._keys = keys
        self._reader = FlavorReader(keys)
        self._known: dict[object, dict[str, Value]] = {}

    def attributes(self, data: Mapping[str, Any]) -> dict[str, Value]:
        """Return the accounted attributes of a flavor; none if it has no name."""
        row = FlavorRow(
            name=optional_text(data, "name", LONGEST_NAME),
            vcpus=optional_integer(data, "vcpus", LARGEST),
            ram=optional_integer(data, "memory_mb", LARGEST),
            disk=optional_integer(data, "root_gb", LARGEST),
            ephemeral=optional_integer(data, "ephemeral_gb", LARGEST),
            extra_specs=None if data.get("extra_specs") is None else _properties_of(data),
        )
        if row.name is None:
            return {}
        look = (
            row.name,
            row.vcpus,
            row.ram,
            row.disk,
            row.ephemeral,
            None if row.extra_specs is None else tuple(row.extra_specs.items()),
        )
        found = self._known.get(look)
        if found is None:
            if len(self._known) >= _MOST_FLAVORS:
                self._known.clear()
                self._reader = FlavorReader(self._keys)
            found = self._known[look] = self._reader.attributes(row)
        return found


def _properties_of(flavor: Mapping[str, Any]) -> dict[str, str]:
    """Return a flavor's properties; Nova keeps texts only."""
    written = section(flavor, "extra_specs")
    return {
        key: text
        for key, value in written.items()
        if isinstance(value, (str, int))
        and not isinstance(value, bool)
        and (text := optional_text({key: str(value)}, key)) is not None
    }


def _data(parent: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the fields of an object inside another one; none if it is null."""
    return section(section(parent, name), _DATA)


class _Versioned:
    """Reads versioned payloads by the keys that the operator configured for flavors."""

    def __init__(self, keys: FlavorKeys) -> None:
        self._flavors = _Flavors(keys)

    def tell(
        self, notification: Notification, cloud_id: str, *, accounted: bool = True, properties: bool = False
    ) -> Told:
        """Return what a payload says of its server."""
        data = _body(notification)
        state = optional_text(data, "state", LONGEST_STATE)
        user = optional_identifier(data, "user_id") if accounted else None
        image = optional_identifier(data, "image_uuid") if accounted else None
        return Told(
            resource=Resource(
                optional_identifier(data, "tenant_id") or "", cloud_id, SERVER, identifier(data, "uuid")
            ),
            sent=notification.timestamp,
            occurrence=notification.request_id or optional_identifier(data, "request_id"),
            state=None if state is None else state.lower(),
            task=optional_text(data, "task_state", LONGEST_STATE) or "",
            user={} if user is None else {USER_ID: user},
            flavor=self._flavors.attributes(_data(data, "flavor")) if accounted else {},
            image={} if image is None else {IMAGE_ID: image},
            described=_described(data),
            created=instant(data, "created_at"),
            launched=instant(data, "launched_at") is not None,
            terminated=instant(data, "terminated_at"),
            deleted=instant(data, "deleted_at"),
            properties=_properties(data) if properties else {},
        )

    def update(self, notification: Notification, cloud_id: str) -> Reading:
        """Read an update; the states before and after it are an object of their own."""
        told = self.tell(notification, cloud_id, properties=True)
        data = _body(notification)
        states = _data(data, "state_update")
        old = optional_text(states, "old_state", LONGEST_STATE)
        new = optional_text(states, "state", LONGEST_STATE)
        change = Update(
            old_state=None if old is None else old.lower(),
            new_state=told.state if new is None else new.lower(),
            old_task=optional_text(states, "old_task_state", LONGEST_STATE) or "",
            new_task=optional_text(states, "new_task_state", LONGEST_STATE) or "",
            renamed=optional_text(data, "old_display_name") is not None,
        )
        return update(told, change)

    def audit(self, notification: Notification, cloud_id: str) -> Reading:
        """Read an `exists` audit."""
        told = self.tell(notification, cloud_id, properties=True)
        return audit(told, instant(_data(_body(notification), "audit_period"), "audit_period_ending"))


def _body(notification: Notification) -> dict[str, Any]:
    data = section(notification.payload, _DATA)
    if not data:
        raise NotUnderstoodError(f"`{_DATA}` is missing")
    return data


def _described(data: Mapping[str, Any]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for attribute, field in ((SERVER_NAME, "display_name"), (HOST, "host"), (ZONE, "availability_zone")):
        text = optional_text(data, field)
        if text is not None:
            found[attribute] = text
    return found


def _properties(data: Mapping[str, Any]) -> dict[str, Value]:
    found: dict[str, Value] = {METADATA: metadata_text(data, "metadata")}
    system = optional_text(data, "os_type", LONGEST_NAME)
    if system is not None:
        found[OS_TYPE] = system
    return found


def _failure(notification: Notification, cloud_id: str) -> Reading:
    data = _body(notification)
    state = optional_text(data, "state", LONGEST_STATE)
    wished = _data(data, "request_spec")
    told = Told(
        resource=Resource(
            optional_identifier(wished, "project_id") or "",
            cloud_id,
            SERVER,
            identifier(data, "instance_uuid"),
        ),
        sent=notification.timestamp,
        occurrence=notification.request_id,
        state=None if state is None else state.lower(),
    )
    return failure(told)


def events(keys: FlavorKeys) -> tuple[Event, ...]:
    """Return what is read of Nova's versioned notifications.

    *keys* name the flavor properties that are accounted. They must be those of the pull source: the
    two would contradict each other for ever.
    """
    reader = _Versioned(keys)
    tell = reader.tell
    begin, delete, describe = begin_reader(tell), delete_reader(tell), describe_reader(tell)
    table = (
        ("create.start", begin, "the creation, at the payload's `created_at`"),
        (
            "create.end",
            create_reader(tell),
            "the creation, at the payload's `created_at`, and the state `active` from the message's time on",
        ),
        ("create.error", begin, "the creation, and the state `error` if the payload has it"),
        *((one.versioned, action_reader(tell, one, "flavor"), one.effect) for one in ACTIONS),
        (
            "delete.end",
            delete,
            "the end, at the payload's `terminated_at`, or `deleted_at`, or at the message's time",
        ),
        ("live_migration_post_dest.end", describe, "the host that the server runs on"),
        (
            "update",
            reader.update,
            UPDATE_EFFECT,
        ),
        ("exists", reader.audit, "nothing: an audit, which everything else is checked against"),
    )
    failed = "the state `error` from the message's time on, if it says so"
    tasks = ("build_instances", "migrate_server", "rebuild_server")
    return (
        *(Event(PREFIX + name, read, effect, SERVICE, is_versioned=True) for name, read, effect in table),
        *(
            Event(f"compute_task.{name}.error", _failure, failed, SERVICE, is_versioned=True)
            for name in tasks
        ),
    )


EVENTS: Final = events(FlavorKeys())
"""What is read where the operator configured no keys of her own."""
