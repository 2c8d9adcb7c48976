"""From the configuration of any cASO to ours: today's names, and a comment for what became of each.

What is written means what was read: whoever migrates holds both to give equal settings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from usance.config.clouds import PREFIX
from usance.config.findings import Known, known_options
from usance.config.load import Configuration
from usance.config.options import AUTH, DEFAULT, EXTRACTOR, OF_A_CLOUD
from usance.config.plugins import SUCCESSORS, translate
from usance.config.rawfile import Assignment, suggestion
from usance.config.settings import Settings
from usance.model.errors import UsanceError

_HEAD: Final = """\
# Configuration of usance, written by `usance config migrate` from
# {files}
# It means the same, in today's names. Put it where usance looks for it, as
# ~/.config/usance/usance.conf or /etc/usance/usance.conf, readable by its account only.
# `usance config sample` shows every option; docs/reference/caso-options.md tells of each of cASO's.
"""
_ACCOUNT: Final = {"user": "username", "password": "password", "endpoint": "auth_url", "insecure": "insecure"}
_V3_FOR_V2: Final = {"v2password": "v3password", "v2token": "v3token"}
_V2_SCOPES: Final = {"tenant_id": "project_id", "tenant_name": "project_name", "trust_id": "trust_id"}
_NAMES: Final = {"messengers", "extractor"}
_ACCOUNT_IN_URL: Final = re.compile(r"://[^/?#\s]*@")  # with a password, as a rule
_MAPPING_NOTE: Final = "it is still read; caso-mapping-migrate turns it into properties of the projects"


class Entry(msgspec.Struct, frozen=True):
    """One line of the new file, or one that has none."""

    section: str
    name: str
    value: str  # may be a secret
    was: str  # where it stood, and under which name
    note: str | None = None  # what became of it; None: nothing did
    counts: bool = True  # False: it is written as a comment
    is_secret: bool = False

    def __repr__(self) -> str:
        """Say what it is about, never its value."""
        return f"Entry([{self.section}] {self.name}, {self.was})"


class Migration(msgspec.Struct, frozen=True):
    """A configuration in today's names."""

    files: tuple[str, ...]
    entries: tuple[Entry, ...]

    def text(self, *, secrets: bool) -> str:
        """Return the file; without *secrets*, what is or may be one is left out, and where it stood told."""
        parts = [_HEAD.format(files=", ".join(self.files))]
        for section in dict.fromkeys(one.section for one in self.entries):
            parts.append(f"\n[{section}]\n")
            parts += [_lines(one, secrets=secrets) for one in self.entries if one.section == section]
        return "".join(parts)

    @property
    def changes(self) -> tuple[tuple[str, str], ...]:
        """What stood where, and what became of it, of all that changed."""
        return tuple((one.was, _became(one)) for one in self.entries if one.note is not None)


def migrate(configuration: Configuration) -> Migration:
    """Return a configuration that was read, in today's names."""
    known = known_options(configuration.readers)
    base = configuration.readers[0]
    entries = [
        entry
        for one in _last_of_each(base.raw.assignments)
        for entry in _Rewriter(configuration, known).entries(one)
    ]
    entries.sort(key=lambda one: [DEFAULT, AUTH].index(one.section) if one.section in {DEFAULT, AUTH} else 2)
    return Migration(tuple(str(path) for path in configuration.files), tuple(entries))


def differences(one: Configuration, other: Configuration) -> list[str]:
    """Return the names of what is not the same in two configurations; none if they mean the same."""
    if len(one.clouds) != len(other.clouds):
        return ["clouds"]
    found = [] if one.request == other.request else ["the period"]
    for before, after in zip(map(_plain, one.clouds), map(_plain, other.clouds), strict=True):
        found += [
            name for name in Settings.__struct_fields__ if getattr(before, name) != getattr(after, name)
        ]
    return list(dict.fromkeys(found))


def hold_equal(one: Configuration, other: Configuration) -> None:
    """Raise UsanceError if two configurations do not mean the same."""
    found = differences(one, other)
    if found:
        raise UsanceError(
            f"what would be written differs from what was read in: {', '.join(found)}",
            hint="nothing was written; keep the file of cASO, it works as it is",
        )


