"""What was said when: every registration of a spec, and of which sample a score is. Only adds.

A release before this one goes on replacing specs without a note of what they were; the spec that
it leaves behind counts from its own time on. It writes scores without their sample, as all did.
"""

import sqlalchemy as sa
from alembic import op

from tradingkb.sql.types import Json, Key, UtcTime

revision = "0006"
down_revision = "0005"

_TABLE = "spec_registrations"


def upgrade() -> None:
    for table in ("trials", "trial_versions"):
        op.add_column(table, sa.Column("objective_sample", sa.String(8)))
    op.create_table(
        _TABLE,
        sa.Column("id", Key, nullable=False),
        sa.Column("workspace_id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("spec", Json, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{_TABLE}")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f(f"fk_{_TABLE}_workspace_id")
        ),
    )
    op.create_index(
        op.f(f"ix_{_TABLE}_workspace_id_name"), _TABLE, ["workspace_id", "name"], unique=False
    )
    op.execute(
        sa.text(
            f"INSERT INTO {_TABLE} (workspace_id, name, version, spec, at) "
            "SELECT workspace_id, name, version, spec, updated_at FROM strategy_specs ORDER BY id"
        )
    )
