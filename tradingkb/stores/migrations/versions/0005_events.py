"""Events remember the question, and a request that is tried again leaves two. Only adds.

Every new column may be null: events of earlier releases say nothing there, and a release before
this one goes on writing events without them. The key of an event becomes wider, and so does the
name of its request; SQLite copies the table for that.
"""

import sqlalchemy as sa
from alembic import op

from tradingkb.sql.types import Json, UtcTime

revision = "0005"
down_revision = "0004"

_TABLE = "recommend_events"


def upgrade() -> None:
    with op.batch_alter_table(_TABLE) as table:
        table.alter_column(
            "request_id", existing_type=sa.String(36), type_=sa.String(64), existing_nullable=False
        )
        table.drop_constraint(op.f(f"uq_{_TABLE}_request_id"), type_="unique")
        table.create_unique_constraint(op.f(f"uq_{_TABLE}_request_id_at"), ["request_id", "at"])
        for column in _columns():
            table.add_column(column)


def _columns() -> list[sa.Column[object]]:
    return [
        sa.Column("symbol", sa.Text()),
        sa.Column("timeframe", sa.Text()),
        sa.Column("as_of", UtcTime),
        sa.Column("strategy_version", sa.Text()),
        sa.Column("market_kind", sa.String(16)),
        sa.Column("regime", Json),
        sa.Column("filters", Json),
        sa.Column("question", Json),
        sa.Column("params_tested", sa.Boolean()),
        sa.Column("expected", sa.Double()),
        sa.Column("expected_low", sa.Double()),
        sa.Column("expected_high", sa.Double()),
        sa.Column("expected_unit", sa.String(32)),
        sa.Column("baseline_expected", sa.Double()),
        sa.Column("defaults_expected", sa.Double()),
        sa.Column("schema_version", sa.Integer()),
    ]
