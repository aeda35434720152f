"""Means over blocks of time, and how sure they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ranking.cells import DAY_US, Floats, Trials, cells_of, tables
from tradingkb.ranking.blocks import Table, block_table, noise_of, overlaps
from tradingkb.ranking.cells import WindowKeys


def table_of(value: Floats, overlap: Floats | None = None, weight: Floats | None = None) -> Table:
    """A table of blocks, NaN where nothing is known; blocks share no day and count alike."""
    n = len(value)
    known = np.isfinite(value)
    return Table(
        np.where(known, value, 0.0),
        known,
        np.ones(n) if weight is None else weight,
        np.eye(n) if overlap is None else overlap,
    )


def left_of(table: Table) -> Floats:
    return np.where(table.known, table.value - table.mean, 0.0)


def chain(n: int, common: float) -> Floats:
    """Each block shares so much of its days with the next one."""
    return np.eye(n) + common * (np.eye(n, k=1) + np.eye(n, k=-1))


def test_a_mean_counts_blocks_by_their_weight_and_unknown_ones_not_at_all() -> None:
    value = np.array([[1.0, np.nan, 4.0], [3.0, np.nan, np.nan], [8.0, np.nan, 2.0]])
    table = table_of(value, weight=np.array([1.0, 1.0, 0.5]))
    assert table.n.tolist() == [2.5, 0.0, 1.5]
    np.testing.assert_allclose(table.mean, [8 / 2.5, 0.0, 5 / 1.5])


def test_the_mean_of_n_independent_blocks_has_an_nth_of_a_blocks_variance() -> None:
    value = np.where(np.arange(8)[:, None] < [8, 4, 1, 0], 1.0, np.nan)
    table = table_of(value)
    for shared in (0.0, 1.0):
        np.testing.assert_allclose(table.doubt(shared), [1 / 8, 1 / 4, 1.0, 1.0])


def test_blocks_that_share_every_day_are_as_sure_as_one_where_what_overlaps_is_common() -> None:
    table = table_of(np.ones((8, 1)), overlap=np.ones((8, 8)))
    assert table.doubt(1.0).tolist() == pytest.approx([1.0])
    assert table.doubt(0.5).tolist() == pytest.approx([0.5 + 0.5 / 8])
    assert table.doubt(0.0).tolist() == pytest.approx([1 / 8])


def test_a_blocks_weight_makes_it_no_surer() -> None:
    table = table_of(np.ones((3, 1)), weight=np.array([4.0, 1.0, 1.0]))
    assert table.doubt(0.0).tolist() == pytest.approx([18 / 36])


@given(
    st.lists(st.floats(0.05, 1), min_size=1, max_size=6),
    st.floats(0, 1),
    st.floats(0, 0.5),
)
def test_doubt_lies_between_that_of_independent_blocks_and_that_of_one(
    weight: list[float], shared: float, common: float
) -> None:
    n = len(weight)
    table = table_of(np.ones((n, 1)), chain(n, common), np.array(weight))
    alone, found = table.doubt(0.0)[0], table.doubt(shared)[0]
    assert alone - 1e-12 <= found <= 1.0 + 1e-12


def test_the_noise_of_blocks_is_their_variance_around_their_columns_means() -> None:
    table = table_of(np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, 11.0]]))
    found = noise_of(table, left_of(table))
    assert found is not None
    # Squares 2 and 24 over one and two degrees of freedom.
    assert (found.variance, found.shared) == (pytest.approx(26 / 3), 0.0)


@pytest.mark.parametrize(("common", "shared"), [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0)])
def test_a_known_noise_is_found_again(common: float, shared: float) -> None:
    rng = np.random.default_rng(3)
    overlap = chain(40, common)
    related = shared * overlap + (1 - shared) * np.eye(40)
    values = np.linalg.cholesky(related + 1e-12 * np.eye(40)) @ rng.normal(0, 2, (40, 200))
    table = table_of(values + rng.normal(0, 5, 200), overlap)
    found = noise_of(table, left_of(table))
    assert found is not None
    assert found.variance == pytest.approx(4.0, rel=0.05)
    if common:
        assert found.shared == pytest.approx(shared, abs=0.08)
    # And so the variance of the means is.
    errors = values.mean(axis=0)
    assert found.variance * table.doubt(found.shared)[0] == pytest.approx(errors.var(), rel=0.25)


def test_how_much_overlapping_blocks_share_is_found_in_few_of_them_too() -> None:
    # The means that were taken out of eight blocks make them look less alike than they are.
    overlap = chain(8, 0.5)
    related = 0.5 * overlap + 0.5 * np.eye(8)
    values = np.linalg.cholesky(related) @ np.random.default_rng(1).normal(size=(8, 4000))
    table = table_of(values, overlap)
    found = noise_of(table, left_of(table))
    assert found is not None
    assert found.shared == pytest.approx(0.5, abs=0.2)


def test_the_share_of_what_overlaps_may_be_given() -> None:
    table = table_of(np.array([[1.0], [2.0], [4.0]]), chain(3, 0.5))
    found = [noise_of(table, left_of(table), shared) for shared in (0.0, 0.5, 1.0)]
    assert [noise.shared for noise in found if noise] == [0.0, 0.5, 1.0]
    variance = [noise.variance for noise in found if noise]
    assert variance == sorted(variance)  # blocks that share their luck hide its spread
    assert variance[0] == pytest.approx(np.var([1, 2, 4], ddof=1))


@pytest.mark.parametrize(
    "value",
    [
        np.zeros((0, 2)),
        np.array([[1.0, 2.0]]),
        np.array([[1.0, np.nan], [np.nan, 2.0]]),
    ],
)
def test_without_two_blocks_of_a_column_noise_is_unknown(value: Floats) -> None:
    table = table_of(value)
    assert noise_of(table, left_of(table)) is None


def test_blocks_that_are_one_and_the_same_say_nothing_of_noise() -> None:
    table = table_of(np.array([[1.0], [2.0]]), overlap=np.ones((2, 2)))
    assert noise_of(table, left_of(table), 1.0) is None


def test_blocks_that_never_differ_have_no_noise() -> None:
    table = table_of(np.ones((4, 3)), chain(4, 0.5))
    found = noise_of(table, left_of(table))
    assert found is not None
    assert (found.variance, found.shared) == (0.0, 0.0)


# --- overlaps -----------------------------------------------------------------------------------

spans = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 2000), st.integers(10, 700)),
    min_size=1,
    max_size=12,
)


def dated(rows: list[tuple[int, int, int]]) -> WindowKeys:
    """Windows of (block, first day, days)."""
    block, first, days = (np.array([row[k] for row in rows]) for k in range(3))
    unknown = np.full(len(rows), -1)
    start = first * DAY_US
    return WindowKeys(block, unknown, np.zeros(len(rows), np.int64), start, start + days * DAY_US)


def overlap_of(rows: list[tuple[int, int, int]], n_blocks: int) -> Floats:
    keys = dated(rows)
    return overlaps(keys, keys.quarter, n_blocks, np.arange(len(rows)))


@given(spans)
def test_overlaps_are_shares_the_same_both_ways_and_whole_with_oneself(
    rows: list[tuple[int, int, int]],
) -> None:
    found = overlap_of(rows, 5)
    np.testing.assert_array_equal(found, found.T)
    assert np.diag(found).tolist() == [1.0] * 5
    assert ((found >= 0) & (found <= 1 + 1e-9)).all()


def test_blocks_that_share_no_day_overlap_nothing() -> None:
    assert overlap_of([(0, 0, 90), (1, 90, 90), (2, 200, 90)], 3).tolist() == np.eye(3).tolist()


def test_windows_of_the_same_days_overlap_wholly() -> None:
    np.testing.assert_allclose(overlap_of([(0, 0, 90), (1, 0, 90), (2, 300, 90)], 3)[0, 1], 1.0)


@pytest.mark.parametrize("days", [90, 180, 270, 360])
def test_windows_that_begin_each_quarter_share_what_they_have_in_common_to_within_a_bin(
    days: int,
) -> None:
    found = overlap_of([(k, 90 * k, days) for k in range(6)], 6)
    gap = np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    np.testing.assert_allclose(found, np.maximum(1 - 90 * gap / days, 0.0), atol=1 / 4)


def test_a_long_window_says_no_more_of_what_blocks_share_than_a_short_one() -> None:
    found = overlap_of([(0, 0, 90), (0, 0, 360), (1, 180, 90)], 2)
    # Half of its own length is what the long one shares, of three that the block is with itself.
    np.testing.assert_allclose(found[0, 1], 0.5 / np.sqrt(3.0))


def test_windows_without_dates_and_those_that_do_not_count_overlap_nothing() -> None:
    keys = dated([(0, 0, 90), (1, 0, 90), (2, 0, 90)])
    unknown = np.where(np.arange(3) == 1, np.nan, keys.start)
    undated = WindowKeys(keys.quarter, keys.symbol, keys.timeframe, unknown, keys.end)
    found = overlaps(undated, keys.quarter, 3, np.arange(3))
    np.testing.assert_allclose(found, [[1, 0, 1], [0, 1, 0], [1, 0, 1]], atol=1e-12)
    some = overlaps(keys, keys.quarter, 3, np.array([0, 1]))
    np.testing.assert_allclose(some, [[1, 1, 0], [1, 1, 0], [0, 0, 1]], atol=1e-12)


# --- the table of blocks ------------------------------------------------------------------------


@given(tables)
def test_a_table_of_blocks_agrees_with_loops_over_the_cells(trials: Trials) -> None:
    block, weight = np.array([0, 0, 1, 1, 2, 2]), np.array([1.0, 0.5, 0.0, 0.25, 1.0, 1.0])
    cells = cells_of(trials, list(range(6)), 4)
    column = np.array([1, -1, 0, 2])
    value, known = block_table(cells, cells.utility, weight, block, 3, column, 3)
    for b in range(3):
        for c, p in enumerate([2, 0, 3]):
            mine = [
                (weight[w], u)
                for w, q, u in zip(cells.window, cells.pset, cells.utility, strict=True)
                if q == p and block[w] == b and weight[w] > 0
            ]
            assert known[b, c] == bool(mine)
            mean = sum(k * u for k, u in mine) / sum(k for k, _ in mine) if mine else 0.0
            assert value[b, c] == pytest.approx(mean)
