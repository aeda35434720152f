"""What one parameter set is expected to earn, in the objective's own direction and unit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import Part
from tradingkb.ranking.posterior import Posterior
from tradingkb.ranking.study import Learnt

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

INTERVAL_LEVEL: Final = 0.90
#: Quantiles of fewer windows than this say more about the choice of the set than about luck.
MIN_SPREAD_WINDOWS: Final = 20
#: Windows' worth of belief that an instrument is as wild as the others.
WILD_PRIOR: Final = 4.0


@dataclass(frozen=True)
class Expectation(Part):
    """What one parameter set is expected to earn per window, in the objective's unit.

    Attributes:
        value: what the store has shown to last of this set, on the instrument and in the regime.
        low, high: interval of the mean at `level`: its posterior spread and that of the quarters'
            common ups and downs; None when too little is known to tell noise from signal.
        level: of that interval, such as 0.9.
        window_low, window_high: 10 % and 90 % quantiles of single windows: the spread of luck;
            None below 20 windows.
        n_windows, n_quarters: distinct windows and quarters that tried this set.
        n_symbols: distinct instruments among them.
        own_windows: those of the query's own instrument and timeframe.
        n_unscored: further windows that tried this set and of which no score is known.
        near_windows, near_quarters: windows and quarters that tried this set or one within a step
            of it, where the exact set alone has too few; else None.
        unshrunk: plain mean over these windows, every quarter counted equally; None where no
            quoted window tried the exact set.
        shrinkage: `value` less that mean: how far what else is known moved it; None likewise.
        from_neighbours: no quoted window tried the exact set; what is known of other sets speaks.
        unit: of the objective.
        direction: "max" where more of it is better, "min" where less is.
    """

    value: float
    low: float | None
    high: float | None
    window_low: float | None
    window_high: float | None
    n_windows: int
    n_quarters: int
    own_windows: int
    n_symbols: int = 0
    n_unscored: int = 0
    near_windows: int | None = None
    near_quarters: int | None = None
    unshrunk: float | None = None
    shrinkage: float | None = None
    level: float = INTERVAL_LEVEL
    from_neighbours: bool = False
    unit: str = ""
    direction: str = ""


def expectation(
    learnt: Learnt,
    expected: Posterior,
    pset: int,
    use: Bools,
    own: Bools,
    sign: float,
    symbol: NDArray[Any] | None = None,
) -> Expectation:
    """What a parameter set is expected to earn.

    Args:
        learnt: of the query's timeframe.
        expected: what is expected of every set.
        pset: index of the set.
        use: shape (w,), the windows whose spread is quoted.
        own: shape (w,), the query's own windows.
        sign: the objective's sign, to turn utilities back into scores.
        symbol: shape (w,), the windows' instruments, where they are known.
    """
    cells = learnt.cells
    mine = cells.of_pset(pset)
    mine = mine[use[cells.window[mine]]]
    values, windows = cells.utility[mine], cells.window[mine]
    value = float(expected.value[pset])
    half = _half_width(expected, pset)
    bounds = sorted((sign * (value - half), sign * (value + half))) if half is not None else None
    spread = _spread(learnt, mine, own)
    low, high = sorted(sign * (value + spread)) if spread is not None else (None, None)
    plain = sign * _quarter_mean(values, cells.quarter[windows]) if len(values) else None
    return Expectation(
        value=sign * value,
        low=bounds[0] if bounds else None,
        high=bounds[1] if bounds else None,
        window_low=None if low is None else float(low),
        window_high=None if high is None else float(high),
        n_windows=len(values),
        n_quarters=len(np.unique(cells.quarter[windows])),
        own_windows=int(own[windows].sum()),
        n_symbols=len(set(symbol[windows].tolist()) - {None}) if symbol is not None else 0,
        unshrunk=plain,
        shrinkage=sign * value - plain if plain is not None else None,
        from_neighbours=len(values) == 0,
    )


def _spread(learnt: Learnt, mine: Ints, own: Bools) -> Floats | None:
    """How far single windows lie from what is expected, 10 % and 90 % quantiles; (2,).

    Where the instrument has a history, windows of others count as wild as that one is.
    """
    if len(mine) < MIN_SPREAD_WINDOWS:
        return None
    window = learnt.cells.window[mine]
    left = learnt.levels.around[window] + learnt.parts.unit[window] * learnt.left[mine]
    wild = learnt.kept.get("wildness", None, lambda: _wildness(learnt))
    used = np.unique(window[own[window]])
    if not len(used):
        return np.asarray(np.quantile(left - np.median(left), [0.1, 0.9]))
    scaled = left / wild[window]
    return np.asarray(np.quantile(scaled - np.median(scaled), [0.1, 0.9]) * wild[used[0]])


def _wildness(learnt: Learnt) -> Floats:
    """Spread of each window's instrument beside that of all, shape (w,); 1 where unknown."""
    cells, keys = learnt.cells, learnt.keys
    n = len(keys.quarter)
    used = learnt.near[cells.window]
    window = cells.window[used]
    left = learnt.levels.around[window] + learnt.parts.unit[window] * learnt.left[used]
    count = np.bincount(window, minlength=n)
    away = np.bincount(window, np.abs(left), minlength=n) / np.maximum(count, 1)
    seen = (count > 0) & (keys.symbol >= 0)
    if not seen.any() or not away[seen].any():
        return np.ones(n)
    everyone = float(np.average(away[seen], weights=learnt.parts.credible[seen]))
    n_symbols = int(keys.symbol.max()) + 1
    size = np.bincount(keys.symbol[seen], learnt.parts.credible[seen], minlength=n_symbols)
    weighted = learnt.parts.credible[seen] * away[seen]
    total = np.bincount(keys.symbol[seen], weighted, minlength=n_symbols) / everyone
    ratio = (total + WILD_PRIOR) / (size + WILD_PRIOR)
    return np.where(keys.symbol >= 0, ratio[keys.symbol], 1.0)


