"""A file of schedules runs two notebooks on time, each in a kernel of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import tradingkb as tkb
from tests.conftest import NOW, Clock
from tests.runbooks.notebooks import write_runbook
from tradingkb.runbooks.running import output_folder
from tradingkb.runbooks.schedule import scheduler_of

MINUTE = timedelta(minutes=1)
SCHEDULES = """
[[schedule]]
name = "first"
runbook = "first_book"
cron = "10 0 * * *"
parameters = {count = 5}

[[schedule]]
name = "second"
runbook = "second"
cron = "10,20 0 * * *"
deadline = "2m"
"""


def test_two_schedules_run_their_notebooks_on_time(
    open_kb: Callable[..., tkb.KnowledgeBase], clock: Clock, tmp_path: Path
) -> None:
    for name in ("first_book", "second_book"):
        guard = f'from tradingkb.runbooks import begin\nrun = begin("{name}", globals())'
        write_runbook(tmp_path, name, [guard, "run.finish()"], destructive=False)
    (tmp_path / "schedules.toml").write_text(SCHEDULES, encoding="utf-8")
    kb = open_kb(runbooks_dir=tmp_path)
    kb.create_workspace("default")
    scheduler = scheduler_of(kb, tmp_path / "schedules.toml")
    for minute in (0, 9, 10, 11):
        clock.now = NOW + minute * MINUTE
        scheduler.turn()
    scheduler.finish()
    assert scheduler.file.refused == ()
    due = NOW + 10 * MINUTE
    rows = kb.runbook_runs().sort("runbook").to_dicts()
    assert [(row["schedule"], row["slot"], row["actor"], row["outcome"]) for row in rows] == [
        ("first", due, "scheduler", "nothing_to_do"),
        ("second", due, "scheduler", "nothing_to_do"),
    ]
    assert json.loads(rows[0]["parameters"])["count"] == 5
    assert rows[1]["deadline_s"] == 120
    assert all((output_folder(kb.settings) / row["notebook"]).exists() for row in rows)
    told = kb.schedules()
    assert told["last_decision"].to_list() == ["started", "started"]
    assert told["last_outcome"].to_list() == ["nothing_to_do", "nothing_to_do"]
    assert told["next_at"].to_list() == [due + timedelta(days=1), due + 10 * MINUTE]
