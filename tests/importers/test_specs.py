"""Specs that are registered."""

from __future__ import annotations

from typing import Any

import pytest

from tradingkb.domain import ParamSpec, StrategySpec
from tradingkb.exceptions import InvalidSpecError
from tradingkb.importers.specs import specs_to_register

HUGE = 2**64


@pytest.mark.parametrize(
    ("key", "param"),
    [
        ("low", {"low": -HUGE}),
        ("high", {"high": HUGE}),
        ("step", {"step": HUGE}),
        ("default", {"default": HUGE}),
        ("choices", {"type": "categorical", "choices": (1, HUGE)}),
        ("when.kind", {"when": {"kind": (HUGE,)}}),
    ],
)
def test_an_integer_beyond_64_bits_is_no_part_of_a_spec(key: str, param: dict[str, Any]) -> None:
    kind = ParamSpec("kind", "categorical", choices=(HUGE, 1) if "when" in param else (1, 2))
    spec = StrategySpec("s", (ParamSpec(**{"name": "n", "type": "int", **param}), kind))
    with pytest.raises(InvalidSpecError, match="is an integer of more than 64 bits") as caught:
        specs_to_register(spec)
    assert caught.value.message.startswith(key)
    assert caught.value.field == "n"
    assert caught.value.remedy is not None


def test_a_bound_may_be_a_float_of_any_size() -> None:
    spec = StrategySpec("s", (ParamSpec("n", "float", low=-1e30, high=1e30, default=1e22),))
    assert specs_to_register(spec) == [spec]
