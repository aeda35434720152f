"""What became of past decisions, and the confidence that was fitted on them. Only adds."""

import sqlalchemy as sa
from alembic import op

from tradingkb.sql.types import Json, Key, UtcTime

revision = "0004"
down_revision = "0003"


def _id(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", Key, nullable=False),
        sa.Column("workspace_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f(f"fk_{table}_workspace_id")
        ),
    ]


def upgrade() -> None:
    op.create_table(
        "decision_outcomes",
        *_id("decision_outcomes"),
        sa.Column("objective_type", sa.String(64), nullable=False),
        sa.Column("strategy_name", sa.String(128), nullable=False),
        sa.Column("window_key", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("as_of", UtcTime, nullable=False),
        sa.Column("known_at", UtcTime, nullable=False),
        sa.Column("quarter", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("band", sa.Integer()),
        sa.Column("features", Json, nullable=False),
        sa.Column("won", sa.Double()),
        sa.UniqueConstraint(
            "workspace_id",
            "objective_type",
            "strategy_name",
            "window_key",
            name=op.f("uq_decision_outcomes_decision"),
        ),
    )
    op.create_table(
        "calibrations",
        *_id("calibrations"),
        sa.Column("objective_type", sa.String(64), nullable=False),
        sa.Column("fitted_at", UtcTime, nullable=False),
        sa.Column("known_until", UtcTime),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("n_outcomes", sa.Integer(), nullable=False),
        sa.Column("strategies", Json, nullable=False),
        sa.Column("model", Json),
    )
    op.create_index(
        "ix_calibrations_workspace_id_objective_type",
        "calibrations",
        ["workspace_id", "objective_type"],
    )
