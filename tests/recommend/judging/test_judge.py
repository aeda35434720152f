"""Judging: what each set is worth, which one is chosen, and what stands beside it."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.recommend.worlds import CONFIG, START, USUAL, World, fast, findings, spec, sweep, window
from tests.small_store import regime
from tradingkb.domain import Regime
from tradingkb.recommend.answer import Option
from tradingkb.recommend.judging.judge import Chosen, baseline, choose_params, expect, judge

#: 5 does best in lively windows, 20 in calm ones; in either, 10 does nothing.
LIVELY = (0, 2, 4, 6, 8, 10)
#: As `USUAL`, 20 better by 1 on average: by 2 in half of the windows, by nothing in the others.
UNSTEADY = (
    sweep(10, {5: 0.5, 20: 0.5})
    .but(fast(20) & window(0, 2, 4, 6, 8), sharpe_oos=2.5)
    .but(fast(20), max_drawdown_frac_oos=0.02)
    .but(fast(20) & window(0, 2, 4, 6, 8), max_drawdown_frac_oos=0.08)
)
#: Two sets a step apart.
CLOSE = sweep(10, {19: 0.5, 20: 1.5})
#: One whole number that was stored with the rounding of another tool.
ROUNDED = sweep(10, {20: 1.5}).but(params='{"fast":20.0000001}')


def by_market(n_windows: int = 12) -> World:
    world = sweep(n_windows, {5: 0.0, 10: 0.0, 20: 0.0}).but(
        regime_is=regime(0.1), regime_oos=regime(0.1)
    )
    world = world.but(window(*LIVELY), regime_is=regime(0.8), regime_oos=regime(0.8))
    world = world.but(window(*LIVELY) & fast(5), sharpe_oos=2.0)
    world = world.but(~window(*LIVELY) & fast(20), sharpe_oos=2.0)
    world = world.but(window(*LIVELY) & fast(20), sharpe_oos=-1.0)
    return world.but(~window(*LIVELY) & fast(5), sharpe_oos=-1.0).but(sharpe_is=0.0)


def scores(world: World, **asked: Any) -> dict[int, float]:
    """The score of each set, by the value of `fast`."""
    c = world.context(**asked)
    values = findings(c).judged.score.tolist()
    return {int(pset["fast"]): s for pset, s in zip(c.view.psets, values, strict=True)}


def chosen(world: World, nominated: tuple[int, ...] | None = None) -> Chosen | None:
    """The choice among these sets; among all where none are named."""
    c = world.context()
    sets = np.array([nominated is None or p["fast"] in nominated for p in c.view.psets])
    places = np.arange(len(sets))
    return choose_params(c.view, findings(c).judged, sets, c.promoted, places, c.spec)


@pytest.mark.parametrize(("volatility", "best"), [(0.8, 5), (0.1, 20)])
@pytest.mark.parametrize("stated", [True, False])
def test_windows_like_the_market_weigh_more(volatility: float, best: int, stated: bool) -> None:
    features = {"volatility_annual": volatility, "atr_pct": volatility / 20}
    asked = Regime.stated(features=features) if stated else Regime(features=features)
    # In another instrument than the asked one: own history would weigh as much.
    found = scores(by_market(), regime=asked, symbol="XYZ")
    assert max(found, key=lambda value: found[value]) == best


def test_without_a_market_every_window_weighs_alike() -> None:
    found = scores(by_market(), regime=None)
    assert found[5] == pytest.approx(found[20])


def differing(*symbols: str) -> World:
    """Instruments on every other of which 5 does best, and 20 on the rest."""
    world = sweep(8, {5: 1.0, 20: 0.0}, symbol=symbols[0])
    for n, symbol in enumerate(symbols[1:], 1):
        world = world.plus(sweep(8, {5: (n + 1) % 2, 20: n % 2}, symbol=symbol))
    return world


def test_own_history_speaks_where_the_store_shows_that_instruments_differ() -> None:
    """They differ beyond doubt, so each is taken at its word; of an unknown one, everyone is."""
    world = differing("AAPL", "MSFT", "IBM", "GOOG")
    for symbol, best in (("AAPL", 5), ("MSFT", 20), ("IBM", 5), ("GOOG", 20)):
        assert scores(world, symbol=symbol) == pytest.approx({best: 1.0, 25 - best: 0.0})
    for symbol in (None, "XYZ"):
        assert scores(world, symbol=symbol) == pytest.approx({5: 0.5, 20: 0.5})


def test_two_instruments_do_not_say_how_much_instruments_differ() -> None:
    for symbol in ("AAPL", "MSFT", None):
        assert scores(differing("AAPL", "MSFT"), symbol=symbol) == pytest.approx({5: 0.5, 20: 0.5})


def test_more_windows_of_the_same_result_are_better_evidence() -> None:
    leads = [scores(sweep(n, {5: 0.0, 20: 1.0})) for n in (1, 3, 10, 30)]
    gaps = [found[20] - found[5] for found in leads]
    assert gaps == sorted(gaps)
    assert gaps[0] > 0


@pytest.mark.parametrize("busy", [5, 20])
def test_of_sets_that_are_not_told_apart_the_one_that_trades_less_in_sample_is_chosen(
    busy: int,
) -> None:
    """It costs preference, not score: 0.05 of the ranks of trades, smoothed over one step."""
    world = sweep(10, {5: 1.0, 20: 1.0}).but(fast(busy), n_trades_is=400)
    judged = findings(world.context()).judged
    assert judged.score[0] == pytest.approx(judged.score[1])
    # Ranks of trades are 0.25 and 0.75; a neighbour one step away counts 1/e.
    smoothed = 0.5 * (1 - math.exp(-1)) / (1 + math.exp(-1))
    lead = (judged.preference[1] - judged.preference[0]) * (1 if busy == 20 else -1)  # 20, then 5
    assert lead == pytest.approx(0.05 * smoothed)
    assert world.answer().params == {"fast": 25 - busy}


def test_a_set_that_is_expected_to_earn_more_is_chosen_however_often_it_trades() -> None:
    assert USUAL.but(fast(20), n_trades_is=4000).answer().params == {"fast": 20}


@pytest.mark.parametrize(
    ("own", "best"),
    [
        (None, 20),
        ({'{"fast":20}': 0.0}, 5),  # never traded: not chosen
        ({'{"fast":20}': 1.0}, 20),  # that is enough
        ({'{"fast":20}': 0.0, '{"fast":5}': 0.0}, None),
        ({}, 20),
    ],
)
def test_a_set_that_never_traded_in_ones_own_tuning_is_not_chosen(
    own: dict[str, float] | None, best: int | None
) -> None:
    found = USUAL.answer(own_trades=own)
    assert found.params == (None if best is None else {"fast": best})


@pytest.mark.parametrize(
    ("world", "nominated", "params", "tested", "repaired"),
    [
        (USUAL, None, {"fast": 20}, True, False),
        (USUAL, (5,), {"fast": 5}, True, False),
        (USUAL, (), None, None, None),
        # One that obeys comes before a better one that would have to be repaired.
        (USUAL.under(spec(high=15)), None, {"fast": 5}, True, False),
        # A repair moves by a step, and only to what was tried and counts.
        (CLOSE.under(spec(high=19)), (20,), {"fast": 19}, True, True),
        (CLOSE.but(fast(19), kb_status="rejected").under(spec(high=19)), (20,), *[None] * 3),
        (USUAL.under(spec(high=19)), (20,), *[None] * 3),
        (USUAL.under(spec(high=5, default=5)), (20,), *[None] * 3),
        (USUAL.under(spec(low=30, default=30)), None, *[None] * 3),
        # Or it is a rounding, and the set is the one that was tried.
        (ROUNDED.under(spec()), None, {"fast": 20}, False, True),
    ],
)
def test_the_best_nominated_set_that_obeys_is_chosen_failing_that_one_that_hardly_breaks_the_spec(
    world: World,
    nominated: tuple[int, ...] | None,
    params: dict[str, int] | None,
    tested: bool | None,
    repaired: bool | None,
) -> None:
    found = chosen(world, nominated)
    if params is None:
        assert found is None
        return
    assert found is not None
    assert found.params == params
    assert (found.tested_pset is not None, bool(found.repaired)) == (tested, repaired)


def test_the_chosen_parameters_are_a_copy_that_a_user_may_change() -> None:
    world = USUAL
    c = world.context()
    answer = world.answer()
    assert answer.params is not None
    answer.params["fast"] = 99
    assert c.view.psets == [{"fast": 20}, {"fast": 5}]
    assert world.answer().params == {"fast": 20}


def test_a_set_with_no_evidence_has_no_score() -> None:
    world = USUAL.but(fast(5), kb_status="rejected")
    assert scores(world)[5] == -np.inf
    assert np.isfinite(scores(world)[20])


@pytest.mark.parametrize(("world", "steady"), [(USUAL, True), (UNSTEADY, False)])
def test_what_is_expected_lies_between_the_sets_own_mean_and_everyones(
    world: World, steady: bool
) -> None:
    """What never varied is taken at its word; what did, only in part."""
    c = world.context()
    f = findings(c)
    for value, own in ((5, 0.5), (20, 1.5)):
        found = expect(f.evidence, f.judged, c.view.pset_index[f'{{"fast":{value}}}'], None)
        if steady:
            assert found.value == pytest.approx(own)
        else:
            assert min(own, 1.0) < found.value < max(own, 1.0)
        assert found.unshrunk == pytest.approx(own)
        assert found.value - found.unshrunk == pytest.approx(found.shrinkage)
        assert (found.n_windows, found.n_quarters, found.own_windows) == (10, 10, 10)
        assert (found.unit, found.direction, found.n_symbols) == ("annualised", "max", 1)


def test_less_is_expected_where_less_is_better() -> None:
    c = UNSTEADY.context(objective_type="max_drawdown")
    f = findings(c)
    by_set = [expect(f.evidence, f.judged, p, None).value for p in range(2)]  # 20, then 5
    assert 0.05 < by_set[0] < 0.075 < by_set[1] < 0.10
    assert UNSTEADY.answer(objective_type="max_drawdown").params == {"fast": 20}


@pytest.mark.parametrize(("n_windows", "near"), [(1, True), (2, True), (3, False)])
def test_neighbours_are_counted_where_the_set_itself_has_too_few_windows(
    n_windows: int, near: bool
) -> None:
    world = sweep(6, {10: 1.0, 11: 1.0}).only(fast(11) | window(*range(n_windows)))
    c = world.context()
    f = findings(c)
    found = expect(f.evidence, f.judged, c.view.pset_index['{"fast":10}'], None)
    assert found.n_windows == n_windows
    assert (found.near_windows, found.near_quarters) == ((6, 6) if near else (None, None))


def test_sets_of_another_category_are_no_neighbours() -> None:
    world = sweep(6, {10: 1.0, 11: 1.0}).only(fast(11) | window(0))
    world = world.but(fast(11), params='{"fast":"x"}')
    c = world.context()
    f = findings(c)
    found = expect(f.evidence, f.judged, c.view.pset_index['{"fast":10}'], None)
    assert found.near_windows == 1


def test_the_regime_agnostic_choice_looks_at_neither_regime_nor_own_history() -> None:
    world = sweep(4, {5: 1.0, 20: 0.0}).plus(sweep(12, {5: 0.0, 20: 1.0}, symbol="MSFT"))
    found = [world.answer(symbol=s, regime=r).baseline for s in ("AAPL", None) for r in (None,)]
    assert [b.regime_agnostic.params for b in found if b] == [{"fast": 20}] * 2


def test_the_baseline_is_chosen_among_nominated_sets_that_obey() -> None:
    c = USUAL.under(spec(high=15)).context()
    f = findings(c)
    every, best = np.array([True, True]), np.array([True, False])
    found = baseline(f.evidence, f.judged, every, c.spec).regime_agnostic
    assert found is not None
    assert found.params == {"fast": 5}
    assert baseline(f.evidence, f.judged, best, c.spec).regime_agnostic is None


@pytest.mark.parametrize(("default", "tried"), [(5, True), (7, False), (None, None)])
def test_the_baseline_says_what_its_choice_and_the_defaults_earned(
    default: int | None, tried: bool | None
) -> None:
    """Nothing is expected of defaults that nobody tried; undeclared ones are not named."""
    c = USUAL.under(spec(default=default)).context()
    f = findings(c)
    best, five = (expect(f.evidence, f.judged, pset, c.spec) for pset in (0, 1))
    found = baseline(f.evidence, f.judged, np.array([True, True]), c.spec)
    assert found.regime_agnostic == Option({"fast": 20}, best)
    expected = five if tried else None
    assert found.defaults == (None if default is None else Option({"fast": default}, expected))


def test_the_baseline_says_what_the_choice_leads_by_and_nothing_over_itself_or_the_untried() -> (
    None
):
    """By 1 in every window: nothing is left to doubt. Where less is better, 0.08 less is a lead."""
    sure = USUAL.but(fast(20), max_drawdown_frac_oos=0.02).under(spec(default=5))
    for objective, lead in (("sharpe", 1.0), ("max_drawdown", 0.08)):
        found = sure.answer(objective_type=objective).baseline
        assert found.regime_agnostic.lead is None  # it is the choice
        assert dict(found.defaults.lead) == pytest.approx(
            {"value": lead, "low": lead, "high": lead, "level": 0.9}, abs=1e-7
        )
        assert found.defaults.lead.told_apart
    for default in (7, 20):
        assert USUAL.under(spec(default=default)).answer().baseline.defaults.lead is None


def test_a_lead_that_half_of_the_windows_show_is_the_difference_of_what_is_expected() -> None:
    found = UNSTEADY.under(spec(default=5)).answer(regime=None)
    lead = found.baseline.defaults.lead
    assert lead.value == pytest.approx(found.expected.value - found.defaults_expected)
    assert lead.low < lead.value < lead.high
    assert lead.low + lead.high == pytest.approx(2 * lead.value)


def test_judging_again_with_other_weights_leaves_the_first_judgement_alone() -> None:
    c = UNSTEADY.context(regime=None)
    f = findings(c)
    before = deepcopy(f.judged)
    heavier = type(CONFIG.weights)(neutral=0.1, few_trades=1.0)
    standing = c.pool.standing(c.near, c.spec, heavier)
    other = judge(replace(f.evidence, standing=standing), heavier, None, None)
    again = judge(f.evidence, CONFIG.weights, None, None)
    for name in ("score", "preference", "reach", "plain"):
        first = getattr(before, name).tolist()
        assert (getattr(other, name).tolist() != first) == (name != "plain")
        assert getattr(f.judged, name).tolist() == getattr(again, name).tolist() == first


def test_windows_of_one_quarter_count_as_one() -> None:
    """What one quarter did to ten windows is said once: ten days of luck are no ten quarters."""
    once = sweep(10, {5: 0.0, 20: 1.0}, days=1, start=START)
    apart = sweep(10, {5: 0.0, 20: 1.0})
    assert scores(once, symbol=None)[20] < scores(apart, symbol=None)[20]
