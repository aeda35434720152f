from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.ranking.rerank import DEFAULT, nomination_scores


def score(
    similarity: float | None = 1.0,
    tags: float = 1.0,
    rank: float = 1.0,
    *,
    relaxed: bool = False,
    metadata_only: bool = False,
) -> float:
    found = nomination_scores(
        similarity=None if similarity is None else np.array([similarity]),
        tag_overlap=np.array([tags]),
        rank=np.array([rank]),
        relaxed=np.array([relaxed]),
        metadata_only=metadata_only,
    )
    return float(found[0])


def test_the_shares_of_a_nominations_score_add_up_to_one() -> None:
    assert DEFAULT.similarity + DEFAULT.tags + DEFAULT.rank == pytest.approx(1.0)
    assert score() == pytest.approx(1.0)
    assert score(-1.0, 0.0, 0.0) == 0.0


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"similarity": 0.0, "tags": 0.0, "rank": 0.0}, 0.45 / 2),
        ({"similarity": -1.0, "tags": 0.5, "rank": 0.0}, 0.15 / 2),
        ({"similarity": -1.0, "tags": 0.0, "rank": 0.5}, 0.40 / 2),
        ({"relaxed": True}, 0.8),
        ({"metadata_only": True}, 0.7),
        ({"relaxed": True, "metadata_only": True}, 0.56),
        ({"similarity": None, "tags": 0.0, "rank": 0.6}, 0.85 * 0.6),
    ],
)
def test_scores_follow_the_documented_shares_and_factors(
    facts: dict[str, float | bool | None], expected: float
) -> None:
    assert score(**facts) == pytest.approx(expected)


def test_a_trial_without_a_similarity_counts_as_unrelated_and_not_as_an_error() -> None:
    assert score(math.nan) == score(0.0)


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1), st.booleans(), st.booleans())
def test_scores_stay_between_zero_and_one(
    similarity: float, tags: float, rank: float, relaxed: bool, metadata_only: bool
) -> None:
    found = score(similarity, tags, rank, relaxed=relaxed, metadata_only=metadata_only)
    assert 0 <= found <= 1 + 1e-12


@pytest.mark.parametrize(
    ("similarity", "taken"), [(1.0 + 1e-6, 1.0), (-1.0 - 1e-6, -1.0), (7.0, 1.0)]
)
def test_a_similarity_that_was_rounded_beyond_its_ends_counts_as_the_end(
    similarity: float, taken: float
) -> None:
    assert score(similarity) == score(taken)
