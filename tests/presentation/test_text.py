from __future__ import annotations

import pytest

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


def test_an_answer_of_none_names_obstacles_and_changes(none):
    text = answer_text(none, 200)
    assert "max_drawdown 0.25: 57 trials fail it, 22 only it" in text
    assert "change max_drawdown from 0.25 to 0.3099 -> 12 trials from 4 windows; risk:" in text


def test_control_characters_of_a_name_do_not_reach_the_terminal(make):
    text = answer_text(make(strategy_name="evil\x1b[31m", notes=["one\ntwo\x07"]))
    assert "\x1b" not in text
    assert "\x07" not in text
