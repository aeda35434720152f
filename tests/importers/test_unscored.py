"""Results without a score are results: undefined metrics, and windows without a trade."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

IDLE = {"sharpe_oos": None, "n_trades_oos": 0, "max_drawdown_frac_oos": 0.0}


@pytest.mark.parametrize("undefined", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("name", ["sharpe_oos", "return_frac_oos", "objective_score"])
def test_an_undefined_metric_is_missing_and_costs_no_row(
    read: Any, name: str, undefined: float
) -> None:
    batch = read({}, {name: undefined})
    assert batch.rejects.is_empty()
    kind = "NaN in" if math.isnan(undefined) else "infinite values of"
    assert f"1 {kind} {name} taken as missing" in batch.notes
    kept = batch.trials[name][1]
    assert kept is None or name == "objective_score"  # which is computed from the metrics again


def test_a_row_whose_only_ratios_are_undefined_is_a_result_all_the_same(read: Any) -> None:
    batch = read({"sharpe_is": math.nan, "sharpe_oos": math.inf})
    assert batch.rejects.is_empty()
    assert batch.trials["objective_score"].to_list() == [None]


def test_undefined_ratios_and_nothing_else_are_no_result(read: Any) -> None:
    nothing = {"sharpe_is": math.nan, "sharpe_oos": math.inf}
    batch = read({**nothing, "n_trades_oos": None, "max_drawdown_frac_oos": None})
    assert batch.rejects["message"].to_list() == ["no value of sharpe can be computed"]


def test_an_infinite_profit_factor_says_that_no_trade_lost(read: Any) -> None:
    batch = read({"profit_factor_oos": math.inf}, {"profit_factor_oos": 2.0})
    assert batch.trials["profit_factor_oos"].to_list() == [10.0, 2.0]
    assert (
        "1 infinite values of profit_factor_oos: no trade lost; taken as 10, the most that counts"
        in batch.notes
    )


def test_windows_without_a_trade_are_counted_and_taken_without_any_ratio(read: Any) -> None:
    batch = read(IDLE, {**IDLE, "sharpe_is": None}, {})
    assert batch.rejects.is_empty()
    assert "2 trials made no trade out-of-sample: their Sharpe ratio is 0 there" in batch.notes
    assert batch.trials["sharpe_oos"].to_list() == [None, None, 0.75]
    assert batch.trials["objective_score"].to_list() == [0.0, 0.0, 0.75]


def test_a_window_without_a_trade_is_no_drawdown_and_no_refused_row(read: Any) -> None:
    batch = read({**IDLE, "sharpe_is": None, "objective_type": "max_drawdown"})
    assert batch.rejects.is_empty()
    assert batch.trials["objective_score"].to_list() == [None]


def test_in_sample_windows_without_a_trade_are_counted_apart(read: Any) -> None:
    batch = read({"sharpe_is": None, "n_trades_is": 0})
    assert "1 trials made no trade in-sample: their Sharpe ratio is 0 there" in batch.notes


def test_nothing_is_said_where_a_ratio_of_0_was_given(read: Any) -> None:
    batch = read({"n_trades_oos": 0, "sharpe_oos": 0.0, "max_drawdown_frac_oos": 0.0})
    assert batch.notes == ()
    assert isinstance(batch.trials, pl.DataFrame)
