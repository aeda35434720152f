"""Forgetting old events and runs, in short transactions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tradingkb.sql import reading, writing
from tradingkb.stores import schema

_E, _R = schema.recommend_events.c, schema.ingest_runs.c


class RetentionQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    def count_old(self, events_before: datetime, runs_before: datetime) -> tuple[int, int, int]:
        """Events and runs that would be deleted, and old runs that are kept."""
        events = sa.select(sa.func.count()).where(_E.at < events_before)
        runs = sa.select(sa.func.count()).where(_R.finished_at < runs_before)
        with reading(self.engine) as connection:
            old = int(connection.scalar(runs) or 0)
            unused = int(connection.scalar(runs.where(*_UNUSED)) or 0)
            return int(connection.scalar(events) or 0), unused, old - unused

    def delete_events(self, before: datetime, limit: int) -> int:
        """Deletes the oldest recommend events before a time; how many."""
        chosen = sa.select(_E.id).where(_E.at < before).order_by(_E.id).limit(limit)
        return self._delete(schema.recommend_events, _E.id, chosen)

    def delete_runs(self, before: datetime, limit: int) -> int:
        """Deletes runs that finished before a time and that nothing refers to; how many."""
        chosen = sa.select(_R.run_id).where(_R.finished_at < before, *_UNUSED).limit(limit)
        return self._delete(schema.ingest_runs, _R.run_id, chosen)

    def _delete(self, table: sa.Table, key: sa.Column[Any], chosen: sa.Select[Any]) -> int:
        # Found by reading, which nobody waits for; a run that has finished gains no new trials.
        with reading(self.engine) as connection:
            keys = connection.scalars(chosen).all()
        if keys:
            with writing(self.engine) as connection:
                connection.execute(sa.delete(table).where(key.in_(keys)))
        return len(keys)


_UNUSED = (
    _R.run_id.not_in(sa.select(schema.trials.c.run_id)),
    _R.run_id.not_in(sa.select(schema.trial_versions.c.run_id)),
)
