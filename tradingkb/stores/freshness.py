"""When things last happened: one short query each, by an index."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Column

from tradingkb.ports import LastTimes
from tradingkb.sql import reading
from tradingkb.stores import schema
from tradingkb.stores.schema_reports import changes

_R, _E, _T = schema.ingest_runs.c, schema.recommend_events.c, schema.trials.c
_C, _N = schema.calibrations.c, changes.c
_FAILED = ("failed", "interrupted")


class FreshnessQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    def last_times(self, workspace_id: str) -> LastTimes:
        """When things last happened; see the port."""
        ingests = (_R.workspace_id == workspace_id, _R.kind == "ingest")
        with reading(self.engine) as connection:

            def last(time: Column[datetime], *where: sa.ColumnElement[bool]) -> datetime | None:
                # By the end of an index. PostgreSQL sorts nulls behind everything.
                newest = sa.select(time).where(time.is_not(None), *where)
                found: datetime | None = connection.execute(
                    newest.order_by(time.desc()).limit(1)
                ).scalar()
                return found

            return LastTimes(
                ingest=last(_R.finished_at, *ingests, _R.status == "completed"),
                ingest_failed=last(_R.finished_at, *ingests, _R.status.in_(_FAILED)),
                calibration=last(_C.fitted_at, _C.workspace_id == workspace_id),
                backup=last(_N.at, _N.kind == "backup"),
                event=last(_E.at, _E.workspace_id == workspace_id, _E.source != "probe"),
                newest_trial=last(_T.known_at, _T.workspace_id == workspace_id),
            )
