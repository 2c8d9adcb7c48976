"""Every option that a configuration file or a command line may set, as oslo.config tables.

The names are cASO's, of all its generations (1.x, 3.x, 5.x), so that its files work as they
are; what only we have stands in the group `[usance]`. Older names are the `deprecated_opts` of
an option. What became of options that name nothing here is told by `ACCEPTED`.
"""

from __future__ import annotations

from typing import Final

from oslo_config import cfg, types

from usance.config.almanach_options import ALMANACH_ACCEPTED
from usance.config.api_options import (
    API,
    API_OPTIONS,
    AUTHENTICATION,
    AUTHENTICATION_OPTIONS,
    AUTHTOKEN,
    AUTHTOKEN_OPTIONS,
    MIDDLEWARE_ACCEPTED,
)
from usance.config.collector_options import COLLECTOR_OPTIONS
from usance.config.energy_options import CIM_OPTIONS, PROMETHEUS_OPTIONS
from usance.config.entity_options import ENTITIES, ENTITY_OPTIONS
from usance.config.installed import installed
from usance.config.messenger_options import (
    FILE_OPTIONS,
    LOGSTASH_OPTIONS,
    MESSENGER_OPTIONS,
    PUBLISH_OPTIONS,
    SSM_OPTIONS,
)

DEFAULT: Final = "DEFAULT"
USANCE: Final = "usance"
AUTH: Final = "keystone_auth"
EXTRACTOR: Final = "extractor"
OLD_ACCOUNT: Final = "caso_1x_account"

VM_STATES: Final = (
    "active", "building", "deleted", "error", "paused", "rescued", "resized", "shelved",
    "shelved_offloaded", "soft-delete", "stopped", "suspended",
)  # fmt: skip
"""What Nova's vm_state can be (Compute API guide, "Server concepts")."""


def _was(name: str, group: str | None = None) -> cfg.DeprecatedOpt:
    return cfg.DeprecatedOpt(name, group=group)


SITE_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.StrOpt("site_name", help="Name of the site, as in GOCDB. Every record carries it."),
    cfg.StrOpt(
        "service_name",
        default="$site_name",
        help="Name of the service within the site (CloudComputeService).",
    ),
    cfg.StrOpt("region_name", help="The OpenStack region to read. Not set: the only one there is."),
    cfg.ListOpt(
        "messengers",
        default=["noop"],
        deprecated_opts=[_was("messaging")],  # as cASO's 3.x documentation prints it
        help="What delivers the records, by name.",
    ),
    cfg.StrOpt(
        "spooldir",
        default="/var/spool/caso",
        help="Directory of the ledger and the lock, and where cASO left its lastrun files.",
    ),
    cfg.StrOpt(
        "lock_path",
        sample_default="$spooldir",
        help="Directory of the lock file. Not set: the environment's CASO_LOCK_PATH, else $spooldir.",
    ),
]
"""Options of [DEFAULT] that cASO takes from the file only."""

EXTRACT_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.ListOpt(
        "projects",
        default=[],
        deprecated_opts=[_was("tenants")],
        help="Projects to account: ids, names, or domain/name. Those with the tag come on top.",
    ),
    cfg.StrOpt("caso_tag", default="caso", help="Keystone tag of the projects to account; empty for none."),
    cfg.StrOpt(
        "vo_property",
        sample_default="VO",
        help="Keystone property of a project that names its VO. Not set: VO, else accounting:VO.",
    ),
    cfg.StrOpt(
        "mapping_file",
        default="/etc/caso/voms.json",
        deprecated_opts=[_was("mapping_file", EXTRACTOR)],
        help="JSON file that maps VOs to projects, for projects without the property.",
    ),
    cfg.StrOpt(
        "extract-to",
        deprecated_opts=[_was("extract_to")],
        help="End of the period; UTC unless it names an offset. Not set: now.",
    ),
    cfg.StrOpt(
        "extract-from",
        deprecated_opts=[_was("extract_from")],
        help="Start of the period; UTC unless it names an offset. Not set: the last run; "
        "None: the beginning of time.",
    ),
    cfg.ListOpt(
        "extractor",
        default=["nova", "cinder", "neutron"],
        help="What to account, by the name of its source. Not set: of these, what the cloud has.",
    ),
    cfg.BoolOpt(
        "dry-run",
        default=False,
        deprecated_opts=[_was("dry_run")],
        help="Print the records that would go out; deliver nothing and advance nothing.",
    ),
]
"""Options of [DEFAULT] that cASO takes from its command line, too."""

OLD_ACCOUNT_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.StrOpt("user", default="accounting", deprecated_opts=[_was("user", EXTRACTOR)]),
    cfg.StrOpt("password", secret=True, deprecated_opts=[_was("password", EXTRACTOR)]),
    cfg.StrOpt("endpoint", deprecated_opts=[_was("endpoint", EXTRACTOR)]),
    cfg.BoolOpt("insecure", default=False, deprecated_opts=[_was("insecure", EXTRACTOR)]),
]
"""The account of cASO 1.x, in [extractor]. oslo.config can't have an option and a group of one
name, and [DEFAULT] has an option `extractor`: so they live in a group that no file knows."""

