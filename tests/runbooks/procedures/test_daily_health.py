"""Runbook 09: a backup that can be read, an index that agrees with SQL, and what is wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

import tradingkb as tkb
from tests.conftest import NOW
from tests.made_once import made_once
from tests.runbooks.cells import Ran, run_cells
from tradingkb.exceptions import InvalidInputError
from tradingkb.runbooks import Finding
from tradingkb.runbooks.procedures import daily_plan
from tradingkb.runbooks.procedures.daily_health import Share
from tradingkb.runbooks.procedures.daily_page import Day, page
from tradingkb.testing.stored import event

NAME = "09_reconcile_and_health"
Runs = Callable[..., Ran]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A hundred trials of the sample and their spec."""

    def fill(home: Path) -> None:
        with tkb.connect(home, progress=False) as kb:
            kb.register_strategy(data / "strategies" / "sma_cross.toml")
            rows = pl.read_parquet(data / "trials.parquet")
            kb.ingest(
                rows.filter(pl.col("strategy_name") == "sma_cross").head(100), ohlcv=data / "ohlcv"
            )

    return made_once(tmp_path_factory, "daily", fill)


@pytest.fixture
def home(tmp_path: Path, filled: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "home"))


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    return lambda **given: run_cells(NAME, monkeypatch, home, **given)


def found(ran: Ran, begin: str) -> Finding:
    (one,) = [one for one in ran.result.findings if one.what.startswith(begin)]
    return one


def test_a_dry_run_plans_what_the_run_then_does(run: Runs, home: Path):
    dry = run()
    assert dry.result.outcome == "needs_decision"
    assert dry.states == dict.fromkeys(("backup", "read", "calibrate"), "planned")
    assert not (home / "backups").exists()
    ran = run(dry_run=False)
    assert ran.result.outcome == "done"
    assert ran.states == dict.fromkeys(("backup", "read", "calibrate"), "done")
    backup, read, calibrated = ran.result.actions
    assert backup.expected == {"trials": 100}
    assert backup.actual["trials"] == read.actual["trials"] == 100
    assert backup.differs == read.differs == []
    assert calibrated.actual["objective_type"] == "sharpe"
    assert backup.undo == f"delete {backup.actual['path']}"
    assert found(ran, "there is no backup yet").healed_by == "read"
    assert found(ran, "there is no calibration yet").healed_by == "calibrate"


def test_what_the_run_itself_healed_is_shown_as_healed(
    run: Runs, capsys: pytest.CaptureFixture[str]
):
    run()
    planned = capsys.readouterr().out
    assert "- **Warning:** there is no backup yet" in planned
    run(dry_run=False)
    done = capsys.readouterr().out
    assert "- **Healed by read:** there is no backup yet" in done
    assert "- **Healed by calibrate:** there is no calibration yet" in done


def test_the_backup_restores(run: Runs, home: Path, tmp_path: Path):
    path = run(dry_run=False, calibrate=False).result.actions[0].actual["path"]
    with tkb.connect(tmp_path / "other", progress=False) as other:
        assert other.restore(path).rows["trials"] == 100
        assert other.reconcile().clean


def test_only_the_newest_backups_of_its_own_are_kept(run: Runs, tmp_path: Path):
    folder = tmp_path / "backups"
    folder.mkdir()
    old = [folder / f"tradingkb-2025010{day}T000000Z.tkb" for day in (1, 2, 3)]
    mine = folder / "before-the-upgrade.tkb"
    for path in (*old, mine):
        path.touch()
    given = {"backup_folder": str(folder), "keep": 2, "calibrate": False}
    dry = run(**given)
    assert dry.result.actions[2].expected == {"deleted": 2}
    assert all(path.exists() for path in old)
    ran = run(**given, dry_run=False)
    assert ran.result.actions[2].actual == {"deleted": 2, "kept": 2}
    new = Path(ran.result.actions[0].actual["path"])
    assert set(folder.iterdir()) == {old[2], new, mine}


def test_a_backup_that_cannot_be_written_ends_the_plan_and_deletes_nothing(
    run: Runs, tmp_path: Path
):
    folder = tmp_path / "backups"
    folder.write_text("in the way", encoding="utf-8")
    ran = run(backup_folder=str(folder), keep=1, dry_run=False)
    assert ran.result.outcome == "failed"
    assert ran.states == {"backup": "failed", "read": "skipped", "calibrate": "skipped"}
    assert "give another one with backup_folder" in ran.result.actions[0].error


