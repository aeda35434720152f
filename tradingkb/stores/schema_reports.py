"""The tables that reports read: sums of what happened by hour, and what changed when.

The sums are kept up in the transaction that saves events, and outlive events that are pruned. They
are sums of rows that may be gone, so a backup takes them along.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Table

from tradingkb.sql import Json, Key, UtcTime
from tradingkb.stores.schema_base import metadata
from tradingkb.stores.sums import LATENCY_MS


def _of_workspace(**options: Any) -> Column[Any]:
    """Goes with its workspace: a restore of the release before deletes what it knows, and that."""
    whose = ForeignKey("workspaces.id", ondelete="CASCADE")
    return Column("workspace_id", sa.String(36), whose, **options)


#: Answers by hour. Probes are in it under their source, so that whoever reads leaves them out.
event_rollups = Table(
    "event_rollups",
    metadata,
    _of_workspace(primary_key=True),
    Column("hour", UtcTime, primary_key=True),
    Column("strategy_name", sa.String(128), primary_key=True),
    Column("objective_type", sa.String(64), primary_key=True),
    Column("status", sa.String(16), primary_key=True),
    Column("source", sa.String(32), primary_key=True),
    Column("replica", sa.String(128), primary_key=True),
    Column("count", sa.BigInteger, nullable=False),
    Column("strict_to_relaxed", sa.BigInteger, nullable=False),
    Column("metadata_only", sa.BigInteger, nullable=False),
    Column("repaired_params", sa.BigInteger, nullable=False),
    # Answers that say few_candidates or few_windows.
    Column("low_count", sa.BigInteger, nullable=False),
    Column("seconds", sa.Double, nullable=False),
    *(Column(f"le_{bound}_ms", sa.BigInteger, nullable=False) for bound in LATENCY_MS),
)

#: What strict filters did by hour, probes left out.
rejection_rollups = Table(
    "rejection_rollups",
    metadata,
    _of_workspace(primary_key=True),
    Column("hour", UtcTime, primary_key=True),
    Column("strategy_name", sa.String(128), primary_key=True),
    Column("filter", sa.String(64), primary_key=True),
    # Answers that had the filter in force; in which it failed a trial; in which it alone did.
    Column("asked", sa.BigInteger, nullable=False),
    Column("requests", sa.BigInteger, nullable=False),
    Column("requests_only", sa.BigInteger, nullable=False),
    # Sums of trials that fail the filter, and that fail no other one.
    Column("trials", sa.BigInteger, nullable=False),
    Column("trials_only", sa.BigInteger, nullable=False),
    # Answers that were not ok and to which a sufficient relaxation of this filter was recommended.
    Column("saved", sa.BigInteger, nullable=False),
)

#: What breakers did: a change of state, or retries since the last row of this replica and service.
breaker_changes = Table(
    "breaker_changes",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("replica", sa.String(128), nullable=False),
    Column("service", sa.String(32), nullable=False),
    Column("state", sa.String(16), nullable=False),
    Column("changed", sa.Boolean, nullable=False),
    Column("failures", sa.Integer, nullable=False),
    Column("retries", sa.BigInteger, nullable=False),
    Column("error", sa.Text),
    Index("ix_breaker_changes_at", "at"),
)

#: What was done that may change answers, or has to be done now and then: a model activated, a
#: backup, a restore, a calibration, a service started with other settings or another release.
changes = Table(
    "changes",
    metadata,
    Column("id", Key, primary_key=True),
    # Null: of the whole store.
    _of_workspace(),
    Column("at", UtcTime, nullable=False),
    Column("kind", sa.String(32), nullable=False),
    Column("actor", sa.String(128), nullable=False),
    Column("facts", Json, nullable=False),
    Index("ix_changes_at", "at"),
)
