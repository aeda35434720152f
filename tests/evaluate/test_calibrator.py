"""`kb.calibrate`, and what answers say of their confidence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tradingkb as tkb
from tests.evaluate.replayed_store import SPECS, decisions, fill, start_of, trials
from tradingkb.ranking import EvidenceWeights
from tradingkb.recommend.judging.fingerprint import fingerprint

Open = Callable[..., tkb.KnowledgeBase]
ASKED: dict[str, Any] = {"symbol": "AAA", "timeframe": "1d", "regime": {"drift": 0.5}}


def ask(kb: tkb.KnowledgeBase, strategy: str = "trend", **more: Any) -> tkb.Recommendation:
    return kb.recommend(strategy, **{**ASKED, **more})


def codes(rec: tkb.Recommendation) -> set[str]:
    """What the answer says of its confidence."""
    said = {"uncalibrated", "calibration_stale", "defaults_recommended"}
    return said & set(rec.warnings)


def outcomes(kb: tkb.KnowledgeBase) -> pl.DataFrame:
    return kb.use_cases.store.outcomes(kb.use_cases.workspaces.find("default").id, "sharpe")


def test_every_decision_has_one_outcome_that_says_whether_it_beat_the_defaults(
    calibrated: tkb.KnowledgeBase,
) -> None:
    rows = outcomes(calibrated)
    for name in ("trend", "revert"):
        found = {d.window_key: d for d in decisions(calibrated, name)}
        mine = rows.filter(pl.col("strategy_name") == name)
        assert sorted(mine["window_key"]) == sorted(found)
        assert mine["quarter"].to_list() == [found[k].quarter for k in mine["window_key"]]
    # The same question, answered by the evaluation.
    told = calibrated.evaluate("trend", symbols="AAA", controls=False).decisions.filter(
        (pl.col("method") == "tradingkb") & pl.col("exact")
    )
    both = told.join(
        rows, left_on=["strategy", "window_key"], right_on=["strategy_name", "window_key"]
    )
    assert both["beats_defaults"].equals(both["won"].alias("beats_defaults"))
    assert {0.0, 1.0} <= set(both["won"])


def test_calibrating_again_replays_nothing_and_says_the_same(calibrated: tkb.KnowledgeBase) -> None:
    before = outcomes(calibrated)
    first, again = (calibrated.calibrate().to_dict() for _ in range(2))
    assert first["replayed"] == again["replayed"] == 0
    assert first["n_decisions"] == before.height == 2 * 3 * 30
    assert first == again
    assert outcomes(calibrated).equals(before)


def test_a_new_window_is_replayed_alone_and_gives_what_a_restart_gives(
    calibrated: tkb.KnowledgeBase,
) -> None:
    later = trials(31).filter(pl.col("oos_start") == start_of(30))
    calibrated.ingest(later)
    report = calibrated.calibrate()
    assert (report.replayed, report.n_decisions) == (6, 186)
    kept = outcomes(calibrated)
    assert calibrated.calibrate(restart=True).replayed == 186
    assert outcomes(calibrated).equals(kept)


def test_a_window_whose_results_came_in_later_is_replayed(calibrated: tkb.KnowledgeBase) -> None:
    more = (
        trials(30)
        .filter(pl.col("source_id") == "trend:AAA:29:3")
        .with_columns(
            source_id=pl.lit("late"),
            known_at=pl.lit(datetime(2025, 1, 1)),
            params=pl.lit('{"fast": 12, "short": 0}'),
        )
    )
    calibrated.ingest(more)
    assert calibrated.calibrate().replayed == 1


def test_other_weights_replay_everything_anew(calibrated_home: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(calibrated_home, tmp_path / "copy")
    with tkb.connect(copy, progress=False, weight_neutral=5.0) as kb:
        rec = ask(kb)
        assert (rec.confidence, codes(rec)) == (None, {"uncalibrated"})
        assert any("other weights" in note for note in rec.notes)
        assert kb.calibrate().replayed == 180
        assert ask(kb).confidence is not None


def test_a_changed_spec_replays_its_strategy_alone(calibrated: tkb.KnowledgeBase) -> None:
    spec = tkb.StrategySpec("revert", (tkb.ParamSpec("n", "int", low=1, high=99, default=10),))
    calibrated.register_strategy(spec)
    assert calibrated.calibrate().replayed == 90
    assert calibrated.calibrate().replayed == 0


def test_a_fingerprint_tells_weights_and_specs_apart_and_nothing_else() -> None:
    plain = EvidenceWeights()
    found = [
        fingerprint(plain),
        fingerprint(EvidenceWeights(neutral=11.0)),
        *(fingerprint(plain, spec) for spec in SPECS),
    ]
    assert len(set(found)) == len(found)
    assert found[0] == fingerprint(EvidenceWeights())
    assert {len(text) for text in found} == {64}


def test_outcomes_of_trials_that_are_gone_go(calibrated: tkb.KnowledgeBase) -> None:
    ids = trials(30).filter(
        (pl.col("oos_start") == start_of(8))
        & (pl.col("strategy_name") == "trend")
        & (pl.col("symbol") == "BBB")
    )["source_id"]
    calibrated.reject(ids.to_list(), reason="a bug")
    report = calibrated.calibrate()
    assert (report.replayed, report.n_decisions) == (0, 179)


def test_a_store_without_trials_is_uncalibrated(open_kb: Open) -> None:
    kb = open_kb()
    for _ in range(2):
        report = kb.calibrate()
        assert (report.n_decisions, report.base_rate, report.known_until) == (0, None, None)
    assert "100 of 8 quarters are needed" in str(report)


def test_too_few_outcomes_leave_answers_without_a_confidence_and_say_why(open_kb: Open) -> None:
    kb = fill(open_kb(), trials(10))
    rec = ask(kb)
    assert (rec.confidence, rec.confidence_band, rec.calibration) == (None, "none", None)
    assert codes(rec) == {"uncalibrated"}
    assert "no calibration is stored" in rec.notes
    report = kb.calibrate()
    assert 0 < report.n_outcomes < 100
    assert (report.base_rate, report.low, report.high) == (None, None, None)
    again = ask(kb)
    assert (again.confidence, codes(again)) == (None, {"uncalibrated"})
    assert f"{report.n_outcomes} comparable outcomes are too few" in again.notes


def test_without_declared_defaults_there_is_nothing_to_compare_with(
    calibrated: tkb.KnowledgeBase,
) -> None:
    calibrated.register_strategy(
        tkb.StrategySpec("revert", (tkb.ParamSpec("n", "int", low=1, high=99),))
    )
    rec = ask(calibrated, "revert")
    assert (rec.confidence, codes(rec)) == (None, {"uncalibrated"})
    assert "no defaults are declared to compare with" in rec.notes


def test_defaults_that_nobody_tried_compare_with_nothing(calibrated: tkb.KnowledgeBase) -> None:
    calibrated.register_strategy(
        tkb.StrategySpec("revert", (tkb.ParamSpec("n", "int", low=1, high=99, default=77),))
    )
    rec = ask(calibrated, "revert")
    assert (rec.confidence, codes(rec)) == (None, {"uncalibrated"})
    assert any("never tried" in note for note in rec.notes)


def test_a_choice_of_the_defaults_stakes_nothing(calibrated: tkb.KnowledgeBase) -> None:
    chosen = ask(calibrated, "revert").params
    assert chosen is not None
    calibrated.register_strategy(
        tkb.StrategySpec("revert", (tkb.ParamSpec("n", "int", 1, 99, default=chosen["n"]),))
    )
    rec = ask(calibrated, "revert")
    assert rec.params == chosen
    assert (rec.confidence, codes(rec)) == (None, {"defaults_recommended"})
    assert rec.uncalibrated


def test_enough_outcomes_give_a_confidence_and_what_it_rests_on(
    calibrated: tkb.KnowledgeBase,
) -> None:
    report = calibrated.calibrate()
    assert report.n_outcomes >= 100
    rec = ask(calibrated)
    assert codes(rec) == set()
    assert not rec.uncalibrated
    assert rec.confidence is not None
    found = rec.calibration
    assert found is not None
    assert found["value"] == rec.confidence
    assert 0 < found["low"] < rec.confidence < found["high"] < 1
    assert (found["value"], found["level"]) == (report.base_rate, 0.9)
    assert (found["low"], found["high"]) == (report.low, report.high)
    assert (found["n"], found["n_quarters"]) == (report.n_outcomes, report.n_quarters)
    assert report.known_until is not None
    assert found["known_until"] == report.known_until
    told = json.loads(json.dumps(rec.to_dict(), allow_nan=False))
    basis = {**told["calibration"], "known_until": found.known_until, "fitted_at": found.fitted_at}
    assert (told["confidence"], basis) == (rec.confidence, dict(found))
    assert told["calibration"]["known_until"] == "2020-12-12T00:00:00.000000Z"
    event = calibrated.events().row(0, named=True)
    assert (event["confidence"], event["confidence_band"]) == (rec.confidence, rec.confidence_band)


def test_a_calibration_that_knows_the_future_says_nothing_of_the_past(
    calibrated: tkb.KnowledgeBase,
) -> None:
    """Of a time at which the choice is another set than the defaults: else nothing is compared."""
    until = calibrated.calibrate().known_until
    assert until is not None
    past = ask(calibrated, as_of=start_of(29))
    assert past.params == {"fast": 10, "short": 1}
    assert (past.confidence, codes(past)) == (None, {"uncalibrated"})
    assert any("after as_of" in note for note in past.notes)
    assert ask(calibrated, as_of=until).confidence is not None


def test_many_new_windows_make_a_calibration_stale(calibrated: tkb.KnowledgeBase) -> None:
    later = trials(39).filter(pl.col("oos_start") >= start_of(30))
    few, more = (later.filter(pl.col("oos_start") < start_of(n)) for n in (37, 39))
    calibrated.ingest(few)  # 111 windows of 90
    assert codes(ask(calibrated)) == set()
    calibrated.ingest(more)  # 117
    rec = ask(calibrated)
    assert codes(rec) == {"calibration_stale"}
    assert rec.confidence is not None
    calibrated.calibrate()
    assert codes(ask(calibrated)) == set()


def test_windows_that_leave_nothing_to_decide_do_not_make_a_fresh_calibration_stale(
    calibrated: tkb.KnowledgeBase,
) -> None:
    alone = trials(60, symbols=("ZZZ",)).filter(pl.col("source_id").str.ends_with(":1"))
    calibrated.ingest(alone)
    calibrated.calibrate()
    assert codes(ask(calibrated)) == set()


def test_a_strategy_that_the_calibration_does_not_know_gets_the_base_rate(
    calibrated: tkb.KnowledgeBase,
) -> None:
    fresh = (
        trials(6)
        .filter(pl.col("strategy_name") == "revert")
        .with_columns(strategy_name=pl.lit("fresh"), source_id="fresh:" + pl.col("source_id"))
    )
    calibrated.register_strategy(
        tkb.StrategySpec("fresh", (tkb.ParamSpec("n", "int", low=1, high=99, default=5),))
    )
    calibrated.ingest(fresh)
    rec = ask(calibrated, "fresh")
    assert rec.calibration is not None
    assert rec.calibration == ask(calibrated).calibration
    assert codes(rec) == {"calibration_stale"}


def test_a_calibration_by_another_open_knowledge_base_is_seen_by_the_next_answer(
    open_kb: Open,
) -> None:
    kb, other = fill(open_kb(), trials(30)), open_kb()
    assert ask(kb).confidence is None
    assert other.calibrate().n_outcomes >= 100
    assert ask(kb).confidence is not None


def test_a_backup_carries_outcomes_and_confidence(
    calibrated: tkb.KnowledgeBase, open_kb: Open, tmp_path: Path
) -> None:
    calibrated.backup(tmp_path / "backup")
    other = open_kb()
    other.restore(tmp_path / "backup")
    assert outcomes(other).equals(outcomes(calibrated))
    mine, theirs = ask(calibrated), ask(other)
    assert (theirs.confidence, theirs.calibration) == (mine.confidence, mine.calibration)
    assert other.calibrate().replayed == 0


def test_a_backup_is_restored_though_a_strategy_of_its_outcomes_was_withdrawn(
    calibrated: tkb.KnowledgeBase, open_kb: Open, tmp_path: Path
) -> None:
    (run,) = calibrated.runs().filter(pl.col("kind") == "ingest")["run_id"].to_list()
    calibrated.withdraw(run, reason="a bug")
    calibrated.backup(tmp_path / "backup")
    other = open_kb()
    other.restore(tmp_path / "backup")
    assert outcomes(other).height == 180
    assert other.calibrate().n_decisions == 0
    other.reinstate(run)
    assert (other.calibrate().n_decisions, ask(other).confidence is None) == (180, False)


@pytest.mark.parametrize("version", [1, 99])
def test_a_calibration_of_another_release_is_fitted_again_and_breaks_no_answer(
    calibrated: tkb.KnowledgeBase, version: int
) -> None:
    import sqlalchemy as sa

    with calibrated.use_cases.store.engine.begin() as connection:
        model = f'{{"version": {version}}}'
        connection.execute(sa.text("UPDATE calibrations SET model = :model"), {"model": model})
    rec = ask(calibrated)
    assert (rec.confidence, codes(rec)) == (None, {"uncalibrated"})
    assert "the calibration is of another release: fit it again" in rec.notes
    assert calibrated.calibrate().replayed == 0  # its outcomes are as good as ever
    assert ask(calibrated).confidence is not None
