from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from tradingkb.domain.regime import Regime
from tradingkb.presentation.card import answer_card
from tradingkb.presentation.facts import relaxation
from tradingkb.presentation.style import CARD_CSS

HOSTILE = "<script>alert('x')</script>"


def visible(card: str) -> str:
    """What a reader reads: the card without stylesheet and tags."""
    without_style = re.sub(r"<style>.*?</style>", "", card, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", " ", without_style)


@pytest.mark.parametrize("name", ["ok", "degraded", "none"])
def test_the_status_is_named_in_words(name, request):
    assert f"{name.upper()}" in visible(answer_card(request.getfixturevalue(name)))


def test_the_numbers_stand_beside_the_baseline(ok):
    text = visible(answer_card(ok))
    for shown in (
        "fast=20",
        "0.84",
        "0.51 to 1.17",
        "−1.06 to 3.04",
        "156 windows",
        "39 quarters",
        "39 on AAPL 1d",
        "regime-agnostic average",
        "0.71",
        "defaults",
        "0.38",
    ):
        assert shown in text


def test_hostile_names_come_out_escaped(make, none):
    card = answer_card(
        make(
            status="degraded",
            strategy_name=HOSTILE,
            objective_type=HOSTILE,
            symbol=HOSTILE,
            timeframe=HOSTILE,
            workspace=HOSTILE,
            strategy_version=HOSTILE,
            params={HOSTILE: HOSTILE},
            repaired_params={HOSTILE: HOSTILE},
            reasons=[HOSTILE],
            notes=[HOSTILE],
            suggested_actions=[HOSTILE],
            spreads={HOSTILE: {"counts": {HOSTILE: 2}, "n": 2}},
            baseline={"regime_agnostic": {"params": {HOSTILE: HOSTILE}, "expected": None}},
            regime=Regime.stated(tags=["uptrend"], symbol=HOSTILE),
            collection=HOSTILE,
            embed_model=HOSTILE,
            recommended_relaxed_settings=none["recommended_relaxed_settings"],
            filter_rejections=[
                {"filter": HOSTILE, "value": [HOSTILE], "fails": 1, "fails_only": 1, "unknown": 0}
            ],
        )
    )
    assert "<script" not in card
    assert card.count("&lt;script&gt;") >= 15


def test_a_card_brings_no_script_and_asks_no_host_for_anything(ok):
    card = answer_card(ok)
    assert "<script" not in card
    assert "http" not in card
    assert "url(" not in card


def test_an_uncalibrated_confidence_is_said_in_words(ok):
    assert "uncalibrated: read the interval" in visible(answer_card(ok))


def test_a_calibrated_confidence_is_a_rate_of_past_choices(make):
    text = visible(answer_card(make(confidence=0.62, confidence_band="medium", warnings=[])))
    assert "62\u00a0%" in text
    assert "medium: how often past choices beat the defaults" in text
    assert "uncalibrated" not in text


def test_every_code_comes_with_its_meaning(degraded):
    text = visible(answer_card(degraded))
    assert "too few trials passed the strict filters" in text
    assert "no window of this symbol and timeframe is among the evidence" in text


def test_an_answer_of_none_shows_what_stood_in_the_way(none):
    text = visible(answer_card(none))
    for filter_name in ("require_oos", "max_drawdown", "min_trades", "max_overfit_gap"):
        assert filter_name in text
    assert "change max_drawdown from 0.25 to 0.3099 → 12 trials from 4 windows" in text
    assert "risk: nominates parameters that lost more on the way" in text
    assert "without min_trades (now 5) → 6 trials from 2 windows: not enough alone" in text


@pytest.mark.parametrize(
    ("name", "n", "said"),
    [
        ("min_trades", 3, "alone; the number of trades of 3 other trials is unknown"),
        ("max_drawdown", 1, "alone; the drawdown of 1 other trial is unknown"),
        ("max_drawdown", 0, "alone"),
    ],
)
def test_a_relaxation_says_how_many_trials_lack_what_it_looks_at(none, make, name, n, said):
    setting = {**none["recommended_relaxed_settings"][1], "filter": name, "unknown": n}
    assert relaxation(setting).endswith(said)


def test_a_stated_regime_is_marked_and_a_measured_one_says_from_what(ok, degraded, make):
    assert "STATED by you, not measured" in visible(answer_card(degraded))
    assert "measured: AAPL 1d, 252 bars" in visible(answer_card(ok))
    assert "none given" in visible(answer_card(make(regime=None)))


def test_parameters_that_nobody_tried_are_marked_as_such(make, ok):
    expected = {**ok["expected"], "n_windows": 0, "from_neighbours": True, "low": None}
    text = visible(answer_card(make(params_tested=False, expected=expected)))
    assert "never tried exactly so" in text
    assert "estimated from neighbouring parameters" in text
    assert "interval unknown" in text


def test_a_baseline_that_chose_the_same_says_so(degraded):
    text = visible(answer_card(degraded))
    assert "the same parameters" in text
    assert "never tried" in text


def test_cards_of_equal_answers_are_equal(make):
    other = make(
        request_id="another", at=datetime(2030, 1, 1, tzinfo=UTC), timings={"total_ms": 999.0}
    )
    assert answer_card(other) == answer_card(make())


def test_every_rule_of_the_stylesheet_is_scoped_to_the_card():
    flat = re.sub(r"@\w+ \([^)]*\)\{", "}", CARD_CSS)
    rules = re.findall(r"(?:^|})([^{}]+){", flat)
    assert len(rules) > 20
    assert all(part.strip().startswith(".tkb-card") for rule in rules for part in _selectors(rule))


def _selectors(rule: str) -> list[str]:
    return re.split(r",(?![^(]*\))", rule)
