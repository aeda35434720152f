from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tradingkb.domain.constraints import constraint_holds
from tradingkb.domain.strategy import ParamSpec, ParamValue, StrategySpec
from tradingkb.exceptions import InvalidSpecError

FAST = ParamSpec("fast", "int", low=3, high=50, default=20)
SLOW = ParamSpec("slow", "int", low=20, high=200, default=50)
SMA = StrategySpec("sma_cross", (FAST, SLOW), constraints=("fast < slow",))
K = ParamSpec("k", "float", low=1.5, high=2.5, step=0.1)


@pytest.mark.parametrize(
    ("spec", "value", "problem"),
    [
        (FAST, 3, None),
        (FAST, 50.0, None),
        (FAST, 2, "is below 3"),
        (FAST, 51, "is above 50"),
        (FAST, 20.5, "is not a whole number"),
        (FAST, True, "is not a finite number"),
        (FAST, "20", "is not a finite number"),
        (FAST, None, "is not a finite number"),
        (FAST, math.nan, "is not a finite number"),
        (FAST, 10**400, "is not a finite number"),
        (K, 1.7, None),
        (K, 1.5 + 3 * 0.1, None),
        (K, 1.75, "is not on the step of 0.1"),
        (ParamSpec("x", "float", step=0.5), -1.5, None),
        (ParamSpec("b", "bool"), True, None),
        (ParamSpec("b", "bool"), 1, "is not a boolean"),
        (ParamSpec("c", "categorical", choices=("a", 1)), "a", None),
        (ParamSpec("c", "categorical", choices=("a", 1)), 1.0, None),
        (ParamSpec("c", "categorical", choices=("a", 1)), True, "is none of ['a', 1]"),
        (ParamSpec("c", "categorical", choices=("a", None)), None, None),
    ],
)
def test_a_value_obeys_type_bounds_step_and_choices(
    spec: ParamSpec, value: ParamValue, problem: str | None
) -> None:
    assert spec.problem_with(value) == problem


@pytest.mark.parametrize(
    "facts",
    [
        {"type": "integer"},
        {"type": "categorical"},
        {"type": "categorical", "choices": "abc"},
        {"type": "float", "low": 2.0, "high": 1.0},
        {"type": "float", "low": math.nan},
        {"type": "float", "high": math.inf},
        {"type": "float", "low": "1"},
        {"type": "float", "step": 0.0},
        {"type": "float", "step": -1.0},
        {"type": "int", "low": 0.5},
        {"type": "int", "step": 0.1},
        {"type": "int", "low": 3, "default": 2},
        {"type": "int", "default": 2.5},
        {"type": "bool", "default": 1},
        {"type": "categorical", "choices": ("a",), "default": "b"},
    ],
)
def test_a_parameter_that_contradicts_itself_is_refused_by_name(facts: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        ParamSpec("x", **facts)
    assert caught.value.field == "x"
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("spec", "value", "repaired"),
    [
        (FAST, 20, 20),
        (FAST, 1, 3),
        (FAST, 999.9, 50),
        (FAST, 20.4, 20),
        (FAST, "20", 20),
        (FAST, math.nan, 20),
        (K, 1.74, 1.7),
        (K, 2.44, 2.4),
        (K, 9, 2.5),
        (ParamSpec("x", "float", low=0.0, high=0.95, step=0.1), 2.0, 0.9),
        (ParamSpec("x", "float", high=-0.05, step=0.1), 3.0, -0.1),
        (ParamSpec("x", "float", low=1e-15, high=1e-13, log=True), 0.0, 1e-15),
        (ParamSpec("x", "float", low=2.0), "?", 2.0),
        (ParamSpec("x", "float", high=2.0), "?", 2.0),
        (ParamSpec("b", "bool"), "yes", False),
        (ParamSpec("b", "bool", default=True), "yes", True),
        (ParamSpec("c", "categorical", choices=("a", "b")), "z", "a"),
    ],
)
def test_a_bad_value_becomes_the_nearest_allowed_one_or_else_the_fallback(
    spec: ParamSpec, value: Any, repaired: ParamValue
) -> None:
    assert spec.repaired(value) == repaired


def test_defaults_are_declared_for_all_parameters_or_not_at_all() -> None:
    assert SMA.defaults == {"fast": 20, "slow": 50}
    assert StrategySpec("s", (FAST, K)).defaults is None
    assert StrategySpec("s", ()).defaults is None


