"""File systems of the tests' own: small ones, and directories in which nobody may write."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(directory: Path, options: str) -> Iterator[Path]:
    """Mount a file system in memory for the time of the block, where that is permitted."""
    directory.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "usance-test", str(directory)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if done.returncode:
        pytest.skip(f"file systems can't be mounted here: {done.stderr.strip()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True, timeout=30)


@contextmanager
def unwritable(directory: Path, files: Mapping[str, str] | None = None) -> Iterator[None]:
    """Let nobody write into a directory, which then holds some files.

    Root doesn't ask for modes, so for root it is a mount.
    """
    as_root = os.getuid() == 0
    with mounted(directory, "size=64k") if as_root else _closed(directory):
        for name, text in (files or {}).items():
            (directory / name).write_text(text)
        if as_root:
            subprocess.run(["mount", "-o", "remount,ro", str(directory)], check=True, timeout=30)
        else:
            directory.chmod(0o555)
        yield


@contextmanager
def _closed(directory: Path) -> Iterator[Path]:
    directory.mkdir(parents=True, exist_ok=True)
    try:
        yield directory
    finally:
        directory.chmod(0o755)
