from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tradingkb.exceptions import InvalidInputError
from tradingkb.ranking.confidence import ConfidenceModel, fit_confidence
from tradingkb.ranking.outcomes import Outcomes, correction, forecasts
from tradingkb.ranking.pooled import fit_pooled


def outcomes(
    seed: int = 0,
    *,
    quarters: int = 40,
    per_quarter: int = 30,
    rates: tuple[float, ...] = (0.55, 0.55, 0.55, 0.55),
    shock: float = 0.03,
    effect: float = 0.0,
    n_features: int = 4,
) -> Outcomes:
    """Decisions whose rate moves with the quarter, and with the first feature by `effect`."""
    rng = np.random.default_rng(seed)
    quarter = 8000 + np.repeat(np.arange(quarters), per_quarter)
    strategy, band = rng.integers(0, len(rates), len(quarter)), rng.integers(0, 2, len(quarter))
    features = rng.normal(size=(len(quarter), n_features))
    p = np.array(rates)[strategy] + rng.normal(0, shock, quarters)[quarter - 8000]
    if effect:
        p = p + effect * features[:, 0]
    features[rng.random(features.shape) < 0.05] = np.nan
    won = (rng.random(len(quarter)) < np.clip(p, 0.01, 0.99)) * 1.0
    won[rng.random(len(quarter)) < 0.05] = 0.5
    return Outcomes(won, strategy, band, quarter, features)


def fit(past: Outcomes, **options: object) -> ConfidenceModel:
    model = fit_confidence(past, rng=np.random.default_rng(0), **options)
    assert model is not None
    return model


SIGNAL = outcomes(1, effect=0.15)
MODELS = {
    "base_rate": fit(outcomes(2)),
    "pooled": fit(outcomes(3, rates=(0.3, 0.5, 0.6, 0.8))),
    "logistic": fit(SIGNAL),
}


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_says_what_speaks(kind: str) -> None:
    assert MODELS[kind].kind == kind
    assert MODELS[kind].predict(0, 0, np.zeros(4)).kind == kind


@pytest.mark.parametrize(
    ("n", "quarters", "speaks"), [(100, 8, True), (99, 8, False), (100, 7, False), (0, 0, False)]
)
def test_too_few_decisions_or_quarters_are_no_confidence(
    n: int, quarters: int, speaks: bool
) -> None:
    everything = outcomes(per_quarter=100, quarters=8)
    columns = np.arange(n)
    quarter = columns % max(quarters, 1)
    past = replace(everything.take(columns), quarter=quarter)
    assert (fit_confidence(past, rng=np.random.default_rng(0)) is not None) is speaks
    small = fit_confidence(past, rng=np.random.default_rng(0), min_outcomes=5, min_quarters=3)
    assert (small is not None) is (n > 0)


def test_features_speak_on_noise_no_more_often_than_chance_allows() -> None:
    options = {"quarters": 24, "per_quarter": 20, "shock": 0.08}
    spoke = [fit(outcomes(seed, **options)).kind == "logistic" for seed in range(100)]
    assert sum(spoke) <= 5


def test_features_that_matter_speak_and_move_the_confidence_the_right_way() -> None:
    for seed in range(5):
        model = fit(outcomes(seed, effect=0.15))
        assert model.kind == "logistic"
        assert model.skill["logistic_over_rates"].low > 0
        low, high = (model.predict(0, 0, np.array([x, 0, 0, 0])).value for x in (-1.5, 1.5))
        assert 0.55 - low > 0.1 < high - 0.55


def test_features_that_turned_against_the_forecast_do_not_speak() -> None:
    past = outcomes(5, effect=0.15)
    sign = np.where(past.quarter < 8020, 1.0, -1.0)[:, None]
    assert fit(replace(past, features=past.features * sign)).kind != "logistic"


def test_strategies_that_differ_have_skill_and_those_that_do_not_have_none() -> None:
    assert MODELS["pooled"].skill["pooled"].low > 0
    assert MODELS["base_rate"].skill["pooled"].low <= 0
    assert MODELS["pooled"].skill["logistic_over_rates"].low <= 0


def test_deciding_the_same_for_more_symbols_makes_features_no_surer_without_bound() -> None:
    def doubt(times: int) -> float:
        past = SIGNAL.take(np.tile(np.arange(len(SIGNAL)), times))
        pooled = fit_pooled(past.won, past.strategy, past.band, past.quarter)
        return float(correction(pooled, "base_rate", past).covariance[0, 0])

    assert doubt(40) > 0.9 * doubt(20)


def test_the_further_features_are_from_the_usual_the_less_sure_is_their_correction() -> None:
    model = MODELS["logistic"]
    # The second feature does nothing, so the confidence stays and only its interval moves.
    usual, unusual = (model.predict(0, 0, np.array([0, x, 0, 0])) for x in (0.0, 3.0))
    assert unusual.value == pytest.approx(usual.value, abs=0.06)
    assert unusual.high - unusual.low > 1.2 * (usual.high - usual.low)


