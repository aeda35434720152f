"""Recommendations through the front door."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tradingkb as tkb
from tests.recommend.sweeps import STRATEGIES, grid, plain, spec

Open = Callable[..., tkb.KnowledgeBase]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_sample_strategy_gets_parameters_that_obey_its_spec_and_were_tried(
    the_sample: tkb.KnowledgeBase, data: Path, strategy: str
) -> None:
    rec = the_sample.recommend(strategy, ohlcv=data / "ohlcv" / "AAPL_1d.parquet")
    declared = the_sample.strategy(strategy)
    assert declared is not None
    assert rec.params is not None
    assert rec.status == "ok"
    assert declared.problems(rec.params) == []
    assert rec.params_tested
    assert rec.windows_used >= 3
    assert rec.expected is not None
    assert rec.expected["low"] < rec.expected["value"] < rec.expected["high"]
    assert rec.confidence is None
    assert rec.uncalibrated
    assert "uncalibrated" in rec.warnings
    assert rec.symbol == "AAPL"
    assert rec.expected["own_windows"] == 21


def test_the_set_with_the_best_evidence_is_chosen(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(grid(best=20))
    assert kb.recommend("s", symbol="X", timeframe="1d").params == {"fast": 20, "slow": 50}


def test_a_single_brilliant_window_does_not_beat_steady_evidence(open_kb: Open) -> None:
    kb = open_kb()
    lucky = (
        grid(1)
        .filter(pl.col("params").str.contains('"fast": 40'))
        .with_columns(pl.lit(50.0).alias("sharpe_oos"), pl.lit("lucky").alias("source_id"))
    )
    kb.ingest(pl.concat([grid(best=20).filter(pl.col("source_id") != "w0:40"), lucky]))
    assert kb.recommend("s", symbol="X", timeframe="1d").params == {"fast": 20, "slow": 50}


def test_shuffled_input_gives_the_same_answers_and_the_same_tie_break_rules(
    open_kb: Open, data: Path
) -> None:
    trials = pl.read_parquet(data / "trials.parquet").filter(
        pl.col("strategy_name").is_in(["sma_cross", "macd_trend"]),
        pl.col("symbol").is_in(["IBM", "AAPL", "GOOG"]),
    )
    answers = []
    for name, frame in (("a", trials), ("b", trials.sample(fraction=1.0, shuffle=True, seed=7))):
        kb = open_kb(name)
        kb.register_strategy(data / "strategies")
        kb.ingest(frame, ohlcv=data / "ohlcv")
        for strategy in ("sma_cross", "macd_trend"):
            answers.append(plain(kb.recommend(strategy, ohlcv=data / "ohlcv" / "IBM_1d.parquet")))
    assert answers[:2] == answers[2:]
    assert any(rule != "score" for rule in answers[0]["tie_break_counts"])


def test_qdrant_and_the_embedded_index_give_the_same_recommendation(
    open_kb: Open, data: Path
) -> None:
    pytest.importorskip("qdrant_client")
    trials = pl.read_parquet(data / "trials.parquet").filter(
        pl.col("strategy_name") == "rsi_reversion",
        pl.col("timeframe") == "1d",
        pl.col("symbol").is_in(["MSFT", "AAPL", "GOOG"]),
    )
    answers = []
    for settings in ({}, {"qdrant_url": ":memory:"}):
        kb = open_kb(f"home{len(answers)}", **settings)
        kb.register_strategy(data / "strategies")
        kb.ingest(trials, ohlcv=data / "ohlcv")
        found = [
            plain(kb.recommend("rsi_reversion", ohlcv=data / "ohlcv" / "MSFT_1d.parquet")),
            plain(kb.recommend("rsi_reversion", regime=["downtrend"], max_drawdown=0.1)),
        ]
        answers.append([_rounded(a) for a in found])
    assert answers[0] == answers[1]


def _rounded(value: Any) -> Any:
    """Similarities agree to five digits between float32 implementations."""
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return round(value, 4) if isinstance(value, float) else value


def test_without_a_regime_the_answer_is_degraded_and_says_so(the_sample: tkb.KnowledgeBase) -> None:
    rec = the_sample.recommend("sma_cross")
    assert rec.status == "degraded"
    assert "missing_regime_context" in rec.warnings
    assert "missing_regime_context" in rec.reasons
    assert not rec.metadata_only
    assert rec.regime is None


def test_a_stated_regime_is_marked_and_compared_with_the_scored_windows(
    the_sample: tkb.KnowledgeBase,
) -> None:
    rec = the_sample.recommend("sma_cross", regime=["downtrend", "high_volatility"])
    assert rec.regime is not None
    assert rec.regime.source == "stated"
    near = rec.evidence.sort("weight", descending=True).head(5)
    assert all("downtrend" in tags for tags in near["tags"])


@pytest.mark.parametrize(
    "regime",
    [
        ["uptrend"],
        "uptrend",
        {"trend_direction": 0.8, "rsi": 60.0},
        tkb.Regime.stated(tags=["uptrend"]),
    ],
)
def test_a_regime_may_be_stated_in_any_of_its_spellings(
    the_sample: tkb.KnowledgeBase, regime: Any
) -> None:
    rec = the_sample.recommend("sma_cross", regime=regime)
    assert rec.regime is not None
    assert rec.regime.source == "stated"
    assert rec.status == "ok"


def test_ohlcv_and_regime_together_are_refused(the_sample: tkb.KnowledgeBase, data: Path) -> None:
    with pytest.raises(tkb.InvalidInputError, match="give the market once"):
        the_sample.recommend(
            "sma_cross", ohlcv=data / "ohlcv" / "IBM_1d.parquet", regime=["uptrend"]
        )


def test_filters_nominate_but_bad_windows_still_judge(open_kb: Open) -> None:
    """A set that did well where it passed the filters and badly elsewhere is not chosen."""
    kb = open_kb()
    frame = (
        grid(best=20)
        .with_columns(
            pl.when(pl.col("params").str.contains('"fast": 40') & (pl.col("sharpe_oos") < 0.62))
            .then(3.0)
            .when(pl.col("params").str.contains('"fast": 40'))
            .then(-3.0)
            .otherwise("sharpe_oos")
            .alias("sharpe_oos"),
        )
        .with_columns(
            pl.when(pl.col("sharpe_oos") < -2)
            .then(0.9)
            .otherwise(0.1)
            .alias("max_drawdown_frac_oos")
        )
    )
    kb.ingest(frame)
    rec = kb.recommend("s", symbol="X", timeframe="1d", mode="debug")
    assert rec.params == {"fast": 20, "slow": 50}
    assert rec.debug is not None
    assert all(row["nominated"] for row in rec.debug["param_sets"])


def test_strict_filters_relax_when_too_little_passes_and_the_additions_are_marked(
    open_kb: Open,
) -> None:
    kb = open_kb()
    kb.ingest(grid().with_columns(max_drawdown_frac_oos=pl.lit(0.4)))
    rec = kb.recommend("s", symbol="X", timeframe="1d", regime=["uptrend"])
    assert rec.status == "degraded"
    assert rec.strict_to_relaxed
    assert (rec.after_strict, rec.after_relaxed) == (0, 60)
    assert "strict_to_relaxed" in rec.reasons
    assert rec.trials["relaxed"].all()
    drawdown = next(r for r in rec.filter_rejections if r["filter"] == "max_drawdown")
    assert (drawdown["fails"], drawdown["fails_only"]) == (60, 60)
    suggestion = rec.recommended_relaxed_settings[0]
    assert (suggestion["filter"], suggestion["suggested"]) == ("max_drawdown", 0.4)
    assert (suggestion["candidates"], suggestion["windows"]) == (60, 12)


def test_following_a_relaxation_gives_exactly_the_promised_number(
    the_sample: tkb.KnowledgeBase, data: Path
) -> None:
    market = data / "ohlcv" / "AAPL_1d.parquet"
    rec = the_sample.recommend("sma_cross", ohlcv=market, max_drawdown=0.02, min_trades=80)
    usable = [r for r in rec.recommended_relaxed_settings if r["sufficient"]]
    assert usable
    for setting in usable:
        asked: dict[str, Any] = {"max_drawdown": 0.02, "min_trades": 80}
        again = the_sample.recommend(
            "sma_cross", ohlcv=market, **{**asked, setting["filter"]: setting["suggested"]}
        )
        assert again.after_strict == setting["candidates"]
        assert not again.strict_to_relaxed


def test_a_value_that_the_request_states_holds_in_the_relaxed_pass_too(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(grid().with_columns(max_drawdown_frac_oos=pl.lit(0.4)))
    rec = kb.recommend("s", max_drawdown=0.2)
    assert rec.status == "none"
    assert rec.params is None
    assert rec.reasons[:2] == (
        "no_matches_after_strict_filters",
        "no_matches_after_relaxed_filters",
    )
    assert rec.suggested_actions
    assert rec.expected is None
    assert rec.trials.is_empty()


def test_a_spec_without_trials_answers_none_with_the_reason(open_kb: Open) -> None:
    kb = open_kb()
    kb.register_strategy(spec())
    rec = kb.recommend("s")
    assert (rec.status, rec.params) == ("none", None)
    assert rec.reasons == ("collection_empty", "no_trials_for_strategy")
    assert any("ingest" in action for action in rec.suggested_actions)


def test_an_unknown_strategy_suggests_near_names(the_sample: tkb.KnowledgeBase) -> None:
    with pytest.raises(tkb.UnknownStrategyError, match="did you mean sma_cross"):
        the_sample.recommend("sma_crss")


def test_an_unknown_objective_suggests_near_names(the_sample: tkb.KnowledgeBase) -> None:
    with pytest.raises(tkb.UnknownObjectiveError, match="did you mean sharpe"):
        the_sample.recommend("sma_cross", "sharp")


@pytest.mark.parametrize(
    ("filters", "field"),
    [
        ({"max_drawdown": 25}, "max_drawdown"),
        ({"max_drawdown": float("nan")}, "max_drawdown"),
        ({"min_trades": -1}, "min_trades"),
        ({"require_oos": "yes"}, "require_oos"),
        ({"regime_tags": ["uptrnd"]}, "uptrnd"),
        ({"as_of": "yesterday"}, "as_of"),
        ({"mode": "loud"}, "mode"),
        ({"regime": ["uptrend", "downtrend"]}, "downtrend"),
        ({"regime": 5}, "regime"),
    ],
)
def test_a_request_value_that_cannot_be_used_is_named(
    the_sample: tkb.KnowledgeBase, filters: dict[str, Any], field: str
) -> None:
    with pytest.raises(tkb.InvalidInputError, match=field):
        the_sample.recommend("sma_cross", **filters)


def test_one_set_of_trials_answers_several_objectives(the_sample: tkb.KnowledgeBase) -> None:
    found = {
        name: the_sample.recommend("macd_trend", name, regime=["uptrend"])
        for name in ("sharpe", "return", "calmar", "profit_factor", "sharpe_dd_penalty")
    }
    assert all(rec.status == "ok" for rec in found.values())
    units = {name: rec.expected["unit"] for name, rec in found.items() if rec.expected}
    assert units["return"] == "fraction"
    assert found["return"].expected != found["sharpe"].expected


def test_an_objective_where_less_is_better_chooses_the_smaller_score(open_kb: Open) -> None:
    kb = open_kb()
    frame = grid().with_columns(
        max_drawdown_frac_oos=pl.when(pl.col("params").str.contains('"fast": 5'))
        .then(0.02)
        .otherwise(0.2)
    )
    kb.ingest(frame)
    rec = kb.recommend("s", "max_drawdown", symbol="X", timeframe="1d")
    assert rec.params == {"fast": 5, "slow": 50}
    assert rec.expected is not None
    assert rec.expected["value"] < 0.1


def test_an_objective_that_no_trial_can_be_judged_by_is_an_honest_none(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(grid())
    rec = kb.recommend("s", "sortino")
    assert (rec.status, rec.reasons) == ("none", ("no_score_for_objective",))


def test_in_sample_trials_alone_give_a_degraded_answer(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(
        grid().drop("sharpe_oos", "max_drawdown_frac_oos", "n_trades_oos", "oos_start", "oos_end")
    )
    rec = kb.recommend("s", require_oos=False, regime=["uptrend"])
    assert rec.status == "degraded"
    assert "in_sample_only" in rec.reasons


def test_parameters_outside_the_spec_are_passed_over_for_obeying_ones(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(grid(best=40))
    narrow = tkb.StrategySpec(
        "s",
        (
            tkb.ParamSpec("fast", "int", low=2, high=30, default=10),
            tkb.ParamSpec("slow", "int", low=10, high=200, default=50),
        ),
    )
    kb.register_strategy(narrow)
    rec = kb.recommend("s", symbol="X", timeframe="1d")
    assert rec.params == {"fast": 30, "slow": 50}
    assert rec.repaired_params == {}


def test_when_nothing_obeys_the_spec_what_was_tried_is_named_instead(open_kb: Open) -> None:
    """19 would obey, a step from 20: nobody tried it, so there is no evidence for it."""
    kb = open_kb()
    kb.ingest(grid(best=20))
    stepped = tkb.StrategySpec(
        "s",
        (
            tkb.ParamSpec("fast", "int", low=3, high=59, step=4, default=7),
            tkb.ParamSpec("slow", "int", low=10, high=200, default=50),
        ),
    )
    kb.register_strategy(stepped)
    rec = kb.recommend("s", symbol="X", timeframe="1d", regime=["uptrend"])
    assert (rec.status, rec.params, rec.expected) == ("none", None, None)
    assert rec.reasons[0] == "params_outside_spec"
    assert any("outside the spec" in note and '"fast":20' in note for note in rec.notes)


def test_few_windows_degrade_the_answer(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(grid(n_windows=2))
    rec = kb.recommend("s", regime=["uptrend"])
    assert rec.status == "degraded"
    assert "few_windows" in rec.reasons


def test_hundreds_of_trials_of_one_window_are_one_window(open_kb: Open) -> None:
    kb = open_kb()
    one = (
        grid(1)
        .sample(n=400, with_replacement=True, seed=1)
        .with_columns(pl.int_range(pl.len()).cast(pl.String).alias("source_id"))
    )
    kb.ingest(one)
    rec = kb.recommend("s", regime=["uptrend"])
    assert rec.windows_used == 1
    assert "few_windows" in rec.reasons


def test_a_promoted_trial_decides_between_equal_evidence(open_kb: Open) -> None:
    kb = open_kb()
    flat = grid().with_columns(pl.lit(1.0).alias("sharpe_oos"), pl.lit(1.0).alias("sharpe_is"))
    kb.ingest(
        flat.with_columns(
            pl.when(pl.col("source_id") == "w3:40")
            .then(pl.lit("promoted"))
            .otherwise(pl.lit("candidate"))
            .alias("kb_status")
        )
    )
    rec = kb.recommend("s", symbol="X", timeframe="1d")
    assert rec.params == {"fast": 40, "slow": 50}
    assert rec.trials["source_id"][0] == "w3:40"
    assert rec.trials["tie_break"][0] == "status"


def test_rejected_trials_neither_nominate_nor_judge(open_kb: Open) -> None:
    kb = open_kb()
    frame = grid(best=20).with_columns(
        pl.when(pl.col("params").str.contains('"fast": 20'))
        .then(pl.lit("rejected"))
        .otherwise(pl.lit("candidate"))
        .alias("kb_status")
    )
    kb.ingest(frame)
    rec = kb.recommend("s", symbol="X", timeframe="1d")
    assert rec.params != {"fast": 20, "slow": 50}
    assert not rec.trials["params"].str.contains('"fast":20').any()


def test_evidence_is_pooled_within_one_strategy_version(open_kb: Open) -> None:
    kb = open_kb()
    old = grid(best=40, strategy_version="1")
    new = grid(best=10, strategy_version="2").with_columns(
        pl.concat_str(pl.lit("v2:"), "source_id").alias("source_id")
    )
    kb.ingest(pl.concat([old, new]))
    kb.register_strategy(spec(version="1"))
    ask = {"symbol": "X", "timeframe": "1d"}
    assert kb.recommend("s", **ask).params == {"fast": 40, "slow": 50}
    assert kb.recommend("s", strategy_version="2", **ask).params == {"fast": 10, "slow": 50}
    rec = kb.recommend("s", strategy_version="3", **ask)
    assert (rec.status, rec.reasons) == ("none", ("no_trials_for_version",))


def test_own_results_rule_out_sets_that_never_traded(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(grid(best=20))
    own = pl.DataFrame(
        {
            "params": [json.dumps({"fast": f, "slow": 50}) for f in (5, 10, 20, 30, 40)],
            "sharpe_is": [0.5] * 5,
            "n_trades_is": [30, 30, 0, 30, 30],
        }
    )
    assert kb.recommend("s", symbol="X", timeframe="1d", own_trials=own).params != {
        "fast": 20,
        "slow": 50,
    }
    with pytest.raises(tkb.InvalidTrialError, match="n_trades_is"):
        kb.recommend("s", own_trials=own.drop("n_trades_is"))


def test_own_history_outweighs_other_instruments(open_kb: Open) -> None:
    kb = open_kb()
    others = [
        grid(12, best=40, symbol=name).with_columns(
            pl.concat_str(pl.lit(name), "source_id").alias("source_id")
        )
        for name in ("A", "B")
    ]
    kb.ingest(pl.concat([grid(40, best=10), *others]))
    assert kb.recommend("s", symbol="X", timeframe="1d").params == {"fast": 10, "slow": 50}
    elsewhere = kb.recommend("s", symbol="NEW", timeframe="1d")
    assert "no_own_history" in elsewhere.warnings


def test_a_symbol_without_history_is_compared_with_the_stored_ones(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(grid(symbol="AAPL"))
    rec = kb.recommend("s", symbol="aapl", timeframe="1d")
    assert "no_own_history" in rec.warnings
    assert "no window is of 'aapl': did you mean AAPL?" in rec.notes
    for symbol, timeframe in (("XYZ", "1d"), ("AAPL", "1h")):
        other = kb.recommend("s", symbol=symbol, timeframe=timeframe)
        assert "no_own_history" in other.warnings
        assert not any("did you mean" in note for note in other.notes)


def test_the_answer_is_one_json_document(the_sample: tkb.KnowledgeBase, data: Path) -> None:
    rec = the_sample.recommend("sma_cross", ohlcv=data / "ohlcv" / "IBM_1d.parquet", mode="debug")
    text = json.dumps(rec.to_dict(), allow_nan=False)
    read = json.loads(text)
    assert read["params"] == rec.params
    assert read["after_strict"] == rec.after_strict
    assert read["debug"]["funnel"]["stored"] == 4368


def test_the_baseline_stands_beside_the_answer(the_sample: tkb.KnowledgeBase, data: Path) -> None:
    rec = the_sample.recommend("rsi_reversion", ohlcv=data / "ohlcv" / "AAPL_1d.parquet")
    assert rec.baseline is not None
    assert rec.baseline["defaults"]["params"] == {"n": 14, "low": 30, "exit": 50, "allow_short": 0}
    assert np.isfinite(rec.baseline["defaults"]["expected"]["value"])
    assert rec.baseline["regime_agnostic"]["params"]


def test_trials_without_any_regime_fall_back_to_metadata(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(grid())
    rec = kb.recommend("s", regime=["uptrend"], symbol="X", timeframe="1d")
    assert rec.status == "degraded"
    assert rec.metadata_only
    assert {"collection_empty", "metadata_only"} <= set(rec.reasons)
    assert rec.params == {"fast": 20, "slow": 50}
    assert any("ohlcv=" in action for action in rec.suggested_actions)


def test_an_index_that_does_not_answer_degrades_and_never_fails(
    sample: tkb.KnowledgeBase, data: Path
) -> None:
    def down(*_: object) -> None:
        raise tkb.BackendUnavailableError("connection refused")

    sample.use_cases.indexer.vectors.nearest_windows = down  # type: ignore[method-assign]
    sample.use_cases.indexer.vectors.remote = True
    rec = sample.recommend("sma_cross", ohlcv=data / "ohlcv" / "IBM_1d.parquet")
    assert rec.status == "degraded"
    assert rec.metadata_only
    assert "no_embedding_available" in rec.reasons
    assert any("connection refused" in note for note in rec.notes)


def test_a_point_that_sql_does_not_know_is_never_recommended(
    sample: tkb.KnowledgeBase, data: Path
) -> None:
    """SQL is the truth: an orphan in the index changes nothing."""
    from tradingkb.ports import PAYLOAD, Points

    market = data / "ohlcv" / "IBM_1d.parquet"
    before = plain(sample.recommend("sma_cross", ohlcv=market))
    workspace = sample.workspaces()["id"][0]
    orphan = pl.DataFrame(
        {
            "workspace_id": [workspace],
            "strategy_name": ["sma_cross"],
            "window_key": ["ghost"],
            "has_oos": [True],
            "max_drawdown": [0.01],
            "n_trades": [99],
            "overfit_gap": [0.0],
        }
    ).select(PAYLOAD)
    vector = np.full((1, 64), 1 / 8, dtype=np.float32)
    sample.use_cases.indexer.vectors.upsert(before["collection"], Points(["ghost"], vector, orphan))
    assert plain(sample.recommend("sma_cross", ohlcv=market)) == before


def test_the_query_regime_is_measured_and_shown(the_sample: tkb.KnowledgeBase, data: Path) -> None:
    path = data / "ohlcv" / "AAPL_1d.parquet"
    rec = the_sample.recommend("sma_cross", ohlcv=path)
    assert rec.regime == the_sample.regime(path)
    assert rec.timeframe == "1d"


def test_now_is_an_argument(open_kb: Open, clock: Any) -> None:
    kb = open_kb()
    kb.ingest(grid())
    clock.now = datetime(2014, 1, 1, tzinfo=UTC)
    assert kb.recommend("s").reasons[0] == "no_trials_known_by_then"
