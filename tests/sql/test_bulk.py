"""Frames of what SQL says have exact types, however little it says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from tradingkb.sql import open_engine, reading, writing
from tradingkb.sql.bulk import read, upsert
from tradingkb.sql.types import UtcTime

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
THINGS = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", UtcTime),
    sa.Column("share", sa.Float),
    sa.Column("good", sa.Boolean),
    sa.Column("said", sa.Text),
)
TYPES = {
    "id": pl.Int64,
    "at": pl.Datetime("us", "UTC"),
    "share": pl.Float64,
    "good": pl.Boolean,
    "said": pl.String,
}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'things.db'}")
    THINGS.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("rows", [0, 1, 5_000], ids=["nothing", "one row", "several portions"])
@pytest.mark.parametrize("names", [list(TYPES), ["id", "said"]], ids=["all", "no time"])
def test_a_read_has_the_same_types_whatever_it_finds(
    engine: sa.Engine, rows: int, names: list[str]
) -> None:
    given = pl.DataFrame(
        [
            {"id": n, "at": NOON, "share": n / 3, "good": n % 2 == 0, "said": "x"}
            for n in range(rows)
        ],
        schema=TYPES,
    )
    with writing(engine) as connection:
        upsert(connection, THINGS, given, key=["id"], update=[])
    with reading(engine) as connection:
        found = read(connection, sa.select(*(THINGS.c[name] for name in names)).order_by("id"))
    assert found.schema == pl.Schema({name: TYPES[name] for name in names})
    assert found.equals(given.select(names))
