"""What a parameter set is expected to earn per window, in the objective's own unit.

The best of many averages is quoted with its luck (the winner's curse) unless each average is
shrunk by what its noise deserves. Noise and signal are estimated by the method of moments from
the quarterly results themselves; the shrunk mean and its variance are those of the normal model
(Efron and Morris 1975): (n mean + k prior) / (n + k) with k = noise / signal, and
noise / (n + k).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.ranking.evidence import (
    Cells,
    EvidenceWeights,
    Level,
    Query,
    group_means,
    level,
    moving_levels,
    regime_prior,
    shrink,
    window_level,
)
from tradingkb.ranking.plateau import Plateau

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: Where nothing can be estimated, one quarter counts a tenth against the average.
DEFAULT_RATIO: Final = 10.0
#: A ratio beyond these says more about the estimate than about the sets.
RATIO_BOUNDS: Final = (0.05, 1000.0)
#: Fewer sets than this, tried in two quarters each, and noise cannot be told from signal.
MIN_SETS: Final = 3
#: Neighbours of less evidence than this are rounding.
_NO_MASS: Final = 1e-9


@dataclass(frozen=True)
class Moments:
    """Moments of the quarterly results of a group of windows.

    Attributes:
        everyone: mean over all sets.
        noise: variance of a set's quarterly result around its own level, once what a quarter did
            to every set alike is taken out; None when it cannot be estimated.
        ratio: noise over the variance of the sets' true levels: how many quarters a set needs to
            count as much as the mean of all sets.
        common: variance of `everyone`, from the spread of what quarters did to every set alike;
            None with fewer than two quarters.
        quarters: number of quarters.
    """

    everyone: float
    noise: float | None
    ratio: float
    common: float | None
    quarters: int


@dataclass(frozen=True)
class Expected:
    """Shrunk utility per parameter set and the variance of its mean, shapes (p,).

    `variance` is None where noise cannot be told from signal or only one quarter is known;
    `quarters` is the number behind it.
    """

    value: Floats
    variance: Floats | None
    quarters: int


def moments(cells: Cells, used: Bools) -> Moments:
    """Moments over the windows in `used`, shape (w,)."""
    inside = used[cells.window]
    # Quarters without evidence must not even change the order of a sum.
    quarters, quarter = np.unique(cells.quarter[cells.window[inside]], return_inverse=True)
    if not len(quarters):
        return Moments(0.0, None, DEFAULT_RATIO, None, 0)
    slot = quarter * cells.n_psets + cells.pset[inside]
    size = len(quarters) * cells.n_psets
    found = group_means(slot, np.ones(len(slot)), cells.utility[inside], size)
    table = np.where(found.n > 0, found.mean, np.nan).reshape(len(quarters), cells.n_psets)
    shared = np.nansum(table, axis=1) / np.isfinite(table).sum(axis=1)
    noise, ratio = _noise(table - shared[:, None])
    common = float(shared.var(ddof=1)) / len(shared) if len(shared) > 1 else None
    base = level(cells, used.astype(np.float64), cells.utility)
    everyone = float((base.n * base.mean).sum() / base.n.sum())
    return Moments(everyone, noise, ratio, common, len(quarters))


def _noise(centred: Floats) -> tuple[float | None, float]:
    """Noise and ratio from a table (quarters, sets) without the quarters' common part."""
    n = np.isfinite(centred).sum(axis=0)
    enough = n >= 2
    if enough.sum() < MIN_SETS:
        return None, DEFAULT_RATIO
    centred, n = centred[:, enough], n[enough]
    means = np.nansum(centred, axis=0) / n
    noise = float(np.nansum((centred - means) ** 2) / (n - 1).sum())
    between = float(means.var(ddof=1)) - noise * float((1.0 / n).mean())
    ratio = noise / between if between > 0 else RATIO_BOUNDS[1]
    return noise, float(np.clip(ratio, *RATIO_BOUNDS))


@dataclass(frozen=True)
class Background:
    """What `expected_utility` rests on besides the regime.

    Attributes:
        group: moments of the windows that the prior is made of.
        base: their level, own windows left out.
        own: moments of the query's own windows.
        mine: the level of the own windows.
        prior: shape (p,), what is believed of a set before its own results are looked at: what its
            neighbours earned, as far as they were tried, else the mean of all.
    """

    group: Moments
    base: Level
    own: Moments
    mine: Level
    prior: Floats


