"""The verb of `KnowledgeBase` about schedules, as the scheduler has read and decided them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, Protocol

import polars as pl

from tradingkb.ports import RunbookStore, ScheduleState, ScheduleStore, ScheduleTick
from tradingkb.verbs import only_reads

_TIME: Final = pl.Datetime("us", "UTC")
_SCHEMA: Final[dict[str, Any]] = {
    "name": pl.String,
    "runbook": pl.String,
    "cron": pl.String,
    "timezone": pl.String,
    "workspace": pl.String,
    "parameters": pl.String,
    "missed": pl.String,
    "deadline_s": pl.Int64,
    "next_at": _TIME,
    "last_slot": _TIME,
    "last_decision": pl.String,
    "last_detail": pl.String,
    "last_run_id": pl.String,
    "last_outcome": pl.String,
    "problem": pl.String,
}


class _Store(RunbookStore, ScheduleStore, Protocol):
    def unhurried(self) -> Any: ...


class _UseCases(Protocol):
    """What this verb delegates to."""

    @property
    def store(self) -> _Store: ...
    @property
    def again(self) -> Callable[[Callable[[], Any]], Any]: ...


class Schedules:
    """Part of `KnowledgeBase`."""

    @property
    def use_cases(self) -> _UseCases:
        """What the verb delegates to."""
        raise NotImplementedError

    @only_reads
    def schedules(self) -> pl.DataFrame:
        """What is scheduled, by name: as the scheduler last read it, wherever its file is.

        Returns:
            name, runbook, cron, timezone, workspace, parameters (JSON text), missed, deadline_s,
            next_at (in the past: no scheduler runs; null for one that is not in force), last_slot
            (the time that was decided last), last_decision, last_detail, last_run_id, last_outcome
            (of that run; null while it goes) and problem (why the entry is not in force; null for
            one that is).
        """
        store = self.use_cases.store
        last = {tick.schedule: tick for tick in store.last_ticks()}
        states = [state for state in store.schedule_states() if state.name]
        rows = [_row(store, state, last.get(state.name)) for state in states]
        return pl.DataFrame(rows, schema=_SCHEMA)


def _row(store: _Store, state: ScheduleState, tick: ScheduleTick | None) -> dict[str, Any]:
    told = dict(state.definition or {})
    if "parameters" in told:
        told["parameters"] = json.dumps(told["parameters"])
    run = store.runbook_run(tick.run_id) if tick is not None and tick.run_id else None
    decided = (
        {
            "last_slot": tick.slot,
            "last_decision": tick.decision,
            "last_detail": tick.detail,
            "last_run_id": tick.run_id,
            "last_outcome": run.outcome if run is not None else None,
        }
        if tick is not None
        else {}
    )
    row = {"name": state.name, "next_at": state.next_at, "problem": state.problem}
    return {name: {**told, **decided, **row}.get(name) for name in _SCHEMA}
