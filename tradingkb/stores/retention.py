"""Forgetting old events and runs, in short transactions."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import sqlalchemy as sa

from tradingkb.sql import compact, read, reading, writing
from tradingkb.stores import schema
from tradingkb.stores.curation import chunks
from tradingkb.stores.rebuilding import add_unsummed

_E, _R = schema.recommend_events.c, schema.ingest_runs.c


class RetentionQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    def old_events(self, before: datetime) -> pl.Series:
        """Keys of the recommend events before a time, ascending."""
        statement = sa.select(_E.id).where(_E.at < before).order_by(_E.id)
        with reading(self.engine) as connection:
            return read(connection, statement)["id"]

    def old_runs(self, before: datetime) -> tuple[pl.Series, int]:
        """Keys of old runs that nothing refers to, ascending, and how many others are old."""
        old = sa.select(_R.run_id).where(_R.finished_at < before)
        counted = sa.select(sa.func.count()).where(_R.finished_at < before)
        # Once for all of them: which runs trials came from, only the trials say.
        with reading(self.engine) as connection:
            unused = read(connection, old.where(*_UNUSED).order_by(_R.run_id))["run_id"]
            return unused, int(connection.scalar(counted) or 0) - len(unused)

    def delete_events(self, keys: pl.Series) -> None:
        """Deletes the events of these keys in one transaction; their sums stay."""
        with writing(self.engine) as connection:
            for some in chunks(keys):
                add_unsummed(connection, some)
                connection.execute(sa.delete(schema.recommend_events).where(_E.id.in_(some)))

    def delete_runs(self, keys: pl.Series) -> None:
        """Deletes the runs of these keys; one that has finished gains no new trials."""
        with writing(self.engine) as connection:
            for some in chunks(keys):
                connection.execute(sa.delete(schema.ingest_runs).where(_R.run_id.in_(some)))

    def free_bytes(self) -> int | None:
        """Bytes of SQLite's file that hold nothing; PostgreSQL's autovacuum sees to its own."""
        if self.engine.dialect.name != "sqlite":
            return None
        with reading(self.engine) as connection:
            free, size = (
                int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
                for name in ("freelist_count", "page_size")
            )
        return free * size

    def compact(self) -> None:
        """Writes SQLite's file anew, without what holds nothing."""
        if self.engine.dialect.name == "sqlite":
            compact(self.engine)


_UNUSED = (
    _R.run_id.not_in(sa.select(schema.trials.c.run_id)),
    _R.run_id.not_in(sa.select(schema.trial_versions.c.run_id)),
)
