"""Blocks that share no window, and what luck leaves in means of windows that overlap."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.ranking.disjoint import (
    ENOUGH_BLOCKS,
    MIN_KEPT,
    disjoint_blocks,
    luck_variance,
    overlapping,
)
from tradingkb.ranking.pbo import backtest_overfitting

SETS, SYMBOLS = 30, 8
#: Length of a window and months from one start to the next, and months in all.
DISJOINT, QUARTERLY, HALF, YEARLY = (6, 6, 120), (3, 1, 240), (6, 1, 240), (12, 1, 240)


def noise(
    shape: tuple[int, int, int], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts and ends in months, and means over symbols of pure noise, shape (windows, sets).

    Each set earns noise of each month and symbol, so that half a year of a symbol has the standard
    deviation 1, and all share that of the market, 0.5. Windows that overlap share their months.
    """
    length, step, months = shape
    own = rng.normal(0, math.sqrt(6 / SYMBOLS), (months, SETS))
    market = rng.normal(0, 0.5 * math.sqrt(6), (months, 1))
    total = np.vstack([np.zeros(SETS), np.cumsum(own + market, axis=0)])
    start = np.arange(0, months - length + 1, step)
    means = (total[start + length] - total[start]) / length
    return start.astype(float), (start + length).astype(float), means


def by_row(values: np.ndarray, row: np.ndarray) -> np.ndarray:
    return np.array([values[row == r].mean(axis=0) for r in np.unique(row)])


