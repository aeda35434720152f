"""The generation of a strategy: counts the changes that could alter an answer about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import polars as pl
import sqlalchemy as sa

from tradingkb.sql import moved, read_in, reading, upsert
from tradingkb.stores import schema

_G = schema.generations.c
_KEY = ("workspace_id", "strategy_name")


def bump(
    connection: sa.Connection,
    workspace_id: str,
    strategies: Iterable[str],
    *,
    only_added: bool = False,
) -> None:
    """Moves the generation of these strategies, in the transaction that changed them.

    Args:
        connection: the transaction.
        workspace_id: whose strategies.
        strategies: their names.
        only_added: what was known of them stands: trials came in, or current index entries.
    """
    names = sorted(set(strategies))
    if not names:
        return
    frame = pl.DataFrame({"strategy_name": names}, schema={"strategy_name": pl.String}).select(
        pl.lit(workspace_id).alias("workspace_id"), "strategy_name", pl.lit(0).alias("generation")
    )
    upsert(connection, schema.generations, frame, key=_KEY, update=())
    mine = (_G.workspace_id == workspace_id) & _G.strategy_name.in_(names)
    if len(names) > 1:  # an UPDATE takes rows in any order: two could wait for each other
        ordered = sa.select(_G.strategy_name).where(mine).order_by(_G.strategy_name)
        connection.execute(ordered.with_for_update()).all()
    connection.execute(
        sa.update(schema.generations)
        .where(mine)
        .values(moved(schema.generations, only_added=only_added))
    )


def bump_all(connection: sa.Connection, workspace_id: str) -> None:
    """Moves the generation of every strategy of the workspace."""
    known = sa.select(_G.strategy_name).where(_G.workspace_id == workspace_id)
    bump(connection, workspace_id, connection.scalars(known).all())


def generations_of(
    connection: sa.Connection, workspace_id: str, strategies: Iterable[str]
) -> pl.DataFrame:
    """strategy_name, generation of some strategies."""
    statement = sa.select(_G.strategy_name, _G.generation).where(_G.workspace_id == workspace_id)
    return read_in(connection, statement, _G.strategy_name, pl.Series(sorted(strategies)))


#: Built once: every question asks for it.
_GENERATION: Final[sa.Select[Any]] = sa.select(_G.generation, _G.added_since, _G.added_until).where(
    _G.workspace_id == sa.bindparam("workspace"), _G.strategy_name == sa.bindparam("strategy")
)


class GenerationQueries:
    """Part of `SqlTrialStore`."""

    engine: sa.Engine

    def generation(self, workspace_id: str, strategy_name: str) -> int:
        """Counts every change that could alter an answer about this strategy; 0 for none."""
        with reading(self.engine) as connection:
            row = generation_row(connection, workspace_id, strategy_name)
        return int(row.generation) if row is not None else 0


def generation_row(
    connection: sa.Connection, workspace_id: str, strategy_name: str
) -> sa.Row[Any] | None:
    """The generation of a strategy, and since when trials were only added to it."""
    asked = {"workspace": workspace_id, "strategy": strategy_name}
    return connection.execute(_GENERATION, asked).first()
