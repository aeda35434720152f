"""Every code of an answer: the smallest situation in which it is said, and its neighbour."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from tests.recommend.worlds import (
    MARKET,
    NOW,
    START,
    USUAL,
    World,
    calibrated,
    fast,
    spec,
    sweep,
    window,
)
from tradingkb.domain import Regime
from tradingkb.recommend.answer.codes import CODES
from tradingkb.recommend.judging.overfitting import overfitting_evidence
from tradingkb.recommend.judging.status import FEW_TRADES

Case = tuple[World, dict[str, Any]]
OWN = {json.dumps({"fast": f}, separators=(",", ":")): 40.0 for f in (5, 20)}
LOSING = sweep(10, {5: -1.5, 20: -0.5})
#: As many sets as a limit on overfitting needs.
EIGHT = sweep(10, {5: 0.5, 20: 1.5, **dict.fromkeys(range(30, 36), 0.0)})
#: 19 counts as evidence and nominates nothing; 20, a step away, does.
BARRED = sweep(10, {19: 0.5, 20: 1.5}).but(fast(19), max_drawdown_frac_oos=0.6)
#: One whole number that was stored with the rounding of another tool.
ROUNDED = sweep(10, {20: 1.5}).but(params='{"fast":20.0000001}')


#: What a trial says of a window in which nothing was traded.
IDLE = {"n_trades_oos": 0, "sharpe_oos": 0.0, "max_drawdown_frac_oos": 0.0}


def scattered() -> World:
    """A free-form search: each set was tried twice, its neighbours elsewhere."""
    tried = [window(w) & fast(10 + w % 6) for w in range(12)]
    every = sweep(12, dict.fromkeys(range(10, 16), 1.0))
    return every.only(pl.any_horizontal(tried))


def bare(*places: int) -> World:
    """The usual world without regimes in some windows; in all where none are named."""
    return USUAL.but(window(*places) if places else None, regime_is=None, regime_oos=None)


#: Code: a situation in which it is a reason, and the nearest one in which it is none.
REASONS: dict[str, tuple[Case, Case]] = {
    "no_trials_for_strategy": (
        (USUAL.only(pl.lit(False)).under(spec()), {}),
        (USUAL.only(fast(20) & window(0)).under(spec()), {}),
    ),
    "no_trials_known_by_then": (
        (USUAL, {"as_of": START + timedelta(days=90, microseconds=-1)}),
        (USUAL, {"as_of": START + timedelta(days=90)}),
    ),
    "all_trials_rejected": (
        (USUAL.but(kb_status="rejected"), {}),
        (USUAL.but(~(window(0) & fast(5)), kb_status="rejected"), {}),
    ),
    "no_trials_for_version": (
        (USUAL.but(strategy_version="1"), {"strategy_version": "2"}),
        (USUAL, {"strategy_version": "2"}),
    ),
    "no_score_for_objective": (
        (USUAL, {"objective_type": "profit_factor"}),
        (USUAL.but(profit_factor_oos=1.2), {"objective_type": "profit_factor"}),
    ),
    "too_few_trades": (
        (USUAL.but(~window(0, 1), **IDLE), {}),
        (
            USUAL.but(~window(0, 1, 2), **IDLE),
            {},
        ),
    ),
    "all_trials_archived": (
        (USUAL.but(archived_at=START), {}),
        (USUAL.but(~(window(0) & fast(5)), archived_at=START), {}),
    ),
    "no_matches_after_strict_filters": (
        (USUAL, {"max_drawdown": 0.09}),
        (USUAL, {"max_drawdown": 0.10}),
    ),
    "no_matches_after_relaxed_filters": (
        (USUAL.but(max_drawdown_frac_oos=0.51), {}),
        (USUAL.but(max_drawdown_frac_oos=0.50), {}),
    ),
    "params_outside_spec": (
        # What would obey was tried and rejected, so nothing that is defensible is left.
        (USUAL.but(fast(5), kb_status="rejected").under(spec(high=5, default=5)), {}),
        (USUAL.under(spec(high=5, default=5)), {}),
    ),
    "backtest_overfitting": (
        (EIGHT.only(~(window(3) & fast(5))), {"max_pbo": 1.0}),
        (EIGHT, {"max_pbo": 1.0}),
    ),
    "low_deflated_sharpe": (
        (USUAL, {"min_deflated_sharpe": 1.0}),
        (USUAL, {"min_deflated_sharpe": 0.9}),
    ),
    "strict_to_relaxed": (
        (USUAL.but(~window(0, 1), max_drawdown_frac_oos=0.3), {}),
        (USUAL.but(~window(0, 1, 2, 3, 4), max_drawdown_frac_oos=0.3), {}),
    ),
    "few_candidates": ((sweep(3, {5: 1, 10: 1, 20: 2}), {}), (sweep(5, {5: 1, 20: 2}), {})),
    "few_windows": (
        (sweep(2, {5: 0, 10: 0, 20: 1, 30: 0, 40: 0}), {}),
        (sweep(3, {5: 0, 10: 0, 20: 1, 30: 0, 40: 0}), {}),
    ),
    "mostly_unscored": (
        (sweep(12, {5: 1, 10: 0, 20: 2}).but(fast(20) & ~window(*range(5)), sharpe_oos=None), {}),
        (sweep(12, {5: 1, 10: 0, 20: 2}).but(fast(20) & ~window(*range(6)), sharpe_oos=None), {}),
    ),
    "one_quarter": (
        (sweep(10, {5: 0, 20: 1}, days=1), {}),
        (sweep(10, {5: 0, 20: 1}, days=10), {}),  # it reaches into the next one
    ),
    "missing_regime_context": ((USUAL, {"regime": None}), (USUAL, {})),
    "no_trials_of_timeframe": ((USUAL, {"timeframe": "4h"}), (USUAL, {"timeframe": "1d"})),
    "in_sample_only": (
        (USUAL.but(~window(0, 1), sharpe_oos=None), {}),
        (USUAL.but(~window(0, 1, 2), sharpe_oos=None), {}),
    ),
    "repaired_params": ((BARRED.under(spec(high=19)), {}), (BARRED.under(spec(high=20)), {})),
    "flat_prices": ((USUAL, {"read": ["flat_prices"]}), (USUAL, {"read": ["ohlcv_gap"]})),
    "collection_empty": ((bare(), {}), (bare(*range(9)), {})),
    "metadata_only": ((bare(), {}), (bare(), {"regime": None})),
    "expected_loss": ((LOSING, {}), (USUAL, {})),
}

#: The same for warnings.
WARNINGS: dict[str, tuple[Case, Case]] = {
    "missing_regime_context": ((USUAL, {"regime": None}), (USUAL, {})),
    "no_own_history": ((USUAL, {"symbol": "MSFT"}), (USUAL, {"symbol": None})),
    "params_not_tested": ((ROUNDED.under(spec()), {}), (BARRED.under(spec(high=19)), {})),
    "few_in_sample_trades": (
        (USUAL.but(n_trades_is=FEW_TRADES - 1), {}),
        (USUAL.but(n_trades_is=FEW_TRADES), {}),
    ),
    "no_strategy_spec": ((USUAL, {}), (USUAL.under(spec()), {})),
    "mixed_timeframes": (
        (USUAL.plus(sweep(1, {5: 1}, timeframe="4h")), {"symbol": None, "timeframe": None}),
        (USUAL, {"symbol": None, "timeframe": None}),
    ),
    "mixed_strategy_versions": (
        (USUAL.but(window(0), strategy_version="1"), {}),
        (USUAL.but(strategy_version="1"), {}),
    ),
    "mixed_costs": ((USUAL.but(window(0), cost_bps=5.0), {}), (USUAL.but(cost_bps=5.0), {})),
    "ohlcv_gap": ((USUAL, {"read": ["ohlcv_gap"]}), (USUAL, {})),
    "uncalibrated": (
        (USUAL.under(spec(default=5)), {}),
        (USUAL.under(spec(default=5)), {"calibration": calibrated()}),
    ),
    "calibration_stale": (
        (USUAL.under(spec(default=5)), {"calibration": calibrated(windows=7)}),
        (USUAL.under(spec(default=5)), {"calibration": calibrated(windows=8)}),
    ),
    "defaults_recommended": (
        (USUAL.under(spec(default=20)), {}),
        (USUAL.under(spec(default=5)), {}),
    ),
    "defaults_expected_as_good": (
        # Better in most windows, and worse by ten times as much in one: the average is lower by so
        # little that the two are not told apart, and the rank is better.
        (
            sweep(10, {5: 0.5, 20: 0.7})
            .but(fast(20) & window(3), sharpe_oos=-1.5)
            .under(spec(default=5)),
            {},
        ),
        (USUAL.under(spec(default=5)), {}),
    ),
}


@pytest.mark.parametrize("code", REASONS)
def test_a_reason_is_said_where_it_holds_and_not_next_to_it(code: str) -> None:
    (here, asked), (beside, otherwise) = REASONS[code]
    found = here.answer(**asked)
    assert code in found.reasons
    assert found.status == ("none" if found.params is None else "degraded")
    assert code not in beside.answer(**otherwise).reasons


@pytest.mark.parametrize("code", WARNINGS)
def test_a_warning_is_said_where_it_holds_and_not_next_to_it(code: str) -> None:
    (here, asked), (beside, otherwise) = WARNINGS[code]
    assert code in here.answer(**asked).warnings
    assert code not in beside.answer(**otherwise).warnings


def test_every_code_of_an_answer_has_its_situation_here_or_in_the_tests_of_its_step() -> None:
    elsewhere = {
        "no_embedding_available": "asking/test_retrieve.py",
        "vectors_outdated": "asking/test_retrieve.py",
        "ohlcv_cut_at_as_of": "asking/test_market.py",
        "ohlcv_unfinished": "asking/test_market.py",
        "regime_schema": "asking/test_market.py",
        "params_without_evidence": "judging/test_explaining.py",
        "params_break_spec": "judging/test_explaining.py",
        "few_own_trades": "judging/test_explaining.py",
        "defaults_expected_better": "judging/test_explaining.py",
    }
    # What reading a market finds is passed on as it is, like the gap above.
    measured = {
        "feature_clipped",
        "ohlcv_empty_rows",
        "ohlcv_trailing_rows",
        "short_history",
    }
    assert {*REASONS, *WARNINGS, *elsewhere, *measured} == set(CODES)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"objective_type": "return"},
        {"symbol": None, "timeframe": None},
        {"regime": Regime.stated(tags=["high_volatility"])},
        {"as_of": NOW},
    ],
)
def test_an_answer_without_reasons_is_ok(changes: dict[str, Any]) -> None:
    answer = USUAL.but(return_frac_oos=pl.col("sharpe_oos") / 10).answer(**changes)
    assert (answer.status, answer.reasons, answer.params) == ("ok", (), {"fast": 20})


def test_an_answer_of_nothing_says_what_stood_in_the_way_before_what_else_was_missing() -> None:
    found = bare().but(archived_at=START).answer()
    assert found.reasons[0] == "all_trials_archived"
    assert USUAL.answer(max_drawdown=0.0, regime=None).reasons == (
        "no_matches_after_strict_filters",
        "no_matches_after_relaxed_filters",
    )


def test_the_first_condition_that_left_nothing_is_named_alone() -> None:
    world = USUAL.but(kb_status="rejected", archived_at=START, sharpe_is=None, sharpe_oos=None)
    assert world.answer(regime=None).reasons == ("all_trials_rejected",)


@pytest.mark.parametrize(
    ("limits", "reasons"),
    [
        ({"min_deflated_sharpe": 1.0}, ("low_deflated_sharpe",)),
        ({"max_pbo": 0.1}, ("backtest_overfitting",)),
        (
            {"min_deflated_sharpe": 1.0, "max_pbo": 0.1},
            ("backtest_overfitting", "low_deflated_sharpe"),
        ),
    ],
)
def test_each_limit_that_left_nothing_is_named_with_what_the_best_would_be(
    limits: dict[str, float], reasons: tuple[str, ...]
) -> None:
    ragged = USUAL.only(~(window(3) & fast(5)))
    found = ragged.answer(**limits)
    assert found.reasons == reasons
    assert len(found.notes) == len(reasons)
    assert ("best deflated Sharpe ratio" in found.notes[-1]) == ("low_deflated_sharpe" in reasons)


@pytest.mark.parametrize(
    ("symbol", "notes"),
    [("APPL", ("no window is of 'APPL': did you mean AAPL?",)), ("XYZ", ()), ("AAPL", ())],
)
def test_a_symbol_that_nobody_traded_is_answered_with_near_ones(
    symbol: str, notes: tuple[str, ...]
) -> None:
    found = USUAL.under(spec(default=20)).answer(symbol=symbol)
    assert found.notes == notes
    assert ("no_own_history" in found.warnings) == (symbol != "AAPL")


def test_own_tuning_speaks_of_trades_before_the_stored_windows_do() -> None:
    few = USUAL.but(n_trades_is=FEW_TRADES - 1)
    assert "few_in_sample_trades" not in few.answer(own_trades=OWN).warnings
    rare = {params: float(FEW_TRADES - 1) for params in OWN}
    assert "few_in_sample_trades" in USUAL.answer(own_trades=rare).warnings


def test_nothing_is_said_of_a_number_of_trades_that_nobody_counted() -> None:
    assert "few_in_sample_trades" not in USUAL.but(n_trades_is=None).answer().warnings


def test_a_search_that_tries_no_set_twice_rests_on_the_neighbours_too() -> None:
    """Two windows of the set itself would be few; those a step away stand behind it too."""
    found = scattered().answer()
    assert found.expected is not None
    assert found.expected.n_windows == 2
    assert found.expected.near_windows is not None
    assert found.expected.near_windows >= 3
    assert "few_windows" not in found.reasons


def test_a_measured_market_and_a_stated_one_give_the_same_reasons_where_nothing_is_known() -> None:
    """Whoever says what the market is like, a store of bare windows has nothing to compare."""
    stated = Regime.stated(features=dict(MARKET.features))
    assert bare().answer().reasons == bare().answer(regime=stated).reasons


def test_near_names_are_all_offered_and_a_name_that_is_stored_is_not() -> None:
    sure = USUAL.under(spec(default=20))
    two = sure.plus(sweep(1, {5: 1.0}, symbol="AAPM"))
    (note,) = two.answer(symbol="AAPX").notes
    assert note.removesuffix("?").split(": did you mean ")[1] in ("AAPL or AAPM", "AAPM or AAPL")
    unusable = sure.plus(sweep(1, {5: 1.0}, symbol="AAPM").but(kb_status="rejected"))
    found = unusable.answer(symbol="AAPM")
    assert (found.notes, "no_own_history" in found.warnings) == ((), True)


@pytest.mark.parametrize(
    ("world", "said"),
    [
        (USUAL.but(fast(20), n_trades_is=FEW_TRADES - 1), True),
        (USUAL.but(fast(5), n_trades_is=FEW_TRADES - 1), False),  # 20 is chosen
        (
            # What is rejected does not count.
            USUAL.but(fast(20), n_trades_is=FEW_TRADES - 1).but(
                fast(20) & window(0), n_trades_is=4000, kb_status="rejected"
            ),
            True,
        ),
        *(
            # 20 breaks the spec and is repaired to 19, which was tried.
            (
                BARRED.but(fast(value), n_trades_is=FEW_TRADES - 1).under(spec(high=19)),
                value == 19,
            )
            for value in (19, 20)
        ),
    ],
)
def test_trades_are_counted_of_the_set_that_the_answer_names(world: World, said: bool) -> None:
    assert ("few_in_sample_trades" in world.answer().warnings) == said


def test_a_limit_that_left_nothing_says_how_far_off_the_best_is() -> None:
    best = overfitting_evidence(USUAL.context()).deflated.max()
    said = "the best deflated Sharpe ratio of a nominated set is"
    assert USUAL.answer(min_deflated_sharpe=1.0).notes == (f"{said} {best:.2f}",)
    barred = USUAL.but(fast(20), max_drawdown_frac_oos=0.6)  # better, and not nominated
    second = overfitting_evidence(barred.context()).deflated[1]
    assert barred.answer(min_deflated_sharpe=1.0).notes == (f"{said} {second:.2f}",)
    assert f"{second:.2f}" != f"{best:.2f}"
    unmeasured = USUAL.but(return_frac_oos=0.1, sharpe_oos=None, sharpe_is=None)
    found = unmeasured.answer(objective_type="return", min_deflated_sharpe=0.0)
    assert found.notes == (f"{said} unknown",)
    luck = sweep(10, dict.fromkeys(range(5, 13), 0.0))
    for w in range(10):
        luck = luck.but(window(w) & fast(5 + w % 4), sharpe_oos=1.0)
    pbo = overfitting_evidence(luck.context()).pbo
    assert pbo is not None
    assert pbo.pbo > 0.0
    (note,) = luck.answer(max_pbo=0.0).notes
    assert note == f"the probability of backtest overfitting is {pbo.pbo:.2f}"
    (note,) = USUAL.answer(max_pbo=1.0).notes
    assert note == (
        "the probability of backtest overfitting is unknown: 2 parameter sets in 10 blocks of time "
        "that share no window say too little, 8 in 8 are needed"
    )


def test_a_search_that_had_nothing_to_compare_says_why() -> None:
    found = bare().answer()
    assert found.reasons == ("collection_empty", "metadata_only")
    assert found.notes[0] == "no stored window has a regime"


@pytest.mark.parametrize(("factor", "loss"), [(0.9, True), (1.1, False)])
def test_a_loss_is_what_lies_beyond_the_break_even_of_the_objective(
    factor: float, loss: bool
) -> None:
    """Of a profit factor that is 1, not 0."""
    found = USUAL.but(profit_factor_oos=factor).answer(objective_type="profit_factor")
    assert ("expected_loss" in found.reasons) == loss


def test_an_empty_store_says_so() -> None:
    found = USUAL.only(pl.lit(False)).answer()
    assert found.reasons[:2] == ("collection_empty", "no_trials_for_strategy")


def test_trials_that_are_stored_again_under_new_ids_do_not_make_candidates_many() -> None:
    few = sweep(3, {5: 1, 10: 1, 20: 2})
    copy = few.but(source_id=pl.concat_str("source_id", pl.lit(":again")))
    once, twice = few.answer(), few.plus(copy).answer()
    assert "few_candidates" in once.reasons
    assert (twice.status, twice.reasons, twice.warnings) == (
        once.status,
        once.reasons,
        once.warnings,
    )
    assert (twice.after_strict, twice.after_relaxed) == (once.after_strict, once.after_relaxed)
    assert twice.filter_rejections == once.filter_rejections
    assert twice.recommended_relaxed_settings == once.recommended_relaxed_settings
    assert (twice.expected, twice.overfitting) == (once.expected, once.overfitting)
