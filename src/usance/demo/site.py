"""What a simulated cloud is made of: domains, projects, people, flavors and images."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Final

import msgspec

from usance.demo.addresses import PUBLIC, Holder, Network, Trunk
from usance.demo.storage import Volume

DEFAULT_DOMAIN: Final = "default"
EVERYWHERE: Final = "*"
"""In the roles of a user: in each project."""


class Flavor(msgspec.Struct, frozen=True):
    """A flavor, as a server that was made from it remembers it."""

    id: str
    name: str
    vcpus: int
    ram_mib: int
    disk_gib: int
    ephemeral_gib: int = 0
    extra_specs: dict[str, str] = {}
    listed: bool = True  # False: deleted since, so that only the servers on it remember it
    public: bool = True


class Domain(msgspec.Struct, frozen=True):
    """A domain of Keystone."""

    id: str
    name: str


class Project(msgspec.Struct, frozen=True):
    """A project of Keystone."""

    id: str
    name: str
    domain_id: str = DEFAULT_DOMAIN
    tags: tuple[str, ...] = ("caso",)
    properties: dict[str, str] = {}  # for instance VO
    enabled: bool = True


class User(msgspec.Struct, frozen=True):
    """A user of Keystone, and where she has which roles."""

    id: str
    name: str
    password: str = ""  # empty: nobody can log in as this user
    domain_id: str = DEFAULT_DOMAIN
    roles: dict[str, tuple[str, ...]] = {}  # by project id; EVERYWHERE: in each project
    system_roles: tuple[str, ...] = ()
    domain_roles: dict[str, tuple[str, ...]] = {}
    default_project_id: str | None = None

    def roles_in(self, project_id: str) -> tuple[str, ...]:
        """Return the roles that the user has in a project."""
        return self.roles.get(project_id) or self.roles.get(EVERYWHERE, ())


class ApplicationCredential(msgspec.Struct, frozen=True):
    """A secret of its own with which a user's program enters one project."""

    id: str
    name: str
    secret: str
    user_id: str
    project_id: str
    roles: tuple[str, ...] = ("reader",)


class Image(msgspec.Struct, frozen=True):
    """An image of Glance."""

    id: str
    name: str
    properties: dict[str, str] = {}


class FloatingIp(msgspec.Struct, frozen=True):
    """A floating IP of Neutron that no server has."""

    id: str
    project_id: str
    address: str
    created_us: int


class Site(msgspec.Struct, frozen=True):
    """Everything in a cloud that has no life of its own here."""

    domains: tuple[Domain, ...]
    projects: tuple[Project, ...]
    users: tuple[User, ...]
    flavors: tuple[Flavor, ...]
    images: tuple[Image, ...]
    application_credentials: tuple[ApplicationCredential, ...] = ()
    volumes: tuple[Volume, ...] = ()  # snapshots and backups, too
    floating_ips: tuple[FloatingIp, ...] = ()
    networks: tuple[Network, ...] = ()
    holders: tuple[Holder, ...] = ()  # of public addresses, beside what servers have
    trunks: tuple[Trunk, ...] = ()


