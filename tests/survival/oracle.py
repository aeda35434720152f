"""What a store holds, read with plain SQL: the judge shares no code with the accused."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

METRICS = ("sharpe", "return_frac", "max_drawdown_frac", "n_trades", "win_rate", "profit_factor")
TIMES = ("is_start", "is_end", "oos_start", "oos_end")
FIELDS = (
    "strategy_name",
    "symbol",
    "timeframe",
    "engine",
    "cost_bps",
    *(f"{metric}_{part}" for metric in METRICS for part in ("is", "oos")),
    *TIMES,
)
#: Numbers and moments that are the store's own business, and differ between two equal stores.
_OWN = {
    "id",
    "workspace_id",
    "param_set_id",
    "window_id",
    "run_id",
    "trial_id",
    "point_id",
    "collection_id",
    "ingested_at",
    "indexed_at",
    "created_at",
    "updated_at",
    "at",
    "promoted_at",
    "archived_at",
    "withdrawn_at",
    "reason",
}

Row = dict[str, Any]
#: The folder of a SQLite store, or the URL of a database on a server.
Place = Path | str


def sent(frame: pl.DataFrame) -> dict[str, Row]:
    """What a frame says of each trial, as `stored` says it."""
    written = frame.with_columns(
        pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ") for name in TIMES
    )
    return {
        row["source_id"]: {**{f: row[f] for f in FIELDS}, "params": json.loads(row["params"])}
        for row in written.to_dicts()
    }


def stored(home: Place) -> dict[str, Row]:
    """What the store says of each trial.

    Raises:
        AssertionError: a trial is stored twice.
    """
    rows = select(
        home,
        "SELECT t.*, w.*, p.params FROM trials t JOIN windows w ON w.id = t.window_id "
        "JOIN param_sets p ON p.id = t.param_set_id",
    )
    found = {
        row["source_id"]: {**{f: row[f] for f in FIELDS}, "params": json.loads(row["params"])}
        for row in rows
    }
    assert len(found) == len(rows) == len(select(home, "SELECT id FROM trials"))
    return found


def statuses(home: Place) -> dict[str, str]:
    """The status of each trial."""
    rows = select(home, "SELECT source_id, kb_status FROM trials")
    return {row["source_id"]: row["kb_status"] for row in rows}


def history(home: Place) -> dict[str, list[tuple[str, str]]]:
    """The changes of status of each trial that has any, oldest first."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in select(
        home,
        "SELECT source_id, from_status, to_status FROM kb_status_history h "
        "JOIN trials t ON t.id = h.trial_id ORDER BY h.id",
    ):
        found.setdefault(row["source_id"], []).append((row["from_status"], row["to_status"]))
    return found