def _plain(settings: Settings) -> Settings:
    """Return settings without the names of the files that they were read from."""
    auth = msgspec.structs.replace(settings.cloud.auth, origin="")
    return msgspec.structs.replace(
        settings,
        cloud=msgspec.structs.replace(settings.cloud, auth=auth),
        messengers=tuple(msgspec.structs.replace(one, files=()) for one in settings.messengers),
    )


def _last_of_each(assignments: list[Assignment]) -> list[Assignment]:
    """Return, where one option is assigned several times, the assignment that counts; in their order."""
    last = {(one.section, one.name.replace("-", "_")): one for one in assignments}
    return [one for one in assignments if last[one.section, one.name.replace("-", "_")] is one]


class _Rewriter:
    """Says of each assignment what becomes of it."""

    def __init__(self, configuration: Configuration, known: Mapping[str, Mapping[str, Known]]) -> None:
        self._configuration = configuration
        self._base = configuration.readers[0]
        self._known = known
        auth = configuration.settings.cloud.auth
        self._by_extractor = f"[{EXTRACTOR}]" in auth.origin
        written = self._base.raw.find(AUTH, "auth_type", "auth_plugin")
        self._v2 = written is not None and written.value.strip() in _V3_FOR_V2

    def entries(self, one: Assignment) -> Iterator[Entry]:
        """Yield what becomes of one assignment."""
        found = self._known.get(one.section, {}).get(one.name)
        was = f"[{one.section}] {one.name} ({one.where})"
        if found is None:
            yield self._unknown(one, was)
        elif found.remark is not None:
            yield Entry(
                one.section,
                one.name,
                one.value,
                was,
                found.remark,
                counts=False,
                is_secret=self._is_secret(found),
            )
        elif one.section == EXTRACTOR and found.group == EXTRACTOR:
            yield from self._of_account(one, was)
        elif found.group == AUTH and self._v2:
            yield from self._of_v2(found.name, one, was)
        else:
            yield self._moved(found, one, was)

    def _unknown(self, one: Assignment, was: str) -> Entry:
        # Some names are not ours to know: of a messenger's options, and of a source of oslo.config.
        if one.section.startswith("messenger_") or self._is_source(one.section):
            return Entry(one.section, one.name, one.value, was, is_secret=True)
        hint = suggestion(one.name, self._known.get(one.section, ()))
        note = "it means nothing" + (f"; {hint}" if hint else "")
        return Entry(one.section, one.name, one.value, was, note, counts=False, is_secret=True)

    def _is_source(self, section: str) -> bool:
        written = self._base.raw.find(DEFAULT, "config_source")
        return written is not None and section in {word.strip() for word in written.value.split(",")}

    def _moved(self, found: Known, one: Assignment, was: str) -> Entry:
        secret = self._is_secret(found)
        winner = self._winner(found)
        if winner is not None and winner is not one:
            beside = f"it did not count beside [{winner.section}] {winner.name}"
            return Entry(found.group, one.name, one.value, was, beside, counts=False, is_secret=secret)
        value = one.value
        note: str | None = None
        if (found.group, found.name) != (one.section, one.name.replace("-", "_")):
            note = "its name is another today"
        if found.group == DEFAULT and found.name in _NAMES:
            words = [_today(word.strip()) for word in one.value.split(",") if word.strip()]
            if words != [word.strip() for word in one.value.split(",") if word.strip()]:
                value, note = ", ".join(dict.fromkeys(words)), "its values have other names today"
        elif found.group == DEFAULT and found.name == "mapping_file":
            note = _MAPPING_NOTE
        return Entry(found.group, found.name, value, was, note, is_secret=secret)

    def _winner(self, found: Known) -> Assignment | None:
        """Return the assignment that oslo.config takes: of the last file that has one, the newest name's."""
        if found.name not in self._base.options(found.group):
            return None
        aliases = self._base.aliases(found.group, found.name)
        for path in reversed(self._base.raw.paths):
            for section, name in aliases:
                for one in reversed(self._base.raw.assignments):
                    if (one.path, one.section, one.name) == (path, section, name):
                        return one
        return None

    def _of_account(self, one: Assignment, was: str) -> Iterator[Entry]:
        """Yield the account of cASO 1.x as one of the domain `default`."""
        secret = one.name == "password"
        if not self._by_extractor:
            note = f"it did not count beside [{AUTH}]"
            yield Entry(AUTH, one.name, one.value, was, note, counts=False, is_secret=secret)
            return
        name = _ACCOUNT[one.name]
        value = _v3(one.value) if one.name == "endpoint" else one.value
        if one.name == "endpoint":
            yield Entry(AUTH, "auth_type", "v3password", was, "an account of today needs it")
            yield Entry(AUTH, "user_domain_id", "default", was, "an account of version 2 was in that domain")
            if self._base.raw.find(EXTRACTOR, "user") is None:
                yield Entry(AUTH, "username", "accounting", was, "it was the default")
        yield Entry(AUTH, name, value, was, "its name is another today", is_secret=secret)

    def _of_v2(self, name: str, one: Assignment, was: str) -> Iterator[Entry]:
        """Yield an option of an account for version 2 of Keystone's API, which no cloud has any more."""
        found = Known(AUTH, name)
        if name == "auth_type":
            plugin = _V3_FOR_V2[one.value.strip()]
            yield Entry(AUTH, name, plugin, was, "version 2 of Keystone's API is gone")
            if plugin == "v3password" and self._base.raw.find(AUTH, "user_id", "user-id") is None:
                yield Entry(
                    AUTH, "user_domain_id", "default", was, "an account of version 2 was in that domain"
                )
        elif name in {*_V2_SCOPES, *_V2_SCOPES.values()}:
            note = "projects are chosen by the options of [DEFAULT]"
            yield Entry(AUTH, name, one.value, was, note, counts=False)
        elif name == "auth_url":
            yield Entry(AUTH, name, _v3(one.value), was, "version 2 of Keystone's API is gone")
        elif name in {"user_domain_id", "user_domain_name"}:
            yield Entry(AUTH, name, one.value, was, "version 2 knew no domains", counts=False)
        else:
            yield self._moved(found, one, was)

    def _is_secret(self, found: Known) -> bool:
        """Say whether a value may be a secret; what is not known well may be one."""
        group, name = found.group, found.name
        if group.startswith(PREFIX):
            section, dot, rest = name.partition(".")
            if not dot and any(name in names for names in OF_A_CLOUD.values()):
                return False
            group, name = (section, rest) if dot else (AUTH, name)
        for reader in self._configuration.readers:
            option = reader.options(group).get(name)
            if option is not None:
                return bool(option.secret)
        return group != DEFAULT


