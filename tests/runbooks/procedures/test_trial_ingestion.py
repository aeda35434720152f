"""Runbook 06: trials are taken in once, whatever is done twice, and nothing is left behind."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import tradingkb as tkb
from tests.made_once import made_once
from tests.runbooks.cells import run_cells
from tests.service.process import free_port
from tradingkb.cli.app import app
from tradingkb.exceptions import InvalidInputError
from tradingkb.resilience import Policy, doors
from tradingkb.runbooks import Run
from tradingkb.runbooks.procedures import counters
from tradingkb.service.metric_table import COUNTED
from tradingkb.vectors import EmbeddedVectorIndex

NAME = "06_trial_ingestion"


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A hundred trials of the sample."""
    path = tmp_path_factory.mktemp("trials") / "trials.parquet"
    pl.read_parquet(data / "trials.parquet").head(100).write_parquet(path)
    return path


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, trials: Path) -> Path:
    def fill(home: Path) -> None:
        with tkb.connect(home, progress=False) as kb:
            kb.ingest(trials)

    return made_once(tmp_path_factory, "hundred", fill)


@pytest.fixture
def home(tmp_path: Path, filled: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "home"))


def test_a_dry_run_counts_what_the_run_then_does(
    tmp_path: Path, trials: Path, monkeypatch: pytest.MonkeyPatch
):
    home = tmp_path / "home"
    with tkb.connect(home, progress=False) as kb:
        kb.create_workspace("default")
    dry = run_cells(NAME, monkeypatch, home, trials=str(trials))
    assert dry.result.outcome == "needs_decision"
    assert dry.states == {"ingest": "planned", "again": "planned"}
    with tkb.connect(home, progress=False) as kb:
        assert kb.trials().is_empty()
    applied = run_cells(NAME, monkeypatch, home, trials=str(trials), dry_run=False)
    first, again = applied.result.actions
    assert applied.result.outcome == "done"
    assert (first.expected or {})["inserted"] == (first.actual or {})["inserted"] == 100
    assert (again.actual or {}) == {
        **dict.fromkeys(("inserted", "updated", "unarchived", "error"), 0),
        "skipped": 100,
    }


def test_what_it_did_is_undone_by_the_command_that_it_names(
    home: Path, tmp_path: Path, trials: Path, monkeypatch: pytest.MonkeyPatch
):
    changed = tmp_path / "changed.parquet"
    pl.read_parquet(trials).with_columns(pl.col("sharpe_oos") + 1).write_parquet(changed)
    with tkb.connect(home, progress=False) as kb:
        kb.create_workspace("desk")
        kb.ingest(trials, workspace="desk")
        before = scores(kb)
    given = {"workspace": "desk", "trials": str(changed), "dry_run": False}
    undo = str(run_cells(NAME, monkeypatch, home, **given).result.actions[0].undo)
    with tkb.connect(home, progress=False) as kb:
        assert not scores(kb).equals(before)
        undone = CliRunner().invoke(app, shlex.split(undo)[1:])
        assert undone.exit_code == 0, undone.output
        assert scores(kb).equals(before)


def scores(kb: tkb.KnowledgeBase) -> pl.DataFrame:
    """What the trials of the workspace say."""
    return kb.trials("desk", limit=1000).sort("trial_id").select("trial_id", "sharpe_oos")


def test_every_counter_is_explained_with_what_stands_behind_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    assert set(counters.TRANSITIONS) == set(label("kb_admin_status_change_total", "transition"))
    assert tuple(counters.RULES) == label("kb_tiebreak_applied_total", "rule")
    with tkb.connect(home, progress=False) as kb:
        kb.promote(kb.trials(limit=2)["trial_id"].to_list())
    found = run_cells(NAME, monkeypatch, home)
    changes = {row["transition"]: row["trials"] for row in found.rows("Status changes")}
    assert changes["candidate_to_promoted"] == 2
    assert sum(row["places"] for row in found.rows("Tie-breaks")) > 0


