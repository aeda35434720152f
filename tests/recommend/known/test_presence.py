"""In how many of its windows a set was in the market, and which sets may be recommended."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from tests.recommend.worlds import World, fast, sweep, window
from tradingkb.recommend.known.presence import Presence

#: What a trial says of a window in which its set stayed out.
IDLE: dict[str, Any] = {
    "n_trades_oos": 0,
    "sharpe_oos": None,
    "return_frac_oos": 0.0,
    "max_drawdown_frac_oos": 0.0,
}
#: The same with a position, but no ratio.
UNDEFINED: dict[str, Any] = {"sharpe_oos": None}


def lucky(n_windows: int, traded: int, otherwise: dict[str, Any], score: float = 9.0) -> World:
    """20 shone in the first windows and says `otherwise` in the others; 5 is as good as ever."""
    world = sweep(n_windows, {5: 0.5, 20: score}).but(fast(20), n_trades_is=20)
    rest = fast(20) & ~window(*range(traded))
    return world.but(rest, **otherwise)


def counts(world: World, **asked: Any) -> dict[str, list[int]]:
    found = world.context(**asked).pool.presence
    return {name: getattr(found, name).tolist() for name in ("tried", "run", "active", "idle")}


def test_windows_are_counted_by_what_a_set_did_in_them() -> None:
    world = lucky(10, 4, IDLE).but(fast(20) & window(9), **UNDEFINED, n_trades_oos=3)
    assert counts(world) == {"tried": [10, 10], "run": [10, 10], "active": [4, 10], "idle": [5, 0]}


def test_several_trials_of_a_set_on_a_window_are_one() -> None:
    world = lucky(6, 3, IDLE)
    again = world.but(source_type="again")
    assert counts(world.plus(again)) == counts(world)


def test_a_window_that_was_never_run_out_of_sample_is_no_absence() -> None:
    never = {"sharpe_oos": None, "n_trades_oos": None, "max_drawdown_frac_oos": None}
    world = sweep(10, {5: 0.5, 20: 9.0}).but(fast(20) & ~window(0), **never)
    assert counts(world)["run"] == [1, 10]
    assert world.answer().params == {"fast": 20}


@pytest.mark.parametrize(
    ("run", "active", "idle", "enough"),
    [
        (36, 1, 35, False),
        (36, 1, 0, False),  # no ratio in 35: one window of luck
        (36, 2, 0, False),
        (36, 3, 0, True),
        (4, 2, 2, True),
        (5, 2, 3, False),
        (40, 9, 31, False),
        (40, 10, 30, True),
        (1, 1, 0, True),
        (1, 0, 1, False),
        (0, 0, 0, True),
    ],
)
def test_a_set_is_recommended_that_traded_in_enough_of_its_windows(
    run: int, active: int, idle: int, enough: bool
) -> None:
    columns = (pl.Series([n]).to_numpy() for n in (run, run, active, idle))
    assert Presence(*columns).enough.tolist() == [enough]


@pytest.mark.parametrize("otherwise", [IDLE, UNDEFINED], ids=["no trade", "no ratio"])
@pytest.mark.parametrize("objective", ["sharpe", "max_drawdown", "profit_factor", "win_rate"])
def test_a_set_that_traded_in_one_of_36_windows_does_not_win(
    otherwise: dict[str, Any], objective: str
) -> None:
    world = lucky(36, 1, otherwise).but(win_rate_oos=0.5, profit_factor_oos=1.2)
    best = {"win_rate_oos": 1.0, "profit_factor_oos": 10.0, "max_drawdown_frac_oos": 0.0}
    gone = {"win_rate_oos": None, "profit_factor_oos": None, "max_drawdown_frac_oos": None}
    world = world.but(fast(20) & window(0), **best).but(
        fast(20) & ~window(0), **{**gone, **otherwise}
    )
    assert world.answer(objective_type=objective).params == {"fast": 5}


def test_staying_out_is_worth_nothing_rather_than_unknown() -> None:
    """20 earned 2 in ten of forty windows: 0.5 on average, less than what 5 earns always."""
    found = lucky(40, 10, IDLE, score=2.0).but(fast(5), sharpe_oos=1.0).answer()
    assert found.params == {"fast": 5}
    alone = lucky(40, 10, IDLE, score=2.0).only(fast(20)).answer()
    assert alone.expected is not None
    assert alone.expected.value == pytest.approx(0.5, abs=0.05)
    assert alone.expected.n_windows == 40


def test_an_answer_counts_the_windows_of_its_set_without_a_score() -> None:
    world = sweep(10, {5: 0.5, 20: 1.5}).but(fast(20) & window(0, 1), **UNDEFINED)
    found = world.answer().expected
    assert found is not None
    assert (found.n_windows, found.n_unscored) == (8, 2)
    assert "2 windows without a score" in str(world.answer())
    assert "without a score" not in str(sweep(10, {5: 0.5, 20: 1.5}).answer())


def test_a_set_that_never_traded_has_not_the_least_drawdown() -> None:
    world = sweep(10, {5: 0.5, 20: 1.5}).but(fast(20), **IDLE)
    found = world.answer(objective_type="max_drawdown")
    assert found.params == {"fast": 5}
    only = world.only(fast(20)).answer(objective_type="max_drawdown")
    assert (only.status, only.params) == ("none", None)


@pytest.mark.parametrize("objective", ["profit_factor", "win_rate", "max_drawdown"])
def test_no_interval_leaves_what_the_objective_can_be(objective: str) -> None:
    """Few quarters that differ much: the interval of the mean alone would reach below 0."""
    world = sweep(3, {5: 0.5, 10: 0.5, 20: 0.5, 40: 0.5})
    for w in range(3):
        value = (0.02, 0.9, 0.4)[w]
        names = ("profit_factor_oos", "win_rate_oos", "max_drawdown_frac_oos")
        world = world.but(window(w), **dict.fromkeys(names, value))
    found = world.answer(objective_type=objective, max_drawdown=1.0).expected
    assert found is not None
    assert found.low == 0.0
    assert found.high is not None
    assert found.high <= (10.0 if objective == "profit_factor" else 1.0)
