"""Queries about what was changed when: from the tables that say it, and from notes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from tradingkb.sql import read, reading, writing
from tradingkb.stores import schema
from tradingkb.stores.pages import within

_R, _S, _H = schema.ingest_runs.c, schema.spec_registrations.c, schema.kb_status_history.c
_C = schema.changes.c


class ChangeQueries:
    """Part of `SqlTrialStore`; see `tradingkb.ports.ReportStore`."""

    engine: sa.Engine

    def change_rows(
        self, workspace_id: str, since: datetime | None, until: datetime | None, limit: int
    ) -> pl.DataFrame:
        """What was changed, newest first; see the port."""
        span = since, until
        with reading(self.engine) as connection:
            found = [
                make(connection, workspace_id, span, limit)
                for make in (_runs, _withdrawals, _specs, _statuses, _notes)
            ]
        return pl.concat(found).sort("at", descending=True, maintain_order=True).head(limit)

    def note_change(
        self,
        workspace_id: str | None,
        at: datetime,
        kind: str,
        actor: str,
        facts: Mapping[str, Any],
    ) -> None:
        """Notes a change that no other table tells of."""
        row = {"workspace_id": workspace_id, "at": at, "kind": kind, "actor": actor, "facts": facts}
        with writing(self.engine) as connection:
            connection.execute(sa.insert(schema.changes).values(**row))

    def last_start(self, replica: str) -> Mapping[str, Any] | None:
        """The facts of the newest start of a replica."""
        mine = (_C.kind == "start") & (_C.facts["replica"].as_string() == replica)
        newest = sa.select(_C.facts).where(mine).order_by(_C.at.desc(), _C.id.desc()).limit(1)
        with reading(self.engine) as connection:
            found: Mapping[str, Any] | None = connection.scalar(newest)
        return found


_Span = tuple[datetime | None, datetime | None]


def _runs(connection: sa.Connection, workspace_id: str, span: _Span, limit: int) -> pl.DataFrame:
    at = sa.func.coalesce(_R.finished_at, _R.started_at, type_=_R.started_at.type)
    facts = ("run_id", "status", "source", "collection", "counts")
    statement = sa.select(
        at.label("at"), _R.kind, sa.literal("").label("actor"), *(_R[name] for name in facts)
    )
    mine = _R.workspace_id == workspace_id
    return _read(connection, statement.where(mine, *within(at, *span)), at, limit)


def _withdrawals(
    connection: sa.Connection, workspace_id: str, span: _Span, limit: int
) -> pl.DataFrame:
    at = _R.withdrawn_at
    statement = sa.select(
        at.label("at"),
        sa.literal("withdrawal").label("kind"),
        sa.func.coalesce(_R.withdrawn_by, "").label("actor"),
        _R.run_id,
        _R.withdrawn_reason.label("reason"),
    )
    mine = (_R.workspace_id == workspace_id) & at.is_not(None)
    return _read(connection, statement.where(mine, *within(at, *span)), at, limit)


def _specs(connection: sa.Connection, workspace_id: str, span: _Span, limit: int) -> pl.DataFrame:
    statement = sa.select(
        _S.at,
        sa.literal("strategy").label("kind"),
        sa.literal("").label("actor"),
        _S.name.label("strategy_name"),
        _S.version,
    )
    mine = _S.workspace_id == workspace_id
    return _read(connection, statement.where(mine, *within(_S.at, *span)), _S.at, limit)


def _statuses(
    connection: sa.Connection, workspace_id: str, span: _Span, limit: int
) -> pl.DataFrame:
    """Changes of status; those of one act, which may be of many trials, as one row."""
    act = _H.at, _H.to_status, _H.actor
    acts = (
        sa.select(*act, sa.func.count().label("trials"), sa.func.max(_H.id).label("last"))
        .where(_H.workspace_id == workspace_id, *within(_H.at, *span))
        .group_by(*act)
        # In the index's own order, so that no older act is looked at.
        .order_by(*(column.desc() for column in act))
        .limit(limit)
        .subquery()
    )
    statement = sa.select(
        acts.c.at,
        sa.literal("status").label("kind"),
        acts.c.actor,
        acts.c.to_status,
        acts.c.trials,
        _H.reason,
    ).join(schema.kb_status_history, acts.c.last == _H.id)
    return _read(connection, statement, acts.c.at, limit)


def _notes(connection: sa.Connection, workspace_id: str, span: _Span, limit: int) -> pl.DataFrame:
    mine = sa.or_(_C.workspace_id == workspace_id, _C.workspace_id.is_(None))
    statement = sa.select(_C.at, _C.kind, _C.actor, _C.facts).where(mine, *within(_C.at, *span))
    return read(connection, statement.order_by(_C.at.desc(), _C.id.desc()).limit(limit))


def _read(
    connection: sa.Connection, statement: sa.Select[Any], at: sa.ColumnElement[Any], limit: int
) -> pl.DataFrame:
    """Rows whose other columns are the facts."""
    found = read(connection, statement.order_by(at.desc()).limit(limit))
    head = found.select("at", "kind", "actor")
    rows = found.drop("at", "kind", "actor").to_dicts()
    facts = [json.dumps(_facts(row), ensure_ascii=False) for row in rows]
    return head.with_columns(pl.Series("facts", facts, pl.String))


def _facts(row: dict[str, Any]) -> dict[str, Any]:
    return {k: json.loads(v) if k == "counts" else v for k, v in row.items()}
