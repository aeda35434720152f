"""Parameters are named like variables, whoever wrote them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.domain import (
    ParamSpec,
    StrategySpec,
    as_param_name,
    check_param_names,
    is_param_name,
)
from tradingkb.exceptions import InvalidSpecError

NO_NAMES = {
    "fast period": "fast_period",
    "": "p",
    "a.b": "a_b",
    "opt/lr-1": "opt_lr_1",
    "5": "p_5",
    "fast\x1b[2J": "fast_2J",
    "n=5": "n_5",
    " ": "p",
}


# What optimisers write of real strategies: freqtrade, Optuna, and letters of any alphabet.
@pytest.mark.parametrize(
    "name", ["buy_rsi", "roi_t1", "allow_short", "lambda", "N", "p\u00e9riode"]
)
def test_what_optimisers_call_parameters_is_a_name(name: str) -> None:
    assert is_param_name(name)
    check_param_names(StrategySpec("s", (ParamSpec(name, "int"),)))


@pytest.mark.parametrize(("name", "near"), NO_NAMES.items())
def test_a_parameter_of_a_spec_that_no_trial_can_have_is_refused_with_a_name(
    name: str, near: str
) -> None:
    spec = StrategySpec("s", (ParamSpec("fast", "int"), ParamSpec(name, "int")))
    with pytest.raises(InvalidSpecError, match="is no name of a parameter") as caught:
        check_param_names(spec)
    assert caught.value.remedy == f"rename it: {near}"


def test_a_spec_that_an_earlier_release_stored_is_still_read() -> None:
    spec = StrategySpec("s", (ParamSpec("fast period", "int", default=5),))
    assert StrategySpec.from_dict(spec.to_dict()) == spec


@given(st.text(max_size=12))
def test_there_is_a_name_near_every_text(text: str) -> None:
    near = as_param_name(text)
    assert is_param_name(near)
    assert not is_param_name(text) or as_param_name(near) == near
