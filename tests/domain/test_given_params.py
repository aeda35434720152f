"""A parameter set that a user gives is read against the spec, or against what was tried."""

from __future__ import annotations

from typing import Any

import pytest

from tradingkb.domain.given_params import GivenParams, read_params
from tradingkb.domain.param_reading import MEAN_NOTHING
from tradingkb.domain.param_spec import ParamSpec
from tradingkb.domain.strategy import StrategySpec
from tradingkb.exceptions import InvalidInputError

SPEC = StrategySpec(
    "s",
    (
        ParamSpec("slow", "int", low=20, default=50),
        ParamSpec("fast", "int"),
        ParamSpec("mode", "categorical", choices=("ema", "sma"), default="ema"),
        ParamSpec("flag", "bool", default=False),
    ),
)
TRIED = [{"fast": 3, "mode": "ema"}, {"fast": 5, "mode": None, "flag": True}]


# --- what is read ---------------------------------------------------------------------------------


def test_what_is_missing_is_filled_with_the_declared_defaults() -> None:
    found = read_params({"fast": 3, "mode": "sma"}, SPEC, TRIED)
    assert found == GivenParams(
        {"fast": 3, "flag": False, "mode": "sma", "slow": 50}, {"slow": 50, "flag": False}
    )
    assert list(found.params) == sorted(found.params)


@pytest.mark.parametrize(
    "given",
    ['{"mode": "ema", "fast": 3.0}', {"mode": "ema", "fast": 3}, {"fast": 3.0, "mode": "ema"}],
)
def test_a_set_reads_the_same_as_json_or_as_a_mapping_in_any_order(given: Any) -> None:
    assert read_params(given, None, TRIED).params == {"fast": 3, "mode": "ema"}


def test_a_value_out_of_its_bounds_is_read_all_the_same() -> None:
    assert read_params({"fast": 3, "slow": 1}, SPEC, []).params["slow"] == 1


def test_without_a_spec_what_every_tried_set_has_is_needed_and_the_rest_is_not() -> None:
    assert read_params({"fast": 3, "mode": None}, None, TRIED).filled == {}
    assert read_params({"fast": 3, "mode": None, "flag": False}, None, TRIED).params == {
        "fast": 3,
        "flag": False,
        "mode": None,
    }


def test_where_nothing_says_the_names_every_set_is_taken() -> None:
    assert read_params({"b": "x", "a": 1}, None, []) == GivenParams({"a": 1, "b": "x"}, {})


def test_a_parameter_that_was_never_declared_a_type_may_be_any_that_was_tried() -> None:
    tried: list[dict[str, Any]] = [{"a": 1}, {"a": "x"}]
    assert read_params({"a": "y"}, None, tried).params == {"a": "y"}
    assert read_params({"a": 2.5}, None, tried).params == {"a": 2.5}


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "spec", "message", "remedy"),
    [
        (
            "{fast: 3}",
            SPEC,
            "'{fast: 3}' is no JSON",
            'give a mapping or JSON text such as {"fast": 10, "slow": 50}',
        ),
        (
            '{"fast": 3, "fast": 4}',
            SPEC,
            "a name stands in it twice",
            'give a mapping or JSON text such as {"fast": 10, "slow": 50}',
        ),
        (
            "[1, 2]",
            SPEC,
            "list is no parameter set",
            'give a mapping or JSON text such as {"fast": 10, "slow": 50}',
        ),
        (
            5,
            SPEC,
            "int is no parameter set",
            'give a mapping or JSON text such as {"fast": 10, "slow": 50}',
        ),
        (
            {"fst": 3},
            SPEC,
            "unknown parameter 'fst'",
            "did you mean fast? the parameters are slow, fast, mode, flag",
        ),
        ({"zzz": 3}, None, "unknown parameter 'zzz'", "the parameters are fast, flag, mode"),
        (
            {"slow": 50},
            SPEC,
            "fast is missing, and no default is declared for it",
            "give fast too",
        ),
        (
            {"fast": 3},
            None,
            "mode is missing, and no default is declared for it",
            "give mode too",
        ),
        ({"fast": "3O"}, SPEC, "fast = '3O' is a text, not a number", "give a number for fast"),
        ({"fast": "3"}, None, "fast = '3' is a text, not a number", "give a number for fast"),
        (
            {"fast": None},
            SPEC,
            "fast = None is null, not a number",
            f"give a number for fast; {MEAN_NOTHING}",
        ),
        ({"fast": True}, SPEC, "fast = True is a boolean, not a number", "give a number for fast"),
        (
            {"fast": 3, "flag": 1},
            SPEC,
            "flag = 1 is a number, not a boolean",
            "give a boolean for flag",
        ),
        (
            {"fast": 3, "mode": 1},
            SPEC,
            "mode = 1 is a number, not a text",
            "give a text for mode",
        ),
        (
            {"fast": 3, "mode": 1},
            None,
            "mode = 1 is a number, not a text or null",
            "give a text or null for mode",
        ),
    ],
)
def test_a_set_that_is_wrong_is_refused_with_the_remedy(
    given: Any, spec: StrategySpec | None, message: str, remedy: str
) -> None:
    tried = [{"fast": 3, "mode": "ema"}, {"fast": 3, "mode": None, "flag": True}]
    with pytest.raises(InvalidInputError) as caught:
        read_params(given, spec, tried)
    assert message in str(caught.value)
    assert (caught.value.field, caught.value.remedy) == ("params", remedy)


def test_a_refusal_shows_sixty_characters_of_a_long_text() -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_params("x" * 500, SPEC, [])
    assert "x" * 60 in str(caught.value)
    assert "x" * 61 not in str(caught.value)


def test_several_near_names_are_suggested_beside_each_other() -> None:
    tried: list[dict[str, Any]] = [{"fast": 3, "fasts": 5}]
    with pytest.raises(InvalidInputError) as caught:
        read_params({"fst": 3}, None, tried)
    assert caught.value.remedy == ("did you mean fast or fasts? the parameters are fast, fasts")
