"""Small worlds of trials, as the pure steps of an answer see them: no store, no file, no ingest.

world = sweep(10, {5: 0.5, 20: 1.5})        # ten windows of AAPL 1d, 20 is better
world.but(fast(20), kb_status="rejected")   # the same, with other values in some trials
world.answer(regime=None)                   # the answer to a question that leaves something out
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from tests.small_store import regime
from tradingkb.domain import (
    METRICS,
    IndexTarget,
    Market,
    Overrides,
    ParamSpec,
    Question,
    Regime,
    StrategySpec,
    Workspace,
)
from tradingkb.ports import Calibration, Partition
from tradingkb.ranking import Confidence, EvidenceWeights
from tradingkb.recommend import Recommendation
from tradingkb.recommend.judging import ExactSearch, Findings, RecommendConfig, assemble, find
from tradingkb.recommend.judging.fingerprint import fingerprint
from tradingkb.recommend.judging.similarity import Search
from tradingkb.recommend.known import Calibrated, Context, View, make_context
from tradingkb.recommend.known.view import make_view

NOW = datetime(2024, 1, 1, tzinfo=UTC)
#: In the middle of a quarter: windows of 91 days lie in a quarter each.
START = datetime(2010, 2, 15, tzinfo=UTC)
SPACE = Workspace("space", "default", None, None, {}, START)
TARGET = IndexTarget(SPACE, "regime-v1", "kb_regime_v1_v1")
#: What a question says of the market where a test says nothing.
MARKET = Regime(features={"volatility_annual": 0.3, "atr_pct": 0.015})
CONFIG = RecommendConfig()

SIDES = ("is", "oos")
_TIME = pl.Datetime("us", "UTC")
_WINDOW = {
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
_TRIAL = {
    "source_type": pl.String,
    "source_id": pl.String,
    "strategy_version": pl.String,
    "params": pl.String,
    "objective_type": pl.String,
    "objective_score": pl.Float64,
    **{f"{m}_{s}": pl.Int64 if m == "n_trades" else pl.Float64 for m in METRICS for s in SIDES},
    "cost_bps": pl.Float64,
    "known_at": _TIME,
    "created_at": _TIME,
    "kb_status": pl.String,
    "promoted_at": _TIME,
    "archived_at": _TIME,
}
#: Columns of the rows of a world: those of a trial, and of its window.
COLUMNS = {"trial_id": pl.Int64, **_TRIAL, **_WINDOW}
_HISTORY = {
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

    def answer(self, *, calibration: Calibrated | None = None, **asked: Any) -> Recommendation:
        """The answer to a question; `asked` as in `question`."""
        c = self.context(**asked)
        return assemble(c, findings(c), CONFIG, calibration)


def sweep(
    n_windows: int,
    scores: Mapping[int, float],
    *,
    symbol: str = "AAPL",
    timeframe: str = "1d",
    start: datetime = START,
    days: int = 91,
) -> World:
    """Every set on every window: `{"fast": 5}` scores `scores[5]` out-of-sample, as in-sample.

    Windows follow each other, each a quarter later, with a regime of volatility 0.1, 0.2, ...
    Every trial passes the strict filters.
    """
    rows = []
    for w in range(n_windows):
        begin = start + timedelta(days=days * w)
        for value, score in scores.items():
            end = begin + timedelta(days=90)
            rows.append(
                {
                    "trial_id": len(rows) + 1,
                    "source_type": "import",
                    "source_id": f"{symbol}:{timeframe}:{w:02}:{value:03}",
                    "params": json.dumps({"fast": value}, separators=(",", ":")),
                    "sharpe_is": score,
                    "sharpe_oos": score,
                    "max_drawdown_frac_oos": 0.1,
                    "n_trades_is": 40,
                    "n_trades_oos": 20,
                    "known_at": end,
                    "created_at": end,
                    "kb_status": "candidate",
                    "window_key": f"{symbol}:{timeframe}:{begin:%Y-%m-%d}",
                    "symbol": symbol,
                    "timeframe": timeframe,
                    "is_start": begin - timedelta(days=365),
                    "is_end": begin,
                    "oos_start": begin,
                    "oos_end": end,
                    "regime_is": regime(round(0.1 + 0.1 * (w % 8), 2)),
                    "regime_oos": regime(round(0.1 + 0.1 * (w % 8), 2)),
                }
            )
    return World(pl.DataFrame(rows, schema=COLUMNS))


#: Ten windows of AAPL 1d on which 20 does better than 5: the answer is ok.
USUAL = sweep(10, {5: 0.5, 20: 1.5})


def fast(value: int) -> pl.Expr:
    """The trials of one set."""
    return pl.col("params") == f'{{"fast":{value}}}'


def window(*places: int, symbol: str = "AAPL", timeframe: str = "1d") -> pl.Expr:
    """The trials of the windows with these places in a sweep."""
    starts = [f"{symbol}:{timeframe}:{place:02}:" for place in places]
    named = [pl.col("source_id").str.starts_with(text) for text in starts]
    return pl.any_horizontal(pl.lit(False), *named)


def spec(
    low: int = 2, high: int = 60, default: int | None = 10, version: str = "1", **more: Any
) -> StrategySpec:
    """A spec of the one parameter `fast`."""
    params = (ParamSpec("fast", "int", low=low, high=high, default=default),)
    return StrategySpec("s", params, version=version, **more)


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
        symbol, timeframe: the instrument.
        read: warnings that reading the market raised.
        more: fields of `Question`, or of `Overrides`.
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


def calibrated(
    value: float = 0.6,
    low: float | None = None,
    *,
    windows: int = 10,
    known_until: datetime = START,
    weights: EvidenceWeights = CONFIG.weights,
    fitted: bool = True,
) -> Calibrated:
    """A calibration that gives everybody the same confidence."""
    below = value - 0.05 if low is None else low
    rate = Confidence(value, below, value + 0.05, n=200, n_quarters=40, level=0.9)
    stored = Calibration(
        objective_type="sharpe",
        fitted_at=NOW,
        known_until=known_until,
        fingerprint=fingerprint(weights),
        n_outcomes=200 if fitted else 7,
        strategies=[{"name": "s", "windows": windows}],
        model=rate.to_dict() if fitted else None,
    )
    return Calibrated(stored, rate if fitted else None)


def arrays(value: Any, seen: set[int] | None = None) -> list[np.ndarray[Any, Any]]:
    """Every array that a value holds, at any depth."""
    seen = set() if seen is None else seen
    if id(value) in seen or isinstance(value, pl.DataFrame | pl.Series | str) or callable(value):
        return []
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, Mapping):
        parts = list(value.values())
    else:
        parts = list(value) if isinstance(value, list | tuple) else list(_fields(value).values())
    return [array for part in parts for array in arrays(part, seen)]


def _fields(value: Any) -> Mapping[str, Any]:
    return getattr(value, "__dict__", {})


def _value(name: str, value: Any) -> pl.Expr:
    return value if isinstance(value, pl.Expr) else pl.lit(value, dtype=COLUMNS[name])
