from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.domain.strategy import ParamSpec, StrategySpec
from tradingkb.ranking.plateau import (
    CONTINUUM_STEPS,
    MAX_GRID_VALUES,
    MAX_KEPT_SETS,
    Plateau,
    coordinates,
    smooth,
)

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Ints = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def test_numbers_are_steps_along_the_values_that_were_tried() -> None:
    steps, codes = coordinates([{"n": 10}, {"n": 50}, {"n": 20}], None)
    assert steps.tolist() == [[0.0], [2.0], [1.0]]
    assert codes.tolist() == [0, 0, 0]


@pytest.mark.parametrize("values", [("a", "b"), (True, False), (0, 1), (None, 5), ("1", 1)])
def test_sets_of_different_categorical_values_are_no_neighbours(values: tuple[object, ...]) -> None:
    steps, codes = coordinates([{"mode": v, "n": 3} for v in values], None)
    assert steps.shape == (2, 1)
    assert codes[0] != codes[1]


def test_a_spec_says_which_numbers_are_categories() -> None:
    spec = StrategySpec("s", (ParamSpec("mode", "categorical", choices=(5, 6, 7)),))
    steps, codes = coordinates([{"mode": 5}, {"mode": 6}], spec)
    assert steps.shape == (2, 0)
    assert sorted(codes.tolist()) == [0, 1]


def test_a_continuum_is_measured_in_tenths_of_its_range() -> None:
    psets = [{"x": i / 100} for i in range(MAX_GRID_VALUES + 1)]
    steps, _ = coordinates(psets, None)
    assert steps[0, 0] == 0.0
    assert steps[-1, 0] == pytest.approx(CONTINUUM_STEPS)
    assert np.diff(steps[:, 0]).max() == pytest.approx(CONTINUUM_STEPS / MAX_GRID_VALUES)


def test_a_logarithmic_continuum_is_measured_by_ratios() -> None:
    spec = StrategySpec("s", (ParamSpec("x", "float", log=True),))
    psets = [{"x": 2.0**-k} for k in range(MAX_GRID_VALUES + 1)]
    steps, _ = coordinates(psets, spec)
    np.testing.assert_allclose(np.abs(np.diff(steps[:, 0])), CONTINUUM_STEPS / MAX_GRID_VALUES)


def test_smoothing_weighs_neighbours_by_exp_of_minus_their_steps() -> None:
    steps, codes = coordinates([{"n": 1}, {"n": 2}, {"n": 3}], None)
    smoothed = smooth(np.array([1.0, 0.0, 0.0]), np.ones(3), steps, codes)
    e = math.exp(-1)
    np.testing.assert_allclose(
        smoothed, [1 / (1 + e + e * e), e / (1 + 2 * e), e * e / (1 + e + e * e)]
    )


def test_a_neighbour_without_evidence_has_no_say() -> None:
    steps, codes = coordinates([{"n": 1}, {"n": 2}], None)
    smoothed = smooth(np.array([1.0, 9.0]), np.array([1.0, 0.0]), steps, codes)
    assert smoothed.tolist() == [1.0, 1.0]


def test_a_set_without_any_evidence_around_it_keeps_its_value() -> None:
    steps, codes = coordinates([{"m": "a", "n": 1}, {"m": "b", "n": 1}], None)
    smoothed = smooth(np.array([0.3, 0.7]), np.array([0.0, 1.0]), steps, codes)
    assert smoothed.tolist() == [0.3, 0.7]


def test_a_lonely_peak_loses_to_a_plateau() -> None:
    steps, codes = coordinates([{"n": n} for n in range(9)], None)
    values = np.array([0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.8, 0.8, 0.8])
    assert int(smooth(values, np.ones(9), steps, codes).argmax()) >= 6


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ab"), st.floats(-5, 5)), min_size=1),
)
def test_smoothed_values_stay_between_the_extremes_of_their_category(
    rows: list[tuple[int, str, float]],
) -> None:
    steps, codes = coordinates([{"n": n, "m": m} for n, m, _ in rows], None)
    values = np.array([v for _, _, v in rows])
    smoothed = smooth(values, np.ones(len(rows)), steps, codes)
    for code in set(codes.tolist()):
        mine = codes == code
        assert smoothed[mine].min() >= values[mine].min() - 1e-9
        assert smoothed[mine].max() <= values[mine].max() + 1e-9