def test_every_problem_of_a_parameter_set_is_named() -> None:
    assert SMA.problems({"fast": 20, "slow": 50}) == []
    assert SMA.problems({"fast": 60, "width": 1}) == [
        "slow is missing",
        "fast = 60 is above 50",
        "width is not a parameter of sma_cross",
    ]
    assert SMA.problems({"fast": 50, "slow": 20}) == ["fast < slow does not hold"]


def test_a_repair_says_what_it_changed() -> None:
    repaired, changes = SMA.repair({"fast": 2, "width": 1})
    assert repaired == {"fast": 3, "slow": 50}
    assert changes == {
        "fast": "2 is below 3, set to 3",
        "slow": "missing, set to 50",
        "width": "not a parameter of sma_cross, dropped",
    }


def test_a_broken_constraint_is_repaired_by_the_defaults_as_a_whole() -> None:
    repaired, changes = SMA.repair({"fast": 40, "slow": 30})
    assert repaired == SMA.defaults
    assert set(changes) == {"fast", "slow"}
    assert "fast < slow" in changes["fast"]


def test_without_defaults_a_broken_constraint_is_reported_and_nothing_invented() -> None:
    spec = StrategySpec("s", (ParamSpec("a", "int"), ParamSpec("b", "int")), constraints=("a < b",))
    assert spec.repair({"a": 2, "b": 1}) == (
        {"a": 2, "b": 1},
        {"constraints": "a < b does not hold"},
    )


def test_a_missing_value_that_nothing_can_replace_stays_none_and_says_so() -> None:
    repaired, changes = StrategySpec("s", (ParamSpec("a", "int"),)).repair({})
    assert repaired == {"a": None}
    assert changes == {"a": "missing; no default and no bound to take instead"}


MOVING = StrategySpec(
    "s",
    (
        ParamSpec("n", "int", low=0, high=100),
        ParamSpec("k", "float", low=0.0, high=9.0, step=0.5),
        ParamSpec("x", "float", low=0.0, high=9.0),
        ParamSpec("c", "categorical", choices=("a", "b", 1, 2)),
        ParamSpec("b", "bool"),
        ParamSpec("even", "int", low=0, high=100, step=2),
    ),
)


@pytest.mark.parametrize(
    ("before", "after", "steps"),
    [
        ({"n": 20}, {"n": 20}, 0.0),
        ({"n": 20.0}, {"n": 20}, 0.0),
        # A rounding is a millionth of the number, or of 1 where the number is smaller.
        ({"n": 20.00001}, {"n": 20}, 0.0),
        ({"n": 20.00003}, {"n": 20}, 0.00003),
        ({"x": 9.000009}, {"x": 9.0}, 0.0),
        ({"x": -1e-7}, {"x": 0.0}, 0.0),
        # An int without a step has the step of 1.
        ({"n": 101}, {"n": 100}, 1.0),
        ({"n": 102}, {"n": 100}, None),
        ({"even": 21}, {"even": 20}, 0.5),
        ({"even": 102}, {"even": 100}, 1.0),
        ({"k": 9.5}, {"k": 9.0}, 1.0),
        ({"k": 9.51}, {"k": 9.0}, None),
        ({"k": 0.1 + 0.2 + 0.2}, {"k": 0.5}, 0.0),
        # A float without a step has no size that would be small.
        ({"x": 9.001}, {"x": 9.0}, None),
        # The parameter that moved most counts, and each has its own step.
        ({"n": 101, "k": 9.25}, {"n": 100, "k": 9.0}, 1.0),
        ({"n": 102, "k": 9.0}, {"n": 100, "k": 9.0}, None),
        # Another name is another experiment, and so is a value that is no number.
        ({"n": 20, "width": 1}, {"n": 20}, None),
        ({}, {"n": 20}, None),
        ({"width": 1}, {"width": 2}, None),
        ({"c": "x"}, {"c": "a"}, None),
        ({"c": 3}, {"c": 2}, None),
        ({"b": 1}, {"b": True}, None),
        ({"n": True}, {"n": 1}, None),
        ({"n": "20"}, {"n": 20}, None),
        ({"n": None}, {"n": 20}, None),
    ],
)
def test_a_repair_is_as_large_as_the_steps_of_the_number_that_it_moved_most(
    before: dict[str, ParamValue], after: dict[str, ParamValue], steps: float | None
) -> None:
    """More than one step, another name or a category: nothing says how far that is."""
    found = MOVING.moved(before, after)
    assert found == (None if steps is None else pytest.approx(steps))


