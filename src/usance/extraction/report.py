"""What an extraction did: one value a project, one a messenger, and the exit status that follows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec

from usance.model.period import Period
from usance.model.usage import Usage


class CloudResult(msgspec.Struct, frozen=True):
    """What became of one cloud."""

    cloud_id: str
    until: datetime | None = None  # the end of the period, by the cloud's own clock
    error: str | None = None  # why nothing of it could be had; None: each project has its own result
    requests: int = 0  # made to it


class ProjectResult(msgspec.Struct, frozen=True):
    """What became of one project in one cloud."""

    project_id: str
    name: str
    vo: str | None
    error: str | None = None  # one sentence; None: it was observed completely
    observations: int = 0  # that were new to the ledger
    changed: int = 0  # timelines that are different now
    cloud_id: str = ""


class ProjectUsage(msgspec.Struct, frozen=True):
    """What one project used in a period: the sum over its servers."""

    project_id: str
    name: str
    vo: str | None
    period: Period
    servers: int  # that lived at some moment of the period and ever ran
    usage: Usage
    cloud_id: str = ""


class MessengerResult(msgspec.Struct, frozen=True):
    """What became of the records for one messenger."""

    name: str
    records: int = 0  # staged by this run
    messages: int = 0  # staged by this run
    quarantined: int = 0  # refused by the validator in this run, each kept with its reason
    delivered: int = 0  # messages, also of earlier runs
    pending: int = 0  # messages that are still to be delivered
    error: str | None = None  # why the messenger stopped


class DryRecord(msgspec.Struct, frozen=True):
    """A record that would go out."""

    messenger: str
    project_id: str
    key: str
    text: str  # as the messenger's format renders it
    problem: str | None = None  # why it would be quarantined
    cloud_id: str = ""


class RunReport(msgspec.Struct, frozen=True):
    """Everything that one run of an extraction did.

    Where the run was over several clouds, the sentences begin with the name of theirs.
    """

    until: datetime  # the end of the period, aware and in UTC; of several clouds the latest
    clouds: tuple[CloudResult, ...] = ()
    projects: tuple[ProjectResult, ...] = ()
    messengers: tuple[MessengerResult, ...] = ()
    refused: tuple[str, ...] = ()  # configured projects that could not be accounted: one sentence each
    troubles: tuple[str, ...] = ()  # what a service did not tell; the records went out without it
    warnings: tuple[str, ...] = ()  # what should be known, and lacks nothing
    usage: tuple[ProjectUsage, ...] = ()  # where it was asked for
    dry_records: tuple[DryRecord, ...] = ()  # of a dry run
    differences: tuple[str, ...] = ()  # of --verify: one sentence each
    requests: int = 0  # made to the clouds
    elapsed_s: int = 0

    def with_messengers(self, results: Iterable[MessengerResult]) -> RunReport:
        """Return the report with what became of the records."""
        return msgspec.structs.replace(self, messengers=tuple(results))

    def with_dry_records(self, records: Iterable[DryRecord]) -> RunReport:
        """Return the report with the records that would go out."""
        return msgspec.structs.replace(self, dry_records=tuple(records))

    def with_usage(self, usage: Iterable[ProjectUsage]) -> RunReport:
        """Return the report with what was used."""
        return msgspec.structs.replace(self, usage=tuple(usage))

    def beside(self, other: RunReport) -> RunReport:
        """Return what was done in both clouds."""
        joined = {name: getattr(self, name) + getattr(other, name) for name in _OF_EACH_CLOUD}
        return msgspec.structs.replace(self, until=max(self.until, other.until), **joined)

    def lasted(self, seconds: float) -> RunReport:
        """Return the report with how long the run took."""
        return msgspec.structs.replace(self, elapsed_s=round(seconds))

    @property
    def exit_status(self) -> int:
        """0 if everything was done; 1 if something failed, was refused, or is held back."""
        troubled = (
            self.refused
            or self.troubles
            or any(cloud.error for cloud in self.clouds)
            or any(project.error for project in self.projects)
            or any(one.error or one.quarantined or one.pending for one in self.messengers)
            or any(record.problem for record in self.dry_records)
        )
        return 1 if troubled else 0


_OF_EACH_CLOUD: Final = (
    "clouds", "projects", "refused", "troubles", "warnings", "usage", "dry_records", "differences",
    "requests",
)  # fmt: skip
