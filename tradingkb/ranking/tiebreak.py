"""A total order for scores that are equal within epsilon.

"Within epsilon of each other" is not transitive, so an order made of pairwise comparisons depends
on the order of its input. Here the best remaining score opens a band that reaches down epsilon;
everything in the band is ordered by the next rules; then the next band opens. The result is the
same for every permutation of the input.

Rules inside a band: status (promoted beats candidate), schema (current regime schema), promoted_at
(recent wins), created_at (newer wins), source_id (smaller text wins; the deterministic end).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Stands for a promotion that never was.
NEVER: Final = int(np.iinfo(np.int64).min)

#: Far above the rounding of scores in [0, 1], far below any epsilon.
_ROUNDING: Final = 1e-12

RULES: Final = ("score", "status", "schema", "promoted_at", "created_at", "source_id")


@dataclass(frozen=True)
class Contest:
    """What the rules look at, one entry per contender; shapes (n,).

    Attributes:
        score: higher is better; must be finite.
        promoted: whether the status is "promoted".
        current_schema: whether the regime was measured with the current schema.
        promoted_at: microseconds since 1970, UTC; `NEVER` where it was never promoted.
        created_at: microseconds since 1970, UTC.
        identity: place of the contender's source id among all; pairwise different.
    """

    score: Floats
    promoted: Bools
    current_schema: Bools
    promoted_at: Ints
    created_at: Ints
    identity: Ints

    def within_band(self) -> list[Ints]:
        """A column per rule of a band, in the order of the rules; smaller wins."""
        recent = np.where(self.promoted_at == NEVER, np.iinfo(np.int64).max, -self.promoted_at)
        flags = [(~flag).astype(np.int64) for flag in (self.promoted, self.current_schema)]
        return [*flags, recent, -self.created_at, self.identity]


@dataclass(frozen=True)
class Place:
    """One place of the ranking.

    Attributes:
        index: position of the contender in the input.
        rule: the rule that put it ahead of the next place; "score" for the last one.
        band: number of its band, from 0.
    """

    index: int
    rule: str
    band: int


def rank_contest(contest: Contest, epsilon: float, top: int) -> list[Place]:
    """The first `top` places of a contest, best first.

    Args:
        contest: who contends.
        epsilon: scores within a band differ from its best by at most this.
        top: how many places.

    Returns:
        One place per contender, `top` at most. The rule recorded with a place is the one that
        separates it from the place after it: "score" when the next one is in a lower band.

    Raises:
        ValueError: negative epsilon, a score that is not finite, or one identity twice.
    """
    if not epsilon >= 0:
        raise ValueError(f"epsilon must be 0 or more, got {epsilon}")
    if not np.isfinite(contest.score).all():
        raise ValueError("every score must be finite")
    if len(np.unique(contest.identity)) != len(contest.identity):
        raise ValueError("identities must differ")
    by_score = np.argsort(-contest.score, kind="stable")
    falling = -contest.score[by_score]
    keys = contest.within_band()
    places: list[Place] = []
    start = band = 0
    while start < len(by_score) and len(places) < top:
        floor = band_floor(-float(falling[start]), epsilon)
        end = int(np.searchsorted(falling, -floor, side="right"))
        members = by_score[start:end]
        columns = [key[members] for key in keys]
        order = np.lexsort(columns[::-1])
        rules = _deciding_rules([column[order] for column in columns])
        places += [Place(int(i), rule, band) for i, rule in zip(members[order], rules, strict=True)]
        start, band = end, band + 1
    return places[:top]


def band_floor(best: float, epsilon: float) -> float:
    """The lowest score that counts as equal to the best one.

    A difference of exactly epsilon is a tie, also where binary fractions make 0.05 - 0.02 a
    little more than 0.03.
    """
    return best - epsilon - _ROUNDING


def _deciding_rules(columns: Sequence[Ints]) -> list[str]:
    """For each member of a sorted band the first rule in which the next one differs."""
    differs = np.array([column[1:] != column[:-1] for column in columns])
    return [*(RULES[1 + int(k)] for k in differs.argmax(axis=0)), "score"]
