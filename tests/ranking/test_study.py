"""What a pool says of a timeframe, whatever instrument and regime is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ranking.cells import Floats, cells_of, keys_of, learnt_of, line, trials_of
from tradingkb.ranking.study import MAX_TAUGHT, Learnt, places
from tradingkb.ranking.weights import EvidenceWeights


def noise(n_windows: int, n_psets: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(n_windows, n_psets))


def learnt_from(table: Floats, **facts: object) -> Learnt:
    """Of a table of one window per quarter, NaN where a set was not tried."""
    quarter = list(range(len(table)))
    timeframe = facts.pop("timeframes", None)
    cells = cells_of(trials_of(table), quarter, table.shape[1])
    return learnt_of(cells, keys_of(quarter, timeframe=timeframe), **facts)


def test_a_set_has_its_place_among_the_active_ones_or_none() -> None:
    assert places(np.array([1, 4]), 6).tolist() == [-1, 0, -1, -1, 1, -1]


def test_other_timeframes_count_as_so_many_quarters_of_the_own_one() -> None:
    table = noise(30, 4)
    table[:10] += [0, 0, 0, 9]  # the own timeframe
    found = [
        learnt_from(table, timeframes=[0] * 10 + [1] * 20, weights=EvidenceWeights(timeframe=worth))
        for worth in (0.0, 5.0, 40.0)
    ]
    assert [float(f.table.n[0]) for f in found] == pytest.approx([10.0, 15.0, 30.0])
    means = [float(f.table.mean[3] - f.table.mean[:3].mean()) for f in found]
    assert means == sorted(means, reverse=True)


def test_the_level_is_that_of_the_own_timeframe() -> None:
    table = noise(30, 4)
    table[10:] += 100.0
    found = learnt_from(table, timeframes=[0] * 10 + [1] * 20)
    assert found.levels.mean == pytest.approx(table[:10].mean())


def test_where_nothing_of_the_timeframe_was_tried_all_windows_count() -> None:
    table = noise(12, 4)
    missing = learnt_from(table, timeframes=[1] * 12, timeframe=7)
    own = learnt_from(table, timeframes=[1] * 12, timeframe=1)
    assert missing.near.all()
    np.testing.assert_array_equal(missing.blend.value, own.blend.value)
    assert missing.levels.mean == own.levels.mean


def test_what_a_cell_leaves_is_its_contrast_less_what_is_believed_of_its_set() -> None:
    table = noise(12, 5)
    table[0, 2] = np.nan
    found = learnt_from(table, plateau=line(5))
    believed = found.blend.value[found.column[found.cells.pset]]
    np.testing.assert_allclose(found.left, found.parts.value - believed)


def test_a_store_of_many_sets_is_learnt_from_those_with_the_most_quarters() -> None:
    n = MAX_TAUGHT + 40
    table = noise(6, n)
    table[3:, ::9] = np.nan
    found = learnt_from(table, plateau=line(n))
    assert len(found.taught) == MAX_TAUGHT
    assert (np.diff(found.taught) > 0).all()
    few = np.arange(0, n, 9)
    assert len(np.intersect1d(found.taught, few)) == MAX_TAUGHT - (n - len(few))
    assert len(found.blend.value) == n


def test_quarters_and_sets_without_evidence_change_no_bit() -> None:
    table = noise(10, 5)
    wide = np.full((14, 8), np.nan)
    wide[np.ix_([0, 1, 3, 4, 5, 6, 8, 9, 10, 11], [0, 2, 3, 5, 7])] = table
    quarters = [0, 1, 3, 4, 5, 6, 8, 9, 10, 11]
    plain = learnt_of(cells_of(trials_of(table), quarters, 5), keys_of(quarters))
    found = learnt_from(wide)
    np.testing.assert_array_equal(found.active, [0, 2, 3, 5, 7])
    np.testing.assert_array_equal(found.blend.value, plain.blend.value)
    assert (found.levels.mean, found.levels.variance) == (plain.levels.mean, plain.levels.variance)
