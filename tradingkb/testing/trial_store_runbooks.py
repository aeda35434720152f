"""What every store must do with runs of runbooks and decisions of their schedules."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tradingkb.ports import RunbookOutcome, RunbookRun, ScheduleState, ScheduleTick, TrialStore
from tradingkb.testing.stored import NOON
from tradingkb.testing.trial_store_backup import no_progress

_RESULT = {"outcome": "done", "findings": [{"what": "a", "evidence": {"n": 0.1}}]}


def at(minutes: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def runbook_run(number: int = 1, **changes: Any) -> RunbookRun:
    """A run that was asked for so many minutes after noon."""
    run = RunbookRun(
        str(uuid.UUID(int=number)),
        "06_trial_ingestion",
        "0123456789ab",
        "default",
        {"workspace": "default", "since": None, "limits": [1, 2.5]},
        dry_run=True,
        actor="ada",
        started_at=at(number),
        heartbeat_at=at(number),
        deadline_s=1800,
        holder="host/1",
        release="0.1.0",
    )
    return replace(run, **changes)


def tick(slot: float = 0, schedule: str = "daily", **changes: Any) -> ScheduleTick:
    """A claim of the slot so many minutes after noon."""
    return replace(ScheduleTick(schedule, at(slot), at(slot), "claimed", "one"), **changes)


class RunbookContract:
    """Part of `TrialStoreContract`."""

    # runs

    def test_a_run_comes_back_as_it_was_and_its_id_is_taken_once(self, kb: TrialStore) -> None:
        run = runbook_run(schedule="daily", slot=NOON, parameters={"a": [1, {"b": None}]})
        assert kb.add_runbook_run(run)
        assert not kb.add_runbook_run(replace(run, actor="eve"))
        assert kb.runbook_run(run.run_id) == run
        assert kb.runbook_run("another") is None

    def test_who_starts_a_run_for_another_takes_over_its_row_once(self, kb: TrialStore) -> None:
        asked = runbook_run()
        mine = replace(asked, holder="host/2", state="running", cell_total=5)
        assert not kb.take_runbook_run(mine)
        kb.add_runbook_run(asked)
        assert [kb.take_runbook_run(mine) for _ in range(2)] == [True, False]
        assert kb.runbook_run(asked.run_id) == mine

    def test_a_run_that_lives_says_how_far_it_is_until_it_ends_once(self, kb: TrialStore) -> None:
        run = runbook_run()
        kb.add_runbook_run(run)
        assert kb.beat_runbook_run(run.run_id, at(2), 3, 8, "Plan")
        beating = replace(run, state="running", heartbeat_at=at(2), cell="Plan")
        beating = replace(beating, cell_done=3, cell_total=8)
        assert kb.runbook_run(run.run_id) == beating
        files: dict[str, Any] = {"notebook": "a.ipynb", "report": "a.html"}
        assert kb.end_runbook_run(run.run_id, at(4), "done", result=_RESULT, error="x", **files)
        ended = replace(beating, state="ended", outcome="done", result=_RESULT, error="x", **files)
        ended = replace(ended, ended_at=at(4), heartbeat_at=at(4))
        assert kb.runbook_run(run.run_id) == ended
        assert not kb.beat_runbook_run(run.run_id, at(5), 9, 9, None)
        assert not kb.end_runbook_run(run.run_id, at(5), "failed")
        assert kb.runbook_run(run.run_id) == ended
        kb.note_runbook_run(run.run_id, "nobody was told")
        assert kb.runbook_run(run.run_id) == replace(ended, error="nobody was told")

    def test_runs_are_open_until_they_end(self, kb: TrialStore) -> None:
        runs = [runbook_run(2, schedule="daily", slot=at(2)), runbook_run(1), runbook_run(3)]
        for run in runs:
            kb.add_runbook_run(run)
        kb.end_runbook_run(runs[2].run_id, at(5), "done")
        assert kb.open_runbook_runs() == [runs[1], runs[0]]

    def test_of_many_that_find_a_run_lost_one_ends_it(self, kb: TrialStore) -> None:
        seen = runbook_run()
        kb.add_runbook_run(seen)
        with ThreadPoolExecutor(4) as pool:
            ended = pool.map(lambda _: kb.end_lost_run(seen, at(9), "x", "a.ipynb"), range(4))
            assert sum(ended) == 1
        told = replace(seen, state="ended", outcome="failed", error="x", ended_at=at(9))
        assert kb.runbook_run(seen.run_id) == replace(told, notebook="a.ipynb")

    def test_a_run_that_has_been_heard_of_since_it_was_seen_is_not_lost(
        self, kb: TrialStore
    ) -> None:
        asked, beaten = runbook_run(1), runbook_run(2)
        for run in (asked, beaten):
            kb.add_runbook_run(run)
        kb.take_runbook_run(replace(asked, holder="host/2"))
        kb.beat_runbook_run(beaten.run_id, at(3), 1, 2, None)
        assert not kb.end_lost_run(asked, at(9), "x")
        assert not kb.end_lost_run(beaten, at(9), "x")

    def test_runs_are_newest_first_in_pages_and_by_what_is_asked_for(self, kb: TrialStore) -> None:
        more: list[dict[str, Any]] = [
            {"runbook": "09"},
            {"workspace": "alpha"},
            {"started_at": at(2)},
        ]
        for n, changes in enumerate([{}, *more], start=1):
            kb.add_runbook_run(runbook_run(n, **changes))

        def numbers(limit: int = 9, **options: Any) -> list[int]:
            found = kb.runbook_run_rows(limit, **options)["run_id"]
            return [uuid.UUID(one).int for one in found]

        assert numbers() == [3, 4, 2, 1]
        assert numbers(2) == [3, 4]
        first = kb.runbook_run_rows(2)
        assert numbers(before=first.select("started_at", "run_id").row(-1)) == [2, 1]
        assert numbers(runbook="09") == [2]
        assert numbers(workspace="alpha") == [3]
        assert numbers(since=at(2)) == [3, 4, 2]
        row = first.row(0, named=True)
        assert json.loads(row["parameters"]) == runbook_run().parameters
        assert (row["result"], row["dry_run"], "holder" in row) == (None, True, False)

    def test_the_sums_of_all_runs_that_have_ended(self, kb: TrialStore) -> None:
        same: dict[str, Any] = {"runbook": "09", "started_at": at(9)}
        told = [{}, {}, same, same, {"runbook": "01"}]
        for n, changes in enumerate(told, start=1):
            kb.add_runbook_run(runbook_run(n, **changes))
        outcomes: tuple[RunbookOutcome, ...] = ("done", "done", "failed")
        for n, outcome in enumerate(outcomes, start=1):
            kb.end_runbook_run(str(uuid.UUID(int=n)), at(20 + n), outcome)
        assert kb.runbook_counts().rows() == [
            ("06_trial_ingestion", "done", 2, at(22)),
            ("09", "failed", 1, at(23)),
        ]

    def test_what_has_failed_since_it_last_succeeded_is_told_by_schedule_or_runbook(
        self, kb: TrialStore
    ) -> None:
        daily: dict[str, Any] = {"schedule": "daily", "runbook": "09"}
        by_hand: dict[str, Any] = {"runbook": "02", "dry_run": False}
        runs: list[tuple[str | None, dict[str, Any]]] = [
            ("failed", daily),
            ("done", daily),
            ("failed", daily),
            ("failed", daily),
            (None, {**daily, "heartbeat_at": at(90)}),  # still runs, and cures nothing
            ("failed", by_hand),
            ("done", {**by_hand, "dry_run": True}),
            ("failed", {"runbook": "03"}),  # a dry one
            ("failed", {"schedule": "mended"}),
            ("needs_decision", {"schedule": "mended"}),
            (None, {"schedule": "lost"}),
        ]
        for n, (outcome, changes) in enumerate(runs, start=1):
            kb.add_runbook_run(runbook_run(n, **changes))
            if outcome is not None:
                told: Any = outcome
                kb.end_runbook_run(str(uuid.UUID(int=n)), at(50), told, error=f"no {n}")
        found = kb.failing_runbooks(at(0), at(60))
        assert found.select("name", "scheduled", "count", "first_at", "last_at").rows() == [
            ("daily", True, 2, at(3), at(4)),
            ("lost", True, 1, at(11), at(11)),
            ("02", False, 1, at(6), at(6)),
        ]
        assert found.select("run_id", "runbook", "error").rows()[::2] == [
            (str(uuid.UUID(int=4)), "09", "no 4"),
            (str(uuid.UUID(int=6)), "02", "no 6"),
        ]
        assert kb.failing_runbooks(at(7), at(0)).is_empty()

    def test_old_runs_are_forgotten_one_by_one_unless_somebody_runs_them(
        self, kb: TrialStore
    ) -> None:
        for n in range(1, 5):
            kb.add_runbook_run(runbook_run(n))
        kb.end_runbook_run(str(uuid.UUID(int=1)), at(30), "done")
        kb.beat_runbook_run(str(uuid.UUID(int=2)), at(30), 1, 2, None)
        old = kb.old_runbook_runs(at(4))
        assert [uuid.UUID(run.run_id).int for run in old] == [1, 3]
        for _ in range(2):
            kb.delete_runbook_run(old[0].run_id)
        assert kb.runbook_run(old[0].run_id) is None
        assert kb.runbook_run_rows(9).height == 3

    # schedules

    def test_of_many_schedulers_one_gets_a_slot(self, kb: TrialStore) -> None:
        claims = [tick(holder=str(n)) for n in range(4)]
        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(kb.claim_tick, claims)) == 1
        assert kb.claim_tick(tick(5))
        assert kb.claim_tick(tick(schedule="other"))
        assert [t.slot for t in kb.claimed_ticks()] == [at(0), at(0), at(5)]

    def test_a_decision_is_replaced_only_as_it_was_seen(self, kb: TrialStore) -> None:
        seen = tick()
        kb.claim_tick(seen)
        started = replace(seen, decision="started", at=at(1), run_id="r", detail="late")
        assert kb.change_tick(seen, started)
        assert not kb.change_tick(seen, replace(seen, holder="two"))
        assert kb.claimed_ticks() == []
        kb.claim_tick(tick(1, "other", decision="missed"))
        rows = kb.tick_rows(None, 9)
        assert rows["schedule"].to_list() == ["other", "daily"]
        assert kb.tick_rows("daily", 9).to_dicts() == [vars(started)]
        assert kb.tick_rows(None, 1).height == 1

    def test_old_decisions_are_forgotten_in_portions(self, kb: TrialStore) -> None:
        for n in range(3):
            kb.claim_tick(tick(n))
        assert kb.count_old_ticks(at(2)) == 2
        assert [kb.delete_ticks(at(2), 1) for _ in range(3)] == [1, 1, 0]
        assert kb.tick_rows(None, 9)["slot"].to_list() == [at(2)]

    def test_the_state_of_a_schedule_is_what_was_said_last(self, kb: TrialStore) -> None:
        assert kb.last_schedule_turn() is None
        first = ScheduleState("daily", NOON, "one", None, at(5), {"cron": "0 6 * * *"}, "x")
        scheduler = ScheduleState("", at(3), "one")
        last = ScheduleState("daily", at(1), "two", at(0), at(6), {"cron": "0 7 * * *"})
        for state in (first, scheduler, last):
            kb.save_schedule_state(state)
        assert kb.schedule_states() == [scheduler, last]
        assert kb.last_schedule_turn() == at(3)
        kb.forget_schedules(["daily", "another"])
        assert kb.schedule_states() == [scheduler]
        assert kb.last_schedule_turn() is None

    def test_the_newest_decision_is_known_by_schedule(self, kb: TrialStore) -> None:
        ticks = [tick(2), tick(1, decision="missed"), tick(0, "other")]
        for one in ticks:
            kb.claim_tick(one)
        assert kb.last_ticks() == [ticks[0], ticks[2]]

    # what a backup leaves out

    def test_a_restore_leaves_runs_and_schedules_as_they_are(
        self, kb: TrialStore, tmp_path: Path
    ) -> None:
        kb.add_runbook_run(runbook_run())
        kb.claim_tick(tick())
        kb.save_schedule_state(ScheduleState("daily", NOON, "one"))
        kb.write_backup(tmp_path / "b.db", NOON, replace=False, progress=no_progress)
        kb.add_runbook_run(runbook_run(2))
        kb.restore_backup(tmp_path / "b.db", replace=True, progress=no_progress)
        assert kb.runbook_run_rows(9).height == 2
        assert (len(kb.claimed_ticks()), len(kb.schedule_states())) == (1, 1)
