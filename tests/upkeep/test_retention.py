"""Old records are forgotten, trials never."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tradingkb as tkb
from tests.conftest import NOW, Clock
from tradingkb.exceptions import InvalidInputError
from tradingkb.ports import RunRecord
from tradingkb.sql import compact, counted, open_engine, reading, writing
from tradingkb.upkeep import retention

Open = Callable[..., tkb.KnowledgeBase]


@pytest.fixture(scope="module")
def aged_home(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs and three events, 400, 100 and 0 days old; the second run brought nothing."""
    home, clock = tmp_path_factory.mktemp("aged") / "home", Clock(NOW - timedelta(days=400))
    trials = pl.read_parquet(data / "trials.parquet").head(40)
    with tkb.connect(home, clock=clock, progress=False) as kb:
        for part, days in ((trials.head(20), 300), (trials.head(20), 100), (trials.tail(20), 0)):
            kb.ingest(part)
            kb.recommend(trials["strategy_name"][0], symbol="AAPL", timeframe="1d")
            clock.now += timedelta(days=days)
    return home


@pytest.fixture
def aged(open_kb: Open, clock: Any, aged_home: Path) -> tkb.KnowledgeBase:
    clock.now += timedelta(minutes=1)
    return open_kb(like=aged_home)


def test_prune_only_counts_until_it_is_told_to_delete(aged: tkb.KnowledgeBase) -> None:
    report = aged.prune(50, 50)
    assert (report.events, report.runs, report.runs_kept) == (2, 1, 1)
    assert str(report).startswith("would delete 2 events")
    assert (aged.events().height, aged.runs().height) == (3, 3)


def test_what_is_older_goes_and_runs_that_trials_came_from_stay(aged: tkb.KnowledgeBase) -> None:
    trials = aged.trials()
    report = aged.prune(50, 50, dry_run=False)
    assert (report.events, report.runs, report.runs_kept) == (2, 1, 1)
    assert str(report).startswith("deleted 2 events")
    assert (aged.events().height, aged.runs().height) == (1, 2)
    assert set(trials["run_id"]) <= set(aged.runs()["run_id"])
    assert aged.trials().equals(trials)
    assert aged.prune(50, 50, dry_run=False).to_dict()["events"] == 0


def test_jobs_that_ended_go_by_the_age_of_runs(open_kb: Open, clock: Any) -> None:
    kb = open_kb()
    old = kb.submit_job("ingest")
    kb.cancel_job(old.job_id)
    waiting = kb.submit_job("ingest")
    clock.now += timedelta(days=100)
    fresh = kb.cancel_job(kb.submit_job("ingest").job_id)
    assert kb.prune(50, 50).jobs == 1
    assert kb.prune(50, 50, dry_run=False).jobs == 1
    assert set(kb.jobs()["job_id"]) == {waiting.job_id, fresh.job_id}


def test_the_settings_say_how_old_when_the_call_does_not(open_kb: Open, clock: Any) -> None:
    kb = open_kb(events_retention_days=7, runs_retention_days=30)
    report = kb.prune(runs_older_than_days=2)
    age = [clock.now - limit for limit in (report.events_before, report.runs_before)]
    assert [round(a / timedelta(days=1)) for a in age] == [7, 2]


def test_a_run_that_was_withdrawn_can_be_reinstated_after_pruning(
    aged: tkb.KnowledgeBase,
) -> None:
    first = aged.runs()["run_id"][-1]
    aged.withdraw(first, reason="a bug in the backtest")
    aged.prune(1, 1, dry_run=False)
    assert aged.reinstate(first).changed == 20


def test_deleting_in_portions_deletes_everything(
    aged: tkb.KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 1)
    assert aged.prune(1, 1, dry_run=False).events == 2
    assert aged.events().height == 1


def test_an_age_that_is_none_is_refused(aged: tkb.KnowledgeBase) -> None:
    for field in ("events_older_than_days", "runs_older_than_days"):
        for days in (0, -1, 10**9):
            with pytest.raises(InvalidInputError, match=f"{field}.*give"):
                aged.prune(**{field: days}, dry_run=False)
    assert aged.events().height == 3


def test_compacting_makes_the_file_smaller_and_loses_nothing(open_kb: Open, clock: Any) -> None:
    kb = open_kb()
    trials = pl.DataFrame({"strategy_name": "s", "param_x": range(300), "sharpe_oos": 1.0})
    kb.ingest(trials)
    for _ in range(40):
        kb.recommend("s")
    clock.now += timedelta(days=100)
    file = Path(kb.use_cases.store.engine.url.database)
    shown = kb.trials()
    before = kb.prune(50, 50, dry_run=False)
    assert before.events == 40
    assert (before.free_bytes or 0) > 40_000
    with reading(kb.use_cases.store.engine) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        size = pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    after = kb.prune(50, 50, dry_run=False, compact=True)
    assert after.free_bytes == 0
    assert file.stat().st_size <= size - (before.free_bytes or 0)
    assert kb.trials().equals(shown)
    assert kb.reconcile().clean


def test_compacting_beside_a_writer_says_that_the_database_is_busy(open_kb: Open) -> None:
    kb = open_kb()
    engine = open_engine(kb.use_cases.store.engine.url, timeout_s=0.01)
    with writing(kb.use_cases.store.engine), pytest.raises(tkb.BackendUnavailableError):
        compact(engine)
    engine.dispose()


def test_which_runs_are_used_is_asked_once_however_many_go(
    open_kb: Open, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kb = open_kb()
    store, space = kb.use_cases.store, kb.create_workspace("w")
    monkeypatch.setattr(retention, "BATCH", 5)
    statements = []
    for n in (10, 30):
        for k in range(n):
            run = RunRecord(f"{n} {k}", space, clock(), "x")
            store.save_run(run.ended("completed", clock(), {}))
        clock.now += timedelta(days=100)
        with counted() as asked:
            assert kb.prune(1, 1, dry_run=False).runs == n
        statements.append(asked.statements)
    # What more there is, is one deletion for each portion, by key.
    assert statements[1] - statements[0] == (30 - 10) // 5
