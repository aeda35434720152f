"""Smoothing against a loop over pairs, and what must not change it."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.domain.strategy import Params
from tradingkb.ranking.plateau import coordinates, smooth

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
