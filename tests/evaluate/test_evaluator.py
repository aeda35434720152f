"""`kb.evaluate` replays the past of a real store."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

import tradingkb as tkb
from tests.evaluate.replayed_store import SPECS, aware, decisions, fill, start_of, trials
from tradingkb.evaluate.decisions import sample
from tradingkb.evaluate.methods import METHODS
from tradingkb.evaluate.result import GROUPS, Evaluation

Open = Callable[..., tkb.KnowledgeBase]


def of(evaluation: Evaluation, method: str) -> pl.DataFrame:
    """The rows of one method, by decision."""
    return evaluation.decisions.filter(pl.col("method") == method).sort("decision")


def test_each_window_of_each_strategy_is_one_decision_for_every_method(
    evaluation: Evaluation,
) -> None:
    rows = evaluation.decisions
    assert evaluation.n_decisions == 2 * 3 * 12
    assert rows.group_by("strategy", "symbol", "as_of").len()["len"].unique().to_list() == [
        len(METHODS)
    ]
    assert set(rows["method"]) == set(METHODS)
    assert set(rows["as_of"]) == {aware(start_of(w)) for w in range(12)}


def test_the_same_seed_and_store_give_the_same_figures(
    past: tkb.KnowledgeBase, evaluation: Evaluation
) -> None:
    again = past.evaluate()
    assert again.decisions.equals(evaluation.decisions)
    assert again.table.equals(evaluation.table)
    assert {**again.to_dict(), "at": ""} == {**evaluation.to_dict(), "at": ""}


def test_another_seed_moves_what_is_drawn_and_nothing_else(
    past: tkb.KnowledgeBase, evaluation: Evaluation
) -> None:
    other = past.evaluate(seed=7, strategies="trend")
    for method in METHODS:
        before = of(evaluation, method).filter(pl.col("strategy") == "trend")
        same = of(other, method)["params"].equals(before["params"])
        assert method == "placebo" or same == (method != "random_windows"), method


def test_evaluating_writes_nothing(past_copy: tkb.KnowledgeBase) -> None:
    store, space = (
        past_copy.use_cases.store,
        past_copy.use_cases.workspaces.find("default").id,
    )
    names = ("trend", "revert")

    def state() -> list[Any]:
        return [store.row_counts(), *(store.generation(space, name) for name in names)]

    before = state()
    past_copy.evaluate()
    past_copy.use_cases.asking.events.flush()
    assert state() == before
    assert past_copy.events().is_empty()


def test_the_recommender_is_replayed_as_it_answers(
    past_copy: tkb.KnowledgeBase, evaluation: Evaluation
) -> None:
    """The same question to `kb.recommend`, with the window's own tuning, has the same answer."""
    mine = of(evaluation, "tradingkb").filter(pl.col("strategy") == "trend")
    frame = trials().filter(pl.col("strategy_name") == "trend")
    for d in decisions(past_copy)[3::4]:
        tuning = frame.filter(
            (pl.col("symbol") == d.symbol) & (pl.col("oos_start") == d.as_of.replace(tzinfo=None))
        ).select("source_id", "symbol", "timeframe", "params", "is_end", "sharpe_is", "n_trades_is")
        rec = past_copy.recommend(
            "trend",
            regime=d.measured,
            symbol=d.symbol,
            timeframe="1d",
            as_of=d.as_of,
            own_trials=tuning,
        )
        row = mine.filter(pl.col("window_key") == d.window_key).row(0, named=True)
        assert json.loads(row["params"]) == rec.params
        assert (row["status"], row["relaxed"]) == (rec.status, rec.strict_to_relaxed)
        assert rec.expected is not None
        for name in ("window_low", "window_high", "n_windows"):
            assert row[name] == rec.expected[name]
        assert row["expected"] == rec.expected["value"]


def test_hindsight_has_no_regret_and_nobody_earns_more(evaluation: Evaluation) -> None:
    best = of(evaluation, "oracle")
    assert set(best["regret"]) == {0.0}
    for method in METHODS:
        rows = of(evaluation, method)
        made = rows["chosen"]
        assert (rows["objective"].filter(made) <= best["objective"].filter(made)).all()
        assert rows["regret"].drop_nulls().is_between(0, 1).all()
        assert rows["rank"].drop_nulls().is_between(0, 1).all()


