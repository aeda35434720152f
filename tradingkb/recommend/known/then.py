"""What was known at an earlier time: restated trials, and specs, as they were said by then.

A trial counts from `known_at` on, whenever it came in: a past that is stored today can be asked
about. But what came in later does not change what was said before. So a restated trial says what
the last run had said by then, and before the first one what that one said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from tradingkb.domain import StrategySpec

#: More than the runs that ever speak of one trial.
_RUNS: Final = 1_000_000_000


@dataclass(frozen=True)
class Past:
    """What was ever said about one strategy.

    Attributes:
        strategy_name: the strategy.
        versions: as `PartitionStore.trial_versions` gives them.
        registrations: specs, and when each was registered, by time.
    """

    strategy_name: str
    versions: pl.DataFrame
    registrations: Sequence[tuple[StrategySpec, datetime]]

    def moved(self, as_of: datetime, known_by: datetime) -> pl.DataFrame:
        """Versions that stand in for what their trials say now.

        Args:
            as_of: what runs had said by then counts.
            known_by: what became known later is taken only where nothing else was said.
        """
        if self.versions.is_empty():
            return self.versions
        place = pl.int_range(pl.len(), dtype=pl.Int64).over("trial_id")
        told = (pl.col("since") <= as_of).fill_null(True)
        known = (pl.col("known_at") <= known_by).cast(pl.Int64)
        any_told = told.any().over("trial_id")
        # The last that was told by then; where none was, the first: known ones before others.
        worth = pl.when(any_told).then(place).otherwise(-place) + known * _RUNS
        worth = worth + pl.when(told).then(2 * _RUNS).otherwise(0)
        found = self.versions.with_columns(worth=worth)
        then = found.filter(pl.col("worth") == pl.col("worth").max().over("trial_id"))
        same = pl.col("stands") & (pl.col("strategy_name") == self.strategy_name)
        return then.filter(~same)

    def trials(self, now: pl.DataFrame, moved: pl.DataFrame) -> pl.DataFrame:
        """The trials of the strategy with what `moved` says of them."""
        kept = now.join(moved.select("trial_id"), on="trial_id", how="anti", maintain_order="left")
        mine = moved.filter(pl.col("strategy_name") == self.strategy_name)
        return pl.concat([kept, mine.select(now.columns).cast(now.schema)])

    def specs(self, as_of: datetime) -> list[StrategySpec]:
        """One spec per version as it was registered by then, the one in force at the end.

        What was registered later stands before, as it was registered first: it is in force only
        where it is asked for by its version. Before any registration the first one is in force.
        """
        past, later = dict[str, StrategySpec](), dict[str, StrategySpec]()
        for spec, at in self.registrations:
            if at <= as_of:
                past.pop(spec.version, None)  # the one registered last comes last
                past[spec.version] = spec
            elif spec.version not in past:
                later.setdefault(spec.version, spec)
        return [*reversed(later.values()), *past.values()]
