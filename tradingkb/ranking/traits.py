"""Which features of a regime decide what earns, and what they say of the query's regime.

Whether a regime matters, and which of its features, is a property of the store. For each feature
the variance of what it decides is estimated from pairs of windows that share no day: where sets
that did better than usual in one did so in the other, the more alike both are in the feature, it
decides (products of windows regressed on products of features; Haseman and Elston 1972). An
estimate counts some standard errors, by quarter, below itself: a feature that does not last decides
nothing. What the deciding ones say together is their ridge regression, each shrunk by what it has
shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.ranking.blocks import block_table
from tradingkb.ranking.cells import WindowKeys
from tradingkb.ranking.study import Learnt, places

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: A feature decides as far as its variance exceeds so many standard errors: of sixteen that decide
#: nothing, one in twenty stores has any that seems to.
SURE_OF_MANY: Final = 2.73
#: Features count up to so many robust standard deviations.
REACH: Final = 3.0
#: Quarters that have to be measured.
MIN_QUARTERS: Final = 6
#: Directions in which windows differ most; the others are noise.
DIRECTIONS: Final = 8
#: More windows than this, evenly over time, say little more.
MAX_WINDOWS: Final = 8_000


@dataclass(frozen=True)
class Trait:
    """What regime features decide for some values of windows.

    Attributes:
        feature: shape (f,), the deciding ones.
        slope: shape (f, a), per unit of a feature.
        doubt: shape (f, f), covariance of the slopes, the same for every value.
    """

    feature: Ints
    slope: Floats
    doubt: Floats

    def at(self, features: Floats) -> tuple[Floats, float]:
        """What a regime adds, shape (a,), and the variance of what is left unknown.

        Args:
            features: shape (16,), scaled, NaN where unknown: these add nothing.
        """
        if not len(self.feature):
            return np.zeros(self.slope.shape[1]), 0.0
        mine = np.nan_to_num(np.clip(features[self.feature], -REACH, REACH))
        return mine @ self.slope, float(mine @ self.doubt @ mine)


@dataclass(frozen=True)
class Traits:
    """What a regime decides: of the active sets beside each other, and of all sets alike."""

    sets: Trait
    level: Trait


def traits_of(learnt: Learnt, features: Floats) -> Traits | None:
    """What regime features decide; None where no window of the timeframe was measured.

    Args:
        learnt: of the timeframe.
        features: shape (w, 16), scaled in robust standard deviations, NaN where unknown.
    """
    windows = _measured(learnt, features)
    if not len(windows) or len(np.unique(learnt.keys.quarter[windows])) < MIN_QUARTERS:
        return None
    known = np.nan_to_num(np.clip(features[windows], -REACH, REACH))
    # Both sides of the market are mostly measured on the same windows.
    which = windows.tobytes()
    values = learnt.kept.get("directions", which, lambda: _directions(_values(learnt, windows)))
    around = (learnt.parts.credible * learnt.levels.around)[windows][:, None]
    sure = deciding(values, known, windows, learnt.keys)
    alike = deciding(around, known, windows, learnt.keys)
    return Traits(
        _regressed(learnt, windows, known, sure, None),
        _regressed(learnt, windows, known, alike, around),
    )


def _measured(learnt: Learnt, features: Floats) -> Ints:
    """Windows of the timeframe that were tried, measured and dated."""
    tried = np.zeros(len(features), dtype=bool)
    tried[learnt.cells.windows] = True
    dated = np.isfinite(learnt.keys.start) & np.isfinite(learnt.keys.end)
    windows = np.flatnonzero(tried & learnt.near & dated & np.isfinite(features).any(axis=1))
    if len(windows) <= MAX_WINDOWS:
        return windows
    order = windows[np.argsort(learnt.keys.start[windows], kind="stable")]
    return np.sort(order[np.linspace(0, len(order) - 1, MAX_WINDOWS).round().astype(np.int64)])


def _values(learnt: Learnt, windows: Ints) -> Floats:
    """What each window left beside what is believed of every taught set, smoothed; (k, a)."""
    cells = learnt.cells
    block = np.zeros(len(learnt.near), dtype=np.int64)
    block[windows] = np.arange(len(windows))
    weight = np.zeros(len(learnt.near))
    weight[windows] = 1.0
    column = places(learnt.active[learnt.taught], cells.n_psets)
    value, known = block_table(
        cells, learnt.left, weight, block, len(windows), column, len(learnt.taught)
    )
    smoothed = learnt.plateau.only(learnt.taught).smooth_rows(value, known)
    return smoothed * learnt.parts.credible[windows][:, None]


def _directions(values: Floats) -> Floats:
    """The values along the directions in which they differ most, shape (k, <= 8)."""
    if values.shape[1] <= DIRECTIONS:
        return values
    _, vectors = np.linalg.eigh(values.T @ values)
    return np.asarray(values @ vectors[:, -DIRECTIONS:])


def deciding(values: Floats, features: Floats, windows: Ints, keys: WindowKeys) -> Floats:
    """Variance that each feature decides, summed over the values, as far as it is sure; (f,).

    Args:
        values: shape (k, a), of each of `windows` beside its columns' means.
        features: shape (k, f), 0 where unknown.
        windows: shape (k,), their indices.
        keys: of every window.
    """
    by_end = np.argsort(keys.end[windows], kind="stable")
    ends = keys.end[windows][by_end]
    before = np.searchsorted(ends, keys.start[windows], side="right")
    _, quarter = np.unique(keys.quarter[windows], return_inverse=True)
    found = np.zeros(features.shape[1])
    moved = features.T[:, :, None] * values
    products = (moved * _until(moved[:, by_end], before)).sum(axis=2)
    square = features.T[:, :, None] ** 2
    spread = (square * _until(square[:, by_end], before))[:, :, 0]
    for f, total in enumerate(spread.sum(axis=1).tolist()):
        if total <= 0:
            continue
        variance = float(products[f].sum()) / total
        off = np.bincount(quarter, products[f] - variance * spread[f])
        n = len(off)
        error = float(np.sqrt((off**2).sum() * n / max(n - 1, 1))) / total
        found[f] = max(variance - SURE_OF_MANY * error, 0.0)
    return found


def _until(values: Floats, before: Ints) -> Floats:
    """Sums over the first so many of the second axis; shape (f, k, a)."""
    total = np.zeros((values.shape[0], values.shape[1] + 1, values.shape[2]))
    np.cumsum(values, axis=1, out=total[:, 1:])
    return np.asarray(total[:, before])


def _regressed(
    learnt: Learnt, windows: Ints, features: Floats, sure: Floats, level: Floats | None
) -> Trait:
    """The ridge regression of what windows left on the deciding features, quarters alike.

    Args:
        learnt: of the timeframe.
        windows: shape (k,).
        features: shape (k, 16).
        sure: shape (16,), what each feature decides, summed over the sets.
        level: shape (k, 1), values that are not those of the sets.
    """
    chosen = np.flatnonzero(sure > 0)
    width = len(learnt.active) if level is None else 1
    if not len(chosen) or learnt.lesson is None or learnt.levels.variance is None:
        return Trait(chosen[:0], np.zeros((0, width)), np.zeros((0, 0)))
    _, quarter, count = np.unique(learnt.quarter[windows], return_inverse=True, return_counts=True)
    weight = learnt.parts.credible[windows] / count[quarter]
    mine = features[:, chosen]
    if level is None:
        noise = learnt.lesson.noise.variance
        moved = _moved(learnt, windows, mine, weight)
        per_set = sure[chosen] / max(len(learnt.taught), 1)
    else:
        noise = learnt.levels.noise
        moved, per_set = (mine * weight[:, None]).T @ level, sure[chosen]
    precision = (mine * weight[:, None]).T @ mine + np.diag(noise / per_set)
    inverse = np.asarray(np.linalg.inv(precision), dtype=np.float64)
    return Trait(chosen, inverse @ moved, noise * inverse)


def _moved(learnt: Learnt, windows: Ints, features: Floats, weight: Floats) -> Floats:
    """Weighted sums of features times what windows left of every active set, smoothed; (f, a)."""
    row, column, left = learnt.kept.get("left", windows.tobytes(), lambda: _left(learnt, windows))
    n = len(learnt.active)
    mass = np.bincount(column, weight[row], minlength=n).astype(np.float64)
    sums = []
    for feature in features.T:
        total = np.bincount(column, (weight * feature)[row] * left, minlength=n)
        mean = np.divide(total, mass, out=np.zeros(n), where=mass > 0)
        sums.append(learnt.plateau.smooth(mean, mass) * mass)
    return np.array(sums)


def _left(learnt: Learnt, windows: Ints) -> tuple[Ints, Ints, Floats]:
    """The cells of some windows: the place of each one's window and set, and what it leaves."""
    cells = learnt.cells
    place = np.full(len(learnt.near), -1, dtype=np.int64)
    place[windows] = np.arange(len(windows))
    row = place[cells.window]
    mine = row >= 0
    return row[mine], learnt.column[cells.pset[mine]], learnt.left[mine]
