"""`usance republish`: state the records of a month again, from the ledger alone; the cloud is not asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from usance.cloud.projects import Project
from usance.config.settings import ExtractRequest, Settings
from usance.extraction.lock import run_lock
from usance.extraction.naming import FQAN, PROJECT, of_cloud
from usance.extraction.publishing import Publisher, deliver_staged
from usance.extraction.report import DryRecord, MessengerResult, ProjectResult, RunReport
from usance.ledger.ledger import Ledger
from usance.messengers.messenger import Messenger
from usance.messengers.outbox import StageResult
from usance.messengers.registry import find_messengers
from usance.messengers.repeating import Repetition, repeated, stage_again
from usance.model.errors import ConfigurationError
from usance.model.period import Period, floor_second


class RepublishRequest(msgspec.Struct, frozen=True):
    """What is to be stated again."""

    months: tuple[Period, ...] = ()  # whole calendar months; with `restate`, none: all
    projects: tuple[str, ...] = ()  # ids or names; none: all that the ledger knows
    messengers: tuple[str, ...] = ()  # names; none: all that are configured
    record_types: frozenset[str] | None = None  # None: all that a messenger carries
    as_of: datetime | None = None  # as it was said, or known, on that day
    restate: bool = False  # forget the figures of a former program: its months are stated anew, too
    dry_run: bool = False


def republish(settings: Settings, request: RepublishRequest) -> RunReport:
    """State months again, and deliver them; watermarks don't move.

    Raises ConfigurationError for a project or messenger that is not known, LockHeldError if a run
    is under way, and LedgerError if the ledger can't be used.
    """
    started = time.monotonic()
    messengers = _messengers(settings, request.messengers)
    opened = Ledger.rehearse if request.dry_run else Ledger.open
    tolerance = timedelta(seconds=settings.cloud.tolerance_s)
    with (
        run_lock(settings.lock_dir, timeout_s=settings.lock_timeout_s),
        opened(settings.ledger_url, tolerance=tolerance) as ledger,
    ):
        report = _Republication(ledger, settings, request, messengers).report()
    return report.lasted(time.monotonic() - started)


def _messengers(settings: Settings, names: Sequence[str]) -> list[Messenger]:
    found = find_messengers(settings.messengers)
    known = [one.name for one in found]
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"The messenger {name} is not configured", hint=f"there are {', '.join(known)}"
            )
    return [one for one in found if not names or one.name in names]


class _Republication:
    """One command under way."""

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        request: RepublishRequest,
        messengers: Sequence[Messenger],
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._cloud_id = settings.cloud.cloud_id
        self._request = request
        self._messengers = messengers
        self._now = datetime.now(UTC)

    def report(self) -> RunReport:
        """State everything, and say what came of it."""
        projects = self._projects()
        results: list[MessengerResult] = []
        dry: list[DryRecord] = []
        if self._request.restate:
            for project in projects:
                self._ledger.drop_baseline(project.id, self._cloud_id)
        for messenger in self._messengers:
            staged = [self._one(project, messenger, dry) for project in projects]
            if not self._request.dry_run:
                results.append(deliver_staged(self._ledger, messenger, staged, datetime.now(UTC)))
        return RunReport(
            until=floor_second(self._now),
            projects=tuple(
                ProjectResult(one.id, one.name, one.vo, cloud_id=self._cloud_id) for one in projects
            ),
            messengers=tuple(results),
            dry_records=tuple(dry),
        )

    def _one(self, project: Project, messenger: Messenger, dry: list[DryRecord]) -> StageResult:
        asked = Repetition(
            project.id,
            self._cloud_id,
            self._publisher().context(project),
            until=self._until(project, messenger),
            months=self._request.months,
            as_of=self._request.as_of,
            record_types=self._request.record_types,
        )
        if not self._request.dry_run:
            return stage_again(self._ledger, messenger, asked, now=datetime.now(UTC))
        dry += [
            DryRecord(messenger.name, project.id, one.staged.key, one.text, one.reason)
            for one in repeated(self._ledger, messenger, asked)
        ]
        return StageResult()

    def _publisher(self) -> Publisher:
        return Publisher(
            self._ledger, self._settings, ExtractRequest(), self._now, names_at=self._request.as_of
        )

    def _until(self, project: Project, messenger: Messenger) -> datetime:
        """Return up to when is counted: what was observed, and never less than was stated before."""
        place, past, as_of = (project.id, self._cloud_id), self._ledger.past, self._request.as_of
        if as_of is not None:
            known = [past.observed_until(*place, past.revision_at(*place, as_of))]
        else:
            newest = self._ledger.revision(*place)
            known = [past.observed_until(*place, newest), past.stated_until(*place, messenger.name)]
        return floor_second(max((one for one in known if one is not None), default=self._now))

    def _projects(self) -> list[Project]:
        """Return the projects that are asked for, as the ledger knows them."""
        ids = [project_id for project_id, cloud_id in self._ledger.projects() if cloud_id == self._cloud_id]
        names = self._ledger.names(PROJECT, ids, at=self._request.as_of)
        mapped = self._ledger.names(of_cloud(FQAN, self._cloud_id), ids, at=self._request.as_of)
        found = [Project(one, names.get(one, one), "", mapped.get(one), {}) for one in ids if one]
        for wanted in self._request.projects:
            if not any(wanted in {one.id, one.name} for one in found):
                raise ConfigurationError(
                    f"The ledger knows no project {wanted}",
                    hint="give its id or its name; usance status lists those that were observed",
                )
        return [
            one
            for one in found
            if not self._request.projects or {one.id, one.name} & {*self._request.projects}
        ]
