"""Which trials stand on a page, found by indexes as far as there are any.

Indexes lead to the first trials of a strategy and not of a workspace: so each strategy is asked for
its first ones, and the first of these are taken. Columns of few values are walked value by value,
each in the order of storing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from tradingkb.domain import STATUSES
from tradingkb.ports import TrialOrder, TrialPlace, TrialQuery
from tradingkb.stores import schema

_T, _W = schema.trials.c, schema.windows.c
_COMMON: Final = STATUSES[0]
#: Columns of few values, as those of windows are.
_FEW: Final = ("strategy_name", "kb_status")
#: The column of which a strategy's trials are found in order.
_INDEXED: Final = "sharpe_oos"


@dataclass(frozen=True)
class TrialSearch:
    """Some trials of a workspace, asked for through a connection."""

    connection: sa.Connection
    workspace_id: str
    query: TrialQuery

    def count(self, most: int) -> int:
        """How many there are, up to `most`."""
        query = self.query
        if not self._narrow and _INDEXED in query.ranges:
            # No other trials, but an index leads to each strategy's.
            names = strategy_names(self.connection, self.workspace_id)
            query = replace(query, where={**query.where, "strategy_name": names})
        some = self._matching(query, sa.literal_column("1")).limit(most).subquery()
        return int(self.connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0)

    def page(self, order: TrialOrder, limit: int, after: TrialPlace | None) -> list[int]:
        """Their ids in an order, beginning after a place."""
        if order.column == "id":
            return self._by_id(order, limit, after.trial_id if after is not None else None)
        if order.column in _FEW or order.column not in _T:
            return self._value_by_value(order, limit, after)
        return self._by_value(order, limit, after)

    @property
    def _narrow(self) -> bool:
        """Whether an index leads to these trials without going strategy by strategy."""
        where = self.query.where
        return "strategy_name" in where or bool(_of_windows(where)) or _rare(where)

    def _by_id(
        self, order: TrialOrder, limit: int, last: int | None, *conditions: sa.ColumnElement[bool]
    ) -> list[int]:
        # SQLite's indexes hold the trials of a strategy by id; PostgreSQL's do not, and it walks
        # through the primary key as far as it has to.
        apart = self.connection.dialect.name == "sqlite"
        if last is not None:
            conditions = (*conditions, _T.id < last if order.descending else _T.id > last)
        rows = self._first(order.descending, limit, _T.id, *conditions, apart=apart)
        return [row[0] for row in rows]

    def _value_by_value(self, order: TrialOrder, limit: int, after: TrialPlace | None) -> list[int]:
        found: list[int] = []
        for value in self._values(order):
            if after is not None and not _reached(value, after.value, order.descending):
                continue
            last = after.trial_id if after is not None and value == after.value else None
            some = self._with(order.column, value)
            found += some._by_id(order, limit - len(found), last)
            if len(found) >= limit:
                break
        return found

    def _by_value(self, order: TrialOrder, limit: int, after: TrialPlace | None) -> list[int]:
        """Those with a value and those without, one after the other.

        So it is decided here and not by the database where nulls go, and an index serves.
        """
        found: list[int] = []
        last = None
        if after is None or after.value is not None:
            found = self._valued(order, limit, after)
        else:
            last = after.trial_id
        if len(found) < limit:
            nothing = _T[order.column].is_(None)
            found += self._by_id(order, limit - len(found), last, nothing)
        return found

    def _valued(self, order: TrialOrder, limit: int, after: TrialPlace | None) -> list[int]:
        key = _T[order.column]
        conditions: list[sa.ColumnElement[bool]] = [key.is_not(None)]
        if after is not None:
            conditions.append(_beyond(key, after, descending=order.descending))
        apart = order.column == _INDEXED
        rows = self._first(order.descending, limit, key, *conditions, apart=apart)
        return [row[0] for row in rows]

    def _first(
        self,
        descending: bool,
        limit: int,
        key: sa.ColumnElement[Any],
        *conditions: sa.ColumnElement[bool],
        apart: bool,
    ) -> list[Any]:
        """Id and key of the first trials by key and id, strategy by strategy where that is faster.

        Args:
            descending: the greatest key first.
            limit: most trials.
            key: what they are ordered by.
            conditions: further ones.
            apart: whether an index has a strategy's trials in this order.
        """
        ordered = (key.desc(), _T.id.desc()) if descending else (key, _T.id)

        def ask(query: TrialQuery) -> list[Any]:
            statement = self._matching(query, _T.id, key.label("key")).where(*conditions)
            return list(self.connection.execute(statement.order_by(*ordered).limit(limit)))

        if self._narrow or not apart:
            return ask(self.query)
        rows = [row for one in self._strategies() for row in ask(one)]
        rows.sort(key=lambda row: (row[1], row[0]), reverse=descending)
        return rows[:limit]

    def _strategies(self) -> Iterator[TrialQuery]:
        for name in strategy_names(self.connection, self.workspace_id):
            yield replace(self.query, where={**self.query.where, "strategy_name": name})

    def _with(self, column: str, value: Any) -> TrialSearch:
        """Those of them that have a value."""
        where = {**self.query.where, column: value}
        return replace(self, query=replace(self.query, where=where))

    def _values(self, order: TrialOrder) -> list[Any]:
        """The values of a column of few, in order of their code points; none comes last."""
        asked = self.query.where.get(order.column)
        if asked is not None:
            found = set(asked) if isinstance(asked, list | tuple | set) else {asked}
        elif order.column == "kb_status":
            found = set(STATUSES)
        elif order.column == "strategy_name":
            found = set(strategy_names(self.connection, self.workspace_id))
        else:
            mine = _W.workspace_id == self.workspace_id
            found = set(self.connection.scalars(sa.select(_W[order.column]).where(mine).distinct()))
        known = sorted((value for value in found if value is not None), reverse=order.descending)
        return [*known, None] if None in found else known

    def _matching(self, query: TrialQuery, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
        where, ranges = query.where, query.ranges
        of_windows = _of_windows(where)
        conditions = [_is(_T[n], value) for n, value in where.items() if n not in of_windows]
        conditions += [part for n, bounds in ranges.items() for part in _between(_T[n], *bounds)]
        if of_windows:
            mine = [_is(_W[name], value) for name, value in of_windows.items()]
            windows = sa.select(_W.id).where(_W.workspace_id == self.workspace_id, *mine)
            # Windows are of one workspace, and so are their trials.
            conditions.append(_T.window_id.in_(windows))
        else:
            conditions.append(_T.workspace_id == self.workspace_id)
        if _rare(where):
            # Implied, and what the index is for: as text, because databases compare texts.
            conditions.append(_T.kb_status != sa.literal_column(f"'{_COMMON}'"))
        return sa.select(*columns).select_from(schema.trials).where(*conditions)


def strategy_names(connection: sa.Connection, workspace_id: str) -> list[str]:
    """The strategies that have trials, without looking at every trial."""
    mine = _T.workspace_id == workspace_id
    first = sa.select(sa.func.min(_T.strategy_name).label("name")).where(mine)
    found = first.cte("found", recursive=True)
    following = (
        sa.select(sa.func.min(_T.strategy_name))
        .where(mine, _T.strategy_name > found.c.name)
        .scalar_subquery()
    )
    found = found.union_all(sa.select(following).where(found.c.name.is_not(None)))
    names = sa.select(found.c.name).where(found.c.name.is_not(None))
    return sorted(connection.scalars(names))


def _of_windows(where: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in where.items() if name not in _T}


def _rare(where: Mapping[str, Any]) -> bool:
    """Whether only statuses are asked for that an administrator gave: those have an index."""
    asked = where.get("kb_status", _COMMON)
    return _COMMON not in asked if isinstance(asked, list | tuple | set) else asked != _COMMON


def _is(column: sa.ColumnElement[Any], value: Any) -> sa.ColumnElement[bool]:
    if isinstance(value, list | tuple | set):
        return column.in_(value)
    return column.is_(None) if value is None else column == value


def _between(column: sa.ColumnElement[Any], low: Any, high: Any) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [column.is_not(None)]
    if low is not None:
        found.append(column >= _given(low))
    if high is not None:
        found.append(column <= _given(high))
    return found


def _beyond(
    key: sa.ColumnElement[Any], after: TrialPlace, *, descending: bool
) -> sa.ColumnElement[bool]:
    """Which trials come after a place; the first condition is what an index is searched by."""
    value: Any = _given(after.value)
    if descending:
        return sa.and_(key <= value, (key < value) | (_T.id < after.trial_id))
    return sa.and_(key >= value, (key > value) | (_T.id > after.trial_id))


def _given(value: Any) -> Any:
    """A number as it is: PostgreSQL would round it to the integers of some columns."""
    return sa.literal(value, sa.Double()) if isinstance(value, float) else value


def _reached(value: Any, place: Any, descending: bool) -> bool:
    """Whether a value is at a place or after it; none is after all others."""
    if value is None or place is None:
        return value is None
    return bool(value <= place if descending else value >= place)
