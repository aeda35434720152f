"""Contrasts: what a set earned beside the other sets of the same window.

A window does something to every set alike (a bull market, a wild instrument), and that says nothing
about which set is better. So each result is split, utility = level of the window + contrast of the
set, by alternating weighted means (the two-way additive model; Tukey 1949); where not every set was
tried in every window, the level is shrunk by what its few sets deserve, as a random effect.

Contrasts are counted in the typical spread of their timeframe: annualised figures of 5-minute bars
and of daily bars are different quantities. What is absurd must not decide: a window whose spread is
beyond ten typical ones counts as far as it is credible, and a set that is far from all others
everywhere is left out of what is typical of sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.ranking.cells import Cells, WindowKeys, group_means, quarter_shares

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: A value further from the median than so many robust deviations is cut there: it cannot be meant.
CREDIBLE: Final = 1000.0
#: A window's spread of so many typical ones is still taken at its word.
CREDIBLE_SPREAD: Final = 10.0
#: A set is atypical beyond so many robust deviations of the sets' means, and a typical spread.
TYPICAL: Final = 8.0
#: Fewer sets than this, and none can be called atypical.
MIN_TYPICAL: Final = 5
#: Alternations of the two-way fit; few of them leave weakly connected sets where they were.
_ROUNDS: Final = 4
_ROBUST: Final = 1.4826
#: Far above the relative rounding of a mean, far below any difference that is meant.
_ROUNDING: Final = 1e-12


@dataclass(frozen=True)
class Contrasts:
    """Every cell beside the other sets of its window.

    Attributes:
        value: shape (c,), in typical spreads of the window's timeframe.
        level: shape (w,), what the window did to every set, in the objective's unit; NaN where no
            set was tried.
        credible: shape (w,), how far a window counts, in (0, 1].
        unit: shape (w,), the typical spread of the window's timeframe, in the objective's unit.
        typical: shape (p,), sets that are not far from all others everywhere.
    """

    value: Floats
    level: Floats
    credible: Floats
    unit: Floats
    typical: Bools


def contrasts(cells: Cells, keys: WindowKeys) -> Contrasts:
    """Splits every cell's utility into its window's level and the set's contrast."""
    n_windows, n_psets = len(keys.quarter), cells.n_psets
    typical = np.ones(n_psets, dtype=bool)
    if not len(cells.utility):
        ones = np.ones(n_windows)
        return Contrasts(np.zeros(0), np.full(n_windows, np.nan), ones, ones, typical)
    utility = _cut(cells.utility)
    unit, credible = _spreads(cells, keys, utility)
    active = cells.psets
    complete = len(utility) == len(cells.windows) * len(active)
    shares = quarter_shares(cells, credible)
    mean = np.zeros(n_psets)
    for turn in range(2 if complete else _ROUNDS):
        left = utility - mean[cells.pset] * unit[cells.window]
        level = _levels(cells, left, typical, credible, complete=complete)
        apart = (utility - level[cells.window]) / unit[cells.window]
        found = group_means(cells.pset, shares, apart, n_psets).mean
        if turn == 0:
            typical = _typical(found, active)
        if complete and typical.all():
            break
        # Where every set is in every window, one mean of each is all there is; and means beside
        # levels that an atypical set has moved are not where the next levels start.
        if not complete and (turn > 0 or typical.all()):
            mean = found
    return Contrasts(apart, level, credible, unit, typical)


def _cut(utility: Floats) -> Floats:
    """Values that nobody can mean, brought to the edge of what is credible."""
    middle = float(np.median(utility))
    away = np.abs(utility - middle)
    reachable = away >= float(away.max()) / (CREDIBLE * _ROBUST)
    if 2 * int(reachable.sum()) > len(away):  # the median is: nothing is further than its reach
        return utility
    reach = CREDIBLE * _robust_deviation(utility - middle)
    return np.clip(utility, middle - reach, middle + reach)


def _robust_deviation(around: Floats) -> float:
    """Spread of values around zero; where most of them are zero, that of the rest."""
    away = np.abs(around)
    for share in (0.5, 0.75, 0.9, 1.0):
        spread = float(np.quantile(away, share, method="lower"))
        if spread > 0:
            return _ROBUST * spread
    return 0.0


def _spreads(cells: Cells, keys: WindowKeys, utility: Floats) -> tuple[Floats, Floats]:
    """Typical spread of each window's timeframe, and how far each window is credible; (w,)."""
    n = len(keys.quarter)
    count = np.bincount(cells.window, minlength=n)
    mean = np.bincount(cells.window, utility, minlength=n) / np.maximum(count, 1)
    square = np.bincount(cells.window, (utility - mean[cells.window]) ** 2, minlength=n)
    variance = square / np.maximum(count - 1, 1)
    # Sets that all earned the same are apart by the rounding of their mean: that is no spread.
    variance[np.sqrt(variance) <= _ROUNDING * np.abs(mean)] = 0.0
    known = variance > 0
    overall = float(np.median(variance[known])) if known.any() else float(utility.var()) or 1.0
    typical = np.full(n, overall)
    for code in np.unique(keys.timeframe):
        mine = keys.timeframe == code
        if (mine & known).any():
            typical[mine] = np.median(variance[mine & known])
    excess = variance / (CREDIBLE_SPREAD**2 * typical)
    return np.sqrt(typical), 1.0 / np.maximum(excess, 1.0)


def _levels(
    cells: Cells, left: Floats, typical: Bools, credible: Floats, *, complete: bool
) -> Floats:
    """What each window did to its sets, shape (w,), NaN where none was tried.

    Where few sets were tried, the mean of all windows counts as much as the noise of one set makes
    of the windows' own differences (one-way random effects, by the method of moments).
    """
    n = len(credible)
    counted = typical[cells.pset].astype(np.float64)
    window = cells.window
    size = np.bincount(window, counted, minlength=n)
    total = np.bincount(window, counted * left, minlength=n)
    mean = np.divide(total, size, out=np.zeros(n), where=size > 0)
    seen = np.bincount(window, minlength=n) > 0
    if complete:
        return np.where(seen, mean, np.nan)
    # Windows without evidence must not even change the order of a sum.
    used = size > 0
    weight = credible[used]
    middle = float((weight * mean[used]).sum() / weight.sum()) if used.any() else 0.0
    square = np.bincount(window, counted * (left - mean[window]) ** 2, minlength=n)[used]
    within = float((weight * square).sum() / max((weight * (size[used] - 1)).sum(), 1e-9))
    spread = float((weight * (mean[used] - middle) ** 2).sum() / max(weight.sum(), 1e-9))
    between = max(spread - within * float((1.0 / size[used]).mean()), 0.0) if used.any() else 0.0
    if (size[used] < 2).all():
        between, within = 0.0, 1.0  # nothing tells a window from its set
    worth = within / between if between > 0 else np.inf
    share = np.divide(size, size + worth, out=np.zeros(n), where=size > 0)
    return np.where(seen, middle + share * (mean - middle), np.nan)


def _typical(mean: Floats, active: Ints) -> Bools:
    """Sets whose mean is not absurdly far from the others', shape (p,)."""
    typical = np.ones(len(mean), dtype=bool)
    if len(active) < MIN_TYPICAL:
        return typical
    around = mean[active] - np.median(mean[active])
    limit = max(TYPICAL * _robust_deviation(around), 1.0)
    typical[active[np.abs(around) > limit]] = False
    return typical
