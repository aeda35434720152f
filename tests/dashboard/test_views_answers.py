"""An answer as words and rows: what the page says is what the answer says."""

from __future__ import annotations

import ast
import json

import pytest

from dashboard.views import answers
from tests.presentation.conftest import build, build_degraded, build_none
from tradingkb.domain import StrategySpec
from tradingkb.recommend.answer import CODES

SPEC = StrategySpec.from_dict(
    {
        "name": "sma_cross",
        "params": [
            {"name": "fast", "type": "int", "low": 5, "high": 50, "step": 5, "default": 50},
            {"name": "slow", "type": "int", "choices": [100, 200], "default": 200},
        ],
    }
).to_dict()


def found(answer):
    return {fact.name: (fact.value, fact.note) for fact in answers.key_facts(answer)}


def test_the_headline_says_strategy_status_and_meaning():
    ok = build()
    said = answers.headline(ok)
    assert (said.name, said.value) == ("sma_cross", "✓ OK")
    assert said.note.startswith("usable")


def test_what_is_expected_stands_with_its_interval_and_its_evidence():
    ok = build()
    facts = found(ok)
    assert facts["Expected sharpe per window"] == ("0.84", "90 % interval 0.51 to 1.17")
    assert facts["Evidence"][0] == "156 windows"


def test_an_uncalibrated_confidence_is_unknown_and_says_what_to_read_instead():
    ok = build()
    assert found(ok)["Confidence"][0] == "unknown"
    said = " ".join(answers.confidence_meaning(ok))
    assert "interval of the expected value" in said
    assert CODES["uncalibrated"].action[1:] in said


@pytest.mark.parametrize(("band", "bound"), [("high", "60 %"), ("medium", "50 %"), ("low", "luck")])
def test_a_confidence_says_what_it_rests_on_and_what_its_band_means(band, bound):
    ok = build()
    basis = {"value": 0.66, "low": 0.61, "high": 0.7, "n": 400, "n_quarters": 30, "level": 0.9}
    answer = {**ok, "confidence": 0.66, "confidence_band": band, "calibration": basis}
    said = answers.confidence_meaning(answer)
    assert "400 decisions of 30 quarters" in said[0]
    assert bound in said[1]


def test_without_parameters_there_is_nothing_to_be_confident_in():
    none = build_none()
    assert "nothing to be confident in" in answers.confidence_meaning(none)[0]
    assert answers.parameters(none).is_empty()
    assert answers.comparison(none).is_empty()


def test_each_parameter_stands_beside_its_default_and_what_was_declared():
    ok = build()
    rows = {row["parameter"]: row for row in answers.parameters(ok, SPEC).to_dicts()}
    assert (rows["fast"]["recommended"], rows["fast"]["default"]) == ("20", "50")
    assert rows["fast"]["declared"] == "5 to 50, step 5"
    assert rows["slow"]["declared"] == "100, 200"
    assert rows["stop_frac"]["declared"] == "–"


def test_a_repair_is_named_beside_the_parameter():
    degraded = build_degraded()
    rows = answers.parameters(degraded).to_dicts()
    assert [r["repaired"] for r in rows if r["parameter"] == "slow"] == [
        "97 is not on the step of 10, set to 100"
    ]


def test_parameters_can_be_pasted_as_json_and_as_python():
    params = {"fast": 20, "name with 'quotes'": "a\nb", "stop": 0.1 + 0.2, "short": True}
    assert json.loads(answers.as_json(params)) == params
    pasted = ast.literal_eval(answers.as_python(params).removeprefix("params = "))
    assert pasted == {**params, "stop": 0.3}


def test_every_code_has_its_meaning_and_its_action_those_that_decide_first():
    degraded = build_degraded()
    found = answers.reasons(degraded)
    assert [(why.code, why.decides) for why in found] == [
        ("strict_to_relaxed", True),
        ("repaired_params", True),
        ("uncalibrated", False),
        ("no_own_history", False),
    ]
    for why in found:
        code = CODES[why.code]
        assert why.meaning.lower() == code.meaning.lower().replace("`", "")
        assert why.action.lower() == code.action.lower()
        assert why.meaning[0].isupper()


