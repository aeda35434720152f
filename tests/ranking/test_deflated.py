from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.ranking.deflated import (
    DeflatedSharpe,
    deflated_sharpe,
    expected_max_sharpe,
    normal_cdf,
    probabilistic_sharpe_ratio,
)

NORMAL, SKEWED = (0.0, 3.0), (-3.0, 10.0)


def deflate(
    sharpe: float,
    variance: float,
    n_trials: int,
    n_periods: int,
    per_year: float = 250.0,
    moments: tuple[float, float] = NORMAL,
) -> DeflatedSharpe:
    return deflated_sharpe(
        [sharpe],
        variance=variance,
        n_trials=n_trials,
        n_periods=[n_periods],
        periods_per_year=per_year,
        skewness=moments[0],
        kurtosis=moments[1],
    )


@pytest.mark.parametrize(
    ("n_trials", "moments", "value"),
    [(100, SKEWED, 0.900397), (46, SKEWED, 0.950502), (88, NORMAL, 0.950491)],
)
def test_the_example_of_bailey_and_lopez_de_prado_2014_is_reproduced(
    n_trials: int, moments: tuple[float, float], value: float
) -> None:
    found = deflate(2.5, 0.5, n_trials, 1250, moments=moments)
    assert found.value[0] == pytest.approx(value, abs=5e-7)


def test_its_benchmark_is_that_of_the_paper_and_annualised() -> None:
    found = deflate(2.5, 0.5, 100, 1250, moments=SKEWED)
    assert found.benchmark / math.sqrt(250) == pytest.approx(0.113172, abs=5e-7)
    assert expected_max_sharpe(0.5 / 250, 100) == pytest.approx(0.113172, abs=5e-7)
    assert (found.sharpe.tolist(), found.n_trials, found.n_periods.tolist()) == ([2.5], 100, [1250])


@pytest.mark.parametrize(("moments", "value"), [(NORMAL, 0.982), ((-2.448, 10.164), 0.913)])
def test_the_example_of_bailey_and_lopez_de_prado_2012_is_reproduced(
    moments: tuple[float, float], value: float
) -> None:
    skewness, kurtosis = moments
    found = probabilistic_sharpe_ratio(0.458, 0.0, 24, skewness=skewness, kurtosis=kurtosis)
    assert found == pytest.approx(value, abs=1e-3)


@pytest.mark.parametrize("n_trials", [10, 100, 10_000])
def test_the_expected_maximum_is_within_three_percent_of_the_integral_it_approximates(
    n_trials: int,
) -> None:
    z = np.linspace(-8.0, 10.0, 20_001)
    beaten = normal_cdf(z) ** n_trials  # distribution function of the highest of n_trials
    middle = (z[1:] + z[:-1]) / 2
    assert expected_max_sharpe(1.0, n_trials) == pytest.approx(middle @ np.diff(beaten), rel=0.03)


def test_a_single_trial_is_judged_against_zero() -> None:
    assert expected_max_sharpe(0.5, 1) == 0.0
    alone = deflated_sharpe(
        [1.2], variance=math.nan, n_trials=1, n_periods=[500], periods_per_year=365
    )
    assert alone.benchmark == 0.0
    per_period = 1.2 / math.sqrt(365)
    assert alone.value[0] == probabilistic_sharpe_ratio(per_period, 0.0, 500)


def test_several_trials_of_unknown_variance_leave_the_value_undefined() -> None:
    found = deflated_sharpe(
        [1.2], variance=math.nan, n_trials=7, n_periods=[500], periods_per_year=365
    )
    assert np.isnan([found.value[0], found.benchmark]).all()


@pytest.mark.parametrize(
    ("sharpe", "benchmark", "n_periods", "moments"),
    [
        (math.nan, 0.0, 100, NORMAL),
        (0.1, math.nan, 100, NORMAL),
        (0.1, 0.0, math.nan, NORMAL),
        (0.1, 0.0, 100, (math.nan, 3.0)),
        (0.1, 0.0, 1, NORMAL),
        (0.1, 0.0, 0, NORMAL),
        (1.0, 0.0, 100, (3.0, 3.0)),  # impossible moments: 1 - 3 + 0.5 is negative
        (1.0, 0.0, 100, (1.0, 1.0)),  # a variance of exactly 0
    ],
)
def test_what_is_undefined_is_nan(
    sharpe: float, benchmark: float, n_periods: float, moments: tuple[float, float]
) -> None:
    skewness, kurtosis = moments
    assert math.isnan(
        probabilistic_sharpe_ratio(
            sharpe, benchmark, n_periods, skewness=skewness, kurtosis=kurtosis
        )
    )


