"""The trials of one strategy: read whole once, and then what was added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import sqlalchemy as sa

from tradingkb.ports import Partition, PartitionNews
from tradingkb.sql import only_added, read, read_in, reading
from tradingkb.stores import schema
from tradingkb.stores.generations import generation_row, generations_of

_T, _I = schema.trials.c, schema.kb_trial_index.c
_LEFT_OUT = (
    "id",
    "workspace_id",
    "strategy_name",
    "experiment_type",
    "run_id",
    "row_hash",
    "engine",
    "ingested_at",
    "withdrawn_at",
)


class PartitionQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    def partition(
        self,
        workspace_id: str,
        strategy_name: str,
        collection: str,
        known: Partition | None = None,
    ) -> PartitionNews:
        """What has become of one strategy's trials since `known`; see the port."""
        key = (workspace_id, strategy_name, collection)
        with reading(self.engine) as connection:
            row = generation_row(connection, workspace_id, strategy_name)
            generation = int(row.generation) if row is not None else 0
            if known is not None and known.generation == generation:
                return PartitionNews(generation, "unchanged", known.trials.clear())
            if known is not None and only_added(row, known.generation):
                added = _added(connection, key, known.trials)
                if added is not None:
                    return PartitionNews(
                        generation, "added" if added.height else "unchanged", added
                    )
            return PartitionNews(generation, "whole", read(connection, _statement(*key)))

    def partitions(
        self, workspace_id: str, strategy_names: Sequence[str], collection: str
    ) -> dict[str, Partition]:
        """What `partition` says of many strategies, in one snapshot; see the port."""
        statement = _statement(workspace_id, None, collection).add_columns(_T.strategy_name)
        names = pl.Series(sorted(set(strategy_names)), dtype=pl.String)
        with reading(self.engine) as connection:
            moved = dict(generations_of(connection, workspace_id, names).rows())
            found = read_in(connection, statement, _T.strategy_name, names)
        parts = found.partition_by("strategy_name", as_dict=True, include_key=False)
        nothing = found.drop("strategy_name").clear()
        return {n: Partition(moved.get(n, 0), parts.get((n,), nothing)) for n in names}

    def trial_counts(self, workspace_id: str, strategy_names: Sequence[str]) -> dict[str, int]:
        """How many trials each of these strategies has, withdrawn ones too; those with any."""
        statement = sa.select(_T.strategy_name, sa.func.count().label("n"))
        statement = statement.where(_T.workspace_id == workspace_id).group_by(_T.strategy_name)
        names = pl.Series(sorted(set(strategy_names)), dtype=pl.String)
        with reading(self.engine) as connection:
            return dict(read_in(connection, statement, _T.strategy_name, names).rows())


def _added(
    connection: sa.Connection, key: tuple[str, str, str], known: pl.DataFrame
) -> pl.DataFrame | None:
    """The trials that came in since; None when that is not all that has changed.

    On PostgreSQL a number may be taken first and committed last.
    """
    last = known["trial_id"].max()
    added = read(connection, _statement(*key).where(_T.id > (0 if last is None else last)))
    count = sa.select(sa.func.count()).where(*_of_strategy(*key[:2]))
    same = connection.scalar(count) == known.height + added.height
    return added if same else None


def _statement(workspace_id: str, strategy_name: str | None, collection: str) -> sa.Select[Any]:
    columns = [c for c in schema.trials.columns if c.name not in _LEFT_OUT]
    entry = (_I.trial_id == _T.id) & (_I.collection == collection)
    archived = sa.select(_I.archived_at).where(entry).scalar_subquery()
    wanted = sa.select(_T.id.label("trial_id"), *columns, archived.label("archived_at"))
    return wanted.where(*_of_strategy(workspace_id, strategy_name))


def _of_strategy(
    workspace_id: str, strategy_name: str | None
) -> tuple[sa.ColumnElement[bool], ...]:
    """Conditions on the trials that count, of one strategy or of all."""
    mine = () if strategy_name is None else (_T.strategy_name == strategy_name,)
    return (_T.workspace_id == workspace_id, *mine, _T.withdrawn_at.is_(None))
