"""Queries about the circuit breakers of replicas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from tradingkb.sql import read, reading, writing
from tradingkb.stores.schema_service import breaker_states

_B = breaker_states.c


class BreakerQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    @property
    def _impatient(self) -> sa.Engine:
        raise NotImplementedError

    def save_breakers(
        self, replica: str, states: Sequence[Mapping[str, Any]], at: datetime, forget_s: float
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

    def breakers(self, since: datetime) -> pl.DataFrame:
        """The breakers of the replicas with a heartbeat since then, by replica and service."""
        with reading(self.engine) as connection:
            alive = _select(_B.heartbeat_at >= since)
            return read(connection, alive.order_by(_B.replica, _B.service))


def _select(where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(breaker_states).where(where)


def _row(
    state: Mapping[str, Any], known: Mapping[str, sa.Row[Any]], at: datetime
) -> dict[str, Any]:
    before = known.get(state["service"])
    same = before is not None and before.state == state["state"]
    changed = before.changed_at if before is not None and same else at
    return {**state, "changed_at": changed, "heartbeat_at": at}
