"""The choice of one parameter set against a loop, and what must not change it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.domain.strategy import Params
from tradingkb.ranking.choose import CHOICE_EPSILON, choose, few_trades_penalty
from tradingkb.ranking.plateau import coordinates, smooth


@dataclass(frozen=True)
class Entry:
    """One parameter set."""

    score: float
    allowed: bool = True
    promoted: bool = False
    nomination: int = 0


entries = st.lists(
    st.builds(
        Entry,
        score=st.integers(0, 12).map(lambda n: n / 500) | st.floats(0, 1) | st.just(math.nan),
        allowed=st.sampled_from([True, True, True, False]),
        promoted=st.booleans(),
    ),
    min_size=1,
    max_size=10,
).map(lambda found: [replace(e, nomination=k) for k, e in enumerate(found)])


def winner(found: list[Entry]) -> Entry | None:
    score, allowed, promoted, nomination = (
        np.array([getattr(e, name) for e in found])
        for name in ("score", "allowed", "promoted", "nomination")
    )
    choice = choose(score, allowed, promoted, nomination)
    return found[choice.pset] if choice else None


def reference(found: list[Entry]) -> Entry | None:
    """The documented rule, one set at a time; scores within rounding are equal."""
    left = [e for e in found if e.allowed and math.isfinite(e.score)]
    if not left:
        return None
    best = max(e.score for e in left)
    band = [e for e in left if e.promoted and best - e.score <= CHOICE_EPSILON + 1e-12]
    pool = band or left
    top = max(e.score for e in pool)
    equal = [e for e in pool if top - e.score <= 1e-12]
    return min(equal, key=lambda e: e.nomination)


@given(entries)
def test_the_choice_is_that_of_the_documented_rule(found: list[Entry]) -> None:
    assert winner(found) == reference(found)


@given(entries, st.permutations(range(10)))
def test_the_order_of_the_sets_does_not_matter(found: list[Entry], order: list[int]) -> None:
    assert winner([found[k] for k in order if k < len(found)]) == winner(found)


@given(entries, st.data())
def test_a_set_that_is_worse_by_every_rule_never_changes_the_choice(
    found: list[Entry], data: st.DataObject
) -> None:
    chosen = winner(found)
    if chosen is None:
        return
    worse = Entry(chosen.score - data.draw(st.floats(1e-9, 0.5)), nomination=99)
    other = replace(worse, promoted=chosen.promoted)
    assert winner([*found, worse]) == winner([other, *found]) == chosen


@given(entries, st.floats(0, 0.5))
def test_a_chosen_set_whose_score_rises_stays_chosen(found: list[Entry], more: float) -> None:
    chosen = winner(found)
    if chosen is not None:
        raised = replace(chosen, score=chosen.score + more)
        assert winner([raised if e is chosen else e for e in found]) == raised


@given(st.integers(1, 99), st.integers(0, 5), st.booleans())
def test_rounding_does_not_decide_between_sets_of_equal_evidence(
    n: int, ulps: int, promoted: bool
) -> None:
    score = n / 100
    above = score
    for _ in range(ulps):
        above = math.nextafter(above, 2.0)
    first = Entry(score, promoted=promoted, nomination=0)
    second = Entry(above, promoted=promoted, nomination=1)
    assert winner([first, second]) == winner([second, first]) == first


@given(st.lists(st.integers(0, 40).map(float) | st.just(math.nan), min_size=1, max_size=12))
def test_the_penalty_of_few_trades_is_the_share_of_sets_with_fewer(n: list[float]) -> None:
    known = [v for v in n if not math.isnan(v)]
    for value, rank in zip(n, few_trades_penalty(np.array(n)), strict=True):
        if math.isnan(value):
            assert rank == 0.5
        else:
            less, equal = sum(o < value for o in known), sum(o == value for o in known)
            assert rank == (less + equal / 2) / len(known)


# --- the plateau -------------------------------------------------------------------------------

parameter_sets = st.lists(
    st.tuples(st.integers(0, 8), st.sampled_from("ab"), st.floats(-4, 4), st.floats(0, 9)),
    min_size=1,
    max_size=12,
)
Rows = list[tuple[int, str, float, float]]


def smoothed(rows: Rows, psets: list[Params] | None = None) -> np.ndarray:
    psets = psets or [{"n": 10 + n, "mode": mode} for n, mode, _, _ in rows]
    values, mass = (np.array([row[k] for row in rows], dtype=np.float64) for k in (2, 3))
    return smooth(values, mass, *coordinates(psets, None))


@given(parameter_sets)
def test_smoothing_agrees_with_a_loop_over_pairs(rows: Rows) -> None:
    places = sorted({n for n, _, _, _ in rows})
    for (n, mode, value, _), found in zip(rows, smoothed(rows), strict=True):
        total = weighted = 0.0
        for other, their_mode, their_value, mass in rows:
            if their_mode == mode:
                k = mass * math.exp(-abs(places.index(n) - places.index(other)))
                total, weighted = total + k, weighted + k * their_value
        expected = weighted / total if total > 1e-300 else value
        assert math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)


@given(parameter_sets, st.data())
def test_neither_order_nor_names_nor_the_unit_of_a_grid_matter_to_the_plateau(
    rows: Rows, data: st.DataObject
) -> None:
    plain = smoothed(rows)
    order = data.draw(st.permutations(range(len(rows))))
    np.testing.assert_allclose(smoothed([rows[k] for k in order]), plain[order], atol=1e-9)
    renamed = [{"z": 10 + n, "kind": {"a": "x", "b": 7}[m]} for n, m, _, _ in rows]
    np.testing.assert_allclose(smoothed(rows, renamed), plain, atol=1e-9)
    for unit in (lambda n: 0.25 * n - 9, lambda n: 2.0**n, lambda n: 50 - 3 * n):
        other = [{"n": unit(10 + n), "mode": m} for n, m, _, _ in rows]
        np.testing.assert_allclose(smoothed(rows, other), plain, atol=1e-9)


@given(parameter_sets, st.sampled_from([0.25, 4.0, 1024.0]), st.floats(-5, 5))
def test_the_plateau_follows_a_shift_of_the_values_and_ignores_the_scale_of_the_masses(
    rows: Rows, scale: float, shift: float
) -> None:
    rows = [(n, m, v, mass if mass > 1e-9 else 0.0) for n, m, v, mass in rows]
    moved = [(n, m, v + shift, scale * mass) for n, m, v, mass in rows]
    np.testing.assert_allclose(smoothed(moved), smoothed(rows) + shift, atol=1e-9)
