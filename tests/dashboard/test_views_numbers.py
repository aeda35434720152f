"""How numbers and parameters read."""

from __future__ import annotations

import pytest

from dashboard.views.numbers import count, literal, params_text, read_params, score_text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.125, "fraction", "12.5 %"),
        (1.005, "annualised", "1.00"),
        (-0.001, "annualised", "0.00"),
        (-0.00001, "fraction", "0.0 %"),
        (-0.5, "ratio", "-0.50"),
        (None, "ratio", "–"),
        (float("nan"), "ratio", "–"),
    ],
)
def test_a_score_reads_in_its_unit_and_zero_has_no_sign(value, unit, text):
    assert score_text(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(20, "20"), (20.0, "20"), (0.1 + 0.2, "0.3"), (None, "not set"), (True, "True"), ("a", "a")],
)
def test_a_parameter_reads_without_the_noise_of_floats(value, text):
    assert literal(value) == text


def test_parameters_stand_on_one_line():
    assert params_text('{"fast":5.0,"kind":"ema"}') == "fast=5, kind=ema"
    assert params_text({}) == "–"
    assert params_text(None) == "–"


def test_what_holds_no_parameters_is_none():
    assert read_params(None) == {}
    assert read_params("[1]") == {}


def test_a_number_has_its_noun():
    assert (count(1, "trial"), count(1200, "trial")) == ("1 trial", "1,200 trials")
