"""Trials in memory, as the pure steps of an answer see them: no store, no file, no ingest.

world.but(pl.col("symbol") == "AAPL", kb_status="rejected")   # with other values in some trials
world.answer(regime=None)                                     # the answer to a question
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import polars as pl

from tradingkb.domain import (
    METRICS,
    IndexTarget,
    Market,
    Overrides,
    Question,
    Regime,
    StrategySpec,
    Workspace,
)
from tradingkb.ports import Partition
from tradingkb.recommend import (
    Context,
    ExactSearch,
    Findings,
    Recommendation,
    RecommendConfig,
    Search,
    View,
    assemble,
    find,
    make_context,
    make_view,
)

NOW: Final = datetime(2024, 1, 1, tzinfo=UTC)
#: In the middle of a quarter: windows of 91 days lie in a quarter each.
START: Final = datetime(2010, 2, 15, tzinfo=UTC)
SPACE: Final = Workspace("space", "default", None, None, {}, START)
TARGET: Final = IndexTarget(SPACE, "regime-v1", "kb_regime_v1_v1")
#: What a question says of the market where a test says nothing.
MARKET: Final = Regime(features={"volatility_annual": 0.3, "atr_pct": 0.015})
CONFIG: Final = RecommendConfig()

_SIDES: Final = ("is", "oos")
_TIME: Final = pl.Datetime("us", "UTC")
_WINDOW: Final[dict[str, Any]] = {
    "window_key": pl.String,
    "symbol": pl.String,
    "timeframe": pl.String,
    "is_start": _TIME,
    "is_end": _TIME,
    "oos_start": _TIME,
    "oos_end": _TIME,
    "regime_is": pl.String,
    "regime_oos": pl.String,
}
_TRIAL: Final[dict[str, Any]] = {
    "source_type": pl.String,
    "source_id": pl.String,
    "strategy_version": pl.String,
    "params": pl.String,
    "objective_type": pl.String,
    "objective_score": pl.Float64,
    "objective_sample": pl.String,
    **{f"{m}_{s}": pl.Int64 if m == "n_trades" else pl.Float64 for m in METRICS for s in _SIDES},
    "cost_bps": pl.Float64,
    "known_at": _TIME,
    "created_at": _TIME,
    "kb_status": pl.String,
    "promoted_at": _TIME,
    "archived_at": _TIME,
}
#: Columns of the rows of a world: those of a trial, and of its window.
COLUMNS: Final[dict[str, Any]] = {"trial_id": pl.Int64, **_TRIAL, **_WINDOW}
_HISTORY: Final[dict[str, Any]] = {
    "trial_id": pl.Int64,
    "from_status": pl.String,
    "to_status": pl.String,
    "at": _TIME,
}


@dataclass(frozen=True)
class World:
    """Trials of strategy "s" and what is stored with them.

    Attributes:
        rows: one row per trial, with `COLUMNS`.
        specs: of the strategy, the one registered last at the end.
        history: changes of status: trial_id, from_status, to_status, at.
    """

    rows: pl.DataFrame
    specs: tuple[StrategySpec, ...] = ()
    history: tuple[tuple[int, str, str, datetime], ...] = ()

    def but(self, where: pl.Expr | None = None, **columns: Any) -> World:
        """The same with other values in the trials that meet a condition, or in all of them."""
        chosen = pl.lit(True) if where is None else where
        changed = [
            pl.when(chosen).then(_value(name, value)).otherwise(name).alias(name)
            for name, value in columns.items()
        ]
        return replace(self, rows=self.rows.with_columns(changed))

    def only(self, where: pl.Expr) -> World:
        """The same with these trials alone."""
        return replace(self, rows=self.rows.filter(where))

    def plus(self, other: World) -> World:
        """The trials of both, numbered one after the other."""
        after = pl.col("trial_id") + self.rows.height
        return replace(self, rows=pl.concat([self.rows, other.rows.with_columns(after)]))

    def under(self, *specs: StrategySpec) -> World:
        """The same with these specs."""
        return replace(self, specs=specs)

    def since(self, *changes: tuple[int, str, str, datetime]) -> World:
        """The same with this history of statuses."""
        return replace(self, history=changes)

    def ids(self, where: pl.Expr) -> list[int]:
        """The numbers of the trials that meet a condition."""
        return self.rows.filter(where)["trial_id"].to_list()

    def shuffled(self, seed: int) -> World:
        """The same trials in another order, so that windows and sets are numbered otherwise."""
        rows = self.rows.sample(fraction=1.0, shuffle=True, seed=seed)
        return replace(self, rows=rows)

    @cached_property
    def windows(self) -> pl.DataFrame:
        """What a store gives as `window_rows`, numbered as they are met."""
        met = self.rows.select(*_WINDOW).unique("window_key", keep="first", maintain_order=True)
        return met.with_row_index("window_id", 1).with_columns(pl.col("window_id").cast(pl.Int64))

    @cached_property
    def sets(self) -> pl.DataFrame:
        """What a store gives as `param_set_rows`, numbered as they are met."""
        met = self.rows.select("params").unique(maintain_order=True)
        numbered = met.with_row_index("param_set_id", 1)
        return numbered.with_columns(
            pl.col("param_set_id").cast(pl.Int64), strategy_name=pl.lit("s")
        )

    @cached_property
    def partition(self) -> Partition:
        """What a store gives as the trials of the strategy."""
        keys = self.windows.select("window_id", "window_key")
        sets = self.sets.select("param_set_id", "params")
        trials = self.rows.join(keys, on="window_key", maintain_order="left")
        trials = trials.join(sets, on="params", maintain_order="left")
        kept = [name for name in _TRIAL if name != "params"]
        return Partition(1, trials.select("trial_id", *kept, "param_set_id", "window_id"))

    @property
    def changes(self) -> pl.DataFrame:
        """What a store gives as `status_history`."""
        rows = sorted(self.history, key=lambda row: row[3])
        return pl.DataFrame(rows, schema=_HISTORY, orient="row")

    @property
    def given(self) -> pl.DataFrame:
        """The trials as a file or a frame gives them to `kb.ingest`: without what a store adds."""
        added = ("trial_id", "window_key", "created_at", "kb_status", "promoted_at", "archived_at")
        return self.rows.drop(added).with_columns(strategy_name=pl.lit("s"))

    def view(self) -> View:
        """The trials as arrays."""
        return make_view(
            self.partition,
            windows=self.windows,
            sets=self.sets,
            specs=list(self.specs),
            read_scaler=lambda: None,
            read_history=lambda: self.changes,
        )

    def context(self, view: View | None = None, *, embargo_s: float = 0.0, **asked: Any) -> Context:
        """What one question starts from; `asked` as in `question`."""
        return make_context(TARGET, question(**asked), view or self.view(), NOW, embargo_s)

    def answer(self, *, calibration: Any = None, **asked: Any) -> Recommendation:
        """The answer to a question; `asked` as in `question`."""
        c = self.context(**asked)
        return assemble(c, findings(c), CONFIG, calibration)


def question(
    regime: Regime | None = MARKET,
    symbol: str | None = "AAPL",
    timeframe: str | None = "1d",
    *,
    read: Sequence[str] = (),
    **more: Any,
) -> Question:
    """A question about strategy "s".

    Args:
        regime: of the market.
        symbol: the instrument.
        timeframe: of the instrument.
        read: warnings that reading the market raised.
        **more: fields of `Question`, or of `Overrides`.
    """
    names = {field.name for field in fields(Overrides)}
    overrides = Overrides(**{name: more.pop(name) for name in names & set(more)})
    market = Market(regime, symbol, timeframe, tuple(read), tuple(f"{r}: so" for r in read))
    return Question(**{"strategy_name": "s", "market": market, "overrides": overrides, **more})


def findings(
    c: Context,
    config: RecommendConfig = CONFIG,
    search: Search | None = None,
    lap: Callable[[str], None] = lambda _: None,
) -> Findings:
    """What the steps before the choice find, with the exact search."""
    return find(c, config, search or ExactSearch(config.neighbour_windows), lap)


def _value(name: str, value: Any) -> pl.Expr:
    return value if isinstance(value, pl.Expr) else pl.lit(value, dtype=COLUMNS[name])
