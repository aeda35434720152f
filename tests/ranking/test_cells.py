"""Cells against loops, and what must not matter to them: names, order, sets never tried."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ranking.cells import N_PSETS, N_WINDOWS, Trials, cells_of, columns, tables
from tradingkb.ranking.cells import (
    Cells,
    level,
    make_cells,
    make_orders,
    quarter_shares,
    rank_within,
    regime_kernel,
)

#: What is costly is tried less often.
few = settings(max_examples=50)
QUARTER = [0, 0, 1, 1, 2, 3]
WEIGHT = np.array([1.0, 0.5, 0.0, 0.25, 0.875, 0.125])


def same(one: Cells, other: Cells) -> None:
    """Not a bit of two tables of cells differs."""
    for name in ("window", "pset", "utility", "rank", "quarter", "n_psets"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def means(trials: Trials) -> Trials:
    """Repeated trials of a pair averaged, by a loop."""
    pairs = sorted({(w, p) for w, p, _ in trials})
    groups = [[u for v, r, u in trials if (v, r) == pair] for pair in pairs]
    return [(*pair, sum(group) / len(group)) for pair, group in zip(pairs, groups, strict=True)]


def test_repeated_trials_of_a_pair_are_averaged() -> None:
    cells = cells_of([(0, 0, 1.0), (0, 0, 3.0), (0, 1, 5.0), (1, 0, -1.0)], [0, 1], 2)
    assert cells.window.tolist() == [0, 0, 1]
    assert cells.pset.tolist() == [0, 1, 0]
    assert cells.utility.tolist() == [2.0, 5.0, -1.0]


def test_a_cells_rank_is_its_place_in_the_window_with_the_pooled_rank_as_one_more_opinion() -> None:
    cells = cells_of([(0, 0, 1.0), (0, 1, 2.0), (1, 0, 3.0), (1, 1, 0.0)], [0, 1], 2)
    within, pooled = np.array([0.25, 0.75, 0.75, 0.25]), np.array([3, 5, 7, 1]) / 8
    np.testing.assert_allclose(cells.rank, (2 * within + pooled) / 3)


def test_no_trials_make_no_cells() -> None:
    cells = cells_of([], [], 0)
    assert len(cells.window) == len(cells.pset) == len(cells.utility) == len(cells.rank) == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 3)), max_size=30))
def test_ranks_within_groups_agree_with_counting(pairs: list[tuple[int, int]]) -> None:
    group = np.array([g for g, _ in pairs], dtype=np.int64)
    values = np.array([v for _, v in pairs], dtype=np.float64)
    ranks, sizes = rank_within(values, group)
    for i in range(len(pairs)):
        mine = values[group == group[i]]
        less, equal = (mine < values[i]).sum(), (mine == values[i]).sum()
        assert ranks[i] == pytest.approx((less + equal / 2) / len(mine))
        assert sizes[i] == len(mine)


@given(tables)
def test_cell_ranks_agree_with_counting(trials: Trials) -> None:
    cells, table = cells_of(trials, QUARTER, N_PSETS), means(trials)

    def standing(u: float, rivals: list[float]) -> float:
        less, equal = (sum(o < u for o in rivals), sum(o == u for o in rivals))
        return (less + equal / 2) / len(rivals)

    for k, (w, _, u) in enumerate(table):
        rivals = [o for v, _, o in table if v == w]
        m = len(rivals)
        pooled = standing(u, [o for _, _, o in table])
        assert cells.rank[k] == pytest.approx((m * standing(u, rivals) + pooled) / (m + 1))


@few
@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_the_trials_changes_no_bit_of_a_cell(
    trials: Trials, rng: random.Random
) -> None:
    shuffled = trials.copy()
    rng.shuffle(shuffled)
    same(cells_of(shuffled, QUARTER, N_PSETS), cells_of(trials, QUARTER, N_PSETS))


@few
@given(tables)
def test_orders_that_are_known_give_the_cells_that_sorting_anew_gives(trials: Trials) -> None:
    quarter = np.array(QUARTER)
    found = make_cells(*columns(trials), quarter, N_PSETS, make_orders(*columns(trials)))
    same(found, cells_of(trials, QUARTER, N_PSETS))


@given(tables, st.data(), st.booleans())
def test_a_part_of_known_orders_is_in_order_too(
    trials: Trials, data: st.DataObject, once: bool
) -> None:
    if once:  # no pair twice: cells are made from the orders of trials
        trials = [(w, p, u) for (w, p), u in {(w, p): u for w, p, u in trials}.items()]
    flags = data.draw(st.lists(st.booleans(), min_size=len(trials), max_size=len(trials)))
    kept = np.array(flags, dtype=bool)
    part = [trial for trial, keep in zip(trials, flags, strict=True) if keep]
    orders = make_orders(*columns(trials)).only(kept)
    window, pset, utility = (column[kept] for column in columns(trials))
    found = make_cells(window, pset, utility, np.array(QUARTER), N_PSETS, orders)
    same(found, cells_of(part, QUARTER, N_PSETS))


def test_utilities_that_are_no_numbers_come_last_in_every_order() -> None:
    orders = make_orders(np.array([0, 0, 0]), np.array([0, 0, 0]), np.array([2.0, np.nan, 1.0]))
    for order in (orders.by_cell, orders.by_window, orders.by_value):
        assert order.tolist() == [2, 0, 1]


@few
@given(tables)
def test_the_cells_of_a_set_are_those_that_name_it_by_window(trials: Trials) -> None:
    cells = cells_of(trials, QUARTER, N_PSETS)
    for pset in range(N_PSETS):
        assert cells.of_pset(pset).tolist() == np.flatnonzero(cells.pset == pset).tolist()


@few
@given(tables)
def test_a_slot_is_a_quarter_and_a_set(trials: Trials) -> None:
    cells = cells_of(trials, [7, 7, -2, -2, 100, 4], N_PSETS)
    pairs = list(zip(cells.quarter[cells.window].tolist(), cells.pset.tolist(), strict=True))
    assert len(set(zip(pairs, cells.slot.tolist(), strict=True))) == len(set(pairs))
    assert len(set(cells.slot.tolist())) == len(set(pairs))
    assert cells.n_slots == 4 * N_PSETS
    assert all(0 <= slot < cells.n_slots for slot in cells.slot)


def test_every_quarter_counts_equally_however_many_windows_it_has() -> None:
    # Quarter 0 has windows 0, 1, 2 (set 0 earns 1, 2, 3); quarter 1 has window 3 (set 0 earns 10).
    cells = cells_of(
        [(0, 0, 1.0), (1, 0, 2.0), (2, 0, 3.0), (3, 0, 10.0), (3, 1, 4.0)], [0, 0, 0, 1], 3
    )
    found = level(cells, np.ones(4), cells.utility)
    assert found.mean.tolist() == [6.0, 4.0, 0.0]
    assert found.n.tolist() == [2.0, 1.0, 0.0]


def test_a_weight_of_zero_leaves_a_window_out_of_its_quarter() -> None:
    cells = cells_of([(0, 0, 1.0), (1, 0, 5.0), (2, 0, 7.0)], [0, 0, 1], 1)
    weight = np.array([1.0, 0.0, 1.0])
    assert quarter_shares(cells, weight).tolist() == [1.0, 0.0, 1.0]
    found = level(cells, weight, cells.utility)
    assert found.mean.tolist() == [4.0]
    assert found.n.tolist() == [2.0]


def test_weights_enter_as_each_quarters_mean_weight() -> None:
    cells = cells_of([(0, 0, 2.0), (1, 0, 4.0), (2, 0, 8.0)], [0, 0, 1], 1)
    found = level(cells, np.array([1.0, 0.5, 0.25]), cells.utility)
    # Quarter 0: mass 0.75, weighted sum (2 + 2) / 2; quarter 1: mass 0.25, weighted sum 2.
    assert found.n.tolist() == [1.0]
    assert found.mean.tolist() == [4.0]


@given(tables, st.integers(0, N_PSETS - 1))
def test_levels_agree_with_loops_over_the_cells(trials: Trials, pset: int) -> None:
    cells = cells_of(trials, QUARTER, N_PSETS)
    found = level(cells, WEIGHT, cells.utility)
    masses, sums = [], []
    for q in sorted(set(QUARTER)):
        pairs = [(w, u) for w, p, u in means(trials) if p == pset and QUARTER[w] == q]
        used = [(WEIGHT[w], u) for w, u in pairs if WEIGHT[w] > 0]
        if used:
            masses.append(sum(k for k, _ in used) / len(used))
            sums.append(sum(k * u for k, u in used) / len(used))
    assert found.n[pset] == pytest.approx(sum(masses))
    assert found.mean[pset] == pytest.approx(sum(sums) / sum(masses) if masses else 0.0)


@few
@given(tables)
def test_trying_every_window_twice_within_its_quarter_changes_no_level(trials: Trials) -> None:
    twice = [*trials, *((w + N_WINDOWS, p, u) for w, p, u in trials)]
    plain, doubled = cells_of(trials, QUARTER, N_PSETS), cells_of(twice, QUARTER * 2, N_PSETS)
    one = level(plain, np.ones(N_WINDOWS), plain.utility)
    other = level(doubled, np.ones(2 * N_WINDOWS), doubled.utility)
    np.testing.assert_allclose(other.mean, one.mean, atol=1e-12)
    np.testing.assert_allclose(other.n, one.n)


@few
@given(tables)
def test_sets_that_were_never_tried_change_nothing(trials: Trials) -> None:
    wide, plain = cells_of(trials, QUARTER, N_PSETS + 3), cells_of(trials, QUARTER, N_PSETS)
    assert wide.rank.tolist() == plain.rank.tolist()
    found = level(wide, WEIGHT, wide.rank)
    assert found.mean[:N_PSETS].tolist() == level(plain, WEIGHT, plain.rank).mean.tolist()
    assert found.n[N_PSETS:].tolist() == [0.0] * 3


distances = st.lists(st.floats(0, 30) | st.just(float("nan")), min_size=1, max_size=8)


@given(distances, st.floats(0.1, 5), st.sampled_from([0.5, 2.0, 8.0]))
def test_the_kernel_falls_with_distance_and_only_distance_over_bandwidth_counts(
    values: list[float], bandwidth: float, scale: float
) -> None:
    d = np.array(values)
    kernel = regime_kernel(d, bandwidth)
    assert (kernel >= 0).all() and (kernel <= 1).all()
    assert (kernel[np.isnan(d)] == 0).all()
    known = np.sort(d[~np.isnan(d)])
    assert (np.diff(regime_kernel(known, bandwidth)) <= 0).all()
    assert regime_kernel(scale * d, scale * bandwidth).tolist() == kernel.tolist()
    assert regime_kernel(np.zeros(1), bandwidth).tolist() == [1.0]
