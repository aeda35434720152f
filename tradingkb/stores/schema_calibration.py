"""The tables of what past decisions earned, and of the confidence fitted on them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, Index, Table, UniqueConstraint

from tradingkb.sql import Json, Key, UtcTime
from tradingkb.stores.schema_base import metadata, workspace_column

#: What became of each past decision, replayed: what a confidence is calibrated on. `won` is 1 where
#: the choice beat the defaults, 0.5 for a tie, null where there is nothing to compare.
decision_outcomes = Table(
    "decision_outcomes",
    metadata,
    Column("id", Key, primary_key=True),
    workspace_column(),
    Column("objective_type", sa.String(64), nullable=False),
    Column("strategy_name", sa.String(128), nullable=False),
    Column("window_key", sa.String(64), nullable=False),
    # Of the weights and the strategy's spec: a decision made otherwise is replayed anew.
    Column("fingerprint", sa.String(64), nullable=False),
    Column("as_of", UtcTime, nullable=False),
    Column("known_at", UtcTime, nullable=False),
    Column("quarter", sa.Integer, nullable=False),
    # Unused since confidences are a rate of all: a later release may drop them.
    Column("status", sa.String(16), nullable=False),
    Column("band", sa.Integer),
    Column("features", Json, nullable=False),
    Column("won", sa.Double),
    # Named, since the usual name is longer than the 63 bytes that PostgreSQL keeps of one.
    UniqueConstraint(
        "workspace_id",
        "objective_type",
        "strategy_name",
        "window_key",
        name="uq_decision_outcomes_decision",
    ),
)

#: Each confidence that was fitted; the newest of an objective speaks. `model` is null where the
#: outcomes were too few.
calibrations = Table(
    "calibrations",
    metadata,
    Column("id", Key, primary_key=True),
    workspace_column(),
    Column("objective_type", sa.String(64), nullable=False),
    Column("fitted_at", UtcTime, nullable=False),
    Column("known_until", UtcTime),
    Column("fingerprint", sa.String(64), nullable=False),
    Column("n_outcomes", sa.Integer, nullable=False),
    Column("strategies", Json, nullable=False),
    Column("model", Json),
    Index("ix_calibrations_workspace_id_objective_type", "workspace_id", "objective_type"),
)
