from __future__ import annotations

from typing import Any

import pytest

from tradingkb.domain.constraints import MAX_LENGTH, check_constraint, constraint_holds
from tradingkb.exceptions import InvalidSpecError


@pytest.mark.parametrize(
    ("text", "params", "holds"),
    [
        ("fast < slow", {"fast": 3, "slow": 20}, True),
        ("fast < slow", {"fast": 20, "slow": 20}, False),
        ("0 < a <= b < 10", {"a": 1, "b": 1}, True),
        ("0 < a <= b < 10", {"a": 2, "b": 1}, False),
        ("b - a >= 2 * a + 1", {"a": 1, "b": 4}, True),
        ("not (a == 1 and b == 2)", {"a": 1, "b": 2}, False),
        ("a == 1 or b == 2", {"a": 0, "b": 2}, True),
        ("-a < 0", {"a": 1}, True),
        ("mode == 'atr' and k > 1", {"mode": "atr", "k": 2.0}, True),
        ("mode != 'atr' or k > 1", {"mode": "bb", "k": None}, True),
        ("slow == 0 or fast / slow < 1", {"fast": 1, "slow": 0}, True),
        ("fast / slow < 1", {"fast": 1, "slow": 0}, False),
        ("a < b", {"a": 1}, False),
        ("a < b", {"a": 1, "b": "x"}, False),
        ("a / b < 1", {"a": 10**400, "b": 3}, False),
        ("flag and a > 1", {"flag": True, "a": 2}, True),
        (" a < b ", {"a": 1, "b": 2}, True),
    ],
)
def test_constraints_mean_what_they_mean_in_python_and_errors_make_them_false(
    text: str, params: dict[str, Any], holds: bool
) -> None:
    assert constraint_holds(text, params) is holds


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "a.real < b",
        "a.__class__.__mro__ == b",
        "a[0] < b",
        "(lambda: a)() < b",
        "[a for a in (1, 2)] == b",
        "a ** 99999999 < b",
        "a << 99999999 < b",
        "a % b == 0",
        "{a: b} == {}",
        "f'{a}' == b",
        "(a := 3) < b",
        "a if b else a",
        "b'x' == a",
        "... == a",
        "1j == a",
        "a < c",
        "a <",
        "a = b",
        "a < b; b < a",
        "",
        "a < b\0",
        "(" * 300 + "a" + ")" * 300,
        "a < " + "1" * 5000,
        "a < b" + " " * MAX_LENGTH,
        5,
        None,
    ],
)
def test_anything_but_a_plain_expression_over_the_parameters_is_refused(text: Any) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        check_constraint(text, ["a", "b"])
    assert caught.value.field == "constraints"
    assert constraint_holds(text, {"a": 1, "b": 2}) is False


@pytest.mark.parametrize("text", ["'x' * 999999999999 == a", "a * 999999999999 == 'x'"])
def test_texts_cannot_be_multiplied_until_the_memory_is_full(text: str) -> None:
    assert constraint_holds(text, {"a": "x"}) is False


def test_a_deeply_nested_expression_is_evaluated_within_the_length_limit() -> None:
    assert constraint_holds("-" * (MAX_LENGTH - 6) + "a != 0", {"a": 1}) in (True, False)


@pytest.mark.parametrize(
    ("text", "params", "holds"),
    [
        ("not a == 1", {"a": 2}, True),
        ("not flag", {"flag": False}, True),
        ("not flag", {"flag": True}, False),
        ("a == 1 and b == 2", {"a": 1, "b": 3}, False),
        ("a == 1 and b == 2 and c == 3", {"a": 1, "b": 2, "c": 3}, True),
        ("a == 1 or b == 2", {"a": 0, "b": 0}, False),
        ("a < b < c", {"a": 1, "b": 2, "c": 3}, True),
        ("a < b < c", {"a": 1, "b": 2, "c": 2}, False),
        ("mode * 2 == 'aa'", {"mode": "a"}, False),
    ],
)
def test_not_and_and_or_join_what_they_stand_between(
    text: str, params: dict[str, Any], holds: bool
) -> None:
    assert constraint_holds(text, params) is holds


@pytest.mark.parametrize("text", ["fast < slow", " fast < 2 * slow ", "fast == 1 or not slow > 3"])
def test_a_plain_expression_over_the_parameters_is_accepted(text: str) -> None:
    check_constraint(text, ["fast", "slow"])


def test_a_constraint_may_be_as_long_as_the_limit_and_no_longer() -> None:
    longest = "a < b" + " " * (MAX_LENGTH - 5)
    check_constraint(longest, ["a", "b"])
    with pytest.raises(InvalidSpecError):
        check_constraint(longest + " ", ["a", "b"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (5, "a constraint is a text"),
        ("a <", "cannot read constraint 'a <'"),
        ("a < c", "constraint 'a < c' names 'c', which is no parameter"),
        ("a ** b", "constraint 'a ** b' may hold names, numbers, + - * /, comparisons, and/or/not"),
    ],
)
def test_a_refusal_says_what_a_constraint_may_be(text: Any, message: str) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        check_constraint(text, ["a", "b"])
    assert message in str(caught.value)


def test_the_remedy_for_what_is_no_text_is_an_example() -> None:
    with pytest.raises(InvalidSpecError) as caught:
        check_constraint("a" * 501, ["a"])
    assert caught.value.remedy == 'for example "fast < slow"; at most 500 characters'
