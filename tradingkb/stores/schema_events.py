"""The table of recorded answers."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, Index, Table, UniqueConstraint

from tradingkb.sql import Json, Key, UtcTime
from tradingkb.stores.schema_base import metadata, workspace_column

#: What each column means: `tradingkb.recommend.EVENT_FIELDS`.
recommend_events = Table(
    "recommend_events",
    metadata,
    Column("id", Key, primary_key=True),
    Column("request_id", sa.String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    workspace_column(),
    Column("strategy_name", sa.String(128), nullable=False),
    Column("objective_type", sa.String(64), nullable=False),
    Column("status", sa.String(16), nullable=False),
    Column("confidence", sa.Double),
    Column("confidence_band", sa.String(16), nullable=False),
    Column("reasons", Json, nullable=False),
    Column("warnings", Json, nullable=False),
    Column("after_strict", sa.Integer, nullable=False),
    Column("after_relaxed", sa.Integer, nullable=False),
    Column("windows_used", sa.Integer, nullable=False),
    Column("strict_to_relaxed", sa.Boolean, nullable=False),
    Column("metadata_only", sa.Boolean, nullable=False),
    Column("repaired_params", Json, nullable=False),
    Column("filter_rejections", Json, nullable=False),
    Column("relaxations", Json, nullable=False),
    Column("regime_tags", Json, nullable=False),
    Column("params", Json),
    Column("embed_model", sa.String(128), nullable=False),
    Column("collection", sa.String(128), nullable=False),
    Column("timings", Json, nullable=False),
    Column("weights", Json, nullable=False),
    Column("source", sa.String(32), nullable=False),
    Column("replica", sa.String(128), nullable=False),
    # From here on null in the events of releases before schema 0005. Texts that users choose have
    # no length here: a symbol that no trial has is answered too, and its event is not lost.
    Column("symbol", sa.Text),
    Column("timeframe", sa.Text),
    Column("as_of", UtcTime),
    Column("strategy_version", sa.Text),
    Column("market_kind", sa.String(16)),
    Column("regime", Json),
    Column("filters", Json),
    Column("question", Json),
    Column("params_tested", sa.Boolean),
    Column("expected", sa.Double),
    Column("expected_low", sa.Double),
    Column("expected_high", sa.Double),
    Column("expected_unit", sa.String(32)),
    Column("baseline_expected", sa.Double),
    Column("defaults_expected", sa.Double),
    Column("schema_version", sa.Integer),
    # Callers name their requests and try again under the same name: each answer is an event, and
    # the same event is there once.
    UniqueConstraint("request_id", "at"),
    # The last hours by minute are read from the index alone.
    Index(
        "ix_recommend_events_workspace_id_at_status",
        *("workspace_id", "at", "status", "source", "strategy_name"),
    ),
)
