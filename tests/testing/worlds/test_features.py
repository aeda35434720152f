"""Drawn regimes are regimes: inside their bounds, persistent as asked, with a sign that tells."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tradingkb.domain import FEATURES, Regime
from tradingkb.testing.worlds.features import DECIDES, persistent, regime, texts


def test_series_remember_themselves_as_much_as_asked() -> None:
    series = persistent(np.random.default_rng(1), 400, 0.95, (200,))
    assert series.std() == pytest.approx(1.0, abs=0.05)
    assert np.mean(series[1:] * series[:-1]) == pytest.approx(0.95, abs=0.05)


def test_a_feature_grows_with_what_stands_behind_it() -> None:
    found = [regime(np.full(len(FEATURES), z)).vector() for z in (-6.0, -1.0, 0.0, 1.0, 6.0)]
    assert (np.diff(found, axis=0) > 0).all()


def test_the_feature_that_decides_has_the_sign_of_what_stands_behind_it() -> None:
    drawn = np.zeros((2, len(FEATURES)))
    drawn[:, DECIDES] = -0.01, 0.01
    low, high = (regime(one).features["trend_direction"] for one in drawn)
    assert low < 0 < high


def test_a_stored_regime_reads_back_as_the_one_that_was_drawn() -> None:
    drawn = np.random.default_rng(2).normal(size=(2, 3, len(FEATURES)))
    assert Regime.from_dict(json.loads(texts(drawn)[1, 2])) == regime(drawn[1, 2])
