"""What luck may explain, per set: by hand where a hand suffices."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from tests.recommend.worlds import START, USUAL, World, fast, sweep, window
from tradingkb.ranking import Pbo
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
    found = None if pbo is None else Pbo(pbo, 6, 4, 3, np.zeros(6), None, 0.0)
    return OverfittingEvidence(values, values, 0.0, values, 2, found, 4)


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
    few = USUAL.plus(sweep(1, {30: 1.0}).but(kb_status="rejected"))
    many = USUAL.plus(sweep(1, dict.fromkeys(range(30, 60), 1.0)).but(kb_status="rejected"))
    assert evidence(few).benchmark < evidence(many).benchmark
    assert evidence(few).deflated[0] > evidence(many).deflated[0]


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
