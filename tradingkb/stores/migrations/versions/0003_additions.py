"""What is known of the way between two generations: whether trials, or points, were only added.

Only adds: a release before this one moves a generation without these columns, which then say
nothing (see `tradingkb.sql.counters`).
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for table in ("partition_generations", "kb_vector_generations"):
        op.add_column(table, sa.Column("added_since", sa.BigInteger()))
        op.add_column(table, sa.Column("added_until", sa.BigInteger()))