def test_each_set_is_deflated_by_its_own_periods_and_moments() -> None:
    sharpe, periods = [2.5, 1.0, math.nan, -0.5], [1250, 300, 300, 1]
    skewness, kurtosis = [-3.0, 0.0, 0.0, 1.0], [10.0, 3.0, 3.0, 5.0]
    together = deflated_sharpe(
        sharpe,
        variance=0.7,
        n_trials=40,
        n_periods=periods,
        periods_per_year=250,
        skewness=skewness,
        kurtosis=kurtosis,
    )
    alone = [
        deflate(s, 0.7, 40, t, moments=(g3, g4)).value[0]
        for s, t, g3, g4 in zip(sharpe, periods, skewness, kurtosis, strict=True)
    ]
    np.testing.assert_allclose(together.value, alone, rtol=1e-12)
    assert np.isnan(together.value).tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"periods_per_year": 0}, "periods_per_year must be a positive number, got 0"),
        ({"periods_per_year": math.nan}, "periods_per_year must be a positive number, got nan"),
        ({"periods_per_year": math.inf}, "periods_per_year must be a positive number, got inf"),
        ({"n_trials": 0}, "n_trials must be 1 or more, got 0"),
        ({"variance": -0.1}, "variance must be finite and not negative, got -"),
        ({"variance": math.inf}, "variance must be finite and not negative, got inf"),
        ({"sharpe": 1.0}, r"sharpe must have shape \(p,\), got \(\)"),
        ({"n_periods": [9, 9, 9]}, r"n_periods must be one number or have shape \(2,\), got \(3,"),
        ({"kurtosis": [3.0]}, r"kurtosis must be one number or have shape \(2,\), got \(1,"),
    ],
)
def test_input_that_has_no_meaning_is_refused_by_name(
    changed: dict[str, object], message: str
) -> None:
    fine = {
        "sharpe": [1.0, 2.0],
        "variance": 0.5,
        "n_trials": 2,
        "n_periods": 99,
        "periods_per_year": 365,
    }
    with pytest.raises(ValueError, match=message):
        deflated_sharpe(**{**fine, **changed})


@pytest.mark.parametrize("variance", [-1e-9, math.inf])
def test_a_variance_that_no_trials_have_is_refused(variance: float) -> None:
    with pytest.raises(ValueError, match="variance must be finite and not negative"):
        expected_max_sharpe(variance, 2)


@given(st.floats(-40, 40))
def test_the_distribution_function_is_that_of_the_standard_library_and_keeps_its_tails(
    z: float,
) -> None:
    below, above = normal_cdf(np.array([z, -z]))
    assert below == pytest.approx(NormalDist().cdf(z), abs=1e-15)
    assert below + above == pytest.approx(1.0)
    assert below > 0 or z < -37


def falls(higher: float, lower: float) -> bool:
    """Strictly, except where a probability has no digits left to fall by."""
    return lower < higher if 1e-9 < higher < 1 - 1e-9 else lower <= higher


sharpes = st.floats(-4, 4)
variances = st.floats(0.01, 4)
trials = st.integers(1, 10_000)
periods = st.integers(2, 3000)
moments = st.sampled_from([NORMAL, SKEWED, (0.5, 4.0)])


@given(sharpes, variances, trials, periods, moments)
def test_a_deflated_sharpe_ratio_is_a_probability(
    sharpe: float, variance: float, n: int, t: int, shape: tuple[float, float]
) -> None:
    assert 0.0 <= deflate(sharpe, variance, n, t, moments=shape).value[0] <= 1.0


