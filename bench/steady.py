"""The cloud that is measured on: many servers that run, and a few that change within one hour.

Made of the demo's values, so that the demo can serve it; nothing in it is random. At `BEFORE`
all is quiet and both programs take their first look; at `AFTER`, an hour later, a fixed number
of servers of each project has changed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from usance.demo.history import microseconds
from usance.demo.life import Life, LifeWriter
from usance.demo.site import (
    DEFAULT_DOMAIN,
    EVERYWHERE,
    PASSWORD,
    Domain,
    Flavor,
    FloatingIp,
    Image,
    Project,
    Site,
    User,
    Volume,
    hex_id,
    uuid_id,
)

BEFORE: Final = datetime(2026, 11, 20, 11, tzinfo=UTC)
AFTER: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""The end of the first run and that of the second."""

ACCOUNT: Final = "accounting"

_SECOND: Final = 1_000_000
_DAY: Final = 86400 * _SECOND
_AGES_DAYS: Final = 120  # the oldest server; the mean age is a third of it
_BEFORE_US: Final = microseconds(BEFORE)


def site(
    *,
    projects: int,
    flavors: int = 30,
    images: int = 60,
    users: int = 10,
    volumes: int = 50,
    volume_owners: int = 2,
) -> Site:
    """Return a site: each project with a VO, *volumes* and one floating IP, all flavors listed."""
    people = tuple(
        User(id=hex_id("bench", "user", number), name=f"user{number}@example.org") for number in range(users)
    )
    account = User(
        id=hex_id("bench", "user", ACCOUNT),
        name=ACCOUNT,
        password=PASSWORD,
        roles={EVERYWHERE: ("reader",)},
        system_roles=("reader",),
    )
    made = tuple(
        Project(
            id=hex_id("bench", "project", number),
            name=f"project{number}",
            properties={"VO": f"vo.example{number}.org"},
        )
        for number in range(projects)
    )
    return Site(
        domains=(Domain(DEFAULT_DOMAIN, "Default"),),
        projects=made,
        users=(*people, account),
        flavors=tuple(_flavor(number) for number in range(flavors)),
        images=tuple(
            Image(id=uuid_id("bench", "image", number), name=f"image{number}") for number in range(images)
        ),
        volumes=tuple(
            Volume(
                id=uuid_id("bench", "volume", one.id, number),
                project_id=one.id,
                user_id=people[number % volume_owners].id,
                name=f"volume{number}",
                size_gib=10 + number,
                created_us=_BEFORE_US - 100 * _DAY,
            )
            for one in made
            for number in range(volumes)
        ),
        floating_ips=tuple(
            FloatingIp(uuid_id("bench", "fip", one.id), one.id, f"192.0.2.{number % 250 + 1}", _BEFORE_US)
            for number, one in enumerate(made)
        ),
    )


def _flavor(number: int) -> Flavor:
    vcpus = 1 << number % 6
    return Flavor(
        id=str(number + 1),
        name=f"flavor{number}",
        vcpus=vcpus,
        ram_mib=vcpus * (1024 if number % 2 else 2048),
        disk_gib=10 * (1 + number % 8),
        ephemeral_gib=0 if number % 3 else 10,
        extra_specs={
            "accounting:benchmark_type": "HEPSPEC06",
            "accounting:benchmark_value": str(10 + number),
        },
    )


class SteadyHistory:
    """*servers* in each project, of which *changed* change between BEFORE and AFTER.

    Of those that change, one in five each is stopped, suspended, resized (and confirmed), deleted
    or new. The others were made up to 120 days ago, and one in four was stopped and started once.
    """

    def __init__(self, projects: int, servers: int, changed: int, *, made_of: Site | None = None) -> None:
        self.site = made_of or site(projects=projects)
        self._servers = servers
        self._step = max(servers // changed, 1) if changed else 0
        self._changed = changed
        self._people = tuple(user.id for user in self.site.users if not user.password)
        self._numbers = {self.server_id(number): number for number in range(len(self))}

    def __len__(self) -> int:
        return self._servers * len(self.site.projects)

    def server_id(self, number: int) -> str:
        """Return the id of the server with this number."""
        return uuid_id("bench", "server", number)

    def find(self, server_id: str) -> int | None:
        """Return the number of the server with this id."""
        return self._numbers.get(server_id)

    def life(self, number: int) -> Life:
        """Return the life of the server with this number."""
        place, of_project = divmod(number, len(self.site.projects))
        mixed = number * 2654435761 % (1 << 32)  # Fibonacci hashing: a spread without chance
        change = place // self._step if self._step and place % self._step == 0 else self._changed
        kind = change % 5 if change < self._changed else None
        age = (mixed / (1 << 32)) ** 2 * (_AGES_DAYS - 2) + 2
        created_us = _BEFORE_US - int(age * _DAY)
        when_us = _BEFORE_US + (10 * 60 + change) * _SECOND
        if kind == 4:
            created_us = when_us
        flavors = self.site.flavors
        writer = LifeWriter(
            created_us,
            flavors[(mixed >> 5) % len(flavors)],
            self.site.images[(mixed >> 9) % len(self.site.images)].id,
        )
        writer.act("create", created_us, created_us + 20 * _SECOND)
        if kind != 4 and place % 4 == 1:
            writer.act("stop", created_us + _DAY, created_us + _DAY + 5 * _SECOND)
            writer.act("start", created_us + _DAY + 3600 * _SECOND, created_us + _DAY + 3610 * _SECOND)
        if kind is not None:
            self._change(writer, kind, when_us, mixed)
        return Life(
            id=self.server_id(number),
            project_id=self.site.projects[of_project].id,
            user_id=self._people[(mixed >> 13) % len(self._people)],
            name=f"server-{number}",
            zone="nova",
            host=f"compute{number % 200}",
            cell=1,
            created_us=created_us,
            flavor=writer.first_flavor,
            image_id=writer.first_image_id,
            steps=tuple(writer.steps),
            deleted_us=writer.deleted_us,
            fixed_ip=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            floating_ips=(f"198.51.{100 + (number >> 8 & 127)}.{number & 255}",)
            if mixed >> 17 & 3 == 0
            else (),
        )

    def _change(self, writer: LifeWriter, kind: int, at_us: int, mixed: int) -> None:
        if kind == 0:
            writer.act("stop", at_us, at_us + 5 * _SECOND)
        elif kind == 1:
            writer.act("suspend", at_us, at_us + 8 * _SECOND)
        elif kind == 2:
            other = self.site.flavors[((mixed >> 5) + 1) % len(self.site.flavors)]
            writer.act("resize", at_us, at_us + 30 * _SECOND, flavor=other)
            writer.act("confirmResize", at_us + 60 * _SECOND, at_us + 62 * _SECOND)
        elif kind == 3:
            writer.delete(at_us, at_us + 3 * _SECOND, at_us + 4 * _SECOND)
