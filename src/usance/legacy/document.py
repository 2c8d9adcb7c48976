"""The reference of all commands, generated: `python -m usance.legacy.document`.

It stands on the highest floor, because it reads every command line that there is.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Iterable, Iterator

import click
from oslo_config import cfg

from usance.cli.main import cli
from usance.config.options import EXTRACT_OPTIONS, expectation
from usance.demo.__main__ import main as serve_demo
from usance.legacy.almanach import command_line as almanach_line
from usance.legacy.caso_line import OLD_SPELLINGS
from usance.legacy.caso_mapping_migrate import OWN_OPTIONS
from usance.legacy.ssmsend import command_line as ssmsend_line

_HEAD = """\
# Commands

Generated from the commands themselves. `--help` says the same of each one.

## Exit statuses

| status | meaning |
|---|---|
| 0 | All was done. |
| 1 | Something failed, was refused or is held back; the output names it. Everything else was done. |
| 2 | Wrong usage or configuration. Nothing was done. |
| 75 | Another run holds the lock. Nothing was done; the next run does it. |
| 130 | Interrupted with Ctrl-C. What was done until then is kept. |
| 141 | Who read the output went away (as with `head`). |

An error is one line on standard error: what is wrong, where, and in parentheses what to do.
`--debug` adds a traceback. What a run did goes to standard output, with what failed in it; what made
it impossible, and what it notices on the way, to standard error.
"""

_CASO = """\
## caso-extract

The command of cASO, for cron jobs that exist. It reads `caso.conf` where cASO finds it, logs as
cASO does, and does what `usance extract` does. With `--dry-run` it prints the records.

It prints nothing else: what it did and what failed are log messages. Its exit statuses are those above.
"""

_CASO_PROJECTS = """\
## caso-projects

Prints `<id> (<name>) mapped to VO '<vo>'` for each project; those without a VO, and those that
can't be found, go to standard error. Its options are those of `caso-extract`.

Exit status 1 if a project can't be found or has no VO.
"""

_SSMSEND = """\
## ssmsend

The sender of SSM, for cron jobs that exist. It reads `sender.cfg`, of SSM 2 to 4, sends what is in
the queue, and logs where `[logging]` says. Exit status 0 if all went, 75 if another process is
sending from the queue, else 1; see [Sending](../howto/publish.md) for what is better than SSM's.

Beside SSM's options, `[broker]` takes `authn_port`, `cafile`, `login`, `passcode` and `vhost`, and
`[certificates]` takes `cipher` (`aes128` or `aes256`). In `[broker]`, `host` may name several
STOMP brokers, with commas between them.
"""

_ALMANACH = """\
## almanach

Almanach 3.x, for what starts it: `almanach api CONFIG` serves the API in the shapes of 3.x, as
`usance serve` does, and `almanach collector CONFIG` listens to notifications, as `usance collect` does.
It reads the INI file of 3.x, before which variables as `RABBITMQ_URL` and `ALMANACH_AUTH_TOKEN` come, and
logs to standard output, or as `--logging` says. What became of each option: [Options of
Almanach](almanach-options.md). It ends on SIGTERM or Ctrl-C with exit status 0.

"""

_ALMANACH_SERVICES = """
## almanach-api, almanach-collector

Almanach 3.3 and 4.x, for what starts them: they read `almanach.conf` where oslo.config finds it
(`/etc/almanach/almanach.conf`), or the files that `--config-file` names, take the options of oslo.log,
and do what `usance serve` and `usance collect` do. They end on SIGTERM or Ctrl-C with exit status 0.
"""

_CASO_MAPPING_MIGRATE = """\
## caso-mapping-migrate

Prints, for each project of `voms.json` (in any of its forms), the command of the OpenStack client that
gives it its VO as a property: `openstack project set --property VO=<vo> <project>`. It asks no cloud.
`vo_property` names another property. Its options are those of `caso-extract`, and:

"""

_CASO_MAPPING_MIGRATE_END = """
Applying takes the role `admin` in Keystone. What a project has already is left alone. Exit status 1 if
a project can't be found or changed; the others are.
"""

_DEMO = """\
## python -m usance.demo

