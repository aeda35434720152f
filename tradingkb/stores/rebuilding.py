"""Sums of recommend events, made anew from the events that are stored."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from tradingkb.sql import read, reading, writing
from tradingkb.stores import schema
from tradingkb.stores.rollups import add_rows, start_of
from tradingkb.stores.sums import (
    EVENT_KEY,
    EVENT_SUMS,
    REJECTION_KEY,
    REJECTION_SUMS,
    SUMMED,
    Event,
    Sums,
    sums_of,
)

_E = schema.recommend_events.c
_TABLES: Final = (
    (schema.event_rollups, EVENT_KEY, EVENT_SUMS),
    (schema.rejection_rollups, REJECTION_KEY, REJECTION_SUMS),
)
#: Events held in memory at once.
_CHUNK: Final = 2_000


class RebuildQueries:
    """Part of `SqlTrialStore`; see `tradingkb.ports.ReportStore`."""

    engine: sa.Engine

    def event_hours(self, workspace_id: str | None) -> pl.DataFrame:
        """The hours that stored events lie in; see the port."""
        mine = [] if workspace_id is None else [_E.workspace_id == workspace_id]
        with reading(self.engine) as connection:
            hour = start_of(connection, _E.at, "hour")
            key = _E.workspace_id, hour
            statement = sa.select(_E.workspace_id, hour.label("hour")).where(*mine)
            return read(connection, statement.group_by(*key).order_by(*key))

    def rebuild_hour(self, workspace_id: str, hour: datetime) -> tuple[int, bool] | None:
        """Makes the sums of an hour anew; see the port."""
        with writing(self.engine) as connection:
            return _rebuilt(connection, workspace_id, hour)


def add_unsummed(connection: sa.Connection, keys: Sequence[int]) -> None:
    """Adds what an earlier release has written to the sums, before events of its hours go.

    Args:
        connection: the transaction that deletes them.
        keys: of the events that go.
    """
    hour = start_of(connection, _E.at, "hour")
    mine = sa.select(_E.workspace_id, hour.label("hour")).where(_E.id.in_(keys)).distinct()
    for workspace_id, one in connection.execute(mine).all():
        if _n_events(connection, workspace_id, one) > _n_summed(connection, workspace_id, one):
            _rebuilt(connection, workspace_id, one)


def _n_events(connection: sa.Connection, workspace_id: str, hour: datetime) -> int:
    counted = sa.select(sa.func.count()).where(*_within(workspace_id, hour))
    return int(connection.scalar(counted) or 0)


def _n_summed(connection: sa.Connection, workspace_id: str, hour: datetime) -> int:
    c = schema.event_rollups.c
    mine = c.workspace_id == workspace_id, c.hour == hour
    return int(connection.scalar(sa.select(sa.func.sum(c.count)).where(*mine)) or 0)


def _rebuilt(
    connection: sa.Connection, workspace_id: str, hour: datetime
) -> tuple[int, bool] | None:
    _keep_others_out(connection)
    before = [_known(connection, table, workspace_id, hour) for table, *_ in _TABLES]
    now = sums_of(_events(connection, workspace_id, hour))
    n = sum(row[len(EVENT_KEY)] for row in now[0])
    if any(map(_has_lost, _TABLES, before, now)):
        return None
    if all(map(_same, before, now)):
        return n, False
    for table, *_ in _TABLES:
        mine = table.c.workspace_id == workspace_id, table.c.hour == hour
        connection.execute(sa.delete(table).where(*mine))
    add_rows(connection, *now)
    return n, True


def _within(workspace_id: str, hour: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """An event of the hour."""
    return _E.workspace_id == workspace_id, _E.at >= hour, _E.at < hour + timedelta(hours=1)


def _keep_others_out(connection: sa.Connection) -> None:
    """Whoever saves events waits: SQLite's writers are alone anyway."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(table.name for table, *_ in _TABLES)
        connection.execute(sa.text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))


def _events(connection: sa.Connection, workspace_id: str, hour: datetime) -> Iterator[Event]:
    statement = sa.select(*(_E[name] for name in SUMMED)).where(*_within(workspace_id, hour))
    found = connection.execute(statement, execution_options={"yield_per": _CHUNK})
    yield from found.mappings()


def _known(connection: sa.Connection, table: sa.Table, workspace_id: str, hour: datetime) -> Sums:
    mine = table.c.workspace_id == workspace_id, table.c.hour == hour
    return [tuple(row) for row in connection.execute(sa.select(table).where(*mine))]


def _has_lost(part: tuple[sa.Table, tuple[str, ...], Any], before: Sums, now: Sums) -> bool:
    """Whether the sums count answers that are stored no more: their first column counts them."""
    width = len(part[1])
    found = {row[:width]: row[width] for row in now}
    return any(row[width] > found.get(row[:width], 0) for row in before)


def _same(before: Sums, now: Sums) -> bool:
    """Sums of seconds may differ in their last digit, by the order in which they were added."""
    return len(before) == len(now) and all(
        map(_equal, sorted(before), now)  # no two rows of a table have one key
    )


def _equal(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return all(
        math.isclose(a, b, rel_tol=1e-9) if isinstance(a, float) else a == b
        for a, b in zip(one, other, strict=True)
    )
