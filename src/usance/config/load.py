"""Reading the configuration, once, into frozen values."""

from __future__ import annotations

import enum
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from oslo_config import cfg

from usance.config.clouds import chosen_clouds, cloud_names, cloud_reader, told_apart
from usance.config.collector import read_collector
from usance.config.credentials import NOTHING, Credentials, find_credentials
from usance.config.energy import read_prometheus
from usance.config.findings import Finding, Level, find_oddities
from usance.config.instants import read_beginning, read_instant
from usance.config.messengers import read_messengers, read_publish
from usance.config.options import (
    AUTH,
    DEFAULT,
    USANCE,
    VM_STATES,
)
from usance.config.plugins import (
    SOURCES,
    SUCCESSORS,
    check_plugin,
    translate,
)
from usance.config.rawfile import RawFiles, suggestion
from usance.config.reader import OptionReader
from usance.config.serving import read_api
from usance.config.settings import (
    ApiSettings,
    AuthSettings,
    CloudSettings,
    ExtractRequest,
    FlavorKeys,
    MessengerSettings,
    NeutronSettings,
    ProjectSettings,
    RecordSettings,
    Settings,
)
from usance.model.accelerator import TYPES, AcceleratorAlias, accelerator_type
from usance.model.errors import ConfigurationError

LOG = logging.getLogger(__name__)

_ETC: Final = Path("/etc")
_ENGINES: Final = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg",
                   "postgresql+psycopg": "postgresql+psycopg"}  # fmt: skip


class Need(enum.Flag):
    """What a command can't do without. What it doesn't need may be missing from the configuration."""

    NOTHING = 0
    CLOUD = enum.auto()  # credentials
    RECORDS = enum.auto()  # the site's name, sources and messengers
    MESSENGERS = enum.auto()  # only those, if any are named
    API = enum.auto()  # who may validate the tokens of callers
    SOURCES = enum.auto()  # which services are looked at; a part of RECORDS
    ALL = CLOUD | RECORDS


class Configuration:
    """The configuration of one run: its values, and what there is to say about it.

    `clouds` are the settings for each cloud, one at least. They differ in what is said of a cloud;
    ledger, spool, lock and messengers are the same in all of them, and may be read from `settings`,
    the first. `conf` is for logging alone, and `readers` (that of the whole configuration, then those
    of the clouds) for writing it anew: nothing else reads them.
    """

    def __init__(
        self,
        clouds: Sequence[Settings],
        request: ExtractRequest,
        findings: Sequence[Finding],
        files: Sequence[Path],
        readers: Sequence[OptionReader],
    ) -> None:
        self.clouds = tuple(clouds)
        self.settings = self.clouds[0]
        self.request = request
        self.findings = tuple(findings)
        self.files = tuple(files)
        self.readers = tuple(readers)
        self.conf: cfg.ConfigOpts = self.readers[0].conf

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What every run should say."""
        return tuple(one for one in self.findings if one.level is not Level.NOTE)


def load_settings(
    files: Sequence[Path],
    overrides: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    need: Need = Need.ALL,
) -> Settings:
    """Return the settings of a run over one cloud, or of the first of several; see `load_all`."""
    return load_all(files, overrides, environ, need=need)[0]


def load_all(
    files: Sequence[Path],
    overrides: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    need: Need = Need.ALL,
    only: Sequence[str] = (),
) -> tuple[Settings, ...]:
    """Return the settings of each cloud, and log what is odd about the files.

    See `read_configuration` for the arguments.
    """
    configuration = read_configuration(files, overrides, environ, need=need, only=only)
    for finding in configuration.warnings:
        LOG.warning("%s", finding)
    return configuration.clouds


def read_configuration(
    files: Sequence[Path],
    overrides: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    need: Need = Need.ALL,
    only: Sequence[str] = (),
    cwd: Path | None = None,
    etc: Path = _ETC,
) -> Configuration:
    """Read the configuration: *overrides* before *environ* before *files*, later files first.

    *overrides* are by "option" (of [DEFAULT]) or "group.option", as text or as what the option
    holds. What *need* does not name may be missing. *only* are the clouds that are wanted, if not all.

    Raises ConfigurationError, which names file, section and option, for what can't be used; its
    notes name what is unknown in the files.
    """
    raw = RawFiles(files)
    reader = OptionReader(raw, overrides, environ)
    try:
        return _configuration(reader, need, only, cwd or Path.cwd(), etc)
    except ConfigurationError as error:
        # What is missing is often there under a misspelt name.
        for finding in find_oddities(raw, [reader]):
            if finding.level is Level.UNKNOWN:
                error.add_note(finding.message)
        raise


def _configuration(
    base: OptionReader, need: Need, only: Sequence[str], cwd: Path, etc: Path
) -> Configuration:
    found: list[Finding] = []

    def warn(message: str) -> None:
        finding = Finding(Level.WARNING, message)
        if finding not in found:  # each cloud says it of what all of them share
            found.append(finding)

    messengers: tuple[MessengerSettings, ...] = ()
    if Need.RECORDS in need or (Need.MESSENGERS in need and base.is_written("messengers")):
        messengers = read_messengers(base, warn)
    names = cloud_names(base)
    readers = {name: cloud_reader(base, name) for name in names}

    def who(reader: OptionReader) -> Credentials:
        return find_credentials(reader, warn, cwd, etc) if Need.CLOUD in need else (NOTHING, None, None)

    def find() -> Credentials:
        return find_credentials(next(iter(readers.values()), base), warn, cwd, etc)

    api = read_api(base, find if Need.API in need else None, warn)
    clouds = {
        name: _settings(reader, messengers, need, who(reader), warn, api=api)
        for name, reader in (readers or {"": base}).items()
    }
    if names:
        clouds = told_apart(clouds, readers, base)
    else:
        clouds = {one.cloud.cloud_id: one for one in clouds.values()}
    chosen = [_with_api_of(clouds[name]) for name in chosen_clouds(list(clouds), only)]
    request = _request(base) if Need.RECORDS in need else ExtractRequest()
    request = msgspec.structs.replace(request, some_projects="projects" in base.overrides)
    all_readers = [base, *readers.values()]
    findings = [*find_oddities(base.raw, all_readers), *found]
    return Configuration(chosen, request, findings, base.raw.paths, all_readers)


def _with_api_of(cloud: Settings) -> Settings:
    """Let the API write into this cloud's part of the ledger where no other is known, and count as it."""
    states = cloud.records.suspended_states
    api = msgspec.structs.replace(cloud.api, cloud_id=cloud.cloud.cloud_id, suspended_states=states)
    return msgspec.structs.replace(cloud, api=api)


