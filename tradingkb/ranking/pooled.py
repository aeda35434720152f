"""Success rates pooled as finely as the evidence supports.

everything -> strategy -> strategy and band: each group's rate is drawn to that of its parent,
(n_eff mean + k parent) / (n_eff + k), by the credibility formula of Buehlmann and Straub (1970).

* n_eff counts what correlated decisions are worth. With m decisions of a group in a quarter and
  correlation rho between them, each counts 1 / (1 + (m - 1) rho): a quarter's worth never exceeds
  1 / rho, however many symbols it was decided for (the design effect of Kish 1965).
* k = noise / spread, where the spread of true rates between groups is estimated by the method of
  moments. No more variance between the groups than noise makes: k is infinite, and a group's rate
  is its parent's.
* Intervals allow for a spread one standard error larger than the estimate, and all of it for such
  a correlation: taking estimates for the truth makes the intervals of such ladders too short
  (Morris 1983).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
#: () is everything, (strategy,) a strategy, (strategy, band) a band of it.
Key = tuple[int, ...]

#: Variance of a rate that could be anything: that of the uniform distribution.
UNKNOWN_SPREAD: Final = 1 / 12


@dataclass(frozen=True)
class Group:
    """A group's rate and what it rests on.

    Attributes:
        value: shrunk rate, in (0, 1).
        variance: posterior variance of the rate.
        n: decisions of the finest group that had a say in `value`.
        n_quarters: the distinct quarters of those.
        depth: 0 everything, 1 a strategy, 2 a band: which group that is.
    """

    value: float
    variance: float
    n: int
    n_quarters: int
    depth: int


@dataclass(frozen=True)
class Rung:
    """How the groups of one depth differ.

    Attributes:
        correlation: between decisions of one group and quarter, in [0, 1].
        spread: variance of the groups' true rates around their parent's; 0 where the groups
            differ no more than noise makes them.
        spread_high: one standard error above; `UNKNOWN_SPREAD` where nothing can be estimated.
    """

    correlation: float
    spread: float
    spread_high: float


@dataclass(frozen=True)
class Pooled:
    """Rates of every group that was met, and the three rungs they were shrunk on."""

    rungs: tuple[Rung, ...]
    groups: dict[Key, Group]

    def group(self, strategy: int, band: int) -> Group:
        """The finest group known; an unknown one is its parent, with the spread of its kind."""
        found = self.groups[()]
        for key in ((strategy,), (strategy, band)):
            wider = replace(found, variance=found.variance + self.rungs[len(key)].spread_high)
            found = self.groups.get(key, wider)
        return found

    def rates(self, strategy: Ints, band: Ints) -> Floats:
        """Values of many decisions, shapes (n,)."""
        pairs, place = np.unique(np.stack([strategy, band], axis=1), axis=0, return_inverse=True)
        return np.array([self.group(s, b).value for s, b in pairs.tolist()])[place]


@dataclass(frozen=True)
class Correlation:
    """Correlation between the outcomes of a cell, and the variance of an outcome in its group."""

    within: float
    variance: float


@dataclass(frozen=True)
class _Counts:
    """Groups of one depth: keys, and per group raw numbers, shapes (g,)."""

    keys: list[Key]
    n: Ints
    n_quarters: Ints
    n_eff: Floats
    mean: Floats
    correlation: Correlation


def fit_pooled(won: Floats, strategy: Ints, band: Ints, quarter: Ints) -> Pooled:
    """Fits the ladder to decisions in {0, 0.5, 1}; all shapes (n,), n > 0."""
    labels = np.stack([strategy, band], axis=1)
    # Where nothing is known of it, a quarter counts as one decision and outcomes as coins.
    first = _counts(won, labels[:, :0], quarter, Correlation(1.0, 0.25))
    rungs = [Rung(first.correlation.within, 0.0, 0.0)]
    groups: dict[Key, Group] = {(): _everything(first)}
    above = first.correlation
    for depth in (1, 2):
        counts = _counts(won, labels[:, :depth], quarter, above)
        rung = _rung(counts)
        groups |= dict(zip(counts.keys, _shrunk(counts, rung, groups), strict=True))
        rungs.append(rung)
        above = counts.correlation
    return Pooled(tuple(rungs), groups)


def decision_weights(quarter: Ints, correlation: float) -> Floats:
    """What each decision counts, in (0, 1], given the correlation within its quarter (or cell)."""
    _, place, count = np.unique(quarter, return_inverse=True, return_counts=True)
    return np.asarray((1 / (1 + (count - 1) * correlation))[place])


def intraclass(values: Floats, group: Ints, cell: Ints) -> Correlation | None:
    """Correlation within cells around the means of groups, by the analysis of variance.

    It is one standard error above the estimate (at least 0): a correlation that is taken for too
    small makes everything that rests on it look certain. None where it cannot be told: no cell
    holds two values, no group has two cells, or nothing differs.

    Args:
        values: shape (n,), for example outcomes, or outcomes minus forecasts.
        group: shape (n,), labels from 0 on; zeros for a single group.
        cell: shape (n,), labels from 0 on; a cell lies within one group.
    """
    size = np.bincount(cell).astype(np.float64)
    parent = np.zeros(len(size), dtype=np.int64)
    parent[cell] = group
    total = np.bincount(group).astype(np.float64)
    free_within, free_between = len(values) - len(size), len(size) - len(total)
    if not free_within or not free_between:
        return None
    mean = np.bincount(cell, values) / size
    off = mean - (np.bincount(group, values) / total)[parent]
    within = float(((values - mean[cell]) ** 2).sum()) / free_within
    between = float((size * off**2).sum()) / free_between
    typical = (len(values) - float((size**2 / total[parent]).sum())) / free_between
    shared = max(0.0, (between - within) / typical)
    high = shared + float(np.sqrt(2 / free_between)) * between / typical
    return Correlation(high / (high + within), shared + within) if high + within > 0 else None


def _counts(won: Floats, labels: Ints, quarter: Ints, above: Correlation) -> _Counts:
    """Weighted means of the groups with equal `labels`, shape (n, depth)."""
    keys, group = _distinct(labels)
    cells, cell = _distinct(np.column_stack([group, quarter]))
    found = intraclass(won, group, cell) or above
    weight = decision_weights(cell, found.within)
    n_eff = np.bincount(group, weight).astype(np.float64)
    return _Counts(
        keys=[tuple(key) for key in keys.tolist()],
        n=np.bincount(group),
        n_quarters=np.bincount(cells[:, 0]),
        n_eff=n_eff,
        mean=np.bincount(group, weight * won) / n_eff,
        correlation=found,
    )


def _distinct(rows: Ints) -> tuple[Ints, Ints]:
    if not rows.shape[1]:
        return rows[:1], np.zeros(len(rows), dtype=np.int64)
    distinct, place = np.unique(rows, axis=0, return_inverse=True)
    return distinct, place.reshape(-1)


def _everything(counts: _Counts) -> Group:
    """The rate of all decisions, with one decision's worth of one half (Jeffreys)."""
    n_eff = float(counts.n_eff[0])
    value = (n_eff * float(counts.mean[0]) + 0.5) / (n_eff + 1)
    variance = value * (1 - value) / (n_eff + 2)
    return Group(value, variance, int(counts.n[0]), int(counts.n_quarters[0]), 0)


