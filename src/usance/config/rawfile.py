"""Configuration files as they are written: every assignment with its place, and what is unknown there."""

from __future__ import annotations

import difflib
import io
import stat
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
from oslo_config import iniparser

from usance.model.errors import ConfigurationError

_LARGEST: Final = 1 << 20  # bytes of one configuration file
_SHOWN: Final = 80  # characters of what the operator wrote


class Assignment(msgspec.Struct, frozen=True):
    """One option as it stands in a file. Its value may be a secret: never show it."""

    path: Path
    line: int
    section: str
    name: str
    value: str

    @property
    def where(self) -> str:
        """The place, for a message."""
        return f"{self.path}:{self.line}"

    def __repr__(self) -> str:
        """Say where it stands, never what it is."""
        return f"Assignment({self.where}, [{self.section}] {self.name})"


class _Parser(iniparser.BaseParser):
    """Reads a file exactly as oslo.config does, and keeps the places."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._section = ""
        self.sections: dict[str, int] = {}
        self.found: list[Assignment] = []
        self._lines: deque[int] = deque()  # of assignments whose end has not been seen yet

    def read(self, text: str) -> None:
        """Parse a whole file, with its lines as Python's universal newlines have them."""
        self.parse(self._noted(io.StringIO(text, newline=None)))

    def _noted(self, lines: Iterable[str]) -> Iterator[str]:
        # The parser tells of an assignment when it sees what follows it.
        for number, line in enumerate(lines, 1):
            if line.strip() and line[0] not in " \t[#;":
                self._lines.append(number)
            yield line

    def new_section(self, section: str) -> None:
        self._section = section
        self.sections.setdefault(section, self.lineno)

    def assignment(self, key: str, value: list[str]) -> None:
        line = self._lines.popleft()
        if not self._section:
            raise ConfigurationError(
                f"{self._path}:{line}: {key[:_SHOWN]!r} stands before any section",
                hint="write [DEFAULT] above it",
            )
        self.found.append(Assignment(self._path, line, self._section, key, "\n".join(value)))


class RawFiles:
    """What stands in the configuration files, in their order; later ones take precedence."""

    def __init__(self, paths: Iterable[Path]) -> None:
        """Read the files. Raises ConfigurationError for one that is not a configuration."""
        self.paths = tuple(paths)
        self.assignments: list[Assignment] = []
        self.sections: dict[str, str] = {}
        for path in self.paths:
            parser = _Parser(path)
            try:
                parser.read(_text(path))
            except iniparser.ParseError as error:
                # The line itself may hold a secret: it is not shown.
                raise ConfigurationError(
                    f"{path}:{error.lineno}: {error.msg[:1].lower()}{error.msg[1:]}",
                    hint="a line is [section], name = value, or a # comment",
                ) from None
            self.assignments += parser.found
            for section, line in parser.sections.items():
                self.sections.setdefault(section, f"{path}:{line}")

    def find(self, section: str, *names: str) -> Assignment | None:
        """Return the assignment that counts: the last one with one of the names."""
        return next(
            (one for one in reversed(self.assignments) if one.section == section and one.name in names), None
        )

    def names(self, section: str) -> list[str]:
        """Return what is assigned in a section."""
        return list(dict.fromkeys(one.name for one in self.assignments if one.section == section))


def _text(path: Path) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigurationError(f"{path} is not a file")
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(
            f"the configuration {path} can't be read: {error.strerror}", hint="check --config-file"
        ) from error
    except ValueError:
        raise ConfigurationError(f"{str(path)!r} can't be the name of a file") from None
    if len(content) > _LARGEST:
        raise ConfigurationError(f"{path} is larger than 1 MiB: it is no configuration")
    if b"\0" in content:
        raise ConfigurationError(f"{path} contains NUL bytes: it is no configuration")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{path}:{line}: this is not UTF-8", hint="save the file as UTF-8") from None


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that the written one was probably meant to be."""
    choices = {one.lower(): one for one in known}
    found = difflib.get_close_matches(word.lower().replace("-", "_"), choices, n=1, cutoff=0.6)
    return choices[found[0]] if found else None


def suggestion(word: str, known: Iterable[str], form: str = "{}") -> str | None:
    """Return "did you mean ...?" for an unknown word; None if nothing is like it."""
    found = closest(word, known)
    return f"did you mean {form.format(found)}?" if found else None


def elsewhere(name: str, groups: Mapping[str, Iterable[str]]) -> str | None:
    """Return the group in which an option of that name exists."""
    return next((group for group, names in groups.items() if name in names), None)
