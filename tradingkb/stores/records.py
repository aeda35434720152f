"""Queries about runs and recommend events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from tradingkb.ports import RunRecord
from tradingkb.sql import read, reading, writing
from tradingkb.stores import schema
from tradingkb.stores.rollups import add_sums


class RecordQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

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

    def last_ingest(self) -> datetime | None:
        """When the last ingest of any workspace was completed, UTC; None for never."""
        r = schema.ingest_runs.c
        statement = sa.select(sa.func.max(r.finished_at)).where(
            (r.kind == "ingest") & (r.status == "completed")
        )
        with reading(self.engine) as connection:
            found: datetime | None = connection.execute(statement).scalar()
            return found

    def save_event(self, event: Mapping[str, Any]) -> None:
        """Inserts one recommend event, without waiting for other writers on SQLite.

        Raises:
            BackendUnavailableError: another writer holds the database.
        """
        self.save_events([event])

    def save_events(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Inserts several recommend events and adds them to the sums, all or none.

        Raises:
            BackendUnavailableError: another writer holds the database.
        """
        if events:
            with writing(self._impatient) as connection:
                connection.execute(sa.insert(schema.recommend_events), [dict(e) for e in events])
                add_sums(connection, events)

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
        newest = (
            sa.select(*columns).where(*conditions).order_by(table.c.at.desc(), table.c.id.desc())
        )
        with reading(self.engine) as connection:
            return read(connection, newest.limit(limit))
