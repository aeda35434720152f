"""A scheduler over a real store, with a clock that moves when told and runs that are only rows."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tradingkb.exceptions import InvalidInputError
from tradingkb.ports import RunbookRun
from tradingkb.runbooks.running.lost import end_lost
from tradingkb.runbooks.schedule import Schedule, Scheduler
from tradingkb.settings import Settings
from tradingkb.stores import SqlTrialStore
from tradingkb.testing.trial_store_runbooks import runbook_run

SIX = datetime(2026, 1, 5, 6, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DAILY = """
[[schedule]]
name = "daily"
runbook = "09_reconcile_and_health"
cron = "0 6 * * *"
"""
HOURLY = """
[[schedule]]
name = "hourly"
runbook = "04_kb_status_none_triage"
cron = "0 * * * *"
"""
#: Of a process that is no more: its number is above the highest one that Linux gives.
ELSEWHERE = "elsewhere:1:2:3-deadbeef"


def takes_all(runbook: str, given: Mapping[str, Any]) -> str:
    return runbook


class Rows:
    """Runs that are rows of the store, and nothing else."""

    def __init__(self, store: SqlTrialStore) -> None:
        self.store = store
        self.begun: list[tuple[str, datetime, str]] = []
        self.held: set[str] = set()
        self.going = threading.Event()
        self.refused: Exception | None = None

    def __call__(
        self, schedule: Schedule, slot: datetime, run_id: str, stopping: threading.Event
    ) -> RunbookRun:
        if self.refused is not None:
            raise self.refused
        run = runbook_run(
            1, run_id=run_id, runbook=schedule.runbook, schedule=schedule.name, slot=slot
        )
        if not self.store.add_runbook_run(run):
            raise InvalidInputError("there is a run of that id", field="run_id")
        self.begun.append((schedule.name, slot, run_id))
        outcome, error = "done", None
        if schedule.name in self.held:
            self.going.set()
            if not stopping.wait(10):
                raise AssertionError("nobody ended it")
            outcome, error = "failed", "the scheduler stopped"
        self.store.end_runbook_run(run_id, slot, outcome, error=error)
        return replace(run, state="ended", outcome=outcome, error=error)

    @property
    def slots(self) -> list[tuple[str, datetime]]:
        return [(name, slot) for name, slot, _ in self.begun]


class World:
    """A file of schedules, a store, a clock, and as many schedulers as a test wants."""

    def __init__(self, folder: Path, store: SqlTrialStore, text: str = DAILY + HOURLY) -> None:
        self.path, self.store = folder / "schedules.toml", store
        self.told = folder / "told.json"
        self.now, self.seconds = SIX - 30 * MINUTE, 0.0
        self.rows = Rows(store)
        self.write(text)

    def write(self, text: str) -> None:
        self.path.write_text(text, encoding="utf-8")

    def scheduler(self, **changes: Any) -> Scheduler:
        wired: dict[str, Any] = {
            "clock": lambda: self.now,
            "new_id": lambda: str(uuid.uuid4()),
            "monotonic": lambda: self.seconds,
            "check": takes_all,
            "run": self.rows,
            "lost": self.end_lost,
        }
        wired |= changes
        return Scheduler(self.store, self.path, **wired)

    def end_lost(self, run: RunbookRun) -> bool:
        told = Settings(runbook_on_failure=f"tee -a {self.told}", _env_file=None)
        return end_lost(told, self.store, run, self.now)

    def turn(self, scheduler: Scheduler, now: datetime | None = None) -> list[tuple[str, str]]:
        """One turn, and the end of what it began; names and decisions."""
        if now is not None:
            self.now = now
        ticks = scheduler.turn()
        if not self.rows.held:
            scheduler.finish()
        return [(tick.schedule, tick.decision) for tick in ticks]

    def history(self) -> list[tuple[str, datetime, str, str | None]]:
        rows = self.store.tick_rows(None, 100).sort("slot", "schedule").to_dicts()
        return [(r["schedule"], r["slot"], r["decision"], r["detail"]) for r in rows]
