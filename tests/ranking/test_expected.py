from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ranking.cells import Trials, cells_of, query, tables
from tradingkb.ranking.evidence import EvidenceWeights, level
from tradingkb.ranking.expected import DEFAULT_RATIO, RATIO_BOUNDS, expected_utility, moments

WEIGHTS = EvidenceWeights()


@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_the_trials_changes_no_bit_of_an_expectation(
    trials: Trials, rng: object
) -> None:
    quarter = [0, 0, 1, 1, 2, 3]
    asked = query(6, own=(1,), kernel=np.array([1.0, 0.5, 0.0, 0.2, 0.9, 0.1]))
    shuffled = trials.copy()
    rng.shuffle(shuffled)
    one = expected_utility(cells_of(trials, quarter, 4), asked, WEIGHTS)
    other = expected_utility(cells_of(shuffled, quarter, 4), asked, WEIGHTS)
    assert one.value.tolist() == other.value.tolist()
    assert (one.variance is None) == (other.variance is None)
    if one.variance is not None:
        assert one.variance.tolist() == other.variance.tolist()


def test_moments_by_hand() -> None:
    # Sets 0, 1, 2 earn 1, 2, 3 in quarter 0 and 4, 7, 4 in quarter 1: common parts 2 and 5.
    # Without them (-1, 0, 1) and (-1, 2, -1): levels -1, 1, 0; residuals 0, 1, 1 twice each.
    trials = [(0, 0, 1.0), (0, 1, 2.0), (0, 2, 3.0), (1, 0, 4.0), (1, 1, 7.0), (1, 2, 4.0)]
    found = moments(cells_of(trials, [0, 1], 3), np.ones(2, dtype=bool))
    assert found.everyone == pytest.approx(3.5)
    assert found.noise == pytest.approx(4 / 3)  # four residuals of 1 over three degrees of freedom
    assert found.ratio == pytest.approx((4 / 3) / (1 - (4 / 3) / 2))
    assert found.common == pytest.approx(4.5 / 2)  # variance of 2 and 5, over two quarters
    assert found.quarters == 2


def test_moments_of_nothing_promise_nothing() -> None:
    found = moments(cells_of([(0, 0, 1.0)], [0], 1), np.zeros(1, dtype=bool))
    assert (found.everyone, found.noise, found.common, found.quarters) == (0.0, None, None, 0)


def test_pure_noise_has_a_large_noise_ratio_and_a_strong_signal_a_small_one() -> None:
    rng = np.random.default_rng(5)
    everywhere = np.ones(40, dtype=bool)

    def ratio(signal: float) -> float:
        trials = [(w, p, signal * p + float(rng.normal())) for w in range(40) for p in range(20)]
        return moments(cells_of(trials, list(range(40)), 20), everywhere).ratio

    noise, weak, strong = ratio(0.0), ratio(0.05), ratio(1.0)
    assert noise > 50
    assert 2 < weak < 40
    assert strong == RATIO_BOUNDS[0]


def test_what_a_quarter_does_to_every_set_alike_is_no_noise_between_sets() -> None:
    shocks = np.random.default_rng(2).normal(0, 100, 30)
    trials = [(w, p, 0.1 * p + shocks[w]) for w in range(30) for p in range(5)]
    found = moments(cells_of(trials, list(range(30)), 5), np.ones(30, dtype=bool))
    assert found.ratio == RATIO_BOUNDS[0]
    assert found.noise == pytest.approx(0.0, abs=1e-18)


def test_too_few_sets_for_an_estimate_have_the_default_noise_ratio() -> None:
    cells = cells_of([(0, 0, 1.0), (1, 0, 2.0), (0, 1, 3.0)], [0, 1], 2)
    found = moments(cells, np.ones(2, dtype=bool))
    assert (found.noise, found.ratio) == (None, DEFAULT_RATIO)


@given(tables)
def test_an_expected_utility_lies_between_the_sets_own_mean_and_everyones(trials: Trials) -> None:
    cells = cells_of(trials, [0, 0, 1, 1, 2, 3], 4)
    value = expected_utility(cells, query(6), WEIGHTS).value
    found = level(cells, np.ones(6), cells.utility)
    everyone = (found.n * found.mean).sum() / found.n.sum()
    own = np.where(found.n > 0, found.mean, everyone)
    assert (value >= np.minimum(own, everyone) - 1e-9).all()
    assert (value <= np.maximum(own, everyone) + 1e-9).all()


def test_where_all_windows_are_the_querys_own_their_average_is_the_prior_and_not_zero() -> None:
    cells = cells_of([(w, p, 2.0 + p) for w in range(10) for p in range(2)], list(range(10)), 3)
    value = expected_utility(cells, query(10, own=tuple(range(10))), WEIGHTS).value
    np.testing.assert_allclose(value, [2.25, 2.75, 2.5])  # half own mean, half everyone's 2.5


def test_other_timeframes_are_no_prior_where_the_query_has_its_own() -> None:
    trials = [(0, 0, 1.0), (0, 1, 2.0), (1, 0, 100.0), (1, 1, 100.0)]
    daily = np.array([True, False])
    cells = cells_of(trials, [0, 0], 2)
    for own in ((0,), ()):
        value = expected_utility(cells, query(2, own=own, same_timeframe=daily), WEIGHTS).value
        assert ((value >= 1.0) & (value <= 2.0)).all()
    nothing_daily = query(2, same_timeframe=np.array([False, False]))
    assert (expected_utility(cells, nothing_daily, WEIGHTS).value > 10).all()
