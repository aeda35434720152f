"""An instrument's own history speaks as far as instruments are sure to differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ranking.cells import Floats
from tradingkb.ranking.instruments import (
    MIN_INSTRUMENTS,
    NO_DIFFERENCES,
    Differences,
    differences,
    own_doubt,
    own_doubts,
)


def world(
    spread: float, seed: int, n_symbols: int = 20, n_quarters: int = 8, n_sets: int = 1
) -> tuple[Floats, Floats, Floats]:
    """What each quarter of each instrument left: instruments differ by `spread`, noise is 1."""
    rng = np.random.default_rng(seed)
    true = spread * rng.normal(size=(n_symbols, n_sets))
    symbol = np.repeat(np.arange(n_symbols), n_quarters)
    value = true[symbol] + rng.normal(size=(len(symbol), n_sets))
    return value - value.mean(axis=0), np.ones(value.shape), symbol


def estimated(
    spread: float, seed: int, n_symbols: int = 20, n_quarters: int = 8, n_sets: int = 1
) -> Differences:
    value, weight, symbol = world(spread, seed, n_symbols, n_quarters, n_sets)
    quarter = np.tile(np.arange(n_quarters), n_symbols)
    doubt = own_doubts(weight, symbol, quarter, np.eye(n_quarters))
    return differences(value, weight, symbol, doubt)


def test_where_instruments_do_not_differ_nothing_is_sure_in_nine_worlds_of_ten() -> None:
    found = [estimated(0.0, seed) for seed in range(100)]
    assert np.mean([f.sure == 0.0 for f in found]) >= 0.9
    assert np.mean([f.variance for f in found]) < 0.05
    assert np.mean([f.noise for f in found]) == pytest.approx(1.0, abs=0.05)


def test_differences_that_there_are_are_found() -> None:
    found = [estimated(1.0, seed) for seed in range(100)]
    assert np.mean([f.sure > 0.0 for f in found]) >= 0.9
    assert np.mean([f.variance for f in found]) == pytest.approx(1.0, abs=0.1)
    assert np.mean([f.noise for f in found]) == pytest.approx(1.0, abs=0.05)
    assert all(f.sure < f.variance for f in found)


def test_differences_are_surer_the_more_instruments_show_them() -> None:
    sure = [
        np.mean([estimated(0.7, seed, n_symbols=n).sure for seed in range(40)]) for n in (6, 20, 60)
    ]
    assert sure == sorted(sure)
    assert sure[-1] > 2 * sure[0]


def test_the_variance_is_that_of_one_set_however_many_there_are() -> None:
    found = [estimated(1.0, seed, n_sets=5) for seed in range(20)]
    assert np.mean([f.variance for f in found]) == pytest.approx(1.0, abs=0.1)
    assert np.mean([f.noise for f in found]) == pytest.approx(1.0, abs=0.05)


def test_what_is_not_known_of_an_instrument_says_nothing_and_counts_for_no_set() -> None:
    value, weight, symbol = world(1.0, 3, n_sets=2)
    weight[:, 1] = 0.0
    value[:, 1] = 1e6
    quarter = np.tile(np.arange(8), 20)
    found = differences(value, weight, symbol, own_doubts(weight, symbol, quarter, np.eye(8)))
    one = differences(
        value[:, :1], weight[:, :1], symbol, own_doubts(weight[:, :1], symbol, quarter, np.eye(8))
    )
    assert found.variance == pytest.approx(one.variance)
    assert found.sure == pytest.approx(one.sure)
    assert found.noise == pytest.approx(one.noise)


@pytest.mark.parametrize(("n_symbols", "n_quarters"), [(MIN_INSTRUMENTS - 1, 9), (9, 1)])
def test_too_few_instruments_or_quarters_do_not_say_how_much_instruments_differ(
    n_symbols: int, n_quarters: int
) -> None:
    assert estimated(1.0, 0, n_symbols, n_quarters) == NO_DIFFERENCES


def test_no_history_at_all_shows_no_differences() -> None:
    nothing = np.zeros((0, 2))
    assert differences(nothing, nothing, np.zeros(0, dtype=np.int64), nothing) == NO_DIFFERENCES


def test_an_instrument_without_history_is_not_believed_and_keeps_the_whole_variance() -> None:
    found = Differences(variance=3.0, sure=2.0, noise=1.0)
    unseen = np.array([np.inf])
    assert found.share(unseen).tolist() == [0.0]
    assert found.left(unseen).tolist() == [3.0]


def test_a_share_grows_with_history_and_what_is_left_shrinks() -> None:
    found = Differences(variance=3.0, sure=2.0, noise=4.0)
    doubt = 1.0 / np.array([1.0, 2.0, 8.0, 1e9])
    np.testing.assert_allclose(found.share(doubt), [2 / 6, 2 / 4, 2 / 2.5, 1.0])
    np.testing.assert_allclose(found.left(doubt), [12 / 7, 6 / 5, 1.5 / 3.5, 0.0], atol=1e-8)


def test_a_history_without_noise_leaves_nothing_unknown_however_much_instruments_differ() -> None:
    found = Differences(variance=1e12, sure=1e11, noise=1e-300)
    assert found.share(np.array([0.5, np.inf])).tolist() == [1.0, 0.0]
    assert found.left(np.array([0.5, np.inf])).tolist() == [0.0, 1e12]


@given(st.floats(0, 9), st.floats(1e-3, 9), st.lists(st.floats(1e-3, 1), min_size=1, max_size=5))
def test_where_nothing_is_sure_history_is_not_believed_and_leaves_the_whole_variance(
    variance: float, noise: float, doubt: list[float]
) -> None:
    found = Differences(variance, 0.0, noise)
    assert found.share(np.array(doubt)).tolist() == [0.0] * len(doubt)
    assert found.left(np.array(doubt)).tolist() == [variance] * len(doubt)


@given(st.lists(st.floats(0.1, 1), min_size=1, max_size=8))
def test_quarters_that_share_no_day_halve_a_doubt_when_they_double(weight: list[float]) -> None:
    n = len(weight)
    column, overlap = np.array(weight)[:, None], np.eye(2 * n)
    one = own_doubt(column, np.arange(n), overlap)
    both = own_doubt(np.vstack([column, column]), np.arange(2 * n), overlap)
    np.testing.assert_allclose(both, one / 2)
    assert 1 / n - 1e-12 <= one[0] <= 1 + 1e-12


def test_quarters_of_the_same_days_are_as_sure_as_one() -> None:
    assert own_doubt(np.ones((4, 1)), np.arange(4), np.ones((4, 4))).tolist() == [1.0]
    assert own_doubt(np.ones((0, 1)), np.arange(0), np.eye(4)).tolist() == [np.inf]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.booleans(), st.integers(0, 99))
def test_the_doubts_of_all_instruments_are_those_of_each(
    symbols: list[int], alike: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    symbol = np.sort(np.array(symbols))
    quarter = rng.integers(0, 4, len(symbol))
    weight = np.ones((len(symbol), 3)) if alike else rng.integers(0, 3, (len(symbol), 3)) / 2
    overlap = np.eye(4) + 0.5 * (np.eye(4, k=1) + np.eye(4, k=-1))
    found = own_doubts(weight, symbol, quarter, overlap)
    each = [
        own_doubt(weight[symbol == s], quarter[symbol == s], overlap) for s in np.unique(symbol)
    ]
    np.testing.assert_allclose(np.broadcast_to(found, (len(each), 3)), each)


def test_instruments_that_all_sets_know_alike_are_doubted_as_each_by_itself() -> None:
    symbol, quarter = np.array([0, 0, 0, 2, 2, 5]), np.array([0, 1, 3, 1, 2, 3])
    weight = np.tile([[0.5], [1.0], [0.2], [1.0], [0.0], [0.0]], (1, 3))
    overlap = np.eye(4) + 0.3 * (np.abs(np.subtract.outer(range(4), range(4))) == 1)
    found = own_doubts(weight, symbol, quarter, overlap)
    parts = [own_doubt(weight[symbol == s], quarter[symbol == s], overlap) for s in (0, 2, 5)]
    assert found.shape == (3, 1)
    np.testing.assert_allclose(np.tile(found, (1, 3)), parts)


def test_instruments_without_any_set_have_no_doubt() -> None:
    assert own_doubts(np.zeros((2, 0)), np.arange(2), np.arange(2), np.eye(2)).shape == (2, 0)
