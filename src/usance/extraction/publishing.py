"""The second part of a run: stage what every messenger should be told, and deliver it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from usance.cloud.projects import Project
from usance.config.settings import ExtractRequest, Settings
from usance.extraction.naming import IMAGE_URI, USER
from usance.extraction.report import DryRecord, MessengerResult
from usance.ledger.ledger import Ledger
from usance.ledger.values import of_cloud
from usance.messengers.makers import made_of
from usance.messengers.messenger import Messenger
from usance.messengers.outbox import StageResult, deliver, records_that_would_go, stage
from usance.model.period import EPOCH
from usance.records.context import RecordContext

_GIVEN_UP_AT_ONCE: Final = 500  # messages, in one transaction


class LedgerNames(Mapping[str, str]):
    """The names that the ledger keeps of one kind, read as they are asked for.

    Names of what is not known are remembered as absent, so each is asked for once.
    """

    def __init__(self, ledger: Ledger, kind: str, at: datetime | None = None) -> None:
        self._ledger = ledger
        self._kind = kind
        self._at = at  # None: as they are now
        self._read: dict[str, str | None] = {}

    def __getitem__(self, key: str) -> str:
        if key not in self._read:
            self._read[key] = self._ledger.names(self._kind, [key], at=self._at).get(key)
        name = self._read[key]
        if not name:
            raise KeyError(key)
        return name

    def __iter__(self) -> Iterator[str]:
        return (key for key, name in self._read.items() if name)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Publisher:
    """Stages and delivers; each messenger's failure is its own."""

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        request: ExtractRequest,
        until: datetime,
        *,
        names_at: datetime | None = None,
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._cloud_id = settings.cloud.cloud_id
        self._until = until
        # From the beginning of time means: look at everything. What was told stays told.
        self._since = None if request.extract_from == EPOCH else request.extract_from
        self._users = LedgerNames(ledger, of_cloud(USER, self._cloud_id), names_at)
        self._images = LedgerNames(ledger, of_cloud(IMAGE_URI, self._cloud_id), names_at)

    def stage(
        self, project: Project, messenger: Messenger, observed: Collection[str], now: datetime
    ) -> StageResult:
        """Stage what one messenger should be told of one project.

        *observed* are the kinds of resource that were observed completely: records that need
        another one have to wait. *now* is the local clock's.
        """
        return stage(
            self._ledger,
            project.id,
            self._cloud_id,
            messenger,
            self.context(project),
            until=self._until,
            since=self._since,
            now=now,
            record_types=made_of(observed),
        )

    def would_stage(
        self, project: Project, messenger: Messenger, observed: Collection[str]
    ) -> Iterator[DryRecord]:
        """Yield the records that would be staged or held back, and write nothing."""
        rendered = records_that_would_go(
            self._ledger,
            project.id,
            self._cloud_id,
            messenger,
            self.context(project),
            until=self._until,
            since=self._since,
            record_types=made_of(observed),
        )
        for one in rendered:
            yield DryRecord(
                messenger=messenger.name,
                project_id=project.id,
                cloud_id=self._cloud_id,
                key=one.record.key,
                text=one.text,
                problem="; ".join(str(finding) for finding in one.findings) or None,
            )

    def context(self, project: Project) -> RecordContext:
        """Return what the records of a project need to know."""
        records = self._settings.records
        return RecordContext(
            site_name=records.site_name,
            service_name=records.service_name,
            fqan=project.vo,
            suspended_states=records.suspended_states,
            counted_whole_until=self._ledger.baseline(project.id, self._cloud_id),
            accelerator_aliases=self._settings.flavor_keys.aliases,
            cpu_factor=self._settings.prometheus.cpu_factor,
            user_names=self._users,
            default_user_id=self._settings.neutron.default_user,
            image_uris=self._images,
        )


def give_up_old_bodies(ledger: Ledger, keep_days: int, now: datetime) -> int:
    """Empty the settled messages that were staged longer ago than so many days; return how many.

    Never with 0. What waits, or was refused, keeps its body. Each transaction is short, and what a
    cut-off leaves the next run finds again.
    """
    if keep_days == 0:
        return 0
    given_up = 0
    before = now - timedelta(days=keep_days)
    while found := ledger.past.give_up_bodies(before=before, limit=_GIVEN_UP_AT_ONCE):
        given_up += found
    return given_up


def deliver_staged(
    ledger: Ledger, messenger: Messenger, staged: Sequence[StageResult], now: datetime
) -> MessengerResult:
    """Deliver what waits for one messenger, of this run and of earlier ones, of all clouds."""
    delivery = deliver(ledger, messenger, now=now)
    counts = {one.messenger: one for one in ledger.status().messengers}
    state = counts.get(messenger.name)
    return MessengerResult(
        name=messenger.name,
        records=sum(one.records for one in staged),
        messages=sum(one.messages for one in staged),
        quarantined=sum(one.quarantined for one in staged),
        delivered=delivery.delivered,
        pending=state.pending if state is not None else 0,
        error=delivery.reason,
    )
