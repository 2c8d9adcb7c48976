"""The configuration as the rest of the program sees it: frozen values, read once."""

from __future__ import annotations

import enum
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


class NeutronSettings(msgspec.Struct, frozen=True):
    """Which addresses count as public, and whose they are where nothing tells."""

    public_networks: tuple[str, ...] = ()  # ids or names, beside the external networks
    router_gateways: bool = False  # whether the addresses of router gateways count
    default_user: str | None = None  # id; of addresses that lead to no server


class PowerMetric(msgspec.Struct, frozen=True):
    """The metric in which Prometheus has the power, or the energy, of servers."""

    name: str
    server_label: str  # the label that holds the server's id
    labels: tuple[tuple[str, str], ...]  # that a series must have: name and value
    unit: str  # "watts", "joules" and their thousandths; what ends in "joules" is a counter
    patterns: tuple[tuple[str, str], ...] = ()  # labels whose whole value must match an expression

    @property
    def is_counter(self) -> bool:
        """True if it counts energy, false if it measures power."""
        return self.unit.endswith("joules")


class PrometheusSettings(msgspec.Struct, frozen=True):
    """Where the energy of servers is measured, and what a CPU second is worth."""

    endpoint: str = "http://localhost:9090"
    metric: PowerMetric = PowerMetric(
        "prometheus_value", "uuid", (("type_instance", "scaph_process_power_microwatts"),), "microwatts"
    )
    step_s: int = 30  # between two samples; divides an hour
    verify: bool = True
    cafile: str | None = None
    token: str | None = None
    history_days: int = 31  # how far the first look goes back
    cpu_factor: str = "1"  # a decimal number: Work is CPU seconds by this

    def __repr__(self) -> str:
        """Say where and what, never the token."""
        return f"PrometheusSettings({self.metric.name!r} of {without_password(self.endpoint)!r})"


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
    # The configuration files, for a messenger that reads its options itself: one written for cASO.
    files: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        """Say which options are set, never their values: a messenger may need a password."""
        return f"MessengerSettings({self.name!r}, options {sorted(self.options)})"


class QueueSettings(msgspec.Struct, frozen=True):
    """One queue of messages on disk, and where they are to go."""

    path: Path
    destination: str | None  # AMS: the topic; STOMP: the queue or topic of the broker; None: unknown
    path_type: str = "dirq"  # or "directory": any files


class BrokerHost(msgspec.Struct, frozen=True):
    """One node of a message broker, and the account there."""

    host: str
    port: int
    user: str
    password: str

    def __repr__(self) -> str:
        """Say where, never the password."""
        return f"{self.host}:{self.port}"


class BrokerSettings(msgspec.Struct, frozen=True):
    """One virtual host of a message broker; the hosts are nodes of one cluster."""

    hosts: tuple[BrokerHost, ...]
    virtual_host: str = "/"
    tls: bool = False

    def __repr__(self) -> str:
        """Say where, never a password."""
        return f"{','.join(map(repr, self.hosts))}/{self.virtual_host.removeprefix('/')}"

    __str__ = __repr__


class CollectorSettings(msgspec.Struct, frozen=True):
    """Where notifications are listened to, and how they are kept."""

    brokers: tuple[BrokerSettings, ...] = ()
    cafile: Path | None = None  # by which brokers are verified; None: by whom the system trusts
    certfile: Path | None = None  # our own
    keyfile: Path | None = None
    routing_keys: tuple[str, ...] = ("almanach.info", "almanach.error")
    # Of these, such as nothing may ever be sent by: their queues are listened to once they are there.
    rare_keys: tuple[str, ...] = ("almanach.error",)
    queues: tuple[str, ...] = ()  # our own; empty: those that are named as the routing keys
    exchanges: tuple[str, ...] = ("nova", "cinder", "openstack", "neutron", "glance", "keystone")
    # What a missing queue is made as, "classic" or "quorum". None: one of our own classic; others are
    # waited for.
    queue_type: str | None = None
    durable: bool = True
    heartbeat_s: int = 60
    batch_size: int = 4000  # messages
    batch_ms: int = 500  # that a batch waits for more messages
    prefetch: int = 8000  # messages
    max_message: int = 1_048_576  # bytes
    parked_limit: int = 10_000  # messages of a cloud
    parked_bytes: int = 65_536  # of one message
    leave_after_s: int = 20  # how long one who is to end waits for a ledger that is away
    take_stock: bool = True  # of what runs already, at the start
    events_file: Path | None = None
    listen: tuple[str, int] | None = None  # where /health, /ready and /metrics are answered

    @property
    def queue_names(self) -> tuple[str, ...]:
        """The queues that are listened to."""
        return self.queues or self.routing_keys