BENCHMARK_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.StrOpt(
        "name_key",
        sample_default="accounting:benchmark_type",
        deprecated_opts=[_was("benchmark_name_key", DEFAULT)],
        help="Flavor property that names the benchmark. "
        "Not set: accounting:benchmark_type, else accounting:benchmark_name.",
    ),
    cfg.StrOpt(
        "value_key",
        default="accounting:benchmark_value",
        deprecated_opts=[_was("benchmark_value_key", DEFAULT)],
        help="Flavor property that holds the benchmark's value.",
    ),
]

ACCELERATOR_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.StrOpt(
        f"{name}_key",
        default=f"Accelerator:{name.capitalize()}",
        deprecated_opts=[_was(f"accelerator_{name}_key", DEFAULT)],
        help=f"Flavor property that tells the {name} of the accelerators.",
    )
    for name in ("type", "vendor", "model", "number")
]
ACCELERATOR_OPTIONS.append(
    cfg.ListOpt(
        "aliases",
        default=[],
        help="What the PCI aliases of flavors are, as <alias>=<type>/<vendor>/<model> or <alias>=none, "
        "for instance a100=GPU/NVIDIA/A100. Types are GPU, FPGA and Other. "
        "Resource classes, traits and device profiles may be named, too.",
    )
)

NEUTRON_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.ListOpt(
        "public_networks",
        default=[],
        help="Networks (id or name) whose addresses count as public, beside the external ones that the "
        "account sees.",
    ),
    cfg.BoolOpt(
        "router_gateways", default=False, help="Whether the addresses of router gateways count, too."
    ),
    cfg.StrOpt(
        "default_user",
        help="Id of the user to whom addresses are counted that lead to no server. Not set: their records "
        "are held back, since the receiver demands a user.",
    ),
]

USANCE_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.StrOpt(
        "ledger_url",
        secret=True,
        sample_default="sqlite:///$spooldir/usance.sqlite",
        help="Where the ledger is: sqlite:///<file> or postgresql://<user>:<password>@<host>/<database>.",
    ),
    cfg.StrOpt(
        "cloud_id",
        sample_default="default",
        help="Stable name of this cloud in the ledger. Not set: region_name, else 'default'. "
        "Two clouds in one ledger need two names.",
    ),
    cfg.ListOpt(
        "clouds",
        default=[],
        help="Names of the clouds or regions to account in one run. What is different in each stands in "
        "a section [cloud_<name>]. Empty: there is one, and it needs no section.",
    ),
    cfg.StrOpt("os_cloud", help="Take the credentials from this cloud of clouds.yaml, not [keystone_auth]."),
    cfg.StrOpt(
        "caso_spooldir",
        help="Directory in which cASO left its lastrun files for this cloud. Not set: spooldir; of several "
        "clouds only for that of [DEFAULT] region_name, else for the first.",
    ),
    cfg.ListOpt("domains", default=[], help="Account all projects of these domains (id or name)."),
    cfg.ListOpt(
        "suspended_states",
        default=["suspended", "shelved", "shelved_offloaded"],
        help="Server states whose time counts as suspended, not as wall time. "
        "Empty for cASO's figures, where all of it is wall time. Known: " + ", ".join(VM_STATES) + ".",
    ),
    cfg.StrOpt(
        "interface",
        default="public",
        choices=["public", "internal", "admin"],
        help="Which endpoints of the catalog to call.",
    ),
    cfg.IntOpt("concurrency", default=8, min=1, max=256, help="Requests under way at once."),
    cfg.IntOpt(
        "timeout",
        min=1,
        max=3600,
        sample_default=60,
        help="Seconds that one request may take. Not set: timeout of [keystone_auth], else 60.",
    ),
    cfg.IntOpt("retries", default=4, min=0, max=20, help="Repetitions of a request whose failure may pass."),
    cfg.IntOpt(
        "page_limit",
        min=1,
        max=100_000,
        help="Rows asked for in one page. Not set: all that the service gives.",
    ),
    cfg.IntOpt(
        "margin",
        default=300,
        min=0,
        max=86_400,
        help="Seconds before the last look from which changes are asked for again.",
    ),
    cfg.IntOpt(
        "tolerance",
        default=5,
        min=1,
        max=300,
        help="Greatest disagreement between the clocks of the cloud's services, in seconds, plus one.",
    ),
    cfg.IntOpt(
        "full_look_every",
        default=86_400,
        min=0,
        max=31 * 86_400,
        help="Seconds after which everything is looked at again, not only what changed.",
    ),
    cfg.IntOpt(
        "keep_messages_days",
        default=400,
        min=0,
        max=36_500,
        help="Days for which the text of sent messages is kept, to be sent again as it was. 0: for ever.",
    ),
    cfg.IntOpt("lock_timeout", default=0, min=0, max=86_400, help="Seconds to wait for another run to end."),
]

