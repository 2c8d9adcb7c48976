"""The command lines of cASO, of all its generations, parsed by oslo.config as theirs were."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from oslo_config import cfg
from oslo_log import log

from usance import __version__
from usance.config.files import configuration_files
from usance.config.load import Configuration, Need, read_configuration
from usance.config.logs import set_up_logging
from usance.config.options import EXTRACT_OPTIONS, OLD_LOG_OPTIONS
from usance.config.rawfile import RawFiles
from usance.config.reader import quiet_oslo
from usance.model.errors import ConfigurationError

LOG = logging.getLogger(__name__)

OLD_SPELLINGS: Final = {
    "--tenants": "--projects",
    "--extract_from": "--extract-from",
    "--extract_to": "--extract-to",
    "--dry_run": "--dry-run",
    "--nodry_run": "--nodry-run",
    "--extractor-mapping_file": "--mapping_file",
}
"""Options of older generations, which cASO 5 refuses, and what they are now."""


class Line(msgspec.Struct, frozen=True):
    """What a command line said."""

    files: tuple[Path, ...]  # --config-file
    directories: tuple[Path, ...]  # --config-dir
    overrides: dict[str, Any]  # options of [DEFAULT], by name
    old: tuple[str, ...]  # old spellings that were used
    clouds: tuple[str, ...] = ()  # --cloud, which cASO did not have
    own: dict[str, Any] = {}  # options of one command alone, by name


def parse_line(
    program: str,
    arguments: Sequence[str],
    own: Sequence[cfg.Opt] = (),
    *,
    common: Sequence[cfg.Opt] = EXTRACT_OPTIONS,
) -> Line:
    """Return what a command line says.

    *own* are options that only this command has, *common* those that may stand in the file, too.

    Raises SystemExit for --help, --version and --shell_completion (0) and for what is no option (2),
    ConfigurationError for a value that can't be used.
    """
    files, directories, clouds, rest = _take_files(arguments)
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    conf.register_cli_opts(common)
    conf.register_cli_opts(own)
    conf.register_cli_opts([option for option in OLD_LOG_OPTIONS if option.dest not in conf])
    try:
        with quiet_oslo():
            conf(
                rest,
                project="caso",
                prog=program,
                version=__version__,
                usage=f"{program} [options]",
                default_config_files=[],
                default_config_dirs=[],
            )
            said = {option.dest: conf[option.dest] for option in own}
            overrides = {name: conf[name] for name in _given(conf) if name not in said}
    except (cfg.Error, ValueError, OSError, RecursionError) as error:
        raise ConfigurationError(f"the command line can't be used: {error}") from None
    given = {argument.partition("=")[0] for argument in rest}
    return Line(
        files=(*files, *(Path(one) for one in conf.config_file or ())),
        directories=(*directories, *(Path(one) for one in conf.config_dir or ())),
        overrides=overrides,
        old=tuple(spelling for spelling in OLD_SPELLINGS if spelling in given),
        clouds=tuple(clouds),
        own=said,
    )


def _take_files(arguments: Sequence[str]) -> tuple[list[Path], list[Path], list[str], list[str]]:
    """Take the configuration files from the command line: oslo.config would read them unchecked.

    And the clouds, of which it knows nothing.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config-file", type=Path, action="append", default=[])
    parser.add_argument("--config-dir", type=Path, action="append", default=[])
    parser.add_argument("--cloud", action="append", default=[])
    try:
        found, rest = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        raise ConfigurationError(f"the command line can't be used: {error}") from None
    RawFiles(found.config_file)
    return found.config_file, found.config_dir, found.cloud, rest


def _given(conf: cfg.ConfigOpts) -> list[str]:
    """Return the options that stand on the command line."""
    names = [name for name in conf if name not in {"config_file", "config_dir", "config_source"}]
    places = {name: conf.get_location(name) for name in names}
    ignored = {option.dest for option in OLD_LOG_OPTIONS}
    return [
        name
        for name, place in places.items()
        if name not in ignored and place is not None and place.location is cfg.Locations.command_line
    ]


def configure_caso(program: str, line: Line, need: Need) -> Configuration:
    """Read the configuration as cASO would, send log messages where it would, and say what is odd."""
    files = configuration_files("caso", line.files, line.directories, os.environ)
    configuration = read_configuration(files, line.overrides, os.environ, need=need, only=line.clouds)
    set_up_logging(configuration.conf, program, plain=False)
    for spelling in line.old:
        LOG.warning("%s is the old spelling of %s", spelling, OLD_SPELLINGS[spelling])
    for finding in configuration.warnings:
        LOG.warning("%s", finding)
    return configuration
