"""Which configuration files a program reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from usance.model.errors import ConfigurationError

_ETC: Final = Path("/etc")


def find_files(program: str, environ: Mapping[str, str], etc: Path = _ETC) -> list[Path]:
    """Return the configuration files of a program, where none is named.

    For "caso" they are where oslo.config finds caso.conf: the first of ~/.caso/, ~/, /etc/caso/
    and /etc/, and the files of the first caso.conf.d there; likewise for "almanach". "usance" looks
    for its own in ~/.config/usance/ and /etc/usance/ first.
    """
    home = [Path(environ["HOME"])] if environ.get("HOME") else []
    if program == "almanach":
        return _first("almanach.conf", _oslo_places("almanach", home, etc))
    if program == "usance":
        config = environ.get("XDG_CONFIG_HOME")
        own = [Path(config)] if config else [one / ".config" for one in home]
        found = _first("usance.conf", [*(place / "usance" for place in own), etc / "usance"])
        if found:
            return found
    return _first("caso.conf", _oslo_places("caso", home, etc))


def _oslo_places(project: str, home: Sequence[Path], etc: Path) -> list[Path]:
    """Return where oslo.config looks for the files of a project."""
    return [*(place for one in home for place in (one / f".{project}", one)), etc / project, etc]


def _first(name: str, places: Sequence[Path]) -> list[Path]:
    file = next((place / name for place in places if (place / name).exists()), None)
    directory = next((place / f"{name}.d" for place in places if (place / f"{name}.d").is_dir()), None)
    return [*([file] if file else []), *(files_of(directory) if directory else [])]


def files_of(directory: Path) -> list[Path]:
    """Return the configuration files of a directory, in the order in which they count."""
    if not directory.is_dir():
        raise ConfigurationError(f"{directory} is not a directory", hint="check --config-dir")
    return sorted(directory.glob("*.conf"))


def configuration_files(
    program: str, files: Sequence[Path], directories: Sequence[Path], environ: Mapping[str, str]
) -> list[Path]:
    """Return the files to read: those named, else those found, and those of the directories."""
    named = list(files) or find_files(program, environ)
    return [*named, *(file for directory in directories for file in files_of(directory))]
