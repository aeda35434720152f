"""Scores of nominated trials: how near, how well, and how they came in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class RerankWeights:
    """Shares of a nomination's score; the first three add up to 1.

    Attributes:
        similarity: cosine similarity of the regimes, mapped from [-1, 1] to [0, 1].
        tags: Jaccard overlap of the regime tags.
        rank: percentile rank of the trial's score within its window.
        relaxed: factor for nominations that only the relaxed filters let through.
        metadata_only: factor when no similarity could be computed although one was asked for.
    """

    similarity: float = 0.45
    tags: float = 0.15
    rank: float = 0.40
    relaxed: float = 0.8
    metadata_only: float = 0.7


DEFAULT: Final = RerankWeights()


def nomination_scores(
    *,
    similarity: Floats | None,
    tag_overlap: Floats,
    rank: Floats,
    relaxed: Bools,
    metadata_only: bool,
    weights: RerankWeights = DEFAULT,
) -> Floats:
    """Scores in [0, 1], shape (n,), higher is better.

    Args:
        similarity: shape (n,), in [-1, 1], NaN where one trial has none (taken as 0, unrelated);
            None when there is none at all, and its share goes to `rank`.
        tag_overlap: shape (n,), in [0, 1].
        rank: shape (n,), in [0, 1].
        relaxed: shape (n,).
        metadata_only: whether the vector search failed.
        weights: the shares.
    """
    near = rank if similarity is None else _nearness(similarity)
    score = weights.similarity * near + weights.tags * tag_overlap + weights.rank * rank
    score = score * np.where(relaxed, weights.relaxed, 1.0)
    return np.asarray(score * (weights.metadata_only if metadata_only else 1.0))


def _nearness(similarity: Floats) -> Floats:
    return np.asarray((np.clip(np.nan_to_num(similarity), -1.0, 1.0) + 1.0) / 2.0)
