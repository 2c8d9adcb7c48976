"""Several clouds in one configuration: `[usance] clouds = waw, bcn`, and a section for each.

A section `[cloud_waw]` says what is different there. What it doesn't say comes from the sections
that a configuration of one cloud has: a cloud is read as if its section stood in these. So there
is one meaning of each option, and a configuration of one cloud becomes one of two by adding lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec

from usance.config.options import AUTH, GROUPS_OF_A_CLOUD, OF_A_CLOUD, SESSION_OPTIONS, USANCE
from usance.config.rawfile import RawFiles, suggestion
from usance.config.reader import Given, OptionReader
from usance.config.settings import AuthSettings, Settings
from usance.model.errors import ConfigurationError

PREFIX: Final = "cloud_"
"""The names of the sections begin so."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_PORTS: Final = {"http": 80, "https": 443}
_SESSION: Final = frozenset(option.dest for option in SESSION_OPTIONS)

# keystoneauth takes the first of what stands beside each other; a section that writes one of them
# means it instead of what the others say elsewhere.
_INSTEAD: Final = (
    ("user_id", "username"),
    ("user_domain_id", "user_domain_name", "default_domain_id", "default_domain_name"),
    ("project_domain_id", "project_domain_name"),
    ("project_id", "project_name", "domain_id", "domain_name", "system_scope", "trust_id"),
    ("application_credential_id", "application_credential_name"),
)


def cloud_names(base: OptionReader) -> tuple[str, ...]:
    """Return the names of the configured clouds; none where the configuration is of one cloud.

    Raises ConfigurationError for a name that is none, or that has no section.
    """
    names = base.words("clouds", USANCE)
    place = base.place("clouds", USANCE)
    sections = [one.removeprefix(PREFIX) for one in base.raw.sections if one.startswith(PREFIX)]
    for name in names:
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"{place}: {name[:80]!r} is no name for a cloud",
                hint="letters, digits and - _ . make one",
            )
        if name not in sections:
            raise ConfigurationError(
                f"{place} names {name}, but there is no section [{PREFIX}{name}]",
                hint=suggestion(name, sections),
            )
    if sections and not names:
        raise ConfigurationError(
            f"{base.raw.sections[PREFIX + sections[0]]}: there are sections of clouds, but none counts",
            hint=f"write clouds = {', '.join(sections)} into [{USANCE}]",
        )
    return names


def chosen_clouds(names: Sequence[str], only: Sequence[str]) -> tuple[str, ...]:
    """Return those of the clouds that a command line names; all if it names none."""
    for name in only:
        if name not in names:
            raise ConfigurationError(
                f"there is no cloud {name[:80]!r} in the configuration",
                hint=suggestion(name, names) or "there are " + ", ".join(names),
            )
    return tuple(name for name in names if not only or name in only)


def cloud_reader(base: OptionReader, name: str) -> OptionReader:
    """Return a reader that sees the options as they are for one cloud."""
    given = _given(base.raw, base.environ, name)
    return OptionReader(base.raw, base.overrides, base.environ, given)


def _given(raw: RawFiles, environ: Mapping[str, str], name: str) -> dict[tuple[str, str], Given]:
    """Return what the section of a cloud, or its variables, say: by the group and name it stands for."""
    section = PREFIX + name
    written = {
        one.name.replace("-", "_"): Given(one.value, f"{one.where}: [{section}] {one.name}")
        for one in raw.assignments
        if one.section == section
    }
    prefix = f"OS_{section.upper()}__"
    for variable, value in environ.items():
        if variable.startswith(prefix):
            option = variable.removeprefix(prefix).lower()
            written[option] = Given(value, f"the environment variable {variable}")
    account = {option: one for option, one in written.items() if _is_of_account(option)}
    _check_account(section, account, written)
    given = {place: one for option, one in written.items() for place in _places(raw, option)}
    for option, one in account.items():
        for other in _instead_of(option):
            if other not in account:
                given.update((place, Given(None, one.origin)) for place in _places(raw, other))
    if account:
        first = next(iter(account.values()))
        given.setdefault((USANCE, "os_cloud"), Given(None, first.origin))
        if "auth_section" not in account and "auth_type" in account:
            given[AUTH, "auth_section"] = Given(None, first.origin)
    return given


def _places(raw: RawFiles, option: str) -> Iterator[tuple[str, str]]:
    """Yield the groups in which an option of a cloud's section counts."""
    group, dot, name = option.partition(".")
    if dot:
        yield group, name
        return
    of = next((group for group, names in OF_A_CLOUD.items() if option in names), None)
    if of is not None:
        yield of, option
        return
    yield AUTH, option
    elsewhere = raw.find(AUTH, "auth_section")
    if elsewhere is not None and option not in _SESSION and option != "auth_section":
        yield elsewhere.value.strip(), option