def background(
    cells: Cells, query: Query, neighbours: tuple[Plateau, Ints] | None = None
) -> Background:
    """The background of a query's instrument and timeframe; it does not depend on the regime.

    Args:
        cells: the table.
        query: the windows seen from the query.
        neighbours: the plateau of sets with evidence, and which they are; None: no set is near
            another.
    """
    used = _prior_windows(cells, query)
    group = moments(cells, used)
    base = level(cells, (used & ~query.own).astype(np.float64), cells.utility)
    return Background(
        group=group,
        base=base,
        own=moments(cells, query.own),
        mine=window_level(cells, query.own.astype(np.float64), cells.utility),
        prior=_prior(level(cells, used.astype(np.float64), cells.utility), group, neighbours),
    )


def _prior(base: Level, group: Moments, neighbours: tuple[Plateau, Ints] | None) -> Floats:
    """Each set's neighbours, itself left out, shrunk towards the mean of all.

    Where every set was tried once, as by a free-form search, it is what its surroundings say.
    """
    prior = np.full(len(base.mean), group.everyone)
    if neighbours is None:
        return prior
    plateau, active = neighbours
    mean, n = base.mean[active], base.n[active]
    around = plateau.mass_around(n)
    others = np.maximum(around - n, 0.0)
    found = plateau.smooth(mean, n) * around - mean * n
    near = np.divide(found, others, out=np.zeros(len(active)), where=others > _NO_MASS)
    share = np.where(others > _NO_MASS, others / (others + group.ratio), 0.0)
    prior[active] = share * near + (1.0 - share) * group.everyone
    return prior


def expected_utility(
    cells: Cells,
    query: Query,
    weights: EvidenceWeights,
    known: Background | None = None,
    moving: Mapping[str, Level] | None = None,
) -> Expected:
    """The utility that each parameter set is expected to earn in the query's next window.

    Other timeframes are left out where the query's own has any evidence: annualised ratios of
    5-minute bars and of daily bars are different quantities. Where only the query's own windows
    are of its timeframe, their mean over all sets is the prior, and no window counts twice.

    Args:
        cells: the table.
        query: the windows seen from the query.
        weights: how strongly each level pulls.
        known: `background` of the query, where it is known.
        moving: `moving_levels` of the utilities, likewise.
    """
    back = known or background(cells, query)
    if moving is None:
        moving = moving_levels(cells, query, [cells.utility])[0]
    mine, group = moving.get("own", back.mine), back.group
    value = shrink(back.base, back.prior, group.ratio)
    if "regime" in moving:
        value = shrink(moving["regime"], value, regime_prior(query, weights))
    k = back.own.ratio if back.own.noise is not None else group.ratio
    value = shrink(mine, value, k)
    near = (moving["regime"], regime_prior(query, weights)) if "regime" in moving else None
    return Expected(value, _variance(group, back.own, back.base, mine, k, near), group.quarters)


def _variance(
    group: Moments,
    own: Moments,
    base: Level,
    mine: Level,
    k: float,
    near: tuple[Level, float] | None,
) -> Floats | None:
    """Posterior variance of a set's level, and that of what quarters do to every set.

    Args:
        group: moments of the prior's windows; `own`, those of the query's own.
        own: see `group`.
        base: level of the prior's windows; `mine`, that of the own ones.
        mine: see `base`.
        k: quarters' worth of the prior in the own level.
        near: level of the regime's neighbourhood and the mass at which it counts half.
    """
    noise = own.noise if own.noise is not None else group.noise
    common = own.common if mine.n.any() and own.common is not None else group.common
    if noise is None or common is None:
        return None
    spread = group.noise or noise
    alone = spread / (base.n + group.ratio)
    if near is not None:  # what rests on few windows like the query's is less certain
        found, prior = near
        share = found.n / (found.n + prior)
        fresh = np.divide(spread, found.n, out=np.zeros_like(found.n), where=found.n > 0)
        alone = share**2 * fresh + (1.0 - share) ** 2 * alone
    return np.asarray(np.where(mine.n > 0, noise / (mine.n + k), alone) + common)


def _prior_windows(cells: Cells, query: Query) -> Bools:
    """Other instruments of the timeframe, else the query's own, else other timeframes."""
    for use in (~query.own & query.same_timeframe, query.own):
        if use[cells.window].any():
            return use
    return ~query.own
