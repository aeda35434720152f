"""The ports of runbooks: what ran, and what their schedules decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal, Protocol

import polars as pl

from tradingkb.plain import plain

RunbookState = Literal["starting", "running", "ended"]
RunbookOutcome = Literal["done", "nothing_to_do", "needs_decision", "failed"]
TickDecision = Literal["claimed", "started", "skipped", "missed", "overlapped", "failed_to_start"]
#: Outcomes of a run that did what it was asked for.
SUCCEEDED: Final[tuple[RunbookOutcome, ...]] = ("done", "nothing_to_do", "needs_decision")


@dataclass(frozen=True)
class RunbookRun:
    """One run of a runbook as it is stored. Times are aware UTC.

    Attributes:
        run_id: names it.
        runbook: name of the runbook.
        version: of its notebook: the first digits of the hash of its cells.
        workspace: as it was given; it need not exist.
        parameters: all of them, complete, without secrets.
        dry_run: whether it was only to say what it would do.
        actor: who asked for it.
        started_at: when it was asked for.
        heartbeat_at: when its runner last said that it lives.
        deadline_s: seconds after which it is ended.
        holder: the process that runs it.
        release: of tradingkb, that runs it.
        schedule: name of the schedule that was due; None when somebody asked.
        slot: the time that this was due.
        state: starting, running or ended; the last is not left.
        outcome: done, nothing_to_do, needs_decision or failed; None until it has ended.
        error: why it failed, in one paragraph; also what else went wrong, such as a full disk.
        cell_done, cell_total: how many cells were executed, of how many.
        cell: title of the cell at work, or of the one that failed.
        ended_at: when it ended.
        result: the result JSON of the runbook; None when it has none.
        notebook, report: file names of the executed notebook and its HTML, relative to the folder
            of the outputs; None when they could not be written.
    """

    run_id: str
    runbook: str
    version: str
    workspace: str
    parameters: Mapping[str, Any]
    dry_run: bool
    actor: str
    started_at: datetime
    heartbeat_at: datetime
    deadline_s: int
    holder: str
    release: str
    schedule: str | None = None
    slot: datetime | None = None
    state: RunbookState = "starting"
    outcome: RunbookOutcome | None = None
    error: str | None = None
    cell_done: int = 0
    cell_total: int = 0
    cell: str | None = None
    ended_at: datetime | None = None
    result: Mapping[str, Any] | None = None
    notebook: str | None = None
    report: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return self.state == "ended"

    def with_error(self, what: str) -> RunbookRun:
        """The same, told of one thing more that went wrong."""
        return replace(self, error=f"{self.error}; {what}" if self.error else what)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form; who holds it is not for everybody."""
        fields = {name: plain(value) for name, value in vars(self).items() if name != "holder"}
        done, total = fields.pop("cell_done"), fields.pop("cell_total")
        return {**fields, "progress": {"done": done, "total": total}}