def test_a_result_that_is_looked_up_nearby_is_said_to_be(evaluation: Evaluation) -> None:
    tried = {
        (r["strategy_name"], r["symbol"], r["oos_start"], json.dumps(json.loads(r["params"])))
        for r in trials().iter_rows(named=True)
    }
    rows = evaluation.decisions.filter(pl.col("chosen") & pl.col("params").is_not_null())
    asked = [
        (
            r["strategy"],
            r["symbol"],
            r["as_of"].replace(tzinfo=None),
            json.dumps(json.loads(r["params"])),
        )
        in tried
        for r in rows.iter_rows(named=True)
    ]
    assert rows["exact"].to_list() == asked
    assert 0 < sum(asked) < len(asked)


def test_parameters_that_were_repaired_and_never_tried_have_no_result_of_their_own(
    open_kb: Open,
) -> None:
    """Every tried set is off the grid by a rounding: what is given was tried nearby alone."""
    kb = open_kb()
    exact = pl.col("params").str.replace(r'"fast": (\d+)', '"fast": ${1}.0000001')
    kb.ingest(trials(5).with_columns(exact))
    kb.register_strategy(SPECS[0])
    rows = of(kb.evaluate("trend"), "tradingkb").filter("chosen")
    assert rows.height > 5
    assert set(rows["exact"]) == {False}
    assert {json.loads(p)["fast"] for p in rows["params"]} <= {5, 10, 20, 40}


def test_beating_the_defaults_is_null_where_they_were_chosen_or_not_tried(
    evaluation: Evaluation,
) -> None:
    defaults = of(evaluation, "defaults")
    assert defaults["beats_defaults"].null_count() == defaults.height
    assert defaults["is_defaults"].all()
    for method in ("tradingkb", "average", "is_best"):
        rows = (
            of(evaluation, method)
            .filter("chosen")
            .join(
                defaults.select("decision", own="objective", tried="exact", their="params"),
                on="decision",
            )
        )
        for r in rows.iter_rows(named=True):
            same = r["params"] == r["their"]
            assert r["is_defaults"] == same
            if same or not r["tried"]:
                assert r["beats_defaults"] is None
            else:
                won = (r["objective"] > r["own"]) + 0.5 * (r["objective"] == r["own"])
                assert r["beats_defaults"] == won


def test_a_draw_of_decisions_is_a_subset_without_repetition(
    past: tkb.KnowledgeBase, evaluation: Evaluation
) -> None:
    some = past.evaluate(max_decisions=10, seed=3)
    keys = some.decisions.select("strategy", "window_key").unique()
    assert some.n_decisions == keys.height == 10
    assert past.evaluate(max_decisions=10, seed=3).decisions.equals(some.decisions)
    shared = ["strategy", "window_key", "method"]
    compared = [*shared, "params", "regret"]
    sighted = some.decisions.filter(~pl.col("method").is_in(["placebo", "random_windows"]))
    both = sighted.select(compared).join(
        evaluation.decisions.select(compared), on=compared, how="semi", nulls_equal=True
    )
    assert both.height == sighted.height


@pytest.mark.parametrize("limit", [1, 5, 71, 72, 500, None])
def test_no_more_are_drawn_than_there_are_and_their_order_stays(
    past: tkb.KnowledgeBase, limit: int | None
) -> None:
    found = decisions(past)
    drawn = sample(found, limit, np.random.default_rng(0))
    assert len(drawn) == min(limit or len(found), len(found))
    places = [next(i for i, d in enumerate(found) if d is one) for one in drawn]
    assert places == sorted(set(places))


@pytest.mark.parametrize("limit", [0, -1, 2.5, True])
def test_a_limit_that_is_no_number_of_decisions_is_refused(
    past: tkb.KnowledgeBase, limit: Any
) -> None:
    with pytest.raises(tkb.InvalidInputError, match=r"max_decisions.*whole number above 0"):
        past.evaluate(max_decisions=limit)


def test_strategies_and_symbols_limit_what_is_decided_and_not_the_evidence(
    past: tkb.KnowledgeBase, evaluation: Evaluation
) -> None:
    some = past.evaluate(strategies=["trend"], symbols="BBB")
    assert set(some.decisions["strategy"]) == {"trend"}
    assert set(some.decisions["symbol"]) == {"BBB"}
    whole = evaluation.decisions.filter(
        (pl.col("strategy") == "trend") & (pl.col("symbol") == "BBB")
    )
    assert some.decisions.drop("decision").equals(whole.drop("decision"))


def test_an_unknown_strategy_is_named_with_near_ones(past: tkb.KnowledgeBase) -> None:
    with pytest.raises(tkb.UnknownStrategyError, match=r"trand.*trend"):
        past.evaluate(strategies=["trand"])


