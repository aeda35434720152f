"""The tables of a running service: its jobs, and what its circuit breakers do.

They say what runs now; a backup leaves them out.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, Index, Table, UniqueConstraint

from tradingkb.sql import Json, UtcTime
from tradingkb.stores.schema_base import metadata, workspace_column

JOB_STATES = ("queued", "running", "succeeded", "failed", "cancelled")
_STATE_LIST = ", ".join(f"'{s}'" for s in JOB_STATES)

#: Work that a request asked for and does not wait for. A running one belongs to `holder`: others
#: take it when `heartbeat_at` does not change any more. A queued one is not begun before
#: `expires_at`, where it has one; in a running one that decides nothing.
jobs = Table(
    "jobs",
    metadata,
    Column("job_id", sa.String(36), primary_key=True),
    workspace_column(),
    Column("kind", sa.String(32), nullable=False),
    Column("arguments", Json, nullable=False),
    Column("state", sa.String(16), nullable=False),
    # The caller's name for it: asked for twice under one name, it is one job.
    Column("idempotency_key", sa.String(128)),
    Column("progress_done", sa.BigInteger, nullable=False),
    Column("progress_total", sa.BigInteger),
    Column("attempts", sa.Integer, nullable=False),
    Column("cancel_requested", sa.Boolean, nullable=False),
    Column("error", sa.Text),
    Column("result", Json),
    Column("actor", sa.String(128), nullable=False),
    Column("request_id", sa.String(64)),
    Column("created_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime),
    Column("heartbeat_at", UtcTime),
    Column("holder", sa.String(255)),
    Column("expires_at", UtcTime),
    UniqueConstraint("workspace_id", "kind", "idempotency_key"),
    CheckConstraint(f"state IN ({_STATE_LIST})", name="state"),
    Index("ix_jobs_state_created_at", "state", "created_at"),
)

#: The circuit breakers of each replica, as it last said; one without a heartbeat is gone.
breaker_states = Table(
    "breaker_states",
    metadata,
    Column("replica", sa.String(128), primary_key=True),
    Column("service", sa.String(32), primary_key=True),
    Column("state", sa.String(16), nullable=False),
    Column("failures", sa.Integer, nullable=False),
    Column("open_since", UtcTime),
    Column("last_error", sa.Text),
    Column("changed_at", UtcTime, nullable=False),
    Column("heartbeat_at", UtcTime, nullable=False),
)
