"""Scores of probabilities: how good they are, and how good they could look by luck.

Outcomes `y` are 1 (happened), 0 (did not) or 0.5 (a tie, half of each). Where outcomes of one
cluster, such as a calendar quarter, are correlated, resampling goes by cluster: otherwise every
interval is too narrow. Randomness is an argument, and the order of the input does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradingkb.exceptions import InvalidInputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Step:
    """Forecasts from `x_low` to `x_high` (n of them) that happened at rate `recalibrated`."""

    x_low: float
    x_high: float
    recalibrated: float
    n: int


@dataclass(frozen=True)
class Decomposition:
    """brier = miscalibration - discrimination + uncertainty.

    Attributes:
        brier: mean squared error of the forecasts, lower is better.
        miscalibration: what recalibrating the forecasts would save, at least 0.
        discrimination: what recalibrated forecasts gain on the base rate, at least 0.
        uncertainty: the score of the base rate.
    """

    brier: float
    miscalibration: float
    discrimination: float
    uncertainty: float


@dataclass(frozen=True)
class Corp:
    """A decomposition and the steps of its reliability diagram, from low to high forecasts."""

    decomposition: Decomposition
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Band:
    """Where the reliability curve of calibrated forecasts lies at each x, shapes (g,)."""

    x: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class NullLevel:
    """The calibration error of perfectly calibrated forecasts: its mean and an upper quantile."""

    mean: float
    high: float


@dataclass(frozen=True)
class Skill:
    """1 - B(p) / B(reference): 0 is no better than the reference, 1 is perfect; and an interval."""

    value: float
    low: float
    high: float


def brier(p: Floats, y: Floats, weight: Floats | None = None) -> float:
    """Mean squared error of probabilities (Brier 1950), lower is better, proper.

    It asks for the probability that counts a tie as half: saying 1/2 always costs 1/4 where there
    are no ties, and less where there are.

    Args:
        p: shape (n,), in [0, 1].
        y: shape (n,), in {0, 0.5, 1}.
        weight: shape (n,), not negative, not all 0; None counts all alike.

    Raises:
        InvalidInputError: shapes differ, nothing is given, or a value is out of its range.
    """
    p, y = _checked(p, y)
    return float(np.average((p - y) ** 2, weights=weight))


def pav(total: Floats, mass: Floats) -> tuple[Floats, Ints]:
    """Isotonic least squares by pooling adjacent violators, O(n).

    Args:
        total: shape (n,), weight times value, in the order in which values should increase.
        mass: shape (n,), weights > 0.

    Returns:
        Levels of the blocks, strictly increasing, and the index after each block's last entry.
    """
    sums: list[float] = []
    masses: list[float] = []
    ends: list[int] = []
    for k, (s, m) in enumerate(zip(total.tolist(), mass.tolist(), strict=True)):
        while sums and sums[-1] / masses[-1] >= s / m:
            s, m = s + sums.pop(), m + masses.pop()  # noqa: PLW2901 (the block grows)
            ends.pop()
        sums.append(s)
        masses.append(m)
        ends.append(k + 1)
    return np.array(sums) / np.array(masses), np.array(ends, dtype=np.int64)


def corp(p: Floats, y: Floats) -> Corp:
    """Reliability by isotonic regression, without a choice of bins.

    Dimitriadis, Gneiting and Jordan (2021), "Stable reliability diagrams for probabilistic
    classifiers", PNAS 118(8). Arguments and errors as in `brier`.
    """
    p, y = _checked(p, y)
    x, place, count = np.unique(p, return_inverse=True, return_counts=True)
    level, end = pav(np.bincount(place, y).astype(np.float64), count.astype(np.float64))
    start = np.append(0, end[:-1])
    n = np.add.reduceat(count, start)
    base = float(y.mean())
    score, uncertainty = brier(p, y), float(((y - base) ** 2).mean())
    # Blocks hold their own means, so what they gain on the base rate is the spread of their means.
    discrimination = float((n * (level - base) ** 2).sum() / len(y))
    miscalibration = max(0.0, score - uncertainty + discrimination)
    rows = zip(x[start].tolist(), x[end - 1].tolist(), level.tolist(), n.tolist(), strict=True)
    parts = Decomposition(score, miscalibration, discrimination, uncertainty)
    return Corp(parts, tuple(Step(*row) for row in rows))


def consistency_band(
    p: Floats,
    n_resamples: int,
    level: float,
    rng: np.random.Generator,
    clusters: Ints | None = None,
    correlation: float = 0.0,
    x: Floats | None = None,
) -> Band:
    """Where the curve of `corp` would lie, pointwise, if `p` were calibrated.

    A curve that leaves the band at one given x is evidence against calibration there; among many
    points some leave it by luck.

    Args:
        p: shape (n,), in [0, 1].
        n_resamples: number of simulated sets of outcomes.
        level: share of the simulated curves inside the band at each x, in (0, 1).
        rng: source of randomness.
        clusters: shape (n,), labels of outcomes that move together; None for independent ones.
        correlation: between outcomes of one cluster, see `pooled.intraclass`.
        x: where to look, increasing; by default 51 points from the lowest to the highest forecast.
    """
    p, labels = _sorted(p, clusters)
    grid = np.linspace(p[0], p[-1], 51) if x is None else x
    values, place, count = np.unique(p, return_inverse=True, return_counts=True)
    mass = count.astype(np.float64)
    curves = np.empty((n_resamples, len(grid)))
    for curve in curves:
        y = simulate(p, rng, labels, correlation)
        steps, end = pav(np.bincount(place, y).astype(np.float64), mass)
        curve[:] = np.interp(grid, values, np.repeat(steps, np.diff(end, prepend=0)))
    low, high = np.quantile(curves, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Band(grid, low, high)


def ece(p: Floats, y: Floats, bins: int = 10) -> float:
    """Expected calibration error over bins of equal counts; equal forecasts share a bin.

    It is above 0 even for perfect forecasts and grows with the number of bins: show it beside
    `ece_null_level` only.
    """
    p, y = _checked(p, y)
    order = np.argsort(p, kind="stable")
    return _ece(p[order], y[order], _bins(p[order], bins))


def ece_null_level(
    p: Floats,
    n_resamples: int,
    rng: np.random.Generator,
    bins: int = 10,
    level: float = 0.9,
    clusters: Ints | None = None,
    correlation: float = 0.0,
) -> NullLevel:
    """The `ece` that these forecasts would show if they were perfectly calibrated.

    Arguments as in `consistency_band`; `level` is that of the upper quantile.
    """
    p, labels = _sorted(p, clusters)
    place = _bins(p, bins)
    draws = [_ece(p, simulate(p, rng, labels, correlation), place) for _ in range(n_resamples)]
    return NullLevel(float(np.mean(draws)), float(np.quantile(draws, level)))


def simulate(
    p: Floats, rng: np.random.Generator, clusters: Ints | None = None, correlation: float = 0.0
) -> Floats:
    """Outcomes 0 or 1 that happen with probability `p`, correlated within clusters.

    A share sqrt(correlation) of the outcomes follows one draw per cluster, the others one each:
    the probabilities stay exact, and equal ones of a cluster have this correlation. There are no
    ties, which only makes what is simulated vary more.
    """
    draw = rng.random(len(p))
    if clusters is not None and correlation > 0:
        labels, place = np.unique(clusters, return_inverse=True)
        together = rng.random(len(p)) < np.sqrt(correlation)
        draw = np.where(together, rng.random(len(labels))[place], draw)
    return (draw < p).astype(np.float64)


def skill(
    p: Floats,
    reference: Floats,
    y: Floats,
    clusters: Ints,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    level: float = 0.9,
) -> Skill:
    """Brier skill of `p` over `reference` with a percentile interval from a cluster bootstrap.

    Raises:
        InvalidInputError: the reference is perfect, there are fewer than two clusters, or the
            input is not what `brier` accepts.
    """
    p, y = _checked(p, y)
    reference, _ = _checked(reference, y)
    _, place = np.unique(clusters, return_inverse=True)
    mine, theirs = (np.bincount(place, (q - y) ** 2) for q in (p, reference))
    if len(mine) < 2 or not theirs.any():
        raise InvalidInputError(
            "a skill needs outcomes of two clusters and a reference with errors", field="clusters"
        )
    share = np.full(len(mine), 1 / len(mine))
    times = rng.multinomial(len(mine), share, size=n_resamples).astype(np.float64)
    above, below = times @ mine, times @ theirs
    drawn = 1 - above[below > 0] / below[below > 0]
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Skill(float(1 - mine.sum() / theirs.sum()), float(low), float(high))


def _checked(p: Floats, y: Floats) -> tuple[Floats, Floats]:
    p, y = np.asarray(p, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if p.ndim != 1 or p.shape != y.shape or not len(p):
        message = f"{p.shape} probabilities for {y.shape} outcomes"
        raise InvalidInputError(message, field="y", remedy="one outcome per probability")
    for name, bad, remedy in (
        ("p", ~((p >= 0) & (p <= 1)), "probabilities are in [0, 1]"),
        ("y", ~np.isin(y, (0.0, 0.5, 1.0)), "outcomes are 0, 0.5 (a tie) or 1"),
    ):
        if bad.any():
            row = int(bad.argmax())
            value = float((p if name == "p" else y)[row])
            raise InvalidInputError(f"{value} is none", field=name, row=row + 1, remedy=remedy)
    return p, y


def _sorted(p: Floats, clusters: Ints | None) -> tuple[Floats, Ints | None]:
    """Forecasts in increasing order, so that a draw meets the same one in every permutation."""
    p, _ = _checked(p, np.zeros(len(p)))
    order = np.argsort(p, kind="stable") if clusters is None else np.lexsort((clusters, p))
    return p[order], None if clusters is None else clusters[order]


def _bins(p: Floats, bins: int) -> Ints:
    """The bin of each of the sorted forecasts: that of the middle of its equals."""
    _, place, count = np.unique(p, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - count / 2
    return np.asarray((middle * bins / len(p)).astype(np.int64)[place])


def _ece(p: Floats, y: Floats, place: Ints) -> float:
    return float(np.abs(np.bincount(place, p - y)).sum() / len(p))