class PublishSettings(msgspec.Struct, frozen=True):
    """How messages are sent: to which service, and who signs them."""

    protocol: str = "AMS"  # or "STOMP"
    hosts: tuple[str, ...] = ()  # "name" or "name:port"; AMS has one, STOMP as many brokers as there are
    port: int | None = None  # where a host names none; None: 443 for AMS, 61613 for STOMP, 61614 with TLS
    authn_port: int = 8443  # where AMS gives a token for a host certificate
    project: str = "accounting"  # of AMS
    token: str | None = None  # for AMS; None: asked for with the host certificate
    certificate: Path = Path("/etc/grid-security/hostcert.pem")
    key: Path = Path("/etc/grid-security/hostkey.pem")
    capath: Path | None = Path("/etc/grid-security/certificates")
    cafile: Path | None = None  # who is trusted over TLS; None: whom the system trusts
    server_cert: Path | None = None  # the final receiver's: messages are encrypted for it
    verify_server_cert: bool = True
    check_crls: bool = False
    cipher: str = "aes128"
    use_ssl: bool = True  # STOMP
    login: str | None = None  # STOMP
    passcode: str | None = None  # STOMP
    vhost: str | None = None  # STOMP; None: the broker's name
    destinations: dict[str, str] = {}  # by type of record
    queues: tuple[QueueSettings, ...] = ()
    timeout_s: int = 30  # for one request
    retries: int = 4  # of a request that failed in a way that may pass
    batch_size: int = 10  # messages in one request, where the service takes several
    max_bytes: int = 1048576  # of a request; what the service takes
    max_lock_s: int = 600  # an older lock of an element is a dead sender's
    warn_days: int = 30  # before the end of a certificate

    def __repr__(self) -> str:
        """Say where messages go, never the token or the passcode."""
        return f"PublishSettings({self.protocol}, {', '.join(self.hosts)})"


class Strategy(enum.Flag):
    """How a caller of the API may prove who she is."""

    PRIVATE_KEY = enum.auto()
    KEYSTONE = enum.auto()


class EntitySettings(msgspec.Struct, frozen=True):
    """What Almanach's routes tell of servers and volumes."""

    instance_metadata: tuple[str, ...] = ()  # keys of a server's metadata
    instance_image_meta: tuple[str, ...] = ("distro", "version", "os_type")  # in the shape of 4.x
    volume_threshold_s: int = 60  # an attachment sooner after the begin of an entity begins none


class KeystoneSettings(msgspec.Struct, frozen=True):
    """Where the tokens of callers are validated, and with which account."""

    url: str
    account: AuthSettings | None = None  # ours; None: each token validates itself
    cafile: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    insecure: bool = False


class ApiSettings(msgspec.Struct, frozen=True):
    """How the API is served, whom it lets in, and within which limits."""

    bind_ip: str = "127.0.0.1"
    bind_port: int = 8000
    almanach_version: int = 4  # whose shapes and statuses its routes have: 3 or 4
    entities: EntitySettings = EntitySettings()
    cloud_id: str = "default"  # of what is written about a project that no cloud is known to have
    # States of servers that count as suspended where nobody says otherwise: those of the records.
    suspended_states: frozenset[str] = frozenset({"suspended", "shelved", "shelved_offloaded"})
    tls_certificate: Path | None = None  # None: plain HTTP
    tls_key: Path | None = None
    trusted_proxies: tuple[str, ...] = ()  # addresses and networks whose X-Forwarded-For counts
    metrics_from: tuple[str, ...] = ("127.0.0.0/8", "::1")  # networks that see /metrics without a token
    rate_limit: int = 6000  # requests of one caller in a minute; 0: any number
    failure_limit: int = 30  # refused tokens from one address in a minute; 0: any number
    max_body_bytes: int = 1 << 20  # of a request
    max_page: int = 1000  # rows of one page
    timeout_s: int = 60  # until an answer begins
    connections: int = 512  # open at once
    ledger_threads: int = 4  # that read it at once
    # --- who may
    strategy: Strategy = Strategy.PRIVATE_KEY
    private_key: str | None = None
    keystone: KeystoneSettings | None = None  # who validates tokens
    token_cache_s: int = 300  # for which a validated token is not asked about again; 0: always asked
    admin_roles: frozenset[str] = frozenset({"admin"})  # see everything and change everything
    reader_roles: frozenset[str] = frozenset({"usance:reader"})  # see everything
    writer_roles: frozenset[str] = frozenset({"usance:writer"})  # see everything and write

    def __repr__(self) -> str:
        """Say where and how, never the key."""
        return f"ApiSettings({self.bind_ip}:{self.bind_port}, {self.strategy!r})"


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
    keep_messages_days: int = 400  # the bodies of delivered messages; 0: for ever
    extractors: tuple[str, ...] = ("nova",)
    # Nobody named them: a service that the cloud does not have is no loss then.
    extractors_by_default: bool = False
    flavor_keys: FlavorKeys = FlavorKeys()
    publish: PublishSettings = PublishSettings()
    collector: CollectorSettings = CollectorSettings()
    neutron: NeutronSettings = NeutronSettings()
    prometheus: PrometheusSettings = PrometheusSettings()
    api: ApiSettings = ApiSettings()
    name: str | None = None  # of the cloud, where the configuration has several
    # Where cASO left its lastrun files for this cloud; None: nowhere.
    caso_spool_dir: Path | None = None
    # Whether that was written: then the files are this cloud's, whoever else took them.
    caso_spool_is_written: bool = False
    # The clouds (by cloud_id) that have such files of their own: they took none of this one's.
    clouds_with_own_files: frozenset[str] = frozenset()

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
    some_projects: bool = False  # of those that are accounted, only the ones that the command line names
