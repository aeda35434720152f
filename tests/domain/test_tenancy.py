"""Who changes something, as far as a store can hold it."""

from __future__ import annotations

from typing import Any

import pytest

from tradingkb.domain.tenancy import Actor
from tradingkb.exceptions import InvalidInputError


@pytest.mark.parametrize(
    ("given", "reason"),
    [(None, None), ("", None), ("  ", None), (" no edge\n", "no edge"), ("a b", "a b")],
)
def test_a_reason_is_what_is_left_of_it_without_the_spaces_around(
    given: str | None, reason: str | None
) -> None:
    assert Actor("ada", reason=given).reason == reason


def test_the_longest_names_are_those_that_the_columns_hold() -> None:
    actor = Actor("n" * 128, "k" * 32, "r" * 10_000)
    assert (len(actor.name), len(actor.kind), len(actor.reason or "")) == (128, 32, 10_000)


@pytest.mark.parametrize(
    ("facts", "field", "message", "remedy"),
    [
        (("n" * 129, "admin"), "actor", "is longer than 128 characters", "shorten it"),
        (("ada", "k" * 33), "actor_type", "is longer than 32 characters", "shorten it"),
        (("a\0", "admin"), "actor", "holds a NUL character", "remove it"),
        (("ada", "\0"), "actor_type", "holds a NUL character", "remove it"),
        (("ada", "admin", "no\0"), "reason", "holds a NUL character", "remove it"),
    ],
)
def test_a_text_that_no_column_holds_is_refused_by_name(
    facts: tuple[Any, ...], field: str, message: str, remedy: str
) -> None:
    with pytest.raises(InvalidInputError, match=message) as caught:
        Actor(*facts)
    assert (caught.value.field, caught.value.remedy) == (field, remedy)
