"""A working directory for one program: its configuration, its spool, its outgoing messages."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec


class Account(msgspec.Struct, frozen=True):
    """How a program enters the cloud that is measured on."""

    auth_url: str
    username: str
    password: str
    extra: dict[str, str] = {}  # further options of [keystone_auth]


def prepare(work: Path, account: Account, *, extractors: str | None = None, extra: str = "") -> Path:
    """Empty a working directory and write a caso.conf into it; both programs read the same file.

    *extractors* is what to extract; None: what each takes by itself, which is the same (Usance: as far as
    the cloud has it). *extra* is appended to the file. Returns the file.
    """
    shutil.rmtree(work, ignore_errors=True)
    (work / "spool").mkdir(parents=True)
    (work / "out").mkdir()
    lines = [
        "[DEFAULT]",
        "site_name = BENCH-Site",
        "service_name = cloud.bench.example.org",
        "messengers = ssm",
        f"spooldir = {work / 'spool'}",
        f"mapping_file = {work / 'voms.json'}",
        *([f"extractor = {extractors}"] if extractors else []),
        "[keystone_auth]",
        "auth_type = v3password",
        f"auth_url = {account.auth_url}",
        f"username = {account.username}",
        f"password = {account.password}",
        "user_domain_name = Default",
        "project_domain_name = Default",
        *(f"{name} = {value}" for name, value in account.extra.items()),
        "[ssm]",
        f"output_path = {work / 'out'}",
    ]
    (work / "voms.json").write_text("{}")
    path = work / "caso.conf"
    path.write_text("\n".join(lines) + "\n" + extra)
    return path


def records(work: Path) -> int:
    """Count the cloud records in the outgoing messages."""
    found = 0
    for message in sorted((work / "out").glob("*/*")):
        text = message.read_text("ascii")
        if text.startswith("APEL-cloud-message"):
            found += text.count("VMUUID: ")
    return found


def forget_messages(work: Path) -> None:
    """Empty the outgoing queue, as SSM does once it has sent everything."""
    shutil.rmtree(work / "out")
    (work / "out").mkdir()


def copy(work: Path, to: Path) -> None:
    """Make another working directory with the same state; its configuration names the new place."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(work, to)
    path = to / "caso.conf"
    path.write_text(path.read_text().replace(str(work), str(to)))