def label(metric: str, name: str) -> tuple[str, ...]:
    """The values of a metric's label."""
    (spec,) = [one for one in COUNTED if one.name == metric]
    return tuple(spec.labels[name])


def test_a_vector_index_that_is_away_is_to_be_brought_back_first(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("QDRANT_URL", f"http://127.0.0.1:{free_port()}")
    policies = {**doors.POLICIES, "qdrant": Policy(total_s=5.0, attempts=1)}
    monkeypatch.setattr(doors, "POLICIES", policies)
    found = run_cells(NAME, monkeypatch, home, dry_run=False)
    assert (found.result.outcome, found.result.actions) == ("needs_decision", [])
    assert found.found("the vector index, or the embedder,").severity == "critical"
    assert found.commands == [
        "tradingkb runbook run 08_failure_modes_recovery -p workspace=default"
    ]


def test_an_index_that_goes_away_before_it_is_verified_is_a_failed_run_with_a_result(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object, **__: object) -> None:
        raise tkb.BackendUnavailableError("the index is away")

    def carried_out(run: Run) -> object:
        table = carry_out(run)
        monkeypatch.setattr(EmbeddedVectorIndex, "points", refuse)
        return table

    carry_out = Run.carry_out
    monkeypatch.setattr(Run, "carry_out", carried_out)
    found = run_cells(NAME, monkeypatch, home, trials="", dry_run=False)
    assert found.result.outcome == "failed"
    assert found.found("NOT VERIFIED: what was done").evidence == {"error": "the index is away"}


def test_an_ingest_that_changes_nothing_is_nothing_to_do(
    home: Path, trials: Path, monkeypatch: pytest.MonkeyPatch
):
    found = run_cells(NAME, monkeypatch, home, trials=str(trials)).result
    assert found.outcome == "nothing_to_do"
    assert ("everything is there already", {"trials": 100}) in [
        (one.what, one.evidence) for one in found.findings
    ]


def test_points_that_an_archive_left_behind_are_healed(home: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise tkb.BackendUnavailableError("the index is away")

    with tkb.connect(home, progress=False) as kb, monkeypatch.context() as away:
        away.setattr(EmbeddedVectorIndex, "delete", refuse)
        kb.archive(kb.trials(limit=5)["trial_id"].to_list())
    dry = run_cells(NAME, monkeypatch, home).result
    assert any("left in the vector index" in one.what for one in dry.findings)
    found = run_cells(NAME, monkeypatch, home, dry_run=False).result
    assert found.outcome == "done"
    assert "no archived entry has a point left behind" in found.findings[-1].what
    with tkb.connect(home, progress=False) as kb:
        assert kb.reconcile().clean


def test_refused_rows_are_told_and_need_a_decision_while_the_others_go_in(
    home: Path, tmp_path: Path, trials: Path, monkeypatch: pytest.MonkeyPatch
):
    bad = tmp_path / "bad.parquet"
    frame = pl.read_parquet(trials).with_row_index("n")
    frame = frame.with_columns(
        strategy_name=pl.when(pl.col("n") == 0).then(pl.lit("")).otherwise("strategy_name"),
        source_id=pl.format("new{}", "n"),
    )
    frame.drop("n").write_parquet(bad)
    ran = run_cells(NAME, monkeypatch, home, trials=str(bad), dry_run=False)
    assert ran.result.outcome == "needs_decision"
    assert ran.states == {"ingest": "done", "again": "done"}
    assert (ran.result.actions[0].actual or {})["error"] == 1
    assert Path((ran.result.actions[0].actual or {})["rejects_path"]).exists()
    assert "strategy_name" in repr(ran.names["ingestion"].refused(ran.names["preview"]))


def test_a_file_that_is_not_there_ends_the_run_before_anything_is_done(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(InvalidInputError, match=r"none\.parquet"):
        run_cells(NAME, monkeypatch, home, trials=str(tmp_path / "none.parquet"), dry_run=False)
