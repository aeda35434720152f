"""In how many of its windows a parameter set was in the market at all.

A set that stayed out of most windows, or has no score there, is known by a few lucky ones: it may
be looked at, and is not recommended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import MIN_WINDOWS
from tradingkb.recommend.known.view import View

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: Who stayed out of more than three quarters of the windows is no way of trading.
MIN_PRESENT: Final = 0.25
#: Fewer than `MIN_WINDOWS` results speak for a set where they are at least half of its windows.
MIN_KNOWN: Final = 0.5


@dataclass(frozen=True)
class Presence:
    """Windows of each parameter set, shapes (p,).

    Attributes:
        tried: that have a trial of it.
        run: of these, with any result of the scored sample.
        active: of these, with a score and with a trade, as far as trades are known.
        idle: in which it is known to have made no trade.
    """

    tried: Ints
    run: Ints
    active: Ints
    idle: Ints

    @property
    def unscored(self) -> Ints:
        """Windows with a result and a position, as far as is known, and no score of it."""
        return np.asarray(self.run - self.active - self.idle)

    @property
    def enough(self) -> Bools:
        """Which sets traded, and have a score, in enough of their windows to be recommended."""
        known = (self.active >= MIN_WINDOWS) | (self.active >= MIN_KNOWN * self.run)
        return np.asarray(known & (self.run - self.idle >= MIN_PRESENT * self.run))


def presence(view: View, tried: Bools, scores: Floats, *, in_sample: bool) -> Presence:
    """Counts windows; several trials of a set on a window are one.

    Args:
        view: the trials.
        tried: shape (n,), those that count, with a score or without.
        scores: shape (n,), NaN where there is none.
        in_sample: whether scores are in-sample where there is no other.
    """
    ran = view.frame["has_oos"].to_numpy()
    idle = view.stayed_out("oos") | (~ran & view.stayed_out("is") if in_sample else False)
    scored = np.isfinite(scores)
    pair, pset = view.kept.get("pairs", None, lambda: _pairs(view))

    def touched(rows: Bools) -> Bools:
        found = np.zeros(len(pset), dtype=bool)
        found[pair[rows]] = True
        return found

    present = touched(tried & scored & ~idle)
    absent = touched(tried & idle) & ~present
    found = (touched(tried), touched(tried & (scored | ran)), present, absent)
    return Presence(*(np.bincount(pset[pairs], minlength=len(view.psets)) for pairs in found))


def _pairs(view: View) -> tuple[Ints, Ints]:
    """The (window, parameter set) pair of each trial, shape (n,), and the set of each pair."""
    n_sets = max(len(view.psets), 1)
    pairs, place = np.unique(view.window * n_sets + view.pset, return_inverse=True)
    return place, pairs % n_sets
