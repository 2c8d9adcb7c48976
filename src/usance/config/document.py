"""The reference of all options, generated: `python -m usance.config.document`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from oslo_config import cfg

from usance.config.options import (
    ACCEPTED,
    AUTH,
    AUTH_TYPE_OPTIONS,
    DEFAULT,
    EXTRACTOR,
    OLD_ACCOUNT_OPTIONS,
    OWN_GROUPS,
    SESSION_OPTIONS,
    expectation,
)

_HEAD = """\
# Options

Generated from the options themselves. What stands here works in `usance.conf` and in a `caso.conf`
of any generation; `usance config check` says what a file of yours means. Beside these, `[DEFAULT]`
takes the options of oslo.log (`debug`, `log_file`, `log_dir`, `use_syslog`, ...), and
`[keystone_auth]` those of the authentication plug-in.

The command line comes before the environment (`OS_<GROUP>__<OPTION>`), the environment before the
files, a later file before an earlier one. `$name` in a value is the value of another option; write
`$$` for a dollar sign.
"""


def document() -> str:
    """Return the reference, in Markdown."""
    groups = {**OWN_GROUPS, AUTH: [*AUTH_TYPE_OPTIONS, *SESSION_OPTIONS]}
    parts = [_HEAD]
    for group, options in groups.items():
        parts += [f"## [{group}]", "", *_table(("option", "value", "default", "meaning"), _rows(options)), ""]
    parts += ["## Older names", "", *_table(("in cASO", "today"), _old_names(groups)), ""]
    parts += ["## Accepted, without effect", "", *_table(("option", "why"), _without_effect()), ""]
    return "\n".join(parts)


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(headings) + " |"
    yield "|" + "---|" * len(headings)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def _rows(options: Iterable[cfg.Opt]) -> Iterator[tuple[str, ...]]:
    for option in options:
        yield f"`{option.dest}`", expectation(option), _default(option), _text(option.help or "")


def _default(option: cfg.Opt) -> str:
    value = option.default if option.sample_default is None else option.sample_default
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        value = str(value).lower()
    return f"`{','.join(value) if isinstance(value, list) else value}`"


def _text(text: str) -> str:
    """Return a text as Markdown that shows it as it is."""
    return text.replace("<", "&lt;").replace("*", "\\*")


def _old_names(groups: dict[str, list[cfg.Opt]]) -> Iterator[tuple[str, str]]:
    for group, options in groups.items():
        for option in options:
            for old in option.deprecated_opts:
                written = (old.group or group, old.name)
                if written != (group, option.dest):
                    yield f"`[{written[0]}] {written[1]}`", f"`[{group}] {option.dest}`"
    for option in OLD_ACCOUNT_OPTIONS:
        yield f"`[{EXTRACTOR}] {option.dest}`", f"the account: `[{AUTH}]`, with `auth_type = v3password`"


def _without_effect() -> Iterator[tuple[str, str]]:
    for group in sorted(ACCEPTED, key=lambda name: (name != DEFAULT, name)):
        for name, why in ACCEPTED[group].items():
            yield f"`[{group}] {name}`", why


if __name__ == "__main__":
    sys.stdout.write(document())
