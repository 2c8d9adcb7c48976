"""Histories: which servers a cloud has, and all that ever happens to them.

A seeded history makes each life anew whenever it is asked for, from its seed and the server's
number alone, so that 100,000 servers cost no memory and the same seed always gives the same cloud.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, Protocol

from usance.demo.life import NEVER, Life, LifeWriter
from usance.demo.site import Flavor, Project, Site, standard_site

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = 1_000_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 3600 * _SECOND
_DAY: Final = 24 * _HOUR


def microseconds(instant: datetime) -> int:
    """Return the microseconds since 1970 of an aware instant."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


class History(Protocol):
    """What a cloud needs to know of its servers."""

    site: Site

    def __len__(self) -> int:
        """Return how many servers there ever are."""
        ...

    def life(self, number: int) -> Life:
        """Return the life of the server with this number, from 0."""
        ...

    def find(self, server_id: str) -> int | None:
        """Return the number of the server with this id; None for one that never is."""
        ...


class WrittenHistory:
    """A history given server by server."""

    def __init__(self, site: Site, lives: Iterable[Life] = ()) -> None:
        self.site = site
        self.lives = tuple(lives)
        self._numbers = {life.id: number for number, life in enumerate(self.lives)}

    def __len__(self) -> int:
        return len(self.lives)

    def life(self, number: int) -> Life:
        """Return the life of the server with this number."""
        return self.lives[number]

    def find(self, server_id: str) -> int | None:
        """Return the number of the server with this id."""
        return self._numbers.get(server_id)


class SeededHistory:
    """A random history that is the same for the same arguments.

    Everything happens between *begin* and *end* (aware); only purges come later. *actions* is how
    many actions a server sees at most, *deleted* about the share of servers that are deleted by
    *end*. With *undated*, states also change without an action; with *purged*, the row of a deleted
    server is archived so long after its deletion; with *hostile*, names, rows, projects and flavors
    are what a malicious user or a broken database makes of them. With *late*, nothing happens in the
    last hour but that exactly so many servers of each project (as far as it has them) are stopped.
    """

    def __init__(
        self,
        seed: int,
        *,
        projects: int = 3,
        servers: int = 30,
        begin: datetime,
        end: datetime,
        actions: int = 12,
        deleted: float = 0.4,
        undated: bool = False,
        purged: timedelta | None = None,
        hostile: bool = False,
        late: int = 0,
        site: Site | None = None,
    ) -> None:
        self.site = site or standard_site(seed, projects, hostile=hostile)
        self.seed = seed
        self._servers = servers
        self._begin_us, self._end_us = microseconds(begin), microseconds(end)
        self._actions, self._deleted = actions, deleted
        self._undated, self._hostile = undated, hostile
        self._late = late
        self._quiet_us = self._end_us - _HOUR if late else self._end_us
        self._purged_us = None if purged is None else purged // timedelta(microseconds=1)
        # Only what the site has is drawn; hostile flavors come with a hostile site.
        self._users = tuple(user.id for user in self.site.users if not user.password)
        self._images = ("", *(image.id for image in self.site.images))
        key = hashlib.blake2s(f"servers/{seed}".encode()).digest()
        self._scramble = int.from_bytes(key[:4]) | 1
        self._unscramble = pow(self._scramble, -1, 1 << 32)
        self._tail = f"{key[4:6].hex()}-4{key[6:8].hex()[1:]}-a{key[8:10].hex()[1:]}-{key[10:16].hex()}"

    def __len__(self) -> int:
        return self._servers

    def server_id(self, number: int) -> str:
        """Return the id of the server with this number: a UUID that hides the number."""
        return f"{(number + 1) * self._scramble & 0xFFFFFFFF:08x}-{self._tail}"

    def find(self, server_id: str) -> int | None:
        """Return the number of the server with this id."""
        head, _, tail = server_id.partition("-")
        try:
            number = (int(head, 16) * self._unscramble & 0xFFFFFFFF) - 1
        except ValueError:
            return None
        known = tail == self._tail and 0 <= number < self._servers
        return number if known and self.server_id(number) == server_id else None

    def project_of(self, number: int) -> Project:
        """Return the project of the server with this number."""
        return self.site.projects[number % len(self.site.projects)]

    def life(self, number: int) -> Life:
        """Return the life of the server with this number."""
        random = Random(self.seed << 32 | number)  # noqa: S311 -- a reproducible history is no secret
        draw = random.random
        flavors = self.site.flavors
        image_id = self._images[int(draw() * len(self._images))]
        created_us = self._begin_us + int(draw() * (self._quiet_us - self._begin_us - _MINUTE))
        writer = LifeWriter(created_us, flavors[int(draw() * len(flavors))], image_id)
        play = _Play(random, writer, self._quiet_us, flavors, self._images)
        half = False
        if number // len(self.site.projects) < self._late:
            play.build(may_fail=False)
            play.stop_late(self._end_us)
        else:
            play.build()
            ends = draw() < self._deleted
            play.live(int(draw() * (self._actions + 1)), undated=self._undated)
            half = ends and play.end()
        purged_us = NEVER
        if self._purged_us is not None and writer.deleted_us != NEVER:
            purged_us = writer.deleted_us + self._purged_us
        name = f"server-{number}"
        omitted: tuple[str, ...] = ()
        user_id = self._users[int(draw() * len(self._users))] if self._users else None
        if self._hostile:
            name, omitted = hostile_row(number)
            if number % 11 == 7:
                user_id = None
        tail = int(draw() * 4)
        return Life(
            id=self.server_id(number),
            project_id=self.project_of(number).id,
            user_id=user_id,
            name=name,
            zone="nova",
            host=f"compute{number % 200}",
            cell=1 + number % 2,
            created_us=created_us,
            flavor=writer.first_flavor,
            image_id=image_id,
            steps=tuple(writer.steps),
            deleted_us=writer.deleted_us,
            half_deleted=half,
            purged_us=purged_us,
            fixed_ip=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            floating_ips=(f"198.51.{100 + (number >> 8 & 127)}.{number & 255}",) if tail == 0 else (),
            omitted=omitted,
        )


