"""Runs of runbooks are forgotten with their files, and no other file is touched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import tradingkb as tkb
from tradingkb.testing.trial_store_runbooks import runbook_run, tick
from tradingkb.upkeep import old_files, run_stem

Open = Callable[..., tkb.KnowledgeBase]
OLD = datetime(2024, 3, 31, 12, tzinfo=UTC)


def test_the_files_of_a_run_are_named_by_when_it_was_asked_for(tmp_path: Path) -> None:
    stem = run_stem("06_trial_ingestion", OLD, "7d9f4a52-0000-4000-8000-000000000001")
    assert stem == "06_trial_ingestion/20240331T120000Z_7d9f4a52"
    path = tmp_path / f"{stem}.html"
    path.parent.mkdir()
    path.write_text("x", encoding="utf-8")
    assert old_files(tmp_path, OLD) == []
    assert old_files(tmp_path, OLD + timedelta(seconds=1)) == [path]


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "20240331T120000Z_7d9f4a52.txt",
        "20240331T120000Z.html",
        "20249931T120000Z_7d9f4a52.html",
    ],
)
def test_a_file_that_no_run_has_left_is_never_old(tmp_path: Path, name: str) -> None:
    (tmp_path / "06").mkdir()
    (tmp_path / "06" / name).write_text("x", encoding="utf-8")
    assert old_files(tmp_path, OLD + timedelta(days=9_999)) == []


def test_prune_counts_rows_and_files_and_deletes_them_when_it_is_told_to(
    open_kb: Open, clock: Any, tmp_path: Path
) -> None:
    clock.now = OLD
    kb = open_kb(runbook_output=tmp_path / "out", runbooks_retention_days=30)
    store = kb.use_cases.store
    old, new = (runbook_run(n, started_at=OLD + timedelta(days=40 * n)) for n in (0, 1))
    kept = []
    for run in (old, new):
        store.add_runbook_run(run)
        store.end_runbook_run(run.run_id, run.started_at, "done")
        for ending in (".ipynb", ".html", ".json"):
            path = tmp_path / "out" / f"{run_stem(run.runbook, run.started_at, run.run_id)}{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x", encoding="utf-8")
            kept += [path] if run is new else []
    store.claim_tick(tick(slot=0))
    clock.now = OLD + timedelta(days=41)
    told = kb.prune()
    assert (told.runbook_runs, told.runbook_files, told.schedule_ticks) == (1, 3, 1)
    assert "would delete" in str(told)
    assert kb.runbook_runs().height == 2
    assert kb.prune(dry_run=False).runbook_files == 3
    assert kb.runbook_runs()["run_id"].to_list() == [new.run_id]
    assert sorted(p for p in (tmp_path / "out").rglob("*") if p.is_file()) == sorted(kept)
    assert kb.schedule_ticks().is_empty()
