"""What reports read: sums by hour, what breakers did, and what changed when. Only adds.

The sums of the events that are stored are made here; a release before this one writes events
without them, and `tradingkb rollups` makes them again.
"""

import sqlalchemy as sa
from alembic import op

from tradingkb.sql.types import Json, Key, UtcTime

revision = "0008"
down_revision = "0007"

_EVENTS = "recommend_events"
_COUNTS = ("count", "strict_to_relaxed", "metadata_only", "repaired_params", "low_count")
_LATENCY_MS = (10, 30, 100, 300, 1000, 3000)


def upgrade() -> None:
    _sums()
    op.create_table(
        "breaker_changes",
        sa.Column("id", Key, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("replica", sa.String(128), nullable=False),
        sa.Column("service", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("changed", sa.Boolean, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("retries", sa.BigInteger, nullable=False),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_breaker_changes")),
    )
    op.create_index("ix_breaker_changes_at", "breaker_changes", ["at"])
    op.create_table(
        "changes",
        sa.Column("id", Key, nullable=False),
        sa.Column("workspace_id", sa.String(36)),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_changes_workspace_id")
        ),
    )
    op.create_index("ix_changes_at", "changes", ["at"])
    op.create_index(
        "ix_recommend_events_workspace_id_at_status",
        _EVENTS,
        ["workspace_id", "at", "status", "source", "strategy_name"],
    )
    op.drop_index("ix_recommend_events_workspace_id_at", _EVENTS)
    _lists_of_trials()


def _lists_of_trials() -> None:
    with_sharpe, curated = sa.text("sharpe_oos IS NOT NULL"), sa.text("kb_status <> 'candidate'")
    op.create_index(
        "ix_trials_sharpe_oos",
        "trials",
        ["workspace_id", "strategy_name", "sharpe_oos"],
        sqlite_where=with_sharpe,
        postgresql_where=with_sharpe,
    )
    op.create_index(
        "ix_trials_curated",
        "trials",
        ["workspace_id", "kb_status"],
        sqlite_where=curated,
        postgresql_where=curated,
    )


def _sums() -> None:
    keys = [
        ("strategy_name", sa.String(128)),
        ("objective_type", sa.String(64)),
        ("status", sa.String(16)),
        ("source", sa.String(32)),
        ("replica", sa.String(128)),
    ]
    counts = [sa.Column(name, sa.BigInteger, nullable=False) for name in _COUNTS]
    counts.append(sa.Column("seconds", sa.Double, nullable=False))
    counts += [sa.Column(f"le_{b}_ms", sa.BigInteger, nullable=False) for b in _LATENCY_MS]
    _sums_table("event_rollups", keys, counts)
    keys = [("strategy_name", sa.String(128)), ("filter", sa.String(64))]
    names = ("asked", "requests", "requests_only", "trials", "trials_only", "saved")
    counts = [sa.Column(name, sa.BigInteger, nullable=False) for name in names]
    _sums_table("rejection_rollups", keys, counts)


def _sums_table(name: str, keys: list, counts: list) -> None:
    op.create_table(
        name,
        sa.Column("workspace_id", sa.String(36), nullable=False),
        sa.Column("hour", UtcTime, nullable=False),
        *(sa.Column(key, kind, nullable=False) for key, kind in keys),
        *counts,
        sa.PrimaryKeyConstraint(
            "workspace_id", "hour", *(key for key, _ in keys), name=op.f(f"pk_{name}")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f(f"fk_{name}_workspace_id")
        ),
    )
