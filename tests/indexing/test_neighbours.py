"""How good neighbours are: 0 as exact search, 1 as chance, and how sure that is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tradingkb.indexing.neighbours import (
    CHANCE,
    NOWHERE,
    Asked,
    NeighbourQuality,
    judge_neighbours,
    loss,
    lost_more,
)

Floats = NDArray[np.float64]
SEEDS = range(12)


def features(n: int = 60, seed: int = 0) -> Floats:
    """Four features of n markets."""
    return np.random.default_rng(seed).normal(size=(n, 4))


def apart(x: Floats, y: Floats | None = None) -> Floats:
    """Distance of every market of y from every one of x, likewise by row and column."""
    y = x if y is None else y
    return np.abs(y[:, None, :] - x[None, :, :]).mean(axis=2)


def asked(x: Floats, symbols: int = 6, quarters: int = 10) -> Asked:
    """Every window asks for the others."""
    n = len(x)
    distance = apart(x)
    distance[np.arange(n), np.arange(n)] = np.nan
    groups = {"symbol": np.arange(n) % symbols, "quarter": np.arange(n) * quarters // n}
    return Asked(distance, np.arange(n), groups)


def at_random(n: int, seed: int) -> Floats:
    """What a model says to which markets mean nothing."""
    rng = np.random.default_rng(1000 + seed)
    return rng.normal(size=(n, 8)) @ rng.normal(size=(8, n))


def width(found: NeighbourQuality) -> float:
    assert found.low is not None and found.high is not None
    return found.high - found.low


# --- what the figure says -------------------------------------------------------------------------


def test_exact_search_loses_nothing_and_that_is_sure() -> None:
    found = judge_neighbours(asked(features()), -apart(features()))
    assert (found.loss, found.low, found.high) == (0.0, 0.0, 0.0)
    assert not found.as_chance


def test_neighbours_at_random_lose_everything_and_are_never_taken_for_better() -> None:
    found = [judge_neighbours(asked(features()), at_random(60, seed)) for seed in SEEDS]
    assert all(one.low is not None and one.low <= 1 <= one.high for one in found)  # type: ignore[operator]
    assert all(one.as_chance for one in found)
    assert np.mean([one.loss for one in found]) == pytest.approx(1.0, abs=0.03)


def test_a_model_to_which_all_windows_are_alike_finds_what_chance_finds() -> None:
    assert loss(asked(features()), np.zeros((60, 60))) == pytest.approx(1.0, abs=1e-12)


def test_a_model_that_knows_one_feature_of_four_lies_between_and_is_no_chance() -> None:
    x = features(120)
    found = judge_neighbours(asked(x), -apart(x[:, :1]))
    assert found.loss == pytest.approx(0.7, abs=0.15)
    assert found.low is not None and found.low > 0


def test_each_feature_that_a_model_knows_makes_it_better() -> None:
    x = features(120)
    losses = [loss(asked(x), -apart(x[:, :known])) for known in range(1, 5)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == 0.0


def test_a_model_that_finds_the_farthest_is_worse_than_chance() -> None:
    assert loss(asked(features()), apart(features())) > 1.2


def test_the_window_that_a_probe_is_of_is_not_found_whatever_the_model_says() -> None:
    x = features()
    similarity = at_random(60, 0)
    favoured = similarity + 1e9 * np.eye(60)
    assert loss(asked(x), favoured) == loss(asked(x), similarity)


def test_windows_that_cannot_be_found_are_as_good_as_chance_among_themselves() -> None:
    x = features()
    assert loss(asked(x), np.full((60, 60), NOWHERE)) == pytest.approx(1.0, abs=1e-12)
    half = np.where(np.arange(60) % 2, -apart(x), NOWHERE)
    assert 0.1 < loss(asked(x), half) < 0.6


@given(st.permutations(range(30)))
def test_the_order_of_the_windows_does_not_matter(order: list[int]) -> None:
    x, similarity = features(30), np.round(at_random(30, 3))  # rounded, so that many are equal
    whole = asked(x)
    groups = {name: codes[order] for name, codes in whole.groups.items()}
    moved = Asked(whole.distance[np.ix_(order, order)], np.arange(30), groups)
    one = judge_neighbours(whole, similarity)
    other = judge_neighbours(moved, similarity[np.ix_(order, order)])
    assert other.over == one.over
    assert [other.loss, other.low, other.high] == pytest.approx([one.loss, one.low, one.high])


@given(st.floats(0.01, 100.0), st.floats(-50.0, 50.0))
def test_only_the_order_that_a_model_sees_matters(factor: float, shift: float) -> None:
    similarity = np.random.default_rng(0).permuted(np.tile(np.arange(60.0), (60, 1)), axis=1)
    assert loss(asked(features()), factor * similarity + shift) == pytest.approx(
        loss(asked(features()), similarity)
    )


# --- how sure it is -------------------------------------------------------------------------------


def test_the_wider_interval_counts_and_is_named() -> None:
    x, similarity = features(), at_random(60, 1)
    widths = {}
    for name in ("symbol", "quarter"):
        alone = replace(asked(x), groups={name: asked(x).groups[name]})
        found = judge_neighbours(alone, similarity)
        assert found.over == name
        widths[name] = width(found)
    both = judge_neighbours(asked(x), similarity)
    assert width(both) == max(widths.values())
    assert both.over == max(widths, key=lambda name: widths[name])


def test_luck_that_all_probes_share_makes_it_less_sure() -> None:
    """A few windows that are found whatever is asked are one draw, and no sixty."""
    x, rng = features(), np.random.default_rng(0)
    alike = np.tile(rng.normal(size=60), (60, 1)) + 0.01 * rng.normal(size=(60, 60))
    one, many = judge_neighbours(asked(x), alike), judge_neighbours(asked(x), at_random(60, 0))
    assert width(one) > 2 * width(many)
    assert one.as_chance


def test_a_loss_that_lies_in_one_symbol_is_less_sure_than_one_in_all() -> None:
    x = features()
    one = np.where((np.arange(60) % 6 == 0)[:, None], at_random(60, 0), -apart(x))
    everywhere = np.where((np.arange(60) // 6 % 6 == 0)[:, None], at_random(60, 0), -apart(x))
    there, spread = (
        judge_neighbours(replace(asked(x), groups={"symbol": np.arange(60) % 6}), similarity)
        for similarity in (one, everywhere)
    )
    assert there.loss == pytest.approx(spread.loss, abs=0.05)
    assert width(there) > 1.5 * width(spread)


@pytest.mark.parametrize(("symbols", "quarters", "over"), [(4, 10, "quarter"), (6, 4, "symbol")])
def test_fewer_than_five_groups_say_nothing_and_the_other_ones_decide(
    symbols: int, quarters: int, over: str
) -> None:
    found = judge_neighbours(asked(features(), symbols, quarters), at_random(60, 0))
    assert found.over == over


def test_without_five_groups_of_either_kind_nothing_is_decided() -> None:
    found = judge_neighbours(asked(features(), 4, 4), at_random(60, 0))
    assert found.loss is not None
    assert (found.low, found.high, found.decided, found.as_chance) == (None, None, False, False)
    assert str(found).endswith("of too few symbols and quarters to be sure")


@pytest.mark.parametrize(("n", "decided"), [(5, False), (19, False), (20, True)])
def test_few_windows_decide_nothing(n: int, decided: bool) -> None:
    found = judge_neighbours(asked(features(n)), at_random(n, 0))
    assert found.decided is decided
    assert ("too few" in str(found)) is not decided


def test_windows_that_do_not_differ_decide_nothing() -> None:
    found = judge_neighbours(asked(np.ones((40, 4))), at_random(40, 0))
    assert (found.loss, found.decided) == (None, False)
    assert str(found).endswith("40 windows with a regime do not differ")


def test_nothing_asked_decides_nothing() -> None:
    nobody = Asked(np.zeros((0, 40)), np.zeros(0, dtype=np.int64), asked(features(40)).groups)
    assert not judge_neighbours(nobody, np.zeros((0, 40))).decided


def test_what_reaches_chance_is_chance() -> None:
    assert NeighbourQuality(0.7, 0.5, CHANCE, "symbol", 100, 84).as_chance
    assert not NeighbourQuality(0.7, 0.5, CHANCE - 0.01, "symbol", 100, 84).as_chance


def test_it_speaks_for_itself() -> None:
    assert str(NeighbourQuality(0.117, 0.01, 0.214, "symbol", 100, 84)) == (
        "neighbours lose 0.12 (0.01 to 0.21; 0 as exact search, 1 as chance; 100 regimes asked of "
        "84 windows, 95 % over symbols)"
    )


# --- one beside the other -------------------------------------------------------------------------


def test_a_model_loses_nothing_to_itself() -> None:
    found = lost_more(asked(features()), at_random(60, 0), at_random(60, 0))
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_which_one_is_taken_first_turns_the_sign_and_nothing_else() -> None:
    x = features()
    one = lost_more(asked(x), -apart(x[:, :2]), at_random(60, 0))
    other = lost_more(asked(x), at_random(60, 0), -apart(x[:, :2]))
    assert one.low is not None and one.low > 0
    assert (other.value, other.low, other.high) == pytest.approx(
        (-one.value, -one.high, -one.low)  # type: ignore[operator]
    )


def test_models_that_err_on_the_same_probes_are_told_apart_more_surely() -> None:
    """Their difference is taken probe by probe: what both lose does not blur it."""
    x = features()
    both = np.where((np.arange(60) % 6 == 0)[:, None], at_random(60, 0), -apart(x))
    worse = both + 0.15 * np.random.default_rng(5).normal(size=both.shape)
    found = lost_more(asked(x), both, worse)
    assert found.low is not None and found.high is not None
    assert found.high - found.low < width(judge_neighbours(asked(x), worse))