A simulated cloud, for trials and tests: Keystone, Nova, Glance, Cinder and Neutron on loopback,
over a history that a seed decides. It needs the extra `demo` (`pip install 'usance[demo]'`).
"""


def document() -> str:
    """Return the reference, in Markdown."""
    parts = [_HEAD]
    for path, command in commands():
        parts += [f"## {path}", "", *_section(path, command)]
    parts += [
        _CASO,
        *_table(_caso_rows()),
        "",
        _CASO_PROJECTS,
        _CASO_MAPPING_MIGRATE.rstrip() + "\n",
        *_table(_migrate_rows()),
        _CASO_MAPPING_MIGRATE_END,
        _SSMSEND,
        *_table(_argument_rows(ssmsend_line())),
        "",
        _ALMANACH.rstrip() + "\n",
        *_table(_argument_rows(almanach_line())),
        _ALMANACH_SERVICES,
        _DEMO,
        *_table(_click_rows(serve_demo)),
        "",
    ]
    return "\n".join(parts)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield each command of `usance` that does something, with the words that call it."""
    return _below("usance", cli.with_all())


def _below(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name, below in sorted(command.commands.items()):
        yield from _below(f"{path} {name}", below)


def _section(path: str, command: click.Command) -> Iterator[str]:
    arguments = [
        one.metavar or (one.name or "").upper() for one in command.params if isinstance(one, click.Argument)
    ]
    yield from ("```text", " ".join([path, "[OPTIONS]", *arguments]), "```", "")
    yield from (inspect.cleandoc(command.help or ""), "")
    rows = list(_table(_click_rows(command)))
    yield from (*rows, "") if rows else ()
    examples = [line.strip() for line in (command.epilog or "").splitlines() if line.strip().startswith(path)]
    yield from ("Examples:", "", "```text", *examples, "```", "")


def _table(rows: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    listed = list(rows)
    if listed:
        yield "| option | value | meaning |"
        yield "|---|---|---|"
    for row in listed:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def _click_rows(command: click.Command) -> Iterator[tuple[str, str, str]]:
    for one in command.params:
        if isinstance(one, click.Option):
            meaning = one.help or ""
            if one.show_default:
                meaning += f" Default: {one.default}."
            yield ", ".join(f"`{name}`" for name in one.opts), _value(one), meaning


def _value(option: click.Option) -> str:
    if option.is_flag:
        return ""
    if isinstance(option.type, click.Choice):
        return "one of " + ", ".join(map(str, option.type.choices))
    return option.metavar or option.type.name.upper()


def _caso_rows() -> Iterator[tuple[str, str, str]]:
    yield "`--config-file`", "PATH", "Configuration file; may be given several times."
    yield "`--config-dir`", "PATH", "Directory whose *.conf files are read, too."
    yield "`--cloud`", "NAME", "Only this one of the configured clouds; may be given several times."
    for option in EXTRACT_OPTIONS:
        yield ", ".join(f"`{name}`" for name in _spellings(option)), _caso_value(option), option.help or ""
    yield "`--debug`, `-d`", "", "Log everything, and show where errors come from."
    yield "`--version`", "", "Print the version."
    yield "`--log-file`, `--log-dir`, `--use-syslog`, ...", "", "The options of oslo.log."


def _argument_rows(line: argparse.ArgumentParser) -> Iterator[tuple[str, str, str]]:
    for action in line._actions:  # noqa: SLF001 - argparse shows its options nowhere else
        names = ", ".join(f"`{name}`" for name in reversed(action.option_strings or [action.dest]))
        yield names, action.metavar if isinstance(action.metavar, str) else "", action.help or ""


def _migrate_rows() -> Iterator[tuple[str, str, str]]:
    for option in OWN_OPTIONS:
        yield f"`--{option.name}`", _caso_value(option), option.help or ""
    yield "`--nodry-run`", "", "Do it, through Keystone's API, and print what was done."


def _spellings(option: cfg.Opt) -> Iterator[str]:
    """Yield an option as cASO 5 writes it, its negation, and how older ones wrote both."""
    now = [f"--{option.name}"]
    if isinstance(option, cfg.BoolOpt):
        now.append(f"--no{option.name}")
    yield from now
    yield from (old for old, new in OLD_SPELLINGS.items() if new in now)


def _caso_value(option: cfg.Opt) -> str:
    return "" if isinstance(option, cfg.BoolOpt) else expectation(option)


if __name__ == "__main__":
    sys.stdout.write(document())
