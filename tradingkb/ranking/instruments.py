"""What one instrument's own history says beside everyone's: how much instruments differ.

Each instrument's own mean is true difference plus noise. The variance of the true differences is
estimated over all instruments (one-way random effects, by the method of moments), with its
standard error by instrument, and own history speaks only as far as that variance is sure: two
standard errors below the estimate. Nothing is taken for granted from one store to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    """

    variance: float
    sure: float
    noise: float

    def share(self, doubt: float) -> float:
        """How far an instrument's own mean is believed, in [0, 1).

        Args:
            doubt: variance of that mean in units of `noise`; infinite without history.
        """
        return self.sure / (self.sure + self.noise * doubt) if self.sure > 0 else 0.0

    def left(self, doubt: float) -> float:
        """Variance of what is still unknown of an instrument with such a mean."""
        if self.sure <= 0 or not np.isfinite(doubt):
            return self.variance
        noise = self.noise * doubt
        return self.variance * noise / (self.variance + noise)


def own_doubt(quarter: Ints, overlap: Floats) -> float:
    """Variance of a mean over quarters in units of one quarter's; infinite without any.

    Args:
        quarter: shape (n,), distinct places in `overlap`.
        overlap: shape (q, q), share of days that quarters have in common.
    """
    n = len(quarter)
    return float(overlap[np.ix_(quarter, quarter)].sum()) / n**2 if n else np.inf


def differences(
    value: Floats, known: Bools, symbol: Ints, quarter: Ints, overlap: Floats
) -> Differences:
    """How much instruments differ.

    Args:
        value: shape (r, a), what each quarter of each instrument left beside everyone's mean.
        known: shape (r, a).
        symbol: shape (r,), codes, ascending.
        quarter: shape (r,), places in `overlap`.
        overlap: shape (q, q), share of days that quarters have in common.
    """
    squares, freedom, doubts, parts = 0.0, 0.0, [], []
    for rows in np.split(np.arange(len(symbol)), np.flatnonzero(np.diff(symbol)) + 1):
        there = known[rows].any(axis=0)
        if not there.any():
            continue
        n = np.maximum(known[rows].sum(axis=0), 1)
        mean = (value[rows] * known[rows]).sum(axis=0) / n
        doubt = own_doubt(quarter[rows], overlap)
        squares += float((((value[rows] - mean) * known[rows]) ** 2).sum() / there.sum())
        freedom += len(rows) * (1.0 - doubt)
        doubts.append(doubt)
        parts.append(float((mean[there] ** 2).mean()))
    if len(parts) < MIN_INSTRUMENTS or freedom <= 0:
        return Differences(0.0, 0.0, 1.0)
    return _estimated(np.array(parts), np.array(doubts), max(squares / freedom, 1e-300))


def _estimated(parts: Floats, doubt: Floats, noise: float) -> Differences:
    """Variance of the differences and its standard error by instrument."""
    share = (1.0 / doubt) / (1.0 / doubt).sum()
    # Everyone's mean holds an instrument's own share: it stands that much nearer to it.
    found = parts / np.maximum(1.0 - share, 0.5) - noise * doubt
    variance = float((share * found).sum())
    n = len(found)
    error = float(np.sqrt((share**2 * (found - variance) ** 2).sum() * n / (n - 1)))
    return Differences(max(variance, 0.0), max(variance - SURE * error, 0.0), noise)
