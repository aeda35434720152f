from __future__ import annotations

from typing import Any

import pytest

from tradingkb.presentation.explanation import explanation_card, explanation_text

HOSTILE = "<script>alert('x')</script>"


@pytest.fixture
def found(ok) -> dict[str, Any]:
    """`Explanation.to_dict()` of parameters that were tried."""
    shared = ("workspace", "strategy_name", "objective_type", "symbol", "timeframe", "expected")
    return {
        **{key: ok[key] for key in shared},
        "params": ok["params"],
        "problems": [],
        "tested": True,
        "place": 3,
        "n_sets": 40,
        "score_difference": -0.012,
        "recommended": {"params": {**ok["params"], "fast": 10}, "expected": ok["expected"]},
        "baseline": {"regime_agnostic": None, "defaults": None},
        "against_defaults": None,
        "nearest": [{"steps": 1, "params": {**ok["params"], "fast": 30}, "expected": None}],
        "regime": None,
        "reasons": [],
        "warnings": [],
        "notes": [],
        "suggested_actions": [],
    }


def test_the_card_and_the_text_say_the_place_and_what_stands_beside(found):
    for shown in (explanation_card(found), explanation_text(found)):
        for said in ("place 3 of 40 parameter sets", "recommended", "1 step away"):
            assert said in shown


@pytest.mark.parametrize(
    ("unit", "gap", "said"),
    [("annualised", -0.25, "0.25 behind"), ("fraction", -0.012, "1.2 % behind"), ("", 0.0, "")],
)
def test_how_far_behind_the_best_is_told_in_the_unit_of_the_objective(found, unit, gap, said):
    expected = {**found["expected"], "unit": unit}
    changed = {**found, "expected": expected, "score_difference": gap}
    for shown in (explanation_card(changed), explanation_text(changed)):
        text = shown.replace("\N{NO-BREAK SPACE}", " ")
        assert (said in text) if said else ("behind the best" not in text)


def test_parameters_without_evidence_have_no_numbers(found):
    card = explanation_card({**found, "expected": None, "n_sets": 0, "nearest": []})
    assert "no parameters have evidence" in card
    assert "Nearest sets" not in card
    assert "Expected sharpe" not in card


def test_what_others_wrote_comes_out_escaped(found):
    lists = ("problems", "reasons", "warnings", "notes", "suggested_actions")
    names = ("workspace", "strategy_name", "objective_type", "symbol", "timeframe")
    hostile = {key: [HOSTILE] for key in lists} | dict.fromkeys(names, HOSTILE)
    card = explanation_card({**found, **hostile, "params": {HOSTILE: HOSTILE}})
    assert "<script" not in card
    assert card.count("&lt;script&gt;") >= 10
