"""The tables of runbooks: what ran, and what the schedules decided.

They are the history of this installation, not of its trials: a backup leaves them out, and a
restore leaves them alone, so that no schedule begins anew after one.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, Index, Table, UniqueConstraint

from tradingkb.sql import Json, Key, UtcTime
from tradingkb.stores.schema_base import metadata

#: One row per run, written while it runs. `workspace` is as it was given: a run of a workspace that
#: does not exist has its row too.
runbook_runs = Table(
    "runbook_runs",
    metadata,
    Column("run_id", sa.String(36), primary_key=True),
    Column("runbook", sa.String(128), nullable=False),
    Column("version", sa.String(64), nullable=False),
    Column("workspace", sa.String(128), nullable=False),
    # Without secrets.
    Column("parameters", Json, nullable=False),
    Column("dry_run", sa.Boolean, nullable=False),
    Column("actor", sa.String(128), nullable=False),
    # Of a scheduled run: which schedule, and the time that it was due.
    Column("schedule", sa.String(128)),
    Column("slot", UtcTime),
    Column("state", sa.String(16), nullable=False),
    Column("outcome", sa.String(16)),
    Column("error", sa.Text),
    Column("cell_done", sa.Integer, nullable=False),
    Column("cell_total", sa.Integer, nullable=False),
    Column("cell", sa.Text),
    Column("started_at", UtcTime, nullable=False),
    Column("heartbeat_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("deadline_s", sa.Integer, nullable=False),
    Column("holder", sa.String(255), nullable=False),
    Column("result", Json),
    # Names of files in the folder of the outputs.
    Column("notebook", sa.Text),
    Column("report", sa.Text),
    Column("release", sa.String(64), nullable=False),
    Index("ix_runbook_runs_started_at", "started_at"),
    Index("ix_runbook_runs_runbook_started_at", "runbook", "started_at"),
)

#: What was decided about each time that a schedule was due, also where nothing ran.
schedule_ticks = Table(
    "schedule_ticks",
    metadata,
    Column("id", Key, primary_key=True),
    Column("schedule", sa.String(128), nullable=False),
    Column("slot", UtcTime, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("decision", sa.String(32), nullable=False),
    Column("run_id", sa.String(36)),
    Column("detail", sa.Text),
    Column("holder", sa.String(255), nullable=False),
    # Of two schedulers one gets the slot.
    UniqueConstraint("schedule", "slot"),
    Index("ix_schedule_ticks_at", "at"),
)

#: Up to which slot each schedule is decided; the empty name is the scheduler itself.
schedule_states = Table(
    "schedule_states",
    metadata,
    Column("name", sa.String(128), primary_key=True),
    Column("last_slot", UtcTime),
    Column("heartbeat_at", UtcTime, nullable=False),
    Column("holder", sa.String(255), nullable=False),
    Column("next_at", UtcTime),
    # What the scheduler has read of it, so that every replica tells of it without the file.
    Column("definition", Json),
    Column("problem", sa.Text),
)
