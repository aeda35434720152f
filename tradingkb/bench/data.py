"""Deterministic trials of any number: strategies, parameter grids, walk-forward windows, regimes.

Regimes come with the trials, as JSON texts in the columns `regime_is` and `regime_oos`, so that no
benchmark measures the reading of price bars.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.domain import (
    FEATURE_INFO,
    FEATURES,
    ParamSpec,
    ParamValue,
    Regime,
    StrategySpec,
    canonical_params,
    regime_to_json,
)

Floats = NDArray[np.float64]
Grid = Mapping[str, tuple[ParamValue, ...]]

STRATEGIES: Final = 20
SEED: Final = 20_260_101
_SYMBOLS: Final = 40
_IS_DAYS: Final = 250
_OOS_DAYS: Final = 125
_FIRST_DAY: Final = datetime(2006, 1, 2, tzinfo=UTC)
#: Textbook grids and constraints, those of the sample strategies.
_SHAPES: Final[tuple[tuple[str, Grid, tuple[str, ...]], ...]] = (
    (
        "bb_reversal",
        {"n": (10, 20, 30, 50), "k": (1.5, 2.0, 2.5), "exit": (0, 1), "allow_short": (0, 1)},
        (),
    ),
    (
        "donchian_breakout",
        {
            "entry": (10, 20, 40, 55, 80),
            "exit_frac": (0.25, 0.5, 1.0),
            "trend": (0, 100),
            "allow_short": (0, 1),
        },
        (),
    ),
    (
        "keltner_breakout",
        {"n": (10, 20, 50), "mult": (1.0, 1.5, 2.0, 3.0), "exit": (0, 1), "allow_short": (0, 1)},
        (),
    ),
    (
        "macd_trend",
        {"fast": (6, 12, 19), "slow": (21, 26, 50), "signal": (5, 9, 14), "allow_short": (0, 1)},
        ("fast < slow",),
    ),
    (
        "rsi_reversion",
        {"n": (2, 7, 14, 21), "low": (10, 20, 30), "exit": (50, 60), "allow_short": (0, 1)},
        ("low < exit",),
    ),
    (
        "sma_cross",
        {"fast": (3, 5, 10, 20, 30, 50), "slow": (20, 50, 100, 150, 200), "allow_short": (0, 1)},
        ("fast < slow",),
    ),
)
#: Centre and spread of each regime feature: medians and deviations of real daily windows.
_MARKETS: Final[Mapping[str, tuple[float, float]]] = {
    "atr_pct": (0.02, 0.4),
    "volatility_annual": (0.25, 0.45),
    "volatility_ratio": (0.95, 0.3),
    "volatility_of_volatility": (0.35, 0.35),
    "bb_width": (0.1, 0.4),
    "efficiency_ratio": (0.08, 0.06),
    "efficiency_ratio_20": (0.22, 0.03),
    "trend_strength": (0.45, 0.3),
    "trend_direction": (0.15, 0.5),
    "drift": (0.5, 1.0),
    "zscore": (0.2, 1.2),
    "rsi": (53.0, 11.0),
    "adx": (24.0, 5.0),
    "autocorrelation_1": (-0.02, 0.07),
    "max_drawdown_frac": (0.18, 0.1),
    "range_position": (0.6, 0.3),
}


@dataclass(frozen=True)
class Strategy:
    """A declared strategy and every parameter set of its grid."""

    spec: StrategySpec
    sets: tuple[Mapping[str, ParamValue], ...]


def strategies(count: int = STRATEGIES) -> list[Strategy]:
    """That many strategies: the textbook shapes under numbered names."""
    shapes = itertools.islice(itertools.cycle(_SHAPES), count)
    return [
        _strategy(f"{name}_{i:02}", grid, rules) for i, (name, grid, rules) in enumerate(shapes)
    ]


def counts(total: int, asked: int) -> list[int]:
    """Trials per strategy: `asked` for the first one, the others share the rest evenly."""
    share, more = divmod(total - asked, STRATEGIES - 1)
    return [asked, *(share + (i < more) for i in range(STRATEGIES - 1))]


def make_windows(count: int, seed: int = SEED) -> pl.DataFrame:
    """Walk-forward windows with the regimes before and during their scored part.

    Returns:
        `count` rows: symbol, timeframe, four dates, regime_is, regime_oos as JSON texts.
    """
    rng = np.random.default_rng([seed, 1])
    before = _markets(rng.standard_normal((count, len(FEATURES))))
    during = _markets(rng.standard_normal((count, len(FEATURES))))
    rows = [_window(i, before[i], during[i]) for i in range(count)]
    return pl.DataFrame(
        rows,
        orient="row",
        schema={
            "symbol": pl.String,
            "timeframe": pl.String,
            **dict.fromkeys(
                ("is_start", "is_end", "oos_start", "oos_end"), pl.Datetime("us", "UTC")
            ),
            "regime_is": pl.String,
            "regime_oos": pl.String,
        },
    )


def make_trials(
    windows: pl.DataFrame, per_strategy: Sequence[int], *, seed: int = SEED, prefix: str = ""
) -> pl.DataFrame:
    """Trials in the canonical columns; a strategy's trials depend on its own count alone.

    Args:
        windows: those of `make_windows`; each strategy visits them in an order of its own, with
            every parameter set of its grid.
        per_strategy: trials of each strategy.
        seed: of the metrics and of that order.
        prefix: what source ids begin with.
    """
    known = strategies(len(per_strategy))
    return pl.concat(
        _trials_of(strategy, windows, n, np.random.default_rng([seed, 2, i]), prefix)
        for i, (strategy, n) in enumerate(zip(known, per_strategy, strict=True))
        if n
    )


def questions(count: int, seed: int = SEED) -> list[Regime]:
    """Measured regimes to ask about, none of them a stored window's."""
    drawn = _markets(np.random.default_rng([seed, 3]).standard_normal((count, len(FEATURES))))
    return [_regime(row) for row in drawn]