def _settings(
    reader: OptionReader,
    messengers: tuple[MessengerSettings, ...],
    need: Need,
    credentials: Credentials,
    warn: Any,
    *,
    api: ApiSettings,
) -> Settings:
    """Return the settings of one cloud, as its reader sees them."""
    auth, region, interface = credentials
    spool_dir = _path(reader, "spooldir")
    region = reader.text("region_name") or region
    looks = bool(need & (Need.RECORDS | Need.SOURCES))
    return Settings(
        cloud=_cloud(reader, auth, region, interface),
        projects=_projects(reader),
        records=_records(reader, need),
        messengers=messengers,
        spool_dir=spool_dir,
        ledger_url=_ledger_url(reader, spool_dir),
        lock_dir=_lock_dir(reader, spool_dir),
        lock_timeout_s=reader.value("lock_timeout", USANCE),
        keep_messages_days=reader.value("keep_messages_days", USANCE),
        extractors=_extractors(reader, warn) if looks else ("nova",),
        extractors_by_default=looks and not reader.is_written("extractor"),
        flavor_keys=_flavor_keys(reader),
        publish=read_publish(reader),
        collector=read_collector(reader),
        neutron=_neutron(reader),
        prometheus=read_prometheus(reader),
        api=api,
        caso_spool_dir=(
            _path(reader, "caso_spooldir", USANCE) if reader.text("caso_spooldir", USANCE) else spool_dir
        ),
        caso_spool_is_written=reader.text("caso_spooldir", USANCE) is not None,
    )


def _cloud(
    reader: OptionReader, auth: AuthSettings, region: str | None, interface: str | None
) -> CloudSettings:
    if reader.is_written("interface", USANCE) or interface not in {"public", "internal", "admin"}:
        interface = reader.value("interface", USANCE)
    timeout = reader.value("timeout", USANCE) or reader.value("timeout", AUTH)
    return CloudSettings(
        auth=auth,
        # Projects of two regions have the same ids: a ledger must not mix them.
        cloud_id=reader.text("cloud_id", USANCE) or region or "default",
        region_name=region,
        interface=interface,
        concurrency=reader.value("concurrency", USANCE),
        timeout_s=timeout or 60,
        retries=reader.value("retries", USANCE),
        page_limit=reader.value("page_limit", USANCE),
        margin_s=reader.value("margin", USANCE),
        tolerance_s=reader.value("tolerance", USANCE),
        full_look_every_s=reader.value("full_look_every", USANCE),
    )


def _projects(reader: OptionReader) -> ProjectSettings:
    vo_property = reader.text("vo_property")
    return ProjectSettings(
        projects=reader.words("projects"),
        tag=reader.text("caso_tag"),
        domains=reader.words("domains", USANCE),
        vo_properties=(vo_property,) if vo_property else ProjectSettings().vo_properties,
        mapping_file=_mapping_file(reader),
    )


def _mapping_file(reader: OptionReader) -> Path | None:
    text = reader.text("mapping_file")
    if text is None:
        return None
    path = Path(text).expanduser()
    if path.exists():
        return path
    if reader.is_written("mapping_file"):
        raise ConfigurationError(
            f"{reader.place('mapping_file')}: {path} does not exist",
            hint="remove the option if all projects have their VO as a property",
        )
    return None


