"""What reports read: sums by hour, what breakers did, and what changed when. Only adds.

The sums of the events that are stored are made here; a release before this one writes events
without them, and `tradingkb rollups` makes them again.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from tradingkb.sql.types import Json, Key, UtcTime
from tradingkb.stores import sums
from tradingkb.stores.rollups import add_sums

revision = "0008"
down_revision = "0007"

_EVENTS = "recommend_events"
_COUNTS = ("count", "strict_to_relaxed", "metadata_only", "repaired_params", "low_count")
_STRUCTURES = (
    *("repaired_params", "reasons", "warnings", "timings"),
    *("filter_rejections", "relaxations"),
)
_CHUNK = 5_000
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
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_changes_workspace_id"),
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_changes_at", "changes", ["at"])
    op.create_index(
        "ix_recommend_events_workspace_id_at_status",
        _EVENTS,
        ["workspace_id", "at", "status", "source", "strategy_name"],
    )
    op.drop_index("ix_recommend_events_workspace_id_at", _EVENTS)
    op.create_index(
        "ix_kb_status_history_workspace_id_at",
        "kb_status_history",
        ["workspace_id", "at", "to_status", "actor", "id"],
    )
    _fill()
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


def _fill() -> None:
    """Sums of the events that are stored, some thousand of them in memory at once."""
    kinds: dict[str, Any] = {"at": UtcTime(), **dict.fromkeys(_STRUCTURES, Json)}
    events = sa.table(
        _EVENTS,
        sa.column("id", Key),
        *(sa.column(name, kinds.get(name)) for name in sums.SUMMED),
    )
    next_ones = sa.select(events).order_by(events.c.id).limit(_CHUNK)
    connection, last = op.get_bind(), 0
    while rows := connection.execute(next_ones.where(events.c.id > last)).mappings().all():
        add_sums(connection, rows)
        last = rows[-1]["id"]


def _sums_table(name: str, keys: list[tuple[str, Any]], counts: list[sa.Column[Any]]) -> None:
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
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f(f"fk_{name}_workspace_id"),
            ondelete="CASCADE",
        ),
    )
