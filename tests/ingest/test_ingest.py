"""Ingestion through the front door: counts, idempotence, dry runs, refusals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

import tradingkb as tkb
from tests.ingest.few_trials import few

Open = Callable[..., tkb.KnowledgeBase]


def test_every_new_trial_is_inserted_and_the_second_ingest_skips_all(open_kb: Open) -> None:
    kb = open_kb()
    assert kb.ingest(few()).counts()["inserted"] == 6
    again = kb.ingest(few())
    assert (again.inserted, again.updated, again.skipped) == (0, 0, 6)
    assert kb.ingest().skipped == 6


def test_the_whole_sample_is_skipped_the_second_time(sample: tkb.KnowledgeBase, data: Path) -> None:
    report = sample.ingest(data / "trials.parquet", ohlcv=data / "ohlcv")
    assert report.skipped == report.rows == 26_040
    assert report.windows_measured == 0


def test_a_changed_metric_is_an_update_and_nothing_else_is(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(few())
    changed = few().with_columns(
        pl.when(pl.col("source_id") == "t3").then(9.0).otherwise("sharpe_oos").alias("sharpe_oos")
    )
    report = kb.ingest(changed)
    assert (report.updated, report.skipped, report.inserted) == (1, 5, 0)
    assert kb.trials(source_id="t3")["sharpe_oos"].item() == 9.0


def test_a_dry_run_says_the_counts_of_the_real_run_and_writes_nothing(
    open_kb: Open, tmp_path: Path
) -> None:
    kb = open_kb()
    kb.ingest(few(4))
    mixed = few(7).with_columns(
        pl.when(pl.col("source_id") == "t0").then(5.0).otherwise("sharpe_oos").alias("sharpe_oos")
    )
    bad = pl.concat([mixed, few(1, source_id="bad", sharpe_oos=None)], how="vertical_relaxed")
    before = kb.trials()
    dry = kb.ingest(bad, dry_run=True)
    assert kb.trials().equals(before)
    assert kb.runs().height == 1
    assert not (tmp_path / "home" / "rejects").exists()
    real = kb.ingest(bad)
    assert dry.counts() == real.counts()
    assert real.counts() == {"inserted": 3, "updated": 1, "skipped": 3, "unarchived": 0, "error": 1}


def test_a_dry_run_on_an_empty_home_creates_no_workspace(open_kb: Open) -> None:
    kb = open_kb()
    assert kb.ingest(few(), dry_run=True).inserted == 6
    assert kb.workspaces().height == 0


def test_bad_rows_go_to_the_rejects_file_and_good_rows_go_in(open_kb: Open) -> None:
    kb = open_kb()
    frame = few().with_columns(
        pl.when(pl.col("source_id") == "t2").then(25.0).alias("max_drawdown_frac_oos")
    )
    report = kb.ingest(frame)
    assert (report.inserted, report.error) == (5, 1)
    assert report.rejects_path is not None
    saved = pl.read_csv(report.rejects_path)
    assert saved.columns[5:] == frame.columns
    assert saved.select("_rejected_row", "_rejected_field", "source_id").row(0) == (
        3,
        "max_drawdown_frac_oos",
        "t2",
    )
    assert "0.25" in saved["_rejected_remedy"][0]


def test_a_rejects_file_that_was_corrected_brings_the_missing_rows(open_kb: Open) -> None:
    kb = open_kb()
    drawdown = pl.col("max_drawdown_frac_oos")
    right = few(max_drawdown_frac_oos=0.25)
    percent = pl.when(pl.col("source_id") > "t3").then(25.0).otherwise(drawdown)
    first = kb.ingest(right.with_columns(percent.alias("max_drawdown_frac_oos")))
    assert (first.inserted, first.error) == (4, 2)
    again = kb.ingest(first.rejects_path)
    assert (again.inserted, again.error) == (0, 2)
    saved = pl.read_csv(again.rejects_path)
    assert saved["_rejected_row"].to_list() == [1, 2]
    saved.with_columns(drawdown / 100).write_csv(again.rejects_path)
    corrected = kb.ingest(again.rejects_path)
    assert (corrected.inserted, corrected.error) == (2, 0)
    assert not any("not used" in note for note in corrected.notes)
    assert kb.ingest(right).skipped == 6


def test_strict_refuses_everything_and_names_the_first_bad_row(open_kb: Open) -> None:
    kb = open_kb()
    frame = few().with_columns(pl.lit(None).cast(pl.Float64).alias("win_rate_oos"))
    frame[4, "win_rate_oos"] = 55.0
    with pytest.raises(tkb.InvalidTrialError, match=r"row 5, win_rate_oos: .*0\.55") as caught:
        kb.ingest(frame, strict=True)
    assert caught.value.row == 5
    assert kb.workspaces().is_empty() or kb.trials().is_empty()


def test_a_reimport_does_not_overrule_a_status(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(few(3, kb_status="promoted"))
    assert kb.ingest(few(3)).inserted == 0
    assert set(kb.trials()["kb_status"]) == {"promoted"}


def test_rejected_trials_are_stored_but_not_indexed(open_kb: Open) -> None:
    kb = open_kb()
    report = kb.ingest(few(3, kb_status="rejected"))
    assert (report.inserted, report.not_eligible) == (0, 3)
    assert kb.trials().height == 3


def test_regimes_are_measured_once_per_window_and_later_ohlcv_updates(
    open_kb: Open, data: Path
) -> None:
    kb = open_kb()
    trials = pl.read_parquet(data / "trials.parquet").filter(
        (pl.col("symbol") == "GOOG") & (pl.col("strategy_name") == "sma_cross")
    )
    bare = kb.ingest(trials)
    assert bare.not_embedded == trials.height
    assert any("have no regime" in note for note in bare.notes)
    measured = kb.ingest(trials, ohlcv=data / "ohlcv")
    assert (measured.updated, measured.windows_measured) == (trials.height, 13)
    assert kb.ingest(trials).skipped == trials.height


def test_stored_trials_can_be_measured_later_without_their_file(open_kb: Open, data: Path) -> None:
    kb = open_kb()
    trials = pl.read_parquet(data / "trials.parquet").filter(pl.col("symbol") == "GOOG")
    kb.ingest(trials)
    report = kb.ingest(ohlcv=data / "ohlcv")
    assert report.windows_measured == 13
    assert report.updated == trials.height
    assert kb.ingest(trials).skipped == trials.height


def test_a_window_without_prices_is_named_and_loses_nothing(open_kb: Open, data: Path) -> None:
    report = open_kb().ingest(few(), ohlcv=data / "ohlcv")
    assert report.inserted == 6
    assert any("X" in note and "no regime" in note for note in report.notes)


def test_pandas_polars_parquet_csv_ndjson_and_trial_objects_mean_the_same(
    open_kb: Open, tmp_path: Path
) -> None:
    pytest.importorskip("pandas")
    kb, frame = open_kb(), few()
    frame.write_parquet(tmp_path / "t.parquet")
    frame.write_csv(tmp_path / "t.csv")
    frame.write_ndjson(tmp_path / "t.ndjson")
    kb.ingest(frame)
    import json

    objects = [
        tkb.Trial(
            strategy_name="s",
            params=json.loads(row["params"]),
            source_id=row["source_id"],
            symbol="X",
            timeframe="1d",
            oos_start=row["oos_start"],
            oos_end=row["oos_end"],
            sharpe_oos=row["sharpe_oos"],
        )
        for row in frame.to_dicts()
    ]
    for source in (
        tmp_path / "t.parquet",
        tmp_path / "t.csv",
        tmp_path / "t.ndjson",
        frame.to_pandas(),
        frame.lazy(),
        objects,
    ):
        assert kb.ingest(source).skipped == 6, type(source)


def test_workspaces_do_not_see_each_other(open_kb: Open) -> None:
    kb = open_kb()
    kb.create_workspace("other")
    kb.ingest(few(3))
    assert kb.ingest(few(5), workspace="other").inserted == 5
    assert kb.trials().height == 3
    assert kb.trials(workspace="other").height == 5


def test_an_unknown_workspace_suggests_near_names(open_kb: Open) -> None:
    kb = open_kb()
    kb.create_workspace("trading")
    with pytest.raises(tkb.UnknownWorkspaceError, match="did you mean trading"):
        kb.ingest(few(), workspace="tradin")


def test_a_workspace_is_found_by_its_id(open_kb: Open) -> None:
    kb = open_kb()
    made = kb.create_workspace("trading")
    kb.ingest(few(2), workspace=made)
    assert kb.trials(workspace="trading").height == 2


def test_a_slug_is_refused_with_the_rule(open_kb: Open) -> None:
    with pytest.raises(tkb.InvalidInputError, match="lower-case"):
        open_kb().create_workspace("Not A Slug")


def test_each_run_is_recorded_with_its_counts(open_kb: Open) -> None:
    kb = open_kb()
    report = kb.ingest(few())
    run = kb.runs().row(0, named=True)
    assert run["run_id"] == report.run_id
    assert run["status"] == "completed"
    assert run["finished_at"] >= run["started_at"] >= datetime(2026, 1, 1, tzinfo=UTC)


def test_a_failing_index_leaves_the_run_failed_and_the_next_ingest_finishes(open_kb: Open) -> None:
    kb = open_kb()

    def broken(*_: object) -> None:
        raise tkb.BackendUnavailableError("down")

    applied = kb.use_cases.indexer.vectors.ensure_collection
    kb.use_cases.indexer.vectors.ensure_collection = broken  # type: ignore[method-assign]
    with pytest.raises(tkb.BackendUnavailableError):
        kb.ingest(few())
    assert kb.runs()["status"].to_list() == ["failed"]
    kb.use_cases.indexer.vectors.ensure_collection = applied  # type: ignore[method-assign]
    assert kb.ingest().inserted == 6


def test_two_connections_on_one_store_see_each_others_trials(open_kb: Open) -> None:
    one, two = open_kb(), open_kb()
    one.ingest(few(2))
    assert two.ingest(few(4)).inserted == 2
    assert one.trials().height == 4


def test_when_the_windows_double_stored_trials_are_scaled_anew_too(
    open_kb: Open, data: Path
) -> None:
    kb = open_kb()
    trials = pl.read_parquet(data / "trials.parquet").filter(pl.col("strategy_name") == "sma_cross")
    first = trials.filter(pl.col("symbol") == "GOOG")
    rest = trials.filter(pl.col("symbol") != "GOOG")
    kb.ingest(first, ohlcv=data / "ohlcv")
    dry = kb.ingest(rest, ohlcv=data / "ohlcv", dry_run=True)
    report = kb.ingest(rest, ohlcv=data / "ohlcv")
    assert (report.inserted, report.updated) == (rest.height, first.height)
    assert dry.counts() == report.counts()
    assert any("scaled anew" in note for note in report.notes)
    assert kb.ingest().skipped == trials.height


def test_a_regime_that_comes_with_one_file_updates_the_windows_other_trials(
    open_kb: Open, data: Path
) -> None:
    kb = open_kb()
    trials = pl.read_parquet(data / "trials.parquet").filter(
        (pl.col("symbol") == "GOOG") & (pl.col("strategy_name") == "sma_cross")
    )
    one, other = trials[::2], trials[1::2]
    kb.ingest(one)
    report = kb.ingest(other, ohlcv=data / "ohlcv")
    assert (report.inserted, report.updated) == (other.height, one.height)
    assert kb.ingest().skipped == trials.height


def test_prices_that_do_not_exist_are_refused_before_anything_is_written(
    open_kb: Open, tmp_path: Path
) -> None:
    kb = open_kb()
    with pytest.raises(tkb.InvalidOHLCVError, match="does not exist"):
        kb.ingest(few(), ohlcv=tmp_path / "nowhere")
    assert kb.trials().is_empty()


def test_a_record_that_cannot_be_written_does_not_hide_the_interrupt(
    open_kb: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    kb = open_kb()
    kb.ingest(few(1))

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    def locked(*_: object) -> None:
        raise tkb.BackendUnavailableError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr("tradingkb.ingest.ingester.store_trials", interrupted)
        patch.setattr(kb.use_cases.ingester, "_finish", locked)
        with pytest.raises(KeyboardInterrupt):
            kb.ingest(few())
    assert kb.ingest(few()).inserted == 5
