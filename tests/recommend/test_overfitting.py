"""What luck may explain: deflated Sharpe ratio and overfitting in answers, and as limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import tradingkb as tkb
from tradingkb.exceptions import InvalidInputError

ASKED: dict[str, Any] = {"symbol": "AAPL", "timeframe": "1d", "regime": ["uptrend"]}


def ask(kb: tkb.KnowledgeBase, **options: Any) -> tkb.Recommendation:
    return kb.recommend("macd_trend", **ASKED, **options)


def test_an_answer_counts_every_tried_set_and_the_time_its_windows_cover(
    the_sample: tkb.KnowledgeBase,
) -> None:
    found = ask(the_sample).overfitting
    trials = the_sample.trials(strategy_name="macd_trend")
    daily = trials.filter(trials["timeframe"] == "1d")
    span = (daily["oos_end"].max() - daily["oos_start"].min()).days / 365.25
    assert found is not None
    assert found["deflated_sharpe"]["n_trials"] == trials["params"].n_unique()
    assert 0 < found["deflated_sharpe"]["years"] <= span + 0.01
    assert 0 <= found["deflated_sharpe"]["value"] <= 1
    assert 0 <= found["pbo"]["value"] <= 1


def test_the_sharpe_ratio_that_is_deflated_is_the_mean_over_quarters(
    the_sample: tkb.KnowledgeBase,
) -> None:
    answer = ask(the_sample)
    quarter = pl.col("start").dt.truncate("1q")
    means = answer.evidence.group_by(quarter).agg(pl.col("objective").mean())
    assert answer.overfitting is not None
    found = answer.overfitting["deflated_sharpe"]["sharpe"]
    assert found == pytest.approx(float(np.mean(means["objective"].to_numpy())))


def test_a_limit_that_nothing_reaches_leaves_no_answer_and_says_what_the_best_is(
    the_sample: tkb.KnowledgeBase,
) -> None:
    answer = ask(the_sample, min_deflated_sharpe=1.0)
    assert (answer.status, answer.params) == ("none", None)
    assert answer.reasons == ("low_deflated_sharpe",)
    assert any("best deflated Sharpe ratio" in note for note in answer.notes)
    assert answer.suggested_actions


def test_the_chosen_set_reaches_the_limit(the_sample: tkb.KnowledgeBase) -> None:
    free = ask(the_sample).overfitting
    assert free is not None
    limit = free["deflated_sharpe"]["value"]
    kept = ask(the_sample, min_deflated_sharpe=limit)
    assert kept.overfitting is not None
    assert kept.overfitting["deflated_sharpe"]["value"] >= limit


def test_likely_overfitting_is_refused_where_a_limit_is_set(the_sample: tkb.KnowledgeBase) -> None:
    free = the_sample.recommend("donchian_breakout", **ASKED)
    assert free.overfitting is not None
    chance = free.overfitting["pbo"]["value"]
    assert the_sample.recommend("donchian_breakout", **ASKED, max_pbo=chance).params == free.params
    refused = the_sample.recommend("donchian_breakout", **ASKED, max_pbo=chance - 0.01)
    assert (refused.status, refused.reasons) == ("none", ("backtest_overfitting",))


@pytest.mark.parametrize("name", ["min_deflated_sharpe", "max_pbo"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_limit_that_is_no_probability_is_refused_by_name(
    the_sample: tkb.KnowledgeBase, name: str, value: float
) -> None:
    with pytest.raises(InvalidInputError, match=name):
        ask(the_sample, **{name: value})
