"""The sets nearest to one that was never tried are counted in steps of the grid that was."""

from __future__ import annotations

import itertools

import pytest

from tradingkb.domain.strategy import Params, ParamSpec, StrategySpec
from tradingkb.ranking.nearest import nearest_sets

GRID: list[Params] = [
    {"fast": fast, "slow": slow} for fast, slow in itertools.product((5, 10, 20), (50, 100))
]


def found(params: Params, sets: list[Params] = GRID, limit: int = 5) -> list[tuple[Params, float]]:
    return [(sets[k], d) for k, d in nearest_sets(sets, params, None, limit)]


def test_a_set_that_was_tried_is_its_own_nearest_and_its_neighbours_are_a_step_away() -> None:
    assert found({"fast": 10, "slow": 50}, limit=4) == [
        ({"fast": 10, "slow": 50}, 0.0),
        ({"fast": 5, "slow": 50}, 1.0),
        ({"fast": 20, "slow": 50}, 1.0),
        ({"fast": 10, "slow": 100}, 1.0),
    ]


def test_a_value_between_two_is_one_step_from_either_and_the_nearer_number_comes_first() -> None:
    assert found({"fast": 16, "slow": 50}, limit=2) == [
        ({"fast": 20, "slow": 50}, 1.0),
        ({"fast": 10, "slow": 50}, 1.0),
    ]
    assert found({"fast": 12, "slow": 50}, limit=2)[0] == ({"fast": 10, "slow": 50}, 1.0)


@pytest.mark.parametrize("limit", [0, 1, 3, 99])
def test_no_more_are_named_than_asked_for_and_nearest_first(limit: int) -> None:
    sets = found({"fast": 16, "slow": 60}, limit=limit)
    assert len(sets) == min(limit, len(GRID))
    assert [d for _, d in sets] == sorted(d for _, d in sets)


def test_five_are_named_unless_it_is_said() -> None:
    assert len(nearest_sets(GRID, {"fast": 16, "slow": 60}, None)) == 5


def test_where_nothing_was_tried_nothing_is_near() -> None:
    assert nearest_sets([], {"fast": 5}, None) == []


def test_sets_of_other_categories_are_no_neighbours() -> None:
    sets: list[Params] = [{"n": 1, "mode": "a"}, {"n": 2, "mode": "b"}, {"n": 9, "mode": "a"}]
    spec = StrategySpec(
        "s", (ParamSpec("n", "int"), ParamSpec("mode", "categorical", choices=("a", "b")))
    )
    near = nearest_sets(sets, {"n": 2, "mode": "a"}, spec)
    assert [k for k, _ in near] == [0, 2]
    assert nearest_sets(sets, {"n": 2, "mode": "c"}, None) == []


def test_among_equal_sets_the_earlier_one_comes_first() -> None:
    twice: list[Params] = [{"fast": 9}, {"fast": 5}, {"fast": 5}]
    assert [k for k, _ in nearest_sets(twice, {"fast": 5}, None)] == [1, 2, 0]


def test_the_order_of_the_sets_decides_nothing_but_ties() -> None:
    params: Params = {"fast": 16, "slow": 60}
    assert found(params) == found(params, GRID[::-1])


def test_a_difference_counts_as_a_share_of_its_parameters_range() -> None:
    # One step each: 1 of a range of 100 is less than 0.01 of a range of 0.02.
    sets: list[Params] = [{"n": 50, "x": 0.01}, {"n": 51, "x": 0.0}, {"n": 150, "x": 0.02}]
    assert [k for k, _ in nearest_sets(sets, {"n": 50, "x": 0.0}, None, 2)] == [1, 0]