def test_a_past_too_short_to_judge_has_no_skill_and_only_the_base_rate_speaks() -> None:
    model = fit(outcomes(6, quarters=14, effect=0.3, rates=(0.2, 0.8)))
    assert dict(model.skill) == {}
    for strategy in range(2):
        found = model.predict(strategy, 0, np.ones(4))
        assert (found.value, found.kind) == (pytest.approx(model.base_rate), "base_rate")
        assert (found.n, found.n_quarters) == (420, 14)


def test_an_interval_around_the_base_rate_reaches_to_the_rate_of_a_group_that_differs() -> None:
    model = fit(outcomes(6, quarters=14, rates=(0.3, 0.3, 0.3, 0.8)))
    usual, better = (model.predict(strategy, 0) for strategy in (0, 3))
    assert usual.value == better.value
    assert usual.high < 0.6
    assert better.high > 0.75


def test_groups_that_changed_places_every_few_years_do_not_speak() -> None:
    past = outcomes(15, rates=(0.4, 0.7), quarters=48)
    turn = (past.quarter - 8000) // 12 % 2
    moving = replace(past, strategy=(past.strategy + turn) % 2)
    assert fit(past).kind == "pooled"
    assert fit(moving).kind == "base_rate"


def test_features_correct_the_base_rate_where_groups_have_not_earned_their_say() -> None:
    past = outcomes(16, rates=(0.4, 0.7), quarters=48, effect=0.12)
    turn = (past.quarter - 8000) // 12 % 2
    model = fit(replace(past, strategy=(past.strategy + turn) % 2))
    assert (model.kind, model.rates) == ("logistic", "base_rate")
    assert model.skill["pooled"].high < 0 < model.skill["logistic"].low
    found = model.predict(0, 0, model.logistic.centre)
    assert found.value == pytest.approx(model.base_rate)


def test_features_correct_the_rates_of_groups_that_have() -> None:
    model = fit(outcomes(17, rates=(0.3, 0.7), effect=0.12))
    assert (model.kind, model.rates) == ("logistic", "pooled")
    for strategy in range(2):
        found = model.predict(strategy, 0, model.logistic.centre)
        assert found.value == pytest.approx(model.pooled.group(strategy, 0).value)


def with_the_strategy_as_second_feature(past: Outcomes) -> Outcomes:
    features = past.features.copy()
    features[:, 1] = past.strategy
    return replace(past, features=features)


def test_features_that_only_name_the_strategy_do_not_speak_beside_its_rate() -> None:
    past = with_the_strategy_as_second_feature(outcomes(18, rates=(0.3, 0.7)))
    assert fit(past).kind == "pooled"


def test_what_the_strategys_rate_knows_already_is_not_counted_again() -> None:
    model = fit(with_the_strategy_as_second_feature(outcomes(17, rates=(0.3, 0.7), effect=0.12)))
    assert (model.kind, model.rates) == ("logistic", "pooled")
    for strategy, rate in enumerate((0.3, 0.7)):
        found = model.predict(strategy, 0, np.array([0.0, strategy, 0.0, 0.0]))
        assert found.value == pytest.approx(rate, abs=0.06)


def test_groups_speak_on_noise_no_more_often_than_chance_allows() -> None:
    options = {"quarters": 24, "per_quarter": 20, "shock": 0.08, "n_features": 0}
    spoke = [fit(outcomes(seed, **options)).kind == "pooled" for seed in range(100)]
    assert sum(spoke) <= 5


def test_a_forecast_knows_nothing_of_its_own_quarters_nor_of_those_under_embargo() -> None:
    past = SIGNAL.in_order()
    made = forecasts(past, 100, 8, embargo=2)
    first = int(made["quarter"].min())
    assert first - int(past.quarter.min()) >= 8 + 2
    late = past.quarter >= first - 2
    changed = replace(past, won=np.where(late, 1 - past.won, past.won))
    again = forecasts(changed, 100, 8, embargo=2)
    # The first group of quarters: nothing that it knew has changed. The last one knew of it.
    now = made["quarter"] == first
    for name in ("base_rate", "pooled", "base_rate+", "pooled+"):
        assert made[name][now].tolist() == again[name][now].tolist()
        assert (made[name][-30:] != again[name][-30:]).all()


def test_the_order_of_the_outcomes_changes_no_bit() -> None:
    for past in (SIGNAL, outcomes(7)):
        shuffled = past.take(np.random.default_rng(8).permutation(len(past)))
        assert fit(past).to_dict() == fit(shuffled).to_dict()


def test_names_of_strategies_do_not_matter() -> None:
    past = outcomes(9, rates=(0.4, 0.5, 0.6, 0.7))
    renamed = fit(replace(past, strategy=np.array([30, 7, 21, -4])[past.strategy]))
    for old, new in enumerate((30, 7, 21, -4)):
        one, other = fit(past).predict(old, 1), renamed.predict(new, 1)
        assert one.value == pytest.approx(other.value, rel=1e-12)
        assert one.high == pytest.approx(other.high, rel=1e-12)


