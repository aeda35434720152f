"""Schedules of runbooks: when each is due next, and what came of the times before; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import polars as pl

from dashboard.shared.text import shortened
from dashboard.views.labels import clock, span
from dashboard.views.numbers import NONE

SCHEDULES: Final = ("Schedule", "Runbook", "Workspace", "When", "Next", "Last due", "What came")
TICKS: Final = ("Due", "Schedule", "What was decided", "Why")
#: Seconds after which a scheduler that runs has decided what was due.
_LATE_S: Final = 120
#: Decisions after which nothing ran.
NOTHING_RAN: Final[Mapping[str, str]] = {
    "missed": "missed",
    "skipped": "skipped",
    "overlapped": "left out: the one before still ran",
    "failed_to_start": "could not be started",
}


def schedule_rows(schedules: pl.DataFrame, now: datetime) -> list[tuple[str, ...]]:
    """Each schedule, the one that is due next first."""
    ordered = schedules.sort("next_at", nulls_last=True, maintain_order=True)
    return [_row(row, now) for row in ordered.iter_rows(named=True)]


def _row(row: Mapping[str, Any], now: datetime) -> tuple[str, ...]:
    came = [row["last_decision"], row["last_outcome"]]
    when = f"{row['cron']} ({row['timezone']})" if row["cron"] else NONE
    return (
        str(row["name"]),
        str(row["runbook"] or NONE),
        str(row["workspace"] or NONE),
        when,
        f"not in force: {row['problem']}" if row["problem"] else _next(row["next_at"], now),
        clock(row["last_slot"], now) if row["last_slot"] else "never",
        ", ".join(str(one).replace("_", " ") for one in came if one) or NONE,
    )


def _next(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "never"
    wait = (at - now).total_seconds()
    if wait < -_LATE_S:
        return f"{clock(at, now)}, {span(-wait)} ago: no scheduler runs"
    return f"{clock(at, now)} (in {span(wait)})" if wait > 0 else f"{clock(at, now)} (due)"


def left_out_rows(ticks: pl.DataFrame, now: datetime) -> list[tuple[str, ...]]:
    """Times that were due and at which nothing ran, newest first."""
    return [
        (
            clock(row["slot"], now),
            str(row["schedule"]),
            NOTHING_RAN[row["decision"]],
            shortened(str(row["detail"] or NONE), 240),
        )
        for row in ticks.iter_rows(named=True)
        if row["decision"] in NOTHING_RAN
    ]