def overfit(shape: tuple[int, int, int], seed: int) -> float:
    start, end, values = noise(shape, np.random.default_rng(seed))
    found = disjoint_blocks(start, end, start.astype(int) // 3, 16)
    assert found is not None
    pbo = backtest_overfitting(by_row(values[found.kept], found.block[found.kept]))
    assert pbo is not None
    return pbo.pbo


@pytest.mark.parametrize(
    ("shape", "low", "high"),
    [(DISJOINT, 0.4, 0.6), (QUARTERLY, 0.35, 0.65), (HALF, 0.35, 0.65), (YEARLY, 0.35, 0.65)],
)
def test_noise_is_overfitting_every_other_time_however_windows_overlap(
    shape: tuple[int, int, int], low: float, high: float
) -> None:
    assert low < np.mean([overfit(shape, seed) for seed in range(30)]) < high


@pytest.mark.parametrize("shape", [DISJOINT, QUARTERLY, HALF, YEARLY, (24, 1, 240)])
def test_the_luck_in_means_is_what_they_spread_by(shape: tuple[int, int, int]) -> None:
    lucks, spreads = [], []
    for seed in range(60):
        start, end, values = noise(shape, np.random.default_rng(seed))
        row = np.unique(start // 3, return_inverse=True)[1]
        table = by_row(values, row)
        lucks.append(luck_variance(table, overlapping(start, end, row)))
        spreads.append(table.mean(axis=0).var(ddof=1))
    assert np.mean(lucks) == pytest.approx(np.mean(spreads), rel=0.12)
    assert np.std(lucks) < 0.6 * np.std(spreads)  # and it is known much better


def test_windows_that_do_not_overlap_all_count_in_as_many_blocks_as_quarters_allow() -> None:
    start = np.arange(0.0, 120.0, 6.0)
    found = disjoint_blocks(start, start + 6, start.astype(int) // 3, 16)
    assert found is not None
    assert (found.n, found.kept.all()) == (16, True)
    assert np.bincount(found.block).tolist() == [2] * 4 + [1] * 12


@pytest.mark.parametrize("length", [3, 6, 12])
def test_windows_that_overlap_lose_those_that_span_two_blocks(length: int) -> None:
    start = np.arange(0.0, 241.0 - length)
    found = disjoint_blocks(start, start + length, start.astype(int) // 3, 16)
    assert found is not None
    assert found.n == ENOUGH_BLOCKS  # more would lose more
    # Of the last starts in every block but the last one, all but the earliest reach too far.
    assert (~found.kept).sum() == (found.n - 1) * (length - 1)


def test_where_eight_blocks_would_lose_more_than_half_fewer_are_taken() -> None:
    start = np.arange(0.0, 109.0)
    found = disjoint_blocks(start, start + 12, start.astype(int) // 3, 16)
    assert found is not None
    assert found.n == 4


def test_instruments_whose_windows_begin_at_other_dates_keep_most_of_them() -> None:
    """Half-years from January on and from April on: a block of one quarter would keep none."""
    early, late = np.arange(0.0, 240.0, 6.0), np.arange(3.0, 240.0, 6.0)
    start = np.concatenate([early, late])
    found = disjoint_blocks(start, start + 6, start.astype(int) // 3, 16)
    assert found is not None
    assert found.n == ENOUGH_BLOCKS
    assert (~found.kept).sum() == found.n - 1


def test_a_window_belongs_to_a_block_whose_end_it_touches_and_not_beyond() -> None:
    start = np.arange(0.0, 12.0, 3.0)
    row = np.arange(4)
    touching = disjoint_blocks(start, start + 3, row, 4)
    assert touching is not None
    assert touching.kept.all()
    beyond = disjoint_blocks(start, start + np.array([3, 3.5, 3, 9]), row, 4)
    assert beyond is not None
    assert beyond.kept.tolist() == [True, False, True, True]  # nothing comes after the last


def test_windows_too_long_for_two_blocks_leave_none() -> None:
    start = np.arange(0.0, 24.0)
    assert disjoint_blocks(start, start + 60, start.astype(int) // 3, 16) is None
    assert disjoint_blocks(start, start + 1, np.zeros(24, dtype=int), 16) is None
    assert disjoint_blocks(start[:0], start[:0], np.zeros(0, dtype=int), 16) is None


def test_a_window_without_dates_is_in_no_block() -> None:
    start = np.arange(0.0, 12.0, 3.0)
    start[1] = math.nan
    found = disjoint_blocks(start, start + 3, np.arange(4), 16)
    assert found is not None
    assert (found.n, found.kept.tolist()) == (2, [True, False, True, True])
    assert found.block[1] == -1


@given(
    st.lists(st.tuples(st.integers(0, 90), st.integers(1, 40)), min_size=1, max_size=40),
    st.sampled_from([2, 4, 8, 16]),
)
def test_no_two_blocks_share_time_and_none_is_empty(
    spans: list[tuple[int, int]], n_blocks: int
) -> None:
    start = np.array([float(s) for s, _ in spans])
    end = start + [length for _, length in spans]
    found = disjoint_blocks(start, end, start.astype(int) // 3, n_blocks)
    if found is None:
        return
    assert found.n % 2 == 0
    assert found.n <= n_blocks
    assert np.unique(found.block[found.kept]).tolist() == list(range(found.n))
    assert found.kept.mean() >= MIN_KEPT
    for k in range(1, found.n):
        before, after = found.kept & (found.block < k), found.kept & (found.block >= k)
        assert end[before].max() <= start[after].min()


def test_rows_share_time_where_a_window_of_one_reaches_into_the_other() -> None:
    start = np.array([0.0, 1.0, 3.0, 6.0, math.nan])
    shared = overlapping(start, start + 4, np.array([0, 0, 1, 2, 3]))
    assert shared.astype(int).tolist() == [[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]]
    assert not overlapping(start, start + 3, np.array([0, 0, 1, 2, 3]))[1, 2]  # they touch


def test_of_a_full_table_it_is_the_residual_variance_of_the_two_way_layout() -> None:
    ratios = []
    for seed in range(20):
        table = np.random.default_rng(seed).normal(size=(20, 30))
        residual = table - table.mean(0) - table.mean(1)[:, None] + table.mean()
        expected = (residual**2).sum() / (19 * 29) / 20
        ratios.append(luck_variance(table, np.eye(20, dtype=bool)) / expected)
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.02)  # rows are centred on their medians
    assert np.ptp(ratios) < 0.2


@pytest.mark.parametrize("value", [1e4, 1e15, 1e160, -1e300])
def test_an_absurd_value_or_a_wild_set_has_no_say_in_the_luck_of_the_others(value: float) -> None:
    table = np.random.default_rng(7).normal(size=(20, 30))
    alone = np.eye(20, dtype=bool)
    plain = luck_variance(table, alone)
    table[3, 4] = value
    assert luck_variance(table, alone) == pytest.approx(plain, rel=0.05)
    wild = np.hstack([table, 3 * np.random.default_rng(8).normal(size=(20, 1)) - 5])
    assert luck_variance(wild, alone) == pytest.approx(plain, rel=0.05)


def test_luck_that_no_number_can_hold_is_unknown() -> None:
    table = np.full((4, 3), 1e200) * np.random.default_rng(9).normal(size=(4, 3))
    assert math.isnan(luck_variance(table, np.eye(4, dtype=bool)))


def test_sets_that_never_move_do_not_hide_the_luck_of_those_that_do() -> None:
    """Half of a grid never trades: its Sharpe ratios are 0 in every window."""
    table = np.random.default_rng(10).normal(size=(20, 30))
    alone = np.eye(20, dtype=bool)
    plain = luck_variance(table, alone)
    table[:, ::2] = 0.0
    assert luck_variance(table, alone) > 0.35 * plain


def gapped(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(20, 12))
    table[rng.random(table.shape) < 0.4] = np.nan
    return table


@pytest.mark.parametrize("table", [np.random.default_rng(1).normal(size=(9, 6)), gapped(2)])
def test_true_differences_and_luck_that_all_share_are_no_luck(table: np.ndarray) -> None:
    rng = np.random.default_rng(5)
    skill, market = 5 * rng.normal(size=table.shape[1]), 5 * rng.normal(size=(len(table), 1))
    alone = np.eye(len(table), dtype=bool)
    moved = luck_variance(table + skill + market, alone)
    assert moved == pytest.approx(luck_variance(table, alone), rel=1e-3)


def test_a_table_with_gaps_is_as_lucky_as_its_means_spread() -> None:
    alone = np.eye(20, dtype=bool)
    lucks = [luck_variance(gapped(seed), alone) for seed in range(200)]
    spread = [np.mean(1 / np.isfinite(gapped(seed)).sum(axis=0)) for seed in range(200)]
    assert np.mean(lucks) == pytest.approx(np.mean(spread), rel=0.05)


def test_rows_and_sets_without_a_value_change_nothing() -> None:
    table = np.random.default_rng(4).normal(size=(6, 4))
    wide = np.full((8, 5), np.nan)
    wide[1:7, 1:] = table
    plain = luck_variance(table, np.eye(6, dtype=bool))
    assert luck_variance(wide, np.eye(8, dtype=bool)) == plain


@pytest.mark.parametrize(
    "table", [np.ones((1, 5)), np.ones((5, 1)), np.full((3, 3), np.nan), np.ones((0, 3))]
)
def test_one_row_or_one_set_leaves_nothing_to_measure_luck_by(table: np.ndarray) -> None:
    assert math.isnan(luck_variance(table, np.eye(len(table), dtype=bool)))


def test_rows_that_share_time_count_at_least_as_if_they_did_not() -> None:
    swings = np.array([[1.0, -1.0], [-1.0, 1.0]] * 4)
    assert luck_variance(swings, np.ones((8, 8), dtype=bool)) == luck_variance(
        swings, np.eye(8, dtype=bool)
    )
