"""Saying in one sentence why a messenger could not write."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from usance.model.errors import DeliveryError

_HINTS: Final = {
    errno.ENOSPC: "make room on the disk; the messages wait in the ledger",
    errno.EDQUOT: "raise the quota; the messages wait in the ledger",
    errno.EACCES: "let the account that runs usance write there",
    errno.EPERM: "let the account that runs usance write there",
    errno.EROFS: "the file system is mounted read-only",
    errno.ENOTDIR: "a part of the path is not a directory",
    errno.EEXIST: "what is there is not a directory",
    errno.ELOOP: "the path is a symbolic link",
}


def delivery_error(messenger: str, path: Path, error: OSError) -> DeliveryError:
    """Return the error of a messenger that could not write; the message may go later."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    return DeliveryError(
        f"The messenger {messenger} can't write to {path}: {reason}", hint=_HINTS.get(error.errno or 0)
    )
