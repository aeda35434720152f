"""Snapshots of the embedded vector index. Only adds."""

import sqlalchemy as sa
from alembic import op

from tradingkb.sql.types import Key, UtcTime

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "kb_vector_snapshots",
        sa.Column("id", Key, primary_key=True),
        sa.Column("collection", sa.String(128), nullable=False),
        sa.Column("name", sa.String(192), nullable=False),
        sa.Column("dimension", sa.Integer, nullable=False),
        sa.Column("points", sa.BigInteger, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.UniqueConstraint(
            "collection", "name", name=op.f("uq_kb_vector_snapshots_collection_name")
        ),
    )
    op.create_table(
        "kb_vector_snapshot_points",
        sa.Column("snapshot_id", Key, sa.ForeignKey("kb_vector_snapshots.id"), primary_key=True),
        sa.Column("point_id", sa.String(36), primary_key=True),
        sa.Column("workspace_id", sa.String(36), nullable=False),
        sa.Column("strategy_name", sa.String(128), nullable=False),
        sa.Column("window_key", sa.String(64), nullable=False),
        sa.Column("has_oos", sa.Boolean, nullable=False),
        sa.Column("max_drawdown", sa.Double),
        sa.Column("n_trades", sa.Integer),
        sa.Column("overfit_gap", sa.Double),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
