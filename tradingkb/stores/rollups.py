"""Sums of recommend events by hour: kept up with the events, and what reports read of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from tradingkb.ports import Bucket
from tradingkb.sql import UtcTime, read, reading
from tradingkb.stores import schema
from tradingkb.stores.sums import (
    EVENT_KEY,
    EVENT_SUMS,
    PROBE,
    REJECTION_KEY,
    REJECTION_SUMS,
    Event,
    Sums,
    sums_of,
)

_R, _F, _E = schema.event_rollups.c, schema.rejection_rollups.c, schema.recommend_events.c
#: On SQLite, how much of a time's text says its bucket, and what follows.
_TEXT: Final[Mapping[str, tuple[sa.ColumnElement[Any], str]]] = {
    "minute": (sa.literal_column("16"), "':00.000000Z'"),
    "hour": (sa.literal_column("13"), "':00:00.000000Z'"),
    "day": (sa.literal_column("10"), "'T00:00:00.000000Z'"),
}
_ZONE: Final[sa.ColumnElement[str]] = sa.literal_column("'UTC'", sa.Text())
#: What is not counted by minute.
_UNKNOWN: Final = tuple(
    pl.lit(None, pl.Float64 if name == "seconds" else pl.Int64).alias(name)
    for name in EVENT_SUMS
    if name != "count"
)


def add_sums(connection: sa.Connection, events: Iterable[Event]) -> None:
    """Adds events to the sums, in the transaction that stores them.

    The rows of both tables are written in one order by everybody, so that of two replicas on
    PostgreSQL one waits for the other and neither is undone.
    """
    add_rows(connection, *sums_of(events))


def add_rows(connection: sa.Connection, answers: Sums, rejected: Sums) -> None:
    """Adds sums to both tables; see `sums_of`."""
    _add(connection, "event_rollups", EVENT_KEY, EVENT_SUMS, answers)
    _add(connection, "rejection_rollups", REJECTION_KEY, REJECTION_SUMS, rejected)


def _add(
    connection: sa.Connection, table: str, key: tuple[str, ...], sums: tuple[str, ...], rows: Sums
) -> None:
    if rows:
        hour, bind = key.index("hour"), UtcTime().process_bind_param
        dialect = connection.dialect
        sent = [(*r[:hour], bind(r[hour], dialect), *r[hour + 1 :]) for r in rows]
        connection.exec_driver_sql(_upsert(table, key, sums, dialect.name), sent)


@cache
def _upsert(table: str, key: tuple[str, ...], sums: tuple[str, ...], dialect: str) -> str:
    mark = "%s" if dialect == "postgresql" else "?"
    names, added = (*key, *sums), (f"{c} = {table}.{c} + excluded.{c}" for c in sums)
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join([mark] * len(names))}) "
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {', '.join(added)}"
    )


class RollupQueries:
    """Part of `SqlTrialStore`; see `tradingkb.ports.ReportStore`."""

    engine: sa.Engine

    def event_rates(
        self,
        workspace_id: str,
        since: datetime,
        until: datetime,
        bucket: Bucket,
        by: Sequence[str],
    ) -> pl.DataFrame:
        """Answers by bucket and status; see the port."""
        if bucket == "minute":
            return self._by_minute(workspace_id, since, until, by)
        own = _R.workspace_id == workspace_id, _R.source != PROBE
        sums = {name: _R[name] for name in EVENT_SUMS}
        return self._sums(_R, own, sums, (since, until), bucket, (*by, "status"))

    def rejections(
        self,
        workspace_id: str,
        since: datetime,
        until: datetime,
        bucket: Bucket,
        by: Sequence[str],
    ) -> pl.DataFrame:
        """What strict filters did; see the port."""
        own = (_F.workspace_id == workspace_id,)
        sums = {name: _F[name] for name in REJECTION_SUMS}
        return self._sums(_F, own, sums, (since, until), bucket, by)

    def _sums(
        self,
        table: Any,
        own: tuple[sa.ColumnElement[bool], ...],
        sums: Mapping[str, sa.ColumnElement[Any]],
        within: tuple[datetime, datetime],
        bucket: Bucket,
        by: Sequence[str],
    ) -> pl.DataFrame:
        since, until = within
        time = [] if bucket == "all" else [table.hour]
        if bucket == "day":
            time = [start_of(self.engine, table.hour, "day")]
        key = [*time, *(table[name] for name in by)]
        statement = (
            sa.select(
                *([time[0].label("at")] if time else []),
                *(table[name] for name in by),
                *(_total(c).label(name) for name, c in sums.items()),
            )
            .where(*own, table.hour >= since, table.hour < until)
            .group_by(*key)
            .order_by(*key)
        )
        with reading(self.engine) as connection:
            return read(connection, statement)

    def _by_minute(
        self, workspace_id: str, since: datetime, until: datetime, by: Sequence[str]
    ) -> pl.DataFrame:
        """Counts from the rows, or from their index alone where it has what is asked for."""
        key = start_of(self.engine, _E.at, "minute"), *(_E[name] for name in (*by, "status"))
        statement = (
            sa.select(key[0].label("at"), *key[1:], sa.func.count().label("count"))
            .where(
                _E.workspace_id == workspace_id,
                _E.at >= since,
                _E.at < until,
                _E.source != PROBE,
            )
            .group_by(*key)
            .order_by(*key)
        )
        with reading(self.engine) as connection:
            counts = read(connection, statement)
        return counts.with_columns(_UNKNOWN)


def start_of(
    database: sa.Engine | sa.Connection, time: sa.ColumnElement[Any], bucket: str
) -> sa.ColumnElement[Any]:
    """The start of the minute, hour or day that a time lies in, UTC."""
    if database.dialect.name == "postgresql":
        length = sa.literal_column(f"'{bucket}'", sa.Text())
        return sa.func.date_trunc(length, time, _ZONE, type_=UtcTime())
    said, rest = _TEXT[bucket]
    text = sa.func.substr(time, sa.literal_column("1"), said, type_=sa.Text())
    return sa.type_coerce(text + sa.literal_column(rest, sa.Text()), UtcTime())


def _total(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A sum of the column's own type: of large integers PostgreSQL makes decimals."""
    return sa.cast(sa.func.sum(column), column.type)
