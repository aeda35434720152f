"""Queries about the derived index, ingest runs and recommend events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from tradingkb.ports import RunRecord
from tradingkb.sql.bulk import read, upsert
from tradingkb.sql.engine import reading, writing
from tradingkb.stores import schema
from tradingkb.stores.generations import bump

_I = schema.kb_trial_index.c
_INDEX_COLUMNS = (
    "trial_id", "point_id", "collection", "embed_model", "pipeline", "regime_schema_version",
    "content_hash", "archived_at", "reason",
)  # fmt: skip


class RecordQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    def index_rows(self, workspace_id: str, collection: str) -> pl.DataFrame:
        """trial_id, point_id, content_hash, pipeline, archived_at, reason of one collection."""
        statement = sa.select(
            _I.trial_id, _I.point_id, _I.content_hash, _I.pipeline, _I.archived_at, _I.reason
        ).where(_I.workspace_id == workspace_id, _I.collection == collection)
        with reading(self.engine) as connection:
            return read(connection, statement)

    def count_indexed(self, collection: str) -> int:
        """How many points the collection should hold: entries not archived and not bare."""
        statement = sa.select(sa.func.count()).where(
            _I.collection == collection, _I.archived_at.is_(None), _I.reason.is_(None)
        )
        with reading(self.engine) as connection:
            return int(connection.scalar(statement) or 0)

    def write_index(self, workspace_id: str, rows: pl.DataFrame, at: datetime) -> None:
        """Inserts or replaces index rows by (trial_id, collection), in one transaction.

        `rows` has the columns of the table but the id, workspace and time, and `strategy_name`.
        """
        frame = rows.select(
            pl.lit(workspace_id).alias("workspace_id"), *_INDEX_COLUMNS,
            pl.lit(at).dt.cast_time_unit("us").alias("indexed_at"),
        )  # fmt: skip
        update = [c for c in frame.columns if c not in ("workspace_id", "trial_id", "collection")]
        with writing(self.engine) as connection:
            upsert(connection, schema.kb_trial_index, frame, key=("trial_id", "collection"),
                   update=update)  # fmt: skip
            bump(connection, workspace_id, rows["strategy_name"].unique())

    def save_run(self, run: RunRecord) -> None:
        """Inserts or updates one ingest run."""
        table = schema.ingest_runs
        with writing(self.engine) as connection:
            connection.execute(sa.delete(table).where(table.c.run_id == run.run_id))
            connection.execute(sa.insert(table).values(**vars(run)))

    def runs(self, workspace_id: str, limit: int = 100) -> pl.DataFrame:
        """Ingest runs, newest first; counts as JSON text."""
        table = schema.ingest_runs
        statement = (
            sa.select(table)
            .where(table.c.workspace_id == workspace_id)
            .order_by(table.c.started_at.desc())
            .limit(limit)
        )
        with reading(self.engine) as connection:
            return read(connection, statement)

    def save_event(self, event: Mapping[str, Any]) -> None:
        """Inserts one recommend event, without waiting for other writers on SQLite.

        Raises:
            BackendUnavailableError: another writer holds the database.
        """
        with writing(self._impatient) as connection:
            connection.execute(sa.insert(schema.recommend_events).values(**event))

    @property
    def _impatient(self) -> sa.Engine:
        raise NotImplementedError

    def events(
        self, workspace_id: str | None, limit: int, where: Mapping[str, Any]
    ) -> pl.DataFrame:
        """Recommend events, newest first; lists and mappings as JSON text."""
        table = schema.recommend_events
        conditions = [table.c[name] == value for name, value in where.items()]
        if workspace_id is not None:
            conditions.append(table.c.workspace_id == workspace_id)
        columns = [c for c in table.columns if c.name != "id"]
        statement = sa.select(*columns).where(*conditions).order_by(table.c.at.desc()).limit(limit)
        with reading(self.engine) as connection:
            return read(connection, statement)
