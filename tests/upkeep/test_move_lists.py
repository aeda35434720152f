"""Lists of trials that differ by the rounding of similarities alone are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tradingkb.ranking import NEVER, Contest, rank_contest
from tradingkb.upkeep.move_lists import ROUNDING, difference, same_but_for_rounding
from tradingkb.vectors.order import SIMILARITY_DIGITS

#: What a step of a rounded similarity, scaled by the square root of 2, is in a score.
STEP = 2**0.5 * 10**-SIMILARITY_DIGITS * 0.45 / 2


def row(name: str, score: float = 0.5, similarity: float | None = 0.3, **other: Any) -> Any:
    said = {"source_id": name, "rank": 1, "tie_break": "source_id", "chosen": False}
    return {**said, "score": score, "similarity": similarity, **other}


def ranked(scores: list[float], created: list[int], top: int) -> list[Any]:
    n = len(scores)
    contest = Contest(
        np.array(scores),
        np.zeros(n, bool),
        np.ones(n, bool),
        np.full(n, NEVER),
        np.array(created),
        np.arange(n),
    )
    places = enumerate(rank_contest(contest, 0.02, top), 1)
    return [row(str(p.index), scores[p.index], None, rank=n, tie_break=p.rule) for n, p in places]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(200, 300), st.sampled_from([-1, 0, 0, 0, 1]), st.integers(0, 9)),
        min_size=1,
        max_size=40,
    ),
    st.integers(1, 20),
)
def test_a_step_of_rounding_makes_no_other_list(
    trials: list[tuple[int, int, int]], top: int
) -> None:
    """Scores a step apart open other bands, reorder the trials and cut the list elsewhere."""
    created = [age for _, _, age in trials]
    mine = ranked([score / 1000 for score, _, _ in trials], created, top)
    other = ranked([score / 1000 + step * STEP for score, step, _ in trials], created, top)
    assert same_but_for_rounding(mine, other)


def test_a_step_of_a_rounded_similarity_is_within_rounding() -> None:
    assert 2**0.5 * 10**-SIMILARITY_DIGITS < ROUNDING
    assert same_but_for_rounding([row("a", 0.5, 0.3)], [row("a", 0.5 + STEP, 0.30014)])


def test_what_is_more_than_rounding_is_another_list() -> None:
    for other in (
        [],
        [row("a", similarity=None)],
        [row("a", similarity=0.3005)],
        [row("a", score=0.51)],
        [row("a", chosen=True)],
        [row("a"), row("b")],
    ):
        assert not same_but_for_rounding([row("a")], other)


def test_a_trial_that_stands_above_the_last_band_is_missed() -> None:
    """Where a list ends is open; what it begins with is not."""
    last = [row("y", 0.8, tie_break="score"), row("z", 0.5)]
    assert same_but_for_rounding([*last, row("a", 0.49)], [*last, row("b", 0.495)])
    first = row("a", 0.9, tie_break="score")
    assert not same_but_for_rounding([first, *last], [row("b", 0.9, tie_break="score"), *last])


def test_what_differs_is_told_with_its_trial_and_its_values() -> None:
    mine, other = [row("a"), row("b")], [row("a", score=0.7), row("c")]
    assert difference(mine, other) == (
        "3 of 3 trials, first a: score 0.5 in the source, 0.7 in the target"
    )
    assert difference([row("a")], []) == "1 of 1 trials, first a: listed only by the source"
    assert difference([], [row("a")]) == "1 of 1 trials, first a: listed only by the target"
    assert difference([row("a"), row("b")], [row("b"), row("a")]) == (
        "the same trials in another order"
    )
