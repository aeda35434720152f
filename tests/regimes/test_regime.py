from __future__ import annotations

import copy
import itertools
import json
import math
import pickle
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.domain.regime import (
    FEATURE_INFO,
    FEATURES,
    REGIME_SCHEMA_VERSION,
    TAG_RULES,
    TAGS,
    Regime,
    TagEvidence,
    derive_tags,
)
from tradingkb.exceptions import InvalidRegimeError


def feature_values() -> st.SearchStrategy[dict[str, float]]:
    bounded = {
        name: st.floats(info.low, info.high, allow_nan=False) for name, info in FEATURE_INFO.items()
    }
    return st.fixed_dictionaries({}, optional=bounded).map(_consistent)


def _consistent(features: dict[str, float]) -> dict[str, float]:
    """By definition trend_strength is the size of trend_direction."""
    if "trend_direction" in features:
        return {**features, "trend_strength": abs(features["trend_direction"])}
    return features


def test_the_vector_has_sixteen_places_in_a_fixed_order_with_nan_where_nothing_is_known() -> None:
    vector = Regime({"rsi": 60.0, "atr_pct": 0.02}).vector()
    assert vector.shape == (16,)
    assert vector[0] == 0.02
    assert vector[FEATURES.index("rsi")] == 60.0
    assert int(np.isnan(vector).sum()) == 14


def test_log_scaled_features_have_a_positive_lower_bound() -> None:
    assert [i.name for i in FEATURE_INFO.values() if i.log_scaled and i.low <= 0] == []


@given(feature_values())
def test_a_regime_survives_json_exactly(features: dict[str, float]) -> None:
    moment = datetime(2024, 5, 1, 13, 30, 0, 123456, tzinfo=UTC)
    regime = Regime.measured(
        features, symbol="A<B", timeframe="1h", bars=250, start=moment, end=moment, warnings=("x",)
    )
    assert Regime.from_dict(json.loads(json.dumps(regime.to_dict()))) == regime


def test_a_regime_can_be_pickled_copied_and_hashed() -> None:
    regime = Regime.stated(tags=["uptrend"])
    assert pickle.loads(pickle.dumps(regime)) == regime
    assert copy.deepcopy(regime) == regime
    assert len({regime, copy.deepcopy(regime)}) == 1


def test_features_are_read_only() -> None:
    with pytest.raises(TypeError):
        Regime({"rsi": 50.0}).features["rsi"] = 1.0  # type: ignore[index]


def test_times_become_utc_and_naive_ones_are_refused() -> None:
    cet = timezone(timedelta(hours=1))
    regime = Regime({}, end=datetime(2024, 1, 1, 1, tzinfo=cet))
    assert regime.to_dict()["end"] == "2024-01-01T00:00:00+00:00"
    with pytest.raises(InvalidRegimeError, match="no time zone"):
        Regime({}, end=datetime(2024, 1, 1))


def test_a_tag_fires_with_one_evidence_for_each_condition() -> None:
    features = {"trend_strength": 0.7, "efficiency_ratio_20": 0.3, "rsi": 67.0}
    assert derive_tags(features) == (
        ("overbought", "trending"),
        (
            TagEvidence("overbought", "rsi", 67.0, "rsi >= 67"),
            TagEvidence("trending", "trend_strength", 0.7, "trend_strength >= 0.6"),
            TagEvidence("trending", "efficiency_ratio_20", 0.3, "efficiency_ratio_20 >= 0.23"),
        ),
    )


@pytest.mark.parametrize(
    ("feature", "value", "tag"),
    [
        ("volatility_annual", 0.4, "high_volatility"),
        ("volatility_annual", 0.15, "low_volatility"),
        ("volatility_ratio", 1.2, "volatility_expanding"),
        ("volatility_ratio", 0.7, "volatility_contracting"),
        ("rsi", 33.0, "oversold"),
        ("efficiency_ratio_20", 0.21, "choppy"),
    ],
)
def test_thresholds_are_inclusive(feature: str, value: float, tag: str) -> None:
    assert derive_tags({feature: value})[0] == (tag,)


def test_an_absent_feature_fires_nothing() -> None:
    assert derive_tags({"trend_strength": 0.9}) == ((), ())


@given(feature_values())
def test_tags_that_exclude_each_other_never_fire_together(features: dict[str, float]) -> None:
    tags = derive_tags(features)[0]
    assert Regime(features, tags).tags == tags


def test_exclusion_is_mutual() -> None:
    pairs = {(rule.tag, other) for rule in TAG_RULES for other in rule.excludes}
    assert pairs == {(b, a) for a, b in pairs}


def test_every_compatible_pair_of_tags_can_be_stated_and_fires_both_rules() -> None:
    excluded = {(rule.tag, other) for rule in TAG_RULES for other in rule.excludes}
    for pair in itertools.combinations(TAGS, 2):
        if pair in excluded:
            with pytest.raises(InvalidRegimeError, match="contradict each other"):
                Regime.stated(tags=pair)
        else:
            assert set(pair) <= set(derive_tags(Regime.stated(tags=pair).features)[0])


