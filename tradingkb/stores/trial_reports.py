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
from tradingkb.stores.listing import condition, listed_trials

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
            ids = _ids(connection, workspace_id, query, order, limit, after)
            rows = read(connection, listed_trials(workspace_id).where(_T.id.in_(ids)))
        places = pl.DataFrame({"trial_id": ids}, schema={"trial_id": pl.Int64})
        return places.join(rows, on="trial_id", maintain_order="left").select(rows.columns)

    def trial_count(self, workspace_id: str, query: TrialQuery, most: int) -> int:
        """How many trials there are, up to `most`; see the port."""
        some = _matching(workspace_id, query, sa.literal_column("1")).limit(most).subquery()
        with reading(self.engine) as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0)

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


def _matching(
    workspace_id: str, query: TrialQuery, column: sa.ColumnElement[Any], order: str = "id"
) -> sa.Select[Any]:
    """A column of the trials that are meant; windows are joined only where they are asked about."""
    statement = sa.select(column).select_from(schema.trials)
    if any(name not in _T for name in (*query.where, order)):
        statement = statement.join(schema.windows)
    return statement.where(
        _T.workspace_id == workspace_id,
        *(condition(name, value) for name, value in query.where.items()),
        *(part for name, bounds in query.ranges.items() for part in _between(_T[name], *bounds)),
    )


def _between(column: sa.ColumnElement[Any], low: Any, high: Any) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [column.is_not(None)]
    if low is not None:
        found.append(column >= _given(low))
    if high is not None:
        found.append(column <= _given(high))
    return found


def _given(value: Any) -> Any:
    """A number as it is: PostgreSQL would round it to the integers of some columns."""
    return sa.literal(value, sa.Double()) if isinstance(value, float) else value


def _ids(
    connection: sa.Connection,
    workspace_id: str,
    query: TrialQuery,
    order: TrialOrder,
    limit: int,
    after: TrialPlace | None,
) -> list[int]:
    """The trials of one page, in order.

    Those with a value and those without are asked for one after the other: where nulls go is
    decided here and not by the database, and an index serves both.
    """
    matching = _matching(workspace_id, query, _T.id, order.column)
    key = _key(order.column, connection)
    if key is None:
        last = after.trial_id if after is not None else None
        return _by_id(connection, matching, order.descending, limit, last)
    found: list[int] = []
    if after is None or after.value is not None:
        known = matching.where(key.is_not(None))
        if after is not None:
            known = known.where(_beyond(key, order.descending, after))
        ordered = (key.desc(), _T.id.desc()) if order.descending else (key, _T.id)
        found += connection.scalars(known.order_by(*ordered).limit(limit))
        after = None
    if len(found) < limit:
        last = after.trial_id if after is not None else None
        unknown = matching.where(key.is_(None))
        found += _by_id(connection, unknown, order.descending, limit - len(found), last)
    return found


def _by_id(
    connection: sa.Connection,
    statement: sa.Select[Any],
    descending: bool,
    limit: int,
    last: int | None,
) -> list[int]:
    if last is not None:
        statement = statement.where(_T.id < last if descending else _T.id > last)
    order = _T.id.desc() if descending else _T.id
    return list(connection.scalars(statement.order_by(order).limit(limit)))


def _beyond(
    key: sa.ColumnElement[Any], descending: bool, after: TrialPlace
) -> sa.ColumnElement[bool]:
    """Which trials come after a place; the first condition is what an index is searched by."""
    value: Any = _given(after.value)
    if descending:
        return sa.and_(key <= value, (key < value) | (_T.id < after.trial_id))
    return sa.and_(key >= value, (key > value) | (_T.id > after.trial_id))


def _key(column: str, connection: sa.Connection) -> sa.ColumnElement[Any] | None:
    """What is ordered by; None for the order of storing."""
    if column == "id":
        return None
    found: sa.ColumnElement[Any] = _T[column] if column in _T else _W[column]
    return _by_code_point(found, connection) if isinstance(found.type, sa.String) else found


def _by_code_point(text: sa.ColumnElement[Any], connection: sa.Connection) -> sa.ColumnElement[Any]:
    """A text that sorts alike everywhere: PostgreSQL's own order is that of some language."""
    return sa.collate(text, "C") if connection.dialect.name == "postgresql" else text
