from __future__ import annotations

import itertools
import math
import tracemalloc
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tradingkb.ranking.pbo import Pbo, backtest_overfitting

whole = st.integers(-3, 3).map(float)


def matrices(elements: st.SearchStrategy[float] = whole) -> st.SearchStrategy[np.ndarray]:
    shapes = st.tuples(st.integers(4, 9), st.integers(2, 6))
    return hnp.arrays(np.float64, shapes, elements=elements)


def measured(matrix: np.ndarray, **options: Any) -> Pbo:
    found = backtest_overfitting(matrix, **options)
    assert found is not None
    return found


def judged_by_hand(matrix: np.ndarray, n_blocks: int) -> list[tuple[Fraction, Fraction, Fraction]]:
    """Relative rank, past and future performance of each split's choice, in fractions."""
    rows = np.array_split(np.arange(len(matrix)), n_blocks)
    sets = range(matrix.shape[1])
    found = []
    for half in itertools.combinations(range(n_blocks), n_blocks // 2):
        inside = [r for b in half for r in rows[b]]
        outside = [r for b in range(n_blocks) if b not in half for r in rows[b]]
        past, future = (
            [sum(Fraction(matrix[r, j]) for r in part) / len(part) for j in sets]
            for part in (inside, outside)
        )
        best = [j for j in sets if past[j] == max(past)]
        ranks = [
            sum(future[j] < future[i] for j in sets)
            + Fraction(sum(future[j] == future[i] for j in sets) + 1, 2)
            for i in best
        ]
        relative = sum(ranks) / len(ranks) / (len(sets) + 1)
        found.append((relative, max(past), sum(future[i] for i in best) / len(best)))
    return found


def line(past: list[Fraction], future: list[Fraction]) -> float | None:
    mean = sum(past) / len(past)
    spread = sum((x - mean) ** 2 for x in past)
    if spread == 0:
        return None
    return float(sum((x - mean) * y for x, y in zip(past, future, strict=True)) / spread)


@given(matrices() | matrices(st.integers(-1000, 1000).map(float)), st.sampled_from([4, 6, 8]))
def test_every_split_is_judged_as_by_hand(matrix: np.ndarray, n_blocks: int) -> None:
    found = measured(matrix, n_blocks=n_blocks)
    assert found.n_blocks == min(n_blocks, len(matrix) // 2 * 2)
    expected = judged_by_hand(matrix, found.n_blocks)
    ranks, past, future = (list(column) for column in zip(*expected, strict=True))
    np.testing.assert_allclose(found.logits, [math.log(w / (1 - w)) for w in ranks], atol=1e-12)
    assert found.n_splits == len(expected)
    assert found.n_sets == matrix.shape[1]
    assert found.pbo == sum(w <= Fraction(1, 2) for w in ranks) / len(ranks)
    assert found.loss_probability == sum(y < 0 for y in future) / len(future)
    assert found.slope == pytest.approx(line(past, future), abs=1e-9)


def test_many_sets_are_judged_as_few_are() -> None:
    # Enough of them that the splits are taken in several slices.
    matrix = np.random.default_rng(1).integers(-9, 9, (8, 9_000)).astype(np.float64)
    ranks = []
    for half in itertools.combinations(range(8), 4):
        past = matrix[list(half)].sum(axis=0)
        future = matrix.sum(axis=0) - past
        chosen = future[past == past.max()]
        below, equal = (
            (compare(future[:, None], chosen)).sum(axis=0) for compare in (np.less, np.equal)
        )
        ranks.append((below + (equal + 1) / 2).mean())
    found = measured(matrix)
    np.testing.assert_allclose(found.logits, np.log(ranks / (9_001 - np.array(ranks))))


def test_sixteen_blocks_have_the_12870_splits_of_the_paper() -> None:
    matrix = np.random.default_rng(2).normal(size=(100, 10))
    assert measured(matrix).n_splits == 12_870
    assert measured(matrix).n_blocks == 16


def test_memory_does_not_grow_with_splits_times_sets() -> None:
    matrix = np.random.default_rng(8).normal(size=(16, 2_000))
    tracemalloc.start()
    try:
        measured(matrix)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.1 * 12_870 * 2_000 * 8  # of one array with a number per split and set


@pytest.mark.parametrize(
    ("n_rows", "options", "n_blocks"),
    [
        (9, {}, 8),
        (4, {}, 4),
        (40, {"n_blocks": 10}, 10),
        (40, {"max_splits": 12_869}, 14),
        (40, {"max_splits": 70}, 8),
        (40, {"max_splits": 6}, 4),
    ],
)
def test_blocks_are_as_many_as_rows_and_splits_allow(
    n_rows: int, options: dict[str, int], n_blocks: int
) -> None:
    matrix = np.random.default_rng(3).normal(size=(n_rows, 3))
    found = measured(matrix, **options)
    assert (found.n_blocks, found.n_splits) == (n_blocks, math.comb(n_blocks, n_blocks // 2))


@pytest.mark.parametrize("shape", [(3, 5), (0, 5), (10, 1), (10, 0)])
def test_fewer_than_four_rows_or_two_sets_say_nothing(shape: tuple[int, int]) -> None:
    assert backtest_overfitting(np.zeros(shape)) is None


@given(matrices(), st.data())
def test_a_set_that_is_better_in_every_row_is_no_overfit(
    matrix: np.ndarray, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, matrix.shape[1]))
    better = matrix.max(axis=1) + 0.5
    found = measured(np.insert(matrix, place, better, axis=1))
    assert found.pbo == 0.0
    assert np.ptp(found.logits) == 0.0


@given(matrices(), st.integers(1, 4))
def test_sets_whose_future_undoes_their_past_are_pure_overfit(
    matrix: np.ndarray, copies: int
) -> None:
    undone = np.tile(np.vstack([matrix, -matrix.sum(axis=0)]), (copies, 1))
    assert measured(undone).pbo == 1.0


def test_one_set_that_is_always_chosen_has_the_slope_minus_one_however_good_it_is() -> None:
    matrix = np.random.default_rng(9).normal([0.0, 0.0, 99.0, 0.0], size=(16, 4))
    found = measured(matrix)
    assert (found.pbo, found.loss_probability) == (0.0, 0.0)
    assert found.slope == pytest.approx(-1.0)


def test_a_past_that_is_paid_back_in_full_has_the_slope_minus_one() -> None:
    matrix = np.random.default_rng(4).integers(-9, 9, (7, 5)).astype(np.float64)
    found = measured(np.vstack([matrix, -matrix.sum(axis=0)]))
    assert found.slope == pytest.approx(-1.0)


@pytest.mark.parametrize("n_sets", [2, 3, 9, 10])
def test_noise_overfits_as_often_as_a_rank_drawn_by_lot_is_no_better_than_the_median(
    n_sets: int,
) -> None:
    rng = np.random.default_rng(n_sets)
    found = np.array([measured(rng.normal(size=(8, n_sets))).pbo for _ in range(400)])
    # The halves share no row, so the chosen set's rank is uniform in the other half.
    expected = (n_sets + 1) // 2 / n_sets
    assert abs(found.mean() - expected) < 3 * found.std(ddof=1) / math.sqrt(len(found))


def test_sets_that_are_all_alike_are_no_better_than_their_median() -> None:
    found = measured(np.random.default_rng(5).normal(size=(12, 1)) @ np.ones((1, 7)))
    assert found.pbo == 1.0
    assert not found.logits.any()


def test_without_a_difference_between_choices_there_is_no_slope() -> None:
    assert measured(np.full((9, 3), 0.1)).slope is None


def test_ties_in_decimals_are_ties_in_binary_too() -> None:
    found = measured(np.array([[0.1, 0.3, 0.25], [0.2, 0.0, 0.05]] * 4), n_blocks=4)
    assert not found.logits.any()


@given(matrices(st.floats(-1e6, 1e6)), st.randoms(use_true_random=False))
def test_the_order_of_the_sets_does_not_matter(matrix: np.ndarray, random: Any) -> None:
    order = list(range(matrix.shape[1]))
    random.shuffle(order)
    one, other = measured(matrix), measured(matrix[:, order])
    np.testing.assert_allclose(one.logits, other.logits, rtol=1e-12, atol=1e-15)
    assert one.pbo == other.pbo


@given(matrices(), st.data())
def test_what_a_row_did_to_every_set_alike_does_not_matter(
    matrix: np.ndarray, data: st.DataObject
) -> None:
    luck = data.draw(hnp.arrays(np.float64, (len(matrix), 1), elements=st.integers(-99, 99)))
    one, other = measured(matrix), measured(matrix + luck)
    assert one.logits.tolist() == other.logits.tolist()


@given(matrices(), st.sampled_from([1e-300, 1e-9, 0.1, 0.07, 3.0, 12.5, 1e6, 1e300]))
def test_the_unit_of_performance_does_not_matter(matrix: np.ndarray, unit: float) -> None:
    one, other = measured(matrix), measured(matrix * unit)
    assert one.logits.tolist() == other.logits.tolist()
    assert one.loss_probability == other.loss_probability
    assert one.slope == pytest.approx(other.slope, abs=1e-9)


def test_the_answer_to_a_question_is_not_changed_by_asking_another() -> None:
    matrix = np.random.default_rng(6).normal(size=(16, 5))
    before, kept = measured(matrix).logits.tolist(), matrix.copy()
    measured(np.random.default_rng(7).normal(size=(16, 5)))
    assert measured(matrix).logits.tolist() == before
    assert matrix.tolist() == kept.tolist()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_missing_value_is_refused_with_the_first_row_and_column(value: float) -> None:
    matrix = np.zeros((6, 3))
    matrix[4, 0] = matrix[2, 1] = value
    with pytest.raises(ValueError, match=rf"performance\[2, 1\] is {value}: leave out rows or"):
        backtest_overfitting(matrix)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((9,), {}, r"performance must have shape \(t, p\), got \(9,\)"),
        ((9, 2), {"n_blocks": 7}, "n_blocks must be an even number, 4 or more, got 7"),
        ((9, 2), {"n_blocks": 2}, "n_blocks must be an even number, 4 or more, got 2"),
        ((9, 2), {"max_splits": 5}, "max_splits must be 6 .* or more, got 5"),
    ],
)
def test_options_that_have_no_meaning_are_refused_by_name(
    shape: tuple[int, ...], options: dict[str, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        backtest_overfitting(np.zeros(shape), **options)
