"""Reading options through oslo.config, where every mistake becomes one clear sentence."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from oslo_config import cfg
from oslo_log import log

from usance.config.messenger_options import MESSENGER_OPTIONS
from usance.config.options import (
    AUTH,
    AUTH_TYPE_OPTIONS,
    DEFAULT,
    OLD_ACCOUNT,
    OLD_ACCOUNT_OPTIONS,
    OWN_GROUPS,
    SESSION_OPTIONS,
    expectation,
    log_options,
)
from usance.config.rawfile import RawFiles, suggestion
from usance.model.errors import ConfigurationError

_SHOWN: Final = 80  # characters of what the operator wrote


class Given(msgspec.Struct, frozen=True):
    """What the section of a cloud, or a file of another program, says of an option."""

    value: str | None  # may be a secret; None: what stands elsewhere doesn't count here
    origin: str

    def __repr__(self) -> str:
        """Say where it comes from, never what it is."""
        return f"Given({self.origin})"


class OptionReader:
    """The options of a run: the command line before the environment before the files.

    *overrides* are what the command line says, by "option" (of [DEFAULT]) or "group.option"; a
    Given there names another place that says it.
    The environment says `OS_<GROUP>__<OPTION>`, as for all programs that use oslo.config.
    *given* are, by group and name, what the section of a cloud says; it comes before all but
    the command line.
    """

    def __init__(
        self,
        raw: RawFiles,
        overrides: Mapping[str, Any],
        environ: Mapping[str, str],
        given: Mapping[tuple[str, str], Given] | None = None,
    ) -> None:
        self.raw = raw
        self.overrides = overrides
        self.environ = environ
        self._given = given or {}
        # Names, by group, that modules of others have registered for themselves.
        self.foreign: Mapping[str, Sequence[str]] = {}
        self.conf = cfg.ConfigOpts()
        self._origin: dict[tuple[str, str], str] = {}
        self._options: dict[str, dict[str, cfg.Opt]] = {}
        log.register_options(self.conf)
        # Only those that oslo.log registers itself; its list has one that only a part of it knows.
        self._options[DEFAULT] = {one.dest: one for one in log_options() if one.dest in self.conf}
        for group, options in OWN_GROUPS.items():
            self.register(group, options)
        self.register(OLD_ACCOUNT, OLD_ACCOUNT_OPTIONS)
        self.register(AUTH, [*AUTH_TYPE_OPTIONS, *SESSION_OPTIONS])
        for section in raw.sections:
            if section.startswith("messenger_"):
                self.register(section, MESSENGER_OPTIONS)
        with quiet_oslo():
            self._load()

    def _check_log_options(self) -> None:
        """Refuse wrong values of options that are on its command line, too: oslo.config would exit."""
        for name, option in self._options[DEFAULT].items():
            written = [self.raw.find(group, old) for group, old in self.aliases(DEFAULT, name)]
            for one in written:
                if one is None or "$" in one.value:
                    continue
                try:
                    option.type(one.value)
                except ValueError:
                    raise self.wrong(DEFAULT, name, one.value) from None

    def _load(self) -> None:
        self._check_log_options()
        # Without files oslo.config would look for some by the name of the program.
        try:
            self.conf([], project="usance", default_config_files=[str(path) for path in self.raw.paths],
                      default_config_dirs=[])  # fmt: skip
        except (cfg.Error, OSError, SystemExit) as error:
            raise ConfigurationError(f"the configuration can't be read: {type(error).__name__}") from error
        for group, options in list(self._options.items()):
            for option in options.values():
                self._apply(group, option)
        for key, value in self.overrides.items():
            group, _, name = key.rpartition(".")
            if isinstance(value, Given):
                self._override(group or DEFAULT, name, value.value, value.origin)
            else:
                self._override(group or DEFAULT, name, value, f"{name} on the command line")

    def register(self, group: str, options: Sequence[cfg.Opt]) -> None:
        """Make more options readable, for instance those of an authentication plug-in."""
        loaded = self._options.setdefault(group, {})
        new = [option for option in options if option.dest not in loaded]
        self.conf.register_opts(new, group=None if group == DEFAULT else group)
        loaded.update((option.dest, option) for option in new)

    def register_late(self, group: str, options: Sequence[cfg.Opt]) -> None:
        """Like `register`, after the files were loaded: the environment has its say, too."""
        before = set(self._options.get(group, ()))
        self.register(group, options)
        for option in options:
            if option.dest not in before:
                self._apply(group, option)

    def _apply(self, group: str, option: cfg.Opt) -> None:
        """Let the environment, and then the section of a cloud, have their say on an option."""
        variable = f"OS_{group.upper()}__{option.dest.upper()}"
        text = self.environ.get(variable)
        if text is not None:
            self._override(group, option.dest, text, f"the environment variable {variable}")
        given = self._given.get((group, option.dest))
        if given is not None:
            self._override(group, option.dest, given.value, given.origin)

    def is_given(self, name: str, group: str) -> bool:
        """Say whether the section of a cloud says something of an option."""
        given = self._given.get((group, name))
        return given is not None and given.value is not None

    def _override(self, group: str, name: str, value: Any, origin: str) -> None:
        self._origin[group, name] = origin
        try:
            self.conf.set_override(name, value, group=None if group == DEFAULT else group)
        except ValueError:
            raise self.wrong(group, name, value) from None

    def value(self, name: str, group: str = DEFAULT) -> Any:
        """Return the value of an option. Raises ConfigurationError if what is written is no such value."""
        try:
            with quiet_oslo():
                return self.conf[name] if group == DEFAULT else self.conf[group][name]
        except cfg.TemplateSubstitutionError:
            raise self._unresolved(group, name) from None
        except (cfg.NoSuchOptError, cfg.NoSuchGroupError, RecursionError):
            raise self._unresolved(group, name) from None
        except (cfg.Error, ValueError):
            written = self.raw.find(group, *self.names(group, name))
            raise self.wrong(group, name, written.value if written else None) from None

    def text(self, name: str, group: str = DEFAULT) -> str | None:
        """Return a value without the space around it; None if it is not set or empty."""
        value = self.value(name, group)
        return str(value).strip() or None if value is not None else None

    def words(self, name: str, group: str = DEFAULT) -> tuple[str, ...]:
        """Return the words of a list, without empty ones and repetitions, in their order."""
        return tuple(dict.fromkeys(word.strip() for word in self.value(name, group) if word.strip()))

    def is_written(self, name: str, group: str = DEFAULT) -> bool:
        """Say whether a file, the environment or the command line sets the option, under any name."""
        return (group, name) in self._origin or any(
            self.raw.find(other, old) for other, old in self.aliases(group, name)
        )

    def place(self, name: str, group: str = DEFAULT) -> str:
        """Say, for a message, where the value of an option comes from."""
        origin = self._origin.get((group, name))
        if origin is not None:
            return origin
        for other, old in self.aliases(group, name):
            written = self.raw.find(other, old)
            if written is not None:
                return f"{written.where}: [{other}] {old}"
        return f"[{group}] {name}"

    def option(self, name: str, group: str) -> cfg.Opt:
        """Return the definition of an option."""
        return self._options[group][name]

    def options(self, group: str) -> dict[str, cfg.Opt]:
        """Return the definitions of a group's options, by name."""
        return self._options.get(group, {})

    def groups(self) -> tuple[str, ...]:
        """Return the names of the groups that have options."""
        return tuple(self._options)

    def names(self, group: str, name: str) -> list[str]:
        """Return the names that an option may have in its own group."""
        return [old for other, old in self.aliases(group, name) if other == group]

    def aliases(self, group: str, name: str) -> list[tuple[str, str]]:
        """Return every (group, name) that an option may be written as; its own first."""
        option = self.option(name, group)
        old = [(one.group or group, one.name or option.dest) for one in option.deprecated_opts]
        return list(dict.fromkeys([(group, option.dest), (group, option.name), *old]))

    def wrong(self, group: str, name: str, value: Any) -> ConfigurationError:
        """Return the error for a value that an option can't take."""
        option = self.option(name, group)
        shown = "" if option.secret or value is None else f" = {str(value)[:_SHOWN]!r}"
        choices = getattr(option.type, "choices", None)
        return ConfigurationError(
            f"{self.place(name, group)}{shown} should be {expectation(option)}",
            hint=suggestion(str(value), choices) if choices and value else None,
        )

    def _unresolved(self, group: str, name: str) -> ConfigurationError:
        return ConfigurationError(
            f"{self.place(name, group)} refers with $ to an option that does not exist, or to itself",
            hint="write $$ where a dollar sign is meant",
        )


@contextmanager
def quiet_oslo() -> Iterator[None]:
    """Keep oslo.config from logging about old names: we tell each of them once, with its place."""
    logger = logging.getLogger("oslo_config.cfg")

    def is_error(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    # A filter, for each option that is read: a change of level makes every logger think anew.
    logger.addFilter(is_error)
    try:
        yield
    finally:
        logger.removeFilter(is_error)
