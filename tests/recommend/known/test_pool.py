"""The trials that count, and what follows from them alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tests.recommend.worlds import (
    CONFIG,
    MARKET,
    START,
    USUAL,
    World,
    fast,
    spec,
    sweep,
    window,
)
from tests.small_store import regime
from tradingkb.domain import Regime
from tradingkb.recommend.known import Pool, Standing


def pool(world: World, **asked: Any) -> Pool:
    return world.context(**asked).pool


def standing(world: World, **asked: Any) -> Standing:
    c = world.context(**asked)
    return c.pool.standing(c.near, c.spec, CONFIG.weights)


@pytest.mark.parametrize(
    ("n_windows", "in_sample", "scores"),
    [
        # Fewer than three windows with out-of-sample scores, and in-sample ones stand in.
        (0, True, 20),
        (2, True, 20),
        (3, False, 6),
        (10, False, 20),
    ],
)
def test_scores_are_out_of_sample_unless_fewer_than_three_windows_have_any(
    n_windows: int, in_sample: bool, scores: int
) -> None:
    found = pool(USUAL.but(~window(*range(n_windows)), sharpe_oos=None))
    assert found.in_sample == in_sample
    assert np.isfinite(found.scores).sum() == scores
    assert found.n_may_nominate == scores


def test_little_evidence_that_is_all_out_of_sample_is_not_called_in_sample() -> None:
    found = pool(sweep(2, {5: 0.5, 20: 1.5}))
    assert not found.in_sample
    assert np.isfinite(found.scores).all()


def test_ranks_are_within_the_window_whichever_way_the_objective_goes() -> None:
    world = sweep(2, {5: 0.5, 10: 1.0, 20: 1.5}).but(fast(20), max_drawdown_frac_oos=0.05)
    world = world.but(fast(5), max_drawdown_frac_oos=0.2)
    by_sharpe = pool(world).ranks.reshape(2, 3)  # by id: 5, 10, 20
    by_drawdown = pool(world, objective_type="max_drawdown").ranks.reshape(2, 3)
    assert by_sharpe == pytest.approx(np.array([[1 / 6, 1 / 2, 5 / 6]] * 2))
    assert by_drawdown == pytest.approx(by_sharpe)


def test_a_trial_without_a_score_is_average_and_lends_no_rank_to_others() -> None:
    world = sweep(1, {5: 0.5, 10: 1.0, 20: 1.5}).but(fast(10), sharpe_oos=None, sharpe_is=None)
    assert pool(world).ranks == pytest.approx([1 / 4, 1 / 2, 3 / 4])


def test_archived_trials_are_evidence_and_nominate_nothing() -> None:
    found = pool(USUAL.but(fast(20), archived_at=START))
    assert (found.n_may_nominate, len(found.active), len(found.cells.pset)) == (10, 2, 20)


def test_rejected_trials_are_no_evidence() -> None:
    found = pool(USUAL.but(fast(20), kb_status="rejected"))
    assert found.active.tolist() == [1]
    assert len(found.cells.pset) == 10


@pytest.mark.parametrize(
    ("world", "warnings"),
    [
        (USUAL, ()),
        (USUAL.but(cost_bps=5.0, strategy_version="1"), ()),
        (USUAL.but(window(0), cost_bps=5.0), ("mixed_costs",)),
        (USUAL.but(window(0), strategy_version="1"), ("mixed_strategy_versions",)),
        (
            USUAL.but(window(0), strategy_version="1", cost_bps=5.0),
            ("mixed_strategy_versions", "mixed_costs"),
        ),
        # What does not count is not pooled.
        (USUAL.but(window(0), cost_bps=5.0, kb_status="rejected"), ()),
    ],
)
def test_what_is_pooled_of_different_kinds_is_said(world: World, warnings: tuple[str, ...]) -> None:
    assert pool(world).mixtures == warnings


def test_distances_are_scaled_by_the_windows_that_count() -> None:
    """A market that nobody may look at yet does not move what is near."""
    wild = sweep(5, {5: 1.0}, start=START + timedelta(days=4000)).but(
        regime_is=regime(9.0), regime_oos=regime(9.0)
    )
    moment = START + timedelta(days=91 * 10)
    both, alone = (w.context(as_of=moment).pool for w in (USUAL.plus(wild), USUAL))
    assert both.scaler == alone.scaler
    assert both.scaler is not None
    near = both.distances(MARKET, both.scaler)[:10]
    assert near.tolist() == alone.distances(MARKET, both.scaler).tolist()


def test_a_distance_is_zero_at_the_same_market_and_unknown_without_a_regime() -> None:
    found = pool(USUAL.but(window(0), regime_is=None, regime_oos=None))
    assert found.scaler is not None
    distance = found.distances(MARKET, found.scaler)
    assert np.isnan(distance).tolist() == [True] + [False] * 9
    assert distance[2] == pytest.approx(0.0, abs=1e-12)
    assert (distance[3:8] > 0).all()


def test_a_stated_market_is_compared_with_the_scored_part_by_its_direction() -> None:
    up = Regime(features={"trend_direction": 0.9, "volatility_annual": 0.8})
    down = Regime(features={"trend_direction": -0.9, "volatility_annual": 0.1})
    texts = [json.dumps(r.to_dict()) for r in (up, down)]
    world = sweep(4, {5: 1.0}).but(regime_is=texts[0], regime_oos=texts[1])
    found = pool(world.but(window(0), regime_oos=texts[0]))
    assert found.scaler is not None
    stated = Regime.stated(features={"trend_direction": 0.9, "volatility_annual": 0.1})
    distance = found.distances(stated, found.scaler)
    assert int(np.argmin(distance)) == 0


@pytest.mark.parametrize(("timeframe", "quoted"), [("1d", 10), ("4h", 3), ("1h", 13), (None, 10)])
def test_windows_of_the_timeframe_are_quoted_and_all_where_none_is(
    timeframe: str | None, quoted: int
) -> None:
    world = USUAL.plus(sweep(3, {5: 0.5, 20: 1.5}, timeframe="4h"))
    assert standing(world, timeframe=timeframe).quoted.sum() == quoted


def test_many_trades_have_their_price_and_unknown_numbers_the_middle_one() -> None:
    even = standing(USUAL).price
    busy = standing(USUAL.but(fast(20), n_trades_is=400)).price  # 20, then 5
    assert even == pytest.approx([0.5, 0.5])
    assert busy[0] > 0.5 > busy[1]
    assert standing(USUAL.but(n_trades_is=None)).price == pytest.approx([0.5, 0.5])
    assert ((busy >= 0) & (busy <= 1)).all()


def test_trades_are_compared_within_each_window_of_the_timeframe() -> None:
    slow = sweep(9, {5: 0.5, 20: 1.5}, timeframe="4h").but(fast(20), n_trades_is=400)
    assert standing(USUAL.plus(slow)).price == pytest.approx(standing(USUAL).price)
    longer = USUAL.but(window(0), n_trades_is=4000)
    assert standing(longer).price == pytest.approx(standing(USUAL).price)


def test_what_follows_from_a_pool_is_kept_by_all_that_it_depends_on() -> None:
    c = USUAL.plus(sweep(3, {5: 0.5}, timeframe="4h")).context()
    weights, near = CONFIG.weights, c.near
    first = c.pool.standing(near, None, weights)
    assert c.pool.standing(near.copy(), None, replace(weights)) is first
    assert c.pool.standing(~near, None, weights) is not first
    assert c.pool.standing(near, spec(), weights) is not first
    assert c.pool.standing(near, None, replace(weights, neutral=1.0)) is not first


def test_what_regimes_decide_is_kept_for_either_side_of_a_window() -> None:
    """A measured regime is what came before a window, a stated one what it was like."""
    c = sweep(12, {5: 0.5, 20: 1.5}).context()
    before, during = (c.pool.traits(c.near, None, CONFIG.weights, s) for s in ("before", "during"))
    assert before is not None
    assert before is not during
    assert c.pool.traits(c.near.copy(), None, CONFIG.weights, "before") is before


def test_no_trials_at_all_make_a_pool_too() -> None:
    found = pool(USUAL.but(kb_status="rejected"))
    assert (found.n_may_nominate, len(found.active), found.scaler) == (0, 0, None)
    assert not found.used.any()
    assert not found.seen.any()
    assert found.ranks.tolist() == [0.5] * 20
