"""What every parameter set is expected to earn in the query's next window, and how sure that is.

One estimate, for the choice and for the promise:

    expected = level of the timeframe's windows + what is believed of the instrument's
             + unit x (what is believed of the set + of the set on the instrument + in the regime)

How much each of these says is a property of the store and estimated there (`blend`, `instruments`,
`likeness`). Utilities: higher is better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradingkb.ranking.cells import group_means, quarter_shares
from tradingkb.ranking.instruments import own_doubt
from tradingkb.ranking.likeness import Worth
from tradingkb.ranking.study import Learnt

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Query:
    """The windows seen from a query.

    Attributes:
        own: shape (w,), windows of the query's own instrument and timeframe.
        near: shape (w,), windows of its timeframe; all True when it names none.
        kernel: shape (w,), regime likeness in [0, 1]; None without a regime.
        stated: whether the regime is stated rather than measured.
    """

    own: Bools
    near: Bools
    kernel: Floats | None = None
    stated: bool = False


@dataclass(frozen=True)
class Posterior:
    """What is expected of every parameter set, shapes (p,).

    Attributes:
        value: utility per window; NaN for sets without evidence.
        apart: standard deviation of what is believed of a set beside the others; what tells two
            sets apart. 0 where nothing is known of the noise.
        variance: of `value`, the level of the market included; None where noise cannot be told
            from signal or only one quarter is known.
        quarters: behind the level.
    """

    value: Floats
    apart: Floats
    variance: Floats | None
    quarters: int


def believe(learnt: Learnt, query: Query, worth: Worth | None = None) -> Posterior:
    """What is expected of every set.

    Args:
        learnt: of the query's timeframe.
        query: the windows seen from the query.
        worth: of the regime, where the query has one.
    """
    own, own_left = _own(learnt, query)
    like, like_left = _like(learnt, query, worth)
    level, level_left = _level(learnt, query, worth)
    n_psets, active = learnt.cells.n_psets, learnt.active
    value = np.full(n_psets, np.nan)
    value[active] = level + learnt.unit * (learnt.blend.value + own + like)
    apart = np.zeros(n_psets)
    if learnt.blend.variance is None or learnt.levels.variance is None:
        return Posterior(value, apart, None, learnt.levels.quarters)
    sets = learnt.blend.variance + own_left + like_left
    apart[active] = learnt.unit * np.sqrt(sets)
    variance = np.full(n_psets, np.nan)
    variance[active] = learnt.unit**2 * sets + level_left
    return Posterior(value, apart, variance, learnt.levels.quarters)


def _own(learnt: Learnt, query: Query) -> tuple[Floats, Floats]:
    """What own history adds to every active set, and the variance of what is left unknown."""
    differ = learnt.instruments
    active, nothing = learnt.active, np.zeros(len(learnt.active))
    concentration = differ.variance * learnt.levels.concentration
    weight = learnt.counted * query.own
    if not (differ.sure > 0 and weight[learnt.cells.window].any()):
        return nothing, nothing + differ.variance + concentration
    shares = quarter_shares(learnt.cells, weight)
    found = group_means(learnt.cells.pset, shares, learnt.left, learnt.cells.n_psets)
    mean = learnt.plateau.smooth(found.mean[active], found.n[active])
    doubt = own_doubt(np.unique(learnt.quarter[weight > 0]), learnt.overlap)
    tried = learnt.plateau.mass_around(found.n[active]) > 0
    share = np.where(tried, differ.share(doubt), 0.0)
    left = np.where(tried, differ.left(doubt), differ.variance)
    return share * mean, left + concentration


def _like(learnt: Learnt, query: Query, worth: Worth | None) -> tuple[Floats, Floats]:
    """What windows of a like regime add to every active set, and what is left unknown of it."""
    active = learnt.active
    if query.kernel is None or worth is None or worth.sets.sure <= 0:
        return np.zeros(len(active)), np.zeros(len(active))
    shares = quarter_shares(learnt.cells, learnt.counted * query.kernel)
    found = group_means(learnt.cells.pset, shares, learnt.left, learnt.cells.n_psets)
    mean, n = learnt.plateau.smooth(found.mean[active], found.n[active]), found.n[active]
    share = n / (n + worth.sets.prior)
    return share * mean, (1.0 - share) * worth.sets.sure


def _level(learnt: Learnt, query: Query, worth: Worth | None) -> tuple[float, float]:
    """The level that is expected of the query's next window, and the variance of that."""
    levels = learnt.levels
    differ = levels.instruments
    mine = np.flatnonzero((learnt.counted * query.own > 0) & (levels.around != 0.0))
    quarters = np.unique(learnt.quarter[mine])
    doubt = own_doubt(quarters, learnt.overlap)
    value = levels.mean
    left = (levels.variance or 0.0) + differ.variance * levels.concentration + differ.left(doubt)
    if len(mine):
        place = np.searchsorted(quarters, learnt.quarter[mine])
        n = np.bincount(place, learnt.parts.credible[mine])
        own = np.bincount(place, learnt.parts.credible[mine] * levels.left[mine]) / n
        value += differ.share(doubt) * float(own.mean())
    if query.kernel is not None and worth is not None and worth.level.sure > 0:
        weight = learnt.counted * query.kernel * (levels.around != 0.0)
        n = np.bincount(learnt.quarter, learnt.counted > 0)
        mass = weight / np.maximum(n, 1.0)[learnt.quarter]
        total = float(mass.sum())
        share = total / (total + worth.level.prior)
        value += share * float((mass * levels.around).sum()) / max(total, 1e-300)
        left += (1.0 - share) * worth.level.sure
    return value, left
