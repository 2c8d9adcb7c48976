"""The configuration as the rest of the program sees it: frozen values, read once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from usance.model.accelerator import AcceleratorAlias


class AuthSettings(msgspec.Struct, frozen=True):
    """How we prove who we are to Keystone: the name of a keystoneauth plug-in, and its options."""

    auth_type: str  # for instance "v3password", "v3applicationcredential"
    options: dict[str, str]  # of the plug-in, named as keystoneauth1 does (auth_url, username, ...)
    cafile: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    insecure: bool = False
    # Where this came from, for messages: "[keystone_auth] of /etc/caso/caso.conf", "OS_CLOUD=...".
    origin: str = ""

    def __repr__(self) -> str:
        """Say which plug-in, never its options: they hold secrets."""
        return f"AuthSettings({self.auth_type!r}, from {self.origin!r})"


class CloudSettings(msgspec.Struct, frozen=True):
    """One OpenStack region, and how it is read."""

    auth: AuthSettings
    cloud_id: str = "default"  # its stable name in the ledger
    region_name: str | None = None
    interface: str = "public"
    concurrency: int = 8  # requests under way at once
    timeout_s: int = 60  # for one request
    retries: int = 4  # of a request that failed in a way that may pass
    page_limit: int | None = None  # None: the largest that the server gives
    margin_s: int = 300  # asked for again before the watermark: updated_at is set before the commit
    tolerance_s: int = 5  # the greatest disagreement of clocks + 1 s
    full_look_every_s: int = 86400


class ProjectSettings(msgspec.Struct, frozen=True):
    """Which projects are accounted, and under which VO."""

    projects: tuple[str, ...] = ()  # ids, names, or domain/name
    tag: str | None = "caso"  # projects with this Keystone tag
    domains: tuple[str, ...] = ()  # all projects of these domains (id or name)
    vo_properties: tuple[str, ...] = ("VO", "accounting:VO")  # the first that a project has
    mapping_file: Path | None = None  # voms.json


class FlavorKeys(msgspec.Struct, frozen=True):
    """The flavor properties that name benchmarks and accelerators; the first present counts."""

    benchmark_type: tuple[str, ...] = ("accounting:benchmark_type", "accounting:benchmark_name")
    benchmark_value: tuple[str, ...] = ("accounting:benchmark_value",)
    accelerator_type: str = "Accelerator:Type"
    accelerator_vendor: str = "Accelerator:Vendor"
    accelerator_model: str = "Accelerator:Model"
    accelerator_number: str = "Accelerator:Number"
    # What PCI aliases, resource classes, traits and device profiles are; None: no accelerator.
    aliases: dict[str, AcceleratorAlias | None] = {}


class RecordSettings(msgspec.Struct, frozen=True):
    """What records say of the site, and how they count."""

    site_name: str  # as in GOCDB
    service_name: str
    suspended_states: frozenset[str] = frozenset({"suspended", "shelved", "shelved_offloaded"})


class MessengerSettings(msgspec.Struct, frozen=True):
    """One messenger: its name among the entry points, and the options of its section."""

    name: str
    options: dict[str, str] = {}
    record_types: frozenset[str] = frozenset()  # empty: all that it can carry

    def __repr__(self) -> str:
        """Say which options are set, never their values: a messenger may need a password."""
        return f"MessengerSettings({self.name!r}, options {sorted(self.options)})"


class Settings(msgspec.Struct, frozen=True):
    """Everything that a run needs to know."""

    cloud: CloudSettings
    projects: ProjectSettings
    records: RecordSettings
    messengers: tuple[MessengerSettings, ...]
    spool_dir: Path
    ledger_url: str  # sqlite:///... in the spool directory unless configured
    lock_dir: Path
    lock_timeout_s: int = 0  # how long to wait for another run to end
    extractors: tuple[str, ...] = ("nova",)
    flavor_keys: FlavorKeys = FlavorKeys()

    def __repr__(self) -> str:
        """Show everything but the password that the ledger's URL may hold."""
        fields = ((name, getattr(self, name)) for name in self.__struct_fields__ if name != "ledger_url")
        return f"Settings(ledger_url={without_password(self.ledger_url)!r}, " + (
            ", ".join(f"{name}={value!r}" for name, value in fields) + ")"
        )


def without_password(url: str) -> str:
    """Return a URL without the password in its authority and without its query, which may hold one, too."""
    scheme, separator, rest = url.partition("://")
    account, at, where = rest.rpartition("@")
    shown = f"{account.partition(':')[0]}{at}{where}".partition("?")[0]
    return f"{scheme}{separator}{shown}"


class ExtractRequest(msgspec.Struct, frozen=True):
    """What one extraction was asked for, beside the configuration."""

    # None: since the last run. EPOCH: from the beginning of time.
    extract_from: datetime | None = None
    extract_to: datetime | None = None  # None: now, by the cloud's clock
    dry_run: bool = False
    verify: bool = False  # compare with Nova's usage API afterwards
