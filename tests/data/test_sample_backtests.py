"""The sample data: its backtests keep their rules, and its files are what the code makes."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

DATA = Path(__file__).resolve().parents[2] / "data"
STRATEGIES = (
    "sma_cross",
    "bb_reversal",
    "rsi_reversion",
    "donchian_breakout",
    "macd_trend",
    "keltner_breakout",
)
SETS = dict(zip(STRATEGIES, (52, 48, 48, 60, 54, 48), strict=True))
MODULES = ("prices", "strategies", "backtest", "windows", "specs", "trials")


@pytest.fixture(scope="module")
def sample() -> Iterator[SimpleNamespace]:
    """The modules of `data/sample`, importable only here."""
    sys.path.insert(0, str(DATA))
    try:
        yield SimpleNamespace(**{m: importlib.import_module(f"sample.{m}") for m in MODULES})
    finally:
        sys.path.remove(str(DATA))


@pytest.fixture(scope="module")
def bars(sample: SimpleNamespace) -> Any:
    return sample.prices.read_bars(DATA / "ohlcv" / "GOOG_1d.parquet")


@pytest.fixture(scope="module")
def grids(sample: SimpleNamespace) -> dict[str, Any]:
    return {grid.spec.name: grid for grid in sample.specs.read_grids(DATA / "strategies")}


def with_other_future(sample: SimpleNamespace, bars: Any, cut: int) -> Any:
    """The same bars up to `cut`, and a wild random walk after it."""
    rng = np.random.default_rng(cut)
    close = bars.close.copy()
    close[cut:] = close[cut - 1] * np.exp(np.cumsum(rng.normal(0, 0.05, len(close) - cut)))
    open_, high, low = bars.open.copy(), bars.high.copy(), bars.low.copy()
    open_[cut:] = close[cut - 1 : -1]
    high[cut:] = np.maximum(open_[cut:], close[cut:]) * 1.01
    low[cut:] = np.minimum(open_[cut:], close[cut:]) * 0.99
    return sample.prices.Bars(bars.symbol, bars.timeframe, bars.ts, open_, high, low, close)


def account(
    sample: SimpleNamespace, opens: list[float], closes: list[float], held: list[int], cost: float
) -> Any:
    return sample.backtest.simulate(
        np.array(opens), np.array(closes), np.array(held, dtype=np.int8), cost
    )


@pytest.mark.parametrize("cut", [30, 211, 1000, 2147])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_replacing_future_bars_changes_no_position(
    sample: SimpleNamespace, bars: Any, grids: dict[str, Any], strategy: str, cut: int
) -> None:
    changed = with_other_future(sample, bars, cut)
    for params in grids[strategy].sets[1::5]:
        before = sample.strategies.positions(strategy, bars, params)
        after = sample.strategies.positions(strategy, changed, params)
        np.testing.assert_array_equal(before[:cut], after[:cut])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_only_allow_short_sells_short(
    sample: SimpleNamespace, bars: Any, grids: dict[str, Any], strategy: str
) -> None:
    default = grids[strategy].spec.defaults
    long_flat = sample.strategies.positions(strategy, bars, {**default, "allow_short": 0})
    both = sample.strategies.positions(strategy, bars, {**default, "allow_short": 1})
    assert set(long_flat) == {0, 1}
    assert set(both) >= {-1, 1}
    np.testing.assert_array_equal(long_flat, np.maximum(both, 0))


def test_a_position_is_filled_at_the_next_open(sample: SimpleNamespace) -> None:
    held = sample.trials.held_positions(np.array([0, 1, 0, 0], dtype=np.int8))
    result = sample.backtest.simulate(
        np.array([1.0, 50.0, 10.0, 12.0]), np.array([1.0, 9.0, 11.0, 20.0]), held, 0.0
    )
    np.testing.assert_allclose(result.equity, [1.0, 1.0, 1.1, 1.2])


def test_costs_are_charged_on_each_side(sample: SimpleNamespace) -> None:
    still = account(sample, [10.0] * 3, [10.0] * 3, [0, 1, 0], cost=0.01)
    assert still.equity[-1] == pytest.approx(0.99 * 0.99)
    moved = account(sample, [10.0, 10.0, 20.0], [10.0, 15.0, 20.0], [0, 1, 0], cost=0.01)
    assert moved.equity[-1] == pytest.approx(0.99 * 2 * 0.99)


def test_a_reversal_pays_for_the_sale_and_the_purchase(sample: SimpleNamespace) -> None:
    flat_prices = account(sample, [10.0] * 4, [10.0] * 4, [0, 1, -1, 0], cost=0.01)
    assert flat_prices.equity[-1] == pytest.approx(0.99**4)
    assert len(flat_prices.trades) == 2


def test_a_position_left_open_is_sold_at_the_last_close_and_pays_for_it(
    sample: SimpleNamespace,
) -> None:
    result = account(sample, [10.0, 10.0], [10.0, 11.0], [1, 1], cost=0.01)
    np.testing.assert_allclose(result.equity, [0.99, 0.99 * 1.1 * 0.99])


def test_a_short_trade_gains_what_the_price_loses(sample: SimpleNamespace) -> None:
    result = account(sample, [10.0, 10.0, 8.0], [10.0, 9.0, 8.0], [0, -1, 0], cost=0.0)
    np.testing.assert_allclose(result.equity, [1.0, 1.1, 1.2])


def test_a_ruined_account_stays_at_zero(sample: SimpleNamespace) -> None:
    opens, closes = [10.0, 10.0, 25.0, 5.0, 5.0], [10.0, 10.0, 25.0, 5.0, 6.0]
    result = account(sample, opens, closes, [0, -1, -1, -1, 1], cost=0.0)
    np.testing.assert_allclose(result.equity, [1.0, 1.0, 0.0, 0.0, 0.0])
    metrics = sample.backtest.measure(result, 252)
    assert (metrics.return_frac, metrics.max_drawdown_frac, metrics.n_trades) == (-1.0, 1.0, 1)
    assert metrics.sharpe < 0


def test_a_set_that_is_never_in_the_market_has_sharpe_zero(sample: SimpleNamespace) -> None:
    result = account(sample, [10.0, 12.0, 9.0], [11.0, 9.0, 14.0], [0, 0, 0], cost=0.01)
    metrics = sample.backtest.measure(result, 252)
    assert (metrics.sharpe, metrics.return_frac, metrics.max_drawdown_frac) == (0.0, 0.0, 0.0)
    assert (metrics.n_trades, metrics.win_rate, metrics.profit_factor) == (0, None, None)


def test_the_figures_of_a_small_account_are_those_of_a_calculation_by_hand(
    sample: SimpleNamespace,
) -> None:
    done = sample.backtest.Account(np.array([1.1, 0.99, 1.0395]), np.array([0.1, -0.1, 0.05]))
    metrics = sample.backtest.measure(done, 252)
    returns = (0.1, -0.1, 0.05)
    mean = sum(returns) / 3
    deviation = math.sqrt(sum((r - mean) ** 2 for r in returns) / 3)
    assert metrics.sharpe == pytest.approx(mean / deviation * math.sqrt(252))
    assert metrics.return_frac == pytest.approx(0.0395)
    assert metrics.max_drawdown_frac == pytest.approx(0.1)
    assert metrics.win_rate == pytest.approx(2 / 3)
    assert metrics.profit_factor == pytest.approx(1.5)


def test_out_of_sample_parts_follow_each_other_and_never_touch_their_in_sample_part(
    sample: SimpleNamespace, bars: Any
) -> None:
    windows = sample.windows.walk_forward(bars)
    assert len(windows) > 10
    assert [w.split for w in windows[1:]] == [w.end for w in windows[:-1]]
    for window in windows:
        times = window.times(bars)
        assert times["is_start"] < times["is_end"] <= times["oos_start"] < times["oos_end"]


def test_the_trials_file_is_what_the_code_makes_of_the_prices(
    sample: SimpleNamespace, bars: Any, grids: dict[str, Any]
) -> None:
    few = slice(1, 3)
    made = sample.trials.make_trials([bars], list(grids.values()), few)
    assert_frame_equal(made, sample.trials.make_trials([bars], list(grids.values()), few))
    stored = pl.read_parquet(DATA / "trials.parquet")
    assert made.height == 2 * sum(SETS.values())
    assert_frame_equal(
        stored.filter(pl.col("source_id").str.contains("^GOOG:1d:w0[12]:")), made, rel_tol=2e-4
    )


def test_every_trial_has_an_identity_of_its_own_and_finite_figures() -> None:
    trials = pl.read_parquet(DATA / "trials.parquet")
    assert trials.height >= 20_000
    assert trials["source_id"].n_unique() == trials.height
    figures = trials.select(pl.col(pl.Float64))
    assert figures.select(pl.all().is_infinite().any() | pl.all().is_nan().any()).row(0) == (
        (False,) * figures.width
    )
    idle = trials.filter(pl.col("n_trades_oos") == 0)
    assert idle.height > 0
    assert idle["sharpe_oos"].unique().to_list() == [0.0]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_grid_obeys_its_own_spec_and_contains_the_defaults(
    grids: dict[str, Any], strategy: str
) -> None:
    grid = grids[strategy]
    assert len(grid.sets) == SETS[strategy]
    assert len({tuple(s.items()) for s in grid.sets}) == len(grid.sets)
    assert [p for s in grid.sets for p in grid.spec.problems(s)] == []
    assert grid.spec.defaults in grid.sets


def test_every_price_bar_is_possible(sample: SimpleNamespace) -> None:
    for path in sorted((DATA / "ohlcv").glob("*.parquet")):
        frame = pl.read_parquet(path)
        assert_frame_equal(sample.prices.tidy(frame), frame)


def test_the_data_folder_is_below_ten_megabytes() -> None:
    files = [f for f in DATA.rglob("*") if f.is_file()]
    kept = [f for f in files if not any("cache" in part for part in f.relative_to(DATA).parts)]
    assert sum(f.stat().st_size for f in kept) < 10_000_000