@given(sharpes, variances, trials, periods, moments)
def test_it_falls_with_every_further_trial(
    sharpe: float, variance: float, n: int, t: int, shape: tuple[float, float]
) -> None:
    fewer, more = (deflate(sharpe, variance, k, t, moments=shape) for k in (n, n + 1))
    assert fewer.benchmark < more.benchmark
    assert falls(fewer.value[0], more.value[0])


@given(sharpes, variances, st.integers(2, 10_000), periods, moments)
def test_it_falls_with_the_variance_of_the_trials(
    sharpe: float, variance: float, n: int, t: int, shape: tuple[float, float]
) -> None:
    like, unlike = (deflate(sharpe, v, n, t, moments=shape) for v in (variance, 1.01 * variance))
    assert like.benchmark < unlike.benchmark
    assert falls(like.value[0], unlike.value[0])


@given(sharpes, variances, trials, periods, st.sampled_from([NORMAL, SKEWED]))
def test_it_rises_with_the_sharpe_ratio_of_returns_that_are_not_skewed_to_the_right(
    sharpe: float, variance: float, n: int, t: int, shape: tuple[float, float]
) -> None:
    low, high = (deflate(s, variance, n, t, moments=shape) for s in (sharpe, sharpe + 0.01))
    assert falls(high.value[0], low.value[0])


@given(sharpes, variances, trials, periods, moments)
def test_more_periods_move_it_away_from_one_half(
    sharpe: float, variance: float, n: int, t: int, shape: tuple[float, float]
) -> None:
    short, long = (deflate(sharpe, variance, n, k, moments=shape) for k in (t, t + 1))
    if sharpe > short.benchmark + 1e-6:
        assert falls(long.value[0], short.value[0])
        assert short.value[0] >= 0.5
    if sharpe < short.benchmark - 1e-6:
        assert falls(short.value[0], long.value[0])
        assert short.value[0] <= 0.5


@given(sharpes, variances, trials, periods, moments, st.floats(1, 100_000))
def test_the_unit_in_which_sharpe_ratios_are_annualised_does_not_matter(
    sharpe: float, variance: float, n: int, t: int, shape: tuple[float, float], per_year: float
) -> None:
    unit = per_year / 250  # the same returns, counted by years that are longer or shorter
    one = deflate(sharpe, variance, n, t, moments=shape)
    other = deflate(sharpe * math.sqrt(unit), variance * unit, n, t, per_year, shape)
    assert other.value[0] == pytest.approx(one.value[0], rel=1e-9, abs=1e-12)
    assert other.benchmark == pytest.approx(one.benchmark * math.sqrt(unit))


def test_trials_without_luck_are_judged_against_zero() -> None:
    assert expected_max_sharpe(0.0, 100) == 0.0
    found = deflated_sharpe([1.0], variance=0.0, n_trials=3, n_periods=500, periods_per_year=365)
    assert found.benchmark == 0.0
    assert found.value[0] == probabilistic_sharpe_ratio(1.0 / math.sqrt(365), 0.0, 500)


def test_whole_numbers_are_taken_like_any_other() -> None:
    facts = {"n_trials": 7, "n_periods": 500, "periods_per_year": 365}
    whole = deflated_sharpe([2, 1], variance=1, **facts)
    other = deflated_sharpe([2.0, 1.0], variance=1.0, **facts)
    assert whole.value.tolist() == other.value.tolist()
    assert whole.sharpe.dtype == whole.n_periods.dtype == np.float64


def test_a_float_is_answered_with_a_float_and_an_array_with_one_of_its_shape() -> None:
    alone = probabilistic_sharpe_ratio(0.1, 0.0, 100)
    many = probabilistic_sharpe_ratio(np.full((2, 3), 0.1), 0.0, 100)
    assert repr(alone) == repr(float(many[0, 0]))
    assert many.shape == (2, 3)
    assert set(many.ravel().tolist()) == {alone}


def test_a_skewness_that_fits_no_set_is_refused_by_its_name() -> None:
    with pytest.raises(ValueError, match=r"^skewness must be one number or have shape \(1,\)"):
        deflated_sharpe(
            [1.0],
            variance=1.0,
            n_trials=1,
            n_periods=9,
            periods_per_year=365,
            skewness=[0.0, 0.0],
        )
