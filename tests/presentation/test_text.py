from __future__ import annotations

import pytest

from tradingkb.presentation.card import answer_card
from tradingkb.presentation.text import answer_text


def test_an_ok_answer_fits_on_thirty_lines_of_the_given_width(ok):
    for width in (80, 100, 120):
        lines = answer_text(ok, width).splitlines()
        assert len(lines) <= 30
        assert max(map(len, lines)) <= width


@pytest.mark.parametrize("name", ["ok", "degraded", "none"])
def test_the_status_is_the_first_word(name, request):
    assert answer_text(request.getfixturevalue(name)).split()[0] == name.upper()


def test_it_says_what_the_card_says(ok):
    text = answer_text(ok, 200)
    for shown in (
        "fast=20, slow=100, stop_frac=0.05",
        "0.84 per window",
        "0.51 to 1.17",
        "156 windows",
        "uncalibrated",
        "plain average: 0.71",
        "defaults: 0.38",
        "measured: AAPL 1d",
    ):
        assert shown in text


def leading(answer, **leads):
    """The answer with the lead of its parameters over each baseline: value, low, high."""
    for name, found in leads.items():
        lead = dict(zip(("value", "low", "high"), found, strict=True), level=0.9)
        answer["baseline"][name]["lead"] = lead
    return answer


@pytest.mark.parametrize(
    ("leads", "said"),
    [
        ({}, ""),
        ({"defaults": (0.46, 0.1, 0.82)}, ""),
        ({"defaults": (-0.46, -0.82, -0.1)}, ""),  # told apart, for the worse
        (
            {"defaults": (0.46, -0.18, 1.1)},
            "; not told apart from the defaults (+0.46, -0.18 to 1.10)",
        ),
        (
            {"defaults": (0.46, 0.0, 0.92)},
            "; not told apart from the defaults (+0.46, 0.00 to 0.92)",
        ),
        ({"defaults": (0.46, None, None)}, "; not told apart from the defaults (+0.46, unknown)"),
        (
            {"regime_agnostic": (-0.1, -0.5, 0.3), "defaults": (0.46, -0.18, 1.1)},
            "; not told apart from the defaults (+0.46, -0.18 to 1.10)"
            "; not told apart from the plain average's (-0.10, -0.50 to 0.30)",
        ),
        (
            {"regime_agnostic": (0.3, 0.1, 0.5), "defaults": (0.46, -0.18, 1.1)},
            "; not told apart from the defaults (+0.46, -0.18 to 1.10)",
        ),
    ],
)
def test_the_status_line_says_from_what_the_choice_is_not_told_apart(make, leads, said):
    """Text and card alike; an interval that reaches 0 does not tell, nor does an unknown one."""
    answer = leading(make(), **leads)
    assert answer_text(answer, 300).splitlines()[0] == f"OK  sma_cross: usable{said}"
    assert f"usable{said.replace(chr(39), '&#x27;')}" in answer_card(answer)
    assert ("not told apart" in answer_card(answer)) == bool(said)


def test_a_lead_in_fractions_is_shown_in_percent(make):
    answer = leading(make(objective_type="return"), defaults=(0.02, -0.01, 0.05))
    answer["expected"]["unit"] = "fraction"
    assert "not told apart from the defaults (+2.0 %, -1.0 % to 5.0 %)" in answer_text(answer, 300)


def test_where_nothing_is_recommended_nothing_is_told_apart(none):
    assert "not told apart" not in answer_text(none, 300)


def test_an_answer_of_none_names_obstacles_and_changes(none):
    text = answer_text(none, 200)
    assert "max_drawdown 0.25: 57 trials fail it, 22 only it" in text
    assert "change max_drawdown from 0.25 to 0.3099 -> 12 trials from 4 windows; risk:" in text


def test_control_characters_of_a_name_do_not_reach_the_terminal(make):
    text = answer_text(make(strategy_name="evil\x1b[31m", notes=["one\ntwo\x07"]))
    assert "\x1b" not in text
    assert "\x07" not in text
