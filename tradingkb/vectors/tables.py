"""Tables of the embedded vector index; they live in the same database as the trials."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Table

from tradingkb.sql import Key, UtcTime, counter

metadata = sa.MetaData()

collections = Table(
    "kb_vector_collections",
    metadata,
    Column("id", sa.Integer, primary_key=True),
    Column("name", sa.String(128), nullable=False, unique=True),
    Column("dimension", sa.Integer, nullable=False),
)

aliases = Table(
    "kb_vector_aliases",
    metadata,
    Column("alias", sa.String(128), primary_key=True),
    Column("collection_id", sa.Integer, ForeignKey("kb_vector_collections.id"), nullable=False),
)

vectors = Table(
    "kb_vectors",
    metadata,
    # On PostgreSQL each upsert takes a number, of points that are replaced too.
    Column("id", Key, primary_key=True),
    Column("collection_id", sa.Integer, ForeignKey("kb_vector_collections.id"), nullable=False),
    Column("point_id", sa.String(36), nullable=False),
    Column("workspace_id", sa.String(36), nullable=False),
    Column("strategy_name", sa.String(128), nullable=False),
    Column("window_key", sa.String(64), nullable=False),
    Column("has_oos", sa.Boolean, nullable=False),
    Column("max_drawdown", sa.Double),
    Column("n_trades", sa.Integer),
    Column("overfit_gap", sa.Double),
    Column("vector", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("collection_id", "point_id", name="uq_kb_vectors_collection_id_point_id"),
    sa.Index("ix_kb_vectors_partition", "collection_id", "workspace_id", "strategy_name"),
)

#: Counts the changes of one (collection, workspace, strategy): caches of arrays compare it.
generations = Table(
    "kb_vector_generations",
    metadata,
    Column("collection_id", sa.Integer, ForeignKey("kb_vector_collections.id"), primary_key=True),
    Column("workspace_id", sa.String(36), primary_key=True),
    Column("strategy_name", sa.String(128), primary_key=True),
    *counter(),
)

#: They outlive their collections: by name, not by number.
snapshots = Table(
    "kb_vector_snapshots",
    metadata,
    Column("id", Key, primary_key=True),
    Column("collection", sa.String(128), nullable=False),
    Column("name", sa.String(192), nullable=False),
    Column("dimension", sa.Integer, nullable=False),
    Column("points", sa.BigInteger, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    sa.UniqueConstraint("collection", "name", name="uq_kb_vector_snapshots_collection_name"),
)

snapshot_points = Table(
    "kb_vector_snapshot_points",
    metadata,
    Column("snapshot_id", Key, ForeignKey("kb_vector_snapshots.id"), primary_key=True),
    Column("point_id", sa.String(36), primary_key=True),
    Column("workspace_id", sa.String(36), nullable=False),
    Column("strategy_name", sa.String(128), nullable=False),
    Column("window_key", sa.String(64), nullable=False),
    Column("has_oos", sa.Boolean, nullable=False),
    Column("max_drawdown", sa.Double),
    Column("n_trades", sa.Integer),
    Column("overfit_gap", sa.Double),
    Column("vector", sa.LargeBinary, nullable=False),
)
