"""What a request may say of the filters, and how a value that means nothing is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tradingkb.domain.overrides import OVERRIDABLE, Overrides, check_overrides
from tradingkb.exceptions import InvalidInputError


def test_what_is_given_is_what_is_not_none() -> None:
    given = Overrides(require_oos=False, min_trades=0, regime_tags=()).given
    assert given == {"require_oos": False, "min_trades": 0, "regime_tags": ()}
    assert Overrides().given == {}


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [
        ("require_oos", True, True),
        ("require_oos", False, False),
        ("require_oos", np.True_, True),
        ("max_drawdown", 0, 0.0),
        ("max_drawdown", 1, 1.0),
        ("min_trades", 0, 0),
        ("min_trades", 5.0, 5),
        ("min_trades", np.int64(7), 7),
        ("max_overfit_gap", 0, 0.0),
        ("max_overfit_gap", math.inf, math.inf),
        ("regime_tags", "uptrend", ("uptrend",)),
        ("regime_tags", ["uptrend", "calm"], ("uptrend", "calm")),
        ("regime_tags", (), ()),
        ("regime_tags", np.array(["uptrend"]), ("uptrend",)),
        ("regime_tags", (tag for tag in ["a", "b"]), ("a", "b")),
    ],
)
def test_a_value_is_taken_with_the_type_of_its_filter(name: str, value: Any, taken: Any) -> None:
    found = check_overrides({name: value})
    assert found == {name: taken}
    assert type(found[name]) is type(taken)


def test_none_leaves_a_filter_alone() -> None:
    assert check_overrides(dict.fromkeys(OVERRIDABLE)) == {}


@pytest.mark.parametrize(
    ("name", "value", "message", "remedy"),
    [
        ("max_dd", 0.2, "'max_dd' is no filter", f"use {', '.join(OVERRIDABLE)}"),
        ("require_oos", 1, "1 is neither true nor false", "give True or False"),
        ("max_drawdown", 1.01, "1.01 is out of range", "25 % is 0.25"),
        ("max_drawdown", -0.1, "-0.1 is out of range", "25 % is 0.25"),
        ("max_drawdown", math.nan, "nan is out of range", "25 % is 0.25"),
        ("max_drawdown", "0.2", "'0.2' is not a number", "25 % is 0.25"),
        ("min_trades", 2.5, "2.5 is out of range", "give a whole number, 0 or more"),
        ("min_trades", True, "True is not a number", "give a whole number, 0 or more"),
        ("min_trades", math.inf, "inf is out of range", "give a whole number, 0 or more"),
        ("max_overfit_gap", -1, "-1 is out of range", "infinity switches it off"),
        ("regime_tags", 5, "5 is no list of tags", 'such as ["uptrend"]'),
        ("regime_tags", {"a": 1}, "{'a': 1} is no list of tags", 'such as ["uptrend"]'),
        ("regime_tags", [1], "[1] is no list of tags", 'such as ["uptrend"]'),
    ],
)
def test_a_value_that_means_nothing_is_refused_with_the_remedy(
    name: str, value: Any, message: str, remedy: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        check_overrides({name: value})
    assert message in str(caught.value)
    assert caught.value.field == name
    assert str(caught.value.remedy).endswith(remedy)


def test_overrides_are_checked_and_take_their_types_when_they_are_stated() -> None:
    stated = Overrides(min_trades=5.0, max_drawdown=1, regime_tags="uptrend")  # type: ignore[arg-type]
    assert repr(stated.given) == repr(
        {"max_drawdown": 1.0, "min_trades": 5, "regime_tags": ("uptrend",)}
    )
    with pytest.raises(InvalidInputError) as caught:
        Overrides(max_drawdown=25)
    assert caught.value.field == "max_drawdown"