def _rung(counts: _Counts) -> Rung:
    """Spread of the true rates within parents by the method of moments (DerSimonian, Laird)."""
    n_eff, (parents, parent) = counts.n_eff, _distinct(_parents(counts.keys))
    total = np.bincount(parent, n_eff)
    off = counts.mean - (np.bincount(parent, n_eff * counts.mean) / total)[parent]
    free = len(n_eff) - len(parents)
    if not free:
        return Rung(counts.correlation.within, 0.0, UNKNOWN_SPREAD)
    size = float((total - np.bincount(parent, n_eff**2) / total).sum())
    luck = free * counts.correlation.variance / size
    spread = max(0.0, float((n_eff * off**2).sum()) / size - luck)
    high = spread + float(np.sqrt(2 / free)) * (spread + luck)
    return Rung(counts.correlation.within, spread, min(high, UNKNOWN_SPREAD))


def _parents(keys: list[Key]) -> Ints:
    return np.array([key[:-1] for key in keys], dtype=np.int64).reshape(len(keys), -1)


def _shrunk(counts: _Counts, rung: Rung, groups: dict[Key, Group]) -> Iterable[Group]:
    """Each group drawn to its parent; one that adds nothing rests on what its parent rests on."""
    rows = zip(counts.keys, counts.n_eff, counts.mean, counts.n, counts.n_quarters, strict=True)
    for key, n_eff, mean, n, n_quarters in rows:
        parent = groups[key[:-1]]
        noise = parent.value * (1 - parent.value)
        share = _credibility(float(n_eff), noise, rung.spread)
        value = parent.value + share * (float(mean) - parent.value)
        loose = _credibility(float(n_eff), noise, rung.spread_high)
        variance = loose * value * (1 - value) / float(n_eff) + (1 - loose) ** 2 * parent.variance
        if share > 0:
            yield Group(value, variance, int(n), int(n_quarters), len(key))
        else:
            yield replace(parent, variance=variance)


def _credibility(n_eff: float, noise: float, spread: float) -> float:
    """n_eff / (n_eff + k): the group's own share; its parent counts one decision at least."""
    return n_eff / (n_eff + max(1.0, noise / spread)) if spread > 0 else 0.0
