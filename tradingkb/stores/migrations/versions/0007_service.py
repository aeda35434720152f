"""A running service: its jobs, the states of its circuit breakers, pages of events. Only adds.

And the numbers of vectors may grow beyond 32 bits on PostgreSQL, where each upsert takes one: that
writes the table anew, which is derived.
"""

import sqlalchemy as sa
from alembic import op

from tradingkb.sql.types import Json, UtcTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.String(36), nullable=False),
        sa.Column("workspace_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("arguments", Json, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("idempotency_key", sa.String(128)),
        sa.Column("progress_done", sa.BigInteger, nullable=False),
        sa.Column("progress_total", sa.BigInteger),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("result", Json),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("request_id", sa.String(64)),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("started_at", UtcTime),
        sa.Column("finished_at", UtcTime),
        sa.Column("heartbeat_at", UtcTime),
        sa.Column("holder", sa.String(255)),
        sa.Column("expires_at", UtcTime),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
            name=op.f("ck_jobs_state"),
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_jobs")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_jobs_workspace_id")
        ),
        sa.UniqueConstraint(
            "workspace_id",
            "kind",
            "idempotency_key",
            name=op.f("uq_jobs_workspace_id_kind_idempotency_key"),
        ),
    )
    op.create_index("ix_jobs_state_created_at", "jobs", ["state", "created_at"])
    op.create_table(
        "breaker_states",
        sa.Column("replica", sa.String(128), nullable=False),
        sa.Column("service", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("open_since", UtcTime),
        sa.Column("last_error", sa.Text),
        sa.Column("changed_at", UtcTime, nullable=False),
        sa.Column("heartbeat_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("replica", "service", name=op.f("pk_breaker_states")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE kb_vectors ALTER COLUMN id TYPE BIGINT")
        op.execute("ALTER SEQUENCE kb_vectors_id_seq AS BIGINT")
