from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradingkb.exceptions import InvalidInputError
from tradingkb.ranking.calibration import (
    Step,
    brier,
    consistency_band,
    corp,
    ece,
    ece_null_level,
    pav,
    simulate,
    skill,
)

#: Tenths, so that equal forecasts happen.
tenths = st.integers(0, 10).map(lambda n: n / 10)
outcomes = st.sampled_from([0.0, 0.5, 1.0])
forecasts = st.lists(st.tuples(tenths | st.floats(0, 1), outcomes), min_size=1, max_size=40)
Pairs = list[tuple[float, float]]


def columns(pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    return np.array([p for p, _ in pairs]), np.array([y for _, y in pairs])


def curve(pairs: Pairs) -> np.ndarray:
    """The recalibrated probability of each pair."""
    steps = corp(*columns(pairs)).steps
    return np.array(
        [next(s.recalibrated for s in steps if s.x_low <= p <= s.x_high) for p, _ in pairs]
    )


def best_isotonic(y: np.ndarray, mass: np.ndarray) -> float:
    """The least squared error over every way to cut the sequence into increasing blocks."""
    best = np.inf
    for flags in itertools.product([False, True], repeat=len(y) - 1):
        place = np.cumsum([False, *flags])
        means = np.bincount(place, mass * y) / np.bincount(place, mass)
        if (np.diff(means) >= 0).all():
            best = min(best, float((mass * (y - means[place]) ** 2).sum()))
    return best


def test_brier_by_hand() -> None:
    p, y = np.array([0.8, 0.3, 0.5, 1.0]), np.array([1.0, 0.0, 0.5, 0.0])
    assert brier(p, y) == pytest.approx((0.04 + 0.09 + 0.0 + 1.0) / 4)
    assert brier(p, y, np.array([1.0, 1.0, 2.0, 0.0])) == pytest.approx(0.13 / 4)


@given(tenths, tenths, st.floats(0, 1))
def test_no_forecast_is_expected_to_score_better_than_the_truth(
    win: float, tie: float, other: float
) -> None:
    tie = min(tie, 1 - win)
    chance, y = np.array([win, tie, max(0.0, 1 - win - tie)]), np.array([1.0, 0.5, 0.0])
    truth = win + tie / 2

    def expected(p: float) -> float:
        return brier(np.full(3, p), y, chance)

    assert expected(other) - expected(truth) == pytest.approx((other - truth) ** 2, abs=1e-12)


def test_a_reliability_diagram_by_hand() -> None:
    # 0.2 happened once in two, 0.4 never in two: the order is violated, and they are pooled.
    found = corp(np.array([0.9, 0.4, 0.2, 0.4, 0.2]), np.array([1.0, 0.0, 1.0, 0.0, 0.0]))
    assert found.steps == (Step(0.2, 0.4, 0.25, 4), Step(0.9, 0.9, 1.0, 1))
    parts = found.decomposition
    assert parts.brier == pytest.approx((0.01 + 2 * 0.16 + 0.64 + 0.04) / 5)
    assert parts.uncertainty == pytest.approx(0.24)
    assert parts.discrimination == pytest.approx(0.24 - 0.75 / 5)
    assert parts.miscalibration == pytest.approx(1.01 / 5 - 0.75 / 5)


@given(forecasts)
def test_miscalibration_less_discrimination_plus_uncertainty_is_the_brier_score(
    pairs: Pairs,
) -> None:
    parts = corp(*columns(pairs)).decomposition
    total = parts.miscalibration - parts.discrimination + parts.uncertainty
    assert total == pytest.approx(parts.brier, abs=1e-14)
    assert min(parts.miscalibration, parts.discrimination, parts.uncertainty) >= 0


@given(forecasts)
def test_the_parts_are_scores_of_recalibrated_and_constant_forecasts(pairs: Pairs) -> None:
    p, y = columns(pairs)
    parts, better = corp(p, y).decomposition, brier(curve(pairs), y)
    constant = brier(np.full(len(y), y.mean()), y)
    assert parts.uncertainty == pytest.approx(constant, abs=1e-14)
    assert parts.miscalibration == pytest.approx(brier(p, y) - better, abs=1e-14)
    assert parts.discrimination == pytest.approx(constant - better, abs=1e-14)


@given(forecasts)
def test_recalibrated_probabilities_increase_and_keep_the_mean_of_the_outcomes(
    pairs: Pairs,
) -> None:
    steps = corp(*columns(pairs)).steps
    assert all(one.x_high < other.x_low for one, other in itertools.pairwise(steps))
    assert all(one.recalibrated < other.recalibrated for one, other in itertools.pairwise(steps))
    mean = sum(s.n * s.recalibrated for s in steps) / len(pairs)
    assert mean == pytest.approx(columns(pairs)[1].mean())


@given(forecasts)
def test_recalibrated_forecasts_have_nothing_left_to_recalibrate(pairs: Pairs) -> None:
    found = corp(curve(pairs), columns(pairs)[1]).decomposition
    assert found.miscalibration == pytest.approx(0.0, abs=1e-14)


@given(forecasts, st.randoms(use_true_random=False))
def test_the_order_of_the_forecasts_does_not_change_a_diagram(pairs: Pairs, rng: object) -> None:
    shuffled = pairs.copy()
    rng.shuffle(shuffled)
    assert corp(*columns(pairs)).steps == corp(*columns(shuffled)).steps
    assert ece(*columns(pairs), bins=4) == pytest.approx(ece(*columns(shuffled), bins=4))


@settings(max_examples=60)
@given(st.lists(st.tuples(outcomes, st.integers(1, 3)), min_size=1, max_size=8))
def test_pooling_violators_is_the_best_of_all_increasing_fits(
    rows: list[tuple[float, int]],
) -> None:
    y, mass = np.array([r[0] for r in rows]), np.array([float(r[1]) for r in rows])
    level, end = pav(y * mass, mass)
    fit = np.repeat(level, np.diff(end, prepend=0))
    assert (mass * (y - fit) ** 2).sum() == pytest.approx(best_isotonic(y, mass), abs=1e-12)


def test_calibrated_forecasts_stay_in_the_band_and_overconfident_ones_leave_it() -> None:
    p = np.repeat(np.linspace(0.1, 0.9, 9), 200)
    band = consistency_band(p, 200, 0.9, np.random.default_rng(1))
    assert (band.low <= band.x).all() and (band.x <= band.high).all()

    def inside(true: np.ndarray) -> float:
        steps = corp(p, simulate(true, np.random.default_rng(2))).steps
        x, level = np.array([(s.x_low, s.recalibrated) for s in steps]).T
        ends = np.array([s.x_high for s in steps])
        drawn = np.interp(
            band.x, np.column_stack([x, ends]).ravel(), np.repeat(level, 2)
        )  # the curve runs straight between steps
        return float(((drawn >= band.low) & (drawn <= band.high)).mean())

    assert inside(p) > 0.8
    assert inside(0.5 + 0.3 * (p - 0.5)) < 0.4


def test_correlated_outcomes_make_a_wider_band_and_a_higher_error_by_luck() -> None:
    p, quarter = np.linspace(0.4, 0.6, 400), np.arange(400) % 8

    def width(correlation: float) -> float:
        rng = np.random.default_rng(3)
        band = consistency_band(p, 100, 0.9, rng, quarter, correlation)
        return float((band.high - band.low).mean())

    def luck(correlation: float) -> float:
        rng = np.random.default_rng(3)
        return ece_null_level(p, 100, rng, clusters=quarter, correlation=correlation).mean

    assert width(0.5) > 1.3 * width(0.0)
    assert luck(0.5) > 1.3 * luck(0.0)


def test_simulated_outcomes_have_the_probabilities_and_the_correlation_asked_for() -> None:
    clusters = np.repeat(np.arange(40_000), 2)
    p = np.full(len(clusters), 0.3)
    y = simulate(p, np.random.default_rng(4), clusters, 0.25)
    assert y.mean() == pytest.approx(0.3, abs=0.01)
    assert np.corrcoef(y[::2], y[1::2])[0, 1] == pytest.approx(0.25, abs=0.02)
    certain = simulate(np.array([0.0, 1.0] * 50), np.random.default_rng(5), clusters[:100], 0.25)
    assert certain.tolist() == [0.0, 1.0] * 50


def test_band_and_null_level_do_not_depend_on_the_order_of_the_forecasts() -> None:
    rng = np.random.default_rng(6)
    p, quarter, order = rng.random(80), rng.integers(0, 5, 80), rng.permutation(80)

    def both(places: np.ndarray) -> list[object]:
        seed = np.random.default_rng(7)
        q, cluster = p[places], quarter[places]
        band = consistency_band(q, 20, 0.9, seed, cluster, 0.3)
        null = ece_null_level(q, 20, seed, 5, 0.9, cluster, 0.3)
        return [band.low.tolist(), band.high.tolist(), null]

    assert both(np.arange(80)) == both(order)


def test_calibration_error_by_hand() -> None:
    p, y = np.array([0.1, 0.1, 0.6, 0.8]), np.array([0.0, 1.0, 0.5, 1.0])
    assert ece(p, y, bins=2) == pytest.approx((2 * 0.4 + 2 * 0.05) / 4)
    assert ece(p, y, bins=1) == pytest.approx(abs(0.4 - 0.625))


def test_equal_forecasts_share_a_bin_whatever_the_number_of_bins() -> None:
    y = np.array([0.0, 1.0] * 10)
    assert ece(np.full(20, 0.5), y, bins=10) == 0.0


def test_the_error_of_perfect_forecasts_is_not_zero_and_the_null_level_says_how_large() -> None:
    p = np.random.default_rng(8).random(300)
    null = ece_null_level(p, 200, np.random.default_rng(9))
    rng = np.random.default_rng(10)
    drawn = [ece(p, simulate(p, rng)) for _ in range(200)]
    assert 0.02 < null.mean < null.high
    assert np.mean(drawn) == pytest.approx(null.mean, rel=0.1)
    assert np.mean(np.array(drawn) > null.high) == pytest.approx(0.1, abs=0.05)


def test_skill_by_hand_and_its_ends() -> None:
    y, quarter = np.array([1.0, 0.0, 1.0, 0.0]), np.array([7, 7, 9, 9])
    half = np.full(4, 0.5)

    def gain(p: np.ndarray) -> tuple[float, float, float]:
        found = skill(p, half, y, quarter, np.random.default_rng(0), 50)
        return found.value, found.low, found.high

    assert gain(y) == (1.0, 1.0, 1.0)
    assert gain(half) == (0.0, 0.0, 0.0)
    assert gain(1 - y) == (-3.0, -3.0, -3.0)


def test_a_skill_interval_takes_outcomes_of_one_cluster_for_one_outcome() -> None:
    rng = np.random.default_rng(11)
    y = simulate(np.full(40, 0.5), rng)
    p = np.clip(0.5 + 0.2 * (y - 0.5) + rng.normal(0, 0.2, 40), 0.01, 0.99)

    def width(times: int, cluster: np.ndarray) -> float:
        columns_ = (np.tile(a, times) for a in (p, np.full(40, 0.5), y))
        found = skill(*columns_, cluster, np.random.default_rng(12), 400)
        return found.high - found.low

    alone = width(1, np.arange(40))
    assert width(9, np.tile(np.arange(40), 9)) == pytest.approx(alone)
    assert width(9, np.arange(360)) < 0.5 * alone


def test_a_skill_interval_covers_the_true_skill_about_as_often_as_it_says() -> None:
    rng, hits = np.random.default_rng(13), 0
    true, quarter = np.repeat([0.3, 0.7], 150), np.arange(300) % 30
    expected = 1 - 0.21 / 0.25
    for _ in range(150):
        y = simulate(true, rng, quarter, 0.05)
        found = skill(true, np.full(300, 0.5), y, quarter, rng, 200)
        hits += found.low <= expected <= found.high
    assert hits / 150 == pytest.approx(0.9, abs=0.07)


@pytest.mark.parametrize(
    ("p", "y", "message"),
    [
        ([0.5, 1.5], [1.0, 0.0], r"row 2, p: 1.5 is none \(probabilities are in \[0, 1\]\)"),
        ([0.5, float("nan")], [1.0, 0.0], "row 2, p: nan is none"),
        ([0.5], [0.7], r"row 1, y: 0.7 is none \(outcomes are 0, 0.5 \(a tie\) or 1\)"),
        ([0.5, 0.5], [1.0], "one outcome per probability"),
        ([], [], "one outcome per probability"),
    ],
)
def test_what_is_no_probability_or_outcome_is_refused_by_row_and_field(
    p: list[float], y: list[float], message: str
) -> None:
    for score in (brier, corp, ece):
        with pytest.raises(InvalidInputError, match=message):
            score(np.array(p), np.array(y))


def test_a_skill_of_one_cluster_or_over_a_perfect_reference_is_refused() -> None:
    y, half, rng = np.array([1.0, 0.0]), np.full(2, 0.5), np.random.default_rng(0)
    for reference, cluster in ((half, [1, 1]), (y, [1, 2])):
        with pytest.raises(InvalidInputError, match="two clusters and a reference with errors"):
            skill(half, reference, y, np.array(cluster), rng)