def check_sound(home: Place) -> None:
    """The file is whole, and no status stands without the history that led to it."""
    if not exists(home):
        return
    if isinstance(home, Path):
        assert select(home, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
        assert select(home, "PRAGMA foreign_key_check") == []
    changes = history(home)
    for trial, status in statuses(home).items():
        chain = changes.get(trial, [])
        before = ["candidate", *(to for _, to in chain)]
        assert [origin for origin, _ in chain] == before[:-1], (trial, chain)
        assert status == before[-1], (trial, status, chain)


def check_every_value_was_sent(home: Place, *allowed: Mapping[str, Row]) -> None:
    """Each stored trial is, whole, what one of these said of it; the first are not lost."""
    found = stored(home)
    assert allowed[0].keys() <= found.keys()
    for trial, values in found.items():
        assert any(values == said.get(trial) for said in allowed), (trial, values)


def check_points(home: Place, collection: str = "kb_regime_v1_v1") -> None:
    """One point in the collection for each eligible trial with a regime, none for any other."""
    rows = select(
        home,
        "SELECT t.source_id, t.kb_status IN ('candidate', 'promoted') "
        "AND (w.regime_is IS NOT NULL OR w.regime_oos IS NOT NULL) AS wanted, "
        "(SELECT count(*) FROM kb_trial_index i JOIN kb_vectors v ON v.point_id = i.point_id "
        " JOIN kb_vector_collections c ON c.id = v.collection_id AND c.name = i.collection "
        " WHERE i.trial_id = t.id AND c.name = ?) AS points "
        "FROM trials t JOIN windows w ON w.id = t.window_id",
        collection,
    )
    assert [row for row in rows if row["points"] != row["wanted"]] == []
    held = select(
        home,
        "SELECT count(*) AS n FROM kb_vectors v "
        "JOIN kb_vector_collections c ON c.id = v.collection_id WHERE c.name = ?",
        collection,
    )
    assert held[0]["n"] == sum(row["wanted"] for row in rows)


def unfinished_runs(home: Place) -> list[Row]:
    """Runs of which nobody has said how they ended."""
    return select(home, "SELECT * FROM ingest_runs WHERE status = 'running'")


def contents(home: Place) -> dict[str, list[Row]]:
    """Everything that two stores share when the same was done to both, in one order."""
    tables = {
        "workspaces": "SELECT * FROM workspaces",
        "specs": "SELECT * FROM strategy_specs",
        "windows": "SELECT * FROM windows",
        "trials": (
            "SELECT t.*, t.promoted_at IS NOT NULL AS was_promoted, "
            "t.withdrawn_at IS NOT NULL AS withdrawn, p.params, p.params_hash, w.window_key "
            "FROM trials t JOIN windows w ON w.id = t.window_id "
            "JOIN param_sets p ON p.id = t.param_set_id"
        ),
        "history": (
            "SELECT h.*, t.source_id, h.reason AS why FROM kb_status_history h "
            "JOIN trials t ON t.id = h.trial_id"
        ),
        "index": (
            "SELECT i.*, t.source_id, i.archived_at IS NULL AS active, i.reason AS why "
            "FROM kb_trial_index i JOIN trials t ON t.id = i.trial_id"
        ),
        "points": (
            "SELECT v.*, c.name, c.dimension, t.source_id FROM kb_vectors v "
            "JOIN kb_vector_collections c ON c.id = v.collection_id "
            "LEFT JOIN kb_trial_index i ON i.point_id = v.point_id AND i.collection = c.name "
            "LEFT JOIN trials t ON t.id = i.trial_id"
        ),
        "aliases": (
            "SELECT alias, c.name FROM kb_vector_aliases a "
            "JOIN kb_vector_collections c ON c.id = a.collection_id"
        ),
        "scalers": "SELECT * FROM regime_scalers",
    }
    found = {name: select(home, statement) for name, statement in tables.items()}
    return {
        name: sorted(({k: v for k, v in row.items() if k not in _OWN} for row in rows), key=repr)
        for name, rows in found.items()
    }


def select(home: Place, statement: str, *parameters: Any) -> list[Row]:
    """The rows of a statement; none where the store was killed before it had tables."""
    with _open(home) as connection:
        if not _has_tables(home, connection):
            return []
        if isinstance(home, str):
            statement = statement.replace("?", "%s")
        return [_plain(dict(row)) for row in connection.execute(statement, parameters)]


def exists(home: Place) -> bool:
    """Whether there is a store with tables."""
    with _open(home) as connection:
        return _has_tables(home, connection)


def _has_tables(home: Place, connection: Any) -> bool:
    if connection is None:
        return False
    catalog, name = ("sqlite_master", "name") if isinstance(home, Path) else _CATALOG
    made = f"SELECT count(*) AS n FROM {catalog} WHERE {name} = 'tradingkb_schema'"
    return bool(dict(connection.execute(made).fetchone())["n"])


_CATALOG = ("pg_tables", "tablename")


def _plain(row: Row) -> Row:
    """A row of PostgreSQL as SQLite would say it."""
    for name, value in row.items():
        if isinstance(value, datetime):
            row[name] = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        elif isinstance(value, dict):
            row[name] = json.dumps(value)
    return row


@contextmanager
def _open(home: Place) -> Iterator[Any]:
    """A connection; None where there is no file."""
    connection: Any
    if isinstance(home, Path) and not (home / "tradingkb.db").exists():
        yield None
        return
    if isinstance(home, str):
        import psycopg
        from psycopg.rows import dict_row

        connection = psycopg.connect(home.replace("+psycopg", "", 1), row_factory=dict_row)
    else:
        connection = sqlite3.connect(home / "tradingkb.db")
        connection.row_factory = sqlite3.Row
    try:
        yield connection
    finally:
        connection.close()
