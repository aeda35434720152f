from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ranking.cells import Trials, cells_of, query, tables
from tradingkb.ranking.evidence import (
    EvidenceWeights,
    Level,
    estimate,
    fixed_levels,
    level,
    make_levels,
    moving_levels,
    rank_within,
    shrink,
    window_level,
)

WEIGHTS = EvidenceWeights()


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


@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_the_trials_changes_no_bit_of_an_estimate(trials: Trials, rng: object) -> None:
    quarter = [0, 0, 1, 1, 2, 3]
    kernel = np.array([1.0, 0.5, 0.0, 0.2, 0.9, 0.1])
    asked = query(6, own=(1,), kernel=kernel)
    shuffled = trials.copy()
    rng.shuffle(shuffled)
    one = estimate(cells_of(trials, quarter, 4), asked, WEIGHTS)
    other = estimate(cells_of(shuffled, quarter, 4), asked, WEIGHTS)
    assert one.value.tolist() == other.value.tolist()
    assert one.agnostic.tolist() == other.agnostic.tolist()


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
    found = level(cells, np.array([1.0, 0.0, 1.0]), cells.utility)
    assert found.mean.tolist() == [4.0]
    assert found.n.tolist() == [2.0]


def test_kernel_weights_enter_as_each_quarters_mean_weight() -> None:
    cells = cells_of([(0, 0, 2.0), (1, 0, 4.0), (2, 0, 8.0)], [0, 0, 1], 1)
    found = level(cells, np.array([1.0, 0.5, 0.25]), cells.utility)
    # Quarter 0: mass 0.75, weighted sum (2 + 2) / 2; quarter 1: mass 0.25, weighted sum 2.
    assert found.n.tolist() == [1.0]
    assert found.mean.tolist() == [4.0]


def test_an_own_history_counts_windows_and_not_quarters() -> None:
    cells = cells_of([(0, 0, 1.0), (1, 0, 3.0), (2, 0, 9.0)], [0, 0, 0], 1)
    found = window_level(cells, np.array([1.0, 1.0, 0.0]), cells.utility)
    assert (found.mean.tolist(), found.n.tolist()) == ([2.0], [2.0])


def test_shrinking_weighs_evidence_against_k_windows_of_prior() -> None:
    found = Level(mean=np.array([1.0, 1.0, 1.0, 9.0]), n=np.array([10.0, 30.0, 1e12, 0.0]))
    np.testing.assert_allclose(shrink(found, 0.0, 10.0), [0.5, 0.75, 1.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(shrink(found, 0.5, 0.0), [1.0, 1.0, 1.0, 0.5])


def test_without_evidence_every_set_is_average() -> None:
    cells = cells_of([(0, 0, 1.0)], [0], 3)
    assert estimate(cells, query(1), WEIGHTS).value[1:].tolist() == [0.5, 0.5]


def test_a_window_with_one_trial_does_not_outweigh_windows_in_which_many_sets_were_compared() -> (
    None
):
    rng = np.random.default_rng(1)
    compared = [
        (w, p, float(rng.normal(1.0 if p == 0 else 0.0, 0.1))) for w in range(8) for p in range(10)
    ]
    alone = [(8, 9, 50.0)]
    value = estimate(cells_of([*compared, *alone], [*range(8), 8], 10), query(9), WEIGHTS).value
    assert int(value.argmax()) == 0


def test_hundreds_of_trials_of_one_window_weigh_as_much_as_one() -> None:
    base = [(w, p, float((w + p) % 3)) for w in range(4) for p in range(3)]
    once = estimate(cells_of(base, [0, 1, 2, 3], 3), query(4), WEIGHTS)
    often = estimate(cells_of(base + base[:3] * 300, [0, 1, 2, 3], 3), query(4), WEIGHTS)
    np.testing.assert_allclose(once.value, often.value)


def test_own_history_outweighs_the_others_as_its_windows_grow() -> None:
    def value(n_own: int) -> float:
        others = [(w, p, float(p == 0)) for w in range(20) for p in range(2)]
        own = [(20 + w, p, float(p == 1)) for w in range(n_own) for p in range(2)]
        cells = cells_of(others + own, list(range(20 + n_own)), 2)
        found = estimate(cells, query(20 + n_own, own=tuple(range(20, 20 + n_own))), WEIGHTS)
        return float(found.value[1] - found.value[0])

    values = [value(n) for n in (0, 2, 10, 60)]
    assert values == sorted(values)
    assert values[0] < 0 < values[-1]


def test_own_windows_leave_the_averages_of_the_others() -> None:
    cells = cells_of([(0, 0, 1.0), (0, 1, 0.0), (1, 0, 0.0), (1, 1, 1.0)], [0, 1], 2)
    levels = estimate(cells, query(2, own=(1,)), WEIGHTS).levels
    assert levels["all"].n.tolist() == levels["own"].n.tolist() == [1.0, 1.0]
    assert levels["all"].mean[0] > 0.5 > levels["own"].mean[0]


def test_a_stated_regime_pulls_harder_than_a_measured_one() -> None:
    trials = [(w, p, float(p == (0 if w < 5 else 1))) for w in range(10) for p in range(2)]
    cells = cells_of(trials, list(range(10)), 2)
    near = np.where(np.arange(10) < 5, 1.0, 0.0)
    agnostic, measured, stated = (
        estimate(cells, query(10, kernel=kernel, stated=stated), WEIGHTS).value[0]
        for kernel, stated in ((None, False), (near, False), (near, True))
    )
    assert agnostic < measured < stated


def test_without_similar_windows_a_regime_changes_nothing() -> None:
    cells = cells_of([(0, 0, 1.0), (0, 1, 0.0), (1, 0, 2.0)], [0, 1], 2)
    without = estimate(cells, query(2), WEIGHTS)
    with_it = estimate(cells, query(2, kernel=np.zeros(2)), WEIGHTS)
    assert with_it.value.tolist() == without.value.tolist()


@given(tables, st.sampled_from([(), (0, 1), (0, 1, 2, 3, 4, 5)]), st.booleans())
def test_what_no_regime_moves_and_what_one_does_make_up_every_level(
    trials: Trials, own: tuple[int, ...], stated: bool
) -> None:
    cells = cells_of(trials, [0, 0, 1, 1, 2, 2], 4)
    kernel = np.linspace(0.0, 1.0, 6)
    asked = query(6, own, kernel=kernel, stated=stated)
    levels = make_levels(cells, asked, cells.rank)
    whole = estimate(cells, asked, WEIGHTS)
    parts = {
        **fixed_levels(cells, asked, cells.rank),
        **moving_levels(cells, asked, [cells.utility, cells.rank])[1],
    }
    assert list(parts) == list(levels) == ["everything", "all", "timeframe", "own", "regime"]
    assert estimate(cells, asked, WEIGHTS, parts).value.tolist() == whole.value.tolist()
    without = query(6, own)
    assert moving_levels(cells, without, [cells.rank]) == [{}]
    assert fixed_levels(cells, without, cells.rank)["own"].mean.tolist() == (
        make_levels(cells, without, cells.rank)["own"].mean.tolist()
    )


@given(tables)
def test_the_cells_of_a_set_are_those_that_name_it_by_window(trials: Trials) -> None:
    cells = cells_of(trials, [0] * 6, 4)
    for pset in range(4):
        assert cells.of_pset(pset).tolist() == np.flatnonzero(cells.pset == pset).tolist()
