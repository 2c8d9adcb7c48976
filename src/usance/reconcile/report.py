"""What a comparison was asked for, and what came of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from usance.model.period import Period
from usance.reconcile.comparing import Difference

MOST_TOLD: Final = 100_000
"""So many differences are told one by one; the others are counted."""

USUAL: Final = timedelta(days=31)
"""How far back is compared, unless it is said."""


class ReconcileRequest(msgspec.Struct, frozen=True):
    """What is to be compared."""

    start: datetime | None = None  # None: USUAL before the end
    end: datetime | None = None  # None: now, by the cloud's clock
    kinds: tuple[str, ...] = ()  # empty: all that the sources look at
    repair: bool = False  # write what is missing into the ledger
    offline: bool = False  # ask nobody: what the ledger has from pull and audits will do
    everything: bool = False  # tell also what the ledger has, and push never told
    wait_s: int = 30  # at most, until a collector has listened beyond the look


class KindResult(msgspec.Struct, frozen=True):
    """What came of one kind of resource of one project."""

    project_id: str
    project: str  # its name, or the id where none is known
    cloud_id: str
    kind: str
    compared: int = 0  # resources
    lacking: int = 0  # differences that the ledger lacks
    repaired: int = 0  # of them
    unheard: int = 0  # differences that the ledger has, and push never told
    error: str | None = None  # why it could not be compared


class CloudPeriod(msgspec.Struct, frozen=True):
    """The period that was compared in one cloud, or why there was none."""

    cloud_id: str
    period: Period | None = None
    error: str | None = None
    requests: int = 0


class ReconcileReport(msgspec.Struct, frozen=True):
    """Everything that a comparison found."""

    clouds: tuple[CloudPeriod, ...] = ()
    results: tuple[KindResult, ...] = ()
    differences: tuple[Difference, ...] = ()  # MOST_TOLD of them at most
    more: int = 0  # differences beside those
    refused: tuple[str, ...] = ()  # configured projects that could not be had: one sentence each
    warnings: tuple[str, ...] = ()
    offline: bool = False
    repaired: bool = False  # whether what was lacking was to be written

    @property
    def lacking(self) -> int:
        """How many differences the ledger still lacks."""
        return sum(one.lacking - one.repaired for one in self.results)

    @property
    def unheard(self) -> int:
        """How many differences the ledger has, and push never told."""
        return sum(one.unheard for one in self.results)

    @property
    def failed(self) -> bool:
        """Whether something could not be compared."""
        errors = any(one.error for one in self.clouds) or any(one.error for one in self.results)
        return bool(errors or self.refused)

    @property
    def exit_status(self) -> int:
        """0 if nothing differs, or what did is repaired; 1 if something does, or could not be compared.

        Without asking the cloud, what push never told differs.
        """
        differs = self.lacking or (self.offline and self.unheard)
        return 1 if differs or self.failed else 0

    def beside(self, other: ReconcileReport) -> ReconcileReport:
        """Return what was found in both clouds."""
        differences = self.differences + other.differences
        return ReconcileReport(
            clouds=self.clouds + other.clouds,
            results=self.results + other.results,
            differences=differences[:MOST_TOLD],
            more=self.more + other.more + max(0, len(differences) - MOST_TOLD),
            refused=self.refused + other.refused,
            warnings=self.warnings + other.warnings,
            offline=self.offline or other.offline,
            repaired=self.repaired or other.repaired,
        )