@pytest.mark.parametrize("kind", MODELS)
def test_confidences_are_probabilities_within_their_intervals(kind: str) -> None:
    rng = np.random.default_rng(10)
    for scale in (0.0, 1.0, 1e9):
        for strategy in (0, 3, 99):
            found = MODELS[kind].predict(strategy, 0, rng.normal(0, scale, 4))
            assert 0 < found.low < found.value < found.high < 1


def test_outcomes_without_any_variation_still_leave_room_for_the_other() -> None:
    for result, end in ((1.0, "high"), (0.0, "low"), (0.5, "value")):
        past = replace(outcomes(11), won=np.full(1200, result))
        found = fit(past).predict(0, 0, np.zeros(4))
        assert 0 < found.low < found.value < found.high < 1
        assert abs(getattr(found, end) - result) < 0.02


def test_an_unknown_strategy_has_the_base_rate_and_the_widest_interval() -> None:
    model = MODELS["pooled"]
    unknown = model.predict(99, 0)
    assert unknown.value == pytest.approx(model.base_rate)
    assert (unknown.n, unknown.n_quarters, unknown.kind) == (1200, 40, "base_rate")
    widths = [found.high - found.low for s in range(4) if (found := model.predict(s, 0))]
    assert unknown.high - unknown.low > 2 * max(widths)


def test_a_confidence_names_the_decisions_that_it_averages_over() -> None:
    past = outcomes(3, rates=(0.3, 0.5, 0.6, 0.8))
    model = fit(past)
    found = model.predict(2, 0)
    own = (past.strategy == 2) & ((past.band == 0) | (model.pooled.rungs[2].spread == 0))
    assert (found.n, found.n_quarters) == (own.sum(), len(np.unique(past.quarter[own])))
    assert (model.n, model.n_quarters) == (1200, 40)
    assert model.base_rate == pytest.approx(past.won.mean(), abs=0.01)


def test_a_higher_level_has_a_wider_interval_around_the_same_value() -> None:
    past = outcomes(12)
    narrow, wide = (fit(past, level=level).predict(1, 1) for level in (0.5, 0.99))
    assert narrow.value == wide.value
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_comes_back_from_json_bit_by_bit(kind: str) -> None:
    model = MODELS[kind]
    text = json.dumps(model.to_dict(), allow_nan=False)
    again = ConfidenceModel.from_dict(json.loads(text))
    assert json.dumps(again.to_dict()) == text
    for features in (np.array([0.3, np.nan, -2.0, 1.0]), None):
        for strategy, band in ((0, 0), (1, 7), (99, 0)):
            same = (strategy, band, features)
            assert again.predict(*same) == model.predict(*same)
    assert (again.kind, again.level, dict(again.skill)) == (kind, 0.9, dict(model.skill))


def test_a_model_of_another_version_has_to_be_fitted_again() -> None:
    stored = MODELS["pooled"].to_dict()
    for version in (2, None):
        with pytest.raises(InvalidInputError, match=r"not 1 \(fit it again\)"):
            ConfidenceModel.from_dict({**stored, "version": version})


def test_the_same_generator_gives_the_same_model() -> None:
    one, other, third = (
        fit_confidence(SIGNAL, rng=np.random.default_rng(seed)) for seed in (4, 4, 5)
    )
    assert one.to_dict() == other.to_dict()
    assert one.skill != third.skill


def test_without_features_pooled_rates_speak() -> None:
    past = outcomes(13, rates=(0.3, 0.7), n_features=0)
    model = fit(past)
    assert list(model.skill) == ["pooled"]
    assert model.predict(0, 0) == model.predict(0, 0, np.zeros(0))
    assert model.predict(1, 0).low > model.predict(0, 0).high


def test_features_of_another_number_than_fitted_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"features: shape \(3,\), but the model knows 4"):
        MODELS["logistic"].predict(0, 0, np.zeros(3))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("won", [1.0, 0.7], r"row 2, won: .*an outcome is 0, 0.5 \(a tie\) or 1"),
        ("features", [[0.0], [np.inf]], "row 2, features: .*NaN says that one is unknown"),
        ("features", [0.0, 1.0], r"features: shape \(2,\) for 2 outcomes"),
        ("band", [1], r"band: shape \(1,\) for 2 outcomes \(one row per outcome\)"),
    ],
)
def test_outcomes_that_are_none_are_refused_by_row_and_field(
    column: str, value: list[object], message: str
) -> None:
    ints = np.array([0, 1])
    past = Outcomes(np.array([0.0, 1.0]), ints, ints, ints, np.zeros((2, 1)))
    with pytest.raises(InvalidInputError, match=message):
        replace(past, **{column: np.array(value)})
