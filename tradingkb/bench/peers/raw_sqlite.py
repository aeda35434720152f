"""Raw insertion: the very rows of a store once more, by sqlite3's executemany."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Final

from tradingkb.indexing import BATCH
from tradingkb.ingest import WRITE_BATCH

_STORE: Final = "tradingkb.db"
_PRAGMAS: Final = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")
#: Index rows and vectors go in smaller transactions than trials.
_SMALLER: Final = ("kb_trial_index", "kb_vectors")
#: Written by Alembic, by the benchmark's own questions and specs, not by an ingest.
_NOT_INGESTED: Final = ("alembic_version", "recommend_events", "strategy_specs")


def insert_again(home: Path, folder: Path) -> tuple[float, dict[str, int]]:
    """Inserts every row of the store in `home` into a new file of the same schema and pragmas.

    Rows are read into tuples beforehand, one transaction's at a time, outside of the time that
    is taken.

    Returns:
        Seconds, and rows per table.
    """
    with _two_files(home, folder) as (source, target):
        for (statement,) in source.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type = 'index'"
        ):
            target.execute(statement)
        took, rows = 0.0, {}
        for table in _tables(source):
            size = BATCH if table in _SMALLER else WRITE_BATCH
            seconds, rows[table] = _copy(source, target, table, size)
            took += seconds
    return took, {table: n for table, n in rows.items() if n}


def insert_flat(home: Path, folder: Path) -> float:
    """Seconds for the trials alone, into a table without any index or key."""
    with _two_files(home, folder) as (source, target):
        names = [row[1] for row in source.execute("PRAGMA table_info(trials)")]
        target.execute(f"CREATE TABLE trials ({', '.join(names)})")
        return _copy(source, target, "trials", WRITE_BATCH)[0]


@contextmanager
def _two_files(home: Path, folder: Path) -> Iterator[tuple[sqlite3.Connection, sqlite3.Connection]]:
    place = folder / "raw"
    place.mkdir()
    with (
        closing(sqlite3.connect(home / _STORE)) as source,
        closing(sqlite3.connect(place / _STORE, isolation_level=None)) as target,
    ):
        for pragma in _PRAGMAS:
            target.execute(f"PRAGMA {pragma}")
        yield source, target
    shutil.rmtree(place)


def _tables(source: sqlite3.Connection) -> list[str]:
    """The tables that an ingest fills, those that others refer to first."""
    statement = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    refers: Mapping[str, set[str]] = {
        name: {row[2] for row in source.execute(f"PRAGMA foreign_key_list({name})")} - {name}
        for (name,) in source.execute(statement).fetchall()
    }
    return [name for name in TopologicalSorter(refers).static_order() if name not in _NOT_INGESTED]


def _copy(
    source: sqlite3.Connection, target: sqlite3.Connection, table: str, size: int
) -> tuple[float, int]:
    cursor = source.execute(f"SELECT * FROM {table} ORDER BY rowid")
    marks = ", ".join("?" * len(cursor.description))
    took, n = 0.0, 0
    while rows := cursor.fetchmany(size):
        took += _insert(target, f"INSERT INTO {table} VALUES ({marks})", rows)
        n += len(rows)
    return took, n


def _insert(target: sqlite3.Connection, statement: str, rows: list[Any]) -> float:
    start = time.perf_counter()
    target.execute("BEGIN IMMEDIATE")
    target.executemany(statement, rows)
    target.execute("COMMIT")
    return time.perf_counter() - start
