"""What luck may explain, per set: by hand where a hand suffices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.recommend.worlds import START, USUAL, World, fast, sweep, window
from tradingkb.ranking import Pbo
from tradingkb.ranking.deflated import expected_max_sharpe
from tradingkb.recommend.answer import DeflatedSharpe, Overfitting
from tradingkb.recommend.judging.overfitting import (
    OverfittingEvidence,
    allowed,
    overfitting_evidence,
)

DAY = 1 / 365.25


def evidence(world: World, **asked: object) -> OverfittingEvidence:
    return overfitting_evidence(world.context(**asked))  # type: ignore[arg-type]


def of(deflated: list[float], pbo: float | None) -> OverfittingEvidence:
    values = np.array(deflated)
    found = None if pbo is None else split(pbo)
    return OverfittingEvidence(values, values, 0.0, values, 2, found, 20)


def split(pbo: float, n_blocks: int = 8, n_sets: int = 8) -> Pbo:
    return Pbo(pbo, 70, n_blocks, n_sets, np.zeros(70), None, 0.0)


def noisy(n_windows: int, sets: Sequence[int], seed: int = 0, **more: Any) -> World:
    """A sweep in which each set earns luck in each window, and 20 earns 0.3 beside."""
    rng = np.random.default_rng(seed)
    world = sweep(n_windows, dict.fromkeys(sets, 0.0), **more)
    luck = (
        rng.normal(size=world.rows.height).round(3) + 0.3 * world.rows.select(fast(20)).to_series()
    )
    return replace(world, rows=world.rows.with_columns(sharpe_oos=luck, sharpe_is=luck))


def again(world: World, where: pl.Expr | None = None, times: int = 1) -> World:
    """The same, with trials that are stored again under new ids."""
    rows = world.rows.filter(pl.lit(True) if where is None else where)
    for k in range(times):
        named = rows.with_columns(source_id=pl.col("source_id") + f":again{k}")
        world = world.plus(replace(world, rows=named))
    return world


def test_time_that_several_windows_cover_is_counted_once() -> None:
    """Three windows of 90 days, each beginning 30 days after the one before: 150 days."""
    overlapping = sweep(3, {5: 0.5, 20: 1.5}, days=30)
    assert evidence(overlapping).years == pytest.approx([150 * DAY] * 2)
    apart = evidence(sweep(3, {5: 0.5, 20: 1.5}, days=91))
    assert apart.years == pytest.approx([270 * DAY] * 2)
    within = overlapping.but(window(1), oos_end=START + timedelta(days=40))
    assert evidence(within).years == pytest.approx([150 * DAY] * 2)
    same = sweep(3, {5: 0.5, 20: 1.5}).plus(sweep(3, {5: 0.5, 20: 1.5}, symbol="MSFT"))
    assert evidence(same).years == pytest.approx([270 * DAY] * 2)


def test_a_window_without_dates_covers_no_time() -> None:
    world = sweep(3, {5: 0.5, 20: 1.5}).but(window(1), oos_start=None, oos_end=None)
    assert evidence(world).years == pytest.approx([180 * DAY] * 2)


def test_only_windows_that_tried_a_set_count_for_it() -> None:
    found = evidence(sweep(3, {5: 0.5, 20: 1.5}).only(~(fast(5) & window(1))))
    assert found.years == pytest.approx([270 * DAY, 180 * DAY])  # 20, then 5


def test_a_window_without_a_ratio_is_no_time_observed_and_one_without_a_trade_is() -> None:
    world = sweep(4, {5: 0.5, 20: 1.5})
    unknown = evidence(world.but(fast(20) & window(1, 2, 3), sharpe_oos=None))
    assert unknown.years == pytest.approx([90 * DAY, 360 * DAY])  # 20, then 5
    alone = evidence(world.only(~(fast(20) & window(1, 2, 3))))
    assert unknown.deflated == pytest.approx(alone.deflated)
    idle = {"sharpe_oos": None, "n_trades_oos": 0, "max_drawdown_frac_oos": 0.0}
    stayed_out = evidence(world.but(fast(20) & window(1, 2, 3), **idle))
    assert stayed_out.years == pytest.approx([360 * DAY] * 2)
    assert stayed_out.sharpe == pytest.approx([1.5 / 4, 0.5])


def test_the_sharpe_ratio_of_a_set_is_its_mean_over_quarters() -> None:
    world = sweep(2, {5: 1.0, 20: 1.0}).plus(sweep(1, {5: 4.0, 20: 1.0}, symbol="MSFT"))
    # In the first quarter 5 shows 1 and 4, in the second 1: (2.5 + 1) / 2.
    assert evidence(world).sharpe == pytest.approx([1.0, 1.75])


def test_whatever_is_judged_the_ratio_that_is_deflated_is_sharpes() -> None:
    world = USUAL.but(max_drawdown_frac_oos=0.2)
    assert evidence(world, objective_type="max_drawdown").sharpe == pytest.approx([1.5, 0.5])


@pytest.mark.parametrize(
    ("world", "n"),
    [
        (USUAL, 2),
        (USUAL.but(fast(5), kb_status="rejected"), 2),  # it was tried all the same
        (USUAL.but(fast(5), archived_at=START), 2),
        (USUAL.but(fast(5), known_at=START.replace(year=2099)), 1),
        (USUAL.plus(sweep(1, {7: 0.0}, timeframe="4h")), 3),
    ],
)
def test_every_set_that_was_known_to_be_tried_counts_as_a_trial(world: World, n: int) -> None:
    assert evidence(world).n_trials == n


def test_the_more_is_tried_the_less_a_ratio_says() -> None:
    tried = noisy(10, (5, 20))
    few = tried.plus(sweep(1, {30: 1.0}).but(kb_status="rejected"))
    many = tried.plus(sweep(1, dict.fromkeys(range(30, 60), 1.0)).but(kb_status="rejected"))
    assert 0 < evidence(few).benchmark < evidence(many).benchmark
    assert evidence(few).deflated[0] > evidence(many).deflated[0]


GRID = tuple(range(5, 35))


@pytest.mark.parametrize("seed", range(3))
def test_a_set_that_is_hopeless_everywhere_changes_nothing_of_the_others(seed: int) -> None:
    world = noisy(20, GRID, seed)
    worse = noisy(20, (40,), seed + 9)
    worse = worse.but(sharpe_oos=pl.col("sharpe_oos") - 5.0)
    alone, beside = evidence(world), evidence(world.plus(worse))
    best = np.nanargmax(alone.deflated), np.nanargmax(beside.deflated)
    assert beside.sharpe[best[1]] == alone.sharpe[best[0]]
    assert beside.deflated[best[1]] == pytest.approx(alone.deflated[best[0]], rel=0.02)
    assert alone.pbo is not None
    assert beside.pbo is not None
    assert beside.pbo.pbo == pytest.approx(alone.pbo.pbo, rel=0.02)


def test_true_differences_between_sets_are_not_taken_for_luck() -> None:
    world = noisy(20, GRID)
    rank = pl.col("params").str.extract(r"(\d+)").cast(pl.Float64)
    apart = evidence(world.but(sharpe_oos=pl.col("sharpe_oos") + rank))
    assert apart.benchmark == pytest.approx(evidence(world).benchmark)


def test_where_one_quarter_tells_no_luck_from_skill_all_that_sets_differ_by_counts_as_luck() -> (
    None
):
    found = evidence(sweep(1, {5: 0.0, 10: 1.0, 20: 2.0}))
    assert found.benchmark == pytest.approx(expected_max_sharpe(1.0, 3))


@pytest.mark.parametrize("lucky", [None, fast(20), fast(20) & (pl.col("sharpe_oos") > 1.0)])
def test_what_is_stored_again_under_new_ids_changes_nothing(lucky: pl.Expr | None) -> None:
    world = noisy(20, GRID)
    once, many = evidence(world), evidence(again(world, lucky, times=5))
    for name in ("deflated", "sharpe", "years"):
        assert getattr(many, name) == pytest.approx(getattr(once, name), nan_ok=True)
    assert (many.benchmark, many.n_trials) == (pytest.approx(once.benchmark), once.n_trials)
    assert once.pbo is not None
    assert many.pbo is not None
    assert many.pbo.pbo == once.pbo.pbo


@pytest.mark.parametrize("value", [1e4, 1e15, 1e160])
@pytest.mark.parametrize("n_windows", [1, 20])
def test_one_absurd_ratio_is_no_exception_and_says_nothing_of_the_other_sets(
    value: float, n_windows: int
) -> None:
    world = noisy(n_windows, GRID)
    plain = evidence(world)
    found = evidence(world.but(fast(5) & window(0), sharpe_oos=value))
    others = found.sharpe == plain.sharpe
    assert others.sum() == len(GRID) - 1
    if n_windows > 1:
        assert found.deflated[others] == pytest.approx(plain.deflated[others], abs=0.02)


def test_rows_without_a_sharpe_ratio_are_no_observations() -> None:
    world = noisy(20, GRID)
    unscored = noisy(60, GRID[:5], 1).but(window(*range(60)), sharpe_oos=None, sharpe_is=None)
    fresh = sweep(3, {90: 0.0}).but(sharpe_oos=None, sharpe_is=None)
    once, more = evidence(world), evidence(world.plus(unscored).plus(fresh))
    assert more.n_trials == once.n_trials == 30
    assert more.years[np.isfinite(more.deflated)] == pytest.approx(once.years)
    assert more.deflated[np.isfinite(more.deflated)] == pytest.approx(once.deflated)


def test_other_timeframes_say_nothing_of_this_one() -> None:
    slow = sweep(9, {5: 9.0, 20: -9.0}, timeframe="4h")
    found, alone = evidence(USUAL.plus(slow)), evidence(USUAL)
    assert found.sharpe.tolist() == alone.sharpe.tolist()
    assert found.deflated.tolist() == alone.deflated.tolist()
    # Where nothing is of the query's timeframe, everything speaks.
    everything = evidence(USUAL.plus(slow), timeframe="1h")
    assert everything.sharpe.tolist() != alone.sharpe.tolist()


@pytest.mark.parametrize(
    ("world", "known"),
    [
        (USUAL, True),
        (USUAL.only(~(fast(5) & window(3))), False),  # a quarter that 5 was not tried in
        (USUAL.only(~window(3)), True),
        (USUAL.only(fast(5)), False),  # one set cannot be overfitted to
        (sweep(1, {5: 0.5, 20: 1.5}), False),
    ],
)
def test_overfitting_is_known_where_all_sets_were_tried_in_the_same_quarters(
    world: World, known: bool
) -> None:
    assert (evidence(world).pbo is not None) == known


def test_a_set_that_was_tried_in_one_quarter_alone_leaves_the_overfitting_of_the_others() -> None:
    stray = sweep(10, {40: 9.0}).only(window(3))
    found, before = (evidence(world).pbo for world in (USUAL.plus(stray), USUAL))
    assert found is not None
    assert before is not None
    assert (found.pbo, found.n_sets, found.n_splits) == (before.pbo, before.n_sets, before.n_splits)


def test_a_set_that_is_best_everywhere_is_no_overfitting_and_one_that_never_repeats_is() -> None:
    steady = evidence(USUAL).pbo
    even = [window(w) for w in range(0, 10, 2)]
    swings = USUAL.but(fast(5), sharpe_oos=0.0).but(fast(20), sharpe_oos=0.0)
    for w, here in enumerate(even):
        swings = swings.but(fast(5 if w % 2 else 20) & here, sharpe_oos=1.0)
    luck = evidence(swings).pbo
    assert steady is not None
    assert luck is not None
    assert steady.pbo == 0.0
    assert luck.pbo > 0.5


@pytest.mark.parametrize(
    ("floor", "ceiling", "passing"),
    [
        (None, None, [True, True, True]),
        (0.5, None, [True, True, False]),
        (0.9, None, [True, False, False]),
        (0.0, None, [True, True, False]),  # what is unknown does not pass
        (None, 0.4, [True, True, True]),
        (None, 0.39, [False, False, False]),
        (0.9, 0.4, [True, False, False]),
    ],
)
def test_a_limit_lets_through_what_reaches_it_and_nothing_unknown(
    floor: float | None, ceiling: float | None, passing: list[bool]
) -> None:
    found = of([0.9, 0.5, np.nan], pbo=0.4)
    assert allowed(found, floor, ceiling).tolist() == passing
    if ceiling is not None:
        assert not allowed(of([0.9, 0.5], pbo=None), floor, ceiling).any()


@pytest.mark.parametrize(
    ("n_blocks", "n_sets", "doubt"),
    [
        (8, 8, ""),
        (6, 8, "8 parameter sets in 6 blocks of time that share no window say too little, "),
        (16, 7, "7 parameter sets in 16 blocks of time that share no window say too little, "),
    ],
)
def test_a_limit_looks_at_a_probability_of_enough_sets_and_blocks_alone(
    n_blocks: int, n_sets: int, doubt: str
) -> None:
    found = replace(of([0.9], pbo=None), pbo=split(0.1, n_blocks, n_sets))
    assert found.doubt == (doubt and doubt + "8 in 8 are needed")
    assert allowed(found, None, 0.5).tolist() == [not doubt]
    chance = found.of(0)
    assert chance is not None
    assert chance.pbo is not None  # it is shown all the same, with what it rests on
    assert (chance.pbo.n_sets, chance.pbo.n_blocks, chance.pbo.n_quarters) == (n_sets, n_blocks, 20)
    assert of([0.9], pbo=None).doubt == (
        "no two parameter sets were tried in the same quarters, or in too few"
    )


def test_windows_that_span_two_blocks_are_left_out_of_the_overfitting() -> None:
    """Windows of 90 days, a new one each 30 days: a block loses what reaches over its end."""
    found = evidence(noisy(120, GRID, days=30)).pbo
    assert found is not None
    assert found.n_blocks == 8
    apart = evidence(noisy(40, GRID)).pbo
    assert apart is not None
    assert apart.n_blocks == 16
    year = noisy(100, GRID, days=30).but(oos_end=pl.col("oos_start") + timedelta(days=365))
    long = evidence(year)
    assert long.pbo is not None
    assert long.pbo.n_blocks == 4
    assert not allowed(long, None, 1.0).any()


def test_an_answer_says_of_its_set_what_was_found_for_it() -> None:
    column = [np.array([a, b]) for a, b in ((0.9, 0.8), (1.5, 0.5), (3.0, 2.0))]
    found = OverfittingEvidence(column[0], column[1], 0.7, column[2], 6, None, 4)
    for pset, (value, sharpe, years) in enumerate([(0.9, 1.5, 3.0), (0.8, 0.5, 2.0)]):
        told = DeflatedSharpe(value, sharpe=sharpe, benchmark=0.7, n_trials=6, years=years)
        assert found.of(pset) == Overfitting(told, None)


def test_an_answer_says_nothing_of_a_set_of_which_nothing_is_known() -> None:
    found = of([0.9, np.nan], pbo=None)
    told = found.of(0)
    assert told is not None
    assert told.deflated_sharpe is not None
    assert (told.deflated_sharpe.value, told.pbo) == (0.9, None)
    assert found.of(1) is None
    assert found.of(None) is None
    chance = of([np.nan], pbo=0.3).of(None)
    assert chance is not None
    assert chance.pbo is not None
    assert (chance.deflated_sharpe, chance.pbo.value) == (None, 0.3)


def test_what_became_known_later_is_no_trial_yet() -> None:
    moment = START + timedelta(days=91 * 4)
    later = sweep(4, dict.fromkeys(range(30, 40), 3.0), start=moment)
    alone = evidence(USUAL, as_of=moment)
    both = evidence(USUAL.plus(later), as_of=moment)
    assert both.n_trials == alone.n_trials == 2
    assert both.benchmark == alone.benchmark


@pytest.mark.parametrize(("later", "n"), [(timedelta(0), 3), (timedelta(microseconds=1), 2)])
def test_a_set_counts_from_the_moment_on_at_which_it_was_known(later: timedelta, n: int) -> None:
    moment = START + timedelta(days=91 * 9)
    third = sweep(1, {30: 1.0}).but(known_at=moment + later)
    assert evidence(USUAL.plus(third), as_of=moment).n_trials == n
