"""Queries about what the stored trials look like."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from tradingkb.domain import ELIGIBLE
from tradingkb.ports import TrialOrder, TrialPlace, TrialQuery
from tradingkb.sql import read, reading
from tradingkb.stores import schema
from tradingkb.stores.listing import listed_trials
from tradingkb.stores.trial_order import TrialSearch

_T, _W = schema.trials.c, schema.windows.c
_DATED = ("symbol", "timeframe", "is_start", "is_end", "oos_start", "oos_end")


class TrialReportQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    def trial_page(
        self,
        workspace_id: str,
        query: TrialQuery,
        order: TrialOrder,
        limit: int,
        after: TrialPlace | None,
    ) -> pl.DataFrame:
        """Trials in an order; see the port."""
        with reading(self.engine) as connection:
            ids = TrialSearch(connection, workspace_id, query).page(order, limit, after)
            # The workspace is not asked for again: SQLite would look at all of its trials.
            rows = read(connection, listed_trials().where(_T.id.in_(ids)))
        places = pl.DataFrame({"trial_id": ids}, schema={"trial_id": pl.Int64})
        return places.join(rows, on="trial_id", maintain_order="left").select(rows.columns)

    def trial_count(self, workspace_id: str, query: TrialQuery, most: int) -> int:
        """How many trials there are, up to `most`; see the port."""
        with reading(self.engine) as connection:
            return TrialSearch(connection, workspace_id, query).count(most)

    def counted_trials(
        self,
        workspace_id: str,
        strategy_name: str,
        columns: Sequence[str],
        until: datetime,
        version: str | None,
    ) -> pl.DataFrame:
        """Some columns of the trials that count; see the port."""
        of_version: sa.ColumnElement[bool] = _T.strategy_version.is_(None)
        if version is not None:
            of_version |= _T.strategy_version == version
        statement = sa.select(*(_T[name] for name in columns)).where(
            *_counted(workspace_id, strategy_name, until), of_version
        )
        with reading(self.engine) as connection:
            return read(connection, statement)

    def newest_version(self, workspace_id: str, strategy_name: str, until: datetime) -> str | None:
        """The version that the trial known last names; see the port."""
        statement = (
            sa.select(_T.strategy_version)
            .where(*_counted(workspace_id, strategy_name, until), _T.strategy_version.is_not(None))
            .limit(1)
        )
        with reading(self.engine) as connection:
            version = _by_code_point(_T.strategy_version, connection)
            found: str | None = connection.scalar(
                statement.order_by(_T.known_at.desc(), version.desc())
            )
        return found

    def window_dates(self, workspace_id: str) -> pl.DataFrame:
        """Every window without its regimes; see the port."""
        statement = sa.select(_W.id.label("window_id"), *(_W[name] for name in _DATED))
        with reading(self.engine) as connection:
            return read(connection, statement.where(_W.workspace_id == workspace_id))


def _counted(
    workspace_id: str, strategy_name: str, until: datetime
) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _T.workspace_id == workspace_id,
        _T.strategy_name == strategy_name,
        _T.withdrawn_at.is_(None),
        _T.kb_status.in_(ELIGIBLE),
        _T.known_at <= until,
    )


def _by_code_point(text: sa.ColumnElement[Any], connection: sa.Connection) -> sa.ColumnElement[Any]:
    """A text that sorts alike everywhere: PostgreSQL's own order is that of some language."""
    return sa.collate(text, "C") if connection.dialect.name == "postgresql" else text
