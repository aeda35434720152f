"""Queries about the derived index, ingest runs and recommend events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from tradingkb.domain.lifecycle import ELIGIBLE, marked
from tradingkb.ports import RunRecord
from tradingkb.sql.bulk import read, read_in, upsert
from tradingkb.sql.engine import reading, writing
from tradingkb.stores import schema
from tradingkb.stores.curation import NOT_CONFIRMED, UNFINISHED, chunks
from tradingkb.stores.generations import bump

_I, _T = schema.kb_trial_index.c, schema.trials.c
_INDEX_COLUMNS = (
    "trial_id", "point_id", "collection", "embed_model", "pipeline", "regime_schema_version",
    "content_hash", "archived_at", "reason",
)  # fmt: skip


class RecordQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    def index_rows(
        self, workspace_id: str, collection: str, trial_ids: pl.Series | None = None
    ) -> pl.DataFrame:
        """trial_id, point_id, content_hash, pipeline, archived_at, reason of one collection."""
        statement = sa.select(
            _I.trial_id, _I.point_id, _I.content_hash, _I.pipeline, _I.archived_at, _I.reason
        ).where(_I.workspace_id == workspace_id, _I.collection == collection)
        with reading(self.engine) as connection:
            if trial_ids is None:
                return read(connection, statement)
            return read_in(connection, statement, _I.trial_id, trial_ids)

    def index_collections(self, workspace_id: str) -> list[str]:
        """The collections in which the workspace has entries, by name."""
        statement = sa.select(_I.collection).where(_I.workspace_id == workspace_id).distinct()
        with reading(self.engine) as connection:
            return sorted(connection.scalars(statement))

    def count_indexed(self, collection: str) -> int:
        """How many points the collection should hold: finished entries, not archived, not bare."""
        statement = sa.select(sa.func.count()).where(
            _I.collection == collection, _I.archived_at.is_(None), _I.reason.is_(None),
            _I.content_hash != UNFINISHED,
        )  # fmt: skip
        with reading(self.engine) as connection:
            return int(connection.scalar(statement) or 0)

    def write_index(self, workspace_id: str, rows: pl.DataFrame, at: datetime) -> pl.DataFrame:
        """Inserts or replaces index rows by (trial_id, collection), in one transaction.

        `rows` has the columns of the table but the id, workspace and time, and `strategy_name`.
        Entries of trials that are not eligible (any more) are returned; see the port.
        """
        frame = rows.select(
            pl.lit(workspace_id).alias("workspace_id"), *_INDEX_COLUMNS,
            pl.lit(at).dt.cast_time_unit("us").alias("indexed_at"),
        )  # fmt: skip
        update = [c for c in frame.columns if c not in ("workspace_id", "trial_id", "collection")]
        with writing(self.engine) as connection:
            upsert(connection, schema.kb_trial_index, frame, key=("trial_id", "collection"),
                   update=update)  # fmt: skip
            out = _not_eligible(connection, rows)
            for ids in chunks(out["trial_id"]):
                own = _I.trial_id.in_(ids) & _I.collection.in_(out["collection"].unique())
                reason = marked("not eligible: rejected or withdrawn", NOT_CONFIRMED)
                entries = sa.update(schema.kb_trial_index).where(own)
                connection.execute(entries.values(archived_at=at, reason=reason))
            bump(connection, workspace_id, rows["strategy_name"].unique())
        return out

    def mark_unfinished(self, workspace_id: str, trial_ids: pl.Series, collection: str) -> None:
        """Marks entries whose point is missing or stale."""
        entries = (_I.workspace_id == workspace_id) & (_I.collection == collection)
        with writing(self.engine) as connection:
            for ids in chunks(trial_ids):
                change = sa.update(schema.kb_trial_index).where(entries, _I.trial_id.in_(ids))
                connection.execute(change.values(content_hash=UNFINISHED))

    def forget_index(self, workspace_id: str, collection: str) -> None:
        """Marks every entry of the collection as unfinished."""
        entries = (_I.workspace_id == workspace_id) & (_I.collection == collection)
        with writing(self.engine) as connection:
            change = sa.update(schema.kb_trial_index).where(entries)
            connection.execute(change.values(content_hash=UNFINISHED))

    def save_run(self, run: RunRecord) -> None:
        """Inserts or updates one run; what is known of a withdrawal stays."""
        table = schema.ingest_runs
        with writing(self.engine) as connection:
            mine = sa.update(table).where(table.c.run_id == run.run_id)
            if not connection.execute(mine.values(**vars(run))).rowcount:
                connection.execute(sa.insert(table).values(**vars(run)))

    def close_runs(self, workspace_id: str, at: datetime) -> None:
        """Marks runs that are still `running` as `interrupted`."""
        r = schema.ingest_runs.c
        dead = (r.workspace_id == workspace_id) & (r.status == "running")
        with writing(self.engine) as connection:
            change = sa.update(schema.ingest_runs).where(dead)
            connection.execute(change.values(status="interrupted", finished_at=at))

    def runs(self, workspace_id: str, limit: int | None = 100) -> pl.DataFrame:
        """Runs, newest first; counts as JSON text."""
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


def _not_eligible(connection: sa.Connection, rows: pl.DataFrame) -> pl.DataFrame:
    """trial_id, collection, point_id of the rows whose trial may not be recommended."""
    out = _T.kb_status.not_in(ELIGIBLE) | _T.withdrawn_at.is_not(None)
    statement = sa.select(_T.id.label("trial_id")).where(out)
    ids = read_in(connection, statement, _T.id, rows["trial_id"])
    return rows.join(ids, on="trial_id", how="semi").select("trial_id", "collection", "point_id")
