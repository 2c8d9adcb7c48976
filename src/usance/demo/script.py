"""Lives written by hand, a line for each thing that happens, for tests that read like a ledger.

    2026-10-01 10:00:00.25  +12.5  create m1.small
    2026-10-03 09:00:00     +40    resize m1.large
    2026-10-03 10:00:00            confirmResize
    2026-10-04 00:00:00     +3     reboot failed
    2026-10-05 00:00:00     +8     delete

A line has the time at which an action begins (UTC), how many seconds it takes (0 unless it says
so), Nova's name of the action, what it needs, and `failed` for one that fails. Beside Nova's
actions there are `soft-delete`; `half-delete`, whose row never gets a terminated_at; `reclaim`, the
end of a soft-deleted server without any action; `become STATE`, a change without any action;
`shelve offload`, which offloads at once; and `purge`, from when on Nova has forgotten the row.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec

from usance.demo.history import microseconds
from usance.demo.life import NEVER, Life, LifeWriter
from usance.demo.site import Flavor, Site, uuid_id


class Line(msgspec.Struct, frozen=True):
    """One line of a script."""

    begin_us: int
    end_us: int
    action: str
    argument: str
    failed: bool


def scripted(
    site: Site,
    name: str,
    script: str,
    *,
    project: int = 0,
    user_id: str | None = None,
    image_id: str | None = None,
    floating_ips: tuple[str, ...] = (),
) -> Life:
    """Return the life of a server that a script tells, in the project with this number in the site.

    Its id depends on the project and the name alone. User and image are the site's first unless
    they are given; an empty image id is that of a server that boots from a volume.
    """
    lines = [_line(text) for text in script.splitlines() if text.strip()]
    if not lines or lines[0].action != "create":
        raise ValueError("a script begins with create")
    project_id = site.projects[project].id
    first = lines[0]
    flavor = _flavor(site, first.argument)
    image = image_id if image_id is not None else site.images[0].id
    writer = LifeWriter(first.begin_us, flavor, image)
    purged_us, half = NEVER, False
    for line in lines:
        if line.action == "purge":
            purged_us = line.begin_us
        else:
            half = half or line.action == "half-delete"
            _SPECIAL.get(line.action, _act)(site, writer, line)
    if user_id is None:
        user_id = next((user.id for user in site.users if not user.password), site.users[0].id)
    return Life(
        id=uuid_id(project_id, name),
        project_id=project_id,
        user_id=user_id,
        name=name,
        zone="nova",
        host="compute1",
        cell=1,
        created_us=first.begin_us,
        flavor=flavor,
        image_id=image,
        steps=tuple(writer.steps),
        deleted_us=writer.deleted_us,
        half_deleted=half,
        purged_us=purged_us,
        floating_ips=floating_ips,
    )


def _line(text: str) -> Line:
    day, clock, *words = text.split()
    begin_us = microseconds(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=UTC))
    lasting = Decimal(0)
    if words[0].startswith("+"):
        lasting = Decimal(words.pop(0)[1:])
    failed = words[-1] == "failed"
    if failed:
        words.pop()
    action, argument = (*words, "")[:2]
    return Line(begin_us, begin_us + int(lasting * 1_000_000), action, argument, failed)


def _flavor(site: Site, name: str) -> Flavor:
    for flavor in site.flavors:
        if flavor.name == name:
            return flavor
    raise ValueError(f"the site has no flavor {name!r}")


def _act(site: Site, writer: LifeWriter, line: Line) -> None:
    flavor = _flavor(site, line.argument) if line.action == "resize" else None
    image_id = line.argument if line.action == "rebuild" and line.argument else None
    writer.act(line.action, line.begin_us, line.end_us, flavor=flavor, image_id=image_id, failed=line.failed)
    if (line.action, line.argument) == ("shelve", "offload"):
        writer.offload_at_once()


_SPECIAL: Final[dict[str, Callable[[Site, LifeWriter, Line], None]]] = {
    "soft-delete": lambda _, writer, line: writer.soft_delete(line.begin_us, line.end_us),
    "delete": lambda _, writer, line: writer.delete(line.begin_us, line.end_us, line.end_us),
    "half-delete": lambda _, writer, line: writer.delete(line.begin_us, line.end_us, line.end_us),
    "reclaim": lambda _, writer, line: writer.delete(
        line.begin_us, line.begin_us, line.begin_us, action=False
    ),
    "become": lambda _, writer, line: writer.become(line.argument, line.begin_us),
}