def _is_of_account(option: str) -> bool:
    """Say whether an option tells who we are, and not only how to talk to Keystone."""
    return (
        "." not in option
        and option not in _SESSION
        and not any(option in names for names in OF_A_CLOUD.values())
    )


def _check_account(section: str, account: Mapping[str, Given], written: Mapping[str, Given]) -> None:
    for whole in ("os_cloud", "auth_section"):
        other = next((name for name in account if name != whole), None)
        if whole in written and other is not None:
            raise ConfigurationError(
                f"{account[other].origin} and {whole} both say who we are to [{section}]",
                hint="write one of them",
            )


def _instead_of(option: str) -> Iterator[str]:
    for names in _INSTEAD:
        if option in names:
            yield from (name for name in names if name != option)


def known_of_cloud(account: Sequence[str], groups: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield every name that may stand in the section of a cloud."""
    for names in OF_A_CLOUD.values():
        yield from names
    yield from account
    for group in GROUPS_OF_A_CLOUD:
        yield from (f"{group}.{name}" for name in groups.get(group, ()))


def told_apart(
    clouds: Mapping[str, Settings], readers: Mapping[str, OptionReader], base: OptionReader
) -> dict[str, Settings]:
    """Give each of several clouds its own place in the ledger, and one of them what cASO left.

    Raises ConfigurationError if two sections mean one region, or one place in the ledger.
    """
    regions = {name: settings.cloud.region_name for name, settings in clouds.items()}
    heir = _heir_of_caso(regions, base.text("region_name"))
    found = {}
    for name, settings in clouds.items():
        reader = readers[name]
        cloud_id = settings.cloud.cloud_id if reader.is_given("cloud_id", USANCE) else name
        has_spool = reader.is_given("caso_spooldir", USANCE)
        found[name] = msgspec.structs.replace(
            settings,
            name=name,
            cloud=msgspec.structs.replace(settings.cloud, cloud_id=cloud_id),
            caso_spool_dir=settings.caso_spool_dir if has_spool or name == heir else None,
            caso_spool_is_written=has_spool,
        )
    _check_distinct(found)
    own = frozenset(one.cloud.cloud_id for one in found.values() if one.caso_spool_is_written)
    return {name: msgspec.structs.replace(one, clouds_with_own_files=own) for name, one in found.items()}


def _check_distinct(clouds: Mapping[str, Settings]) -> None:
    """Raise ConfigurationError if two sections mean one region, or one name in the ledger."""
    names = list(clouds)
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            one, other = clouds[first].cloud, clouds[second].cloud
            if one.cloud_id == other.cloud_id:
                raise ConfigurationError(
                    f"[{PREFIX}{first}] and [{PREFIX}{second}] have the same cloud_id, {one.cloud_id!r}",
                    hint="the ledger would mix what they use: give each its own",
                )
            if _keystone(one.auth) is None or _keystone(one.auth) != _keystone(other.auth):
                continue
            if one.region_name == other.region_name and one.region_name is not None:
                raise ConfigurationError(
                    f"[{PREFIX}{first}] and [{PREFIX}{second}] are the same region, {one.region_name},"
                    " of the same Keystone",
                    hint="its usage would be accounted twice: remove one of them",
                )
            if None in (one.region_name, other.region_name):
                nameless = first if one.region_name is None else second
                raise ConfigurationError(
                    f"[{PREFIX}{first}] and [{PREFIX}{second}] have the same Keystone, and"
                    f" [{PREFIX}{nameless}] has no region_name",
                    hint="its usage might be accounted twice: name the region of each",
                )


def _keystone(auth: AuthSettings) -> tuple[str, int | None, str] | None:
    """Return what tells one Keystone from another: its URL, however it is written."""
    url = urlsplit(auth.options.get("auth_url", ""))
    try:
        port = url.port or _PORTS.get(url.scheme)
    except ValueError:
        return None
    if not url.hostname:
        return None
    path = url.path.rstrip("/")
    return url.hostname, port, path.removesuffix("/v3").removesuffix("/v2.0")


def _heir_of_caso(regions: Mapping[str, str | None], region: str | None) -> str:
    """Return the cloud whose usage cASO has reported, where that is not written.

    cASO knew one region, and kept how far it came by project alone. So what it left belongs to the
    cloud of the region that [DEFAULT] names, as it did for cASO, else to the first one.
    """
    names = list(regions)
    return next((name for name in names if region is not None and regions[name] == region), names[0])
