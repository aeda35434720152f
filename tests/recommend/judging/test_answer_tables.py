"""The tables of an answer: ranked nominations, and the windows behind the choice."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from tests.recommend.worlds import START, USUAL, World, fast, sweep, window
from tests.small_store import regime
from tradingkb.domain import Regime
from tradingkb.recommend.judging.answer_tables import Ranking, count_rules, rank_nominations

TIED = sweep(4, {5: 1.0, 20: 1.0})


def ranked(world: World, scores: list[float] | None = None, **options: object) -> Ranking:
    """Every trial of a world ranked by these scores, equal ones without any."""
    c = world.context(regime=None)
    rows = np.arange(len(c.view))
    values = np.array(scores if scores is not None else [0.5] * len(rows))
    settings = {"epsilon": 0.02, "top": 50, **options}
    return rank_nominations(c.view, rows, values, c.statuses, **settings)  # type: ignore[arg-type]


def first(world: World, **options: object) -> tuple[str, str]:
    """Who wins among equals, and by which rule."""
    found = ranked(world, **options)
    return str(world.view().frame["source_id"][int(found.rows[0])]), found.rules[0]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"kb_status": "promoted"}, "status"),
        ({"promoted_at": START}, "promoted_at"),
        ({"created_at": START + timedelta(days=9999)}, "created_at"),
        ({"source_id": "AAA"}, "source_id"),
    ],
)
def test_equals_are_told_apart_by_the_first_rule_in_which_they_differ(
    changes: dict[str, object], rule: str
) -> None:
    level = TIED.but(created_at=START)
    chosen = fast(20) & window(2)
    name = str(changes.get("source_id", "AAPL:1d:02:020"))
    assert first(level.but(chosen, **changes)) == (name, rule)
    assert first(level) == ("AAPL:1d:00:005", "source_id")


def test_a_regime_of_an_older_schema_comes_behind() -> None:
    old = regime(0.3).replace('"schema_version": 1', '"schema_version": 0')
    world = TIED.but(created_at=START).but(window(0), regime_is=old, regime_oos=old)
    assert first(world) == ("AAPL:1d:01:005", "source_id")
    rules = ranked(world).rules
    assert rules[5] == "schema"  # the last one of the current schema


@pytest.mark.parametrize(
    ("scores", "order"),
    [
        ([0.90, 0.50, 0.70], [0, 2, 1]),
        ([0.10, 0.20, 0.30], [2, 1, 0]),
        ([0.50, 0.51, 0.52], [0, 1, 2]),  # one band reaches down 0.02: all are equal
        ([0.50, 0.51, 0.53], [1, 2, 0]),  # the second is equal to the third, the first is not
    ],
)
def test_scores_within_epsilon_of_the_best_are_equal(scores: list[float], order: list[int]) -> None:
    world = sweep(3, {5: 1.0}).but(created_at=START)
    assert ranked(world, scores).rows.tolist() == order


@pytest.mark.parametrize("top", range(1, 9))
@pytest.mark.parametrize("epsilon", [0.0, 0.02, 0.2])
def test_a_shorter_list_is_the_beginning_of_the_longer_one(top: int, epsilon: float) -> None:
    scores = [0.1, 0.5, 0.51, 0.52, 0.9, 0.89, 0.3, 0.31]
    long = ranked(TIED, scores, epsilon=epsilon)
    short = ranked(TIED, scores, epsilon=epsilon, top=top)
    assert short.rows.tolist() == long.rows[:top].tolist()
    assert short.scores.tolist() == long.scores[:top].tolist()
    assert short.rules == long.rules[:top]


def test_a_strictly_worse_trial_never_changes_who_wins() -> None:
    best = ranked(TIED, [0.7, 0.72, 0.71, 0.7, 0.6, 0.5, 0.4, 0.3])
    for worst in np.linspace(0.0, 0.29, 7):
        again = ranked(TIED, [0.7, 0.72, 0.71, 0.7, 0.6, 0.5, 0.4, float(worst)])
        assert again.rows[:7].tolist() == best.rows[:7].tolist()


def test_the_nominations_are_listed_with_what_was_tried_where() -> None:
    answer = USUAL.but(window(0) & fast(20), sharpe_oos=None, sharpe_is=None).answer()
    table = answer.trials
    assert table["rank"].to_list() == list(range(1, 20))
    assert table["chosen"].sum() == 9
    assert table.filter("chosen")["params"].unique().to_list() == ['{"fast":20}']
    assert (table["objective"].filter(table["chosen"]) == 1.5).all()
    assert table["score"].is_between(0, 1).all()
    assert set(table["symbol"]) == {"AAPL"}
    assert table["similarity"].max() == pytest.approx(1.0)


def test_without_a_market_similarity_and_distance_are_unknown_and_every_window_weighs_alike() -> (
    None
):
    answer = USUAL.answer(regime=None)
    for column in ("similarity", "regime_distance"):
        assert answer.trials[column].null_count() == 20
    assert answer.evidence["regime_distance"].null_count() == 10
    assert answer.evidence["weight"].to_list() == [1.0] * 10


def test_the_evidence_has_every_window_that_tried_the_set_good_and_bad_by_time() -> None:
    worse = fast(20) & window(7)
    world = USUAL.but(worse, sharpe_oos=-3.0, max_drawdown_frac_oos=0.9).but(
        fast(20) & window(3), kb_status="rejected"
    )
    table = world.answer().evidence
    assert table["start"].to_list() == [START + timedelta(days=91 * w) for w in range(10) if w != 3]
    assert table["objective"].to_list() == [1.5] * 6 + [-3.0] + [1.5] * 2
    better = (table["rank_in_window"] > 0.5).to_list()
    assert better == [True] * 6 + [False] + [True] * 2


def test_the_evidence_is_of_the_querys_timeframe_and_says_which_windows_are_its_own() -> None:
    slow = sweep(3, {5: 0.5, 20: 1.5}, timeframe="4h")
    other = sweep(2, {5: 0.5, 20: 1.5}, symbol="MSFT")
    table = USUAL.plus(slow).plus(other).answer().evidence
    assert table.height == 12
    assert dict(table.group_by("symbol").agg(pl.col("own").sum()).rows()) == {"AAPL": 10, "MSFT": 0}
    assert set(table["timeframe"]) == {"1d"}
    # Where nothing is of the query's timeframe, everything is quoted.
    every = USUAL.plus(slow).answer(timeframe="1h")
    assert every.evidence.height == 13


def test_tags_of_the_evidence_are_those_of_the_scored_part() -> None:
    world = USUAL.but(regime_is=regime(0.1, ("low_volatility",)), regime_oos=regime(0.8))
    tagged = world.but(window(0), regime_oos=regime(0.8, ("high_volatility", "downtrend")))
    tags = tagged.answer().evidence["tags"].to_list()
    assert tags == [["downtrend", "high_volatility"]] + [[]] * 9


def test_shared_tags_raise_the_score_of_a_nomination_by_their_overlap() -> None:
    world = sweep(10, {5: 1.0, 20: 1.0}).but(window(0), regime_is=regime(0.3, ("high_volatility",)))
    asked = Regime(features={"volatility_annual": 0.3}, tags=("high_volatility", "uptrend"))
    table = world.answer(regime=asked).trials
    scores = dict(table.group_by("source_id").agg(pl.col("score").first()).rows())
    similar = dict(table.select("source_id", "similarity").rows())
    base = {name: 0.45 * (similar[name] + 1) / 2 + 0.40 * 0.5 for name in scores}
    for name, score in scores.items():
        overlap = 0.5 if ":00:" in name else 0.0
        assert score == pytest.approx(base[name] + 0.15 * overlap)


def test_rules_are_counted_by_name() -> None:
    assert count_rules(["score", "created_at", "score"]) == {"created_at": 1, "score": 2}
    assert list(count_rules(["score", "created_at"])) == ["created_at", "score"]
    assert sum(USUAL.answer().tie_break_counts.values()) == 20
