"""Many rows go into PostgreSQL by COPY, and are what they would be by INSERTs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.postgres import database
from tradingkb.exceptions import InvalidInputError
from tradingkb.sql import copying, open_engine, reading, unhurried, writing
from tradingkb.sql.bulk import read, upsert
from tradingkb.sql.types import Json, Key, UtcTime

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
THINGS = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("id", Key, primary_key=True),
    sa.Column("name", sa.Text, unique=True),
    sa.Column("at", UtcTime),
    sa.Column("share", sa.Double),
    sa.Column("n", sa.Integer),
    sa.Column("good", sa.Boolean),
    sa.Column("said", Json),
    sa.Column("raw", sa.LargeBinary),
)
TYPES = {
    "name": pl.String,
    "at": pl.Datetime("us", "UTC"),
    "share": pl.Float64,
    "n": pl.Int64,
    "good": pl.Boolean,
    "said": pl.String,
    "raw": pl.Binary,
}
READ = [c for c in THINGS.columns if c.name != "id"]


@pytest.fixture(scope="module")
def engine(postgres_url: sa.URL) -> Iterator[sa.Engine]:
    with database(postgres_url) as url:
        engine = open_engine(url)
        THINGS.metadata.create_all(engine)
        yield engine
        engine.dispose()


@pytest.fixture(autouse=True)
def empty(engine: sa.Engine) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql("TRUNCATE things")


def frame(*rows: dict[str, object]) -> pl.DataFrame:
    named = [{"name": f"n{number}", **row} for number, row in enumerate(rows)]
    return pl.DataFrame(named, schema=TYPES)


def stored(engine: sa.Engine) -> pl.DataFrame:
    with reading(engine) as connection:
        return read(connection, sa.select(*READ).order_by("id"))


def write(engine: sa.Engine, rows: pl.DataFrame, *, keep_known: bool = False) -> None:
    update = [c for c in rows.columns if c != "name"]
    with writing(engine) as connection:
        upsert(connection, THINGS, rows, key=["name"], update=update, keep_known=keep_known)


def by_copy(monkeypatch: pytest.MonkeyPatch, wanted: bool = True) -> None:
    monkeypatch.setattr(copying, "COPIED_ROWS", 1 if wanted else 10**9)


_TEXT = st.text(st.sampled_from(list("\\\t\n\r,\"'N.x\x01\x7fé\u2028€\U0001f600 ")), max_size=6)
_ROW = st.fixed_dictionaries(
    {
        "name": _TEXT,
        "at": st.none() | st.datetimes(datetime(1, 1, 2), datetime(9999, 1, 1)),
        "share": st.none() | st.floats(allow_subnormal=True),
        "n": st.none() | st.integers(-(2**31), 2**31 - 1),
        "good": st.none() | st.booleans(),
        "said": st.none() | st.sampled_from(['{"a": "\\\\n\\t\\\\"}', "[1.5e300]", '""', "{}"]),
        "raw": st.none() | st.binary(max_size=9),
    }
)


@settings(max_examples=60)
@given(rows=st.lists(_ROW, min_size=1, max_size=12, unique_by=lambda row: row["name"]))
def test_rows_are_the_same_whichever_way_they_take(engine, rows) -> None:
    for row in rows:
        row["at"] = row["at"] and row["at"].replace(tzinfo=UTC)
    told = pl.DataFrame(rows, schema=TYPES)
    found = []
    for wanted in (False, True):
        with pytest.MonkeyPatch.context() as patch, writing(engine) as connection:
            by_copy(patch, wanted)
            connection.exec_driver_sql("TRUNCATE things")
            upsert(connection, THINGS, told, key=["name"], update=["at"])
            found.append(read(connection, sa.select(*READ).order_by("id")))
    assert found[0].equals(found[1])
    assert found[1].drop("said").equals(told.drop("said"))


def test_a_known_row_is_replaced_and_keeps_what_a_null_does_not_say(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_copy(monkeypatch)
    write(engine, frame({"n": 1, "share": 0.5}, {"n": 2, "share": 0.5}))
    write(engine, frame({"n": 3, "share": None}), keep_known=True)
    assert stored(engine).select("name", "n", "share").rows() == [("n0", 3, 0.5), ("n1", 2, 0.5)]
    write(engine, frame({"n": 4, "share": None}))
    assert stored(engine).select("n", "share").rows() == [(4, None), (2, 0.5)]


def test_of_rows_with_one_key_the_last_counts(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_copy(monkeypatch)
    write(engine, frame({"name": "same", "n": 1}, {"name": "same", "n": 2}))
    assert stored(engine).select("name", "n").rows() == [("same", 2)]


def test_whole_numbers_that_came_as_floats_are_whole_numbers(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_copy(monkeypatch)
    write(engine, frame({"n": 3}).with_columns(pl.col("n").cast(pl.Float64)))
    assert stored(engine)["n"].to_list() == [3]


@pytest.mark.parametrize("wanted", [True, False], ids=["copy", "insert"])
@pytest.mark.parametrize("row", [{"name": "a\0b"}, {"said": '"\\u0000"'}], ids=["text", "json"])
def test_a_text_with_a_nul_is_refused_by_name_and_nothing_is_written(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, wanted: bool, row: dict[str, object]
) -> None:
    by_copy(monkeypatch, wanted)
    with pytest.raises(InvalidInputError, match="does not take a value"):
        write(engine, frame({"name": "good"}, row))
    assert stored(engine).is_empty()


def test_two_frames_go_into_one_transaction(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_copy(monkeypatch)
    with unhurried(), writing(engine) as connection:
        for number in range(2):
            rows = frame({"n": number}).with_columns(name=pl.lit(f"frame {number}"))
            upsert(connection, THINGS, rows, key=["name"], update=[])
    assert stored(engine)["n"].to_list() == [0, 1]


def test_few_rows_are_inserted_as_they_are(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "copy_rows", None)
    write(engine, frame(*[{"n": 1}] * (copying.COPIED_ROWS - 1)))
    assert stored(engine).height == copying.COPIED_ROWS - 1


def test_a_plan_that_was_kept_for_an_empty_table_is_made_anew_when_it_is_full(
    engine: sa.Engine,
) -> None:
    """A connection keeps plans, and PostgreSQL looks at tables once a minute by itself."""
    many = [{"at": NOON + timedelta(seconds=n), "n": n} for n in range(20_000)]
    both = "SELECT a.id FROM things a JOIN things b USING (n) WHERE a.n = ANY($1)"
    with writing(engine) as connection:
        connection.exec_driver_sql("ANALYZE things")
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
        connection.exec_driver_sql(f"PREPARE few(int[]) AS {both}")

        def plan() -> str:
            lines = connection.exec_driver_sql("EXPLAIN EXECUTE few('{1,2}')").scalars()
            return "\n".join(lines)

        small = plan()
        upsert(connection, THINGS, frame(*many), key=["name"], update=[])
        assert plan() != small
        assert "Hash" in plan()
        known = sa.text("SELECT reltuples FROM pg_class WHERE relname = 'things'")
        assert connection.scalar(known) == len(many)
        connection.exec_driver_sql("DEALLOCATE few")
