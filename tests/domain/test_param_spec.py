"""One parameter: what contradicts itself, which value is near, and which stands in for none."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tradingkb.domain.param_spec import ParamSpec, ParamValue, same_value
from tradingkb.exceptions import InvalidSpecError


@pytest.mark.parametrize(
    ("facts", "message", "remedy"),
    [
        (
            {"type": "integer"},
            "type 'integer' is none of int, float, categorical, bool",
            "correct the strategy spec",
        ),
        (
            {"type": "categorical"},
            "a categorical needs a list of choices",
            "correct the strategy spec",
        ),
        (
            {"type": "float", "low": math.nan},
            "low nan is not a finite number",
            "correct the strategy spec",
        ),
        (
            {"type": "float", "high": "1"},
            "high '1' is not a finite number",
            "correct the strategy spec",
        ),
        (
            {"type": "float", "step": True},
            "step True is not a finite number",
            "correct the strategy spec",
        ),
        (
            {"type": "int", "high": 2.5},
            "high 2.5 of an int is not a whole number",
            "correct the strategy spec",
        ),
        (
            {"type": "float", "low": 2.0, "high": 1.0},
            "low 2 is above high 1",
            "correct the strategy spec",
        ),
        ({"type": "float", "step": 0.0}, "step 0 must be positive", "correct the strategy spec"),
        (
            {"type": "int", "low": 3, "default": 2},
            "default 2 is below 3",
            "correct the default or the bounds",
        ),
    ],
)
def test_a_contradiction_is_named_with_its_remedy(
    facts: dict[str, Any], message: str, remedy: str
) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        ParamSpec("x", **facts)
    assert message in str(caught.value)
    assert (caught.value.field, caught.value.remedy) == ("x", remedy)


@pytest.mark.parametrize(
    "facts",
    [
        {"type": "int", "low": 2, "high": 2},
        {"type": "int", "low": 2.0, "high": 4.0, "step": 2.0},
        {"type": "float", "low": -0.5, "high": 0.5, "step": 0.1},
        {"type": "float", "step": 0.5},
        {"type": "float", "low": 0.0},
        {"type": "bool", "default": False},
        {"type": "categorical", "choices": (None,)},
        {"type": "int", "low": 0, "default": 0},
    ],
)
def test_what_does_not_contradict_itself_is_accepted(facts: dict[str, Any]) -> None:
    spec = ParamSpec("x", **facts)
    assert {name: getattr(spec, name) for name in facts} == facts


@pytest.mark.parametrize(
    ("kind", "number"), [("int", True), ("float", True), ("bool", False), ("categorical", False)]
)
def test_only_numbers_have_neighbours(kind: Any, number: bool) -> None:
    assert ParamSpec("x", kind, choices=("a",)).is_number is number


INT = ParamSpec("n", "int", low=3, high=50)
EVEN = ParamSpec("n", "int", low=4, high=11, step=2)
FREE = ParamSpec("x", "float")
TENTH = ParamSpec("x", "float", low=0.1, high=0.95, step=0.1)
THIRDS = ParamSpec("x", "float", step=0.3)
FROM_ZERO = ParamSpec("x", "float", high=1.05, step=0.25)


@pytest.mark.parametrize(
    ("spec", "value", "problem"),
    [
        (EVEN, 4, None),
        (EVEN, 10, None),
        (EVEN, 5, "is not on the step of 2"),
        (EVEN, 12, "is above 11"),
        (TENTH, 0.3, None),
        (TENTH, 0.1 + 2 * 0.1, None),
        (TENTH, 0.35, "is not on the step of 0.1"),
        (TENTH, 0.0999, "is below 0.1"),
        (FROM_ZERO, -0.5, None),
        (FROM_ZERO, 0.6, "is not on the step of 0.25"),
        (THIRDS, 0.6, None),
        (THIRDS, 1.3, "is not on the step of 0.3"),
        (FREE, 1e300, None),
        (FREE, -math.inf, "is not a finite number"),
        (ParamSpec("x", "float", step=1e-300), 1e300, None),  # more steps than a float can count
    ],
)
def test_a_step_is_counted_from_the_lower_bound_or_from_zero(
    spec: ParamSpec, value: ParamValue, problem: str | None
) -> None:
    assert spec.problem_with(value) == problem


@pytest.mark.parametrize(
    ("spec", "value", "near"),
    [
        (INT, 2.6, 3),
        (INT, 49.6, 50),
        (INT, 7.4, 7),
        (EVEN, 7.1, 8),
        (EVEN, 6.9, 6),
        (EVEN, 11, 10),
        (EVEN, 99, 10),
        (TENTH, 0.34, 0.3),
        (TENTH, 0.36, 0.4),
        (TENTH, 0.95, 0.9),
        (FROM_ZERO, 0.3, 0.25),
        (FROM_ZERO, 9.0, 1.0),
        (FROM_ZERO, -0.9, -1.0),
        (ParamSpec("x", "float", low=1.0), 0.5, 1.0),
        (ParamSpec("x", "float", high=1.0), 1.5, 1.0),
        (ParamSpec("x", "float", high=1.5), 9.9, 1.5),
        (ParamSpec("x", "float", low=0.25, high=1.5), 9.9, 1.5),
        (THIRDS, 0.7, 0.6),
        (THIRDS, 1.0, 0.9),
        (ParamSpec("n", "int", high=7), 7.6, 7),
    ],
)
def test_a_value_that_is_not_allowed_becomes_the_nearest_that_is(
    spec: ParamSpec, value: float, near: ParamValue
) -> None:
    found = spec.repaired(value)
    assert found == near
    assert type(found) is type(near)
    assert spec.problem_with(found) is None


@pytest.mark.parametrize(
    ("spec", "stand_in"),
    [
        (ParamSpec("n", "int", low=3, high=50, default=20), 20),
        (INT, 3),
        (ParamSpec("n", "int", high=50), 50),
        (ParamSpec("n", "int"), None),
        (ParamSpec("x", "float", low=0.0), 0.0),
        (ParamSpec("b", "bool"), False),
        (ParamSpec("b", "bool", default=True), True),
        (ParamSpec("c", "categorical", choices=("a", "b")), "a"),
        (ParamSpec("c", "categorical", choices=("a", "b"), default="b"), "b"),
        (ParamSpec("x", "float", high=0.95, step=0.1), 0.9),
    ],
)
def test_what_stands_in_for_no_value_is_the_default_or_a_choice_or_a_bound(
    spec: ParamSpec, stand_in: ParamValue
) -> None:
    assert spec.fallback() == stand_in
    assert type(spec.fallback()) is type(stand_in)


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (20, 20.0, True),
        (True, 1, False),
        (0, False, False),
        (True, True, True),
        ("1", 1, False),
        (None, None, True),
        (None, 0, False),
    ],
)
def test_twenty_is_twenty_however_it_is_written_and_true_is_not_one(
    a: ParamValue, b: ParamValue, same: bool
) -> None:
    assert same_value(a, b) is same
    assert same_value(b, a) is same