def _strategy(name: str, grid: Grid, constraints: tuple[str, ...]) -> Strategy:
    params = tuple(_param(key, values) for key, values in grid.items())
    spec = StrategySpec(name, params, constraints=constraints)
    every = (dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values()))
    return Strategy(spec, tuple(one for one in every if not spec.broken_constraints(one)))


def _param(name: str, values: tuple[ParamValue, ...]) -> ParamSpec:
    middle = values[(len(values) - 1) // 2]
    if len(values) == 2:
        return ParamSpec(name, "categorical", choices=values, default=middle)
    numbers = [float(v) for v in values if v is not None]
    kind = "float" if any(isinstance(v, float) for v in values) else "int"
    return ParamSpec(
        name,
        "float" if kind == "float" else "int",
        low=min(numbers),
        high=max(numbers),
        default=middle,
        log=kind == "int",
    )


def _markets(normal: Floats) -> Floats:
    """Feature values inside their bounds from standard normal draws of shape (n, 16)."""
    values = np.empty_like(normal)
    for i, name in enumerate(FEATURES):
        (center, spread), info = _MARKETS[name], FEATURE_INFO[name]
        drawn = normal[:, i] * spread
        raw = center * np.exp(drawn) if info.log_scaled else center + drawn
        values[:, i] = np.clip(raw, info.low, info.high)
    place = {name: i for i, name in enumerate(FEATURES)}
    values[:, place["trend_strength"]] = np.abs(values[:, place["trend_direction"]])
    return values


def _regime(values: Floats, **facts: object) -> Regime:
    features = dict(zip(FEATURES, values.tolist(), strict=True))
    return Regime.measured(features, timeframe="1d", bars=_IS_DAYS, **facts)


def _window(i: int, before: Floats, during: Floats) -> tuple[object, ...]:
    symbol = f"SYM{i % _SYMBOLS:02}"
    start = _FIRST_DAY + timedelta(days=(i // _SYMBOLS) * _OOS_DAYS)
    middle = start + timedelta(days=_IS_DAYS)
    end = middle + timedelta(days=_OOS_DAYS)
    regimes = (
        regime_to_json(_regime(values, symbol=symbol, start=a, end=b))
        for values, a, b in ((before, start, middle), (during, middle, end))
    )
    return (symbol, "1d", start, middle, middle, end, *regimes)


def _trials_of(
    strategy: Strategy, windows: pl.DataFrame, n: int, rng: np.random.Generator, prefix: str
) -> pl.DataFrame:
    sets = len(strategy.sets)
    if n > sets * windows.height:
        raise ValueError(f"{windows.height} windows hold {sets * windows.height} trials, not {n}")
    place = np.arange(n)
    window = rng.permutation(windows.height)[place // sets]
    pset = place % sets
    texts = pl.Series("params", [canonical_params(one) for one in strategy.sets])
    skill, luck = rng.normal(0.2, 0.3, sets), rng.normal(0.0, 0.6, windows.height)
    name = strategy.spec.name
    return windows[window].select(
        pl.lit("bench").alias("source_type"),
        pl.format(
            "{}{}:{}:{}", pl.lit(prefix), pl.lit(name), pl.Series(window), pl.Series(pset)
        ).alias("source_id"),
        pl.lit("sweep").alias("experiment_type"),
        pl.lit(name).alias("strategy_name"),
        pl.lit(strategy.spec.version).alias("strategy_version"),
        texts[pset],
        pl.lit("sharpe").alias("objective_type"),
        *windows.columns,
        *_metrics(rng, skill[pset], luck[window]),
        pl.lit("bench").alias("engine"),
        pl.lit(5.0).alias("cost_bps"),
    )


def _metrics(rng: np.random.Generator, skill: Floats, luck: Floats) -> list[pl.Series]:
    """Metrics of both samples; some trials made no trade, and some have no second sample."""
    n = len(skill)
    inside = skill + 0.5 * rng.standard_normal(n)
    outside = 0.7 * skill + luck + 0.5 * rng.standard_normal(n)
    unseen = rng.random(n) < 0.03
    columns = []
    for sample, sharpe, missing in (("is", inside, np.zeros(n, bool)), ("oos", outside, unseen)):
        trades = np.minimum(rng.poisson(18, n), 400)
        none, years = missing | (trades == 0), 1.0 if sample == "is" else 0.5
        drawdown = np.clip(0.16 * np.exp(0.5 * rng.standard_normal(n) - 0.3 * sharpe), 0.001, 0.95)
        win_rate = np.clip(0.45 + 0.05 * sharpe + 0.1 * rng.standard_normal(n), 0.0, 1.0)
        factor = np.exp(0.25 * sharpe + 0.3 * rng.standard_normal(n))
        found: dict[str, tuple[NDArray[np.generic], NDArray[np.bool_]]] = {
            "sharpe": (sharpe, missing),
            "return_frac": (0.15 * sharpe * years, missing),
            "max_drawdown_frac": (drawdown, missing),
            "n_trades": (trades, missing),
            "win_rate": (win_rate, none),
            "profit_factor": (factor, none),
        }
        columns += [_nulled(f"{key}_{sample}", *pair) for key, pair in found.items()]
    return columns


def _nulled(name: str, values: NDArray[np.generic], missing: NDArray[np.bool_]) -> pl.Series:
    series = pl.Series(name, values)
    return series.set(pl.Series(missing), None)