def by_every_pair(values: Floats, mass: Floats, steps: Floats, codes: Ints) -> Floats:
    distance = np.abs(steps[:, None, :] - steps[None, :, :]).sum(axis=2)
    kernel = np.exp(-distance) * mass * (codes[:, None] == codes)
    return (kernel @ values.T / kernel.sum(axis=1)[:, None]).T


@pytest.mark.parametrize("n_codes", [1, 2])
@pytest.mark.parametrize(
    "places",
    ["grid", "crowded grid", "continuum"],
)
@pytest.mark.parametrize("n", [5, MAX_KEPT_SETS, 2 * MAX_KEPT_SETS + 501])
def test_however_many_sets_there_are_and_wherever_every_pair_counts_by_its_steps(
    n: int, places: str, n_codes: int
) -> None:
    rng = np.random.default_rng(n)
    steps = {
        "grid": rng.permutation(np.argwhere(np.ones((50, 51))))[:n].astype(np.float64),
        "crowded grid": rng.integers(0, 9, (n, 2)).astype(np.float64),
        "continuum": rng.random((n, 3)) * CONTINUUM_STEPS,
    }[places]
    codes = rng.integers(0, n_codes, n)
    values, mass = rng.normal(size=(2, n)), rng.random(n) + 0.01
    found = Plateau(steps, codes).smooth_each(list(values), mass)
    expected = by_every_pair(values, mass, steps, codes)
    for smoothed, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(smoothed, wanted, rtol=1e-11, atol=1e-13)


def test_among_many_sets_too_one_without_evidence_around_it_keeps_its_own_value() -> None:
    n = MAX_KEPT_SETS + 1
    steps, mass = np.arange(n, dtype=np.float64)[:, None], np.ones(n)
    codes = np.zeros(n, dtype=np.int64)
    values = np.linspace(0.0, 1.0, n)
    far = np.append(values, 7.0)
    lonely = smooth(far, np.append(mass, 0.0), np.vstack([steps, [[2e3]]]), np.append(codes, 1))
    assert lonely[-1] == 7.0
    assert smooth(values, np.zeros(n), steps, codes).tolist() == values.tolist()


@pytest.mark.parametrize("places", ["few", "grid", "many"])
def test_rows_of_a_table_are_smoothed_each_with_what_it_knows(places: str) -> None:
    rng = np.random.default_rng(0)
    n = {"few": 12, "grid": MAX_KEPT_SETS + 24, "many": MAX_KEPT_SETS + 24}[places]
    steps = {
        "few": np.arange(12.0)[:, None],
        "grid": np.argwhere(np.ones((32, 32))).astype(np.float64),
        "many": rng.random((n, 2)) * CONTINUUM_STEPS,
    }[places]
    around = Plateau(steps, np.zeros(n, dtype=np.int64))
    table, known = rng.normal(size=(3, n)), rng.random((3, n)) < 0.6
    known[2] = False
    found = around.smooth_rows(table, known)
    for row, there, smoothed in zip(table, known, found, strict=True):
        expected = np.where(there, around.smooth(row, there.astype(np.float64)), 0.0)
        np.testing.assert_allclose(smoothed, expected, atol=1e-12)


def test_the_evidence_around_a_set_is_that_of_its_neighbours_by_their_steps() -> None:
    around = Plateau(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 0, 1]))
    e = math.exp(-1)
    np.testing.assert_allclose(
        around.mass_around(np.array([1.0, 0.0, 4.0, 7.0])),
        [1 + 4 * e * e, e + 4 * e, e * e + 4, 7.0],
    )


def test_some_of_the_sets_are_the_neighbours_that_they_were() -> None:
    around = Plateau(np.arange(6.0)[:, None], np.array([0, 0, 0, 1, 1, 1]))
    some = np.array([4, 0, 2])
    values, mass = np.array([3.0, 1.0, 2.0]), np.ones(3)
    whole = np.zeros(6)
    whole[some] = values
    there = np.isin(np.arange(6), some).astype(np.float64)
    np.testing.assert_allclose(
        around.only(some).smooth(values, mass), around.smooth(whole, there)[some]
    )


def test_sets_within_some_steps_are_of_the_same_category_and_the_set_itself_is_one() -> None:
    around = Plateau(np.array([[0.0], [1.0], [2.0], [1.0]]), np.array([0, 0, 0, 1]))
    assert around.within(1, 1.0).tolist() == [0, 1, 2]
    assert around.within(0, 1.0).tolist() == [0, 1]
    assert around.within(3, 9.0).tolist() == [3]
