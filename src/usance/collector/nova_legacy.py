"""Nova's legacy notifications (`compute.instance.*`), which older services and Almanach know too.

Source of the fields: nova/notifications/base.py, `info_from_instance`. Almanach's bare messages have
some of them only: `instance_id`, and what the event is about.
"""

from __future__ import annotations

from typing import Any, Final

from usance.collector.fields import (
    clean,
    identifier,
    is_id,
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
    OS_DISTRO,
    OS_TYPE,
    OS_VERSION,
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
from usance.collector.reading import Event, Notification, Reading
from usance.collector.times import instant
from usance.model.resource import (
    DISK_GIB,
    EPHEMERAL_GIB,
    FLAVOR,
    IMAGE_ID,
    RAM_MIB,
    SERVER,
    USER_ID,
    VCPUS,
    Resource,
    Value,
)

SERVICE: Final = "nova"
PREFIX: Final = "compute.instance."

# What the properties of an image are called: by Glance today, and as Almanach knew them.
_OS_PROPERTIES: Final = (
    (OS_DISTRO, ("os_distro", "distro")),
    (OS_VERSION, ("os_version", "version")),
    (OS_TYPE, ("os_type",)),
)
_SIZES: Final = (
    (VCPUS, "vcpus"),
    (RAM_MIB, "memory_mb"),
    (DISK_GIB, "root_gb"),
    (EPHEMERAL_GIB, "ephemeral_gb"),
)


def tell(
    notification: Notification, cloud_id: str, *, accounted: bool = True, properties: bool = False
) -> Told:
    """Return what a payload says of its server."""
    payload = notification.payload
    state = optional_text(payload, "state", LONGEST_STATE)
    user = optional_identifier(payload, "user_id") if accounted else None
    return Told(
        resource=Resource(
            optional_identifier(payload, "tenant_id") or "",
            cloud_id,
            SERVER,
            identifier(payload, "instance_id"),
        ),
        sent=notification.timestamp,
        occurrence=notification.request_id,
        state=None if state is None else state.lower(),
        task=optional_text(payload, "state_description", LONGEST_STATE) or "",
        user={} if user is None else {USER_ID: user},
        flavor=_flavor(payload) if accounted else {},
        image=_image(payload) if accounted else {},
        described=_described(payload),
        created=instant(payload, "created_at"),
        launched=instant(payload, "launched_at") is not None,
        terminated=instant(payload, "terminated_at"),
        deleted=instant(payload, "deleted_at"),
        properties=_properties(payload) if properties else {},
    )


def _flavor(payload: dict[str, Any]) -> dict[str, Value]:
    """Return what is said of the flavor; legacy payloads never tell its properties."""
    name = optional_text(payload, "instance_type", LONGEST_NAME)
    if name is None:
        return {}
    found: dict[str, Value] = {FLAVOR: name}
    for attribute, field in _SIZES:
        amount = optional_integer(payload, field, LARGEST)
        if amount is not None:
            found[attribute] = amount
    if DISK_GIB not in found:
        both = optional_integer(payload, "disk_gb", LARGEST)
        ephemeral = found.get(EPHEMERAL_GIB, 0)
        if both is not None and isinstance(ephemeral, int) and both >= ephemeral:
            found[DISK_GIB] = both - ephemeral
    return found


def _image(payload: dict[str, Any]) -> dict[str, Value]:
    """Return the image: the last part of its address, empty for a server that boots from a volume."""
    address = optional_text(payload, "image_ref_url")
    if address is None:
        found = optional_identifier(section(payload, "image_meta"), "base_image_ref")
        return {} if found is None else {IMAGE_ID: found}
    image_id = address.rpartition("/")[2]
    return {IMAGE_ID: image_id} if is_id(image_id) and image_id != "None" else {}


def _described(payload: dict[str, Any]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    name = optional_text(payload, "display_name") or optional_text(payload, "hostname")
    if name is not None:
        found[SERVER_NAME] = name
    host = optional_text(payload, "host")
    if host is not None:
        found[HOST] = host
    zone = optional_text(payload, "availability_zone")
    if zone is not None:
        found[ZONE] = zone
    return found


def _properties(payload: dict[str, Any]) -> dict[str, Value]:
    """Return metadata and system; what the image does not tell of the system is the empty text."""
    found: dict[str, Value] = {METADATA: metadata_text(payload, "metadata")}
    if payload.get("image_meta") is None:
        return found
    image = section(payload, "image_meta")
    for attribute, names in _OS_PROPERTIES:
        told = next((image[name] for name in names if isinstance(image.get(name), str)), "")
        found[attribute] = clean(told, LONGEST_NAME)
    if not found[OS_TYPE]:
        found[OS_TYPE] = optional_text(payload, "os_type", LONGEST_NAME) or ""
    return found


def _update(notification: Notification, cloud_id: str) -> Reading:
    payload = notification.payload
    told = tell(notification, cloud_id, properties=True)
    old = optional_text(payload, "old_state", LONGEST_STATE)
    change = Update(
        old_state=None if old is None else old.lower(),
        new_state=told.state,
        old_task=optional_text(payload, "old_task_state", LONGEST_STATE) or "",
        new_task=optional_text(payload, "new_task_state", LONGEST_STATE) or "",
        renamed=optional_text(payload, "old_display_name") is not None,
    )
    return update(told, change)


def _audit(notification: Notification, cloud_id: str) -> Reading:
    told = tell(notification, cloud_id, properties=True)
    return audit(told, instant(notification.payload, "audit_period_ending"))


def _failure(notification: Notification, cloud_id: str) -> Reading:
    """Read what the conductor says; the request stands beside the id of the server."""
    wished = section(notification.payload, "instance_properties")
    state = optional_text(notification.payload, "state", LONGEST_STATE)
    told = Told(
        resource=Resource(
            optional_identifier(wished, "project_id") or "",
            cloud_id,
            SERVER,
            identifier(notification.payload, "instance_id"),
        ),
        sent=notification.timestamp,
        occurrence=notification.request_id,
        state=None if state is None else state.lower(),
    )
    return failure(told)


_create, _begin = create_reader(tell), begin_reader(tell)
_describe, _delete = describe_reader(tell), delete_reader(tell)

EVENTS: Final = (
    Event(PREFIX + "create.start", _begin, "the creation, at the payload's `created_at`", SERVICE),
    Event(
        PREFIX + "create.end",
        _create,
        "the creation, at the payload's `created_at`, and the state `active` from the message's time on",
        SERVICE,
    ),
    Event(
        PREFIX + "create.error", _begin, "the creation, and the state `error` if the payload has it", SERVICE
    ),
    *(
        Event(PREFIX + one.legacy, action_reader(tell, one, "instance_type"), one.effect, SERVICE)
        for one in ACTIONS
    ),
    # As releases before 2016 called two of them.
    *(
        Event(PREFIX + one.legacy.removesuffix(".end"), action_reader(tell, one, ""), one.effect, SERVICE)
        for one in ACTIONS
        if one.legacy in ("suspend.end", "resume.end")
    ),
    *(
        Event(
            PREFIX + name,
            _delete,
            "the end, at the payload's `terminated_at`, or `deleted_at`, or at the message's time",
            SERVICE,
        )
        for name in ("delete.end", "force_delete.end")
    ),
    *(
        Event(PREFIX + name, _describe, "the host that the server runs on", SERVICE)
        for name in ("live_migration.post.dest.end",)
    ),
    Event(
        PREFIX + "update",
        _update,
        UPDATE_EFFECT,
        SERVICE,
    ),
    Event(PREFIX + "exists", _audit, "nothing: an audit, which everything else is checked against", SERVICE),
    *(
        Event(name, _failure, "the state `error` from the message's time on, if it says so", SERVICE)
        for name in (
            "compute_task.build_instances",
            "compute_task.migrate_server",
            "compute_task.rebuild_server",
        )
    ),
)
"""What is read of Nova's legacy notifications."""
