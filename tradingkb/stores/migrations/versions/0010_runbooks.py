"""Runs of runbooks, and what their schedules decided. Only adds."""

import sqlalchemy as sa
from alembic import op

from tradingkb.sql.types import Json, Key, UtcTime

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "runbook_runs",
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("runbook", sa.String(128), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("workspace", sa.String(128), nullable=False),
        sa.Column("parameters", Json, nullable=False),
        sa.Column("dry_run", sa.Boolean, nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("schedule", sa.String(128)),
        sa.Column("slot", UtcTime),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16)),
        sa.Column("error", sa.Text),
        sa.Column("cell_done", sa.Integer, nullable=False),
        sa.Column("cell_total", sa.Integer, nullable=False),
        sa.Column("cell", sa.Text),
        sa.Column("started_at", UtcTime, nullable=False),
        sa.Column("heartbeat_at", UtcTime, nullable=False),
        sa.Column("ended_at", UtcTime),
        sa.Column("deadline_s", sa.Integer, nullable=False),
        sa.Column("holder", sa.String(255), nullable=False),
        sa.Column("result", Json),
        sa.Column("notebook", sa.Text),
        sa.Column("report", sa.Text),
        sa.Column("release", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runbook_runs")),
    )
    op.create_index("ix_runbook_runs_started_at", "runbook_runs", ["started_at"])
    op.create_index("ix_runbook_runs_runbook_started_at", "runbook_runs", ["runbook", "started_at"])
    op.create_table(
        "schedule_ticks",
        sa.Column("id", Key, nullable=False),
        sa.Column("schedule", sa.String(128), nullable=False),
        sa.Column("slot", UtcTime, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("decision", sa.String(32), nullable=False),
        sa.Column("run_id", sa.String(36)),
        sa.Column("detail", sa.Text),
        sa.Column("holder", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule_ticks")),
        sa.UniqueConstraint("schedule", "slot", name=op.f("uq_schedule_ticks_schedule_slot")),
    )
    op.create_index("ix_schedule_ticks_at", "schedule_ticks", ["at"])
    op.create_table(
        "schedule_states",
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("last_slot", UtcTime),
        sa.Column("heartbeat_at", UtcTime, nullable=False),
        sa.Column("holder", sa.String(255), nullable=False),
        sa.Column("next_at", UtcTime),
        sa.Column("definition", Json),
        sa.Column("problem", sa.Text),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedule_states")),
    )
