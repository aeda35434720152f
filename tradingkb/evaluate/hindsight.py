"""What a choice earned in its window, beside everything else that was tried on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Outcome:
    """One choice, judged in hindsight.

    Attributes:
        pset: the set whose result was looked up; None: no tested set is near, or an average.
        exact: whether it is the chosen one; else the nearest that was tried on the window.
        utility: what it earned, higher is better.
        regret: (best - earned) / (best - worst) over the sets tried on the window, in [0, 1]; 0
            where all earned the same.
        rank: share of the sets that it beat, ties half, in [0, 1].
        returns: net return, fraction, NaN where unknown.
    """

    pset: int | None
    exact: bool
    utility: float
    regret: float
    rank: float
    returns: float


def look_up(pset: int | None, utility: Floats, returns: Floats, near: Neighbours) -> Outcome | None:
    """What a parameter set earned.

    Args:
        pset: the chosen set; None: nothing was chosen.
        utility: shape (p,), NaN where a set was not tried on the window.
        returns: shape (p,), likewise.
        near: finds the nearest tried set where the chosen one was not tried.
    """
    if pset is None:
        return None
    exact = bool(np.isfinite(utility[pset]))
    found = pset if exact else near.find(pset, np.isfinite(utility))
    if found is None:
        return None
    earned = float(utility[found])
    tried = utility[np.isfinite(utility)]
    rank = float(((tried < earned).sum() + 0.5 * ((tried == earned).sum() - 1)) / (len(tried) - 1))
    return Outcome(found, exact, earned, _regret(earned, tried), rank, float(returns[found]))


def at_random(utility: Floats, returns: Floats) -> Outcome:
    """The expected outcome of a set drawn at random from those tried on the window."""
    tried = utility[np.isfinite(utility)]
    known = returns[np.isfinite(returns)]
    span = float(tried.max() - tried.min())
    regret = float(((tried.max() - tried) / span).mean()) if span > 0 else 0.0
    mean_return = float(known.mean()) if len(known) else float("nan")
    return Outcome(None, True, float(tried.mean()), regret, 0.5, mean_return)


def _regret(earned: float, tried: Floats) -> float:
    span = float(tried.max() - tried.min())
    return float(tried.max() - earned) / span if span > 0 else 0.0


class Neighbours:
    """Finds the nearest tried parameter set, in steps along the grid."""

    def __init__(self, steps: Floats, codes: Ints) -> None:
        """Takes `plateau.coordinates` of every set: shapes (p, a) and (p,)."""
        self._steps = steps
        self._codes = codes

    def find(self, pset: int, tried: NDArray[np.bool_]) -> int | None:
        """The nearest tried set of the same categorical values, the first of equal ones."""
        rows = np.flatnonzero(tried & (self._codes == self._codes[pset]))
        if not len(rows):
            return None
        distance = np.abs(self._steps[rows] - self._steps[pset]).sum(axis=1)
        return int(rows[distance.argmin()])


def beats(ours: float, theirs: float) -> float:
    """1 when ours is better, 0.5 when equal, 0 when worse; NaN where either is unknown."""
    if not (np.isfinite(ours) and np.isfinite(theirs)):
        return float("nan")
    return 0.5 if ours == theirs else float(ours > theirs)
