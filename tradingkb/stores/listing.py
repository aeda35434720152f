"""Queries that list trials, strategies and status changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from tradingkb.sql import read, read_in, reading
from tradingkb.stores import schema

_T, _W, _P = schema.trials.c, schema.windows.c, schema.param_sets.c
#: Columns of a trial that an embedding or its payload does not depend on.
_NOT_INDEXED: Final = (
    "id",
    "workspace_id",
    "param_set_id",
    "window_id",
    "promoted_at",
    "created_at",
    "ingested_at",
    "run_id",
    "withdrawn_at",
    "objective_sample",
)

#: So many values are worth a condition of their own beside the one that is read in parts.
_FEW: Final = 1_000


class ListingQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    def documents(self, workspace_id: str, trial_ids: pl.Series) -> pl.DataFrame:
        """Identity, status, parameters, window, regimes and metrics of some trials, by id."""
        columns = [c for c in schema.trials.columns if c.name not in _NOT_INDEXED]
        statement = (
            sa.select(
                _T.id.label("trial_id"),
                *columns,
                _P.params,
                _W.window_key,
                _W.symbol,
                _W.timeframe,
                _W.regime_is,
                _W.regime_oos,
                _T.withdrawn_at.is_not(None).label("withdrawn"),
            )
            .select_from(schema.trials.join(schema.windows).join(schema.param_sets))
            .where(_T.workspace_id == workspace_id)
        )
        with reading(self.engine) as connection:
            return read_in(connection, statement, _T.id, trial_ids).sort("trial_id")

    def find_experiments(self, workspace_id: str, experiments: pl.DataFrame) -> pl.DataFrame:
        """The stored trials of these experiments; see the port."""
        statement = (
            sa.select(
                _P.params_hash,
                _W.window_key,
                _T.id.label("trial_id"),
                _T.source_type,
                _T.source_id,
                _T.strategy_name,
                _T.strategy_version,
                _T.engine,
                _T.cost_bps,
                _T.kb_status,
                _T.known_at,
                _T.run_id,
                _T.withdrawn_at.is_not(None).label("withdrawn"),
            )
            .select_from(schema.trials.join(schema.windows).join(schema.param_sets))
            .where(_T.workspace_id == workspace_id, _W.workspace_id == workspace_id)
        )
        hashes = experiments["params_hash"].unique()
        if len(hashes) <= _FEW:
            statement = statement.where(_P.params_hash.in_(hashes.to_list()))
        keys = experiments["window_key"].unique()
        with reading(self.engine) as connection:
            found = read_in(connection, statement, _W.window_key, keys)
        return found.join(experiments, on=["params_hash", "window_key"], how="semi")

    def trial_rows(
        self, workspace_id: str, where: Mapping[str, Any], limit: int | None = None
    ) -> pl.DataFrame:
        """Trials with params, window and status, newest known first.

        Args:
            workspace_id: whose trials.
            where: equality conditions on columns of trials or windows; a list means "any of".
            limit: most rows to return.
        """
        statement = (
            listed_trials()
            .where(_T.workspace_id == workspace_id)
            .where(*(condition(n, v) for n, v in where.items()))
            .order_by(_T.known_at.desc(), _T.source_id)
            .limit(limit)
        )
        with reading(self.engine) as connection:
            return read(connection, statement)

    def status_history(self, workspace_id: str, strategy_name: str) -> pl.DataFrame:
        """trial_id, from_status, to_status, at, ordered by time."""
        h = schema.kb_status_history.c
        statement = (
            sa.select(h.trial_id, h.from_status, h.to_status, h.at)
            .select_from(schema.kb_status_history.join(schema.trials))
            .where(h.workspace_id == workspace_id, _T.strategy_name == strategy_name)
            .order_by(h.at, h.id)
        )
        with reading(self.engine) as connection:
            return read(connection, statement)

    def strategy_names(self, workspace_id: str) -> list[str]:
        """The strategies that have trials, by name."""
        statement = sa.select(_T.strategy_name).where(_T.workspace_id == workspace_id).distinct()
        with reading(self.engine) as connection:
            return sorted(connection.scalars(statement))

    def strategy_counts(self, workspace_id: str) -> pl.DataFrame:
        """strategy_name, n_trials, n_windows, n_param_sets, first and last known_at."""
        statement = (
            sa.select(
                _T.strategy_name,
                sa.func.count().label("n_trials"),
                sa.func.count(_T.window_id.distinct()).label("n_windows"),
                sa.func.count(_T.param_set_id.distinct()).label("n_param_sets"),
                sa.func.max(_T.known_at, type_=_T.known_at.type).label("last_known_at"),
            )
            .where(_T.workspace_id == workspace_id, _T.withdrawn_at.is_(None))
            .group_by(_T.strategy_name)
            .order_by(_T.strategy_name)
        )
        with reading(self.engine) as connection:
            return read(connection, statement)


def listed_trials() -> sa.Select[Any]:
    """Trials with params, window and status, in no order and of no workspace."""
    left_out = ("id", "workspace_id", "window_id", "row_hash")
    names = [c.name for c in schema.trials.columns if c.name not in left_out]
    window_names = ("symbol", "timeframe", "is_start", "is_end", "oos_start", "oos_end")
    return sa.select(
        _T.id.label("trial_id"),
        *(_T[c] for c in names if c != "param_set_id"),
        _P.params,
        *(_W[c] for c in window_names),
        _W.regime_is,
        _W.regime_oos,
    ).select_from(schema.trials.join(schema.windows).join(schema.param_sets))


def condition(name: str, value: Any) -> sa.ColumnElement[bool]:
    """Whether a column of trials or windows has a value, or one of several."""
    column = _T[name] if name in _T else _W[name]
    several = isinstance(value, list | tuple | set)
    return column.in_(value) if several else column == value
