"""Parameters of a runbook are read from its cell, and values are refused or taken as they are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.exceptions import ConfigurationError, InvalidInputError, NotFoundError
from tradingkb.runbooks.book.parameters import checked, read_parameters

CELL = """
strategy: str  # which one
workspace: str = "default"  # slug or id
dry_run: bool = True  # change nothing
wait_s: float = 30.0  # seconds
count: int = 3  # how many
since: "datetime | None" = None  # ISO time, UTC
day: "date | None" = "2026-11-28"  # ISO date
backend: "Literal['memory', 'redis']" = "memory"  # which backend
"""
KNOWN = read_parameters(CELL, "a notebook")


def values(**more: Any) -> dict[str, Any]:
    return checked(KNOWN, {"strategy": "sma_cross", **more})


def test_defaults_stand_where_nothing_is_given():
    assert values() == {
        "strategy": "sma_cross",
        "workspace": "default",
        "dry_run": True,
        "wait_s": 30.0,
        "count": 3,
        "since": None,
        "day": "2026-11-28",
        "backend": "memory",
    }


def test_texts_of_a_command_line_become_values_of_their_types():
    found = values(
        dry_run="false", wait_s="2.5", count="4", since="2026-11-28T02:00", backend="redis"
    )
    assert (found["dry_run"], found["wait_s"], found["count"]) == (False, 2.5, 4)
    assert (found["since"], found["backend"]) == ("2026-11-28T02:00:00+00:00", "redis")
    assert values(since="none", day="")["day"] is None


def test_an_unknown_name_is_refused_with_those_that_are_near():
    with pytest.raises(
        NotFoundError, match=r"unknown parameter 'workspce' \(did you mean workspace"
    ):
        values(workspce="desk")


def test_a_required_value_that_is_missing_is_asked_for():
    with pytest.raises(InvalidInputError, match=r"strategy: a value is missing .*-p strategy="):
        checked(KNOWN, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", "three"),
        ("count", 2.5),
        ("count", True),
        ("count", None),
        ("wait_s", "nan"),
        ("wait_s", float("inf")),
        ("wait_s", False),
        ("dry_run", "perhaps"),
        ("dry_run", 2),
        ("workspace", 5),
        ("workspace", None),
        ("since", "yesterday"),
        ("since", 1_700_000_000),
        ("day", "2026-02-31"),
        ("day", 20261128),
        ("day", "1700000000"),
        ("backend", "mongo"),
        ("strategy", ["a"]),
    ],
)
def test_a_value_of_another_type_is_refused_and_its_parameter_named(name: str, value: Any):
    with pytest.raises(InvalidInputError) as refused:
        values(**{name: value})
    assert refused.value.field == name
    assert "it is " in (refused.value.remedy or "")


@given(
    st.integers(-(2**60), 2**60), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)
)
def test_values_and_their_texts_say_the_same(count: int, dry_run: bool, wait_s: float):
    given_values = {"count": count, "dry_run": dry_run, "wait_s": wait_s}
    texts = {name: str(value) for name, value in given_values.items()}
    assert values(**given_values) == values(**texts)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("count = 3  # how many", "is no parameter"),
        ("count: int = 3", "has no meaning"),
        ("count: int = many  # how many", "is no literal"),
        ("count: int = 'x'  # how many", "the default is wrong"),
        ("count: int = []  # how many", "is no literal"),
        ("count: int = {[]: 1}  # how many", "is no literal"),
        ("count: Literal[[1], 2] = 2  # how many", "the choices of count are no literals"),
        ("_count: int = 3  # how many", "begins with an underscore"),
        ("count: list[int] = []  # how many", "type of count is not known"),
        ("count: 'int | str' = 1  # how many", "more than one type"),
        ("count: int = = 3  # how many", "is no Python"),
        ("count: int = 1  # one\ncount: int = 2  # two", "is there twice"),
    ],
)
def test_a_line_that_is_no_parameter_is_refused_with_its_number(line: str, wrong: str):
    with pytest.raises(
        ConfigurationError, match=rf"a notebook, parameters cell, line \d: .*{wrong}"
    ):
        read_parameters(line, "a notebook")


def test_a_cell_may_import_what_its_types_need_and_nothing_else():
    cell = 'backend: Literal["memory", "redis"] = "memory"  # which backend'
    (one,) = read_parameters(f"from typing import Literal\n\n{cell}", "a notebook")
    assert one.choices == ("memory", "redis")
    with pytest.raises(ConfigurationError, match="line 1: is no parameter"):
        read_parameters(f"import typing\n{cell}", "a notebook")
