"""The tables. Alembic's migrations build them; a test says that both agree.

Every table is scoped by `workspace_id`. A trial refers to its window and its parameter set by
number: a million trials share a few thousand of each.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, UniqueConstraint

from tradingkb.domain import METRICS, STATUSES
from tradingkb.sql import Json, Key, UtcTime, counter
from tradingkb.stores import (
    schema_base,
    schema_calibration,
    schema_events,
    schema_reports,
    schema_runbooks,
    schema_service,
)
from tradingkb.stores.schema_base import workspace_column

metadata = schema_base.metadata

_STATUS_LIST = ", ".join(f"'{s}'" for s in STATUSES)


workspaces = Table(
    "workspaces",
    metadata,
    Column("id", sa.String(36), primary_key=True),
    Column("slug", sa.String(64), nullable=False, unique=True),
    Column("default_embed_model", sa.String(128)),
    Column("default_collection", sa.String(128)),
    Column("config", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

strategy_specs = Table(
    "strategy_specs",
    metadata,
    Column("id", Key, primary_key=True),
    workspace_column(),
    Column("name", sa.String(128), nullable=False),
    Column("version", sa.String(64), nullable=False),
    Column("spec", Json, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    UniqueConstraint("workspace_id", "name", "version"),
)

#: Every spec that was ever registered: what was in force at an earlier time is read from here.
spec_registrations = Table(
    "spec_registrations",
    metadata,
    Column("id", Key, primary_key=True),
    workspace_column(),
    Column("name", sa.String(128), nullable=False),
    Column("version", sa.String(64), nullable=False),
    Column("spec", Json, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index("ix_spec_registrations_workspace_id_name", "workspace_id", "name"),
)

windows = Table(
    "windows",
    metadata,
    Column("id", Key, primary_key=True),
    workspace_column(),
    Column("window_key", sa.String(64), nullable=False),
    Column("symbol", sa.String(64)),
    Column("timeframe", sa.String(16)),
    Column("is_start", UtcTime),
    Column("is_end", UtcTime),
    Column("oos_start", UtcTime),
    Column("oos_end", UtcTime),
    # Canonical JSON as text, not JSON: it is hashed, and JSONB would spell it anew.
    Column("regime_is", sa.Text),
    Column("regime_oos", sa.Text),
    UniqueConstraint("workspace_id", "window_key"),
)

param_sets = Table(
    "param_sets",
    metadata,
    Column("id", Key, primary_key=True),
    workspace_column(),
    Column("strategy_name", sa.String(128), nullable=False),
    Column("params_hash", sa.String(64), nullable=False),
    Column("params", sa.Text, nullable=False),
    UniqueConstraint("workspace_id", "strategy_name", "params_hash"),
)


def _content() -> list[Column[Any]]:
    """What a run says about a trial: the columns that a later run may replace."""
    return [
        Column("experiment_type", sa.String(32), nullable=False),
        Column("strategy_name", sa.String(128), nullable=False),
        Column("strategy_version", sa.String(64)),
        Column("param_set_id", Key, ForeignKey("param_sets.id"), nullable=False),
        Column("window_id", Key, ForeignKey("windows.id"), nullable=False),
        Column("objective_type", sa.String(64), nullable=False),
        Column("objective_score", sa.Double),
        # "is" or "oos"; null in the trials of releases before schema 0006.
        Column("objective_sample", sa.String(8)),
        *(
            Column(f"{metric}_{sample}", sa.Integer if metric == "n_trades" else sa.Double)
            for metric in METRICS
            for sample in ("is", "oos")
        ),
        Column("engine", sa.String(64)),
        Column("cost_bps", sa.Double),
        Column("known_at", UtcTime, nullable=False),
        Column("created_at", UtcTime, nullable=False),
        Column("run_id", sa.String(36), nullable=False),
        Column("row_hash", sa.String(64), nullable=False),
    ]


#: Names of the columns that a run fills in.
CONTENT = tuple(c.name for c in _content())

_WITH_SHARPE = sa.text("sharpe_oos IS NOT NULL")
_CURATED = sa.text(f"kb_status <> '{STATUSES[0]}'")

trials = Table(
    "trials",
    metadata,
    Column("id", Key, primary_key=True),
    workspace_column(),
    Column("source_type", sa.String(64), nullable=False),
    Column("source_id", sa.String(255), nullable=False),
    *_content(),
    Column("kb_status", sa.String(16), nullable=False),
    Column("promoted_at", UtcTime),
    Column("ingested_at", UtcTime, nullable=False),
    # Set while every run that brought this trial is withdrawn: then it counts for nothing.
    Column("withdrawn_at", UtcTime),
    UniqueConstraint("workspace_id", "source_type", "source_id"),
    CheckConstraint(f"kb_status IN ({_STATUS_LIST})", name="kb_status"),
    Index("ix_trials_workspace_id_strategy_name", "workspace_id", "strategy_name"),
    Index("ix_trials_window_id_param_set_id", "window_id", "param_set_id"),
    # Only for lists in order of their value: a strategy's trials are read as they were stored.
    Index(
        "ix_trials_sharpe_oos",
        "workspace_id",
        "strategy_name",
        "sharpe_oos",
        sqlite_where=_WITH_SHARPE,
        postgresql_where=_WITH_SHARPE,
    ),
    # The few that an administrator decided about.
    Index(
        "ix_trials_curated",
        "workspace_id",
        "kb_status",
        sqlite_where=_CURATED,
        postgresql_where=_CURATED,
    ),
)

#: What other runs said about a trial before, or say while theirs is withdrawn: a whole run can be
#: taken back without losing what it replaced.
trial_versions = Table(
    "trial_versions",
    metadata,
    Column("id", Key, primary_key=True),
    workspace_column(),
    Column("trial_id", Key, ForeignKey("trials.id"), nullable=False),
    *_content(),
    UniqueConstraint("trial_id", "run_id"),
    Index("ix_trial_versions_run_id", "run_id"),
)

_OPEN = sa.text("archived_at IS NOT NULL OR reason IS NOT NULL OR content_hash = ''")
kb_trial_index = Table(
    "kb_trial_index",
    metadata,
    Column("id", Key, primary_key=True),
    workspace_column(),
    Column("trial_id", Key, ForeignKey("trials.id"), nullable=False),
    Column("point_id", sa.String(36), nullable=False),
    Column("collection", sa.String(128), nullable=False),
    Column("embed_model", sa.String(128), nullable=False),
    Column("pipeline", sa.String(128), nullable=False),
    Column("regime_schema_version", sa.Integer),
    Column("content_hash", sa.String(64), nullable=False),
    Column("indexed_at", UtcTime),
    Column("archived_at", UtcTime),
    Column("reason", sa.Text),
    UniqueConstraint("trial_id", "collection"),
    Index("ix_kb_trial_index_collection_point_id", "collection", "point_id"),
    # The few entries that are not simply there: archived, without a point, or unfinished.
    Index(
        "ix_kb_trial_index_open",
        "collection",
        "workspace_id",
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    ),
)

kb_status_history = Table(
    "kb_status_history",
    metadata,
    Column("id", Key, primary_key=True),
    workspace_column(),
    Column("trial_id", Key, ForeignKey("trials.id"), nullable=False),
    Column("from_status", sa.String(16)),
    Column("to_status", sa.String(16), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", sa.String(128), nullable=False),
    Column("actor_type", sa.String(32), nullable=False),
    Column("reason", sa.Text),
    Index("ix_kb_status_history_trial_id", "trial_id"),
    # The newest acts are found from the index alone, however many trials one of them changed.
    Index(
        "ix_kb_status_history_workspace_id_at", *("workspace_id", "at", "to_status", "actor", "id")
    ),
)

#: Counts every change that could alter an answer about a strategy: caches compare it.
generations = Table(
    "partition_generations",
    metadata,
    Column("workspace_id", sa.String(36), ForeignKey("workspaces.id"), primary_key=True),
    Column("strategy_name", sa.String(128), primary_key=True),
    *counter(),
)

#: The generation at which every eligible trial of a strategy was found to have a current entry: an
#: ingest looks only at strategies that have changed since.
index_checks = Table(
    "index_checks",
    metadata,
    Column("workspace_id", sa.String(36), ForeignKey("workspaces.id"), primary_key=True),
    Column("collection", sa.String(128), primary_key=True),
    Column("strategy_name", sa.String(128), primary_key=True),
    Column("pipeline", sa.String(128), nullable=False),
    Column("generation", sa.BigInteger, nullable=False),
)

regime_scalers = Table(
    "regime_scalers",
    metadata,
    Column("id", Key, primary_key=True),
    workspace_column(),
    Column("version", sa.Integer, nullable=False),
    Column("scaler", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("workspace_id", "version"),
)

ingest_runs = Table(
    "ingest_runs",
    metadata,
    Column("run_id", sa.String(36), primary_key=True),
    workspace_column(),
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("status", sa.String(16), nullable=False),
    Column("source", sa.Text, nullable=False),
    Column("counts", Json, nullable=False),
    Column("error", sa.Text),
    Column("kind", sa.String(16), nullable=False, server_default="ingest"),
    Column("collection", sa.String(128)),
    Column("withdrawn_at", UtcTime),
    Column("withdrawn_by", sa.String(128)),
    Column("withdrawn_reason", sa.Text),
)

#: Who may run a long job of a name now; a lease ends by itself when its holder is gone.
leases = Table(
    "leases",
    metadata,
    Column("name", sa.String(128), primary_key=True),
    Column("holder", sa.String(255), nullable=False),
    Column("acquired_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
)

decision_outcomes = schema_calibration.decision_outcomes
calibrations = schema_calibration.calibrations
recommend_events = schema_events.recommend_events
jobs = schema_service.jobs
breaker_states = schema_service.breaker_states
event_rollups = schema_reports.event_rollups
rejection_rollups = schema_reports.rejection_rollups
breaker_changes = schema_reports.breaker_changes
changes = schema_reports.changes
runbook_runs = schema_runbooks.runbook_runs
schedule_ticks = schema_runbooks.schedule_ticks
schedule_states = schema_runbooks.schedule_states
