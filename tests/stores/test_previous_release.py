"""A store of the previous schema is upgraded in place, and the previous release still runs on it.

`fixtures/store_0001.db.gz` was written by release 0.1 (312 trials of two strategies, three runs,
recommendations); `fixtures/statements_0001.json` holds every statement that it sent to the
database while ingesting, recommending and listing, each with the parameters of one execution.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import tradingkb as tkb
from tests.stores.recorded import refusal

FIXTURES = Path(__file__).parent / "fixtures"
STATEMENTS: list[tuple[str, Any]] = json.loads(
    (FIXTURES / "statements_0001.json").read_text(encoding="utf-8")
)


@pytest.fixture
def old_home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    (home / "tradingkb.db").write_bytes(
        gzip.decompress((FIXTURES / "store_0001.db.gz").read_bytes())
    )
    return home


def rows(path: Path, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1").fetchall()
    finally:
        connection.close()


def columns_of(path: Path, table: str) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    finally:
        connection.close()


TABLES = (
    "workspaces",
    "strategy_specs",
    "windows",
    "param_sets",
    "trials",
    "kb_trial_index",
    "kb_status_history",
    "regime_scalers",
    "ingest_runs",
    "recommend_events",
    "kb_vectors",
)


def test_an_old_store_keeps_every_row_when_it_is_upgraded(old_home: Path) -> None:
    path = old_home / "tradingkb.db"
    names = {table: ", ".join(columns_of(path, table)) for table in TABLES}
    before = {table: rows(path, table, names[table]) for table in TABLES}
    tkb.connect(old_home, progress=False).close()
    assert {table: rows(path, table, names[table]) for table in TABLES} == before
    assert len(before["trials"]) == 312


def test_an_old_store_answers_and_its_points_are_written_again_once(old_home: Path) -> None:
    """Their payload counts the trades of one sample; that of this release counts both."""
    with tkb.connect(old_home, progress=False) as kb:
        report = kb.ingest()
        assert report.updated == report.skipped + report.inserted + report.updated > 280
        again = kb.ingest()
        assert (again.skipped, again.inserted, again.updated) == (report.updated, 0, 0)
        assert kb.recommend("sma_cross", symbol="GOOG", timeframe="1d").params is not None
        assert set(kb.trials()["kb_status"]) == {"candidate", "promoted", "rejected"}


def changed_key(statement: str, parameters: list[Any]) -> list[Any]:
    """The parameters with other values where the same row twice would break a key."""
    if statement.startswith("INSERT INTO workspaces"):
        return ["another-id", "another-slug", *parameters[2:]]
    if statement.startswith("INSERT INTO recommend_events"):
        return ["another-request" if p == parameters[0] else p for p in parameters]
    return parameters


def test_every_statement_of_the_previous_release_runs_on_the_new_schema(old_home: Path) -> None:
    tkb.connect(old_home, progress=False).close()
    database = old_home / "tradingkb.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys=ON")
        for text, parameters in STATEMENTS:
            values = [bytes.fromhex(p["hex"]) if isinstance(p, dict) else p for p in parameters]
            refused = refusal(connection, text, changed_key(text, values))
            # The very row of the recording is there already: the statement itself is understood.
            assert "UNIQUE" in (refused or "UNIQUE"), text
