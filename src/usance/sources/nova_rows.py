"""Nova's answers, as far as they are read."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from usance.cloud.flavors import FlavorRow


def parse_instant(text: str | None) -> datetime | None:
    """Return one of Nova's times, in UTC; None for '' and null.

    They come as `2026-11-21T23:06:04Z`, `2026-11-21T23:06:33.000000` and, in older versions and
    notifications, with a blank for the T; one without a zone is in UTC. Raises ValueError for anything else.
    """
    if not text:
        return None
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


class Link(msgspec.Struct):
    """A link of a listing."""

    rel: str = ""
    href: str = ""


def next_link(links: list[Link]) -> str | None:
    """Return where the next page is; None on the last one."""
    return next((link.href for link in links if link.rel == "next"), None)


class ImageRow(msgspec.Struct):
    """The image of a server; one that boots from a volume has the empty string instead."""

    id: str | None = None


class ServerRow(msgspec.Struct):
    """A server of `GET /servers/detail`. Rows of a cell that is down have little more than an id."""

    id: str
    name: str | None = None
    status: str | None = None
    tenant_id: str | None = None
    user_id: str | None = None
    created: str | None = None
    updated: str | None = None
    image: ImageRow | str | None = None
    flavor: FlavorRow | None = None
    vm_state: str | None = msgspec.field(default=None, name="OS-EXT-STS:vm_state")
    task_state: str | None = msgspec.field(default=None, name="OS-EXT-STS:task_state")
    launched_at: str | None = msgspec.field(default=None, name="OS-SRV-USG:launched_at")
    terminated_at: str | None = msgspec.field(default=None, name="OS-SRV-USG:terminated_at")
    zone: str | None = msgspec.field(default=None, name="OS-EXT-AZ:availability_zone")
    host: str | None = msgspec.field(default=None, name="OS-EXT-SRV-ATTR:host")

    @property
    def is_deleted(self) -> bool:
        """Whether it is gone; what is only soft-deleted is still there."""
        return self.status == "DELETED" or self.vm_state == "deleted"

    @property
    def is_partial(self) -> bool:
        """Whether its cell is down, so that the row says nothing (microversion 2.69)."""
        return self.status in {"UNKNOWN", None} and self.vm_state is None and not self.updated


class ServersPage(msgspec.Struct):
    """One page of servers."""

    servers: list[ServerRow]
    servers_links: list[Link] = []


class ServerDocument(msgspec.Struct):
    """One server."""

    server: ServerRow


class ActionRow(msgspec.Struct):
    """An entry of `GET /servers/<id>/os-instance-actions`."""

    action: str
    request_id: str | None = None
    start_time: str | None = None
    updated_at: str | None = None  # since 2.58
    message: str | None = None  # "Error" if an event of it failed


class ActionsPage(msgspec.Struct):
    """One page of actions, the latest first."""

    instance_actions: list[ActionRow] = msgspec.field(name="instanceActions")
    links: list[Link] = []


class EventRow(msgspec.Struct):
    """A step of an action."""

    event: str | None = None
    start_time: str | None = None
    finish_time: str | None = None
    result: str | None = None


class ActionEvents(msgspec.Struct):
    """The steps of one action; hidden from who is no administrator before 2.51."""

    events: list[EventRow] = []


class ActionDocument(msgspec.Struct):
    """One action."""

    instance_action: ActionEvents = msgspec.field(name="instanceAction")
