"""The first schema: observations, timelines, watermarks, outbox, names."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
JSON = sa.Text().with_variant(sa.JSON(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "attempt",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("source", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("failing_since", sa.BigInteger()),
        sa.Column("succeeded_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("project_id", "cloud_id", "source"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "baseline",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "cloud_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "counter",
        sa.Column("name", ID, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "look",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("source", ID, nullable=False),
        sa.Column("scope", ID, nullable=False),
        sa.Column("end_at", sa.BigInteger(), nullable=False),
        sa.Column("begin_at", sa.BigInteger(), nullable=False),
        sa.Column("since_at", sa.BigInteger()),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "cloud_id", "kind", "source", "scope", "end_at", "begin_at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "message",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("messenger", ID, nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("record_type", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("record_count", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("attempted_at", sa.BigInteger()),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("statements", JSON),
        sa.PrimaryKeyConstraint("project_id", "cloud_id", "messenger", "id"),
    )
    op.create_index("message_outbox", "message", ["messenger", "state", "id"])
    op.create_table(
        "messenger_watermark",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("messenger", ID, nullable=False),
        sa.Column("record_type", ID, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "cloud_id", "messenger", "record_type"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "name",
        sa.Column("kind", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("since_at", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", "since_at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "observation",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("resource_id", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("key", ID, nullable=False),
        sa.Column("source", ID, nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("begin_at", sa.BigInteger()),
        sa.Column("occurrence", sa.Text()),
        sa.Column("said", JSON, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "cloud_id", "kind", "resource_id", "at", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "project",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "cloud_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quarantine",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("messenger", ID, nullable=False),
        sa.Column("key", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("resource_id", ID, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("since_at", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "cloud_id", "messenger", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "report",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("source", ID, nullable=False),
        sa.Column("resource_id", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("key", ID, nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("alive", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "cloud_id", "kind", "source", "resource_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "report_alive",
        "report",
        ["project_id", "cloud_id", "kind", "source", "resource_id"],
        sqlite_where=sa.text("alive = 1"),
        postgresql_where=sa.text("alive"),
    )
    op.create_table(
        "revision",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "cloud_id", "revision"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "source_watermark",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("source", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "cloud_id", "source"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "span",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("resource_id", ID, nullable=False),
        sa.Column("start_at", sa.BigInteger(), nullable=False),
        sa.Column("end_at", sa.BigInteger()),
        sa.Column("accounted", JSON, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "cloud_id", "kind", "resource_id", "start_at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "span_history",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("resource_id", ID, nullable=False),
        sa.Column("start_at", sa.BigInteger(), nullable=False),
        sa.Column("end_at", sa.BigInteger()),
        sa.Column("accounted", JSON, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("superseded", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "cloud_id", "kind", "resource_id", "superseded", "start_at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "timeline",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("resource_id", ID, nullable=False),
        sa.Column("begin_at", sa.BigInteger(), nullable=False),
        sa.Column("end_at", sa.BigInteger()),
        sa.Column("begin_exact", sa.Boolean(), nullable=False),
        sa.Column("end_exact", sa.Boolean(), nullable=False),
        sa.Column("launched", sa.Boolean(), nullable=False),
        sa.Column("doubts", JSON, nullable=False),
        sa.Column("anomalies", JSON, nullable=False),
        sa.Column("described", JSON, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("first_revision", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("unsettled", sa.Boolean(), nullable=False),
        sa.Column("memory", JSON, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "cloud_id", "kind", "resource_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("timeline_end", "timeline", ["project_id", "cloud_id", "kind", "end_at", "resource_id"])
    op.create_index("timeline_last_at", "timeline", ["project_id", "cloud_id", "kind", "last_at"])
    op.create_index("timeline_revision", "timeline", ["project_id", "cloud_id", "kind", "revision"])
    op.create_index(
        "timeline_unsettled",
        "timeline",
        ["project_id", "cloud_id", "kind", "resource_id"],
        sqlite_where=sa.text("unsettled = 1"),
        postgresql_where=sa.text("unsettled"),
    )
    op.create_table(
        "timeline_history",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("resource_id", ID, nullable=False),
        sa.Column("begin_at", sa.BigInteger(), nullable=False),
        sa.Column("end_at", sa.BigInteger()),
        sa.Column("begin_exact", sa.Boolean(), nullable=False),
        sa.Column("end_exact", sa.Boolean(), nullable=False),
        sa.Column("launched", sa.Boolean(), nullable=False),
        sa.Column("doubts", JSON, nullable=False),
        sa.Column("anomalies", JSON, nullable=False),
        sa.Column("described", JSON, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("superseded", sa.BigInteger(), nullable=False),
        sa.Column("differs_from", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "cloud_id", "kind", "resource_id", "superseded"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "record",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("messenger", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("resource_id", ID, nullable=False),
        sa.Column("key", ID, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "cloud_id", "messenger", "message_id"],
            ["message.project_id", "message.cloud_id", "message.messenger", "message.id"],
        ),
        sa.PrimaryKeyConstraint("project_id", "cloud_id", "messenger", "kind", "resource_id", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index("record_message", "record", ["project_id", "cloud_id", "messenger", "message_id"])
