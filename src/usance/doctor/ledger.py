"""The ledger: whether it can be reached and written, and what it says of the last runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from usance.doctor.check import HERE, Check, Verdict
from usance.ledger.engine import Store, file_of
from usance.ledger.migrating import MIGRATIONS, refuse_newer, stored_version
from usance.ledger.schema import SCHEMA_VERSION
from usance.ledger.status import may_write, status
from usance.ledger.values import Status

STALE: Final = timedelta(days=2)
_NAME: Final = "Ledger"
_MOUNTS: Final = Path("/proc/self/mounts")

_NETWORKED: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs", "afs", "9p",
     "ocfs2", "gfs2", "fuse.sshfs", "fuse.glusterfs", "fuse.cephfs", "fuse.s3fs"}
)  # fmt: skip
"""File systems on which SQLite's locks can't be relied on (https://sqlite.org/howtocorrupt.html, 2.1)."""


def ledger_checks(url: str, now: datetime) -> list[Check]:
    """Return what there is to say of the ledger. Raises LedgerError if it can't be reached."""
    checks: list[Check] = []
    path = file_of(url)
    if path is not None:
        checks += _file_checks(path)
        if not path.exists():
            return checks
    with closing(Store(url, create=False)) as store, store.read() as connection:
        version = stored_version(connection)
        if version is None:
            return [
                *checks,
                Check(_NAME, HERE, Verdict.OK, f"{store.place} is empty: the first run fills it"),
            ]
        if version != SCHEMA_VERSION:
            refuse_newer(version, migrations=MIGRATIONS, place=store.place)
            sentence = (
                f"{store.place} was made by an older usance (schema {version}, needed {SCHEMA_VERSION})"
            )
            return [*checks, Check(_NAME, HERE, Verdict.MISSING, sentence, "usance db upgrade")]
        checks.append(_right_check(store.place, writes=may_write(connection)))
        found = status(connection)
    return [*checks, *status_checks(found, now)]


def _file_checks(path: Path) -> Iterator[Check]:
    place = next((one for one in (path.parent, *path.parents) if one.exists()), Path("/"))
    kind = filesystem_of(place, _read(_MOUNTS))
    if kind in _NETWORKED:
        yield Check(
            _NAME,
            HERE,
            Verdict.MISSING,
            f"{place} is on {kind}: SQLite needs a local file system",
            "put spooldir on a local disk, or use PostgreSQL: [usance] ledger_url",
        )
    if not os.access(place, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.W_OK)):
        yield Check(
            _NAME,
            HERE,
            Verdict.MISSING,
            f"this account may not write {path}",
            "let it, or run this as the account of the cron job",
        )
    elif not path.exists():
        yield Check(_NAME, HERE, Verdict.OK, f"{path} is not there yet: the first run makes it")


def _right_check(place: str, *, writes: bool) -> Check:
    if writes:
        return Check(_NAME, HERE, Verdict.OK, f"{place} can be read, and has the right schema")
    return Check(
        _NAME,
        HERE,
        Verdict.MISSING,
        f"the account may not write into {place}",
        "let the account of ledger_url own the tables",
    )


def filesystem_of(path: Path, mounts: str) -> str | None:
    """Return the type of the file system of a directory, from the lines of /proc/self/mounts."""
    best: tuple[int, str] | None = None
    resolved = path.resolve()
    for line in mounts.splitlines():
        parts = line.split()
        if len(parts) < 3:
            continue
        point = Path(parts[1].replace("\\040", " "))
        depth = len(point.parts)
        if resolved.is_relative_to(point) and (best is None or depth >= best[0]):
            best = (depth, parts[2])
    return best[1] if best else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return ""


def status_checks(found: Status, now: datetime) -> list[Check]:
    """Return what the last runs left undone."""
    checks: list[Check] = []
    for one in found.sources:
        scope = f"{one.cloud_id}/{one.project_id}" if one.project_id else one.cloud_id
        if one.error is not None:
            since = f" since {one.failing_since:%Y-%m-%d %H:%M} UTC" if one.failing_since else ""
            checks.append(
                Check(
                    "Last run",
                    scope,
                    Verdict.WARNING,
                    f"{one.source} fails{since}: {one.error}",
                    "usance status",
                )
            )
        elif one.watermark is not None and now - one.watermark > STALE:
            checks.append(
                Check(
                    "Last run",
                    scope,
                    Verdict.WARNING,
                    f"{one.source} has looked up to {one.watermark:%Y-%m-%d %H:%M} UTC only",
                    "see whether usance extract runs: what is deleted and archived meanwhile is lost",
                )
            )
    for messenger in found.messengers:
        scope = f"messenger {messenger.messenger}"
        if messenger.dead:
            told = f"{messenger.dead} messages were refused for good: {messenger.last_reason or 'no reason'}"
            checks.append(Check("Outbox", scope, Verdict.WARNING, told, "usance status"))
        if messenger.pending:
            oldest = messenger.oldest_pending
            since = f", since {oldest:%Y-%m-%d %H:%M} UTC" if oldest else ""
            told = f"{messenger.pending} messages wait{since}: {messenger.last_reason or 'not tried yet'}"
            checks.append(Check("Outbox", scope, Verdict.WARNING, told, "the next run tries again"))
    if found.quarantined:
        reason = found.quarantined[0].quarantine.reason
        told = f"{len(found.quarantined)} records are held back, the first because: {reason}"
        checks.append(Check("Records", HERE, Verdict.WARNING, told, "usance status names them all"))
    return checks or [Check("Last run", HERE, Verdict.OK, "nothing failed, and nothing waits")]
