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

#: Far above the rounding of scores in [0, 1], far below any epsilon.
_ROUNDING: Final = 1e-12

RULES: Final = ("score", "status", "schema", "promoted_at", "created_at", "source_id")


@dataclass(frozen=True)
class Contender:
    """What the rules look at.

    Attributes:
        score: higher is better; must be finite.
        promoted: whether the status is "promoted".
        current_schema: whether the regime was measured with the current schema.
        promoted_at: microseconds since 1970, UTC; None when never promoted.
        created_at: microseconds since 1970, UTC.
        source_id: unique within the contest.
    """

    score: float
    promoted: bool
    current_schema: bool
    promoted_at: int | None
    created_at: int
    source_id: str


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


def rank(contenders: Sequence[Contender], epsilon: float) -> list[Place]:
    """Ranks contenders, best first.

    Args:
        contenders: with pairwise different `source_id`.
        epsilon: scores within a band differ from its best by at most this.

    Returns:
        One place per contender. The rule recorded with a place is the one that separates it from
        the place after it: "score" when the next one is in a lower band.

    Raises:
        ValueError: negative epsilon, a score that is not finite, or equal source ids.
    """
    _check(contenders, epsilon)
    by_score = sorted(range(len(contenders)), key=lambda i: -contenders[i].score)
    order: list[tuple[int, int]] = []
    start = band = 0
    while start < len(by_score):
        floor = band_floor(contenders[by_score[start]].score, epsilon)
        end = start
        while end < len(by_score) and contenders[by_score[end]].score >= floor:
            end += 1
        members = sorted(by_score[start:end], key=lambda i: _within_band(contenders[i]))
        order.extend((i, band) for i in members)
        start, band = end, band + 1
    return [
        Place(i, _deciding_rule(contenders, order, k), band) for k, (i, band) in enumerate(order)
    ]


def band_floor(best: float, epsilon: float) -> float:
    """The lowest score that counts as equal to the best one.

    A difference of exactly epsilon is a tie, also where binary fractions make 0.05 - 0.02 a
    little more than 0.03.
    """
    return best - epsilon - _ROUNDING


def _check(contenders: Sequence[Contender], epsilon: float) -> None:
    if not epsilon >= 0:
        raise ValueError(f"epsilon must be 0 or more, got {epsilon}")
    if any(not abs(c.score) < float("inf") for c in contenders):
        raise ValueError("every score must be finite")
    if len({c.source_id for c in contenders}) != len(contenders):
        raise ValueError("source ids must differ")


def _within_band(c: Contender) -> tuple[bool, bool, tuple[bool, int], int, str]:
    recent = (c.promoted_at is None, -(c.promoted_at or 0))
    return (not c.promoted, not c.current_schema, recent, -c.created_at, c.source_id)


def _deciding_rule(
    contenders: Sequence[Contender], order: Sequence[tuple[int, int]], k: int
) -> str:
    if k + 1 == len(order) or order[k + 1][1] != order[k][1]:
        return "score"
    mine, other = (_within_band(contenders[order[j][0]]) for j in (k, k + 1))
    return next(rule for rule, a, b in zip(RULES[1:], mine, other, strict=True) if a != b)