numbers = st.floats(-1e6, 1e6) | st.integers(-(10**6), 10**6)
values = st.one_of(
    numbers, st.floats(), st.booleans(), st.none(), st.text(max_size=3), st.just(10**400)
)


@st.composite
def param_specs(draw: st.DrawFn, name: str) -> ParamSpec:
    kind = draw(st.sampled_from(["int", "float", "bool", "categorical"]))
    if kind == "bool":
        return ParamSpec(name, kind, default=draw(st.none() | st.booleans()))
    if kind == "categorical":
        choices = draw(st.lists(values.filter(lambda v: v == v), min_size=1, max_size=3))
        return ParamSpec(name, kind, choices=tuple(choices))
    number = st.integers(-1000, 1000) if kind == "int" else st.floats(-1e3, 1e3)
    step = st.integers(1, 40) if kind == "int" else st.floats(1e-6, 40)
    low, high = draw(st.none() | number), draw(st.none() | number)
    if low is not None and high is not None:
        low, high = min(low, high), max(low, high)
    grid = draw(st.none() | step)
    if low is None and high is not None and grid is not None:
        low = high - 5 * grid
    return ParamSpec(name, kind, low=low, high=high, step=grid, log=draw(st.booleans()))


@given(st.data())
def test_a_repaired_set_obeys_the_spec_or_says_why_it_does_not(data: st.DataObject) -> None:
    params = tuple(data.draw(param_specs(name)) for name in "abc")
    constraints = data.draw(st.lists(st.sampled_from(["a < b", "b != c"]), max_size=2))
    defaults = StrategySpec("s", params).defaults
    assume(defaults is None or all(constraint_holds(text, defaults) for text in constraints))
    spec = StrategySpec("s", params, constraints=tuple(constraints))
    given_params = data.draw(st.dictionaries(st.sampled_from("abcd"), values))
    repaired, changes = spec.repair(given_params)
    assert set(repaired) == {"a", "b", "c"}
    unrepaired = [text for text in changes.values() if "to take instead" in text]
    if not unrepaired and "constraints" not in changes:
        assert spec.problems(repaired) == []
    for name in repaired:
        if name not in changes:
            assert repaired[name] == given_params[name]


@given(st.data())
def test_a_repaired_value_is_allowed_and_a_second_repair_changes_nothing(
    data: st.DataObject,
) -> None:
    spec = data.draw(param_specs("x"))
    repaired = spec.repaired(data.draw(values))
    assert repaired is None or spec.problem_with(repaired) is None
    assert spec.repaired(repaired) == repaired


@given(st.data())
def test_a_spec_survives_the_round_trip_through_json(data: st.DataObject) -> None:
    spec = StrategySpec(
        "s",
        tuple(data.draw(param_specs(name)) for name in "ab"),
        version="2",
        constraints=("a != b or a == b",),
        floors={"min_trades": 20},
        description="what it does",
    )
    assert StrategySpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"name": "s", "parameters": []},
        {"name": "s", "params": {"a": {}}},
        {"name": "s", "params": ["a"]},
        {"name": "s", "params": [{"name": "a"}]},
        {"name": "s", "params": [{"name": "a", "type": "int", "minimum": 3}]},
        {"name": "s", "params": [{"name": "a", "type": "int"}] * 2},
        {"name": "", "params": []},
        {"name": "s", "constraints": "fast < slow"},
        {"name": "s", "constraints": ["fast < slow"]},
        {"name": "s", "floors": {"min_trade": 5}},
        {"name": "s", "floors": {"max_drawdown": 25}},
        {"name": "s", "floors": ["min_trades"]},
    ],
)
def test_a_spec_with_keys_or_values_that_mean_nothing_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpecError):
        StrategySpec.from_dict(data)


def test_defaults_that_break_a_constraint_are_refused() -> None:
    slow = ParamSpec("slow", "int", low=20, default=20)
    with pytest.raises(InvalidSpecError, match="fast < slow"):
        StrategySpec("s", (FAST, slow), constraints=("fast < slow",))


# --- parameters that only some sets have ----------------------------------------------------------