def _records(reader: OptionReader, need: Need) -> RecordSettings:
    site_name = reader.text("site_name")
    if site_name is None:
        if Need.RECORDS in need:
            raise ConfigurationError(
                "site_name is not set, and every record needs it",
                hint="write site_name = <the site's name in GOCDB> into [DEFAULT]",
            )
        site_name = ""
    states = reader.words("suspended_states", USANCE)
    for state in states:
        if state not in VM_STATES:
            raise ConfigurationError(
                f"{reader.place('suspended_states', USANCE)}: no server is ever {state[:80]!r}",
                hint=suggestion(state, VM_STATES) or "known are " + ", ".join(VM_STATES),
            )
    return RecordSettings(site_name, reader.text("service_name") or site_name, frozenset(states))


def _extractors(reader: OptionReader, warn: Any) -> tuple[str, ...]:
    place = reader.place("extractor")
    names = tuple(dict.fromkeys(_extractor(word, place, warn) for word in reader.words("extractor")))
    if not names:
        raise ConfigurationError(f"{place} is empty", hint="write extractor = nova")
    for name in names:
        check_plugin(SOURCES, name, place)
    return names


def _neutron(reader: OptionReader) -> NeutronSettings:
    return NeutronSettings(
        public_networks=reader.words("public_networks", "neutron"),
        router_gateways=reader.value("router_gateways", "neutron"),
        default_user=reader.text("default_user", "neutron"),
    )


def _extractor(word: str, place: str, warn: Any) -> str:
    name = translate(word)
    if name not in SUCCESSORS:
        return name
    successor, reason = SUCCESSORS[name]
    warn(f"{place}: {reason}: write extractor = {successor}")
    return successor


def _flavor_keys(reader: OptionReader) -> FlavorKeys:
    name_key = reader.text("name_key", "benchmark")
    value_key = reader.text("value_key", "benchmark")
    ours = FlavorKeys()
    return FlavorKeys(
        benchmark_type=(name_key,) if name_key else ours.benchmark_type,
        benchmark_value=(value_key,) if value_key else ours.benchmark_value,
        accelerator_type=reader.value("type_key", "accelerator"),
        accelerator_vendor=reader.value("vendor_key", "accelerator"),
        accelerator_model=reader.value("model_key", "accelerator"),
        accelerator_number=reader.value("number_key", "accelerator"),
        aliases=dict(_alias(word, reader) for word in reader.words("aliases", "accelerator")),
    )


def _alias(word: str, reader: OptionReader) -> tuple[str, AcceleratorAlias | None]:
    name, equals, meaning = (part.strip() for part in word.partition("="))
    kind, _, model = meaning.partition("/")
    if name and meaning.lower() == "none":
        return name, None
    if not (name and equals and kind.strip().lower() in {one.lower() for one in TYPES}):
        raise ConfigurationError(
            f"{reader.place('aliases', 'accelerator')}: {word[:80]!r} says nothing of an accelerator",
            hint="write <alias>=<type>/<vendor>/<model>, where the type is GPU, FPGA or Other",
        )
    words = [part.strip() for part in model.split("/")]
    return name, AcceleratorAlias(accelerator_type(kind), " ".join(part for part in words if part) or None)


def _path(reader: OptionReader, name: str, group: str = DEFAULT) -> Path:
    text = reader.text(name, group)
    if text is None:
        raise ConfigurationError(f"{reader.place(name, group)} is empty")
    if "\0" in text:
        raise ConfigurationError(f"{reader.place(name, group)} can't be a path")
    return Path(text).expanduser().absolute()


def _lock_dir(reader: OptionReader, spool_dir: Path) -> Path:
    if reader.text("lock_path"):
        return _path(reader, "lock_path")
    chosen = reader.environ.get("CASO_LOCK_PATH")
    return Path(chosen).absolute() if chosen else spool_dir


def _ledger_url(reader: OptionReader, spool_dir: Path) -> str:
    url = reader.text("ledger_url", USANCE)
    if url is None:
        return f"sqlite:///{spool_dir}/usance.sqlite"
    engine, separator, rest = url.partition("://")
    if not separator or engine not in _ENGINES:
        raise ConfigurationError(
            f"{reader.place('ledger_url', USANCE)}: a ledger is in SQLite or PostgreSQL",
            hint="write sqlite:///<file> or postgresql://<user>:<password>@<host>/<database>",
        )
    return f"{_ENGINES[engine]}://{rest}"


def _request(reader: OptionReader) -> ExtractRequest:
    """Return the period that was asked for. Whether it lies in the future the cloud's clock decides."""
    begin_text, end_text = reader.text("extract_from"), reader.text("extract_to")
    begin = read_beginning(begin_text, reader.place("extract_from")) if begin_text else None
    end = read_instant(end_text, reader.place("extract_to")) if end_text else None
    if begin is not None and end is not None and begin >= end:
        raise ConfigurationError(
            f"extract_from ({begin:%Y-%m-%d %H:%M:%S} UTC) should lie before "
            f"extract_to ({end:%Y-%m-%d %H:%M:%S} UTC)"
        )
    return ExtractRequest(begin, end, dry_run=reader.value("dry_run"))
