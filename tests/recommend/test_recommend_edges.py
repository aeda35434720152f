"""Questions that once had a wrong answer."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tradingkb as tkb
from tests.recommend.sweeps import by_volatility, grid
from tradingkb.ranking import EvidenceWeights
from tradingkb.recommend.answer.codes import CODES

Open = Callable[..., tkb.KnowledgeBase]


@pytest.mark.parametrize("symbol", ["AAA", None])
@pytest.mark.parametrize(("volatility", "fast"), [(0.8, 5), (0.1, 20)])
def test_a_stated_market_decides_even_when_all_history_is_of_one_instrument(
    open_kb: Open, symbol: str | None, volatility: float, fast: int
) -> None:
    kb = open_kb()
    kb.ingest(by_volatility())
    rec = kb.recommend("s", regime={"volatility_annual": volatility}, symbol=symbol, timeframe="1d")
    assert rec.params == {"fast": fast}
    assert rec.status == "ok"


def test_the_plain_average_knows_the_own_history(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(grid(best=20))
    rec = kb.recommend("s", regime=["uptrend"], symbol="X", timeframe="1d")
    assert rec.baseline is not None
    assert rec.baseline["regime_agnostic"]["params"] == {"fast": 20, "slow": 50}


def test_the_expected_value_of_steady_results_is_their_mean(open_kb: Open) -> None:
    """Noise decides how much is shrunk: where there is hardly any, nothing is."""
    kb = open_kb()
    kb.ingest(grid(n_windows=20, best=20))
    rec = kb.recommend("s", regime=["uptrend"], symbol="X", timeframe="1d")
    assert rec.expected is not None
    mean = rec.evidence["objective"].mean()
    assert rec.expected["value"] == pytest.approx(mean, abs=0.01)
    assert rec.expected["low"] <= mean <= rec.expected["high"]
    assert rec.expected["high"] - rec.expected["low"] < 0.1


def test_nominations_for_an_objective_where_less_is_better_list_the_least_first(
    open_kb: Open,
) -> None:
    kb = open_kb()
    size = pl.col("params").str.extract(r'"fast": (\d+)').cast(pl.Float64) / 200
    kb.ingest(grid().with_columns(size.alias("max_drawdown_frac_oos")))
    rec = kb.recommend("s", "max_drawdown", symbol="X", timeframe="1d", regime=["uptrend"])
    assert rec.trials["objective"][0] == rec.trials["objective"].min() == 0.025
    assert rec.params == {"fast": 5, "slow": 50}


def test_a_version_that_came_later_does_not_reach_back(open_kb: Open) -> None:
    kb = open_kb()
    later = grid(4, best=5, strategy_version="2").with_columns(
        pl.col("is_start", "is_end", "oos_start", "oos_end").dt.offset_by("8y"),
        pl.concat_str(pl.lit("v2:"), "source_id").alias("source_id"),
    )
    kb.ingest(pl.concat([grid(strategy_version="1"), later]))
    rec = kb.recommend("s", as_of="2019-01-01", symbol="X", timeframe="1d")
    assert (rec.strategy_version, rec.params) == ("1", {"fast": 20, "slow": 50})
    assert kb.recommend("s", symbol="X", timeframe="1d").strategy_version == "2"


def test_parameter_sets_nobody_knew_then_do_not_change_the_grid(open_kb: Open) -> None:
    past = grid(best=20)
    odd = past.head(1).with_columns(
        pl.lit('{"fast": null, "slow": "x"}').alias("params"),
        pl.lit("odd").alias("source_id"),
        pl.col("is_start", "is_end", "oos_start", "oos_end").dt.offset_by("8y"),
    )
    scores = []
    for name, trials in (("past", past), ("both", pl.concat([past, odd]))):
        kb = open_kb(name)
        kb.ingest(trials)
        rec = kb.recommend("s", as_of="2019-01-01", mode="debug")
        assert rec.debug is not None
        scores.append({r["params"]: r["score"] for r in rec.debug["param_sets"] if r["nominated"]})
    assert scores[0] == scores[1]


def test_a_promotion_after_as_of_does_not_break_a_tie(open_kb: Open, tmp_path: Path) -> None:
    kb = open_kb()
    kb.ingest(grid().with_columns(pl.lit(1.0).alias("sharpe_oos")))
    before = kb.recommend("s", as_of="2019-01-01").trials["source_id"].to_list()
    with sqlite3.connect(tmp_path / "home" / "tradingkb.db") as db:
        db.execute(
            "UPDATE trials SET kb_status = 'promoted', promoted_at = '2023-01-01T00:00:00.000000Z' "
            "WHERE source_id = 'w0:5'"
        )
        db.execute(
            "INSERT INTO kb_status_history (workspace_id, trial_id, from_status, to_status, at, "
            "actor, actor_type) SELECT workspace_id, id, 'candidate', 'promoted', promoted_at, "
            "'a', 'admin' FROM trials WHERE source_id = 'w0:5'"
        )
        db.execute("UPDATE partition_generations SET generation = generation + 1")
    db.close()
    assert kb.recommend("s", as_of="2019-01-01").trials["source_id"].to_list() == before
    assert kb.recommend("s").trials["source_id"][0] == "w0:5"


def test_a_regime_measured_after_as_of_is_refused(
    the_sample: tkb.KnowledgeBase, data: Path
) -> None:
    late = the_sample.regime(data / "ohlcv" / "AAPL_1d.parquet")
    with pytest.raises(tkb.InvalidInputError, match="after as_of"):
        the_sample.recommend("sma_cross", regime=late, as_of="2008-01-01")


@pytest.mark.parametrize("limited", [{"regime_tags": ["high_volatility"]}, {"max_drawdown": 0.05}])
def test_windows_that_may_not_nominate_do_not_crowd_out_those_that_may(
    open_kb: Open, limited: dict[str, Any]
) -> None:
    kb = open_kb(neighbour_windows=3)
    trials = by_volatility(24).with_columns(
        pl.when(pl.col("regime_is").str.contains("high_vol"))
        .then(0.01)
        .otherwise(0.2)
        .alias("max_drawdown_frac_oos")
    )
    kb.ingest(trials)
    rec = kb.recommend("s", regime={"volatility_annual": 0.1}, **limited)
    assert rec.params is not None
    assert rec.after_strict == 12  # one trial in each of the twelve lively windows
    assert rec.trials.height == 3  # and the three nearest windows nominate


def test_repair_never_ends_on_what_an_admin_rejected(open_kb: Open) -> None:
    kb = open_kb()
    """11 is a step from what obeys: 10, which was rejected."""
    trials = grid(best=20).filter(pl.col("params").str.contains('"fast": (10|20)'))
    trials = trials.with_columns(pl.col("params").str.replace('"fast": 20', '"fast": 11'))
    rejected = pl.col("params").str.contains('"fast": 10')
    kb.ingest(
        trials.with_columns(
            pl.when(rejected)
            .then(pl.lit("rejected"))
            .otherwise(pl.lit("candidate"))
            .alias("kb_status")
        )
    )
    params = (
        tkb.ParamSpec("fast", "int", low=2, high=10, default=5),
        tkb.ParamSpec("slow", "int", low=10, high=200, default=50),
    )
    kb.register_strategy(tkb.StrategySpec("s", params))
    rec = kb.recommend("s", regime=["uptrend"])
    assert rec.params != {"fast": 10, "slow": 50}
    assert rec.reasons[0] == "params_outside_spec"


def test_a_timeframe_means_the_same_in_every_spelling(open_kb: Open) -> None:
    kb = open_kb()
    fast = grid(best=5, symbol="BTC", timeframe="5m").with_columns(
        pl.col("sharpe_oos") * 20, pl.concat_str(pl.lit("b"), "source_id").alias("source_id")
    )
    kb.ingest(pl.concat([grid(best=20, timeframe="1D"), fast]))
    for spelling in ("1d", "1D", "D", "daily", "24h", "1440min", None):
        rec = kb.recommend("s", symbol="X", timeframe=spelling, regime=["uptrend"])
        assert rec.timeframe == "1d", spelling
        assert rec.expected is not None, spelling
        assert rec.expected["own_windows"] == 12, spelling
        assert rec.expected["value"] < 2, spelling


def test_without_a_timeframe_several_are_not_averaged(open_kb: Open) -> None:
    kb = open_kb()
    fast = grid(6, symbol="BTC", timeframe="5m").with_columns(
        pl.col("sharpe_oos") * 20, pl.concat_str(pl.lit("b"), "source_id").alias("source_id")
    )
    kb.ingest(pl.concat([grid(12), fast]))
    rec = kb.recommend("s", regime=["uptrend"])
    assert "mixed_timeframes" in rec.warnings
    assert rec.timeframe == "1d"
    assert rec.expected is not None
    assert rec.expected["value"] < 2


def test_a_timeframe_that_nobody_traded_degrades(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(grid())
    rec = kb.recommend("s", timeframe="4h", regime=["uptrend"])
    assert rec.status == "degraded"
    assert "no_trials_of_timeframe" in rec.reasons


def test_a_set_that_was_tried_on_another_timeframe_only_is_no_ok_answer(open_kb: Open) -> None:
    kb = open_kb()
    great = (
        grid(12, timeframe="5m", symbol="B")
        .with_columns(
            pl.lit('{"fast": 9, "slow": 50}').alias("params"),
            pl.lit(9.0).alias("sharpe_oos"),
            pl.concat_str(pl.lit("b"), "source_id").alias("source_id"),
        )
        .unique("oos_start", maintain_order=True)
    )
    kb.ingest(pl.concat([grid(2), great]))
    rec = kb.recommend("s", timeframe="1d", regime=["uptrend"])
    assert rec.status == "degraded"


def test_a_trial_that_lost_its_regime_loses_its_point(open_kb: Open) -> None:
    kb = open_kb()
    trials = by_volatility(8)
    kb.ingest(trials)
    moved = (
        trials.head(3)
        .drop("regime_is", "regime_oos")
        .with_columns(pl.col("is_start", "is_end", "oos_start", "oos_end").dt.offset_by("10y"))
    )
    kb.ingest(moved, replace=True)
    assert kb.use_cases.indexer.vectors.count("kb_regime_v1_v1") == trials.height - 3


def test_lost_points_are_embedded_again_by_the_next_ingest(open_kb: Open, tmp_path: Path) -> None:
    kb = open_kb()
    kb.ingest(by_volatility(8))
    with sqlite3.connect(tmp_path / "home" / "tradingkb.db") as db:
        db.execute("DELETE FROM kb_vectors WHERE id % 2 = 0")
        db.execute("UPDATE kb_vector_generations SET generation = generation + 1")
    db.close()
    report = kb.ingest()
    assert (report.updated, report.skipped) == (12, 12)
    assert kb.use_cases.indexer.vectors.count("kb_regime_v1_v1") == 24
    assert kb.ingest().skipped == 24


def test_an_archived_trial_hides_neither_its_window_nor_itself_from_the_evidence(
    open_kb: Open, tmp_path: Path
) -> None:
    kb = open_kb()
    kb.ingest(by_volatility(12))
    with sqlite3.connect(tmp_path / "home" / "tradingkb.db") as db:
        db.execute(
            "UPDATE kb_trial_index SET archived_at = '2024-01-01T00:00:00.000000Z' WHERE trial_id "
            "IN (SELECT id FROM trials WHERE source_id LIKE '%:10')"
        )
        db.execute("UPDATE partition_generations SET generation = generation + 1")
    db.close()
    rec = kb.recommend("s", regime={"volatility_annual": 0.8})
    assert not rec.metadata_only
    assert not rec.trials["source_id"].str.ends_with(":10").any()
    with sqlite3.connect(tmp_path / "home" / "tradingkb.db") as db:
        db.execute("UPDATE kb_trial_index SET archived_at = '2024-01-01T00:00:00.000000Z'")
        db.execute("UPDATE partition_generations SET generation = generation + 1")
    db.close()
    assert kb.recommend("s").reasons == ("all_trials_archived",)
    assert kb.ingest().unarchived == 36
    assert kb.recommend("s").params is not None


def test_what_was_archived_in_one_collection_may_nominate_in_another(
    open_kb: Open, tmp_path: Path
) -> None:
    kb = open_kb()
    kb.ingest(by_volatility(12))
    with sqlite3.connect(tmp_path / "home" / "tradingkb.db") as db:
        db.execute("UPDATE kb_trial_index SET archived_at = '2024-01-01T00:00:00.000000Z'")
    db.close()
    other = open_kb(collection="kb_new_v1")
    assert other.ingest().inserted == 36
    assert other.recommend("s", regime={"volatility_annual": 0.8}).status == "ok"


def test_floors_wider_than_the_relaxed_filters_lose_no_strict_pass(open_kb: Open) -> None:
    kb = open_kb()
    trials = grid(4).with_columns(
        pl.when(pl.col("params").str.contains('"fast": 20'))
        .then(0.7)
        .otherwise(0.95)
        .alias("max_drawdown_frac_oos")
    )
    kb.ingest(trials)
    params = (
        tkb.ParamSpec("fast", "int", low=2, high=60, default=10),
        tkb.ParamSpec("slow", "int", low=10, high=200, default=50),
    )
    kb.register_strategy(tkb.StrategySpec("s", params, floors={"max_drawdown": 0.9}))
    rec = kb.recommend("s", symbol="X", timeframe="1d", regime=["uptrend"])
    assert rec.after_strict == 4
    assert rec.params == {"fast": 20, "slow": 50}


def test_relaxing_require_oos_promises_only_trials_that_count(open_kb: Open) -> None:
    kb = open_kb()
    inside = grid(12).drop("sharpe_oos", "max_drawdown_frac_oos", "n_trades_oos")
    inside = inside.with_columns(
        pl.lit(0.1).alias("max_drawdown_frac_is"),
        pl.concat_str(pl.lit("i"), "source_id").alias("source_id"),
    )
    outside = grid(4).filter(pl.col("params").str.contains('"fast": 20'))
    kb.ingest(pl.concat([inside, outside], how="diagonal"))
    rec = kb.recommend("s", regime=["uptrend"])
    for setting in rec.recommended_relaxed_settings:
        asked = {setting["filter"]: setting["suggested"]}
        if setting["sufficient"]:
            again = kb.recommend("s", regime=["uptrend"], **asked)
            assert again.after_strict == setting["candidates"]
            assert "few_candidates" not in again.reasons
    assert rec.after_strict == 4


def test_own_results_of_several_windows_count_by_their_mean(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(grid(best=20))
    rows = [(json.dumps({"fast": f, "slow": 50}), 0.5, n) for f in (10, 20) for n in (0, 40)]
    own = pl.DataFrame(rows, schema=["params", "sharpe_is", "n_trades_is"], orient="row")
    own = own.with_columns(pl.int_range(pl.len()).cast(pl.String).alias("source_id"))
    answers = [
        kb.recommend("s", symbol="X", timeframe="1d", own_trials=frame).params
        for frame in (own, own.reverse())
    ]
    assert answers == [{"fast": 20, "slow": 50}] * 2


def test_as_of_may_be_any_kind_of_time(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(grid())
    meant = datetime(2019, 1, 1, tzinfo=UTC)
    kinds = (
        date(2019, 1, 1),
        datetime(2019, 1, 1),
        "2019-01-01",
        np.datetime64("2019-01-01"),
        meant,
    )
    assert [as_of for as_of in kinds if kb.recommend("s", as_of=as_of).as_of != meant] == []


def test_an_as_of_beyond_all_time_is_refused(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(grid())
    with pytest.raises(tkb.InvalidInputError, match="as_of"):
        kb.recommend("s", as_of="0001-01-01T00:00:00+14:00")


@pytest.mark.parametrize("name", ["a b", "q?mark", "a?mode=ro", "pct%20x", "h#sh", "ümläut"])
def test_a_home_may_have_any_name(tmp_path: Path, name: str) -> None:
    with tkb.connect(tmp_path / name, progress=False) as kb:
        kb.ingest(grid(2))
    assert (tmp_path / name / "tradingkb.db").is_file()
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_relative_home_stays_where_it_was_when_the_working_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with tkb.connect("kb", progress=False) as kb:
        kb.ingest(grid())
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        kb.recommend("s")
        assert kb.events().height == 1
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_event_that_can_never_be_written_is_dropped_and_counted(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(grid())
    log = kb.use_cases.asking.events
    log._queue.append({"no_such_column": 1})
    rec = kb.recommend("s")
    assert rec.params is not None
    assert (log.dropped, kb.events().height) == (1, 1)


def test_an_unknown_embedding_model_is_refused_before_anything_is_written(open_kb: Open) -> None:
    kb = open_kb(embed_model="nomic-embed-text", embed_dim=768)
    with pytest.raises(tkb.ConfigurationError, match="regime-v1"):
        kb.ingest(grid())
    assert kb.trials().is_empty()


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ({"embed_dim": 768}, "EMBED_DIM=64"),
        ({"embed_model": "regime-cosine-v1", "embed_dim": 64}, "EMBED_DIM=32"),
    ],
)
def test_an_embed_dim_that_the_model_does_not_have_is_refused_before_anything_is_opened(
    tmp_path: Path, given: dict[str, Any], right: str
) -> None:
    with pytest.raises(tkb.ConfigurationError, match=right):
        tkb.connect(tmp_path / "home", progress=False, **given)
    assert not (tmp_path / "home").exists()
    corrected = {**given, "embed_dim": int(right.partition("=")[2])}
    tkb.connect(tmp_path / "home", progress=False, **corrected).close()


def test_a_workspace_config_of_any_shape_breaks_nothing(open_kb: Open, tmp_path: Path) -> None:
    kb = open_kb()
    kb.ingest(grid())
    for config in ("null", "[]", '{"chunking": null}', '{"chunking": {"embed_model": null}}'):
        with sqlite3.connect(tmp_path / "home" / "tradingkb.db") as db:
            db.execute("UPDATE workspaces SET config = ?", (config,))
        db.close()
        assert kb.workspaces()["embed_model"].to_list() == ["regime-v1"]
        assert kb.recommend("s").params is not None


def test_bars_that_never_move_degrade_the_answer(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(by_volatility())
    n = 120
    flat = pl.DataFrame(
        {
            "ts": [datetime(2024, 1, 1) + timedelta(days=i) for i in range(n)],
            **{c: [10.0] * n for c in ("open", "high", "low", "close")},
        }
    )
    rec = kb.recommend("s", ohlcv=flat, symbol="AAA")
    assert rec.status == "degraded"
    assert "flat_prices" in rec.reasons


def test_every_code_of_an_answer_is_explained(the_sample: tkb.KnowledgeBase, data: Path) -> None:
    market = data / "ohlcv" / "AAPL_1d.parquet"
    asked: list[dict[str, Any]] = [
        {},
        {"ohlcv": market},
        {"regime": ["uptrend"]},
        {"ohlcv": market, "max_drawdown": 0.001},
        {"as_of": "1990-01-01"},
        {"as_of": "2009-01-01", "ohlcv": market},
        {"timeframe": "4h"},
        {"symbol": "NEW", "timeframe": "1d"},
        {"strategy_version": "9"},
    ]
    for question in asked:
        rec = the_sample.recommend("macd_trend", **question)
        assert {*rec.reasons, *rec.warnings} <= set(CODES)
        assert (rec.status == "none") == (rec.params is None)
        assert (rec.status == "ok") == (not rec.reasons)


def test_a_source_that_is_killed_between_scaler_and_vectors_heals(
    open_kb: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    kb = open_kb()
    first, rest = by_volatility(6), by_volatility(24, symbol="BBB")
    kb.ingest(first)
    with monkeypatch.context() as patch:
        patch.setattr(kb.use_cases.indexer.vectors, "ensure_collection", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            kb.ingest(rest)
    report = kb.ingest(rest)
    assert (report.inserted, report.updated) == (rest.height, first.height)
    assert kb.ingest().skipped == rest.height + first.height


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_answers_do_not_depend_on_the_batches_in_which_trials_came(open_kb: Open) -> None:
    whole = pl.concat([by_volatility(24), by_volatility(24, symbol="BBB")])
    answers = []
    for name, parts in (("one", [whole]), ("two", [whole[72:], whole[:72]])):
        kb = open_kb(name)
        for part in parts:
            kb.ingest(part)
        rec = kb.recommend("s", regime={"volatility_annual": 0.5}, symbol="AAA", timeframe="1d")
        answers.append((rec.params, rec.expected, rec.evidence["weight"].to_list()))
    assert answers[0] == answers[1]


def test_evidence_from_a_single_quarter_is_no_ok_answer(open_kb: Open) -> None:
    """Thirty windows of one month share one market."""
    kb = open_kb()
    rows = []
    for w in range(30):
        start = datetime(2018, 1, 1) + timedelta(days=w)
        part = grid(1, timeframe="5m").with_columns(
            pl.lit(start).alias("oos_start"),
            pl.lit(start + timedelta(days=1)).alias("oos_end"),
            pl.lit(start - timedelta(days=5)).alias("is_start"),
            pl.lit(start).alias("is_end"),
            pl.concat_str(pl.lit(f"{w}:"), "source_id").alias("source_id"),
        )
        rows.append(part)
    kb.ingest(pl.concat(rows))
    rec = kb.recommend("s", symbol="X", timeframe="5m", regime=["uptrend"])
    assert rec.windows_used == 30
    assert rec.status == "degraded"
    assert "one_quarter" in rec.reasons


@pytest.mark.parametrize(("shift", "warned"), [(-5.0, True), (0.0, False)])
def test_an_expected_loss_is_said(open_kb: Open, shift: float, warned: bool) -> None:
    kb = open_kb()
    kb.ingest(grid().with_columns(pl.col("sharpe_oos") + shift))
    rec = kb.recommend("s", regime=["uptrend"], symbol="X", timeframe="1d")
    assert ("expected_loss" in rec.reasons) == warned
    assert any("not trading" in action for action in rec.suggested_actions) == warned


def test_both_counts_are_given_whether_relaxing_was_needed_or_not(
    the_sample: tkb.KnowledgeBase,
) -> None:
    rec = the_sample.recommend("sma_cross", regime=["uptrend"])
    assert not rec.strict_to_relaxed
    assert rec.after_relaxed > rec.after_strict > 0
    assert not rec.trials["relaxed"].any()
    event = the_sample.events().row(0, named=True)
    assert (event["after_strict"], event["after_relaxed"]) == (rec.after_strict, rec.after_relaxed)


def test_an_in_sample_score_never_stands_in_for_a_missing_out_of_sample_one(open_kb: Open) -> None:
    """fast=40 shone in-sample and has no ratio after it: a flat line has none."""
    flat = pl.col("params").str.contains('"fast": 40')
    kb = open_kb()
    kb.ingest(
        grid().with_columns(
            pl.when(flat).then(9.0).otherwise("sharpe_is").alias("sharpe_is"),
            pl.when(flat).then(None).otherwise("sharpe_oos").alias("sharpe_oos"),
        )
    )
    rec = kb.recommend("s", symbol="X", timeframe="1d", mode="debug")
    assert rec.params == {"fast": 20, "slow": 50}
    assert rec.after_strict == 48
    (told,) = (row for row in rec.debug["param_sets"] if row["params"] == '{"fast":40,"slow":50}')
    assert {told[name] for name in ("score", "preference", "mean_rank")} == {-math.inf}
    given = open_kb("given")
    given.ingest(
        grid()
        .drop("sharpe_oos")
        .with_columns(objective_score=pl.lit(1.5), objective_sample=pl.lit("oos"))
    )
    assert given.recommend("s", symbol="X", timeframe="1d").expected["value"] == (
        pytest.approx(1.5)
    )


@pytest.mark.parametrize(("inside", "outside", "nominated"), [(5, 0, 60), (2, 2, 0), (None, 5, 60)])
def test_trades_of_both_samples_let_a_trial_nominate(
    open_kb: Open, inside: int | None, outside: int, nominated: int
) -> None:
    """A slow set that trades five times before a window and never in it is no unknown."""
    kb = open_kb()
    kb.ingest(
        grid().with_columns(
            n_trades_is=pl.lit(inside, pl.Int64), n_trades_oos=pl.lit(outside, pl.Int64)
        )
    )
    assert kb.recommend("s", symbol="X", timeframe="1d").after_strict == nominated
    rec = kb.recommend("s", symbol="X", timeframe="1d", regime={"volatility_annual": 0.3})
    assert rec.after_strict == nominated


def test_of_what_is_stated_that_decides_which_the_store_shows_to_decide(open_kb: Open) -> None:
    """fast=5 earns when prices rise, 20 when they fall, whatever the volatility."""

    def market(place: int) -> str:
        drift = 0.8 if place % 2 == 0 else -0.8
        features = {"drift": drift, "volatility_annual": 0.2 if place // 2 % 2 else 0.6}
        return json.dumps(tkb.Regime(features=features).to_dict())

    frame = by_volatility()
    places = frame["source_id"].str.extract(r"AAA(\d+):").cast(pl.Int64)
    regimes = pl.Series("regime_oos", [market(place) for place in places])
    kb = open_kb()
    kb.ingest(frame.with_columns(regimes, regimes.alias("regime_is")))

    def answer(**stated: float) -> tkb.Recommendation:
        return kb.recommend("s", regime=stated, symbol="AAA", timeframe="1d")

    for volatility in (0.2, 0.6):
        for drift, fast in ((0.8, 5), (-0.8, 20)):
            found = answer(drift=drift, volatility_annual=volatility)
            assert found.params == {"fast": fast}
            assert found.expected == answer(drift=drift).expected
    alone = [answer(volatility_annual=volatility).expected for volatility in (0.2, 0.6)]
    assert alone[0] == alone[1]


def test_every_weight_is_a_setting_and_recorded_with_the_answer(
    open_kb: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {
        "neutral": 3.0,
        "timeframe": 4.0,
        "few_trades": 0.25,
    }
    for name, value in asked.items():
        monkeypatch.setenv(f"TRADINGKB_WEIGHT_{name.upper()}", str(value))
    widths = {"bandwidth_measured": 0.8, "bandwidth_stated": 0.9, "indifference": 0.7}
    for name, value in widths.items():
        monkeypatch.setenv(f"TRADINGKB_{name.upper()}", str(value))
    kb = open_kb()
    kb.ingest(grid())
    weights = kb.recommend("s").weights
    assert {name: weights[name] for name in (*asked, *widths)} == asked | widths
    assert {f.name for f in fields(EvidenceWeights)} == {*asked, *widths}


@pytest.mark.parametrize(
    ("name", "value"),
    [("WEIGHT_NEUTRAL", "0"), ("WEIGHT_FEW_TRADES", "1.5"), ("INDIFFERENCE", "-1")],
)
def test_a_weight_out_of_its_range_is_refused_by_name(
    open_kb: Open, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"TRADINGKB_{name}", value)
    with pytest.raises(tkb.ConfigurationError, match=f"TRADINGKB_{name}"):
        open_kb()


@pytest.mark.parametrize("digits", [1, 2, 4, 15])
@pytest.mark.parametrize("objective", ["sharpe", "sortino"])
def test_the_best_value_of_an_optimiser_is_no_result_out_of_sample(
    open_kb: Open, digits: int, objective: str
) -> None:
    """It is in-sample, rounded or of an objective of its own, and windows have dates as well."""
    scores = (pl.col("sharpe_is") * (1.7 if objective == "sortino" else 1.0)).round(digits)
    trials = grid().drop("sharpe_oos")
    kb = open_kb()
    report = kb.ingest(
        trials.with_columns(objective_type=pl.lit(objective), objective_score=scores)
    )
    found = kb.recommend("s", objective, symbol="X", timeframe="1d", require_oos=False)
    assert "in_sample_only" in found.reasons
    told = [note for note in report.notes if "count as in-sample" in note]
    assert len(told) == (objective == "sortino")