KIND = ParamSpec("kind", "categorical", choices=("sma", "ema", None), default="sma")
ALPHA = ParamSpec("alpha", "float", low=0.1, high=0.9, default=0.5, when={"kind": ("ema",)})
FADE = ParamSpec("fade", "bool", when={"alpha": (0.5,)})
AVERAGE = StrategySpec("average", (FADE, ALPHA, KIND), constraints=("alpha < 0.8",))


@pytest.mark.parametrize(
    ("params", "problems"),
    [
        ({"kind": "sma"}, []),
        ({"kind": None}, []),
        ({"kind": "ema", "alpha": 0.3}, []),
        ({"kind": "ema", "alpha": 0.5, "fade": True}, []),
        ({"kind": "ema"}, ["alpha is missing"]),
        ({"kind": "ema", "alpha": 0.5}, ["fade is missing"]),
        ({"kind": "ema", "alpha": 0.85}, ["alpha < 0.8 does not hold"]),
        ({"kind": "sma", "alpha": 0.3}, ["alpha = 0.3 applies only where kind is 'ema'"]),
        ({"alpha": 0.3}, ["kind is missing", "alpha = 0.3 applies only where kind is 'ema'"]),
    ],
)
def test_a_set_without_a_parameter_that_does_not_apply_obeys(
    params: dict[str, Any], problems: list[str]
) -> None:
    assert AVERAGE.problems(params) == problems


@pytest.mark.parametrize(
    ("params", "repaired", "changed"),
    [
        ({"kind": "sma"}, {"kind": "sma"}, {}),
        (
            {"kind": "sma", "alpha": 0.3},
            {"kind": "sma"},
            {"alpha": "applies only where kind is 'ema', dropped"},
        ),
        (
            {"kind": "ema"},
            {"fade": False, "alpha": 0.5, "kind": "ema"},
            {"alpha": "missing, set to 0.5", "fade": "missing, set to False"},
        ),
        (
            {"kind": "wma", "alpha": 0.3},
            {"kind": "sma"},
            {
                "kind": "'wma' is none of ['sma', 'ema', None], set to 'sma'",
                "alpha": "applies only where kind is 'ema', dropped",
            },
        ),
    ],
)
def test_a_repair_gives_a_parameter_to_the_sets_that_it_applies_to(
    params: dict[str, Any], repaired: dict[str, Any], changed: dict[str, str]
) -> None:
    assert AVERAGE.repair(params) == (repaired, changed)
    assert AVERAGE.problems(repaired) == []


def test_defaults_are_those_of_the_parameters_that_apply_together() -> None:
    assert AVERAGE.defaults == {"kind": "sma"}
    ema = ParamSpec("kind", "categorical", choices=("sma", "ema"), default="ema")
    assert StrategySpec("s", (ALPHA, ema)).defaults == {"alpha": 0.5, "kind": "ema"}
    assert StrategySpec("s", (FADE, ALPHA, ema)).defaults is None


@pytest.mark.parametrize("kind", ["ema", ["ema"], ("ema",)])
def test_conditions_survive_files_and_other_specs_are_written_as_before(kind: Any) -> None:
    data = {
        "name": "s",
        "params": [
            {"name": "alpha", "type": "float", "when": {"kind": kind}},
            {"name": "kind", "type": "categorical", "choices": ["sma", "ema"]},
        ],
    }
    spec = StrategySpec.from_dict(data)
    assert spec.params[0].when == {"kind": ("ema",)}
    written = json.loads(json.dumps(spec.to_dict()))
    assert StrategySpec.from_dict(written) == spec
    assert [("when" in param) for param in written["params"]] == [True, False]
    assert hash(spec.params[0])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ((ALPHA,), "when: 'kind' is not another parameter"),
        ((KIND, ParamSpec("a", "int", when={"kind": ("wma",)})), "when: 'kind' can never be 'wma'"),
        ((ParamSpec("a", "int", when={"a": (1,)}),), "when: 'a' goes in a circle"),
        (
            (ParamSpec("a", "int", when={"b": (1,)}), ParamSpec("b", "int", when={"a": (1,)})),
            "when: 'b' goes in a circle",
        ),
    ],
)
def test_a_condition_that_can_never_be_is_refused(
    params: tuple[ParamSpec, ...], message: str
) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        StrategySpec("s", params)
    assert message in str(caught.value)


def test_a_condition_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(InvalidSpecError, match="when 'kind' is no mapping"):
        ParamSpec("a", "int", when="kind")  # type: ignore[arg-type]
