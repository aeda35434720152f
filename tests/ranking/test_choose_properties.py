"""The choice of one parameter set against a loop, and what must not change it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.ranking.choose import Choice, choose


@dataclass(frozen=True)
class Entry:
    """One parameter set."""

    expected: float
    preference: float = 0.0
    reach: float = 0.0
    allowed: bool = True
    promoted: bool = False
    nomination: int = 0


entries = st.lists(
    st.builds(
        Entry,
        expected=st.integers(-6, 6).map(lambda n: n / 4) | st.floats(-1, 1) | st.just(math.nan),
        preference=st.integers(0, 4).map(lambda n: n / 4) | st.floats(0, 1),
        reach=st.integers(0, 4).map(lambda n: n / 4),
        allowed=st.sampled_from([True, True, True, False]),
        promoted=st.booleans(),
    ),
    min_size=1,
    max_size=8,
).map(lambda found: [replace(e, nomination=k) for k, e in enumerate(found)])


def chosen(found: list[Entry]) -> Choice | None:
    names = ("expected", "reach", "preference", "allowed", "promoted", "nomination")
    return choose(*(np.array([getattr(e, name) for e in found]) for name in names))


def winner(found: list[Entry]) -> Entry | None:
    choice = chosen(found)
    return found[choice.pset] if choice else None


def reference(found: list[Entry]) -> Entry | None:
    """The documented rule, one set at a time; numbers within rounding are equal."""
    left = [e for e in found if e.allowed and math.isfinite(e.expected)]
    if not left:
        return None
    most = max(e.expected for e in left)
    equal = [e for e in left if most - e.expected <= 1e-12]
    best = min(equal, key=lambda e: (-e.preference, e.nomination))
    band = [e for e in left if best.expected - e.expected <= best.reach + 1e-12]
    pool = [e for e in band if e.promoted] or band
    top = max(e.preference for e in pool)
    return min((e for e in pool if top - e.preference <= 1e-12), key=lambda e: e.nomination)


@given(entries)
def test_the_choice_is_that_of_the_documented_rule(found: list[Entry]) -> None:
    assert winner(found) == reference(found)


@given(entries, st.permutations(range(8)))
def test_the_order_of_the_sets_does_not_matter(found: list[Entry], order: list[int]) -> None:
    places = [k for k in order if k < len(found)]
    one, other = chosen(found), chosen([found[k] for k in places])
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        renamed = replace(other, pset=places[other.pset], best=places[other.best])
        assert renamed == one


@given(entries)
def test_a_choice_costs_what_it_is_expected_to_earn_less_than_the_best(found: list[Entry]) -> None:
    choice = chosen(found)
    if choice is not None:
        best = found[choice.best]
        assert choice.cost == max(best.expected - found[choice.pset].expected, 0.0)
        assert 0 <= choice.cost <= best.reach + 1e-11
        assert choice.cost <= 1e-12 or choice.rule != "evidence"


@given(entries)
def test_a_promotion_decides_where_without_it_another_set_or_its_place_would(
    found: list[Entry],
) -> None:
    choice, without = chosen(found), chosen([replace(e, promoted=False) for e in found])
    if choice is None or without is None:
        assert choice is without
        return
    assert without.rule != "promoted"
    if choice.rule == "promoted":
        assert found[choice.pset].promoted
        assert without.pset != choice.pset or without.rule == "nomination"
    elif choice.rule != "nomination":
        assert without == choice


@given(entries, st.data())
def test_a_set_that_is_worse_by_every_rule_never_changes_the_choice(
    found: list[Entry], data: st.DataObject
) -> None:
    choice = chosen(found)
    if choice is None:
        return
    mine = found[choice.pset]
    worse = Entry(
        expected=mine.expected - data.draw(st.floats(1e-9, 2)),
        preference=mine.preference - data.draw(st.floats(1e-9, 1)),
        reach=data.draw(st.floats(0, 9)),
        promoted=mine.promoted and data.draw(st.booleans()),
        nomination=99,
    )
    assert chosen([*found, worse]) == choice
    assert winner([worse, *found]) == mine


@given(entries, st.floats(0, 2), st.sampled_from([0.0, 0.25, 1.0]))
def test_where_all_are_as_sure_a_chosen_set_that_is_expected_to_earn_more_stays_chosen(
    found: list[Entry], more: float, reach: float
) -> None:
    found = [replace(e, reach=reach) for e in found]
    mine = winner(found)
    if mine is not None:
        raised = replace(mine, expected=mine.expected + more)
        assert winner([raised if e is mine else e for e in found]) == raised


@pytest.mark.parametrize("ulps", [0, 1, 5])
@given(n=st.integers(1, 99), promoted=st.booleans())
def test_rounding_does_not_decide_between_sets_of_equal_evidence(
    ulps: int, n: int, promoted: bool
) -> None:
    lower = above = n / 100
    for _ in range(ulps):
        above = math.nextafter(above, 2.0)
    first = Entry(lower, lower, promoted=promoted, nomination=0)
    second = Entry(above, above, promoted=promoted, nomination=1)
    assert winner([first, second]) == winner([second, first]) == first
