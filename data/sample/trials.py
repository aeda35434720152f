"""Trials: every parameter set on every window of a price series, in tradingkb's columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from sample.backtest import COST_BPS, Metrics, measure, simulate
from sample.prices import Bars
from sample.specs import Grid, ParamSet
from sample.strategies import Positions, positions
from sample.windows import Window, periods_per_year, walk_forward

ENGINE = "tradingkb-sample"

#: More digits would promise a precision that a backtest has not, and double the file.
METRIC_DIGITS = 5

_TIME = pl.Datetime("us")
_METRICS: dict[str, type[pl.DataType]] = {
    "sharpe": pl.Float64,
    "return_frac": pl.Float64,
    "max_drawdown_frac": pl.Float64,
    "n_trades": pl.Int32,
    "win_rate": pl.Float64,
    "profit_factor": pl.Float64,
}
SCHEMA: dict[str, Any] = {
    "source_type": pl.String,
    "source_id": pl.String,
    "experiment_type": pl.String,
    "strategy_name": pl.String,
    "strategy_version": pl.String,
    "params": pl.String,
    "objective_type": pl.String,
    "symbol": pl.String,
    "timeframe": pl.String,
    "is_start": _TIME,
    "is_end": _TIME,
    "oos_start": _TIME,
    "oos_end": _TIME,
    **{f"{name}_{part}": dtype for name, dtype in _METRICS.items() for part in ("is", "oos")},
    "engine": pl.String,
    "cost_bps": pl.Float64,
}


def make_trials(
    series: Iterable[Bars], grids: Sequence[Grid], windows: slice | None = None
) -> pl.DataFrame:
    """Backtests every grid on every window (or on `windows` of them) of every series."""
    rows = [
        row
        for bars in series
        for row in _series_rows(bars, grids, walk_forward(bars)[windows or slice(None)])
    ]
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return frame.with_columns(pl.col(pl.Float64).round_sig_figs(METRIC_DIGITS)).sort(
        "symbol", "timeframe", "is_start", "strategy_name", maintain_order=True
    )


def _series_rows(
    bars: Bars, grids: Sequence[Grid], windows: Sequence[Window]
) -> Iterator[dict[str, Any]]:
    per_year = periods_per_year(bars)
    places = [(window, window.times(bars)) for window in windows]
    for grid in grids:
        for number, params in enumerate(grid.sets):
            held = held_positions(positions(grid.spec.name, bars, params))
            for window, times in places:
                yield {
                    **_identity(bars, grid, window, number, params),
                    **times,
                    **_part(bars, held, window.start, window.split, per_year, "is"),
                    **_part(bars, held, window.split, window.end, per_year, "oos"),
                }


def held_positions(target: Positions) -> Positions:
    """Position held from each bar's open: what was decided on the close before it."""
    return np.concatenate([[np.int8(0)], target[:-1]])


def backtest(bars: Bars, held: Positions, start: int, end: int, per_year: float) -> Metrics:
    """The figures of bars [start, end)."""
    part = slice(start, end)
    return measure(simulate(bars.open[part], bars.close[part], held[part]), per_year)


def _part(
    bars: Bars, held: Positions, start: int, end: int, per_year: float, name: str
) -> dict[str, Any]:
    metrics = asdict(backtest(bars, held, start, end, per_year))
    return {f"{key}_{name}": value for key, value in metrics.items()}


def _identity(
    bars: Bars, grid: Grid, window: Window, number: int, params: ParamSet
) -> dict[str, Any]:
    place = f"{bars.symbol}:{bars.timeframe}:w{window.index:02d}"
    return {
        "source_type": "sample",
        "source_id": f"{place}:{grid.spec.name}:{number}",
        "experiment_type": "sweep",
        "strategy_name": grid.spec.name,
        "strategy_version": grid.spec.version,
        "params": json.dumps(params, sort_keys=True),
        "objective_type": "sharpe",
        "symbol": bars.symbol,
        "timeframe": bars.timeframe,
        "engine": ENGINE,
        "cost_bps": COST_BPS,
    }
