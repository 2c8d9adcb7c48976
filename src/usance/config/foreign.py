"""Messengers written for cASO read their options from oslo.config's global CONF; here it is filled.

Nothing of ours reads it. Such a module registers its options when it is imported, and expects that
by the time it is made somebody has read the files.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Final

from oslo_config import cfg

from usance.model.errors import ConfigurationError

_OF_OSLO: Final = frozenset({"config_file", "config_dir", "config_source", "shell_completion"})
_SHOWN: Final = 300  # characters of what somebody else's code says


def load_foreign(point: EntryPoint) -> Any:
    """Import what an entry point names.

    Raises ConfigurationError if that does not work, mostly because cASO itself is not installed.
    """
    # Options of a command line can't be registered any more once the files were read.
    cfg.CONF.clear()
    try:
        return point.load()
    except (Exception, SystemExit) as error:  # whatever a module does that is not ours
        raise _not_loaded(point, error) from error


def _not_loaded(point: EntryPoint, error: BaseException) -> ConfigurationError:
    missing = (getattr(error, "name", None) or "") if isinstance(error, ImportError) else ""
    if missing.partition(".")[0] == "caso":
        return ConfigurationError(
            f"the messenger {point.name} ({point.value}) needs cASO, which is not installed",
            hint="install the package caso beside usance: only its modules are used",
        )
    return ConfigurationError(
        f"the messenger {point.name} ({point.value}) can't be loaded: {one_line(error)}",
        hint="ask those who wrote it, or take it out of messengers",
    )


def fill_conf(files: Sequence[Path]) -> None:
    """Read the configuration files into CONF, for those who registered their options there.

    Raises ConfigurationError for what they refuse.
    """
    try:
        cfg.CONF([], project="caso", default_config_files=[str(path) for path in files],
                 default_config_dirs=[])  # fmt: skip
    except (cfg.Error, OSError, ValueError, SystemExit) as error:
        raise ConfigurationError(
            f"a messenger written for cASO can't be configured: {one_line(error)}"
        ) from error


def foreign_options() -> dict[str, tuple[str, ...]]:
    """Return the names of the options that stand in CONF, by group."""
    found: dict[str, tuple[str, ...]] = {}
    single: list[str] = []
    for name in list(cfg.CONF):
        if name in _OF_OSLO:
            continue
        try:
            value = cfg.CONF[name]
        except (cfg.Error, ValueError):  # an option whose value can't be read (yet)
            value = None
        if isinstance(value, cfg.ConfigOpts.GroupAttr):
            found[name] = tuple(value)
        else:
            single.append(name)
    if single:
        found["DEFAULT"] = tuple(single)
    return found


def one_line(error: BaseException) -> str:
    """Return what an error says, in one line of bounded length."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:_SHOWN]}" if text else type(error).__name__
