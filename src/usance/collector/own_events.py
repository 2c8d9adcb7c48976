"""An operator's file of events: what types mean that we do not know, or that she wants to be otherwise.

    events:
      acme.volume.made: volume.create.end     # a type of ours, whose payload it has
      acme.heartbeat: ignore
      "acme.debug.*": ignore
      acme.invoice: park

Every mistake is an error that names the line: an event that is not read is usage that is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import yaml  # type: ignore[import-untyped]  # it has no types of its own

from usance.model.errors import ConfigurationError

LARGEST_BYTES: Final = 1 << 20
LONGEST_TYPE: Final = 200
SECTION: Final = "events"

_MAP: Final = "tag:yaml.org,2002:map"
_TEXT: Final = "tag:yaml.org,2002:str"


class Own(msgspec.Struct, frozen=True):
    """One line of the file."""

    type: str  # of an event; with * for any text, at its begin or end
    meaning: str  # a type of ours, "ignore" or "park"
    line: int  # from 1 on


def own_events(path: Path) -> list[Own]:
    """Return what a file says, in its order. Raises ConfigurationError, with the line."""
    root = _root(path, _text(path))
    _expect(path, root, _MAP, f"the file is no mapping with `{SECTION}:` in it")
    sections = dict(_entries(path, root))
    for name, (_, key) in sections.items():
        if name != SECTION:
            raise _wrong(path, key, f"unknown key {name!r}", hint=f"there is only `{SECTION}`")
    if SECTION not in sections:
        raise ConfigurationError(f"{path} has no `{SECTION}:`")
    events, _ = sections[SECTION]
    _expect(path, events, _MAP, f"`{SECTION}` is no mapping of types of events")
    return [_own(path, name, meaning, key) for name, (meaning, key) in _entries(path, events)]


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
        if len(content) > LARGEST_BYTES:
            raise ConfigurationError(f"{path} is larger than {LARGEST_BYTES} bytes")
        return content.decode()
    except OSError as error:
        raise ConfigurationError(f"the file of events can't be read: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not in UTF-8: {error}") from error


def _root(path: Path, text: str) -> yaml.Node:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = "" if mark is None else f", line {mark.line + 1}"
        raise ConfigurationError(f"{path}{line}: this is no YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigurationError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if root is None:
        raise ConfigurationError(f"{path} has no `{SECTION}:`", hint="it is empty")
    return root


def _entries(path: Path, mapping: yaml.Node) -> Iterator[tuple[str, tuple[yaml.Node, yaml.Node]]]:
    """Yield the entries of a mapping: the key's text, the value, and the key. None may come twice."""
    lines: dict[str, int] = {}
    for key, value in mapping.value:
        _expect(path, key, _TEXT, "a key is no text")
        name = key.value
        if name in lines:
            raise _wrong(path, key, f"{name!r} stands in line {lines[name]} already")
        lines[name] = key.start_mark.line + 1
        yield name, (value, key)


def _own(path: Path, name: str, meaning: yaml.Node, key: yaml.Node) -> Own:
    _expect(path, meaning, _TEXT, f"what {name!r} means is no text")
    if not name or len(name) > LONGEST_TYPE or not name.isprintable() or " " in name:
        raise _wrong(path, key, f"{name[:LONGEST_TYPE]!r} is no type of event")
    if "*" in name.strip("*") or not name.strip("*") or "**" in name:
        raise _wrong(path, key, f"{name!r}: a * stands at the begin or the end of a type, beside other text")
    return Own(name, meaning.value, key.start_mark.line + 1)


def _expect(path: Path, node: yaml.Node, tag: str, otherwise: str) -> None:
    if node.tag != tag:
        raise _wrong(path, node, otherwise)


def _wrong(path: Path, node: yaml.Node, what: str, hint: str | None = None) -> ConfigurationError:
    return ConfigurationError(f"{path}, line {node.start_mark.line + 1}: {what}", hint=hint)