def test_a_backup_that_cannot_be_read_keeps_the_older_ones(
    run: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "backups"
    folder.mkdir()
    old = folder / "tradingkb-20250101T000000Z.tkb"
    old.touch()
    write = daily_plan._write

    def damaged(run: object, folder: Path, made: daily_plan._Made) -> object:
        told = write(run, folder, made)
        content = made.path.read_bytes()
        made.path.write_bytes(content.replace(b"sma_cross", b"sma_cros5"))
        return told

    monkeypatch.setattr(daily_plan, "_write", damaged)
    ran = run(backup_folder=str(folder), keep=1, dry_run=False, calibrate=False)
    assert ran.result.outcome == "failed"
    assert ran.states == {"backup": "done", "read": "failed", "forget": "skipped"}
    assert old.exists()
    assert ran.result.next_steps[0].why.startswith("undo backup: delete ")


def test_an_index_that_lacks_points_is_repaired(run: Runs, home: Path):
    with tkb.connect(home, progress=False) as kb:
        index = kb.use_cases.indexer.vectors
        target = kb.use_cases.workspaces.named("default")
        points = kb.use_cases.store.index_rows(target.workspace.id, target.collection)["point_id"]
        index.delete(target.collection, points.head(7).to_list())
        assert not kb.reconcile().clean
    given = {"backup": False, "calibrate": False}
    assert run(**given).states == {"repair": "planned"}
    assert run(**given, repair=False).states == {}
    ran = run(**given, dry_run=False)
    assert ran.result.actions[0].actual == {"differences": 0, "repaired": 7}
    assert found(ran, "verified: SQL and the vector index agree").evidence == {"differences": 0}
    with tkb.connect(home, progress=False) as kb:
        assert kb.reconcile().clean


def test_an_index_that_is_away_is_told_with_what_to_do_and_stops_nothing_else(
    run: Runs, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object, **__: object) -> None:
        raise tkb.BackendUnavailableError("the index is away")

    monkeypatch.setattr(tkb.KnowledgeBase, "reconcile", refuse)
    ran = run(dry_run=False, calibrate=False)
    assert ran.states == {"backup": "done", "read": "done"}
    assert ran.result.outcome == "needs_decision"
    assert found(ran, "SQL and the vector index cannot be compared").severity == "critical"
    assert any("08_failure_modes_recovery" in (s.command or "") for s in ran.result.next_steps)


def test_no_backup_at_all_cannot_be_asked_for(run: Runs):
    with pytest.raises(InvalidInputError, match="keep: 0 backups are no backup"):
        run(keep=0)


def test_answers_are_counted_beside_each_threshold_and_an_alert_leads_to_its_runbook(
    run: Runs, home: Path
):
    with tkb.connect(home, progress=False) as kb:
        space, now = kb.use_cases.workspaces.find("default").id, kb.use_cases.indexer.clock()
        at = now - timedelta(minutes=2)
        told = {"workspace_id": space, "status": "none", "at": at, "source": "python"}
        many = [event(**told, request_id=f"none {n}") for n in range(30)]
        kb.use_cases.store.save_events(many)
    ran = run(backup=False, calibrate=False)
    rows = {row["alert"]: row for row in map(Share.row, ran.names["rates"])}
    assert rows["KbStatusNone (critical)"] == {
        "alert": "KbStatusNone (critical)",
        "status": "none",
        "window_h": 1.0,
        "answers": 30,
        "share": 1.0,
        "share_now": 1.0,
        "threshold": 0.5,
        "verdict": "holds",
    }
    assert rows["KbStatusNone (warning)"]["verdict"] == "too few to tell"
    assert rows["KbStatusDegraded (warning)"]["verdict"] == "well"
    (problem,) = [f for f in ran.result.findings if f.evidence.get("code") == "KbStatusNone"]
    assert problem.severity == "critical"
    (step,) = [s for s in ran.result.next_steps if s.why.startswith("KbStatusNone: ")]
    assert (step.command or "").startswith(
        "tradingkb runbook run 04_kb_status_none_triage -p workspace=default -p since="
    )


def test_the_page_has_four_charts_with_their_units_and_sample_sizes(run: Runs):
    figure = page(run(backup=False, calibrate=False).names["day"])
    titles = [one.text for one in figure.layout.annotations if "(n = " in one.text]
    assert [title.partition(" (n = ")[2] for title in titles] == [
        "0)",
        "100 points)",
        "3 things that should not wait)",
        "0 decisions)",
    ]
    axes = [figure.layout[name].title.text for name in ("xaxis", "yaxis", "yaxis2", "yaxis4")]
    assert axes == ["hour, UTC", "share of answers, %", "points", "decisions, %"]
    assert figure.layout.xaxis3.title.text.startswith("days (never: ")


def test_the_page_of_an_empty_store_says_what_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with tkb.connect(tmp_path / "empty", progress=False) as kb:
        kb.create_workspace("default")
    ran = run_cells(NAME, monkeypatch, tmp_path / "empty")
    told = {one.text for one in page(ran.names["day"]).layout.annotations}
    assert {"nobody asked", "no decision has an outcome yet", "nothing has happened yet"} <= told


def test_decisions_are_drawn_by_quarter_beside_their_rate():
    decisions = pl.DataFrame({"quarter": [8080, 8083], "won": [0.5, 1.0], "n": [4, 2]})
    answers = pl.DataFrame(schema={"at": pl.Datetime, "status": pl.String, "count": pl.Int64})
    day = Day(NOW, answers, None, [], decisions, (0.5, 0.4, 0.6), "sharpe")
    figure = page(day)
    drawn = figure.data[-1]
    assert (list(drawn.x), list(drawn.y)) == ([date(2020, 1, 1), date(2020, 10, 1)], [50.0, 100.0])
    assert "Choices that beat the defaults, sharpe (n = 6 decisions)" in {
        one.text for one in figure.layout.annotations
    }
    (band,) = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert (band.y0, band.y1) == (40.0, 60.0)
