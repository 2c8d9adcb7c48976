"""What a check says, and what several of them amount to."""

from __future__ import annotations

import enum
import logging
from collections import Counter
from collections.abc import Awaitable, Iterable
from typing import Final

import msgspec

from usance.model.errors import UsanceError

LOG = logging.getLogger(__name__)

HERE: Final = "here"
"""The scope of what concerns this machine, and no cloud."""


class Verdict(enum.StrEnum):
    """How a check ended, the worst first."""

    ERROR = "error"  # it can't be told, or something does not work
    MISSING = "missing"  # the account can't see what it must, or something that must be there is not
    WARNING = "warning"  # it works, and will not, or not as well as it could
    OK = "ok"


_ORDER: Final = {verdict: place for place, verdict in enumerate(Verdict)}


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str  # what was looked at: "Nova: instance actions"
    scope: str  # whose: a cloud, a project of it, or this machine
    verdict: Verdict
    sentence: str
    remedy: str | None = None


class Diagnosis(msgspec.Struct, frozen=True):
    """All checks, the worst first, and how many of each sort there are."""

    checks: tuple[Check, ...]
    counts: dict[str, int]

    @property
    def exit_status(self) -> int:
        """1 if something is missing or does not work, else 0."""
        return 1 if self.counts[Verdict.ERROR] or self.counts[Verdict.MISSING] else 0

    @property
    def summary(self) -> str:
        """All in one line."""
        told = [f"{self.counts[one]} {word}" for one, word in _WORDS.items() if self.counts[one]]
        return f"{len(self.checks)} checks: {', '.join(told)}"


_WORDS: Final = {
    Verdict.ERROR: "failed",
    Verdict.MISSING: "missing",
    Verdict.WARNING: "with a warning",
    Verdict.OK: "in order",
}


def diagnosis(checks: Iterable[Check]) -> Diagnosis:
    """Return the checks, each once, sorted by severity, then by whose they are."""
    found = sorted(set(checks), key=lambda one: (_ORDER[one.verdict], one.scope, one.name, one.sentence))
    counted = Counter(one.verdict for one in found)
    return Diagnosis(tuple(found), {str(verdict): counted[verdict] for verdict in Verdict})


def failed(name: str, scope: str, error: UsanceError, verdict: Verdict = Verdict.ERROR) -> Check:
    """Return what an error says as a check."""
    return Check(name, scope, verdict, error.message, error.hint)


async def guarded(name: str, scope: str, checks: Awaitable[list[Check]]) -> list[Check]:
    """Wait for checks; what goes wrong with them is a check as well, and hides no other one."""
    try:
        return await checks
    except UsanceError as error:
        return [failed(name, scope, error)]
    except Exception as error:
        LOG.debug("%s of %s failed", name, scope, exc_info=True)
        return [
            Check(
                name,
                scope,
                Verdict.ERROR,
                f"this could not be looked at: {type(error).__name__}",
                "run again with --debug, and report it",
            )
        ]