OWN_GROUPS: Final[dict[str, list[cfg.Opt]]] = {
    DEFAULT: [*SITE_OPTIONS, *EXTRACT_OPTIONS],
    USANCE: USANCE_OPTIONS,
    "benchmark": BENCHMARK_OPTIONS,
    "accelerator": ACCELERATOR_OPTIONS,
    "neutron": NEUTRON_OPTIONS,
    "ssm": SSM_OPTIONS,
    "publish": PUBLISH_OPTIONS,
    "collector": COLLECTOR_OPTIONS,
    API: API_OPTIONS,
    AUTHENTICATION: AUTHENTICATION_OPTIONS,
    AUTHTOKEN: AUTHTOKEN_OPTIONS,
    ENTITIES: ENTITY_OPTIONS,
    "prometheus": PROMETHEUS_OPTIONS,
    "greendigit_cim": CIM_OPTIONS,
    "messenger_file": [*FILE_OPTIONS, *MESSENGER_OPTIONS],
    "logstash": LOGSTASH_OPTIONS,
    "messenger_logstash": MESSENGER_OPTIONS,
    "messenger_ssm": MESSENGER_OPTIONS,
}
"""The options that have an effect, by group, as the sample shows them."""

OF_A_CLOUD: Final[dict[str, tuple[str, ...]]] = {
    DEFAULT: (
        "region_name", "site_name", "service_name", "projects", "caso_tag", "vo_property", "mapping_file",
        "extractor",
    ),
    USANCE: (
        "cloud_id", "os_cloud", "caso_spooldir", "domains", "suspended_states", "interface", "concurrency",
        "timeout", "retries", "page_limit", "margin", "full_look_every",
    ),
}  # fmt: skip
"""What the section of a cloud may say, beside the options of [keystone_auth], and where it belongs."""

GROUPS_OF_A_CLOUD: Final = ("benchmark", "accelerator", "neutron", "prometheus", "collector")
"""Groups whose options the section of a cloud may say, as `group.option`."""

OLD_LOG_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.BoolOpt("watch-log-file", default=False, help="It has no effect any more: oslo.log 8 dropped it."),
]
"""Options of the command line of cASO that oslo.log had then."""

ACCEPTED: Final[dict[str, dict[str, str]]] = {
    DEFAULT: {
        "watch_log_file": "it has no effect; oslo.log dropped it",
        "use_eventlog": "it has no effect; oslo.log dropped it",
        "fatal_deprecations": "it has no effect; it is for services that use oslo.log's deprecations",
    },
    AUTH: {
        "collect_timing": "it has no effect",
        "split_loggers": "it has no effect; use [DEFAULT] default_log_levels",
        "tls_ciphers": "it has no effect; the system's OpenSSL configuration decides",
        "tls_min_version": "it has no effect; the system's OpenSSL configuration decides",
    },
    AUTHTOKEN: MIDDLEWARE_ACCEPTED,
    **ALMANACH_ACCEPTED,
}
"""Options of cASO and of Almanach that may stand in a file and do nothing (yet), and what to say of them."""

SESSION_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.StrOpt("cafile", help="PEM file of the certificate authorities to trust."),
    cfg.StrOpt("certfile", help="PEM file of the client's certificate."),
    cfg.StrOpt("keyfile", help="PEM file of the client's key."),
    cfg.BoolOpt("insecure", default=False, help="Do not verify certificates."),
    cfg.IntOpt("timeout", min=1, max=3600, help="Seconds that one request may take."),
]
"""What [keystone_auth] holds beside the options of the authentication plug-in."""

AUTH_TYPE_OPTIONS: Final[list[cfg.Opt]] = [
    cfg.StrOpt(
        "auth_type",
        deprecated_opts=[_was("auth_plugin", AUTH)],
        help="Authentication plug-in of keystoneauth, for instance v3password or v3applicationcredential.",
    ),
    cfg.StrOpt("auth_section", help="Section from which to take the options of the plug-in."),
]

EXPECTED: Final[tuple[tuple[type[types.ConfigType], str], ...]] = (
    (types.Boolean, "true or false"),
    (types.IPAddress, "an IP address"),
    (types.Float, "a number"),
    (types.Number, "a whole number"),
    (types.List, "a list of words with commas between them"),
    (types.String, "text"),
)
"""What a type of option expects, in words; the first that fits counts."""


def log_options() -> list[cfg.Opt]:
    """Return the options of oslo.log, which all stand in [DEFAULT]."""
    points = installed("oslo.config.opts").select(name="oslo.log")
    return [option for point in points for _, options in point.load()() for option in options]


def expectation(option: cfg.Opt) -> str:
    """Say in words what values an option takes."""
    words = next((text for kind, text in EXPECTED if isinstance(option.type, kind)), "another value")
    choices = getattr(option.type, "choices", None)
    if choices:
        return "one of " + ", ".join(choices)
    least, most = getattr(option.type, "min", None), getattr(option.type, "max", None)
    if least is not None and most is not None:
        return f"{words} from {least} to {most}"
    return words


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return all options by group, for oslo.config's sample generator (`oslo.config.opts`)."""
    return [*OWN_GROUPS.items(), (AUTH, [*AUTH_TYPE_OPTIONS, *SESSION_OPTIONS])]
