"""What a caller may send instead: as the body of a request, and as a command."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from tradingkb.domain import Market, Overrides, Question, Regime
from tradingkb.runbooks.procedures.asked_again import command, request, statable
from tradingkb.runbooks.procedures.none_triage import may_ask

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


def test_a_command_keeps_the_market_the_time_and_the_limits_of_luck() -> None:
    question = Question(
        "s",
        market=Market(Regime.stated({"rsi": 65, "atr_pct": 0.02})),
        min_deflated_sharpe=0.9,
        max_pbo=0.5,
        as_of=datetime(2024, 1, 2, tzinfo=UTC),
    )
    assert command("desk", question, {}) == (
        "tradingkb recommend s --objective sharpe --workspace desk --regime=atr_pct=0.02,rsi=65.0 "
        "--as-of=2024-01-02T00:00:00+00:00 --min-deflated-sharpe=0.9 --max-pbo=0.5"
    )


def test_a_regime_is_stated_by_its_features_where_that_is_the_same() -> None:
    tags = Regime.stated(tags=["uptrend", "low_volatility"])
    assert statable(tags) == (tags, "same")
    measured = Regime.measured({"rsi": 65, "atr_pct": 0.02})
    stated, how = statable(measured)
    assert (stated.features, stated.source, how) == (measured.features, "stated", "as stated")
    assert statable(None) == (None, "none")
    assert statable(Regime({}, tags=("uptrend",), source="stated")) == (None, "without")


def test_a_command_without_the_market_says_what_it_answers() -> None:
    row = {"strategy_name": "s", "relax": "min_trades: 9 to 3", "command_answers": "degraded"}
    told = "the caller of s may ask with min_trades: 9 to 3"
    same = f"{told} and with the same market (bars or regime) as it gave; this command"
    assert may_ask({**row, "market": "without"}) == f"{same} asks without it, and answers degraded"
    assert may_ask({**row, "market": "as stated"}) == (
        f"{same} states the regime of those bars, and answers degraded"
    )
    for market in ("same", "none"):
        assert may_ask({**row, "market": market, "with_it": "degraded"}) == told
        assert may_ask({**row, "market": market, "with_it": "ok"}) == (
            f"{told}; this command answers degraded"
        )
