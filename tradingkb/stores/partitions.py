"""The trials of one strategy, kept in memory: read whole once, and then what was added."""

from __future__ import annotations

import threading
from typing import Any

import polars as pl
import sqlalchemy as sa

from tradingkb.sql import only_added, read, reading
from tradingkb.stores import schema
from tradingkb.stores.generations import generation_row

_T, _I = schema.trials.c, schema.kb_trial_index.c
_LEFT_OUT = (
    "id",
    "workspace_id",
    "strategy_name",
    "experiment_type",
    "run_id",
    "row_hash",
    "engine",
    "ingested_at",
    "withdrawn_at",
)


class PartitionQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine
    _partitions: dict[tuple[str, str, str], tuple[int, pl.DataFrame]]
    _lock: threading.Lock

    def partition(
        self, workspace_id: str, strategy_name: str, collection: str
    ) -> tuple[int, pl.DataFrame]:
        """The generation and every trial of one strategy, whatever its status; no withdrawn one.

        `archived_at` says since when its entry in the collection is archived, null where it is
        not. The frame is kept, and read in one snapshot with its generation; see the port.
        """
        key = (workspace_id, strategy_name, collection)
        with reading(self.engine) as connection:
            row = generation_row(connection, workspace_id, strategy_name)
            generation = int(row.generation) if row is not None else 0
            with self._lock:
                kept = self._partitions.get(key)
            if kept and kept[0] == generation:
                return kept
            frame = None
            if kept and only_added(row, kept[0]):
                frame = _with_added(connection, key, kept[1])
            if frame is None:
                frame = read(connection, _statement(*key))
        with self._lock:
            self._partitions[key] = (generation, frame)
        return generation, frame


def _with_added(
    connection: sa.Connection, key: tuple[str, str, str], known: pl.DataFrame
) -> pl.DataFrame | None:
    """What is known and what was added since, the same frame when nothing was.

    None when that is not all: on PostgreSQL a number may be taken first and committed last.
    """
    last = known["trial_id"].max()
    added = read(connection, _statement(*key).where(_T.id > (0 if last is None else last)))
    count = sa.select(sa.func.count()).where(*_of_strategy(*key[:2]))
    if connection.scalar(count) != known.height + added.height:
        return None
    return pl.concat([known, added], rechunk=True) if added.height else known


def _statement(workspace_id: str, strategy_name: str, collection: str) -> sa.Select[Any]:
    columns = [c for c in schema.trials.columns if c.name not in _LEFT_OUT]
    entry = (_I.trial_id == _T.id) & (_I.collection == collection)
    archived = sa.select(_I.archived_at).where(entry).scalar_subquery()
    wanted = sa.select(_T.id.label("trial_id"), *columns, archived.label("archived_at"))
    return wanted.where(*_of_strategy(workspace_id, strategy_name))


def _of_strategy(workspace_id: str, strategy_name: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _T.workspace_id == workspace_id,
        _T.strategy_name == strategy_name,
        _T.withdrawn_at.is_(None),
    )
