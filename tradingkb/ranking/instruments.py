"""What one instrument's own history says beside everyone's: how much instruments differ.

Each instrument's own mean is true difference plus noise. The variance of the true differences is
estimated over all instruments (one-way random effects, by the method of moments), with its
standard error by instrument, and own history speaks only as far as that variance is sure: two
standard errors below the estimate. Nothing is taken for granted from one store to the next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: An effect is used as far as it exceeds so many standard errors of its variance.
SURE: Final = 2.0
#: Fewer instruments than this do not say how much instruments differ.
MIN_INSTRUMENTS: Final = 3


@dataclass(frozen=True)
class Differences:
    """How much instruments differ.

    Attributes:
        variance: of the true differences, 0 or more; what is not known of an instrument.
        sure: the part of it that is sure; what own history is weighed by.
        noise: variance of one quarter of one instrument.
        freedom: degrees of freedom of `variance`, 1 or more.
    """

    variance: float
    sure: float
    noise: float
    freedom: float = 1.0

    def share(self, doubt: Floats) -> Floats:
        """How far an instrument's own mean is believed, in [0, 1); shape as given.

        Args:
            doubt: variance of that mean in units of `noise`; infinite without history.
        """
        if self.sure <= 0:
            return np.zeros(np.shape(doubt))
        return np.asarray(self.sure / (self.sure + self.noise * doubt))

    @property
    def taken(self) -> Differences:
        """The same taken at its estimate: for what decides nothing, and is only to be told."""
        return replace(self, sure=self.variance)

    def left(self, doubt: Floats) -> Floats:
        """Variance of what is still unknown of an instrument with such a mean."""
        if self.sure <= 0:
            return np.full(np.shape(doubt), self.variance)
        known = self.variance / (self.variance + self.noise * doubt)
        return np.asarray(self.variance * (1.0 - known))


#: Nothing is known of instruments.
NO_DIFFERENCES: Final = Differences(0.0, 0.0, 1.0)


def own_doubt(weight: Floats, quarter: Ints, overlap: Floats) -> Floats:
    """Variance of means over quarters in units of one quarter's, infinite without any; shape (a,).

    Args:
        weight: shape (r, a), how much each quarter counts in each mean, 0 for nothing.
        quarter: shape (r,), places in `overlap`.
        overlap: shape (q, q), share of days that quarters have in common.
    """
    n = weight.sum(axis=0)
    total = (weight * (overlap[np.ix_(quarter, quarter)] @ weight)).sum(axis=0)
    return np.asarray(np.divide(total, n * n, out=np.full(len(n), np.inf), where=n > 0))


def own_doubts(weight: Floats, symbol: Ints, quarter: Ints, overlap: Floats) -> Floats:
    """`own_doubt` of every instrument, shape (s, a); (s, 1) where all know the same quarters.

    Args:
        weight: shape (r, a), of the quarters of each instrument, one after the other.
        symbol: shape (r,), codes, ascending.
        quarter: shape (r,), places in `overlap`.
        overlap: shape (q, q), share of days that quarters have in common.
    """
    if weight.shape[1] and (weight == weight[:, :1]).all():
        return _alike(weight[:, 0], symbol, quarter, overlap)
    parts = np.split(np.arange(len(symbol)), np.flatnonzero(np.diff(symbol)) + 1)
    found = [own_doubt(weight[rows], quarter[rows], overlap) for rows in parts if len(rows)]
    return np.array(found).reshape(len(found), weight.shape[1])


def _alike(weight: Floats, symbol: Ints, quarter: Ints, overlap: Floats) -> Floats:
    """`own_doubt` of every instrument where all columns have the same weights, shape (s, 1)."""
    if not len(symbol):
        return np.zeros((0, 1))
    place = np.cumsum(np.append(0, np.diff(symbol) != 0))
    by_quarter = np.zeros((place[-1] + 1, len(overlap)))
    np.add.at(by_quarter, (place, quarter), weight)
    n = by_quarter.sum(axis=1)
    total = (by_quarter * (by_quarter @ overlap)).sum(axis=1)
    found = np.divide(total, n * n, out=np.full(len(n), np.inf), where=n > 0)
    return np.asarray(found[:, None])


def differences(value: Floats, weight: Floats, symbol: Ints, doubt: Floats) -> Differences:
    """How much instruments differ.

    Args:
        value: shape (r, a), what each quarter of each instrument left beside everyone's mean.
        weight: shape (r, a), how much each counts, 0 where it is unknown.
        symbol: shape (r,), codes, ascending.
        doubt: `own_doubts`.
    """
    if not len(symbol):
        return NO_DIFFERENCES
    fresh = np.append(True, np.diff(symbol) != 0)
    starts, place = np.flatnonzero(fresh), np.cumsum(fresh) - 1
    n = np.add.reduceat(weight, starts, axis=0)
    total = np.add.reduceat(weight * value, starts, axis=0)
    mean = np.divide(total, n, out=np.zeros(n.shape), where=n > 0)
    left = np.add.reduceat(weight * (value - mean[place]) ** 2, starts, axis=0)
    there = n > 0
    width = there.sum(axis=1)
    told = width > 0
    doubt = np.broadcast_to(doubt, n.shape)
    free = np.where(there, n * (1.0 - np.minimum(np.where(there, doubt, 1.0), 1.0)), 0.0)
    width = np.maximum(width, 1)
    freedom = float((free.sum(axis=1) / width).sum())
    if told.sum() < MIN_INSTRUMENTS or freedom <= 0:
        return NO_DIFFERENCES
    noise = float((left.sum(axis=1) / width).sum()) / freedom
    parts = (mean**2).sum(axis=1) / width
    doubts = np.where(there, doubt, 0.0).sum(axis=1) / width
    return _estimated(parts[told], doubts[told], max(noise, 1e-300))


def _estimated(parts: Floats, doubt: Floats, noise: float) -> Differences:
    """Variance of the differences and its standard error by instrument."""
    share = (1.0 / doubt) / (1.0 / doubt).sum()
    # Everyone's mean holds an instrument's own share: it stands that much nearer to it.
    found = parts / np.maximum(1.0 - share, 0.5) - noise * doubt
    variance = float((share * found).sum())
    n = len(found)
    error = float(np.sqrt((share**2 * (found - variance) ** 2).sum() * n / (n - 1)))
    sure = max(variance - SURE * error, 0.0)
    return Differences(max(variance, 0.0), sure, noise, float(n - 1))
