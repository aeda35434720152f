from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.ranking.logistic import (
    PRIOR_SPREAD,
    WINSOR,
    Logistic,
    expit,
    fit_logistic,
    logit,
    standardised,
)


def data(seed: int, n: int, effect: float, f: int = 3) -> tuple[np.ndarray, ...]:
    """Features, outcomes and known probabilities; the first feature moves the odds."""
    rng = np.random.default_rng(seed)
    x, known = rng.normal(size=(n, f)), rng.uniform(0.3, 0.7, n)
    p = expit(logit(known) + effect * x[:, 0])
    return x, (rng.random(n) < p) * 1.0, known


def objective(found: Logistic, beta: np.ndarray, x: np.ndarray, won: np.ndarray, known: np.ndarray):
    z = logit(known) + standardised(x, found.centre, found.scale) @ beta
    fit = (won * np.log(expit(z)) + (1 - won) * np.log(1 - expit(z))).sum()
    return fit - 0.5 * len(beta) / PRIOR_SPREAD**2 * (beta**2).sum()


@given(st.floats(-700, 700))
def test_a_probability_survives_its_log_odds_and_no_log_odds_are_certain(z: float) -> None:
    p = float(expit(z))
    assert 0 < p < 1
    if abs(z) < 15:
        assert float(logit(p)) == pytest.approx(z, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_weights_are_the_best_ones_under_the_penalty(seed: int) -> None:
    x, won, known = data(seed, 200, 0.8)
    won[:20] = 0.5
    found = fit_logistic(x, won, known, np.ones(200))
    best = objective(found, found.weight, x, won, known)
    for off in np.random.default_rng(seed).normal(0, 0.01, (20, 3)):
        assert objective(found, found.weight + off, x, won, known) < best


def test_a_real_effect_is_found_with_enough_data_and_its_error_is_as_large_as_it_says() -> None:
    errors, stated = [], []
    for seed in range(30):
        found = fit_logistic(*data(seed, 3000, 0.5), np.ones(3000))
        errors.append(found.weight[0] - 0.5)
        stated.append(found.covariance[0, 0] ** 0.5)
    assert np.mean(errors) == pytest.approx(0.0, abs=0.02)
    assert np.std(errors) == pytest.approx(np.mean(stated), rel=0.35)


def test_decisions_that_count_less_move_the_weights_less() -> None:
    x, won, known = data(1, 300, 1.0)
    full, tenth = (fit_logistic(x, won, known, np.full(300, w)) for w in (1.0, 0.1))
    assert 0 < tenth.weight[0] < 0.6 * full.weight[0]
    assert tenth.covariance[0, 0] > full.covariance[0, 0]


def test_separated_outcomes_have_finite_weights() -> None:
    x = np.linspace(-1, 1, 400).reshape(-1, 1)
    found = fit_logistic(x, (x[:, 0] > 0) * 1.0, np.full(400, 0.5), np.ones(400))
    assert 1 < found.weight[0] < 20


@given(st.floats(-1e6, 1e6), st.sampled_from([1e-6, 0.25, 1e6]))
def test_the_unit_of_a_feature_does_not_matter(shift: float, unit: float) -> None:
    x, won, known = data(2, 60, 1.0, f=2)
    moved = x * unit + shift * unit
    one, other = (fit_logistic(f, won, known, np.ones(60)).shift(f)[0] for f in (x, moved))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_unknown_features_are_the_mean_and_useless_ones_change_nothing() -> None:
    x, won, known = data(3, 200, 1.0, f=2)
    x[::3, 1] = np.nan
    plain = fit_logistic(x, won, known, np.ones(200))
    assert plain.centre[1] == pytest.approx(np.nanmean(x[:, 1]))
    shift, doubt = plain.shift(np.array([[np.nan, np.nan], [*plain.centre]]))
    assert shift.tolist() == doubt.tolist() == [0.0, 0.0]
    useless = np.column_stack([x, np.full(200, 0.1), np.full(200, np.nan)])
    found = fit_logistic(useless, won, known, np.ones(200))
    assert found.scale[2:].tolist() == found.weight[2:].tolist() == [0.0, 0.0]
    other = useless.copy()
    other[:, 2:] = 99.0
    assert found.shift(other)[0].tolist() == found.shift(useless)[0].tolist()


def test_a_feature_far_outside_counts_as_if_it_were_at_the_edge() -> None:
    found = fit_logistic(*data(4, 200, 1.0, f=1), np.ones(200))
    edge = found.centre + WINSOR * found.scale
    far = np.array([[float(edge[0])], [1e9]])
    np.testing.assert_allclose(*found.shift(far)[0])
