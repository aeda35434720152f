"""Queries about the circuit breakers of replicas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from tradingkb.sql import read, reading, writing
from tradingkb.stores.pages import within
from tradingkb.stores.schema_reports import breaker_changes
from tradingkb.stores.schema_service import breaker_states

_B, _C = breaker_states.c, breaker_changes.c


class BreakerQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    @property
    def _impatient(self) -> sa.Engine:
        raise NotImplementedError

    def save_breakers(
        self,
        replica: str,
        states: Sequence[Mapping[str, Any]],
        at: datetime,
        forget_s: float,
        changes: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Replaces what a replica says of its breakers, and forgets replicas that are gone."""
        mine = _B.replica == replica
        with writing(self._impatient) as connection:
            known = {row.service: row for row in connection.execute(_select(mine))}
            gone = _B.heartbeat_at < at - timedelta(seconds=forget_s)
            connection.execute(sa.delete(breaker_states).where(mine | gone))
            rows = [{"replica": replica, **_row(s, known, at)} for s in states]
            if rows:
                connection.execute(sa.insert(breaker_states), rows)
            if changes:
                told = [{"replica": replica, **change} for change in changes]
                connection.execute(sa.insert(breaker_changes), told)

    def breakers(self, since: datetime) -> pl.DataFrame:
        """The breakers of the replicas with a heartbeat since then, by replica and service."""
        with reading(self.engine) as connection:
            alive = _select(_B.heartbeat_at >= since)
            return read(connection, alive.order_by(_B.replica, _B.service))

    def breaker_changes(
        self, since: datetime | None, until: datetime | None, limit: int
    ) -> pl.DataFrame:
        """What breakers did, newest first; see the port."""
        statement = sa.select(*(c for c in breaker_changes.columns if c.name != "id"))
        statement = statement.where(*within(_C.at, since, until))
        with reading(self.engine) as connection:
            newest = statement.order_by(_C.at.desc(), _C.id.desc()).limit(limit)
            return read(connection, newest)

    def count_breaker_changes(self, before: datetime) -> int:
        """What would be deleted."""
        statement = sa.select(sa.func.count()).where(_C.at < before)
        with reading(self.engine) as connection:
            return int(connection.scalar(statement) or 0)

    def delete_breaker_changes(self, before: datetime, limit: int) -> int:
        """Deletes old ones; see the port."""
        oldest = sa.select(_C.id).where(_C.at < before).order_by(_C.at, _C.id).limit(limit)
        with writing(self.engine) as connection:
            return connection.execute(sa.delete(breaker_changes).where(_C.id.in_(oldest))).rowcount


def _select(where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(breaker_states).where(where)


def _row(
    state: Mapping[str, Any], known: Mapping[str, sa.Row[Any]], at: datetime
) -> dict[str, Any]:
    before = known.get(state["service"])
    same = before is not None and before.state == state["state"]
    changed = before.changed_at if before is not None and same else at
    return {**state, "changed_at": changed, "heartbeat_at": at}
