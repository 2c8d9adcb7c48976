"""`usance config`: check a configuration, print a sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from usance.cli.columns import Columns, printable
from usance.cli.configuration import cloud_option, configuration_options, configure, output_option
from usance.cli.examples import examples
from usance.cli.migrate import migrate
from usance.cli.present import show
from usance.config.findings import Finding, Level
from usance.config.load import Need
from usance.config.sample import sample_configuration
from usance.config.settings import Settings, without_password


@click.group(
    epilog=examples(
        "usance config check --config-file /etc/caso/caso.conf",
        "usance config sample > /etc/usance/usance.conf",
    )
)
def config() -> None:
    """Check the configuration, print a sample of it, or bring one of cASO up to date."""


class Checked(msgspec.Struct, frozen=True):
    """What a configuration amounts to, without its secrets."""

    files: tuple[str, ...]
    meaning: dict[str, str]  # of the only cloud, or what several share
    clouds: dict[str, dict[str, str]]  # what each of several means, by its name
    findings: tuple[Finding, ...]


@config.command(
    epilog=examples("usance config check", "usance config check --config-file caso.conf --output json")
)
@configuration_options
@cloud_option
@output_option
def check(
    *,
    config_file: Sequence[Path],
    config_dir: Sequence[Path],
    debug: bool,
    clouds: Sequence[str],
    output: str,
) -> int:
    """Say what the configuration means, and what in it means nothing.

    Nothing is asked of the cloud. Exit status 1 if there are names that mean nothing, 2 if the
    configuration can't be used.
    """
    configuration = configure(config_file, config_dir, debug=debug, need=Need.ALL, only=clouds)
    of_clouds = {one.name: _of_cloud(one) for one in configuration.clouds if one.name is not None}
    shared = _shared(configuration.settings)
    checked = Checked(
        tuple(str(path) for path in configuration.files),
        shared if of_clouds else _of_cloud(configuration.settings) | shared,
        of_clouds,
        configuration.findings,
    )
    findings = tuple((one.level.value, one.message) for one in checked.findings)
    tables = [
        Columns("Findings", ("level", "finding"), findings),
        Columns("Meaning", ("what", "value"), tuple(checked.meaning.items())),
        *(
            Columns(f"Cloud {name}", ("what", "value"), tuple(meaning.items()))
            for name, meaning in checked.clouds.items()
        ),
    ]
    if output == "table":
        print("read: " + (", ".join(printable(file) for file in checked.files) or "no file"))
        tables.append(tables.pop(0))
    show(output, checked, tables)
    return 1 if any(one.level is Level.UNKNOWN for one in checked.findings) else 0


def _of_cloud(settings: Settings) -> dict[str, str]:
    projects = settings.projects
    chosen: list[Any] = [
        *projects.projects,
        *([f"all with the tag {projects.tag}"] if projects.tag else []),
        *(f"all of the domain {domain}" for domain in projects.domains),
    ]
    return {
        "cloud": settings.cloud.cloud_id,
        "region": settings.cloud.region_name or "the only one",
        "credentials": f"{settings.cloud.auth.auth_type}, from {settings.cloud.auth.origin}",
        "projects": ", ".join(map(str, chosen)) or "none",
        "VO": ", ".join(f"property {name}" for name in projects.vo_properties)
        + (f", then {projects.mapping_file}" if projects.mapping_file else ""),
        "site": f"{settings.records.site_name} ({settings.records.service_name})",
        "extractors": ", ".join(settings.extractors)
        + (", as far as the cloud has them" if settings.extractors_by_default else ""),
        "suspended": ", ".join(sorted(settings.records.suspended_states)) or "nothing",
    }


def _shared(settings: Settings) -> dict[str, str]:
    return {
        "messengers": ", ".join(one.name for one in settings.messengers),
        "ledger": without_password(settings.ledger_url),
        "lock": str(settings.lock_dir),
    }


config.add_command(migrate)


@config.command(
    short_help="Print a sample with all options.",
    epilog=examples("usance config sample", "usance config sample > usance.conf"),
)
def sample() -> None:
    """Print a configuration file with all options, their meaning and their defaults."""
    print(sample_configuration())
