"""What ran is read with one word for each state, and a silent run is taken for lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import tradingkb as tkb
from tradingkb.cli.wording import as_commands
from tradingkb.exceptions import InvalidInputError, NotFoundError
from tradingkb.monitoring import LOST_AFTER_S
from tradingkb.testing.trial_store_runbooks import runbook_run, tick

Open = Callable[..., tkb.KnowledgeBase]


def test_a_run_that_says_nothing_for_a_minute_is_lost_and_one_that_ended_is_not(
    open_kb: Open, clock: Any
) -> None:
    kb = open_kb()
    store = kb.use_cases.store
    runs = [runbook_run(n, started_at=clock.now, heartbeat_at=clock.now) for n in (1, 2, 3)]
    for run in runs:
        assert store.add_runbook_run(run)
    store.end_runbook_run(runs[0].run_id, clock.now, "done", result={"outcome": "done"})
    clock.now += timedelta(seconds=LOST_AFTER_S + 1)
    store.beat_runbook_run(runs[1].run_id, clock.now, 1, 2, "Plan")
    frame = kb.runbook_runs()
    states = dict(zip(frame["run_id"], frame["state"], strict=True))
    assert [states[run.run_id] for run in runs] == ["ended", "running", "lost"]
    assert [kb.runbook_run(run.run_id)["state"] for run in runs] == ["ended", "running", "lost"]
    assert kb.runbook_run(runs[1].run_id)["progress"] == {"done": 1, "total": 2}


def test_runs_and_decisions_are_found_by_what_is_asked_for(open_kb: Open) -> None:
    kb = open_kb()
    store = kb.use_cases.store
    run = runbook_run(1)
    store.add_runbook_run(run)
    store.add_runbook_run(replace(runbook_run(2), runbook="09"))
    store.claim_tick(tick())
    assert kb.runbook_runs("09").height == 1
    assert kb.runbook_runs(workspace="desk").is_empty()
    assert kb.runbook_runs(since=run.started_at, limit=1).height == 1
    assert kb.schedule_ticks("daily").height == 1
    assert kb.schedule_ticks("other").is_empty()
    assert "holder" not in {*kb.schedule_ticks().columns, *kb.runbook_run(run.run_id)}


def test_a_run_that_there_is_not_and_no_number_of_rows_are_refused(open_kb: Open) -> None:
    kb = open_kb()
    with pytest.raises(NotFoundError) as caught:
        kb.runbook_run("r")
    assert "`" not in as_commands(str(caught.value))
    assert "tradingkb runbook history" in as_commands(str(caught.value))
    for verb in (kb.runbook_runs, kb.schedule_ticks):
        with pytest.raises(InvalidInputError, match="limit"):
            verb(limit=0)
