from __future__ import annotations

import math

import pytest

from tradingkb.presentation import format as fmt


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.836, "annualised", "0.84"),
        (-0.4, "ratio", "-0.40"),
        (-0.001, "ratio", "0.00"),
        (0.125, "fraction", "12.5 %"),
        (None, "ratio", "–"),
        (math.nan, "fraction", "–"),
        (math.inf, "ratio", "–"),
    ],
)
def test_a_score_reads_in_its_unit_and_is_a_dash_where_unknown(value, unit, text):
    assert fmt.score(value, unit) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.46, "annualised", "+0.46"),
        (-0.4, "ratio", "-0.40"),
        (-0.001, "ratio", "+0.00"),
        (0.02, "fraction", "+2.0 %"),
        (None, "ratio", "–"),
    ],
)
def test_a_difference_reads_in_its_unit_with_its_sign(value, unit, text):
    assert fmt.gain(value, unit) == text


def test_an_interval_with_one_unknown_end_is_unknown():
    assert fmt.interval(-1.0, 0.5, "ratio") == "-1.00 to 0.50"
    assert fmt.interval(None, 0.5, "ratio") == "unknown"


def test_parameters_read_as_they_would_be_typed():
    params = {"n": 20, "k": 0.1 + 0.2, "mode": "close", "short": False, "stop": None, "a b": 1}
    text = "n=20, k=0.3, mode='close', short=False, stop=None, 'a b': 1"
    assert fmt.params_text(params) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.31, "0.31"), (0.0007, "0.0007"), (0.30981, "0.3099"), (4, "4")]
)
def test_a_suggested_threshold_is_never_rounded_inwards(value, text):
    assert fmt.threshold(value) == text


def test_a_time_shows_its_clock_only_when_it_has_one():
    assert fmt.day("2012-01-03T00:00:00Z") == "2012-01-03"
    assert fmt.day("2012-01-03T14:30:00+00:00") == "2012-01-03 14:30"
    assert fmt.day(None) == "unknown"
