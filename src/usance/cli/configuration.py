"""The options that every command shares, and the configuration that they lead to."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from usance.cli.ending import DEBUG
from usance.cli.present import OUTPUTS
from usance.config.files import configuration_files
from usance.config.load import Configuration, Need, read_configuration
from usance.config.logs import set_up_logging
from usance.model.errors import ConfigurationError

LOG = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])

_PATH: Final = click.Path(path_type=Path)


def configuration_options(command: F) -> F:
    """Give a command --config-file, --config-dir and --debug."""
    command = click.option("--debug", is_flag=True, help="Log everything, and show where errors come from.")(
        command
    )
    command = click.option(
        "--config-dir", type=_PATH, multiple=True, help="Directory whose *.conf files are read, too."
    )(command)
    return click.option(
        "--config-file",
        type=_PATH,
        multiple=True,
        help="Configuration file, of usance or of any cASO; later ones take precedence. "
        "Default: usance.conf in ~/.config/usance or /etc/usance, else caso.conf where cASO finds it.",
    )(command)


def output_option(command: F) -> F:
    """Give a command --output."""
    return click.option(
        "--output", "-o", type=click.Choice(OUTPUTS), default="table", help="How to print the result."
    )(command)


def cloud_option(command: F) -> F:
    """Give a command --cloud; what it names goes to :func:`configure` as *only*."""
    return click.option(
        "--cloud",
        "clouds",
        multiple=True,
        metavar="NAME",
        help="Only this one of the configured clouds. May be given several times.",
    )(command)


def configure(
    config_file: Sequence[Path],
    config_dir: Sequence[Path],
    *,
    debug: bool,
    need: Need,
    overrides: Mapping[str, Any] | None = None,
    only: Sequence[str] = (),
) -> Configuration:
    """Read the configuration for a command, of *only* these clouds, and send log messages where it says."""
    click.get_current_context().meta[DEBUG] = debug
    files = configuration_files("usance", config_file, config_dir, os.environ)
    given = dict(overrides or {}) | ({"debug": True} if debug else {})
    configuration = read_configuration(files, given, os.environ, need=need, only=only)
    set_up_logging(configuration.conf, "usance", plain=True)
    return configuration


def configure_with_cloud_if_known(
    config_file: Sequence[Path],
    config_dir: Sequence[Path],
    *,
    debug: bool,
    overrides: Mapping[str, Any] | None = None,
    only: Sequence[str] = (),
) -> tuple[Configuration, ConfigurationError | None]:
    """Read the configuration with the credentials of the clouds; without them, if there are none.

    They may name the region, which is what the ledger knows a cloud by: so who can do without them
    reads them nevertheless. Returns also what was wrong with them.
    """

    def read(need: Need) -> Configuration:
        return configure(config_file, config_dir, debug=debug, need=need, overrides=overrides, only=only)

    try:
        return read(Need.CLOUD | Need.SOURCES), None
    except ConfigurationError as error:
        return read(Need.NOTHING), error


def say_warnings(configuration: Configuration) -> None:
    """Log what is odd about the configuration, one line each."""
    for finding in configuration.warnings:
        LOG.warning("%s", finding)
