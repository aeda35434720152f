"""Steps of a parameter: what the axis of a heat map shows."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.monitoring.levels import BINS, MOST_LEVELS, levels, varying

NUMBERS = st.one_of(
    st.none(),
    st.integers(-50, 50),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES = st.lists(NUMBERS, min_size=1, max_size=80)


def values_of(name, sets):
    found = levels(name, sets)
    return found.table["value"].to_list()


def test_numbers_are_in_order_and_what_names_none_is_last():
    sets = [{"n": 20}, {"n": 5.5}, {}, {"n": 5}]
    found = levels("n", sets)
    assert found.numeric and not found.binned
    assert found.table["value"].to_list() == [5.0, 5.5, 20.0, None]
    assert found.code.tolist() == [2, 1, 3, 0]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["b", "a", None], ["a", "b", None]),
        ([True, False], ["false", "true"]),
        ([1, "auto"], ["1", "auto"]),
        ([True, 1], ["1", "true"]),
        ([None, None], [None]),
    ],
)
def test_what_are_not_all_numbers_are_categories(given, wanted):
    sets = [{"k": value} for value in given]
    assert values_of("k", sets) == wanted
    assert not levels("k", sets).numeric


def test_of_many_categories_those_of_the_most_sets_are_told_apart():
    """Ten thousand names were as many columns: no answer or picture holds their square."""
    few = [{"k": f"name {n}"} for n in range(MOST_LEVELS)]
    assert levels("k", few).table.height == MOST_LEVELS
    often = [{"k": f"often {n:02}"} for n in range(MOST_LEVELS - 1)]
    sets = [*({"k": f"name {n}"} for n in range(10_000)), *often, *often, {}]
    found = levels("k", sets)
    assert found.binned
    assert found.distinct == 10_000 + MOST_LEVELS - 1
    values = found.table["value"].to_list()
    assert values == ["... 10,000 others", *(one["k"] for one in often), None]
    assert set(found.code[:10_000]) == {0}
    assert found.code[-1] == len(values) - 1


def test_without_a_parameter_all_sets_are_on_one_step():
    found = levels(None, [{"n": 1}, {"n": 2}])
    assert found.code.tolist() == [0, 0]
    assert found.table["value"].to_list() == [None]


def test_no_sets_have_no_steps():
    assert levels("n", []).table.is_empty()
    assert varying([]) == ()


def test_thirty_numbers_are_told_apart_and_more_are_put_together():
    few, more = ([{"n": i} for i in range(n)] for n in (MOST_LEVELS, MOST_LEVELS + 1))
    assert levels("n", few).table.height == MOST_LEVELS
    found = levels("n", more)
    assert found.binned
    assert found.distinct == MOST_LEVELS + 1
    assert found.table.height == BINS


@given(VALUES)
def test_every_set_is_on_the_one_step_that_holds_its_value(values):
    sets = [{} if value is None else {"n": value} for value in values]
    found = levels("n", sets)
    rows = found.table.rows(named=True)
    for value, code in zip(values, found.code.tolist(), strict=True):
        row = rows[code]
        assert row["code"] == code
        if value is None:
            assert row["value"] is None
        else:
            assert row["low"] <= value <= row["high"]
    known = [row for row in rows if row["low"] is not None]
    assert all(a["high"] < b["low"] for a, b in pairwise(known))
    assert all(row["low"] <= row["value"] <= row["high"] for row in known)


def test_parameters_that_vary_are_told_numbers_with_most_values_first():
    sets = [
        {"mode": m, "n": n, "k": k, "same": 1} for m in "ab" for n in (1, 2, 3) for k in (0.5, 1.0)
    ]
    assert varying(sets) == ("n", "k", "mode")


def test_a_parameter_that_only_some_sets_name_varies():
    assert varying([{"n": 1}, {}]) == ("n",)
