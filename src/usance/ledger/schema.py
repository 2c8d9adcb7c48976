"""The tables of the ledger.

Instants are integer microseconds since 1970; revisions are integers, counted per project and
cloud. Every key of a fact table begins with the project, so that a site may distribute the
tables by that column; reference tables are the same for all projects. JSON columns carry text:
the ledger encodes and decodes it, typed, and no query looks inside.

A partial index has its condition here for SQLite only: no query needs PostgreSQL's, which stands in
the migration, and naming it would load that dialect into every run on SQLite (0.05 s).
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypeDecorator,
    cast,
    text,
)
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

SCHEMA_VERSION: Final = "0002"
"""The newest migration: what this program reads and writes."""

VERSION_TABLE: Final = "ledger_version"

metadata = MetaData()

# Ids compare by their code points on every engine: pages go by them.
Id = Text().with_variant(Text(collation="C"), "postgresql")


class Json(TypeDecorator[str]):
    """JSON that is written and read as the text that it is.

    On PostgreSQL it is JSON and not JSONB, which refuses an escaped NUL (a hostile name may hold
    one) and would write it anew; nothing asks inside.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the engine's own type."""
        postgres = dialect.name == "postgresql"
        return dialect.type_descriptor(JSON(none_as_null=True) if postgres else Text())

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Read it as text, also where the driver would decode it."""
        return cast(column, Text)


FACTS: Final = "facts"
REFERENCE: Final = "reference"


def _table(name: str, *parts: SchemaItem, wide: bool = False) -> Table:
    """Make a table of facts; on SQLite, one without a rowid unless its rows are wide."""
    return Table(name, metadata, *parts, sqlite_with_rowid=wide, info={"group": FACTS})


def _of_project() -> tuple[SchemaItem, ...]:
    return Column("project_id", Id, nullable=False), Column("cloud_id", Id, nullable=False)


def _of_resource() -> tuple[SchemaItem, ...]:
    return (*_of_project(), Column("kind", Id, nullable=False), Column("resource_id", Id, nullable=False))


RESOURCE_KEY: Final = ("project_id", "cloud_id", "kind", "resource_id")

# --- what was said ---------------------------------------------------------------------------

project = _table(
    "project",
    *_of_project(),
    Column("revision", BigInteger, nullable=False),  # the last one allotted; the row is the project's lock
    # The days before this one (counted since 1970) are in usage_day, but for those in dirty_day; null: none.
    Column("rolled_day", BigInteger),
    PrimaryKeyConstraint("project_id", "cloud_id"),
)

revision = _table(
    "revision",
    *_of_project(),
    Column("revision", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),  # by the clock of the machine that wrote
    PrimaryKeyConstraint("project_id", "cloud_id", "revision"),
)

observation = _table(
    "observation",
    *_of_resource(),
    Column("at", BigInteger, nullable=False),
    Column("key", Id, nullable=False),
    Column("source", Id, nullable=False),
    Column("verb", Text, nullable=False),
    Column("begin_at", BigInteger),
    Column("occurrence", Text),
    Column("said", Json, nullable=False),  # the rest of the observation
    Column("revision", BigInteger, nullable=False),  # in which it was recorded
    PrimaryKeyConstraint(*RESOURCE_KEY, "at", "key"),
)

look = _table(
    "look",
    *_of_project(),
    Column("kind", Id, nullable=False),
    Column("source", Id, nullable=False),
    Column("scope", Id, nullable=False),
    Column("end_at", BigInteger, nullable=False),
    Column("begin_at", BigInteger, nullable=False),
    Column("since_at", BigInteger),
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint("project_id", "cloud_id", "kind", "source", "scope", "end_at", "begin_at"),
)

Index("look_end", *(look.c[name] for name in ("project_id", "cloud_id", "kind", "end_at")))

report = _table(
    "report",  # what a source said last of a resource, in a sighting
    *_of_project(),
    Column("kind", Id, nullable=False),
    Column("source", Id, nullable=False),
    Column("resource_id", Id, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("key", Id, nullable=False),  # of the observation: decides between two of one instant
    Column("statement", Text, nullable=False),
    Column("alive", Boolean, nullable=False),
    PrimaryKeyConstraint("project_id", "cloud_id", "kind", "source", "resource_id"),
)

Index(
    "report_alive",
    *(report.c[name] for name in ("project_id", "cloud_id", "kind", "source", "resource_id")),
    sqlite_where=text("alive = 1"),  # word for word as in queries, or SQLite ignores the index
)

# --- what follows from it --------------------------------------------------------------------


def _timeline_columns() -> tuple[SchemaItem, ...]:
    return (
        Column("begin_at", BigInteger, nullable=False),
        Column("end_at", BigInteger),
        Column("begin_exact", Boolean, nullable=False),
        Column("end_exact", Boolean, nullable=False),
        Column("launched", Boolean, nullable=False),
        Column("doubts", Json, nullable=False),
        Column("anomalies", Json, nullable=False),
        Column("described", Json, nullable=False),
        Column("revision", BigInteger, nullable=False),  # in which it became so
    )


timeline = _table(
    "timeline",
    *_of_resource(),
    *_timeline_columns(),
    Column("first_revision", BigInteger, nullable=False),  # in which the resource appeared
    Column("last_at", BigInteger, nullable=False),  # the latest instant of anything that is known of it
    # Some source's last sighting disagrees with how the timeline ends, or a stretch is not settled:
    # the silence of a further look may change it.
    Column("unsettled", Boolean, nullable=False),
    Column("memory", Json, nullable=False),  # what extending the timeline needs to know
    PrimaryKeyConstraint(*RESOURCE_KEY),
)
Index("timeline_revision", *(timeline.c[name] for name in ("project_id", "cloud_id", "kind", "revision")))
Index(
    "timeline_end",
    *(timeline.c[name] for name in ("project_id", "cloud_id", "kind", "end_at", "resource_id")),
)
Index("timeline_resource", timeline.c.resource_id, timeline.c.kind)  # whose is it?
Index("timeline_last_at", *(timeline.c[name] for name in ("project_id", "cloud_id", "kind", "last_at")))
Index(
    "timeline_unsettled",
    *(timeline.c[name] for name in RESOURCE_KEY),
    sqlite_where=text("unsettled = 1"),
)

timeline_history = _table(
    "timeline_history",  # every version of a timeline that was superseded; its spans are in span_history
    *_of_resource(),
    *_timeline_columns(),
    Column("superseded", BigInteger, nullable=False),  # the revision of the version after it
    Column("differs_from", BigInteger, nullable=False),  # the first instant of which that says otherwise
    PrimaryKeyConstraint(*RESOURCE_KEY, "superseded"),
)

Index(
    "timeline_history_revision",
    *(timeline_history.c[name] for name in ("project_id", "cloud_id", "kind", "revision")),
)

span = _table(
    "span",
    *_of_resource(),
    Column("start_at", BigInteger, nullable=False),
    Column("end_at", BigInteger),
    Column("accounted", Json, nullable=False),
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint(*RESOURCE_KEY, "start_at"),
)

span_history = _table(
    "span_history",
    *_of_resource(),
    Column("start_at", BigInteger, nullable=False),
    Column("end_at", BigInteger),
    Column("accounted", Json, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("superseded", BigInteger, nullable=False),
    PrimaryKeyConstraint(*RESOURCE_KEY, "superseded", "start_at"),
)

# --- usage by day: a cache, made from spans --------------------------------------------------

usage_day = _table(
    "usage_day",
    *_of_project(),
    Column("kind", Id, nullable=False),
    Column("day", BigInteger, nullable=False),  # in UTC, counted since 1970
    Column("flavor", Id, nullable=False),  # or the volume's type; empty where there is none
    Column("state", Id, nullable=False),  # of a server; empty where there is none
    # Those of which the first second of this day lies here: the rows of a day count each of them once.
    Column("resources", BigInteger, nullable=False),
    Column("begun", BigInteger, nullable=False),  # those of them that began on the day
    Column("seconds", BigInteger, nullable=False),
    Column("vcpu_s", BigInteger, nullable=False),  # in any state: some sites count some of them as suspended
    Column("ram_mib_s", BigInteger, nullable=False),
    Column("disk_gib_s", BigInteger, nullable=False),  # of a server both disks; the size of a volume
    Column("size_kib_s", BigInteger, nullable=False),  # of images
    Column("inferred_s", BigInteger, nullable=False),
    Column("inferred_vcpu_s", BigInteger, nullable=False),
    PrimaryKeyConstraint("project_id", "cloud_id", "kind", "day", "flavor", "state"),
)

dirty_day = _table(
    "dirty_day",  # a day that was rolled up, and of which something says otherwise since
    *_of_project(),
    Column("kind", Id, nullable=False),
    Column("day", BigInteger, nullable=False),
    # In which it became so last: what is made of spans meanwhile, and of an earlier one, is not kept.
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint("project_id", "cloud_id", "kind", "day"),
)

# --- how far it was read, and how that went --------------------------------------------------

source_watermark = _table(
    "source_watermark",
    *_of_project(),
    Column("source", Id, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("project_id", "cloud_id", "source"),
)

messenger_watermark = _table(
    "messenger_watermark",
    *_of_project(),
    Column("messenger", Id, nullable=False),
    Column("record_type", Id, nullable=False),
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint("project_id", "cloud_id", "messenger", "record_type"),
)

baseline = _table(
    "baseline",  # up to this instant the figures of a former program stand
    *_of_project(),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("project_id", "cloud_id"),
)

attempt = _table(
    "attempt",
    *_of_project(),
    Column("source", Id, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("error", Text),  # null: it went well
    Column("failing_since", BigInteger),
    Column("succeeded_at", BigInteger),
    PrimaryKeyConstraint("project_id", "cloud_id", "source"),
)

# --- what goes out ---------------------------------------------------------------------------

message = _table(
    "message",
    *_of_project(),
    Column("messenger", Id, nullable=False),
    Column("id", BigInteger, nullable=False),  # also the instant of its staging, made strictly increasing
    Column("record_type", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("record_count", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text),
    Column("attempted_at", BigInteger),
    Column("revision", BigInteger, nullable=False),  # the project's, when it was staged
    Column("statements", Json),  # its records, and where each stands in the body
    PrimaryKeyConstraint("project_id", "cloud_id", "messenger", "id"),
    wide=True,
)
Index("message_outbox", message.c.messenger, message.c.state, message.c.id)

record = _table(
    "record",  # what was staged last under each key
    *_of_project(),
    Column("messenger", Id, nullable=False),
    Column("kind", Id, nullable=False),
    Column("resource_id", Id, nullable=False),
    Column("key", Id, nullable=False),
    Column("digest", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("project_id", "cloud_id", "messenger", "kind", "resource_id", "key"),
    ForeignKeyConstraint(
        ["project_id", "cloud_id", "messenger", "message_id"],
        ["message.project_id", "message.cloud_id", "message.messenger", "message.id"],
    ),
)
Index("record_message", *(record.c[name] for name in ("project_id", "cloud_id", "messenger", "message_id")))

quarantine = _table(
    "quarantine",
    *_of_project(),
    Column("messenger", Id, nullable=False),
    Column("key", Id, nullable=False),
    Column("kind", Id, nullable=False),
    Column("resource_id", Id, nullable=False),
    Column("digest", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("since_at", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("project_id", "cloud_id", "messenger", "key"),
)

# --- what a collector could not understand ---------------------------------------------------

parked = _table(
    "parked",
    *_of_project(),  # the project is '' if the message does not say it
    Column("id", Id, nullable=False),  # a digest of the message: one that comes again is parked once
    Column("event_type", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),  # as it came; cut where it is too large
    Column("size", BigInteger, nullable=False),  # in bytes, before it was cut
    Column("at", BigInteger, nullable=False),  # when it came last, by the collector's clock
    Column("times", BigInteger, nullable=False),
    PrimaryKeyConstraint("project_id", "cloud_id", "id"),
    wide=True,
)

# --- reference -------------------------------------------------------------------------------

name = Table(
    "name",
    metadata,
    Column("kind", Id, nullable=False),  # of the thing: "user", "project", ...
    Column("id", Id, nullable=False),
    Column("since_at", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    PrimaryKeyConstraint("kind", "id", "since_at"),
    sqlite_with_rowid=False,
    info={"group": REFERENCE},
)

counter = Table(
    "counter",  # its row is the lock under which message ids are allotted
    metadata,
    Column("name", Id, nullable=False),
    Column("value", BigInteger, nullable=False),
    PrimaryKeyConstraint("name"),
    sqlite_with_rowid=False,
    info={"group": REFERENCE},
)

listening = Table(
    "listening",  # when a collector was there to hear: gaps say that a total may not be complete
    metadata,
    Column("cloud_id", Id, nullable=False),
    Column("collector", Id, nullable=False),  # unique for each process
    Column("since_at", BigInteger, nullable=False),
    Column("until_at", BigInteger, nullable=False),
    Column("messages", BigInteger, nullable=False),
    PrimaryKeyConstraint("cloud_id", "collector", "since_at"),
    sqlite_with_rowid=False,
    info={"group": REFERENCE},
)

ignored_event = Table(
    "ignored_event",  # types of events that nothing is made of, counted
    metadata,
    Column("cloud_id", Id, nullable=False),
    Column("event_type", Id, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("since_at", BigInteger, nullable=False),
    Column("until_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("cloud_id", "event_type"),
    sqlite_with_rowid=False,
    info={"group": REFERENCE},
)
