"""Lives of volumes, snapshots and backups: written by hand, a line for each thing, or drawn by a seed.

    2026-10-01 10:00:00  create 10 standard
    2026-10-03 09:00:00  extend 20
    2026-10-03 10:00:00  retype fast
    2026-10-04 00:00:00  attach web
    2026-10-05 00:00:00  detach web
    2026-10-06 00:00:00  transfer 1
    2026-10-07 00:00:00  delete

A server is named as in the script of its life, or by its id; a transfer names the number of the
project in the site. `status STATUS` shows another status, `create 10 standard failed` one that ends
in `error` at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from random import Random
from typing import Final

import msgspec

from usance.demo.history import microseconds
from usance.demo.site import Site, uuid_id
from usance.demo.storage import Attachment, StorageStep, Volume

_DAY_US: Final = 86_400_000_000
_HOUR_US: Final = 3_600_000_000
TYPES: Final = ("standard", "fast", "archive")


def stored(
    site: Site,
    name: str | None,
    script: str,
    *,
    project: int = 0,
    kind: str = "volume",
    user_id: str | None = None,
    multiattach: bool = False,
    of: Volume | None = None,
) -> Volume:
    """Return the life that a script tells; its id depends on project, kind and script alone."""
    lines = [text.split() for text in script.splitlines() if text.strip()]
    if not lines or lines[0][2] != "create":
        raise ValueError("a script begins with create")
    project_id = site.projects[project].id
    words = lines[0][3:]
    failed = words[-1] == "failed"
    life = Volume(
        id=uuid_id(project_id, kind, name, script),
        project_id=project_id,
        user_id=user_id or _somebody(site, 0),
        name=name,
        size_gib=int(words[0]),
        created_us=_instant(lines[0]),
        kind=kind,
        volume_type=words[1] if len(words) > 1 and words[1] != "failed" else None,
        status="error" if failed else "available",
        multiattach=multiattach,
        volume_id=None if of is None else of.id,
    )
    for line in lines[1:]:
        life = _then(site, life, _instant(line), line[2], line[3] if len(line) > 3 else "")
    return life


def _instant(words: list[str]) -> int:
    return microseconds(datetime.fromisoformat(f"{words[0]}T{words[1]}").replace(tzinfo=UTC))


def _somebody(site: Site, number: int) -> str:
    people = [user.id for user in site.users if not user.password] or [user.id for user in site.users]
    return people[number % len(people)]


def _then(site: Site, life: Volume, at_us: int, what: str, argument: str) -> Volume:
    if what == "delete":
        return msgspec.structs.replace(life, deleted_us=at_us)
    now = life.at(at_us)
    if what == "extend":
        step = StorageStep(at_us, size_gib=int(argument))
    elif what == "retype":
        step = StorageStep(at_us, volume_type=argument)
    elif what == "status":
        step = StorageStep(at_us, status=argument)
    elif what == "attach":
        attached = (*now.attachments, Attachment(_server_id(now.project_id, argument), at_us))
        step = StorageStep(at_us, status="in-use", attachments=attached)
    elif what == "detach":
        server_id = _server_id(now.project_id, argument)
        left = tuple(one for one in now.attachments if one.server_id != server_id)
        step = StorageStep(at_us, status="in-use" if left else "available", attachments=left)
    elif what == "transfer":
        number = int(argument)
        step = StorageStep(at_us, project_id=site.projects[number].id, user_id=_somebody(site, number))
    else:
        raise ValueError(f"nobody can {what} a volume here")
    return msgspec.structs.replace(life, steps=(*life.steps, step))


def _server_id(project_id: str, named: str) -> str:
    return named if named.count("-") == 4 else uuid_id(project_id, named)


def random_storage(
    site: Site, seed: int, count: int, *, begin: datetime, end: datetime, transfers: bool = True
) -> Iterable[Volume]:
    """Yield so many random lives between two instants; the same arguments give the same ones."""
    first_us, last_us = microseconds(begin), microseconds(end)
    for number in range(count):
        random = Random(seed << 32 | number)  # noqa: S311 -- a reproducible history is no secret
        kind = random.choices(("volume", "snapshot", "backup"), (6, 2, 1))[0]
        created_us = first_us + int(random.random() * (last_us - first_us - _HOUR_US))
        life = Volume(
            id=uuid_id(seed, kind, number),
            project_id=site.projects[number % len(site.projects)].id,
            user_id=_somebody(site, random.randrange(4)),
            name=None if number % 5 == 0 else f"{kind}-{number}",
            size_gib=random.randrange(1, 200),
            created_us=created_us,
            kind=kind,
            volume_type=random.choice(TYPES) if kind == "volume" else None,
            multiattach=kind == "volume" and random.random() < 0.1,
        )
        yield _played(site, life, random, last_us, transfers=transfers)


def _played(site: Site, life: Volume, random: Random, last_us: int, *, transfers: bool) -> Volume:
    """Return the life with what happens in it: things to volumes, and an end to many."""
    at_us = life.created_us
    servers = [uuid_id(life.id, "server", number) for number in range(2)]
    for _ in range(random.randrange(5) if life.kind == "volume" else 0):
        at_us += int(_HOUR_US + random.random() ** 3 * 20 * _DAY_US)
        if at_us + _HOUR_US > last_us:
            return life
        now = life.at(at_us)
        choices = ["extend", "retype"]
        if not now.attachments or (life.multiattach and len(now.attachments) == 1):
            choices.append("attach")
        if now.attachments:
            choices.append("detach")
        elif transfers and len(site.projects) > 1:
            choices.append("transfer")
        what = random.choice(choices)
        if what == "extend":
            argument = str(now.size_gib + random.randrange(1, 50))
        elif what == "retype":
            argument = random.choice(TYPES)
        elif what == "attach":
            held = {one.server_id for one in now.attachments}
            argument = next(one for one in servers if one not in held)
        elif what == "detach":
            argument = now.attachments[0].server_id
        else:
            argument = str(random.randrange(len(site.projects)))
        life = _then(site, life, at_us, what, argument)
    at_us += int(_HOUR_US + random.random() * 30 * _DAY_US)
    ends = random.random() < 0.5 and at_us + _HOUR_US < last_us
    return msgspec.structs.replace(life, deleted_us=at_us) if ends else life