def test_an_unknown_objective_is_named(past: tkb.KnowledgeBase) -> None:
    with pytest.raises(tkb.UnknownObjectiveError, match=r"sharpo.*sharpe"):
        past.evaluate(objective_type="sharpo")


@pytest.mark.parametrize("lacking", ["sharpe_oos", "oos_start"])
def test_trials_without_a_scored_window_cannot_be_replayed_and_what_is_missing_is_said(
    open_kb: Open, lacking: str
) -> None:
    columns = [lacking, "oos_end"] if lacking == "oos_start" else [lacking]
    kb = fill(open_kb(), trials(2).with_columns(pl.lit(None).alias(c) for c in columns))
    with pytest.raises(tkb.InvalidInputError, match="oos_start, oos_end and an out-of-sample"):
        kb.evaluate()


def test_a_window_with_one_set_leaves_nothing_to_decide(open_kb: Open) -> None:
    alone = pl.col("oos_start") == start_of(1)
    frame = trials(3).filter(~alone | pl.col("source_id").str.ends_with(":0"))
    kb = fill(open_kb(), frame)
    assert aware(start_of(1)) not in set(kb.evaluate("trend").decisions["as_of"])


def test_without_controls_neither_of_them_is_replayed(
    past: tkb.KnowledgeBase, evaluation: Evaluation
) -> None:
    found = past.evaluate(controls=False, strategies="revert")
    assert set(found.decisions["method"]) == set(METHODS) - {"placebo", "random_windows"}
    for method in found.decisions["method"].unique():
        whole = of(evaluation, method).filter(pl.col("strategy") == "revert")
        assert of(found, method)["params"].equals(whole["params"]), method


def test_a_rejected_trial_is_no_result(
    past_copy: tkb.KnowledgeBase, evaluation: Evaluation
) -> None:
    """A bug that made a fortune must not be what everyone's regret is measured by."""
    row = of(evaluation, "oracle").filter(pl.col("strategy") == "trend").row(20, named=True)
    ids = past_copy.trials(limit=None).filter(
        (pl.col("symbol") == row["symbol"])
        & (pl.col("oos_start") == row["as_of"])
        & (pl.col("strategy_name") == "trend")
        & (pl.col("sharpe_oos") == row["objective"])
    )["source_id"]
    assert len(ids) == 1
    past_copy.reject(ids.to_list(), reason="it looked ahead")
    best = of(past_copy.evaluate("trend", symbols=row["symbol"]), "oracle").filter(
        pl.col("window_key") == row["window_key"]
    )
    assert best["params"].item() != row["params"]
    assert best["objective"].item() < row["objective"]


def test_results_of_another_version_than_the_registered_one_are_no_results(open_kb: Open) -> None:
    frame = trials(4, symbols=("AAA",)).filter(pl.col("strategy_name") == "trend")
    old = frame.with_columns(
        pl.lit("0").alias("strategy_version"),
        ("old:" + pl.col("source_id")).alias("source_id"),
        pl.lit(99.0).alias("sharpe_oos"),
        pl.lit(1, pl.Int64).alias("n_trades_is"),
    )
    new = frame.with_columns(pl.lit("1").alias("strategy_version"))
    mine = decisions(fill(open_kb("new"), new))
    both = decisions(fill(open_kb("both"), pl.concat([new, old], how="diagonal")))
    for a, b in zip(mine, both, strict=True):
        np.testing.assert_array_equal(a.utility, b.utility)
        np.testing.assert_array_equal(a.trades, b.trades)


def test_the_first_decisions_are_told_though_nothing_was_known_by_then(open_kb: Open) -> None:
    found = fill(open_kb(), trials(1)).evaluate()
    assert found.n_decisions == 6
    assert found.table["method"].to_list() == ["is_best", "defaults", "random", "oracle"]
    assert repr(found) == "<Evaluation: 6 decisions, none that every method made>"
    assert found.coverage["status"].to_list() == ["none"]


def test_an_evaluation_is_valid_json_even_where_there_is_no_interval(
    past: tkb.KnowledgeBase,
) -> None:
    """One symbol is one cluster: its interval has no bounds."""
    found = past.evaluate("revert", symbols="AAA").to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    (row,) = (r for r in found["table"] if r["method"] == "tradingkb")
    assert row["vs_average"] is not None
    assert row["vs_average_low_symbol"] is None
    assert row["vs_average_low_as_of"] is not None
    assert set(found["groups"]) == set(GROUPS)
