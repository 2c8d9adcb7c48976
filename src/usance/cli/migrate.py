"""`usance config migrate`: from the configuration of any cASO to ours."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from usance.cli.columns import Columns, printable
from usance.cli.ending import DEBUG
from usance.cli.examples import examples
from usance.cli.present import print_tables
from usance.config.load import Configuration, Need, read_configuration
from usance.config.migrating import Migration, hold_equal
from usance.config.migrating import migrate as migrated
from usance.model.errors import ConfigurationError


@click.command(
    short_help="Write a configuration of cASO in today's names.",
    epilog=examples(
        "usance config migrate /etc/caso/caso.conf",
        "usance config migrate /etc/caso/caso.conf --output /etc/usance/usance.conf",
        "usance config migrate /etc/caso/caso.conf --check",
    ),
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Write it to this file, which must not exist, with its secrets and for you alone.",
)
@click.option("--check", is_flag=True, help="Write nothing; say whether it would mean the same.")
@click.option("--debug", is_flag=True, help="Show where errors come from.")
def migrate(*, files: Sequence[Path], output: Path | None, check: bool, debug: bool) -> int:
    """Write the configuration of any cASO in today's names, with a comment for what became of each.

    Without --output it is printed, and what may be a secret is left out. Before anything is written,
    it is read and held to mean the same; several files are read as with several --config-file.
    """
    click.get_current_context().meta[DEBUG] = debug
    before = read_configuration(files, {}, os.environ, need=Need.ALL)
    migration = migrated(before)
    if output is not None and not check:
        _write(migration, before, output)
        print_tables([Columns("Changed", ("was", "became"), migration.changes)])
        print(f"wrote {printable(str(output))}")
        return 0
    with tempfile.TemporaryDirectory(prefix="usance-") as directory:
        _hold(migration, before, Path(directory) / "usance.conf")
    if check:
        print_tables([Columns("Changed", ("was", "becomes"), migration.changes)])
        print("it means the same")
    else:
        print("\n".join(printable(line) for line in migration.text(secrets=False).splitlines()))
    return 0


def _hold(migration: Migration, before: Configuration, path: Path) -> None:
    """Write a file that nobody else can read, and hold it to mean the same."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(migration.text(secrets=True))
        file.flush()
        os.fsync(file.fileno())
    hold_equal(before, read_configuration([path], {}, os.environ, need=Need.ALL))


def _write(migration: Migration, before: Configuration, output: Path) -> None:
    """Write the file under its name once it is complete and held to mean the same."""
    fresh = output.with_name(f".{output.name}.new")
    try:
        fresh.unlink(missing_ok=True)  # of a run that was killed
        try:
            _hold(migration, before, fresh)
            os.link(fresh, output)  # unlike a renaming, it replaces nothing
        finally:
            fresh.unlink(missing_ok=True)
    except FileExistsError:
        raise ConfigurationError(
            f"{output} exists already", hint="name another file, or move that one away"
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"{output} can't be written: {error.strerror}", hint="check the directory and its permissions"
        ) from error
