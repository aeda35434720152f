"""What every parameter set is expected to earn in the query's next window, and how sure that is.

One estimate, for the choice and for the promise:

    expected = level of the timeframe's windows + what is believed of the instrument's
             + unit x (what is believed of the set + of the set on the instrument + in the regime)

How much each of these says is a property of the store and estimated there (`blend`, `instruments`,
`traits`). Utilities: higher is better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.ranking.blocks import block_table
from tradingkb.ranking.instruments import own_doubt
from tradingkb.ranking.study import Learnt, places
from tradingkb.ranking.traits import Traits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Degrees of freedom beyond which more make no difference.
MANY: Final = 1e6


@dataclass(frozen=True)
class Query:
    """The windows seen from a query.

    Attributes:
        own: shape (w,), windows of the query's own instrument and timeframe.
        features: shape (16,), the regime's, scaled, NaN where unknown; None without a regime.
    """

    own: Bools
    features: Floats | None = None


@dataclass(frozen=True)
class Posterior:
    """What is expected of every parameter set, shapes (p,).

    Attributes:
        value: utility per window; NaN for sets without evidence.
        apart: standard deviation of what is believed of a set beside the others; what tells two
            sets apart. Where the noise is unknown, that of a block is taken for a typical spread.
        variance: of `value`, the level of the market included; None where noise cannot be told
            from signal or only one quarter is known.
        freedom: degrees of freedom of `variance`; None likewise.
    """

    value: Floats
    apart: Floats
    variance: Floats | None
    freedom: Floats | None

    def lead(self, pset: int, other: int) -> tuple[float, float | None]:
        """What one set is expected to earn more than another, and the standard deviation of it.

        What is believed of the two is taken as independent; None where the noise is unknown.
        """
        value = float(self.value[pset] - self.value[other])
        if self.variance is None:
            return value, None
        return value, float(np.hypot(self.apart[pset], self.apart[other]))


def believe(learnt: Learnt, query: Query, traits: Traits | None = None) -> Posterior:
    """What is expected of every set.

    Args:
        learnt: of the query's timeframe.
        query: the windows seen from the query.
        traits: what regimes decide, where the query has one.
    """
    which = query.own.tobytes()
    own, own_left = learnt.kept.get("own", which, lambda: _own(learnt, query))
    like, like_left = np.zeros(len(learnt.active)), 0.0
    if query.features is not None and traits is not None:
        like, like_left = traits.sets.at(query.features)
    level, level_left = learnt.kept.get("level", which, lambda: _level(learnt, query))
    if query.features is not None and traits is not None:
        added, doubt_left = traits.level.at(query.features)
        level, level_left = level + float(added[0]), level_left + doubt_left
    n_psets, active = learnt.cells.n_psets, learnt.active
    value = np.full(n_psets, np.nan)
    value[active] = level + learnt.unit * (learnt.blend.value + own + like)
    apart = np.zeros(n_psets)
    sets = learnt.blend.variance + own_left + like_left
    apart[active] = learnt.unit * np.sqrt(sets)
    if not learnt.blend.told or learnt.levels.variance is None:
        return Posterior(value, apart, None, None)
    variance, freedom = (np.full(n_psets, np.nan) for _ in range(2))
    variance[active] = learnt.unit**2 * sets + level_left
    freedom[active] = _freedom(learnt, variance[active], level_left, learnt.unit**2 * own_left)
    return Posterior(value, apart, variance, freedom)


def _freedom(learnt: Learnt, variance: Floats, level_left: float, own_left: Floats) -> Floats:
    """Degrees of freedom of a sum of variances of which some are estimated from little, (a,).

    The level's own from its quarters, and what instruments differ by from their number (Welch and
    Satterthwaite); the noise of sets from all of them.
    """
    levels = learnt.levels
    own = levels.variance or 0.0
    parts = own**2 / levels.freedom
    parts += max(level_left - own, 0.0) ** 2 / levels.instruments.freedom
    whole = parts + own_left**2 / learnt.instruments[0].freedom
    # Where nothing varies, nothing is estimated.
    known = np.full(len(variance), MANY)
    np.divide(variance**2, whole, out=known, where=whole > variance**2 / MANY)
    return np.asarray(np.maximum(known, 1.0))


def _own_windows(learnt: Learnt, query: Query) -> Ints:
    """The query's own windows that were tried and count, ascending."""
    tried = learnt.cells.windows
    return tried[(learnt.counted * query.own)[tried] > 0]


def _own(learnt: Learnt, query: Query) -> tuple[Floats, Floats]:
    """What own history adds to every active set, and the variance of what is left unknown."""
    active, cells, plateau = learnt.active, learnt.cells, learnt.plateau
    smoothly, roughly = learnt.instruments
    variance = smoothly.variance + roughly.variance
    among = variance * learnt.levels.concentration
    mine, windows = learnt.counted * query.own, _own_windows(learnt, query)
    if smoothly.sure + roughly.sure <= 0 or not len(windows):
        return np.zeros(len(active)), np.full(len(active), variance + among)
    quarters = np.unique(learnt.quarter[windows])
    block = np.minimum(np.searchsorted(quarters, learnt.quarter), len(quarters) - 1)
    column = places(active, cells.n_psets)
    value, known = block_table(cells, learnt.left, mine, block, len(quarters), column, len(active))
    n = known.sum(axis=0).astype(np.float64)
    mean = np.divide(value.sum(axis=0), n, out=np.zeros(len(n)), where=n > 0)
    around = plateau.smooth(mean, n)
    counted = known.astype(np.float64)
    doubt = own_doubt(counted, quarters, learnt.overlap)
    near = np.minimum(plateau.mass_around(n), float(len(quarters)))
    whole = own_doubt(np.ones((len(quarters), 1)), quarters, learnt.overlap)
    doubt_around = np.divide(
        whole * len(quarters), near, out=np.full(len(n), np.inf), where=near > 0
    )
    own = np.where(n > 0, mean - around, 0.0)
    value = smoothly.share(doubt_around) * around + roughly.share(doubt) * own
    return value, smoothly.left(doubt_around) + roughly.left(doubt) + among


def _level(learnt: Learnt, query: Query) -> tuple[float, float]:
    """The level that is expected of the query's next window, and the variance of that.

    Whatever its regime.
    """
    levels = learnt.levels
    differ = levels.instruments.taken
    mine = _own_windows(learnt, query)
    quarters = np.unique(learnt.quarter[mine])
    doubt = own_doubt(np.ones((len(quarters), 1)), quarters, learnt.overlap)
    value = levels.mean
    left = (levels.variance or 0.0) + differ.variance * levels.concentration
    left += float(differ.left(doubt)[0])
    if len(mine):
        place = np.searchsorted(quarters, learnt.quarter[mine])
        n = np.bincount(place, learnt.parts.credible[mine])
        own = np.bincount(place, learnt.parts.credible[mine] * levels.left[mine]) / n
        value += float(differ.share(doubt)[0]) * float(own.mean())
    return value, left
