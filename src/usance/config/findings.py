"""What is odd in a configuration without being wrong: unknown names, old names, options without effect."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from usance.config.auth_plugins import plugin_options
from usance.config.clouds import PREFIX, known_of_cloud
from usance.config.options import ACCEPTED, AUTH, DEFAULT, OLD_ACCOUNT, USANCE
from usance.config.rawfile import Assignment, RawFiles, elsewhere, suggestion
from usance.config.reader import OptionReader

_ENOUGH: Final = 50  # unknown names
_SHOWN: Final = 80  # characters of what the operator wrote
# Their options may stand beside those of the plug-in that is chosen.
_USUAL_PLUGINS: Final = ("password", "v3applicationcredential")
_OF_OSLO: Final = frozenset({"config_file", "config_dir", "config_source"})


class Level(enum.StrEnum):
    """How much a finding matters."""

    UNKNOWN = "unknown"  # a name that means nothing: said at every run, and `config check` fails
    WARNING = "warning"  # said at every run
    NOTE = "note"  # said by `config check` only


class Finding(msgspec.Struct, frozen=True):
    """One thing to say about the configuration; it holds no value of an option."""

    level: Level
    message: str

    def __str__(self) -> str:
        return self.message


class Known(msgspec.Struct, frozen=True):
    """What an option that stands in a file is to us."""

    group: str  # its group and name today
    name: str
    remark: str | None = None  # why it has no effect


def find_oddities(raw: RawFiles, readers: Sequence[OptionReader]) -> Iterator[Finding]:
    """Yield what to say of the files, in the order of their lines, each thing once.

    The first reader is that of the whole configuration; others are those of its clouds.

    After so many unknown names the file is something else, and no more of them are told.
    """
    unknown = 0
    for finding in _oddities(raw, known_options(readers)):
        unknown += finding.level is Level.UNKNOWN
        if unknown > _ENOUGH:
            yield Finding(Level.UNKNOWN, f"there are more than {_ENOUGH} names that mean nothing")
            return
        yield finding


def _oddities(raw: RawFiles, known: dict[str, dict[str, Known]]) -> Iterator[Finding]:
    written = raw.find(DEFAULT, "config_source")
    sources = {word.strip() for word in written.value.split(",")} if written else set()
    told: set[tuple[str, str]] = set()
    strange: set[str] = set()
    for one in raw.assignments:
        if (one.section, one.name) in told or one.section in strange:
            continue
        told.add((one.section, one.name))
        if one.section not in known:
            strange.add(one.section)
            # oslo.config itself reads the sections of its sources.
            if one.section not in sources:
                yield _unknown_section(one, raw, known)
            continue
        finding = _of_assignment(one, known)
        if finding is not None:
            yield finding


def known_options(readers: Sequence[OptionReader]) -> dict[str, dict[str, Known]]:
    """Return every name that may stand in a file, by section: today's, older, and accepted ones."""
    known: dict[str, dict[str, Known]] = {}
    registered = (found for reader in readers for found in _registered(reader))
    for section, name, meaning in (*registered, *_accepted()):
        _know(known, section, name, meaning)
    for section, names in readers[0].foreign.items():
        for name in names:
            _know(known, section, name, Known(section, name))
    known.pop(OLD_ACCOUNT, None)
    groups = {group: list(names) for group, names in known.items()}
    account = [option.dest for reader in readers for option in reader.options(AUTH).values()]
    for name in readers[0].words("clouds", USANCE):
        for option in known_of_cloud([*groups[AUTH], *account], groups):
            _know(known, PREFIX + name, option, Known(PREFIX + name, option.replace("-", "_")))
    return known


def _know(known: dict[str, dict[str, Known]], section: str, name: str, meaning: Known) -> None:
    names = known.setdefault(section, {})
    for spelling in (name, name.replace("_", "-")):
        names.setdefault(spelling, meaning)


def _registered(reader: OptionReader) -> Iterator[tuple[str, str, Known]]:
    for group in reader.groups():
        for name in reader.options(group):
            for other, old in reader.aliases(group, name):
                # The account of cASO 1.x is told once, as a whole, by who translates it.
                today = (other, old) if group == OLD_ACCOUNT else (group, name)
                yield other, old, Known(*today)


def _accepted() -> Iterator[tuple[str, str, Known]]:
    for group, remarks in ACCEPTED.items():
        for name, remark in remarks.items():
            yield group, name, Known(group, name, remark)
    for plugin in _USUAL_PLUGINS:
        for option in plugin_options(plugin):
            for old in option.deprecated_opts:
                yield AUTH, old.name or option.dest, Known(AUTH, option.dest)
            yield AUTH, option.dest, Known(AUTH, option.dest)
    for name in _OF_OSLO:
        yield DEFAULT, name, Known(DEFAULT, name)


def _unknown_section(one: Assignment, raw: RawFiles, known: dict[str, dict[str, Known]]) -> Finding:
    hint = suggestion(one.section, known, "[{}]")
    return Finding(
        Level.UNKNOWN,
        f"{raw.sections[one.section]}: there is no section [{one.section[:_SHOWN]}], nothing in it counts"
        + (f"; {hint}" if hint else ""),
    )


def _of_assignment(one: Assignment, known: dict[str, dict[str, Known]]) -> Finding | None:
    found = known[one.section].get(one.name)
    if found is None:
        if one.section.startswith("messenger_"):
            return None  # the messenger knows its options
        hint = suggestion(one.name, known[one.section]) or _moved(one, known)
        return Finding(
            Level.UNKNOWN,
            f"{one.where}: there is no option {one.name[:_SHOWN]!r} in [{one.section}], it does not count"
            + (f"; {hint}" if hint else ""),
        )
    if found.remark is not None:
        return Finding(Level.NOTE, f"{one.where}: [{one.section}] {one.name}: {found.remark}")
    if (found.group, found.name) != (one.section, one.name.replace("-", "_")):
        return Finding(
            Level.WARNING,
            f"{one.where}: [{one.section}] {one.name} is an old name of [{found.group}] {found.name}",
        )
    return None


def _moved(one: Assignment, known: dict[str, dict[str, Known]]) -> str | None:
    group = elsewhere(one.name, known)
    if group is None or group == one.section:
        return None
    return f"it belongs into [{group}]"
