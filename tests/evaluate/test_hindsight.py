"""What a choice earned: its own result, else that of the nearest set that was tried."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradingkb.evaluate.hindsight import Neighbours, at_random, beats, look_up
from tradingkb.ranking.plateau import coordinates

NAN = math.nan
#: Two parameters on a grid of unequal steps, and a category.
SETS = [{"fast": f, "slow": s, "side": c} for c in "ab" for f in (2, 5, 50) for s in (10, 20)]
NEAR = Neighbours(*coordinates(SETS, None))

utilities = st.lists(st.sampled_from([-1.5, 0.0, 0.25, 1.0, NAN]), min_size=12, max_size=12).map(
    np.array
)
known = utilities.filter(lambda u: np.isfinite(u).sum() >= 2)


def place(**params: object) -> int:
    return SETS.index(params)  # type: ignore[arg-type]


def test_a_set_that_was_tried_gets_its_own_result() -> None:
    utility, returns = np.arange(12.0), np.arange(12.0) / 100
    found = look_up(3, utility, returns, NEAR)
    assert found is not None
    assert (found.pset, found.exact, found.utility, found.returns) == (3, True, 3.0, 0.03)
    assert found.regret == pytest.approx(8 / 11)
    assert found.rank == pytest.approx(3 / 11)


def test_a_set_that_was_not_tried_gets_the_result_of_the_fewest_steps_away() -> None:
    """Steps along the grid, not differences: 5 is one step from 50 and from 2."""
    utility = np.full(12, NAN)
    utility[place(fast=50, slow=20, side="a")] = 1.0  # one step of fast, one of slow
    utility[place(fast=5, slow=20, side="a")] = 2.0  # one of slow
    found = look_up(place(fast=5, slow=10, side="a"), utility, utility, NEAR)
    assert found is not None
    assert (SETS[found.pset or 0], found.exact) == ({"fast": 5, "slow": 20, "side": "a"}, False)


def test_of_equally_near_sets_the_first_is_taken() -> None:
    utility = np.full(12, NAN)
    utility[[place(fast=2, slow=10, side="a"), place(fast=50, slow=10, side="a")]] = 1.0, 2.0
    found = look_up(place(fast=5, slow=10, side="a"), utility, utility, NEAR)
    assert found is not None
    assert found.utility == 1.0


def test_a_set_of_another_category_never_stands_in() -> None:
    utility = np.full(12, NAN)
    utility[[place(fast=5, slow=10, side="b"), place(fast=5, slow=20, side="b")]] = 1.0, 2.0
    assert look_up(place(fast=5, slow=10, side="a"), utility, utility, NEAR) is None


@given(known, st.integers(0, 11))
def test_a_stand_in_is_a_tried_one_of_the_category_and_none_is_nearer(
    utility: np.ndarray, pset: int
) -> None:
    tried = np.isfinite(utility)
    steps, codes = coordinates(SETS, None)
    found = NEAR.find(pset, tried)
    rows = [p for p in range(12) if tried[p] and codes[p] == codes[pset]]
    if not rows:
        assert found is None
    else:
        distance = {p: float(np.abs(steps[p] - steps[pset]).sum()) for p in rows}
        assert found == min(rows, key=lambda p: (distance[p], p))


def test_nothing_chosen_earns_nothing() -> None:
    assert look_up(None, np.arange(12.0), np.arange(12.0), NEAR) is None


def test_equal_results_share_their_rank_and_leave_no_regret() -> None:
    utility = np.array([2.0, 2.0, 2.0, *[NAN] * 9])
    found = look_up(1, utility, utility, NEAR)
    assert found is not None
    assert (found.regret, found.rank) == (0.0, 0.5)


@given(known)
def test_regret_and_rank_run_from_best_to_worst(utility: np.ndarray) -> None:
    tried = np.flatnonzero(np.isfinite(utility))
    found = {int(p): look_up(int(p), utility, utility, NEAR) for p in tried}
    for p, mine in found.items():
        assert mine is not None
        others = np.delete(utility[tried], list(tried).index(p))
        share = ((others < utility[p]).sum() + 0.5 * (others == utility[p]).sum()) / len(others)
        assert mine.rank == pytest.approx(share)
        assert 0 <= mine.regret <= 1
        for q, theirs in found.items():
            assert theirs is not None
            if utility[p] > utility[q]:
                assert mine.regret < theirs.regret
                assert mine.rank > theirs.rank


@given(known)
def test_a_draw_at_random_earns_the_mean_over_all_draws(utility: np.ndarray) -> None:
    tried = np.flatnonzero(np.isfinite(utility))
    each = [look_up(int(p), utility, utility / 10, NEAR) for p in tried]
    found = at_random(utility, utility / 10)
    for name in ("utility", "regret", "rank", "returns"):
        mean = np.mean([getattr(one, name) for one in each])
        assert getattr(found, name) == pytest.approx(mean), name


def test_a_draw_at_random_without_any_known_return_has_none() -> None:
    assert math.isnan(at_random(np.array([0.0, 1.0]), np.array([NAN, NAN])).returns)


@pytest.mark.parametrize(
    ("ours", "theirs", "won"), [(2.0, 1.0, 1.0), (1.0, 1.0, 0.5), (0.0, 1.0, 0.0)]
)
def test_a_tie_is_half_a_win(ours: float, theirs: float, won: float) -> None:
    assert beats(ours, theirs) == won


@pytest.mark.parametrize(("ours", "theirs"), [(NAN, 1.0), (1.0, NAN)])
def test_what_is_unknown_beats_nothing_and_loses_to_nothing(ours: float, theirs: float) -> None:
    assert math.isnan(beats(ours, theirs))
