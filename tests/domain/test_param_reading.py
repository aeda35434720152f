"""A parameter's value is read as the spec means it, however it is spelled."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tradingkb.domain.param_reading import (
    MEAN_NOTHING,
    Unread,
    boolean_in,
    looks_typed,
    number_in,
    read_set,
    tidy,
)
from tradingkb.domain.param_spec import ParamSpec
from tradingkb.domain.strategy import StrategySpec

INT = ParamSpec("x", "int", low=2, high=50)
STEP = ParamSpec("x", "float", low=0.1, high=0.9, step=0.1)
FREE = ParamSpec("x", "float")
BOOL = ParamSpec("x", "bool")
STOP = ParamSpec("x", "categorical", choices=("atr", "pct", None))
MIXED = ParamSpec("x", "categorical", choices=(10, 20, "auto", True))
DIGITS = ParamSpec("x", "categorical", choices=("1", "2"))
PLAIN = ParamSpec("x", "categorical", choices=("ema", "sma"))
BLANK = ParamSpec("x", "categorical", choices=("", "a"))
NUMBERS = ParamSpec("x", "categorical", choices=(0.1, 0.3))


def read(value: Any, declared: ParamSpec | None) -> tuple[dict[str, Any], list[Unread]]:
    return read_set({"x": value}, StrategySpec("s", (declared,)) if declared else None)


@pytest.mark.parametrize(
    ("declared", "value", "meant"),
    [
        (INT, "20", 20),
        (INT, " 20 ", 20),
        (INT, "20.0", 20),
        (INT, 20.0, 20),
        (INT, 20.000000000000004, 20),
        (INT, np.int64(20), 20),
        (INT, Decimal("20"), 20),
        (INT, Decimal("20.00"), 20),
        (INT, "+2e1", 20),
        (INT, "007", 7),
        (INT, 99, 99),  # out of bounds is another question
        (INT, "20.5", 20.5),
        (FREE, "0.10", 0.1),
        (FREE, Decimal("0.10"), 0.1),
        (FREE, ".5", 0.5),
        (FREE, "1e-3", 0.001),
        (FREE, 0.1 + 0.2, 0.3),
        (FREE, 1 / 3, 1 / 3),
        (STEP, 0.1 + 2 * 0.1, 0.3),
        (STEP, "0.30000000000000004", 0.3),
        (STEP, np.float32(0.3), 0.3),
        (STEP, 0.35, 0.35),
        (STEP, 1.2000000000000002, 1.2),
        (BOOL, "true", True),
        (BOOL, "False", False),
        (BOOL, np.bool_(True), True),
        (STOP, None, None),
        (STOP, "", None),
        (STOP, "  ", None),
        (STOP, "None", None),
        (STOP, "null", None),
        (STOP, " atr ", "atr"),
        (STOP, "trail", "trail"),  # none of the choices, and a text all the same
        (MIXED, "10", 10),
        (MIXED, 20.0, 20),
        (MIXED, "auto", "auto"),
        (MIXED, "true", True),
        (DIGITS, 1, "1"),
        (DIGITS, 2.0, "2"),
        (DIGITS, "1", "1"),
        (BLANK, "", ""),
        (NUMBERS, 0.1 + 0.2, 0.3),
        (NUMBERS, "0.1", 0.1),
        (None, "20", "20"),
        (None, "", ""),
        (None, None, None),
        (None, 0.1 + 0.2, 0.3),
        (None, 20.000000000000004, 20),
        (None, Decimal("0.05"), 0.05),
        (None, True, True),
    ],
)
def test_a_value_is_what_its_spec_means_however_it_is_spelled(
    declared: ParamSpec | None, value: Any, meant: Any
) -> None:
    found, unread = read(value, declared)
    assert unread == []
    assert found == {"x": meant}
    assert type(found["x"]) is type(meant)


@pytest.mark.parametrize(
    ("declared", "value", "message"),
    [
        (INT, "2O", "x = '2O' is a text, not a number"),
        (INT, "1,5", "x = '1,5' is a text, not a number"),
        (INT, "1_000", "x = '1_000' is a text, not a number"),
        (INT, "\u0661", "x = '\u0661' is a text, not a number"),
        (INT, "0x14", "x = '0x14' is a text, not a number"),
        (INT, "inf", "x = 'inf' is a text, not a number"),
        (INT, "nan", "x = 'nan' is a text, not a number"),
        (INT, True, "x = True is a boolean, not a number"),
        (INT, "", "x = '' is blank, not a number"),
        (INT, None, "x = None is null, not a number"),
        (BOOL, 1, "x = 1 is a number, not a boolean"),
        (BOOL, "yes", "x = 'yes' is a text, not a boolean"),
        (BOOL, None, "x = None is null, not a boolean"),
        (PLAIN, None, "x = None is null, not a text"),
        (PLAIN, " ", "x = ' ' is blank, not a text"),
        (PLAIN, 1, "x = 1 is a number, not a text"),
        (PLAIN, True, "x = True is a boolean, not a text"),
        (MIXED, 1, None),  # a number that is none of the choices, and not the choice True
        (NUMBERS, "many", "x = 'many' is a text, not a number"),
        (FREE, math.nan, "parameter x = nan is neither"),
        (None, math.inf, "parameter x = inf is neither"),
        (None, Decimal("NaN"), "parameter x = Decimal('NaN') is neither"),
        (None, Decimal("1e999999999"), "parameter x = inf is neither"),
        (None, [1], "parameter x = [1] is neither"),
    ],
)
def test_what_cannot_be_read_says_what_it_is_and_what_is_wanted(
    declared: ParamSpec | None, value: Any, message: str | None
) -> None:
    found, unread = read(value, declared)
    if message is None:
        assert (found, unread) == ({"x": value}, [])
        return
    assert found == {}
    assert [u.name for u in unread] == ["x"]
    assert message in unread[0].message
    assert unread[0].remedy


def test_the_remedy_for_no_value_says_how_none_is_declared() -> None:
    assert MEAN_NOTHING in read(None, INT)[1][0].remedy
    assert MEAN_NOTHING not in read("2O", INT)[1][0].remedy


def test_a_grid_that_was_counted_and_one_that_was_written_are_the_same() -> None:
    for k in range(1, 1000):
        assert tidy(k * 0.01) == tidy(0.01 + (k - 1) * 0.01) == round(k * 0.01, 2), k


@pytest.mark.parametrize(
    "number", [1 / 3, math.pi, 0.37454011884736254, 1e-300, 5e-324, 1.7e308, 123456789.123456, 0.0]
)
def test_a_number_that_no_rounding_error_explains_stays_to_its_last_bit(number: float) -> None:
    assert tidy(number) == number
    assert tidy(-number) == -number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("20", 20),
        ("-0.5", -0.5),
        ("1" * 30, int("1" * 30)),
        ("1e999", None),
        ("1" * 500, None),
        ("", None),
        ("x", None),
    ],
)
def test_a_text_is_a_number_where_all_of_it_is(text: str, number: Any) -> None:
    assert number_in(text) == number


def test_texts_that_look_like_numbers_or_booleans_are_told_apart() -> None:
    assert [v for v in ("20", "true", "ema", "", 20, None, True) if looks_typed(v)] == [
        "20",
        "true",
    ]
    assert [boolean_in(t) for t in ("TRUE", " false", "no")] == [True, False, None]


# --- parameters that only some sets have ----------------------------------------------------------

KIND = ParamSpec("kind", "categorical", choices=("sma", "ema", None))
ALPHA = ParamSpec("alpha", "float", low=0.1, high=0.9, when={"kind": ("ema",)})
FADE = ParamSpec("fade", "bool", when={"alpha": (0.5,)})
SPEC = StrategySpec("s", (FADE, ALPHA, KIND))


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"alpha": None, "kind": "sma"}, {"kind": "sma"}),
        ({"alpha": " ", "kind": ""}, {"kind": None}),
        ({"fade": None, "alpha": "0.3", "kind": "ema"}, {"alpha": 0.3, "kind": "ema"}),
        (
            {"fade": "true", "alpha": "0.5", "kind": "ema"},
            {"fade": True, "alpha": 0.5, "kind": "ema"},
        ),
        ({"alpha": 0.3, "kind": "sma"}, {"alpha": 0.3, "kind": "sma"}),  # given, so it is kept
    ],
)
def test_nothing_of_a_parameter_that_does_not_apply_is_a_set_without_it(
    given: dict[str, Any], meant: dict[str, Any]
) -> None:
    assert read_set(given, SPEC) == (meant, [])


def test_nothing_of_a_parameter_that_applies_cannot_be_read() -> None:
    _, (unread,) = read_set({"alpha": None, "kind": "ema"}, SPEC)
    assert (unread.name, unread.message) == ("alpha", "alpha = None is null, not a number")
