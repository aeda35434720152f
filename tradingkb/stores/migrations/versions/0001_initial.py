"""The first schema: trials and what is derived from them, and the embedded vector index.

Frozen: later changes of the schema are migrations of their own.
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from tradingkb.sql.types import Json, Key, UtcTime

revision = "0001"
down_revision = None

_METRICS: dict[str, sa.types.TypeEngine[Any]] = {
    "sharpe": sa.Double(),
    "return_frac": sa.Double(),
    "max_drawdown_frac": sa.Double(),
    "n_trades": sa.Integer(),
    "win_rate": sa.Double(),
    "profit_factor": sa.Double(),
}


def upgrade() -> None:
    _schema_version()
    _workspaces()
    _windows_and_params()
    _trials()
    _derived()
    _runs()
    _events()
    _vector_collections()
    _vectors()


def _scoped(table: str) -> Iterator[sa.schema.SchemaItem]:
    """A numbered row of a workspace."""
    yield sa.Column("id", Key, nullable=False)
    yield sa.Column("workspace_id", sa.String(36), nullable=False)
    yield sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}"))
    yield _foreign(table, "workspace_id", "workspaces.id")


def _foreign(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=op.f(f"uq_{table}_{'_'.join(columns)}"))


def _schema_version() -> None:
    op.create_table("tradingkb_schema", sa.Column("major", sa.Integer(), nullable=False))
    op.execute("INSERT INTO tradingkb_schema (major) VALUES (1)")


def _workspaces() -> None:
    op.create_table(
        "workspaces",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("slug", sa.String(64), nullable=False),
        sa.Column("default_embed_model", sa.String(128)),
        sa.Column("default_collection", sa.String(128)),
        sa.Column("config", Json, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
        _unique("workspaces", "slug"),
    )
    op.create_table(
        "strategy_specs",
        *_scoped("strategy_specs"),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("spec", Json, nullable=False),
        sa.Column("updated_at", UtcTime, nullable=False),
        _unique("strategy_specs", "workspace_id", "name", "version"),
    )
    op.create_table(
        "regime_scalers",
        *_scoped("regime_scalers"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("scaler", Json, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        _unique("regime_scalers", "workspace_id", "version"),
    )


def _windows_and_params() -> None:
    op.create_table(
        "windows",
        *_scoped("windows"),
        sa.Column("window_key", sa.String(64), nullable=False),
        sa.Column("symbol", sa.String(64)),
        sa.Column("timeframe", sa.String(16)),
        sa.Column("is_start", UtcTime),
        sa.Column("is_end", UtcTime),
        sa.Column("oos_start", UtcTime),
        sa.Column("oos_end", UtcTime),
        sa.Column("regime_is", sa.Text),
        sa.Column("regime_oos", sa.Text),
        _unique("windows", "workspace_id", "window_key"),
    )
    op.create_table(
        "param_sets",
        *_scoped("param_sets"),
        sa.Column("strategy_name", sa.String(128), nullable=False),
        sa.Column("params_hash", sa.String(64), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        _unique("param_sets", "workspace_id", "strategy_name", "params_hash"),
    )


def _trials() -> None:
    op.create_table(
        "trials",
        *_scoped("trials"),
        sa.Column("source_type", sa.String(64), nullable=False),
        sa.Column("source_id", sa.String(255), nullable=False),
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
        sa.Column("kb_status", sa.String(16), nullable=False),
        sa.Column("promoted_at", UtcTime),
        sa.Column("known_at", UtcTime, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("ingested_at", UtcTime, nullable=False),
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("row_hash", sa.String(64), nullable=False),
        sa.CheckConstraint(
            "kb_status IN ('candidate', 'promoted', 'rejected')", name=op.f("ck_trials_kb_status")
        ),
        _foreign("trials", "param_set_id", "param_sets.id"),
        _foreign("trials", "window_id", "windows.id"),
        _unique("trials", "workspace_id", "source_type", "source_id"),
    )
    op.create_index(
        "ix_trials_workspace_id_strategy_name", "trials", ["workspace_id", "strategy_name"]
    )


def _derived() -> None:
    op.create_table(
        "kb_trial_index",
        *_scoped("kb_trial_index"),
        sa.Column("trial_id", Key, nullable=False),
        sa.Column("point_id", sa.String(36), nullable=False),
        sa.Column("collection", sa.String(128), nullable=False),
        sa.Column("embed_model", sa.String(128), nullable=False),
        sa.Column("pipeline", sa.String(128), nullable=False),
        sa.Column("regime_schema_version", sa.Integer()),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("indexed_at", UtcTime),
        sa.Column("archived_at", UtcTime),
        sa.Column("reason", sa.Text()),
        _foreign("kb_trial_index", "trial_id", "trials.id"),
        _unique("kb_trial_index", "trial_id", "collection"),
    )
    op.create_index(
        "ix_kb_trial_index_collection_point_id", "kb_trial_index", ["collection", "point_id"]
    )
    op.create_table(
        "kb_status_history",
        *_scoped("kb_status_history"),
        sa.Column("trial_id", Key, nullable=False),
        sa.Column("from_status", sa.String(16)),
        sa.Column("to_status", sa.String(16), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("actor_type", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text()),
        _foreign("kb_status_history", "trial_id", "trials.id"),
    )
    op.create_index("ix_kb_status_history_trial_id", "kb_status_history", ["trial_id"])
    op.create_table(
        "partition_generations",
        sa.Column("workspace_id", sa.String(36), nullable=False),
        sa.Column("strategy_name", sa.String(128), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        _foreign("partition_generations", "workspace_id", "workspaces.id"),
        sa.PrimaryKeyConstraint(
            "workspace_id", "strategy_name", name=op.f("pk_partition_generations")
        ),
    )


def _runs() -> None:
    op.create_table(
        "ingest_runs",
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("workspace_id", sa.String(36), nullable=False),
        sa.Column("started_at", UtcTime, nullable=False),
        sa.Column("finished_at", UtcTime),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("counts", Json, nullable=False),
        sa.Column("error", sa.Text()),
        _foreign("ingest_runs", "workspace_id", "workspaces.id"),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_ingest_runs")),
    )


def _events() -> None:
    op.create_table(
        "recommend_events",
        sa.Column("id", Key, nullable=False),
        sa.Column("request_id", sa.String(36), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("workspace_id", sa.String(36), nullable=False),
        sa.Column("strategy_name", sa.String(128), nullable=False),
        sa.Column("objective_type", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("confidence", sa.Double()),
        sa.Column("confidence_band", sa.String(16), nullable=False),
        sa.Column("reasons", Json, nullable=False),
        sa.Column("warnings", Json, nullable=False),
        sa.Column("after_strict", sa.Integer(), nullable=False),
        sa.Column("after_relaxed", sa.Integer(), nullable=False),
        sa.Column("windows_used", sa.Integer(), nullable=False),
        sa.Column("strict_to_relaxed", sa.Boolean(), nullable=False),
        sa.Column("metadata_only", sa.Boolean(), nullable=False),
        sa.Column("repaired_params", Json, nullable=False),
        sa.Column("filter_rejections", Json, nullable=False),
        sa.Column("relaxations", Json, nullable=False),
        sa.Column("regime_tags", Json, nullable=False),
        sa.Column("params", Json),
        sa.Column("embed_model", sa.String(128), nullable=False),
        sa.Column("collection", sa.String(128), nullable=False),
        sa.Column("timings", Json, nullable=False),
        sa.Column("weights", Json, nullable=False),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("replica", sa.String(128), nullable=False),
        _foreign("recommend_events", "workspace_id", "workspaces.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recommend_events")),
        _unique("recommend_events", "request_id"),
    )
    op.create_index(
        "ix_recommend_events_workspace_id_at", "recommend_events", ["workspace_id", "at"]
    )


def _vector_collections() -> None:
    op.create_table(
        "kb_vector_collections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "kb_vector_aliases",
        sa.Column("alias", sa.String(128), nullable=False),
        sa.Column("collection_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["collection_id"], ["kb_vector_collections.id"]),
        sa.PrimaryKeyConstraint("alias"),
    )
    op.create_table(
        "kb_vector_generations",
        sa.Column("collection_id", sa.Integer(), nullable=False),
        sa.Column("workspace_id", sa.String(36), nullable=False),
        sa.Column("strategy_name", sa.String(128), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["collection_id"], ["kb_vector_collections.id"]),
        sa.PrimaryKeyConstraint("collection_id", "workspace_id", "strategy_name"),
    )


def _vectors() -> None:
    op.create_table(
        "kb_vectors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("collection_id", sa.Integer(), nullable=False),
        sa.Column("point_id", sa.String(36), nullable=False),
        sa.Column("workspace_id", sa.String(36), nullable=False),
        sa.Column("strategy_name", sa.String(128), nullable=False),
        sa.Column("window_key", sa.String(64), nullable=False),
        sa.Column("has_oos", sa.Boolean(), nullable=False),
        sa.Column("max_drawdown", sa.Double()),
        sa.Column("n_trades", sa.Integer()),
        sa.Column("overfit_gap", sa.Double()),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["collection_id"], ["kb_vector_collections.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "collection_id", "point_id", name="uq_kb_vectors_collection_id_point_id"
        ),
    )
    op.create_index(
        "ix_kb_vectors_partition", "kb_vectors", ["collection_id", "workspace_id", "strategy_name"]
    )
