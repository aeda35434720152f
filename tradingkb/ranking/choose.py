"""Choosing one parameter set among the nominated ones, and what to expect of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import Part
from tradingkb.ranking.evidence import Cells, Level
from tradingkb.ranking.expected import Expected
from tradingkb.ranking.tiebreak import band_floor

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Evidence closer than this (in rank) does not separate two sets: a promoted one is preferred.
CHOICE_EPSILON: Final = 0.005
INTERVAL_LEVEL: Final = 0.90
#: Quantiles of fewer windows than this say more about the choice of the set than about luck.
MIN_SPREAD_WINDOWS: Final = 20


@dataclass(frozen=True)
class Choice:
    """The chosen set and why it beat the next one ("evidence", "promoted" or "nomination")."""

    pset: int
    rule: str


def choose(score: Floats, allowed: Bools, promoted: Bools, nomination: Ints) -> Choice | None:
    """The best allowed parameter set.

    Args:
        score: shape (p,), higher is better; NaN or infinite: never chosen.
        allowed: shape (p,), nominated and obeying the spec.
        promoted: shape (p,), an admin promoted a trial of this set.
        nomination: shape (p,), place of the set's best nominated trial, from 0.

    Returns:
        The set of the highest score; a promoted one when it lies within `CHOICE_EPSILON` of it;
        among equal ones (to rounding) the one nominated first. None when nothing is allowed.
    """
    allowed = allowed & np.isfinite(score)
    if not allowed.any():
        return None
    best = score[allowed].max()
    band = np.flatnonzero(allowed & (score >= band_floor(best, CHOICE_EPSILON)))
    in_band = band[promoted[band]]
    pool = in_band if len(in_band) else band
    # Sums of the same evidence in another order differ in their last bits: that is no lead.
    top = pool[score[pool] >= band_floor(score[pool].max(), 0.0)]
    chosen = int(top[np.lexsort((top, nomination[top]))[0]])
    rivals = band[~promoted[band]] if len(in_band) else band[:0]
    if (
        score[rivals] >= band_floor(score[chosen], 0.0)
    ).any():  # it lost, or would have, but for its status
        return Choice(chosen, "promoted")
    return Choice(chosen, "evidence" if len(top) == 1 else "nomination")


@dataclass(frozen=True)
class Expectation(Part):
    """What one parameter set is expected to earn per window, in the objective's unit.

    Attributes:
        value: the shrunk mean.
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
        shrinkage: what shrinking added to that mean; None likewise.
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
    cells: Cells,
    expected: Expected,
    pset: int,
    use: Bools,
    own: Bools,
    sign: float,
    symbol: NDArray[Any] | None = None,
) -> Expectation:
    """What a parameter set is expected to earn.

    Args:
        cells: the table (utilities: higher is better).
        expected: from `expected_utility`.
        pset: index of the set.
        use: shape (w,), the windows whose spread is quoted.
        own: shape (w,), the query's own windows.
        sign: the objective's sign, to turn utilities back into scores.
        symbol: shape (w,), the windows' instruments, where they are known.
    """
    mine = cells.of_pset(pset)
    mine = mine[use[cells.window[mine]]]
    values, windows = cells.utility[mine], cells.window[mine]
    value = float(expected.value[pset])
    half = _half_width(expected, pset)
    bounds = sorted((sign * (value - half), sign * (value + half))) if half is not None else None
    spread = (
        np.sort(sign * np.quantile(values, [0.1, 0.9]))
        if len(values) >= MIN_SPREAD_WINDOWS
        else None
    )
    plain = sign * _quarter_mean(values, cells.quarter[windows]) if len(values) else None
    return Expectation(
        value=sign * value,
        low=bounds[0] if bounds else None,
        high=bounds[1] if bounds else None,
        window_low=float(spread[0]) if spread is not None else None,
        window_high=float(spread[1]) if spread is not None else None,
        n_windows=len(values),
        n_quarters=len(np.unique(cells.quarter[windows])),
        own_windows=int(own[windows].sum()),
        n_symbols=len({s for s in symbol[windows] if s is not None}) if symbol is not None else 0,
        unshrunk=plain,
        shrinkage=sign * value - plain if plain is not None else None,
        from_neighbours=len(values) == 0,
    )


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


def _half_width(expected: Expected, pset: int) -> float | None:
    """Half width of the interval of the mean, Student's t over the quarters behind it."""
    if expected.variance is None or expected.quarters < 2:
        return None
    error = math.sqrt(float(expected.variance[pset]))
    return t_quantile((1 + INTERVAL_LEVEL) / 2, expected.quarters - 1) * error


def t_quantile(p: float, df: int) -> float:
    """Quantile of Student's t.

    Exact for 1 and 2 degrees of freedom, else the expansion of Abramowitz and Stegun 26.7.5
    (error below 0.5 % at p = 0.95 from 3 degrees on).
    """
    if df == 1:
        return math.tan(math.pi * (p - 0.5))
    if df == 2:
        a = 2 * p - 1
        return a * math.sqrt(2 / (1 - a * a))
    x = NormalDist().inv_cdf(p)
    g1 = (x**3 + x) / 4
    g2 = (5 * x**5 + 16 * x**3 + 3 * x) / 96
    g3 = (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384
    g4 = (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160
    return x + g1 / df + g2 / df**2 + g3 / df**3 + g4 / df**4


def few_trades_penalty(n_trades: Floats) -> Floats:
    """Percentile rank of each set's number of in-sample trades, 0.5 where unknown; shape (p,)."""
    known = np.isfinite(n_trades)
    result = np.full(len(n_trades), 0.5)
    values = n_trades[known]
    if len(values):
        below = np.searchsorted(np.sort(values), values, side="left")
        upto = np.searchsorted(np.sort(values), values, side="right")
        result[known] = (below + upto) / 2.0 / len(values)
    return result


@dataclass(frozen=True)
class NumberSpread(Part):
    """The values of a numeric parameter among the best sets.

    Attributes:
        min, median, max: of these values.
        n: sets that have one.
    """

    min: float
    median: float
    max: float
    n: int


@dataclass(frozen=True)
class ChoiceSpread(Part):
    """How often each value of another parameter stands among the best sets, most frequent first.

    Attributes:
        counts: sets by value.
        n: sets that have one.
    """

    counts: Mapping[str, int]
    n: int


Spread = NumberSpread | ChoiceSpread


def spreads(
    psets: Sequence[dict[str, Any]], score: Floats, allowed: Bools, top: int = 10
) -> dict[str, Spread]:
    """How far the best-supported parameter sets agree, per parameter.

    Returns:
        For numbers the minimum, median and maximum over the `top` best allowed sets; for other
        values their counts.
    """
    order = np.flatnonzero(allowed)
    order = order[np.argsort(-score[order], kind="stable")][:top]
    best = [psets[int(i)] for i in order]
    found: dict[str, Spread] = {}
    for name in sorted({name for pset in best for name in pset}):
        values = [pset[name] for pset in best if name in pset]
        found[name] = _spread(values)
    return found


def _spread(values: list[Any]) -> Spread:
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        numbers = sorted(values)
        return NumberSpread(numbers[0], float(np.median(numbers)), numbers[-1], len(numbers))
    counts = Counter(map(str, values))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ChoiceSpread(dict(ordered), len(values))


def evidence_mass(everything: Level, neutral: float) -> Floats:
    """How much a set's own evidence says, in [0, 1): n / (n + neutral); shape (p,)."""
    return np.asarray(everything.n / (everything.n + neutral))