def test_a_code_of_another_release_is_shown_with_the_meaning_that_came_with_it():
    ok = build()
    answer = {**ok, "reasons": ["new_code"], "meanings": {"new_code": "something new"}}
    assert answers.reasons(answer)[0] == answers.Why("new_code", "Something new", "", True)
    assert answers.reasons({**answer, "meanings": {}})[0].meaning == "New_code"


def test_a_code_that_is_a_reason_and_a_warning_is_said_once():
    answer = build(reasons=["missing_regime_context"], warnings=["missing_regime_context"])
    assert [(why.code, why.decides) for why in answers.reasons(answer)] == [
        ("missing_regime_context", True)
    ]


def test_what_to_do_is_said_in_words_of_the_page_where_the_library_names_an_argument():
    assert set(answers.ON_THE_PAGE) <= set(CODES)
    answer = build(
        reasons=["missing_regime_context"],
        suggested_actions=[CODES["missing_regime_context"].action],
    )
    assert answers.reasons(answer)[0].action == answers.ON_THE_PAGE["missing_regime_context"]
    assert answers.more_to_do(answer) == []
    calls = [
        c for c, code in CODES.items() if "ohlcv=" in code.action or "timeframe=" in code.action
    ]
    assert set(calls) - {"collection_empty"} <= set(answers.ON_THE_PAGE)


def test_an_action_is_said_once():
    degraded = build_degraded()
    assert answers.more_to_do(degraded) == []
    more = {**degraded, "suggested_actions": ["ask somebody"]}
    assert answers.more_to_do(more) == ["Ask somebody"]


def test_the_baseline_and_the_defaults_stand_beside_the_recommendation():
    ok = build()
    frame = answers.comparison(ok)
    assert frame["which"].to_list() == ["recommended", "plain average", "defaults"]
    assert frame["expected per window"].to_list() == ["0.84", "0.71", "0.38"]
    assert frame["windows"].to_list() == [156, 156, 156]


@pytest.mark.parametrize(
    ("lead", "said"),
    [
        ({"value": 0.46, "low": 0.1, "high": 0.8}, "+0.46 (0.10 to 0.80)"),
        ({"value": -0.1, "low": -0.5, "high": 0.3}, "-0.10 (-0.50 to 0.30): not told apart"),
        ({"value": 0.2, "low": None, "high": None}, "+0.20 (unknown): not told apart"),
    ],
)
def test_a_lead_whose_interval_reaches_across_zero_is_not_told_apart(lead, said):
    ok = build()
    answer = json.loads(json.dumps(ok))
    answer["baseline"]["defaults"]["lead"] = {**lead, "level": 0.9}
    assert answers.comparison(answer)["recommended does better by"][2] == said


def test_what_differs_from_then_is_shown_as_text_whatever_it_is():
    again = {
        "differences": [
            {"field": "params", "then": {"fast": 20}, "now": None},
            {"field": "reasons", "then": [], "now": ["few_windows"]},
            {"field": "expected", "then": 0.123456789, "now": True},
        ]
    }
    assert answers.differences(again).rows() == [
        ("params", "fast = 20", "–"),
        ("reasons", "nothing", "few_windows"),
        ("expected", "0.123457", "yes"),
    ]
    assert answers.differences({"differences": ()}).is_empty()


def test_an_answer_of_then_says_its_status_and_expectation():
    event = {
        "status": "degraded",
        "reasons": ["few_windows"],
        "params": {"fast": 5},
        "expected": 0.05,
        "expected_low": -0.01,
        "expected_high": 0.11,
        "expected_unit": "fraction",
        "confidence": None,
    }
    status, expected, confidence = answers.then_facts(event)
    assert (status.value, status.note) == ("▲ DEGRADED", "few_windows")
    assert (expected.value, expected.note) == ("5.0 %", "90 % interval -1.0 % to 11.0 %")
    assert (confidence.value, confidence.note) == ("unknown", "not calibrated then")


def test_names_from_data_are_passed_on_as_they_are():
    name = "<script>alert(1)</script>|:material/x:$a$"
    answer = build(strategy_name=name, params={name: 1}, spreads={})
    assert answers.headline(answer).name == name
    assert answers.parameters(answer)["parameter"].to_list() == [name]
