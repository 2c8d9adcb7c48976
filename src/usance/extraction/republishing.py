"""`usance republish`: state the records of a month again, from the ledger alone; the cloud is not asked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from usance.cloud.projects import Project
from usance.config.settings import ExtractRequest, Settings
from usance.extraction.lock import run_lock
from usance.extraction.naming import FQAN, PROJECT
from usance.extraction.publishing import Publisher, deliver_staged
from usance.extraction.report import CloudResult, DryRecord, MessengerResult, ProjectResult, RunReport
from usance.ledger.ledger import Ledger
from usance.ledger.values import of_cloud
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


def republish(settings: Settings | Sequence[Settings], request: RepublishRequest) -> RunReport:
    """State months again, and deliver them; watermarks don't move.

    *settings* are those of one cloud, or of several that share ledger, lock and messengers.

    Raises ConfigurationError for a messenger that is not known, or a project that none of the clouds
    has, LockHeldError if a run is under way, and LedgerError if the ledger can't be used.
    """
    started = time.monotonic()
    clouds = (settings,) if isinstance(settings, Settings) else tuple(settings)
    shared = clouds[0]
    messengers = _messengers(shared, request.messengers)
    opened = Ledger.rehearse if request.dry_run else Ledger.open
    tolerance = timedelta(seconds=shared.cloud.tolerance_s)
    with (
        run_lock(shared.lock_dir, timeout_s=shared.lock_timeout_s),
        opened(shared.ledger_url, tolerance=tolerance) as ledger,
    ):
        several = [_Republication(ledger, one, request) for one in clouds]
        _hold_known(request.projects, [project for one in several for project in one.projects])
        for one in several:
            one.forget_baselines()
        results: list[MessengerResult] = []
        dry: list[DryRecord] = []
        for messenger in messengers:
            if request.dry_run:
                dry += [record for one in several for record in one.would_state(messenger)]
            else:
                staged = [result for one in several for result in one.state(messenger)]
                results.append(deliver_staged(ledger, messenger, staged, datetime.now(UTC)))
    report = RunReport(
        until=floor_second(datetime.now(UTC)),
        clouds=tuple(CloudResult(one.cloud_id) for one in several),
        projects=tuple(result for one in several for result in one.results),
        messengers=tuple(results),
        dry_records=tuple(dry),
    )
    return report.lasted(time.monotonic() - started)


def _hold_known(wanted: Sequence[str], found: Sequence[Project]) -> None:
    """Raise ConfigurationError for the first project that no cloud has."""
    for one in wanted:
        if not any(one in {project.id, project.name} for project in found):
            raise ConfigurationError(
                f"The ledger knows no project {one}",
                hint="give its id or its name; usance status lists those that were observed",
            )


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
    """One command under way, as far as it concerns one cloud."""

    def __init__(self, ledger: Ledger, settings: Settings, request: RepublishRequest) -> None:
        self._ledger = ledger
        self._settings = settings
        self.cloud_id = settings.cloud.cloud_id
        self._request = request
        self._now = datetime.now(UTC)
        self.projects = self._chosen()

    @property
    def results(self) -> list[ProjectResult]:
        """The projects that are stated again."""
        return [ProjectResult(one.id, one.name, one.vo, cloud_id=self.cloud_id) for one in self.projects]

    def forget_baselines(self) -> None:
        """Forget the figures of a former program, if that was asked for."""
        if self._request.restate:
            for project in self.projects:
                self._ledger.drop_baseline(project.id, self.cloud_id)

    def state(self, messenger: Messenger) -> list[StageResult]:
        """Stage for a messenger what is stated again."""
        return [
            stage_again(self._ledger, messenger, self._asked(one, messenger), now=datetime.now(UTC))
            for one in self.projects
        ]

    def would_state(self, messenger: Messenger) -> Iterator[DryRecord]:
        """Yield what would be staged."""
        for project in self.projects:
            for one in repeated(self._ledger, messenger, self._asked(project, messenger)):
                yield DryRecord(
                    messenger.name, project.id, one.staged.key, one.text, one.reason, cloud_id=self.cloud_id
                )

    def _asked(self, project: Project, messenger: Messenger) -> Repetition:
        return Repetition(
            project.id,
            self.cloud_id,
            self._publisher().context(project),
            until=self._until(project, messenger),
            months=self._request.months,
            as_of=self._request.as_of,
            record_types=self._request.record_types,
        )

    def _publisher(self) -> Publisher:
        return Publisher(
            self._ledger, self._settings, ExtractRequest(), self._now, names_at=self._request.as_of
        )

    def _until(self, project: Project, messenger: Messenger) -> datetime:
        """Return up to when is counted: what was observed, and never less than was stated before."""
        place, past, as_of = (project.id, self.cloud_id), self._ledger.past, self._request.as_of
        if as_of is not None:
            known = [past.observed_until(*place, past.revision_at(*place, as_of))]
        else:
            newest = self._ledger.revision(*place)
            known = [past.observed_until(*place, newest), past.stated_until(*place, messenger.name)]
        return floor_second(max((one for one in known if one is not None), default=self._now))

    def _chosen(self) -> list[Project]:
        """Return the cloud's projects that are asked for, as the ledger knows them."""
        ids = [project_id for project_id, cloud_id in self._ledger.projects() if cloud_id == self.cloud_id]
        names = self._ledger.names(PROJECT, ids, at=self._request.as_of)
        mapped = self._ledger.names(of_cloud(FQAN, self.cloud_id), ids, at=self._request.as_of)
        found = [Project(one, names.get(one, one), "", mapped.get(one), {}) for one in ids if one]
        wanted = {*self._request.projects}
        return [one for one in found if not wanted or {one.id, one.name} & wanted]
