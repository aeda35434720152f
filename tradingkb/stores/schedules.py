"""Queries about what schedules decided."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from tradingkb.ports import ScheduleState, ScheduleTick
from tradingkb.sql import read, reading, writing
from tradingkb.stores.schema_runbooks import schedule_states, schedule_ticks

_T, _S = schedule_ticks.c, schedule_states.c
#: Of a tick.
_COLUMNS: Final = tuple(c for c in schedule_ticks.columns if c.name != "id")


class ScheduleQueries:
    """Part of `SqlTrialStore`; see `tradingkb.ports.ScheduleStore` for the guarantees."""

    engine: sa.Engine

    def claim_tick(self, tick: ScheduleTick) -> bool:
        """Stores the first decision about a slot; False where there is one."""
        same = sa.select(_T.id).where(*_of(tick))
        try:
            with writing(self.engine) as connection:
                if connection.scalar(same) is not None:
                    return False
                connection.execute(sa.insert(schedule_ticks).values(**vars(tick)))
        except sa.exc.IntegrityError:  # PostgreSQL: somebody else, at this moment
            with reading(self.engine) as connection:
                if connection.scalar(same) is None:
                    raise
            return False
        return True

    def change_tick(self, seen: ScheduleTick, tick: ScheduleTick) -> bool:
        """Replaces a decision that is unchanged since it was seen."""
        unchanged = (_T.at == seen.at, _T.decision == seen.decision, _T.holder == seen.holder)
        change = sa.update(schedule_ticks).where(*_of(seen), *unchanged).values(**vars(tick))
        with writing(self.engine) as connection:
            return connection.execute(change).rowcount > 0

    def claimed_ticks(self) -> list[ScheduleTick]:
        """Slots that somebody claimed and did not start, oldest first."""
        statement = sa.select(*_COLUMNS).where(_T.decision == "claimed").order_by(_T.slot, _T.id)
        with reading(self.engine) as connection:
            return [ScheduleTick(**row._mapping) for row in connection.execute(statement)]

    def tick_rows(self, schedule: str | None, limit: int) -> pl.DataFrame:
        """Decisions, newest slot first."""
        statement = sa.select(*_COLUMNS)
        if schedule is not None:
            statement = statement.where(_T.schedule == schedule)
        with reading(self.engine) as connection:
            return read(connection, statement.order_by(_T.slot.desc(), _T.id.desc()).limit(limit))

    def count_old_ticks(self, before: datetime) -> int:
        """Decisions about slots before a time."""
        with reading(self.engine) as connection:
            return int(connection.scalar(sa.select(sa.func.count()).where(_T.slot < before)) or 0)

    def delete_ticks(self, before: datetime, limit: int) -> int:
        """Deletes at most so many of these; how many it were."""
        oldest = sa.select(_T.id).where(_T.slot < before).order_by(_T.slot).limit(limit)
        with writing(self.engine) as connection:
            return connection.execute(sa.delete(schedule_ticks).where(_T.id.in_(oldest))).rowcount

    def schedule_states(self) -> list[ScheduleState]:
        """All of them, by name."""
        statement = sa.select(schedule_states).order_by(_S.name)
        with reading(self.engine) as connection:
            return [ScheduleState(**row._mapping) for row in connection.execute(statement)]

    def save_schedule_state(self, state: ScheduleState) -> None:
        """Inserts or replaces the state of that name."""
        with writing(self.engine) as connection:
            connection.execute(_upsert(connection, vars(state)))

    def forget_schedules(self, names: Collection[str]) -> None:
        """Deletes the states of these names."""
        with writing(self.engine) as connection:
            connection.execute(sa.delete(schedule_states).where(_S.name.in_(list(names))))

    def last_ticks(self) -> list[ScheduleTick]:
        """The newest decision of each schedule, by its name."""
        newest = sa.select(_T.schedule, sa.func.max(_T.slot).label("slot")).group_by(_T.schedule)
        last = newest.subquery()
        same = sa.and_(last.c.schedule == _T.schedule, last.c.slot == _T.slot)
        statement = sa.select(*_COLUMNS).join(last, same).order_by(_T.schedule)
        with reading(self.engine) as connection:
            return [ScheduleTick(**row._mapping) for row in connection.execute(statement)]

    def last_schedule_turn(self) -> datetime | None:
        """When a scheduler last did all that was due; None where nothing is scheduled."""
        others = schedule_states.alias()
        some = sa.exists(sa.select(others.c.name).where(others.c.name != ""))
        with reading(self.engine) as connection:
            found: datetime | None = connection.scalar(
                sa.select(_S.heartbeat_at).where(_S.name == "", some)
            )
            return found


def _of(tick: ScheduleTick) -> tuple[sa.ColumnElement[bool], ...]:
    return _T.schedule == tick.schedule, _T.slot == tick.slot


def _upsert(connection: sa.Connection, values: dict[str, Any]) -> sa.Insert:
    from sqlalchemy.dialects import postgresql, sqlite

    changed = {name: value for name, value in values.items() if name != "name"}
    if connection.dialect.name == "postgresql":
        row = postgresql.insert(schedule_states).values(**values)
        return row.on_conflict_do_update(index_elements=["name"], set_=changed)
    one = sqlite.insert(schedule_states).values(**values)
    return one.on_conflict_do_update(index_elements=["name"], set_=changed)