_NAMES: Final = (
    "%%",
    "before\n%%\nSiteName: FORGED",
    "tab\tbell\x07escape\x1b[31mred",
    "Gerät-größe-日本語-🚀",
    "x" * 255,
    "null",
    'quote " comma , semicolon ; and <b>markup</b> &amp;',
    "\u202egnirts desrever",
)


def hostile_row(number: int) -> tuple[str, tuple[str, ...]]:
    """Return a name that is meant to break something, and the keys that the row lacks."""
    omitted = {3: ("flavor",), 5: ("image",), 9: ("user_id",)}.get(number % 11, ())
    return _NAMES[number % len(_NAMES)], omitted


# What can be done in each state; a name that occurs twice is done twice as often. The words are
# those of Nova's actions; the few others are explained where they are carried out, in _Play.
_CHOICES: Final = {
    "active": (
        "stop",
        "stop",
        "pause",
        "suspend",
        "shelve",
        "resize",
        "resize",
        "rebuild",
        "reboot",
        "rescue",
        "failed",
        "soft-delete",
    ),
    "stopped": ("start", "start", "start", "resize", "rebuild", "shelve", "failed"),
    "paused": ("unpause",),
    "suspended": ("resume",),
    "shelved": ("shelveOffload", "unshelve"),
    "shelved_offloaded": ("unshelve",),
    "rescued": ("unrescue",),
    "resized": ("confirmResize", "confirmResize", "revertResize"),
    "soft-delete": ("restore",),
    "error": (),
    "building": (),
}

_MAY_FAIL: Final = ("reboot", "resize", "rebuild", "stop", "shelve")


class _Play:
    """Plays one random life out, writing it down as it goes."""

    def __init__(
        self,
        random: Random,
        writer: LifeWriter,
        end_us: int,
        flavors: tuple[Flavor, ...],
        images: tuple[str, ...],
    ) -> None:
        self._draw = random.random
        self._writer = writer
        self._end_us = end_us
        self._flavors = flavors
        self._images = images
        self._now_us = writer.created_us

    def _lasting(self) -> int:
        """Return how long an action takes: half a second to 40 seconds."""
        return int(_SECOND * (0.5 + 39.5 * self._draw() ** 2))

    def _wait(self) -> None:
        """Let time pass until the next action: mostly hours or days, now and then seconds."""
        self._now_us += int(_SECOND * 2 + 12 * _DAY * self._draw() ** 5)

    def build(self, *, may_fail: bool = True) -> None:
        """Create the server; now and then that fails."""
        begin_us = self._now_us
        self._now_us += self._lasting()
        failed = self._draw() < 0.04 and may_fail
        self._writer.act("create", begin_us, self._now_us, failed=failed)

    def stop_late(self, end_us: int) -> None:
        """Stop the server within the last hour, the only thing that ever happens to it."""
        begin_us = self._end_us + int(self._draw() * (end_us - self._end_us - _MINUTE))
        self._writer.act("stop", begin_us, begin_us + self._lasting())

    def live(self, actions: int, *, undated: bool) -> None:
        """Do up to so many things to the server, as long as there is time."""
        for _ in range(actions):
            self._wait()
            if self._now_us + _MINUTE > self._end_us:
                return
            if undated and self._draw() < 0.15 and self._writer.state in {"active", "stopped"}:
                self._writer.become("stopped" if self._writer.state == "active" else "active", self._now_us)
                continue
            choices = _CHOICES[self._writer.state]
            if not choices:
                return
            self._do(choices[int(self._draw() * len(choices))])

    def _do(self, action: str) -> None:
        begin_us = self._now_us
        self._now_us = end_us = begin_us + self._lasting()
        if action == "soft-delete":
            self._writer.soft_delete(begin_us, end_us)
        elif action == "failed":
            self._writer.act(_MAY_FAIL[int(self._draw() * len(_MAY_FAIL))], begin_us, end_us, failed=True)
        elif action == "resize":
            self._writer.act(action, begin_us, end_us, flavor=self._other_flavor())
        elif action == "rebuild":
            image_id = self._images[int(self._draw() * len(self._images))]
            self._writer.act(action, begin_us, end_us, image_id=image_id or None)
        else:
            self._writer.act(action, begin_us, end_us)
            if action == "shelve" and self._draw() < 0.5:
                # With shelved_offload_time = 0, the default, Nova offloads at once and in the same action.
                self._writer.offload_at_once()

    def _other_flavor(self) -> Flavor:
        now, among = self._writer.flavor, self._flavors
        chosen = among[int(self._draw() * len(among))]
        return chosen if chosen != now else among[(among.index(chosen) + 1) % len(among)]

    def end(self) -> bool:
        """Delete the server if there is time; return whether the row is only half deleted."""
        self._wait()
        if self._now_us + _MINUTE > self._end_us:
            return False
        begin_us = self._now_us
        end_us = begin_us + self._lasting()
        kind = self._draw()
        if self._writer.state == "soft-delete" and kind < 0.5:
            # The periodic task that reclaims soft-deleted servers leaves no action.
            self._writer.delete(begin_us, begin_us, begin_us, action=False)
            return False
        half = kind > 0.95
        deleted_us = end_us if half else end_us - int(self._draw() * min(_SECOND, end_us - begin_us))
        self._writer.delete(begin_us, deleted_us, end_us)
        return half
