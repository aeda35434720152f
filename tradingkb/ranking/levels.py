"""What windows do to every set alike, and how far the next one may be from their mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradingkb.ranking.blocks import Table, noise_of
from tradingkb.ranking.cells import WindowKeys
from tradingkb.ranking.contrasts import Contrasts
from tradingkb.ranking.instruments import NO_DIFFERENCES, Differences, differences, own_doubts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Levels:
    """What windows do to every set.

    Attributes:
        mean: over quarters; `variance` of it, None with fewer than two quarters.
        noise: variance of one quarter around `mean`, 0 where it is unknown.
        freedom: degrees of freedom of that variance, 1 or more.
        left: shape (w,), each window's level less its quarter's, 0 where unknown.
        around: shape (w,), each window's level less `mean`, 0 where unknown.
        concentration: sum of the squared shares of instruments in the mean, in (0, 1].
        instruments: how much instruments differ in it.
    """

    mean: float
    variance: float | None
    noise: float
    freedom: float
    left: Floats
    around: Floats
    concentration: float
    instruments: Differences


def levels_of(
    parts: Contrasts, keys: WindowKeys, windows: Ints, quarter: Ints, overlap: Floats
) -> Levels:
    """The levels of some windows.

    A quarter counts n / (n + k) for its n windows, with k the variance within quarters over that
    between them: many windows of one date share what the market did.

    Args:
        parts: of every window.
        keys: of every window.
        windows: those of the timeframe with evidence, ascending.
        quarter: shape (w,), places in `overlap`.
        overlap: shape (q, q), share of days that quarters have in common.
    """
    n_windows = len(keys.quarter)
    if not len(windows):
        nothing = np.zeros(n_windows)
        return Levels(0.0, None, 0.0, 1.0, nothing, nothing, 1.0, NO_DIFFERENCES)
    level, weight, place = parts.level[windows], parts.credible[windows], quarter[windows]
    n = np.bincount(place, weight, minlength=len(overlap)).astype(np.float64)
    mean = np.bincount(place, weight * level, minlength=len(overlap)) / np.where(n > 0, n, 1.0)
    counts = _counts(level, weight, place, n, mean)
    table = Table(mean[:, None], (n > 0)[:, None], counts, overlap)
    middle = float(table.mean[0])
    # What the market did on a day, it did to every window that holds it.
    noise = noise_of(table, np.where(n > 0, mean - middle, 0.0)[:, None], shared=1.0)
    doubt = float(table.doubt(1.0)[0])
    left, around = np.zeros(n_windows), np.zeros(n_windows)
    left[windows], around[windows] = level - mean[place], level - middle
    share = (counts / np.where(n > 0, n, 1.0))[place] * weight
    share /= share.sum()
    return Levels(
        mean=middle,
        variance=noise.variance * doubt if noise else None,
        noise=noise.variance if noise else 0.0,
        freedom=max(1.0 / doubt - 1.0, 1.0),
        left=left,
        around=around,
        concentration=_concentration(share, keys.symbol[windows]),
        instruments=_instruments(left, weight, windows, keys, quarter, overlap),
    )


def _counts(level: Floats, weight: Floats, place: Ints, n: Floats, mean: Floats) -> Floats:
    """How much each quarter counts, 0 for one without windows."""
    known = n > 0
    freedom = float(weight.sum()) - float(known.sum())
    within = float((weight * (level - mean[place]) ** 2).sum()) / freedom if freedom > 0 else 0.0
    if known.sum() < 2 or within <= 0:
        return known.astype(np.float64)
    between = float(mean[known].var(ddof=1)) - within * float((1.0 / n[known]).mean())
    if between <= 0:
        return n
    return np.asarray(n / (n + within / between))


def _concentration(share: Floats, symbol: Ints) -> float:
    """Sum of squared shares of instruments; windows of an unknown one are each their own."""
    known = symbol >= 0
    of_symbols = np.bincount(symbol[known], share[known]) if known.any() else np.zeros(0)
    return float((of_symbols**2).sum() + (share[~known] ** 2).sum())


def _instruments(
    left: Floats,
    weight: Floats,
    windows: Ints,
    keys: WindowKeys,
    quarter: Ints,
    overlap: Floats,
) -> Differences:
    known = keys.symbol[windows] >= 0
    rows = windows[known]
    code = keys.symbol[rows] * len(overlap) + quarter[rows]
    distinct, place = np.unique(code, return_inverse=True)
    n = np.bincount(place, weight[known])
    value = np.bincount(place, weight[known] * left[rows])[:, None] / n[:, None]
    counts = (n / np.bincount(place))[:, None]
    symbol, quarters = distinct // len(overlap), distinct % len(overlap)
    return differences(value, counts, symbol, own_doubts(counts, symbol, quarters, overlap))
