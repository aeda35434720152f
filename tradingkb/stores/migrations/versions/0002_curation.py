"""Withdrawable runs, versions of trials, leases, checks of the index.

Only adds: release 0.1 runs on this schema, and its rows need none of the new columns.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from tradingkb.sql.types import Key, UtcTime

revision = "0002"
down_revision = "0001"

_METRICS: dict[str, sa.types.TypeEngine[Any]] = {
    "sharpe": sa.Double(),
    "return_frac": sa.Double(),
    "max_drawdown_frac": sa.Double(),
    "n_trades": sa.Integer(),
    "win_rate": sa.Double(),
    "profit_factor": sa.Double(),
}
_OPEN = sa.text("archived_at IS NOT NULL OR reason IS NOT NULL OR content_hash = ''")


def upgrade() -> None:
    _runs()
    _versions()
    _leases()
    _checks()
    op.add_column("trials", sa.Column("withdrawn_at", UtcTime))
    op.create_index("ix_trials_window_id_param_set_id", "trials", ["window_id", "param_set_id"])
    op.create_index(
        "ix_kb_trial_index_open",
        "kb_trial_index",
        ["collection", "workspace_id"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )


def _runs() -> None:
    kind = sa.Column("kind", sa.String(16), nullable=False, server_default="ingest")
    op.add_column("ingest_runs", kind)
    op.add_column("ingest_runs", sa.Column("collection", sa.String(128)))
    op.add_column("ingest_runs", sa.Column("withdrawn_at", UtcTime))
    op.add_column("ingest_runs", sa.Column("withdrawn_by", sa.String(128)))
    op.add_column("ingest_runs", sa.Column("withdrawn_reason", sa.Text()))


def _foreign(column: str, target: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_trial_versions_{column}")
    return sa.ForeignKeyConstraint([column], [target], name=name)


def _versions() -> None:
    op.create_table(
        "trial_versions",
        sa.Column("id", Key, nullable=False),
        sa.Column("workspace_id", sa.String(36), nullable=False),
        sa.Column("trial_id", Key, nullable=False),
        sa.Column("experiment_type", sa.String(32), nullable=False),
        sa.Column("strategy_name", sa.String(128), nullable=False),
        sa.Column("strategy_version", sa.String(64)),
        sa.Column("param_set_id", Key, nullable=False),
        sa.Column("window_id", Key, nullable=False),
        sa.Column("objective_type", sa.String(64), nullable=False),
        sa.Column("objective_score", sa.Double()),
        *(
            sa.Column(f"{metric}_{sample}", kind)
            for metric, kind in _METRICS.items()
            for sample in ("is", "oos")
        ),
        sa.Column("engine", sa.String(64)),
        sa.Column("cost_bps", sa.Double()),
        sa.Column("known_at", UtcTime, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("row_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trial_versions")),
        _foreign("workspace_id", "workspaces.id"),
        _foreign("trial_id", "trials.id"),
        _foreign("param_set_id", "param_sets.id"),
        _foreign("window_id", "windows.id"),
        sa.UniqueConstraint("trial_id", "run_id", name=op.f("uq_trial_versions_trial_id_run_id")),
    )
    op.create_index("ix_trial_versions_run_id", "trial_versions", ["run_id"])


def _checks() -> None:
    op.create_table(
        "index_checks",
        sa.Column("workspace_id", sa.String(36), nullable=False),
        sa.Column("collection", sa.String(128), nullable=False),
        sa.Column("strategy_name", sa.String(128), nullable=False),
        sa.Column("pipeline", sa.String(128), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_index_checks_workspace_id")
        ),
        sa.PrimaryKeyConstraint(
            "workspace_id", "collection", "strategy_name", name=op.f("pk_index_checks")
        ),
    )


def _leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("holder", sa.String(255), nullable=False),
        sa.Column("acquired_at", UtcTime, nullable=False),
        sa.Column("expires_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