def _today(word: str) -> str:
    name = translate(word)
    return SUCCESSORS[name][0] if name in SUCCESSORS else name


def _v3(url: str) -> str:
    stem = url.rstrip().rstrip("/")
    return stem.removesuffix("/v2.0") + "/v3" if stem.endswith("/v2.0") else url


def _became(one: Entry) -> str:
    if not one.counts:
        return f"nothing: {one.note}"
    return f"[{one.section}] {one.name}: {one.note}"


def _lines(one: Entry, *, secrets: bool) -> str:
    if one.note is None:
        comment = ""
    elif one.counts:
        comment = f"# was {one.was}: {one.note}\n"
    else:
        comment = f"# left out: {one.was}: {one.note}\n"
    if not secrets and (one.is_secret or _ACCOUNT_IN_URL.search(one.value)):
        return f"{comment}# {one.name} = (not shown; --output writes it)\n"
    mark = "" if one.counts else "# "
    value = _quoted(one.value) if one.counts else " ".join(one.value.split("\n"))
    return f"{comment}{mark}{one.name} = {value}".rstrip(" ") + "\n"


def _quoted(value: str) -> str:
    """Return a value so that it is read as it is: oslo.config takes quotes and outer space away."""
    first, *rest = value.split("\n")
    quoted = first != first.strip() or (first and first[0] == first[-1] and first[0] in "\"'")
    return "\n    ".join([f'"{first}"' if quoted else first, *rest])
