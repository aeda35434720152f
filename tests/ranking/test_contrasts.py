"""A set beside the others of its window: what windows do to all of them says nothing."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ranking.cells import (
    N_PSETS,
    N_WINDOWS,
    Floats,
    Trials,
    cells_of,
    keys_of,
    tables,
    trials_of,
)
from tradingkb.ranking.cells import level
from tradingkb.ranking.contrasts import CREDIBLE_SPREAD, Contrasts, contrasts

#: What is costly is tried less often.
few = settings(max_examples=40)
QUARTER = [0, 0, 1, 1, 2, 3]


def split(table: Floats, timeframe: list[int] | None = None) -> Contrasts:
    """Contrasts of a table, shape (w, p), NaN where a set was not tried; a quarter per window."""
    quarter = list(range(len(table)))
    cells = cells_of(trials_of(table), quarter, table.shape[1])
    return contrasts(cells, keys_of(quarter, timeframe=timeframe))


def shaped(found: Contrasts, table: Floats) -> Floats:
    """The contrasts in the places of the table, NaN where a set was not tried."""
    result = np.full(table.shape, np.nan)
    result[np.isfinite(table)] = found.value
    return result


def set_means(found: Contrasts, table: Floats) -> Floats:
    """Every set's mean contrast, windows as far as they are credible; shape (p,)."""
    cells = cells_of(trials_of(table), list(range(len(table))), table.shape[1])
    return level(cells, found.credible, found.value).mean


def noise(n_windows: int, n_psets: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(n_windows, n_psets))


def test_in_a_complete_table_a_contrast_is_the_value_less_its_windows_mean_in_typical_spreads() -> (
    None
):
    table = np.array([[1.0, 2.0, 6.0], [10.0, 14.0, 12.0], [-5.0, -8.0, -5.0]])
    found = split(table)
    assert found.unit == pytest.approx(2.0)  # the median of the variances 7, 4 and 3
    np.testing.assert_allclose(found.level, [3.0, 12.0, -6.0])
    np.testing.assert_allclose(shaped(found, table), [[-1, -0.5, 1.5], [-1, 1, 0], [0.5, -1, 0.5]])
    assert found.credible.tolist() == [1.0] * 3
    assert found.typical.tolist() == [True] * 3


def test_what_a_window_does_to_every_set_alike_changes_no_contrast() -> None:
    table = noise(12, 6)
    shocks = np.random.default_rng(1).normal(0, 100, (12, 1))
    plain, shocked = split(table), split(table + shocks)
    np.testing.assert_allclose(shocked.value, plain.value, atol=1e-12)
    np.testing.assert_allclose(shocked.level, plain.level + shocks[:, 0])


def test_contrasts_do_not_depend_on_the_unit_of_the_objective() -> None:
    table = noise(12, 6)
    plain, scaled = split(table), split(250 * table - 3)
    np.testing.assert_allclose(scaled.value, plain.value, atol=1e-12)
    np.testing.assert_allclose(scaled.unit, 250 * plain.unit)


def test_each_timeframe_has_its_own_unit() -> None:
    table = noise(20, 6)
    wild = table * np.where(np.arange(20) < 10, 1.0, 40.0)[:, None]
    timeframe = [0] * 10 + [1] * 10
    found = split(wild, timeframe)
    np.testing.assert_allclose(found.unit[:10], split(table[:10]).unit)
    np.testing.assert_allclose(found.unit[10:], 40 * split(table[10:]).unit)
    assert found.credible.tolist() == [1.0] * 20


def test_a_timeframe_that_says_nothing_of_spreads_has_the_unit_of_all() -> None:
    table = np.array([[1.0, 3.0], [2.0, 4.0], [7.0, np.nan]])
    assert split(table, [0, 0, 1]).unit.tolist() == pytest.approx([np.sqrt(2.0)] * 3)


def test_windows_in_which_all_sets_earned_the_same_do_not_say_what_is_typical() -> None:
    # The mean of seven equal numbers differs from them by its rounding.
    same = np.repeat(0.1 + np.abs(noise(20, 1)), 7, axis=1)
    apart = noise(8, 7)
    table = np.vstack([same, apart])
    found = split(table)
    np.testing.assert_allclose(found.unit, split(apart).unit[0])
    assert found.credible.tolist() == [1.0] * 28
    assert np.abs(found.value[:140]).max() < 1e-12


def test_a_window_counts_less_the_further_its_spread_is_beyond_ten_typical_ones() -> None:
    table = np.tile([-1.0, 0.0, 1.0], (9, 1))
    table[4] *= 100.0
    table[5] *= CREDIBLE_SPREAD
    found = split(table)
    assert found.credible.tolist() == pytest.approx([1, 1, 1, 1, 0.01, 1, 1, 1, 1])


def test_a_value_that_nobody_can_mean_neither_raises_nor_moves_the_other_sets() -> None:
    table = noise(20, 8)
    absurd = table.copy()
    absurd[3, 2] = 1e160
    with np.errstate(all="raise"):
        found = split(absurd)
    assert np.isfinite(found.value).all()
    assert found.credible[3] < 1e-3
    others = np.arange(20) != 3
    plain = split(table)
    np.testing.assert_allclose(
        shaped(found, absurd)[others], shaped(plain, table)[others], atol=0.1
    )
    moved = set_means(found, absurd) - set_means(plain, table)
    assert np.abs(np.delete(moved, 2)).max() < 0.15


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_absurd_value_counts_the_same_however_absurd_it_is(sign: float) -> None:
    table = noise(20, 8)
    found = []
    for absurd in (1e9, 1e300):
        table[3, 2] = sign * absurd
        found.append(split(table).value)
    np.testing.assert_array_equal(found[0], found[1])