class RunbookStore(Protocol):
    """Runs of runbooks. What has ended is changed by nobody."""

    def add_runbook_run(self, run: RunbookRun) -> bool:
        """Stores a new run; False, and nothing is changed, where its id is taken."""

    def take_runbook_run(self, run: RunbookRun) -> bool:
        """Writes a run over the row of its id that is still starting; whether there was one."""

    def beat_runbook_run(
        self, run_id: str, at: datetime, done: int, total: int, cell: str | None
    ) -> bool:
        """Says that a run lives, and how far it is; False when it has ended."""

    def end_runbook_run(
        self,
        run_id: str,
        at: datetime,
        outcome: RunbookOutcome,
        *,
        error: str | None = None,
        result: Mapping[str, Any] | None = None,
        notebook: str | None = None,
        report: str | None = None,
    ) -> bool:
        """Ends a run that has not ended; whether it did."""

    def end_lost_run(
        self, seen: RunbookRun, at: datetime, error: str, notebook: str | None = None
    ) -> bool:
        """Ends a run as failed, if its state, holder and heartbeat are as seen; whether it did."""

    def note_runbook_run(self, run_id: str, error: str) -> None:
        """Replaces what is told of an ended run's errors: what went wrong after its end."""

    def runbook_run(self, run_id: str) -> RunbookRun | None:
        """The run of that id."""

    def open_runbook_runs(self) -> list[RunbookRun]:
        """Runs that have not ended, oldest first."""

    def runbook_run_rows(
        self,
        limit: int,
        *,
        runbook: str | None = None,
        workspace: str | None = None,
        since: datetime | None = None,
        before: tuple[datetime, str] | None = None,
    ) -> pl.DataFrame:
        """Runs, newest first; parameters and result as JSON text; without `holder`.

        Args:
            limit: at most so many.
            runbook: of this name; None for all.
            workspace: with this workspace as it was given; None for all.
            since: only those that were asked for then or later.
            before: only those that come after the one of this (started_at, run_id).
        """

    def runbook_counts(self) -> pl.DataFrame:
        """Ended runs by runbook and outcome, and when the last of them ended.

        Returns:
            runbook, outcome, count, last_at.
        """

    def failing_runbooks(self, since: datetime, silent: datetime) -> pl.DataFrame:
        """Schedules, and runbooks that changed things, that have failed since they last succeeded.

        Runs of schedules are told by schedule, all others that were not dry by runbook.

        Args:
            since: runs that were asked for before are left out.
            silent: what has not ended and was not heard of since then is lost, and has failed.

        Returns:
            name, scheduled, count (failed runs since the last success), first_at, last_at (when
            the first and the last of these were asked for), run_id, runbook, error of the last.
        """

    def old_runbook_runs(self, before: datetime) -> list[RunbookRun]:
        """Runs that were asked for before a time and that nobody runs any more, oldest first."""

    def delete_runbook_run(self, run_id: str) -> None:
        """Forgets one run; a missing one is no error."""


@dataclass(frozen=True)
class ScheduleTick:
    """What was decided about one time that a schedule was due. Times are aware UTC.

    Attributes:
        schedule: its name.
        slot: the time that was due.
        at: when this was decided, or last changed.
        decision: claimed (somebody is about to start it), started, skipped, missed, overlapped,
            failed_to_start.
        holder: the scheduler that decided.
        run_id: of the run that was started.
        detail: why, in one sentence.
    """

    schedule: str
    slot: datetime
    at: datetime
    decision: TickDecision
    holder: str
    run_id: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class ScheduleState:
    """How far a schedule is decided; the empty name is the scheduler itself. Times are aware UTC.

    Attributes:
        name: of the schedule.
        heartbeat_at: when a scheduler last decided something of it; of the scheduler itself when it
            last did all that was due.
        holder: which scheduler that was.
        last_slot: up to when it is decided: the last time that was due, or when it was first read.
        next_at: when it is due next.
        definition: what its entry says; None for one that was never in force.
        problem: why its entry is not in force; None for one that is.
    """

    name: str
    heartbeat_at: datetime
    holder: str
    last_slot: datetime | None = None
    next_at: datetime | None = None
    definition: Mapping[str, Any] | None = None
    problem: str | None = None


class ScheduleStore(Protocol):
    """What schedules decided. Of two schedulers one gets a slot."""

    def claim_tick(self, tick: ScheduleTick) -> bool:
        """Stores the first decision about a slot; False, and nothing is done, if there is one."""

    def change_tick(self, seen: ScheduleTick, tick: ScheduleTick) -> bool:
        """Replaces a decision that is unchanged since it was seen; whether it was."""

    def claimed_ticks(self) -> list[ScheduleTick]:
        """Slots that somebody claimed and did not start, oldest first."""

    def tick_rows(self, schedule: str | None, limit: int) -> pl.DataFrame:
        """Decisions, newest slot first: schedule, slot, at, decision, run_id, detail, holder."""

    def count_old_ticks(self, before: datetime) -> int:
        """Decisions about slots before a time, and would be deleted."""

    def delete_ticks(self, before: datetime, limit: int) -> int:
        """Deletes at most so many of these; how many it were."""

    def schedule_states(self) -> list[ScheduleState]:
        """All of them, by name."""

    def save_schedule_state(self, state: ScheduleState) -> None:
        """Inserts or replaces the state of that name."""

    def forget_schedules(self, names: Collection[str]) -> None:
        """Deletes the states of these names; what was decided of them stays."""

    def last_ticks(self) -> list[ScheduleTick]:
        """The newest decision of each schedule, by its name."""

    def last_schedule_turn(self) -> datetime | None:
        """When a scheduler last did all that was due; None for never, or with no schedule."""
