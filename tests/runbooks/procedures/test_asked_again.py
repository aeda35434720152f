"""What a caller may send instead: as the body of a request, and as a command."""

from __future__ import annotations

import math

from tradingkb.domain import Market, Overrides, Question
from tradingkb.runbooks.procedures.asked_again import command, request

QUESTION = Question(
    "sma cross",
    market=Market(symbol="GOOG", timeframe="1d"),
    overrides=Overrides(min_trades=30, max_overfit_gap=math.inf, regime_tags=("uptrend",)),
)


def test_a_relaxed_request_keeps_what_else_was_stated_and_is_json() -> None:
    assert request("desk", QUESTION, {"min_trades": 3, "require_oos": False}) == {
        "workspace_id": "desk",
        "strategy_name": "sma cross",
        "objective_type": "sharpe",
        "symbol": "GOOG",
        "timeframe": "1d",
        "min_trades": 3,
        "max_overfit_gap": 1e9,
        "regime_tags": ["uptrend"],
        "require_oos": False,
    }


def test_a_relaxed_command_names_filters_as_the_command_line_does() -> None:
    told = command("desk", QUESTION, {"regime_tags": (), "require_oos": False, "min_trades": 3})
    assert told == (
        "tradingkb recommend 'sma cross' --objective sharpe --workspace desk --symbol GOOG "
        "--timeframe 1d --no-require-oos --min-trades=3 --max-overfit-gap=inf"
    )