def test_a_set_far_from_all_others_everywhere_does_not_move_them() -> None:
    table = 0.1 * noise(12, 7)
    odd = np.column_stack([table, np.full(12, -5.0)])
    found, without = split(odd), split(table)
    assert found.typical.tolist() == [True] * 7 + [False]
    one, other = (f.unit[0] * shaped(f, t) for f, t in ((found, odd), (without, table)))
    np.testing.assert_allclose(one[:, :7], other, atol=1e-12)
    np.testing.assert_allclose(found.level, without.level)
    np.testing.assert_allclose(one[:, 7], -5.0 - without.level)


def test_of_four_sets_none_is_called_atypical() -> None:
    table = np.column_stack([0.1 * noise(12, 3), np.full(12, -5.0)])
    assert split(table).typical.all()


@pytest.mark.parametrize(("lead", "typical"), [(0.5, True), (5.0, False)])
def test_a_set_within_a_typical_spread_of_the_others_is_typical_however_alike_their_means(
    lead: float, typical: bool
) -> None:
    luck = noise(6, 9)
    table = np.vstack([luck, -luck])  # every mean is zero
    table[:, 8] += lead
    assert split(table).typical.tolist() == [True] * 8 + [typical]


def test_one_that_differs_from_sets_that_all_did_the_same_is_not_absurd() -> None:
    # Such as the only one that ever traded: each window's spread is its own luck.
    table = np.column_stack([np.zeros((20, 49)), noise(20, 1, seed=5)])
    assert split(table).typical.all()


def test_where_not_every_set_was_tried_a_set_far_from_all_others_does_not_move_the_levels() -> None:
    table = 10 + 0.1 * noise(40, 8)
    table[np.random.default_rng(1).random((40, 8)) < 0.3] = np.nan
    odd = np.column_stack([table, np.full(40, -40.0)])
    odd[0, :8] = np.nan  # one window knows nothing else
    found = split(odd)
    assert found.typical.tolist() == [True] * 8 + [False]
    np.testing.assert_allclose(found.level, 10.0, atol=0.2)
    np.testing.assert_allclose(shaped(found, odd)[:, 8] * found.unit, -50.0, atol=0.2)


@pytest.mark.parametrize("seed", range(3))
def test_where_sets_were_tried_in_some_windows_only_additive_truth_is_recovered(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, shocks = rng.normal(size=10), rng.normal(0, 30, 60)
    table = np.where(rng.random((60, 10)) < 0.5, shocks[:, None] + truth, np.nan)
    found = split(table)
    plain = np.nanmean(table, axis=0)
    errors = [
        values - truth - (values - truth).mean()
        for values in (found.unit[0] * set_means(found, table), plain)
    ]
    assert np.abs(errors[0]).max() < 0.25
    assert np.sqrt((errors[0] ** 2).mean()) < 0.05 * np.sqrt((errors[1] ** 2).mean())


def test_where_every_window_has_one_set_nothing_tells_a_window_from_its_set() -> None:
    alone = np.full((3, 3), np.nan)
    np.fill_diagonal(alone, [1.0, 2.0, 6.0])
    np.testing.assert_allclose(split(alone).level, 3.0)


def test_windows_without_trials_have_no_level() -> None:
    cells = cells_of([(0, 0, 1.0), (2, 1, 2.0)], [0, 1, 2], 2)
    level_of = contrasts(cells, keys_of([0, 1, 2])).level
    assert np.isnan(level_of).tolist() == [False, True, False]


def test_no_trials_have_no_contrasts() -> None:
    found = contrasts(cells_of([], [0, 1], 3), keys_of([0, 1]))
    assert len(found.value) == 0
    assert np.isnan(found.level).all()
    assert found.unit.tolist() == found.credible.tolist() == [1.0, 1.0]
    assert found.typical.tolist() == [True] * 3


def test_sets_that_all_earned_the_same_have_no_contrasts_and_a_unit_of_one() -> None:
    found = split(np.full((3, 4), 7.0))
    assert found.value.tolist() == [0.0] * 12
    assert found.unit.tolist() == [1.0] * 3
    assert found.level.tolist() == [7.0] * 3


@few
@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_the_trials_changes_no_bit_of_a_contrast(
    trials: Trials, rng: random.Random
) -> None:
    shuffled = trials.copy()
    rng.shuffle(shuffled)
    keys = keys_of(QUARTER)
    one, other = (contrasts(cells_of(t, QUARTER, N_PSETS), keys) for t in (trials, shuffled))
    for name in ("value", "level", "credible", "unit", "typical"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@few
@given(tables)
def test_every_contrast_and_level_make_up_the_utility_unless_it_was_cut(trials: Trials) -> None:
    cells = cells_of(trials, QUARTER, N_PSETS)
    found = contrasts(cells, keys_of(QUARTER))
    again = found.level[cells.window] + found.unit[cells.window] * found.value
    np.testing.assert_allclose(again, cells.utility, atol=1e-9)
    assert ((found.credible > 0) & (found.credible <= 1)).all()
    assert (found.unit > 0).all()
    assert len(found.level) == N_WINDOWS
