from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tradingkb.domain.regime import FEATURE_INFO, FEATURES
from tradingkb.domain.scaling import (
    CLIP,
    STATED_WEIGHTS,
    Angles,
    RegimeScaler,
    regime_distance,
    regime_similarity,
)
from tradingkb.exceptions import ConfigurationError

N = len(FEATURES)
RSI, ATR = FEATURES.index("rsi"), FEATURES.index("atr_pct")
NAN = math.nan


def raw(rows: int = 200, seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, N))
    logged = np.array([FEATURE_INFO[name].log_scaled for name in FEATURES])
    values[:, logged] = np.exp(values[:, logged])
    return values


def test_a_scaled_feature_has_median_zero_and_a_robust_deviation_of_one() -> None:
    values = raw()
    scaled = RegimeScaler.fit(values, version=1).transform(values)
    low, middle, high = np.quantile(scaled, [0.25, 0.5, 0.75], axis=0)
    np.testing.assert_allclose(middle, 0.0, atol=1e-6)
    np.testing.assert_allclose(high - low, 1.3489795)


def test_heavy_tailed_features_are_scaled_as_logarithms() -> None:
    values = np.full((5, N), 50.0)
    values[:, ATR] = [0.01, 0.02, 0.04, 0.08, 0.16]
    scaled = RegimeScaler.fit(values, version=1).transform(values)[:, ATR]
    np.testing.assert_allclose(np.diff(scaled), np.diff(scaled)[0])


def test_a_crash_does_not_move_the_scale_of_the_other_windows() -> None:
    values = raw()
    crashed = np.vstack([values, np.full((1, N), 1e6)])
    before = RegimeScaler.fit(values, version=1).transform(values)
    after = RegimeScaler.fit(crashed, version=1).transform(values)
    assert np.abs(before - after).max() < 0.2
    assert RegimeScaler.fit(values, version=1).transform(crashed[-1]).max() == CLIP


def test_the_order_of_the_windows_does_not_matter() -> None:
    values = raw()
    assert RegimeScaler.fit(values, version=1) == RegimeScaler.fit(values[::-1], version=1)


def test_a_feature_that_never_varied_or_was_never_known_has_width_one() -> None:
    values = raw(9)
    values[:, RSI] = 50.0
    values[0, RSI] = 50.0 + 1e-12
    values[:, ATR] = NAN
    scaler = RegimeScaler.fit(values, version=1)
    assert (scaler.width[RSI], scaler.width[ATR], scaler.center[ATR]) == (1.0, 1.0, 0.0)
    assert np.isnan(scaler.transform(values)[:, ATR]).all()


def test_a_zero_volatility_stays_finite() -> None:
    values = raw(9)
    values[0, ATR] = 0.0
    assert np.isfinite(RegimeScaler.fit(values, version=1).transform(values)).all()


@pytest.mark.parametrize("features", [np.zeros((0, N)), np.full(N, 1.0)])
def test_a_fit_counts_its_windows(features: np.ndarray) -> None:
    assert RegimeScaler.fit(features, version=1).n_windows == (0 if features.ndim == 2 else 1)


def test_a_scaler_survives_the_round_trip_through_json() -> None:
    scaler = RegimeScaler.fit(raw(), version=7)
    assert RegimeScaler.from_dict(json.loads(json.dumps(scaler.to_dict()))) == scaler


def test_a_scaler_of_other_features_is_refused() -> None:
    stored = RegimeScaler.fit(raw(), version=7).to_dict()
    stored["features"] = stored["features"][::-1]
    with pytest.raises(ConfigurationError, match="another release"):
        RegimeScaler.from_dict(stored)


def test_distance_is_the_root_mean_square_over_the_features_known_on_both_sides() -> None:
    query = np.full(N, NAN)
    query[:3] = [0.0, 1.0, 2.0]
    windows = np.full((3, N), NAN)
    windows[0, :3] = [0.0, 1.0, 2.0]
    windows[1, 1:4] = [4.0, 6.0, 9.0]
    found = regime_distance(query, windows)
    np.testing.assert_allclose(found, [0.0, math.sqrt((9 + 16) / 2), NAN])


def test_similarity_is_the_mean_cosine_of_the_angle_differences() -> None:
    query, windows = np.zeros(N), np.zeros((3, N))
    windows[1, 0], windows[2] = CLIP, NAN
    found = regime_similarity(query, windows)
    np.testing.assert_allclose(found, [1.0, (N - 1) / N, NAN], atol=1e-12)


def test_a_feature_unknown_to_the_query_is_left_out_and_one_unknown_to_a_window_is_the_median() -> (
    None
):
    query = np.full(N, NAN)
    query[:2] = [CLIP, 0.0]
    windows = np.full((1, N), 2.0)
    windows[0, :2] = [NAN, 0.0]
    np.testing.assert_allclose(regime_similarity(query, windows), [0.5], atol=1e-12)
    assert np.isnan(regime_similarity(np.full(N, NAN), windows)).all()


def test_without_weights_every_feature_counts_alike() -> None:
    rng = np.random.default_rng(0)
    query, windows = rng.normal(size=N), rng.normal(size=(9, N))
    windows[2, 3:], query[1] = NAN, NAN
    for alike in (1.0, 0.2):
        found = regime_distance(query, windows, np.full(N, alike))
        np.testing.assert_allclose(found, regime_distance(query, windows))


def test_a_weighted_distance_is_the_root_of_the_weighted_mean_of_what_both_sides_know() -> None:
    query, windows = np.full(N, NAN), np.full((2, N), NAN)
    query[:3], windows[0, :2], windows[1, 3] = [0.0, 0.0, 9.0], [1.0, 2.0], 1.0
    weights = np.full(N, 0.5)
    weights[0] = 3.0
    found = regime_distance(query, windows, weights)
    np.testing.assert_allclose(found, [math.sqrt((3 * 1 + 0.5 * 4) / 3.5), NAN])


def test_the_direction_decides_how_near_a_stated_market_is_where_it_is_known() -> None:
    """Eleven other features that agree do not outweigh a direction that is the opposite."""
    query = np.zeros(N)
    same_way, otherwise_alike = np.full(N, CLIP), np.zeros(N)
    for name in ("drift", "trend_direction", "range_position"):
        query[FEATURES.index(name)] = same_way[FEATURES.index(name)] = 1.5
        otherwise_alike[FEATURES.index(name)] = -1.5
    windows = np.vstack([same_way, otherwise_alike])
    plain, stated = regime_distance(query, windows), regime_distance(query, windows, STATED_WEIGHTS)
    assert plain[0] > plain[1]
    assert stated[0] < stated[1]


def test_other_features_decide_where_no_direction_is_stated() -> None:
    query = np.full(N, NAN)
    query[ATR], query[RSI] = 1.0, 0.0
    windows = np.zeros((2, N))
    windows[0, ATR], windows[1, ATR] = 1.0, -1.0
    windows[0, FEATURES.index("drift")] = CLIP
    found = regime_distance(query, windows, STATED_WEIGHTS)
    np.testing.assert_allclose(found, [0.0, math.sqrt(4 / 2)])
    np.testing.assert_allclose(found, regime_distance(query, windows))


def test_a_similarity_is_the_same_to_the_last_bit_whatever_other_windows_there_are() -> None:
    rng = np.random.default_rng(5)
    windows, query = rng.normal(size=(300, N)), rng.normal(size=N)
    every = Angles.of(windows).similarity(query)
    for n in (1, 2, 3, 7, 33, 150):
        for first in (0, 1, 50):
            some = Angles.of(windows[first : first + n]).similarity(query)
            assert some.tolist() == every[first : first + n].tolist()
