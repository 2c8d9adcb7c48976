"""Faults that a simulated cloud shows when it is told to."""

from __future__ import annotations

import enum
import re
from random import Random

import msgspec


class FaultKind(enum.StrEnum):
    """What goes wrong with a request."""

    LATENCY = "latency"  # the answer comes late
    STATUS = "status"  # an error instead of an answer
    DROP = "drop"  # the connection is closed without an answer
    CUT = "cut"  # the connection is closed in the middle of the answer
    TRUNCATE = "truncate"  # a complete answer whose JSON ends too early
    SLOW_BODY = "slow_body"  # the body comes in small pieces
    EXPIRE = "expire"  # all tokens are forgotten first, as when Keystone's keys are rotated
    SHORT_PAGE = "short_page"  # 200, half of the rows, and no next link: a cell didn't answer


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule: which requests it meets, how often, and what happens to them.

    *match* is a regular expression that is searched for in "METHOD /path?query".
    """

    kind: FaultKind
    match: str = ""
    skip: int = 0  # so many matching requests go unharmed first
    count: int | None = None  # then so many are met; None: all
    probability: float = 1.0  # each of them with this chance
    status: int = 500
    retry_after_s: int | None = None
    delay_ms: float = 0.0  # of LATENCY; of SLOW_BODY, between the pieces

    def __post_init__(self) -> None:
        re.compile(self.match)


class _Armed:
    """A fault, and how often it was matched and met."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.pattern = re.compile(fault.match)
        self.matched = 0
        self.met = 0


class Faults:
    """The faults in force, in order; chance comes from a seed."""

    def __init__(self, seed: int = 0) -> None:
        self._armed: list[_Armed] = []
        self._random = Random(seed)  # noqa: S311 -- faults have to be reproducible, not secret

    def add(self, *faults: Fault) -> None:
        """Put more faults in force."""
        self._armed.extend(map(_Armed, faults))

    def clear(self) -> None:
        """Let everything go well again."""
        self._armed.clear()

    def replace(self, faults: list[Fault], seed: int = 0) -> None:
        """Put these faults in force instead of all others, with chance from a new seed."""
        self._random = Random(seed)  # noqa: S311 -- as above
        self._armed = list(map(_Armed, faults))

    @property
    def met(self) -> int:
        """How many times a fault was met since it was put in force."""
        return sum(armed.met for armed in self._armed)

    def for_request(self, line: str) -> list[Fault]:
        """Return what happens to the request whose line is this, and count it."""
        return [armed.fault for armed in self._armed if self._meets(armed, line)]

    def _meets(self, armed: _Armed, line: str) -> bool:
        if not armed.pattern.search(line):
            return False
        armed.matched += 1
        fault = armed.fault
        if armed.matched <= fault.skip or (fault.count is not None and armed.met >= fault.count):
            return False
        if fault.probability < 1 and self._random.random() >= fault.probability:
            return False
        armed.met += 1
        return True
