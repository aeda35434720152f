"""Queries that read long lists page by page, each by an index from where the last one ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from tradingkb.sql import read, reading
from tradingkb.stores import schema

_E = schema.recommend_events.c


class PageQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    def event_page(
        self,
        workspace_id: str,
        where: Mapping[str, Any],
        limit: int,
        after: tuple[datetime, int] | None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> pl.DataFrame:
        """Recommend events, newest first, with the column `id`; see the port."""
        statement = sa.select(schema.recommend_events).where(
            _E.workspace_id == workspace_id,
            *(_is(name, value) for name, value in where.items()),
            *within(_E.at, since, until),
        )
        if after is not None:
            at, last = after
            older = (_E.at < at) | ((_E.at == at) & (_E.id < last))
            # The first condition is implied: it is what the index is searched by.
            statement = statement.where(_E.at <= at, older)
        statement = statement.order_by(_E.at.desc(), _E.id.desc()).limit(limit)
        with reading(self.engine) as connection:
            return read(connection, statement)

    def event(self, workspace_id: str, request_id: str, at: datetime | None) -> pl.DataFrame:
        """One event; see the port."""
        statement = (
            sa.select(*(c for c in schema.recommend_events.columns if c.name != "id"))
            .where(
                _E.workspace_id == workspace_id,
                _E.request_id == request_id,
                *([] if at is None else [_E.at == at]),
            )
            .order_by(_E.at.desc())
            .limit(1)
        )
        with reading(self.engine) as connection:
            return read(connection, statement)

    def event_counts(self, workspace_id: str, since: datetime, until: datetime) -> pl.DataFrame:
        """How often each status was given; see the port."""
        key = (_E.strategy_name, _E.objective_type, _E.status)
        flags = {
            "strict_to_relaxed": _E.strict_to_relaxed,
            "metadata_only": _E.metadata_only,
            "repaired_params": _REPAIRED,
        }
        statement = (
            sa.select(
                *key,
                sa.func.count().label("count"),
                *(_how_many(flag).label(name) for name, flag in flags.items()),
            )
            .where(
                _E.workspace_id == workspace_id,
                _E.at >= since,
                _E.at < until,
                _E.source != "probe",
            )
            .group_by(*key)
            .order_by(*key)
        )
        with reading(self.engine) as connection:
            return read(connection, statement)


def within(
    time: sa.ColumnElement[Any], since: datetime | None, until: datetime | None
) -> list[sa.ColumnElement[bool]]:
    """Conditions for since <= time < until; None is no limit."""
    first = [] if since is None else [time >= since]
    return first + ([] if until is None else [time < until])


#: Whether parameters were changed to obey the spec.
_REPAIRED: Final = sa.cast(_E.repaired_params, sa.Text).not_in(("{}", "[]"))


def _is(name: str, value: Any) -> sa.ColumnElement[bool]:
    if name == "repaired_params":
        return _REPAIRED if value else sa.not_(_REPAIRED)
    same: sa.ColumnElement[bool] = _E[name] == value
    return same


def _how_many(flag: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((flag, 1), else_=0), type_=sa.BigInteger())