def hex_id(*parts: object) -> str:
    """Return 32 hexadecimal digits that depend on nothing but the parts."""
    return hashlib.blake2s("/".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def uuid_id(*parts: object) -> str:
    """Return a UUID that depends on nothing but the parts."""
    return dashed(hex_id(*parts))


def dashed(digits: str) -> str:
    """Return 32 hexadecimal digits written as a UUID of version 4."""
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


PASSWORD: Final = "usance-demo"  # noqa: S105 -- of a simulated cloud on loopback; it opens nothing else

FLAVORS: Final = (
    Flavor("1", "m1.tiny", 1, 512, 1),
    Flavor(
        "2",
        "m1.small",
        1,
        2048,
        20,
        extra_specs={"accounting:benchmark_type": "HEPSPEC06", "accounting:benchmark_value": "12.5"},
    ),
    Flavor("3", "m1.medium", 2, 4096, 40, 10),
    Flavor(
        "4",
        "m1.large",
        4,
        8192,
        80,
        extra_specs={"accounting:benchmark_name": "HEPscore23", "accounting:benchmark_value": "18"},
    ),
    Flavor("5", "m1.xlarge", 8, 16384, 160, 40),
    Flavor(
        "6",
        "g1.large",
        8,
        65536,
        200,
        extra_specs={
            "Accelerator:Type": "GPU",
            "Accelerator:Vendor": "NVIDIA",
            "Accelerator:Model": "Tesla V100",
            "Accelerator:Number": "1",
        },
    ),
    Flavor("7", "old.large", 6, 12288, 60, listed=False),
    Flavor("8", "private.large", 3, 6144, 30, public=False),
)

ACCELERATED_FLAVORS: Final = (
    Flavor("60", "g2.pci", 16, 131072, 400, extra_specs={"pci_passthrough:alias": "a100:2,nic:1"}),
    Flavor(
        "61",
        "g3.vgpu",
        4,
        16384,
        80,
        extra_specs={"resources:VGPU": "1", "trait:CUSTOM_NVIDIA_A16_4C": "required"},
    ),
    Flavor(
        "62",
        "g4.shared",
        2,
        8192,
        40,
        extra_specs={
            "Accelerator:Type": "GPU",
            "Accelerator:Vendor": "NVIDIA",
            "Accelerator:Model": "T4",
            "Accelerator:Number": "0.5",
        },
    ),
    Flavor("63", "f1.alveo", 8, 32768, 80, extra_specs={"accel:device_profile": "alveo-u250"}),
)
"""One for each way in which a flavor can ask for accelerators, beside g1.large."""

HOSTILE_FLAVORS: Final = (
    Flavor(
        "90",
        "bad.benchmark",
        2,
        2048,
        20,
        extra_specs={"accounting:benchmark_type": "HEPSPEC06", "accounting:benchmark_value": "12,5"},
    ),
    Flavor(
        "91",
        "bad.accelerator",
        2,
        2048,
        20,
        extra_specs={
            "Accelerator:Type": "GPU",
            "Accelerator:Vendor": "NVIDIA",
            "Accelerator:Model": "A100",
            "Accelerator:Number": "half of one",
        },
    ),
)

_IMAGES: Final = 5


def standard_site(
    seed: int = 0, projects: int = 3, *, users: int = 4, hostile: bool = False, accelerated: bool = False
) -> Site:
    """Return a site with so many projects, each with a VO, and with every kind of account.

    All accounts have the password :data:`PASSWORD`. ``admin`` is admin everywhere and of the
    system; ``accounting`` is reader in each project and of the system; ``reader`` is reader in
    each project and nothing else; ``some-reader`` only in every second project, from the first;
    ``domain-reader`` of the domain and in each project; ``nobody`` has no role. Each project has
    an application credential of ``reader``. A hostile site has a project without VO and flavors
    whose properties are not numbers; an accelerated one a flavor for each way to ask for accelerators.
    """
    made = [
        Project(
            id=hex_id(seed, "project", number),
            name=f"project{number}",
            properties={"VO": f"vo.example{number}.org"},
        )
        for number in range(projects)
    ]
    if hostile and made:
        made[-1] = msgspec.structs.replace(made[-1], properties={})
    people = tuple(
        User(id=hex_id(seed, "user", number), name=f"user{number}@example.org") for number in range(users)
    )
    reader = User(
        id=hex_id(seed, "user", "reader"), name="reader", password=PASSWORD, roles={EVERYWHERE: ("reader",)}
    )
    return Site(
        domains=(Domain(DEFAULT_DOMAIN, "Default"), Domain(hex_id(seed, "domain"), "federated")),
        projects=tuple(made),
        users=(*people, reader, *_accounts(seed, made)),
        flavors=(
            *FLAVORS,
            *(HOSTILE_FLAVORS if hostile else ()),
            *(ACCELERATED_FLAVORS if accelerated else ()),
        ),
        images=_images(seed),
        application_credentials=tuple(
            ApplicationCredential(
                id=hex_id(seed, "credential", one.id),
                name="accounting",
                secret=PASSWORD,
                user_id=reader.id,
                project_id=one.id,
            )
            for one in made
        ),
        volumes=_volumes(seed, made[:3], people),
        floating_ips=_floating_ips(seed, made[:3]),
        networks=(Network(uuid_id(PUBLIC), PUBLIC, external=True), Network(uuid_id("network"), "private")),
    )


def _accounts(seed: int, projects: list[Project]) -> tuple[User, ...]:
    def account(name: str, **rights: object) -> User:
        return msgspec.structs.replace(
            User(id=hex_id(seed, "user", name), name=name, password=PASSWORD), **rights
        )

    return (
        account("admin", roles={EVERYWHERE: ("admin", "member", "reader")}, system_roles=("admin", "reader")),
        account("accounting", roles={EVERYWHERE: ("reader",)}, system_roles=("reader",)),
        account("some-reader", roles={one.id: ("reader",) for one in projects[::2]}),
        account(
            "domain-reader",
            roles={EVERYWHERE: ("reader",)},
            domain_roles={DEFAULT_DOMAIN: ("reader",)},
        ),
        account("nobody"),
    )


def _images(seed: int) -> tuple[Image, ...]:
    return tuple(
        Image(
            id=uuid_id(seed, "image", number),
            name=f"image{number}",
            properties={"vmcatcher_event_ad_mpuri": f"https://appdb.example.org/store/vo/image/{number}"}
            if number == 0
            else {},
        )
        for number in range(_IMAGES)
    )


def _volumes(seed: int, projects: list[Project], people: tuple[User, ...]) -> tuple[Volume, ...]:
    return tuple(
        Volume(
            id=uuid_id(seed, "volume", one.id, number),
            project_id=one.id,
            user_id=people[number % len(people)].id if people else "",
            name=f"volume{number}",
            size_gib=10 * (number + 1),
            created_us=_LONG_AGO_US,
        )
        for one in projects
        for number in range(2)
    )


def _floating_ips(seed: int, projects: list[Project]) -> tuple[FloatingIp, ...]:
    return tuple(
        FloatingIp(uuid_id(seed, "fip", one.id), one.id, f"192.0.2.{number + 1}", _LONG_AGO_US)
        for number, one in enumerate(projects)
    )


_LONG_AGO_US: Final = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
