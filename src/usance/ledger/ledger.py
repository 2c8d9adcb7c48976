"""The ledger: what was observed, the timelines that follow from it, and what was done with them.

It is synchronous, and meant to be used by one thread at a time; other processes may read and
write the same database meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from sqlalchemy import delete, select

from usance.ledger import delivering, migrating, naming, reading, schema, status, watermarks
from usance.ledger.engine import Store, bulk_insert
from usance.ledger.evidence import EvidenceReader
from usance.ledger.hearing import hear
from usance.ledger.listening import Listening
from usance.ledger.locking import lock_project
from usance.ledger.lookup import Lookup
from usance.ledger.observing import observe
from usance.ledger.owning import owners
from usance.ledger.parking import Parking
from usance.ledger.past import Past
from usance.ledger.questions import Questions
from usance.ledger.rehearsal import rehearsal_of
from usance.ledger.rollup import Rollups
from usance.ledger.staging import Outbox, quarantined
from usance.ledger.values import (
    Changed,
    Heard,
    HeardOf,
    Looked,
    Message,
    MessageState,
    NewMessage,
    Observed,
    Quarantine,
    QuarantinedRecord,
    SourceStatus,
    StagedRecord,
    Status,
)
from usance.model.errors import LedgerError
from usance.model.observation import Batch, Look
from usance.model.period import Period, from_us, to_us
from usance.model.timeline import TOLERANCE


class Ledger:
    """One ledger, open. Every method is one transaction unless it says otherwise.

    What an operator can mend (a full disk, a server that is away, a database that is locked or
    damaged) is raised as :class:`LedgerError`; no message holds the password of the URL.
    """

    def __init__(self, store: Store, *, tolerance: timedelta = TOLERANCE) -> None:
        self._store = store
        self._tolerance = tolerance

    @classmethod
    def open(
        cls,
        url: str,
        *,
        tolerance: timedelta = TOLERANCE,
        create: bool = True,
        patience_s: float | None = None,
    ) -> Self:
        """Open the ledger at a URL: `sqlite:////path`, or `postgresql://user:password@host/database`.

        A SQLite file, its directory and the schema are made on first use, for their owner only; an
        older schema is brought up to date, except on PostgreSQL (see :meth:`upgrade`). `sqlite://`
        is a ledger in memory. *tolerance* is the greatest disagreement of clocks + 1 s. A question that
        takes longer than *patience_s* is given up (LedgerError); None: it may take any time.

        Raises:
            ConfigurationError: the URL is wrong, the driver is missing, or the schema is not this
                program's.
            LedgerError: it can't be reached or opened; or there is none, and *create* is false.
        """
        store = Store(url, create=create)
        try:
            migrating.make_ready(store)
        except BaseException:
            store.close()
            raise
        store.patience_s = patience_s
        return cls(store, tolerance=tolerance)

    @classmethod
    @contextmanager
    def rehearse(cls, url: str, *, tolerance: timedelta = TOLERANCE) -> Iterator[Self]:
        """Open a ledger that begins as the one at the URL is now, and forgets everything in the end."""
        with rehearsal_of(url) as store:
            yield cls(store, tolerance=tolerance)

    @staticmethod
    def upgrade(url: str) -> None:
        """Bring the schema of a ledger up to date (`usance db upgrade`)."""
        store = Store(url, create=True)
        try:
            migrating.upgrade(store)
        finally:
            store.close()

    def close(self) -> None:
        """Give the connections back."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- observe -----------------------------------------------------------------------------

    def observe(self, project_id: str, cloud_id: str, batch: Batch, *, rewind: bool = False) -> Observed:
        """Keep a batch and the timelines that it changes; with its look, the look and the watermark.

        What the ledger has already is counted and ignored. The watermark never goes back, unless
        *rewind* says so. ValueError if the batch speaks of another project or cloud.
        """
        with self._store.write() as connection:
            observed = observe(
                connection,
                project_id,
                cloud_id,
                batch,
                tolerance=self._tolerance,
                now=datetime.now(UTC),
                rewind=rewind,
            )
        self._store.grown(project_id, cloud_id, observed.inserted)
        return observed

    def hear(self, heard: Heard) -> HeardOf:
        """Keep what a collector heard of any projects and clouds, and the timelines that it changes.

        What the ledger has already is counted and ignored, but for parked messages, whose times are
        counted. A message may be acknowledged after it.
        """
        with self._store.write() as connection:
            kept = hear(connection, heard, tolerance=self._tolerance, now=datetime.now(UTC))
        self._store.grown("", "", kept.inserted)
        return kept

    def owners(self, kind: str, ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
        """Return (project id, cloud id) of all in which resources of a kind have lived, by id, in order."""
        with self._store.read() as connection:
            return owners(connection, kind, ids)

    @property
    def parking(self) -> Parking:
        """The messages that nothing could be made of."""
        return Parking(self._store)

    @property
    def listening(self) -> Listening:
        """When collectors were there to hear, and what they made nothing of."""
        return Listening(self._store)

    def statements(
        self, project_id: str, cloud_id: str, source: str, kind: str, ids: Sequence[str]
    ) -> dict[str, str]:
        """Return the digest (`Observation.statement`) of the source's last sighting, by resource id."""
        with self._store.read() as connection:
            return reading.statements(connection, project_id, cloud_id, source, kind, ids=ids)

    def alive(self, project_id: str, cloud_id: str, source: str, kind: str) -> set[str]:
        """Return the ids of the resources of which the source's last sighting is `seen`."""
        with self._store.read() as connection:
            return reading.alive(connection, project_id, cloud_id, source, kind)

    def source_watermark(self, project_id: str, cloud_id: str, source: str) -> datetime | None:
        """Return up to which instant of the cloud the source has looked at the project; None: never."""
        with self._store.read() as connection:
            return watermarks.source_watermark(connection, project_id, cloud_id, source)

    def last_full_look(self, project_id: str, cloud_id: str, source: str, kind: str) -> Look | None:
        """Return the source's latest full look at this kind of resource of the project."""
        with self._store.read() as connection:
            return reading.last_full_look(connection, project_id, cloud_id, source, kind)

    def looked(
        self, project_id: str, cloud_id: str, kinds: Collection[str], *, revision: int | None = None
    ) -> Looked | None:
        """Return since when, and when last, all of these kinds of resource were looked at completely.

        With *revision*, as far as the ledger knew then. None if one of them never was.
        """
        with self._store.read() as connection:
            return reading.looked(connection, project_id, cloud_id, kinds, revision=revision)

    def looked_until(self, project_id: str, cloud_id: str, kind: str) -> datetime | None:
        """Return when the last complete look at a kind of resource began, of whichever source and scope."""
        with self._store.read() as connection:
            return reading.looked_until(connection, project_id, cloud_id, kind)

    def note_attempt(
        self, project_id: str, cloud_id: str, source: str, *, at: datetime, error: str | None
    ) -> None:
        """Note that a source tried to look at a project, and why that failed (None: it did not)."""
        with self._store.write() as connection:
            status.note_attempt(connection, project_id, cloud_id, source, at=at, error=error)

    def baseline(self, project_id: str, cloud_id: str) -> datetime | None:
        """Return the instant up to which the figures of a former program stand; None: there was none."""
        table = schema.baseline.c
        with self._store.read() as connection:
            at = connection.execute(
                select(table.at).where(table.project_id == project_id, table.cloud_id == cloud_id)
            ).scalar()
        return None if at is None else from_us(at)

    def baselines(self, project_id: str) -> dict[str, datetime]:
        """Return the baselines that a project has, by cloud: regions of one Keystone share its id."""
        table = schema.baseline.c
        with self._store.read() as connection:
            rows = connection.execute(select(table.cloud_id, table.at).where(table.project_id == project_id))
            return {row.cloud_id: from_us(row.at) for row in rows}

    def set_baseline(self, project_id: str, cloud_id: str, instant: datetime) -> None:
        """Set that instant, once: LedgerError if there is another one already."""
        table = schema.baseline.c
        with self._store.write() as connection:
            lock_project(connection, project_id, cloud_id)
            at = connection.execute(
                select(table.at).where(table.project_id == project_id, table.cloud_id == cloud_id)
            ).scalar()
            if at is None:
                bulk_insert(connection, schema.baseline, [(project_id, cloud_id, to_us(instant))])
            elif at != to_us(instant):
                raise LedgerError(
                    f"Project {project_id} has the baseline {from_us(at).isoformat()} already",
                    hint="what was reported up to a baseline is not moved afterwards",
                )

    def drop_baseline(self, project_id: str, cloud_id: str) -> None:
        """Forget up to when the figures of a former program stand: what was before it is stated anew."""
        table = schema.baseline.c
        with self._store.write() as connection:
            lock_project(connection, project_id, cloud_id)
            connection.execute(
                delete(schema.baseline).where(table.project_id == project_id, table.cloud_id == cloud_id)
            )

    # --- read --------------------------------------------------------------------------------

    def timelines(
        self,
        project_id: str,
        cloud_id: str,
        kind: str,
        *,
        since_revision: int = 0,
        touching: Period | None = None,
    ) -> Iterator[Changed]:
        """Yield, in the order of their ids, the timelines that changed after a revision or live in a period.

        They are read page by page, each page in a transaction of its own that is over before its
        first timeline is handed out; so the caller may write meanwhile, and memory is bounded.
        Ask for :meth:`revision` first: what changes while this runs may or may not be in it.
        """
        return reading.timelines(
            self._store, project_id, cloud_id, kind, since_revision=since_revision, touching=touching
        )

    @property
    def evidence(self) -> EvidenceReader:
        """What timelines follow from, for those who compare what sources said."""
        return EvidenceReader(self._store, self._tolerance)

    def version(self) -> str | None:
        """Return the version of the schema that is stored; whoever gets one knows that the ledger answers."""
        with self._store.read() as connection:
            return migrating.stored_version(connection)

    def revision(self, project_id: str, cloud_id: str) -> int:
        """Return the project's last revision; 0 if the ledger doesn't know the project."""
        with self._store.read() as connection:
            return reading.revision(connection, project_id, cloud_id)

    def projects(self) -> list[tuple[str, str]]:
        """Return (project id, cloud id) of all that the ledger knows."""
        with self._store.read() as connection:
            return reading.projects(connection)

    @property
    def past(self) -> Past:
        """What was so, and what was said, as of earlier days."""
        return Past(self._store)

    @property
    def lookup(self) -> Lookup:
        """What is known of an id, whosever it is, and the names of a kind."""
        return Lookup(self._store)

    @property
    def questions(self) -> Questions:
        """What was used: resources, spans, changes and amounts, for those who bill."""
        return Questions(self._store)

    @property
    def rollups(self) -> Rollups:
        """Usage by day, which is made from spans and read in their place."""
        return Rollups(self._store)

    def left_behind(self, cloud_id: str, selected: Collection[str]) -> list[str]:
        """Return the projects of a cloud that are not selected, and of which something has no end yet."""
        with self._store.read() as connection:
            known = [one for one, cloud in reading.projects(connection) if cloud == cloud_id and one]
            return [
                one for one in known if one not in selected and reading.lives_in(connection, one, cloud_id)
            ]

    # --- stage -------------------------------------------------------------------------------

    def messenger_watermark(self, project_id: str, cloud_id: str, messenger: str, record_type: str) -> int:
        """Return up to which revision records of a type were staged for the messenger; 0: never."""
        with self._store.read() as connection:
            return watermarks.messenger_watermark(connection, project_id, cloud_id, messenger, record_type)

    def staged(
        self, project_id: str, cloud_id: str, messenger: str, kind: str, resource_ids: Sequence[str]
    ) -> dict[str, dict[str, StagedRecord]]:
        """Return what was staged last of resources of a kind, by resource id and record key."""
        with self._store.read() as connection:
            return Outbox(connection, project_id, cloud_id, messenger).staged(kind, resource_ids)

    def stage(
        self,
        project_id: str,
        cloud_id: str,
        messenger: str,
        messages: Sequence[NewMessage],
        quarantined: Sequence[Quarantine] = (),
        *,
        at: datetime,
        watermark: tuple[str, int] | None = None,
        unchanged: Sequence[str] = (),
    ) -> list[Message]:
        """Put messages into the outbox and return them with their ids.

        A message that is still pending is superseded when every record in it has been stated anew.
        Records that fail their validation go to the quarantine, once per key, with the latest
        reason; they leave it when they are staged, or when their key is among *unchanged* (they
        are what was staged last, so there is nothing to send). To stage in chunks, give the
        *watermark* (a record type and a revision) with the last one.
        """
        with self._store.write() as connection:
            return Outbox(connection, project_id, cloud_id, messenger).stage(
                messages, quarantined, unchanged, at=at, watermark=watermark
            )

    def quarantined(self, project_id: str, cloud_id: str, messenger: str) -> list[QuarantinedRecord]:
        """Return the records of a project that are held back from a messenger, and why."""
        table = schema.quarantine.c
        with self._store.read() as connection:
            return quarantined(
                connection,
                table.project_id == project_id,
                table.cloud_id == cloud_id,
                table.messenger == messenger,
            )

    # --- deliver -----------------------------------------------------------------------------

    def pending(self, messenger: str, *, limit: int) -> list[Message]:
        """Return the oldest messages still to be delivered, of all projects, in the order of their ids."""
        with self._store.read() as connection:
            return delivering.pending(connection, messenger, limit=limit)

    def delivered(self, *messages: Message, at: datetime) -> None:
        """Note that the messenger took some messages."""
        with self._store.write() as connection:
            for message in messages:
                delivering.settle(connection, message, MessageState.DELIVERED, reason=None, at=at)

    def failed(self, message: Message, reason: str, *, at: datetime) -> None:
        """Note that a message could not be delivered now; it stays pending."""
        self._settle(message, MessageState.PENDING, reason, at)

    def dead(self, message: Message, reason: str, *, at: datetime) -> None:
        """Note that the receiver refuses a message for good."""
        self._settle(message, MessageState.DEAD, reason, at)

    def _settle(self, message: Message, state: MessageState, reason: str | None, at: datetime) -> None:
        with self._store.write() as connection:
            delivering.settle(connection, message, state, reason=reason, at=at)

    # --- names and status --------------------------------------------------------------------

    def names(self, kind: str, ids: Sequence[str], *, at: datetime | None = None) -> dict[str, str]:
        """Return the names of users, projects ... (as they are now, or were at an instant)."""
        with self._store.read() as connection:
            return naming.names(connection, kind, ids, at=at)

    def remember_names(self, kind: str, names: Mapping[str, str], *, at: datetime) -> None:
        """Note names, by id, as they are at an instant."""
        if names:
            with self._store.write() as connection:
                naming.remember_names(connection, kind, names, at=at)

    def unnamed(self, kind: str) -> list[str]:
        """Return the ids of which it was noted only that they exist: their name is empty."""
        with self._store.read() as connection:
            return naming.unnamed(connection, kind)

    def status(self) -> Status:
        """Return how far sources looked, what is in the outboxes, and what is held back, with the reasons."""
        with self._store.read() as connection:
            return status.status(connection)

    def troubles(self) -> list[SourceStatus]:
        """Return the projects and sources whose last attempt failed."""
        with self._store.read() as connection:
            return [one for one in status.sources(connection) if one.error is not None]
