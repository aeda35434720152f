"""An answer is made of what was found, and of nothing else: it changes none of it."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.recommend.worlds import (
    CONFIG,
    MARKET,
    START,
    USUAL,
    World,
    arrays,
    calibrated,
    fast,
    findings,
    spec,
    sweep,
    window,
)
from tradingkb.domain import GivenParams, Regime
from tradingkb.recommend.judging import assemble, explain_params, nominated_sets, pick

GIVEN = GivenParams({"fast": 5})
#: A bit of everything: two instruments and timeframes, ties, a promotion, a rejection, an archive.
MIXED = (
    sweep(6, {5: 0.5, 10: 1.0, 20: 1.5, 30: 1.5})
    .plus(sweep(4, {5: 1.0, 20: 0.2}, symbol="MSFT"))
    .plus(sweep(4, {10: 4.0, 20: 9.0}, timeframe="4h"))
    .but(fast(30) & window(1), kb_status="promoted", promoted_at=START)
    .but(fast(20) & window(2), kb_status="rejected")
    .but(fast(10) & window(3), archived_at=START)
    .but(window(4), max_drawdown_frac_oos=0.3)
    .but(window(5), regime_is=None, regime_oos=None)
    .under(spec(default=10))
)
#: Questions that take different ways through the steps.
ASKED: dict[str, dict[str, Any]] = {
    "measured": {},
    "stated": {"regime": Regime.stated(tags=["high_volatility"])},
    "no market": {"regime": None, "symbol": None, "timeframe": None},
    "foreign": {"symbol": "XYZ", "timeframe": "1h"},
    "less is better": {"objective_type": "max_drawdown"},
    "earlier": {"as_of": START + timedelta(days=400)},
    "limited": {"min_deflated_sharpe": 0.2, "mode": "debug"},
    "own tuning": {"own_trades": {'{"fast":20}': 0.0, '{"fast":5}': 30.0}},
    "impossible": {"min_trades": 1000},
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_the_order_of_the_rows_makes_no_difference(asked: dict[str, Any]) -> None:
    first = MIXED.answer(**asked).to_dict()
    for seed in range(3):
        assert MIXED.shuffled(seed).answer(**asked).to_dict() == first


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_answering_twice_gives_equal_answers_and_leaves_the_first_alone(
    asked: dict[str, Any],
) -> None:
    c = MIXED.context(**asked)
    f = findings(c)
    first = assemble(c, f, CONFIG)
    before = first.to_dict()
    assert assemble(c, f, CONFIG).to_dict() == before
    sure = assemble(c, f, CONFIG, calibrated(0.9), lambda: {"total_ms": 1.0})
    assert sure.timings == {"total_ms": 1.0}
    assert (sure.confidence is None) == (sure.params in (None, {"fast": 10}))
    assert first.to_dict() == before
    assert assemble(c, f, CONFIG).to_dict() == before


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_no_step_writes_to_what_it_was_given(asked: dict[str, Any]) -> None:
    """What a context and its findings hold, and all that is kept with them, is made read-only."""
    c = MIXED.context(**asked)
    f = findings(c)
    answer = assemble(c, f, CONFIG, calibrated())
    told = explain_params(c, f, GIVEN, answer, 0.0)
    frozen = [a for a in arrays((c, f)) if a.size]
    assert len(frozen) > 40
    for array in frozen:
        array.flags.writeable = False
    again = assemble(c, findings(c), CONFIG, calibrated())
    assert again.to_dict() == answer.to_dict()
    assert explain_params(c, f, GIVEN, again, 0.0).to_dict() == told.to_dict()


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_questions_that_share_trials_do_not_disturb_each_other(asked: dict[str, Any]) -> None:
    alone = MIXED.answer(**asked).to_dict()
    view = MIXED.view()
    for other in [*ASKED.values(), asked]:
        c = MIXED.context(view, **other)
        answer = assemble(c, findings(c), CONFIG)
    assert answer.to_dict() == alone


@pytest.mark.parametrize("worse", [-5.0, 0.0, 0.49])
@pytest.mark.parametrize("asked", [{}, {"regime": None}, {"symbol": None, "timeframe": None}])
def test_a_set_that_is_worse_in_every_window_never_wins(
    worse: float, asked: dict[str, Any]
) -> None:
    world = sweep(10, {5: 0.5, 20: 1.5, 40: worse})
    assert USUAL.answer(**asked).params == world.answer(**asked).params == {"fast": 20}


@pytest.mark.parametrize("place", range(10))
def test_a_trial_that_does_worse_does_not_help_its_set(place: int) -> None:
    """Two sets share the windows; losing one more of them moves the choice to the other at most."""
    tied = sweep(10, {5: 1.0, 20: 1.0})
    helped = tied.but(fast(5) & window(place), sharpe_oos=0.0)
    assert helped.answer().params == {"fast": 20}


def test_what_the_answer_says_of_the_question_is_what_was_asked() -> None:
    moment = START + timedelta(days=800)
    found = USUAL.answer(as_of=moment, strategy_version="7", request_id="r", max_drawdown=0.2)
    assert (found.symbol, found.timeframe, found.as_of) == ("AAPL", "1d", moment)
    assert (found.request_id, found.strategy_name, found.workspace) == ("r", "s", "default")
    assert (found.strategy_version, found.regime) == ("7", MARKET)
    assert (found.filters["max_drawdown"], found.filters["min_trades"]) == (0.2, 5)
    assert found.weights == CONFIG.recorded
    assert (found.collection, found.embed_model) == ("kb_regime_v1_v1", "regime-v1")
    assert found.objective_type == "sharpe"
    assert USUAL.answer(objective_type="calmar").objective_type == "calmar"


def test_what_the_answer_says_of_the_steps_is_what_they_found() -> None:
    c = MIXED.context()
    f = findings(c)
    found = assemble(c, f, CONFIG)
    assert (found.filter_rejections, found.recommended_relaxed_settings) == (
        f.filtered.rejections,
        f.filtered.relaxations,
    )
    assert f.kernel is not None
    assert f.distance is not None
    weights = dict(zip(c.view.windows.frame["window_key"], f.kernel.tolist(), strict=True))
    told = dict(found.evidence.select("window_key", "weight").iter_rows())
    assert len(set(told.values())) > 1
    assert told == {key: weights[key] for key in told}


def test_nothing_is_expected_of_no_choice() -> None:
    found = USUAL.answer(min_trades=1000)
    assert (found.status, found.params, found.expected) == ("none", None, None)
    assert (found.baseline, found.overfitting, found.calibration) == (None, None, None)
    assert (found.confidence, found.confidence_band, found.spreads) == (None, "none", {})
    assert (found.evidence.height, found.trials.height, found.windows_used) == (0, 0, 0)


def test_debug_adds_the_funnel_and_every_set_best_first() -> None:
    world = USUAL.but(window(0), kb_status="rejected").but(window(1), archived_at=START)
    assert world.answer().debug is None
    debug = world.answer(mode="debug").debug
    assert debug is not None
    assert debug.funnel == {
        "stored": 20,
        "known": 20,
        "eligible": 18,
        "of_version": 18,
        "scored": 18,
        "traded": 18,
        "not_archived": 16,
    }
    assert [row["params"] for row in debug.param_sets] == ['{"fast":20}', '{"fast":5}']
    # 20 did better in each of the nine windows, always by as much: there is no doubt, and ranks of
    # two are 1/4 and 3/4. A neighbour one step away counts 1/e; both trade as often, price 1/2.
    near = math.exp(-1)
    for row, score, rank, other in zip(
        debug.param_sets, (1.5, 0.5), (0.75, 0.25), (0.25, 0.75), strict=True
    ):
        assert row.pop("params")
        smoothed = (rank + near * other) / (1 + near)
        assert row == pytest.approx(
            {
                "nominated": True,
                "score": score,
                "told_apart": pytest.approx(0.0, abs=1e-8),
                "preference": smoothed - 0.05 * 0.5,
                "mean_rank": rank,
            },
            abs=1e-8,  # a square root of what the last bits of a variance leave
        )


def test_debug_lists_sets_without_evidence_last_in_the_order_of_their_text() -> None:
    world = USUAL.plus(sweep(1, dict.fromkeys(range(30, 60), 1.0)).but(kb_status="rejected"))
    debug = world.answer(mode="debug").debug
    assert debug is not None
    texts = [row["params"] for row in debug.param_sets]
    assert texts[:2] == ['{"fast":20}', '{"fast":5}']
    assert texts[2:] == sorted(texts[2:])


def test_of_equal_sets_the_one_with_the_best_placed_nomination_is_picked() -> None:
    c = sweep(10, {5: 1.0, 20: 1.0}).context(regime=None)
    f = findings(c)
    for first in (0, 1):
        # Its best trial stands before all of the other set, its others after them but for the last.
        mine, others = (f.ranking.rows[(c.view.pset[f.ranking.rows] == first) == k] for k in (1, 0))
        rows = np.concatenate([mine[:1], others[:-1], mine[1:], others[-1:]])
        changed = replace(f, rank=partial(replace, f.ranking, rows=rows))
        chosen = pick(c, changed, nominated_sets(c, f))
        assert chosen is not None
        assert chosen.pset == first


def test_only_nominated_sets_can_be_picked_and_a_limit_on_luck_narrows_them() -> None:
    world = USUAL.but(fast(20), max_drawdown_frac_oos=0.6)
    c = world.context()
    f = findings(c)
    assert nominated_sets(c, f).tolist() == [False, True]  # by canonical text: 20, then 5
    chosen = pick(c, f, nominated_sets(c, f))
    assert chosen is not None
    assert chosen.params == {"fast": 5}
    assert pick(c, f, np.zeros(2, dtype=bool)) is None
    limited = replace(c, question=replace(c.question, min_deflated_sharpe=1.0))
    assert not nominated_sets(limited, f).any()


@pytest.mark.parametrize(
    ("world", "rule"),
    [
        (sweep(10, {5: 1.0, 20: 1.0}).but(fast(20) & window(0), kb_status="promoted"), 20),
        (sweep(10, {5: 1.0, 20: 1.0}).but(fast(5) & window(0), kb_status="promoted"), 5),
        (sweep(10, {5: 2.0, 20: 1.0}).but(fast(20) & window(0), kb_status="promoted"), 5),
    ],
)
def test_a_promotion_decides_between_equals_and_never_against_the_evidence(
    world: World, rule: int
) -> None:
    assert world.answer().params == {"fast": rule}


#: 20 is better by 0.2 in nine windows, and worse by 2 in one: on average 0.02 less than 5.
RANKED = sweep(10, {5: 0.5, 20: 0.7}).but(fast(20) & window(3), sharpe_oos=-1.5)
#: 5 is better by 0.1 in three windows, 20 in two.
FAVOURED = (
    sweep(10, {5: 1.0, 20: 1.0})
    .but(fast(20) & window(0, 1, 2), sharpe_oos=0.9)
    .but(fast(5) & window(4, 5), sharpe_oos=0.9)
    .but(fast(20) & window(0), kb_status="promoted")
)


@pytest.mark.parametrize(
    ("world", "why"),
    [
        (RANKED, "their mean rank within windows is better, or they trade less"),
        (FAVOURED, "they are promoted"),
    ],
)
def test_a_note_says_what_a_preference_cost_and_where_the_evidence_decides_there_is_none(
    world: World, why: str
) -> None:
    found = world.answer(mode="debug")
    assert found.params == {"fast": 20}
    five, twenty = (row["score"] for row in found.debug.param_sets)
    (note,) = (note for note in found.notes if note.startswith("chosen because"))
    assert note == (
        f'chosen because {why}: {{"fast":5}} is expected to earn {five - twenty:.2g} more, from '
        "which the evidence does not tell them apart"
    )
    assert 0 < five - twenty <= found.debug.param_sets[0]["told_apart"]
    assert not any(note.startswith("chosen because") for note in USUAL.answer().notes)


def test_the_defaults_stand_beside_the_choice_whether_anybody_tried_them_or_not() -> None:
    tried = USUAL.under(spec(default=5)).answer()
    untried = USUAL.under(spec(default=7)).answer()
    assert (tried.baseline.defaults.params, untried.baseline.defaults.params) == (
        {"fast": 5},
        {"fast": 7},
    )
    assert tried.defaults_expected == pytest.approx(0.5, abs=0.3)
    assert untried.defaults_expected is None
    assert USUAL.answer().baseline.defaults is None


def test_trials_that_came_in_later_change_no_answer_about_the_time_before() -> None:
    moment = START + timedelta(days=91 * 10)
    later = sweep(5, {5: 9.0, 20: -9.0}, start=START + timedelta(days=91 * 11))
    asked = {"as_of": moment, "mode": "debug"}
    before, after = USUAL.answer(**asked).to_dict(), USUAL.plus(later).answer(**asked).to_dict()
    before["debug"]["funnel"]["stored"] += later.rows.height
    assert before == after


def ragged(seed: int) -> World:
    """Four instruments and two timeframes of luck, each set tried in a part of the windows."""
    rng = np.random.default_rng(seed)
    world = sweep(0, {})
    for symbol in ("AAPL", "MSFT", "IBM", "GOOG"):
        for timeframe in ("1d", "4h"):
            sets = dict.fromkeys((5, 10, 20, 30, 40, 55), 0.0)
            world = world.plus(sweep(14, sets, symbol=symbol, timeframe=timeframe))
    n = world.rows.height
    window = world.rows["window_key"].rank("dense").to_numpy() - 1
    alike = 1.0 + rng.normal(size=window.max() + 1)[window]
    return world.but(
        sharpe_oos=pl.Series(
            alike + rng.normal(size=n) * np.where(rng.random(n) < 0.01, 30.0, 1.0)
        ),
        n_trades_is=pl.Series(rng.integers(1, 90, n)),
    ).only(pl.Series(rng.random(n) < 0.5))


@pytest.mark.parametrize("asked", [{}, {"regime": None}, {"symbol": "XYZ"}, {"timeframe": "4h"}])
@pytest.mark.parametrize("seed", range(3))
def test_a_ragged_store_is_told_to_the_last_bit_without_what_came_in_later(
    seed: int, asked: dict[str, Any]
) -> None:
    world, moment = ragged(seed), START + timedelta(days=91 * 9)
    question = {"as_of": moment, "mode": "debug", **asked}
    found = world.answer(**question).to_dict()
    assert found["params"] is not None
    before = world.only(pl.col("known_at") <= moment).answer(**question).to_dict()
    before["debug"]["funnel"]["stored"] = world.rows.height
    assert before == found
    assert world.shuffled(seed).answer(**question).to_dict() == found


@pytest.mark.parametrize("column", ["kb_status", "archived_at"])
def test_what_an_admin_did_later_changes_no_answer_about_the_time_before(column: str) -> None:
    moment = START + timedelta(days=91 * 10)
    late = moment + timedelta(days=1)
    chosen = fast(20) & window(0, 1, 2, 3)
    if column == "archived_at":
        changed = USUAL.but(chosen, archived_at=late)
    else:
        changes = [(n, "candidate", "rejected", late) for n in USUAL.ids(chosen)]
        changed = USUAL.but(chosen, kb_status="rejected").since(*changes)
    assert changed.answer(as_of=moment).to_dict() == USUAL.answer(as_of=moment).to_dict()
    assert changed.answer(as_of=late).to_dict() != USUAL.answer(as_of=late).to_dict()


def test_a_later_promotion_breaks_no_tie_of_the_time_before() -> None:
    moment = START + timedelta(days=91 * 10)
    late = moment + timedelta(days=1)
    tied = sweep(10, {5: 1.0, 20: 1.0})
    (trial,) = tied.ids(fast(5) & window(0))
    here = pl.col("trial_id") == trial
    promoted = tied.but(here, kb_status="promoted", promoted_at=late)
    promoted = promoted.since((trial, "candidate", "promoted", late))
    asked: dict[str, Any] = {"regime": None, "as_of": moment}
    assert promoted.answer(**asked).to_dict() == tied.answer(**asked).to_dict()
    asked["as_of"] = late
    assert promoted.answer(**asked).trials["kb_status"][0] == "promoted"
