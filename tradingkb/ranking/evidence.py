"""Evidence for parameter sets: what every valid trial says, with the window as the unit.

A score is compared with the other parameter sets of its own window (its percentile rank there),
because a window's luck is shared by everything tried on it. Ranks are averaged per parameter set
so that every calendar quarter counts equally: windows of the same dates are correlated across
instruments. Averages are then shrunk level by level:

    0.5 <- everything <- same timeframe <- regime neighbourhood <- own instrument

Each level weighs (n mean + k prior) / (n + k), the posterior mean of a normal model with known
variance ratio (Efron and Morris 1975); n counts quarters, or kernel mass, or own windows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class EvidenceWeights:
    """How strongly each level pulls; every answer records the weights that made it.

    Attributes:
        neutral: quarters' worth of belief that a parameter set is average (rank 0.5).
        timeframe: quarters' worth of the all-timeframes average in the timeframe's.
        regime_measured: kernel mass at which a measured regime's neighbourhood counts half.
        regime_stated: the same for a regime that the user states.
        own: windows' worth of the prior in the own instrument's average.
        bandwidth: width of the regime kernel exp(-d^2 / (2 h^2)), d in robust standard deviations.
        few_trades: score given up per unit of the rank of the number of in-sample trades.
    """

    neutral: float = 2.0
    timeframe: float = 30.0
    regime_measured: float = 60.0
    regime_stated: float = 5.0
    own: float = 10.0
    bandwidth: float = 0.75
    few_trades: float = 0.10


@dataclass(frozen=True)
class Cells:
    """Mean utility per (window, parameter set); one entry per pair that was ever tried.

    Attributes:
        window, pset: shape (c,), indices.
        utility: shape (c,), higher is better.
        rank: shape (c,), percentile rank within the window, in (0, 1).
        quarter: shape (w,), a number per calendar quarter of each window.
        n_psets: number of parameter sets.
    """

    window: Ints
    pset: Ints
    utility: Floats
    rank: Floats
    quarter: Ints
    n_psets: int


@dataclass(frozen=True)
class Query:
    """The windows seen from a query.

    Attributes:
        own: shape (w,), windows of the query's own instrument and timeframe.
        same_timeframe: shape (w,); all True when the query names no timeframe.
        kernel: shape (w,), regime similarity in [0, 1]; None without a regime.
        stated: whether the regime is stated rather than measured.
    """

    own: Bools
    same_timeframe: Bools
    kernel: Floats | None = None
    stated: bool = False


@dataclass(frozen=True)
class Level:
    """A level's average per parameter set and what stands behind it, shapes (p,)."""

    mean: Floats
    n: Floats


@dataclass(frozen=True)
class Estimate:
    """Shrunk averages per parameter set, shape (p,), with the levels they came from."""

    value: Floats
    agnostic: Floats
    levels: dict[str, Level] = field(default_factory=dict)


def make_cells(window: Ints, pset: Ints, utility: Floats, quarter: Ints, n_psets: int) -> Cells:
    """Averages repeated trials of a pair and ranks each window's parameter sets.

    Args:
        window: shape (n,), index into `quarter`.
        pset: shape (n,), in [0, n_psets).
        utility: shape (n,), finite, higher is better.
        quarter: shape (w,).
        n_psets: number of parameter sets.

    A window in which few sets were tried says little by itself, so the rank among all scores of
    the table counts as one more opinion: (m rank + pooled rank) / (m + 1) for m sets.
    """
    pair = window * n_psets + pset
    # Sorted by value too, so that sums do not depend on the order of the input.
    order = np.lexsort((utility, pair))
    pair, utility = pair[order], utility[order]
    pairs, start = np.unique(pair, return_index=True)
    mean = np.add.reduceat(utility, start) / np.diff(np.append(start, len(pair))) if len(pair) else utility
    w, p = pairs // n_psets, pairs % n_psets
    within, size = rank_within(mean, w)
    pooled, _ = rank_within(mean, np.zeros_like(w))
    return Cells(w, p, mean, (size * within + pooled) / (size + 1), quarter, n_psets)


def rank_within(values: Floats, group: Ints) -> tuple[Floats, Floats]:
    """Percentile rank of each value within its group, ties sharing their mean rank.

    Returns:
        Ranks (r - 1/2) / m in (0, 1) for r = 1..m (Hazen), and the group sizes m; shapes (n,).
    """
    n = len(values)
    if n == 0:
        return np.zeros(0), np.zeros(0)
    order = np.lexsort((values, group))
    g, v = group[order], values[order]
    new_group = np.append(True, g[1:] != g[:-1])
    new_value = new_group | np.append(True, v[1:] != v[:-1])
    start = np.flatnonzero(new_group)
    size = np.diff(np.append(start, n))
    position = np.arange(n) - np.repeat(start, size)
    run = np.flatnonzero(new_value)
    length = np.diff(np.append(run, n))
    middle = np.repeat(position[run] + (length - 1) / 2.0, length)
    ranks, sizes = np.empty(n), np.empty(n)
    sizes[order] = np.repeat(size, size)
    ranks[order] = (middle + 0.5) / np.repeat(size, size)
    return ranks, sizes