def within(found: Expectation, low: float, high: float) -> Expectation:
    """The same with an interval that holds nothing that the objective cannot be.

    Args:
        found: an expectation in the objective's own unit.
        low: the least that a score can be; `high`, the most.
        high: see `low`.
    """
    names = ("value", "low", "high", "window_low", "window_high")
    values = {name: getattr(found, name) for name in names}
    kept = {k: min(max(v, low), high) for k, v in values.items() if v is not None}
    shrinkage = None if found.unshrunk is None else kept["value"] - found.unshrunk
    return replace(found, **kept, shrinkage=shrinkage)


def _quarter_mean(values: Floats, quarter: Ints) -> float:
    """Mean over quarters of the mean within each."""
    _, place = np.unique(quarter, return_inverse=True)
    return float((np.bincount(place, values) / np.bincount(place)).mean())


def _half_width(expected: Posterior, pset: int) -> float | None:
    """Half width of the interval of the mean, Student's t over the quarters behind it."""
    if expected.variance is None or expected.freedom is None:
        return None
    error = math.sqrt(float(expected.variance[pset]))
    return t_quantile((1 + INTERVAL_LEVEL) / 2, float(expected.freedom[pset])) * error


def t_quantile(p: float, df: float) -> float:
    """Quantile of Student's t for 1 or more degrees of freedom.

    Exact for 1 and 2 degrees of freedom, which also speak for what lies above them and below 3;
    else the expansion of Abramowitz and Stegun 26.7.5 (error below 0.5 % at p = 0.95).
    """
    if df < 2:
        return math.tan(math.pi * (p - 0.5))
    if df < 3:
        a = 2 * p - 1
        return a * math.sqrt(2 / (1 - a * a))
    x = NormalDist().inv_cdf(p)
    g1 = (x**3 + x) / 4
    g2 = (5 * x**5 + 16 * x**3 + 3 * x) / 96
    g3 = (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384
    g4 = (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160
    return x + g1 / df + g2 / df**2 + g3 / df**3 + g4 / df**4
