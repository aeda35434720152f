"""What decides between parameter sets: what they are expected to earn, then what is agreed on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tradingkb.ranking.choose import Choice, choose


def pick(
    expected: Sequence[float],
    preference: Sequence[float] | None = None,
    reach: float | Sequence[float] = 0.0,
    promoted: Sequence[int] = (),
    allowed: Sequence[int] | None = None,
    nomination: Sequence[int] | None = None,
) -> Choice | None:
    places = np.arange(len(expected))
    return choose(
        np.array(expected, dtype=np.float64),
        np.broadcast_to(np.asarray(reach, dtype=np.float64), len(expected)),
        np.array(expected if preference is None else preference, dtype=np.float64),
        np.isin(places, places if allowed is None else allowed),
        np.isin(places, promoted),
        places if nomination is None else np.array(nomination),
    )


@pytest.mark.parametrize(
    ("case", "chosen"),
    [
        # What is expected decides where it tells sets apart, whatever is preferred.
        ({"expected": [2, 5, 3], "preference": [9, 1, 9]}, Choice(1, "evidence", 1, 0.0)),
        ({"expected": [2, 5, 3], "reach": 1.9, "promoted": [2]}, Choice(1, "evidence", 1, 0.0)),
        # Within the reach of the best one the preference decides, and it says what that costs.
        (
            {"expected": [2, 5, 3], "preference": [9, 1, 2], "reach": 2},
            Choice(2, "rank", 1, 2.0),
        ),
        ({"expected": [2, 5, 3], "preference": [1, 3, 2], "reach": 9}, Choice(1, "evidence", 1, 0)),
        # A promoted one goes before the preference, and the preference decides between two.
        (
            {"expected": [2, 5, 3], "preference": [9, 1, 2], "reach": 3, "promoted": [2]},
            Choice(2, "promoted", 1, 2.0),
        ),
        (
            {"expected": [2, 5, 3], "preference": [1, 9, 2], "reach": 3, "promoted": [0, 2]},
            Choice(2, "promoted", 1, 2.0),
        ),
        # One that would be chosen without its promotion is chosen by what chose it.
        (
            {"expected": [2, 5, 3], "preference": [1, 9, 2], "reach": 3, "promoted": [0, 1]},
            Choice(1, "evidence", 1, 0.0),
        ),
        (
            {"expected": [2, 5, 3], "preference": [9, 1, 2], "reach": 3, "promoted": [0]},
            Choice(0, "rank", 1, 3.0),
        ),
        # A promotion that breaks a tie of the preference decides.
        (
            {"expected": [5, 5, 1], "preference": [1, 1, 1], "promoted": [1]},
            Choice(1, "promoted", 0, 0.0),
        ),
        (
            {"expected": [5, 5, 1], "preference": [1, 1, 1], "promoted": [0]},
            Choice(0, "promoted", 0, 0.0),
        ),
        # Sets that are as good by all of this: the one nominated first.
        (
            {"expected": [5, 5, 1], "nomination": [2, 1, 0]},
            Choice(1, "nomination", 1, 0.0),
        ),
        (
            {"expected": [5, 4, 1], "preference": [1, 1, 1], "reach": 1, "nomination": [2, 1, 0]},
            Choice(1, "nomination", 0, 1.0),
        ),
        (
            {"expected": [5, 5, 1], "preference": [1, 1, 1], "promoted": [0, 1]},
            Choice(0, "nomination", 0, 0.0),
        ),
    ],
)
def test_the_rules_decide_in_their_order(case: dict[str, Sequence[float]], chosen: Choice) -> None:
    assert pick(**case) == chosen


def test_nothing_allowed_is_no_choice() -> None:
    assert pick([0.4, 0.6], allowed=()) is None
    assert pick([]) is None


def test_a_set_that_is_not_allowed_is_never_chosen_nor_the_best() -> None:
    assert pick([9, 6, 5], allowed=(1, 2), promoted=(0,)) == Choice(1, "evidence", 1, 0.0)


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_an_expectation_that_is_no_number_is_never_chosen(broken: float) -> None:
    assert pick([broken, 0.5], [9, 1], 1.0, promoted=(0,)) == Choice(1, "evidence", 1, 0.0)
    assert pick([broken]) is None


def test_it_is_the_best_ones_reach_that_counts() -> None:
    expected, preference = [5, 3], [1, 2]
    assert pick(expected, preference, [0.0, 9.0]) == Choice(0, "evidence", 0, 0.0)
    assert pick(expected, preference, [2.0, 0.0]) == Choice(1, "rank", 0, 2.0)


def test_a_set_exactly_at_the_end_of_the_reach_is_not_told_apart() -> None:
    assert pick([0.05, 0.02], [1, 2], 0.03) == Choice(1, "rank", 0, pytest.approx(0.03))


def test_sets_without_any_preference_are_nominated() -> None:
    nothing = [-math.inf, -math.inf]
    assert pick([1, 1], nothing, nomination=[1, 0]) == Choice(1, "nomination", 1, 0.0)


def test_nominations_are_asked_for_only_where_nothing_else_tells_sets_apart() -> None:
    def never() -> np.ndarray:
        raise AssertionError("ranking nominations is costly")

    two, none = np.array([1.0, 2.0]), np.zeros(2)
    any_set, promoted = np.ones(2, dtype=bool), np.zeros(2, dtype=bool)
    assert choose(two, none, two, any_set, promoted, never) == Choice(1, "evidence", 1, 0.0)
    equal = choose(np.ones(2), none, np.ones(2), any_set, promoted, lambda: np.array([1, 0]))
    assert equal == Choice(1, "nomination", 1, 0.0)
