"""Queries that look at everything that is stored of trials, slice by slice."""

from __future__ import annotations

from typing import Final

import polars as pl
import sqlalchemy as sa

from tradingkb.exceptions import StoreDamagedError
from tradingkb.sql import read, read_in, reading, redone, writing
from tradingkb.stores import schema
from tradingkb.stores.curation import chunks, lock_trials, mark_entries
from tradingkb.stores.generations import bump
from tradingkb.stores.versions import DAMAGED

_T, _V, _W, _P = schema.trials.c, schema.trial_versions.c, schema.windows.c, schema.param_sets.c
_WINDOW: Final = (
    *("symbol", "timeframe", "is_start", "is_end", "oos_start", "oos_end"),
    *("regime_is", "regime_oos"),
)
#: Findings of a check that are worth reading.
_FAULTS: Final = 10


class WholeQueries:
    """Part of `SqlTrialStore`; see `tradingkb.ports.WholeStore`."""

    engine: sa.Engine

    def said_ids(self, workspace_id: str, *, versions: bool) -> pl.Series:
        """What there is to be looked at; see the port."""
        c = _V if versions else _T
        with reading(self.engine) as connection:
            return read(connection, sa.select(c.id).where(c.workspace_id == workspace_id))[
                "id"
            ].sort()

    def said(self, workspace_id: str, ids: pl.Series, *, versions: bool) -> pl.DataFrame:
        """What trials say, or other runs said of them; see the port."""
        table: sa.FromClause = schema.trials
        c, trial_id = _T, _T.id
        if versions:
            c, trial_id = _V, _V.trial_id
            table = schema.trial_versions.outerjoin(schema.trials, _V.trial_id == _T.id)
        # Outer joins: what refers to nothing is damage, and must not be left out.
        table = table.outerjoin(schema.windows, c.window_id == _W.id)
        table = table.outerjoin(schema.param_sets, c.param_set_id == _P.id)
        statement = (
            sa.select(
                c.id.label("id"),
                trial_id.label("trial_id"),
                _T.source_type,
                _T.source_id,
                *(c[name] for name in schema.CONTENT),
                _P.params,
                *(_W[name] for name in _WINDOW),
            )
            .select_from(table)
            .where(c.workspace_id == workspace_id)
        )
        with reading(self.engine) as connection:
            try:
                return read_in(connection, statement, c.id, ids).sort("id")
            except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
                raise StoreDamagedError(
                    f"the store is damaged: a value of one of the trials {ids.min()!r} to "
                    f"{ids.max()!r} is of another type than its column ({error}); restore a backup"
                ) from error

    @redone
    def mark_damaged(self, workspace_id: str, trial_ids: pl.Series) -> None:
        """Makes the next ingest of their source take these trials anew; see the port."""
        trials = schema.trials
        with writing(self.engine) as connection:
            lock_trials(connection, trial_ids)
            for ids in chunks(trial_ids):
                mine = _T.workspace_id == workspace_id, _T.id.in_(ids)
                connection.execute(sa.update(trials).where(*mine).values(row_hash=DAMAGED))
                mark_entries(connection, ids)
                names = connection.scalars(sa.select(_T.strategy_name).where(*mine).distinct())
                bump(connection, workspace_id, set(names))

    def faults(self) -> tuple[str, ...]:
        """What SQLite finds wrong with the file: pages, and indexes that disagree with tables."""
        if self.engine.dialect.name != "sqlite":
            return ()
        with reading(self.engine) as connection:
            said = connection.exec_driver_sql(f"PRAGMA integrity_check({_FAULTS})").scalars().all()
        return () if said == ["ok"] else tuple(str(line) for line in said)
