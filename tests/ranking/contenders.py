"""Contenders one by one, as people think of them, and as the columns of a contest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tradingkb.ranking.tiebreak import NEVER, Contest, Place, rank_contest


@dataclass(frozen=True)
class Contender:
    score: float
    promoted: bool
    current_schema: bool
    promoted_at: int | None
    created_at: int
    source_id: str


def contest(contenders: Sequence[Contender]) -> Contest:
    ids = sorted({c.source_id for c in contenders})
    times = [NEVER if c.promoted_at is None else c.promoted_at for c in contenders]
    return Contest(
        score=np.array([c.score for c in contenders], dtype=np.float64),
        promoted=np.array([c.promoted for c in contenders], dtype=bool),
        current_schema=np.array([c.current_schema for c in contenders], dtype=bool),
        promoted_at=np.array(times, dtype=np.int64),
        created_at=np.array([c.created_at for c in contenders], dtype=np.int64),
        identity=np.array([ids.index(c.source_id) for c in contenders], dtype=np.int64),
    )


def rank(contenders: Sequence[Contender], epsilon: float) -> list[Place]:
    return rank_contest(contest(contenders), epsilon, len(contenders))
