"""What a collector and an API need: parked messages, listening times, usage by day."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.add_column("project", sa.Column("rolled_day", sa.BigInteger()))
    op.create_index("look_end", "look", ["project_id", "cloud_id", "kind", "end_at"])
    op.create_index("timeline_resource", "timeline", ["resource_id", "kind"])
    op.create_index(
        "timeline_history_revision", "timeline_history", ["project_id", "cloud_id", "kind", "revision"]
    )
    op.create_table(
        "usage_day",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("flavor", ID, nullable=False),
        sa.Column("state", ID, nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in (
                "resources",
                "begun",
                "seconds",
                "vcpu_s",
                "ram_mib_s",
                "disk_gib_s",
                "size_kib_s",
                "inferred_s",
                "inferred_vcpu_s",
            )
        ),
        sa.PrimaryKeyConstraint("project_id", "cloud_id", "kind", "day", "flavor", "state"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dirty_day",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "cloud_id", "kind", "day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "parked",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "cloud_id", "id"),
    )
    op.create_table(
        "listening",
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("collector", ID, nullable=False),
        sa.Column("since_at", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("cloud_id", "collector", "since_at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ignored_event",
        sa.Column("cloud_id", ID, nullable=False),
        sa.Column("event_type", ID, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("since_at", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("cloud_id", "event_type"),
        sqlite_with_rowid=False,
    )
