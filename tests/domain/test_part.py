"""Parts of an answer are values with names, and read like the JSON that they become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pytest

from tradingkb.domain.part import Part


@dataclass(frozen=True)
class Inner(Part):
    value: float


@dataclass(frozen=True)
class Outer(Part):
    name: str
    inner: Inner | None = None
    many: tuple[Any, ...] = ()
    named: Mapping[Any, Any] = field(default_factory=dict)


OUTER = Outer("x", Inner(0.5), (Inner(1.0), "a", (2, 3)), MappingProxyType({1: Inner(2.0)}))


def test_a_field_is_the_same_by_name_and_by_key() -> None:
    assert [OUTER[name] for name in OUTER] == [getattr(OUTER, name) for name in OUTER]
    assert OUTER["inner"]["value"] == OUTER.inner.value == 0.5  # type: ignore[union-attr]


def test_fields_come_in_their_order_and_are_counted() -> None:
    assert list(OUTER) == ["name", "inner", "many", "named"]
    assert (len(OUTER), len(Inner(1.0))) == (4, 1)
    assert dict(Inner(1.0)) == {"value": 1.0}


@pytest.mark.parametrize("name", ["values", "to_dict", "_names", "other", 1])
def test_what_is_no_field_is_no_key(name: Any) -> None:
    assert name not in OUTER
    with pytest.raises(KeyError, match=str(name)):
        OUTER[name]
