"""A scheduler over a knowledge base ends what a killed process has left open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import tradingkb as tkb
from tests.conftest import Clock
from tests.runbooks.schedule.scheduled import HOUR
from tradingkb.jobs import own_name
from tradingkb.runbooks.running import output_folder
from tradingkb.runbooks.schedule import scheduler_of
from tradingkb.testing.trial_store_runbooks import runbook_run
from tradingkb.upkeep import run_stem


def test_a_run_that_a_killed_process_left_open_is_failed_with_the_notebook_that_it_saved(
    open_kb: Callable[..., tkb.KnowledgeBase], clock: Clock, tmp_path: Path
) -> None:
    kb = open_kb(runbook_on_failure=f"tee {tmp_path / 'told'}")
    host, _, started, rest = own_name("x").rsplit(":", 3)
    killed = replace(
        runbook_run(dry_run=False, state="running"),
        holder=f"{host}:{2**22 + 1}:{started}:{rest}",
        started_at=clock.now - HOUR,
        heartbeat_at=clock.now - HOUR,
    )
    kb.use_cases.store.add_runbook_run(killed)
    name = f"{run_stem(killed.runbook, killed.started_at, killed.run_id)}.ipynb"
    saved = output_folder(kb.settings) / name
    saved.parent.mkdir(parents=True)
    saved.write_text("{}", encoding="utf-8")
    scheduler = scheduler_of(kb, tmp_path / "schedules.toml")
    scheduler.turn()
    scheduler.finish()
    run = kb.runbook_run(killed.run_id)
    assert (run["state"], run["outcome"], run["notebook"]) == ("ended", "failed", name)
    assert "its runner died" in (tmp_path / "told").read_text(encoding="utf-8")
    assert [problem.code for problem in kb.problems().open] == ["RunbookFailed"]
