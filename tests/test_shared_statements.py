"""What one engine of this process has compiled is not compiled again by another."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from tests import shared_statements
from tradingkb.sql.engine import open_engine


def test_a_second_store_compiles_no_statement_that_the_first_has_compiled(tmp_path: Path) -> None:
    statement = sa.select(sa.literal("of this test alone").label("said"))
    compiled = []
    for name in ("a", "b"):
        engine = open_engine(f"sqlite:///{tmp_path / name}")
        with engine.connect() as connection:
            assert connection.scalar(statement) == "of this test alone"
        compiled.append(len(shared_statements.COMPILED))
        engine.dispose()
    assert compiled[0] == compiled[1] > 0