def test_stated_tags_imply_representative_features() -> None:
    regime = Regime.stated(tags=["trending", "high_volatility"])
    assert dict(regime.features) == {
        "volatility_annual": 0.6,
        "efficiency_ratio_20": 0.26,
        "trend_strength": 0.8,
        "adx": 27.0,
    }
    assert (regime.source, regime.tags) == ("stated", ("high_volatility", "trending"))
    assert "volatility_annual >= 0.4" in [item.rule for item in regime.evidence]


def test_explicitly_given_features_win_and_fire_their_own_tags() -> None:
    regime = Regime.stated({"volatility_annual": 0.45, "rsi": 20}, ["high_volatility"])
    assert regime.features["volatility_annual"] == 0.45
    assert regime.tags == ("high_volatility", "oversold")


def test_trend_strength_follows_from_a_stated_direction_and_the_other_way_round() -> None:
    assert Regime.stated({"trend_direction": -0.9}).features["trend_strength"] == 0.9
    regime = Regime.stated({"trend_strength": 0.65}, ["uptrend"])
    assert regime.features["trend_direction"] == 0.65


@pytest.mark.parametrize(
    ("features", "tags", "message"),
    [
        (None, None, "needs features or tags"),
        ({"rsi14": 50.0}, None, r"unknown regime feature 'rsi14' \(did you mean 'rsi'"),
        (None, ["up_trend"], "unknown regime tag 'up_trend' .did you mean 'uptrend'"),
        ({"max_drawdown_frac": 25.0}, None, "max_drawdown_frac: 25.0 is outside 0 to 1"),
        ({"rsi": math.nan}, None, "rsi: nan is not a finite number"),
        ({"rsi": "50"}, None, "rsi: '50' is not a finite number"),
        ({"rsi": True}, None, "rsi: True is not a finite number"),
        (None, ["uptrend", "downtrend"], "uptrend and downtrend contradict each other"),
        ({"volatility_annual": 0.1}, ["high_volatility"], "low_volatility|contradicts the tag"),
        ({"trend_direction": 0.9}, ["ranging"], "0.9 contradicts the tag ranging"),
        ({"trend_direction": 0.9, "trend_strength": 0.2}, None, "is not the size of"),
    ],
)
def test_a_statement_that_is_unknown_or_contradicts_itself_is_refused(
    features: dict[str, float] | None, tags: list[str] | None, message: str
) -> None:
    with pytest.raises(InvalidRegimeError, match=message) as caught:
        Regime.stated(features, tags)
    assert caught.value.remedy


def test_one_tag_may_be_given_as_text() -> None:
    assert Regime.stated(tags="choppy").tags == ("choppy",)


def test_a_regime_of_another_schema_loses_only_what_this_release_does_not_know() -> None:
    data = Regime.stated({"rsi": 70.0}).to_dict()
    data |= {"schema_version": 99, "features": {"rsi": 70.0, "hurst": 0.5}, "tags": ["new"]}
    regime = Regime.from_dict(data)
    assert (dict(regime.features), regime.tags, regime.schema_version) == ({"rsi": 70.0}, (), 99)
    assert regime.warnings == (
        f"regime_schema: version 99, this release has {REGIME_SCHEMA_VERSION}",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"features": {"hurst": 0.5}},
        {"schema_version": "one"},
        {"features": None},
        {"source": "guessed"},
        {"start": "yesterday"},
        {"evidence": [{"tag": "trending"}]},
    ],
)
def test_a_malformed_dict_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidRegimeError):
        Regime.from_dict({**Regime.stated({"rsi": 70.0}).to_dict(), **change})


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("volatility_annual", 15.0, "0.15"),
        ("volatility_annual", 20, "0.2"),
        ("atr_pct", 0.8, "0.008"),
        ("bb_width", 3.5, "0.035"),
        ("rsi", 0.6, "60"),
        ("adx", 0.27, "27"),
    ],
)
def test_a_stated_value_in_another_unit_is_refused_and_the_meant_one_named(
    name: str, value: float, meant: str
) -> None:
    with pytest.raises(InvalidRegimeError, match=f"did you mean {meant}\\?") as caught:
        Regime.stated({name: value})
    assert caught.value.field == name
    assert Regime.measured({name: value}).features == {name: value}


@pytest.mark.parametrize("name", FEATURES)
def test_the_believable_range_lies_in_the_valid_one_and_holds_what_tags_imply(name: str) -> None:
    info = FEATURE_INFO[name]
    low, high = info.believable or (info.low, info.high)
    assert info.low <= max(low, info.low) < high <= info.high
    implied = [rule.representative[name] for rule in TAG_RULES if name in rule.representative]
    assert all(low <= value <= high for value in implied)
