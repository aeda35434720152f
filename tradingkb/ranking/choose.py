"""Choosing one parameter set among those that may be chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradingkb.ranking.tiebreak import band_floor

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
#: Places of nominations, or what finds them: that is costly, and hardly ever needed.
Places = Ints | Callable[[], Ints]


@dataclass(frozen=True)
class Choice:
    """The chosen set, and what decided.

    Attributes:
        pset: which.
        rule: "evidence": it is expected to earn most; "rank": among those that are not told apart
            from that one, it did best beside the others; "promoted": likewise, and an admin
            promoted it; "nomination": as good as another by all of these, and nominated first.
        best: the set that is expected to earn most.
        cost: what the chosen one is expected to earn less than that, 0 or more.
    """

    pset: int
    rule: str
    best: int
    cost: float


def choose(
    expected: Floats,
    reach: Floats,
    preference: Floats,
    allowed: Bools,
    promoted: Bools,
    nomination: Places,
) -> Choice | None:
    """The best allowed parameter set; None when nothing is allowed.

    What is expected decides, as far as it tells sets apart: those within the best one's reach of it
    are as good as the best. Among these a promoted one goes first, then the highest preference.

    Args:
        expected: shape (p,), higher is better; NaN or infinite: never chosen.
        reach: shape (p,), how far below a set's expectation others are not told apart from it.
        preference: shape (p,), what decides among these, higher is better.
        allowed: shape (p,), nominated and obeying the spec.
        promoted: shape (p,), an admin promoted a trial of this set.
        nomination: shape (p,), place of the set's best nominated trial, from 0; asked for where
            nothing else tells two sets apart.
    """
    allowed = allowed & np.isfinite(expected)
    if not allowed.any():
        return None
    ranked = np.where(allowed, expected, -np.inf)
    # Sums of the same evidence in another order differ in their last bits: that is no lead.
    equal = np.flatnonzero(ranked >= band_floor(float(ranked.max()), 0.0))
    best = _preferred(equal, preference, nomination)[0]
    band = np.flatnonzero(ranked >= band_floor(float(ranked[best]), float(reach[best])))
    free, tied = _preferred(band, preference, nomination)
    favoured = band[promoted[band]]
    chosen, still_tied = _preferred(favoured if len(favoured) else band, preference, nomination)
    cost = max(float(expected[best] - expected[chosen]), 0.0)
    if chosen != free or (tied and not still_tied):
        return Choice(chosen, "promoted", best, cost)
    if still_tied:
        return Choice(chosen, "nomination", best, cost)
    return Choice(chosen, "evidence" if chosen == best else "rank", best, cost)


def _preferred(sets: Ints, preference: Floats, nomination: Places) -> tuple[int, bool]:
    """The most preferred of some sets, and whether another is as good."""
    top = sets[preference[sets] >= band_floor(float(preference[sets].max()), 0.0)]
    if len(top) == 1:
        return int(top[0]), False
    places = nomination() if callable(nomination) else nomination
    return int(top[np.lexsort((top, places[top]))[0]]), True