def level(cells: Cells, weight: Floats, values: Floats) -> Level:
    """Weighted average of `values` per parameter set, every quarter counted equally.

    Args:
        cells: the table.
        weight: shape (w,), 0 leaves a window out; 1 for plain counting.
        values: shape (c,), what to average.

    Returns:
        Means (0 where nothing counts) and n: the number of quarters when weights are 0 or 1,
        the sum over quarters of their mean weight otherwise.
    """
    w = weight[cells.window]
    used = w > 0
    quarters, quarter = np.unique(cells.quarter, return_inverse=True)
    slot = quarter[cells.window] * cells.n_psets + cells.pset
    size = len(quarters) * cells.n_psets
    count = np.maximum(np.bincount(slot[used], minlength=size), 1)
    share = np.where(used, w / count[slot], 0.0)
    return _means(cells.pset, share, values, cells.n_psets)


def plain_level(cells: Cells, use: Bools, values: Floats) -> Level:
    """Plain average per parameter set over the windows in `use`; n counts windows."""
    return _means(cells.pset, use[cells.window].astype(np.float64), values, cells.n_psets)


def _means(pset: Ints, weight: Floats, values: Floats, n_psets: int) -> Level:
    n = np.bincount(pset, weight, minlength=n_psets).astype(np.float64)
    total = np.bincount(pset, weight * values, minlength=n_psets).astype(np.float64)
    return Level(np.divide(total, n, out=np.zeros(n_psets), where=n > 0), n)


def shrink(found: Level, prior: Floats | float, k: float) -> Floats:
    """(n mean + k prior) / (n + k); the prior where nothing was found."""
    return np.asarray((found.n * found.mean + k * prior) / np.maximum(found.n + k, 1e-12))


def estimate(cells: Cells, query: Query, weights: EvidenceWeights) -> Estimate:
    """The rank that each parameter set is expected to earn in the query's next window."""
    levels = _levels(cells, query, cells.rank)
    agnostic = shrink(levels["all"], 0.5, weights.neutral)
    value = shrink(levels["timeframe"], agnostic, weights.timeframe)
    if "regime" in levels:
        k = weights.regime_stated if query.stated else weights.regime_measured
        value = shrink(levels["regime"], value, k)
    value = shrink(levels["own"], value, weights.own)
    return Estimate(value, agnostic, levels)


def expected_utility(cells: Cells, query: Query, weights: EvidenceWeights) -> Estimate:
    """The utility that each parameter set is expected to earn, in the objective's own unit.

    Other timeframes are left out where the query's own has any evidence: annualised ratios of
    5-minute bars and of daily bars are different quantities.
    """
    levels = _levels(cells, query, cells.utility)
    used = _prior_windows(cells, query)
    base = level(cells, used.astype(np.float64), cells.utility)
    everyone = float((base.n * base.mean).sum() / base.n.sum()) if base.n.any() else 0.0
    k = noise_ratio(cells, used)
    value = agnostic = shrink(base, everyone, k)
    if "regime" in levels:
        k = weights.regime_stated if query.stated else weights.regime_measured
        value = shrink(levels["regime"], value, k)
    value = shrink(levels["own"], value, weights.own)
    return Estimate(value, agnostic, levels)


def _prior_windows(cells: Cells, query: Query) -> Bools:
    """Other instruments of the timeframe, else other instruments, else whatever there is."""
    for use in (~query.own & query.same_timeframe, ~query.own):
        if use[cells.window].any():
            return use
    return np.ones(len(query.own), dtype=bool)


#: Noise ratio where nothing can be estimated: one quarter counts a tenth against the average.
DEFAULT_NOISE_RATIO = 10.0
_RATIO_BOUNDS = (1.0, 1000.0)


def noise_ratio(cells: Cells, used: Bools) -> float:
    """How many quarters a set's average needs to count as much as the average of all sets.

    The ratio of the variance of quarterly results around a set's own level to the variance of the
    true levels between sets, by the method of moments: without it the best of many averages would
    be quoted with its luck (the winner's curse).

    Args:
        cells: the table.
        used: shape (w,), the windows behind `base`.
    """
    inside = used[cells.window]
    # Quarters without evidence must not even change the order of a sum.
    quarters, quarter = np.unique(cells.quarter[cells.window[inside]], return_inverse=True)
    slot = quarter * cells.n_psets + cells.pset[inside]
    size = len(quarters) * cells.n_psets
    found = _means(slot, np.ones(len(slot)), cells.utility[inside], size)
    table = np.where(found.n > 0, found.mean, np.nan).reshape(len(quarters), cells.n_psets)
    # What a quarter did to every set alike is no difference between sets.
    count = np.isfinite(table).sum(axis=1, keepdims=True)
    centred = table - np.nansum(table, axis=1, keepdims=True) / np.maximum(count, 1)
    n = np.isfinite(centred).sum(axis=0)
    enough = n >= 2
    if enough.sum() < 3:
        return DEFAULT_NOISE_RATIO
    centred, n = centred[:, enough], n[enough]
    means = np.nansum(centred, axis=0) / n
    noise = float(np.nansum((centred - means) ** 2) / (n - 1).sum())
    between = float(means.var(ddof=1)) - noise * float((1.0 / n).mean())
    ratio = noise / between if between > 0 else _RATIO_BOUNDS[1]
    return float(np.clip(ratio, *_RATIO_BOUNDS))


def _levels(cells: Cells, query: Query, values: Floats) -> dict[str, Level]:
    others = ~query.own
    near = others & query.same_timeframe
    levels = {
        "all": level(cells, others.astype(np.float64), values),
        "timeframe": level(cells, near.astype(np.float64), values),
        "own": plain_level(cells, query.own, values),
    }
    if query.kernel is not None:
        levels["regime"] = level(cells, np.where(near, query.kernel, 0.0), values)
    return levels
