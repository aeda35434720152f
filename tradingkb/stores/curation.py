"""Queries about the lifecycle: statuses, their history, archived index entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, cast

import polars as pl
import sqlalchemy as sa

from tradingkb.domain import MARK, Actor, Status, marked, refusal, unmarked
from tradingkb.exceptions import InvalidInputError
from tradingkb.sql import MOST_PARAMETERS, note_growth, read, read_in, reading, redone, writing
from tradingkb.stores import schema
from tradingkb.stores.generations import bump, bump_all

_T, _W, _I = schema.trials.c, schema.windows.c, schema.kb_trial_index.c
_H = schema.kb_status_history.c
#: Until the vector index confirms a deletion nobody knows whether the point is gone.
NOT_CONFIRMED = "not confirmed"
#: The content hash of an entry that has to be embedded again.
UNFINISHED = ""


class CurationQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    def select(self, workspace_id: str, where: Mapping[str, Any]) -> pl.DataFrame:
        """trial_id, source_type, source_id, strategy_name, kb_status, run_id, withdrawn."""
        statement = (
            sa.select(
                _T.id.label("trial_id"),
                _T.source_type,
                _T.source_id,
                _T.strategy_name,
                _T.kb_status,
                _T.run_id,
                _T.withdrawn_at.is_not(None).label("withdrawn"),
            )
            .select_from(schema.trials.join(schema.windows))
            .where(_T.workspace_id == workspace_id)
        )
        with reading(self.engine) as connection:
            return _selected(connection, workspace_id, statement, where).sort("trial_id")

    @redone
    def change_status(
        self, workspace_id: str, trial_ids: pl.Series, to: str, actor: Actor, at: datetime
    ) -> pl.DataFrame:
        """Moves trials to a status, all or none; see the port."""
        statement = sa.select(
            _T.id.label("trial_id"),
            _T.source_id,
            _T.strategy_name,
            _T.kb_status.label("from_status"),
        ).where(_T.workspace_id == workspace_id)
        # Locked in one order: two admins at once must see each other's change, and not deadlock.
        statement = statement.order_by(_T.id).with_for_update()
        with writing(self.engine) as connection:
            known = read_in(connection, statement, _T.id, trial_ids.unique().sort())
            changing = known.filter(pl.col("from_status") != to).sort("trial_id")
            _refuse(changing, cast(Status, to), actor)
            if changing.is_empty():
                return changing.drop("source_id")
            for ids in chunks(changing["trial_id"]):
                values = {"kb_status": to} | ({"promoted_at": at} if to == "promoted" else {})
                connection.execute(sa.update(schema.trials).where(_T.id.in_(ids)).values(values))
                if to == "rejected":
                    archive_entries(connection, ids, f"rejected: {actor.reason}", at)
                else:
                    mark_entries(connection, ids)
            _record(connection, workspace_id, changing, to, actor, at)
            bump(connection, workspace_id, changing["strategy_name"].unique())
        return changing.drop("source_id")

    @redone
    def archive(
        self, workspace_id: str, trial_ids: pl.Series, actor: Actor, at: datetime
    ) -> pl.DataFrame:
        """Archives index entries in every collection; see the port."""
        standing = (
            sa.select(_I.trial_id, _T.strategy_name)
            .select_from(schema.kb_trial_index.join(schema.trials))
            .where(_I.workspace_id == workspace_id, _I.archived_at.is_(None))
        )
        with writing(self.engine) as connection:
            lock_trials(connection, trial_ids)
            found = read_in(connection, standing, _I.trial_id, trial_ids.unique()).unique()
            for ids in chunks(found["trial_id"]):
                archive_entries(connection, ids, f"archived: {actor.reason or actor.name}", at)
            bump(connection, workspace_id, found["strategy_name"].unique())
        return found.select("trial_id").sort("trial_id")

    def history(
        self, workspace_id: str, where: Mapping[str, Any], limit: int | None = None
    ) -> pl.DataFrame:
        """Status changes with their trials, newest first."""
        statement = (
            sa.select(
                _H.trial_id,
                _T.source_id,
                _T.strategy_name,
                _H.from_status,
                _H.to_status,
                _H.at,
                _H.actor,
                _H.actor_type,
                _H.reason,
                _H.id.label("change"),
            )
            .select_from(schema.kb_status_history.join(schema.trials).join(schema.windows))
            .where(_H.workspace_id == workspace_id)
        )
        if not any(_is_many(value) for value in where.values()):
            statement = statement.order_by(_H.at.desc(), _H.id.desc()).limit(limit)
        with reading(self.engine) as connection:
            found = _selected(connection, workspace_id, statement, where)
        ordered = found.sort("at", "change", descending=True).drop("change")
        return ordered if limit is None else ordered.head(limit)

    def pending_deletes(self, workspace_id: str) -> pl.DataFrame:
        """trial_id, collection, point_id, reason of entries whose point may still be there."""
        statement = sa.select(_I.trial_id, _I.collection, _I.point_id, _I.reason).where(
            _I.workspace_id == workspace_id,
            _I.archived_at.is_not(None),
            _I.reason.contains(MARK, autoescape=True),
        )
        with reading(self.engine) as connection:
            return read(connection, statement)

    @redone
    def note_deletes(self, entries: pl.DataFrame, error: str | None) -> None:
        """Records how the deletion of points ended; see the port."""
        with writing(self.engine) as connection:
            lock_trials(connection, entries["trial_id"])
            for (collection,), part in entries.partition_by("collection", as_dict=True).items():
                for ids in chunks(part["trial_id"]):
                    _note(connection, str(collection), ids, error)


def chunks(ids: pl.Series) -> Iterator[list[Any]]:
    """Ids in lists that fit into one statement."""
    for start in range(0, len(ids), MOST_PARAMETERS):
        yield ids.slice(start, MOST_PARAMETERS).to_list()


def lock_trials(connection: sa.Connection, trial_ids: pl.Series) -> None:
    """Keeps others from these trials and their entries until the transaction ends.

    Whoever changes several of them locks them first and by their ids: two that lock in different
    orders wait for each other. SQLite's writers are alone anyway.
    """
    if connection.dialect.name == "postgresql":
        statement = sa.select(_T.id).order_by(_T.id).with_for_update()
        read_in(connection, statement, _T.id, trial_ids.unique().sort())


def archive_entries(
    connection: sa.Connection, trial_ids: list[int], reason: str, at: datetime
) -> None:
    """Archives the entries of some trials in every collection, their points not yet deleted."""
    connection.execute(
        sa.update(schema.kb_trial_index)
        .where(_I.trial_id.in_(trial_ids))
        .values(
            archived_at=sa.func.coalesce(_I.archived_at, sa.literal(at, _I.archived_at.type)),
            reason=marked(reason, NOT_CONFIRMED),
        )
    )


def mark_entries(connection: sa.Connection, trial_ids: list[int]) -> None:
    """Marks the entries of some trials as unfinished, in every collection."""
    connection.execute(
        sa.update(schema.kb_trial_index)
        .where(_I.trial_id.in_(trial_ids))
        .values(content_hash=UNFINISHED)
    )


def _selected(
    connection: sa.Connection,
    workspace_id: str,
    statement: sa.Select[Any],
    where: Mapping[str, Any],
) -> pl.DataFrame:
    """The rows for which every condition holds; one condition may be a list of any length."""
    lists = {name: value for name, value in where.items() if _is_many(value)}
    for name, value in where.items():
        if name in lists:
            continue
        if name == "withdrawn":
            statement = statement.where(_T.withdrawn_at.is_not(None) == value)
        else:
            statement = statement.where(_column(name) == value)
    if not lists:
        return read(connection, statement)
    (longest, values), *others = sorted(lists.items(), key=lambda item: -len(item[1]))
    for name, few in others:
        statement = statement.where(_column(name).in_(list(few)))
    wanted = pl.Series(list(values)).unique()
    if longest == "point_id":
        places = _distinct(connection, _I.collection)
        index = sa.select(_I.trial_id).where(_I.collection.in_(places))
        wanted = read_in(connection, index, _I.point_id, wanted)["trial_id"].unique()
        longest = "trial_id"
    elif longest == "source_id" and "source_type" not in where:
        kinds = _distinct(connection, _T.source_type, _T.workspace_id == workspace_id)
        statement = statement.where(_T.source_type.in_(kinds))
    return read_in(connection, statement, _column(longest), wanted)


def _distinct(
    connection: sa.Connection, column: sa.ColumnElement[Any], *where: sa.ColumnElement[bool]
) -> list[str]:
    """The few values of a column that leads an index, found by one look-up each.

    They let a condition on the index's next column use it; DISTINCT would read all of it.
    """
    found: list[str] = []
    smallest = sa.select(sa.func.min(column)).where(*where)
    value = connection.scalar(smallest)
    while value is not None:
        found.append(value)
        value = connection.scalar(smallest.where(column > value))
    return found


def _column(name: str) -> sa.ColumnElement[Any]:
    if name == "trial_id":
        return _T.id
    return _T[name] if name in _T else _W[name]


def _is_many(value: Any) -> bool:
    return isinstance(value, list | tuple | set | pl.Series)


def _refuse(changing: pl.DataFrame, to: Status, actor: Actor) -> None:
    for before in changing["from_status"].unique().sort():
        if problem := refusal(before, to, actor.reason):
            first = changing.filter(pl.col("from_status") == before)["source_id"][0]
            raise InvalidInputError(
                f"{problem} (trial {first!r}); nothing was changed",
                field="reason",
                remedy="say why, for those who rely on it",
            )


def _record(
    connection: sa.Connection,
    workspace_id: str,
    changing: pl.DataFrame,
    to: str,
    actor: Actor,
    at: datetime,
) -> None:
    rows = [
        {
            "workspace_id": workspace_id,
            "trial_id": trial,
            "from_status": before,
            "to_status": to,
            "at": at,
            "actor": actor.name,
            "actor_type": actor.kind,
            "reason": actor.reason,
        }
        for trial, before in changing.select("trial_id", "from_status").rows()
    ]
    connection.execute(sa.insert(schema.kb_status_history), rows)
    note_growth(connection, schema.kb_status_history, len(rows))


def _note(connection: sa.Connection, collection: str, ids: list[int], error: str | None) -> None:
    entries = _I.trial_id.in_(ids) & (_I.collection == collection)
    if error is None:
        # An entry that an ingest brought back meanwhile has just lost its point.
        back = sa.update(schema.kb_trial_index).where(entries, _I.archived_at.is_(None))
        spaces = sa.select(_I.workspace_id).where(entries).distinct()
        if connection.execute(back.values(content_hash=UNFINISHED)).rowcount:
            for space in connection.scalars(spaces).all():
                bump_all(connection, space)
    archived = sa.select(_I.id, _I.reason).where(entries, _I.archived_at.is_not(None))
    notes = [
        {"row": row, "text": unmarked(reason) if error is None else marked(reason, error)}
        for row, reason in connection.execute(archived)
    ]
    if notes:
        change = sa.update(schema.kb_trial_index).where(_I.id == sa.bindparam("row"))
        connection.execute(change.values(reason=sa.bindparam("text")), notes)
