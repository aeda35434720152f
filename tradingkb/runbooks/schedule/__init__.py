"""Schedules of runbooks: what is due when, decided once, and run."""

from __future__ import annotations

from tradingkb.runbooks.schedule.due import Due, due
from tradingkb.runbooks.schedule.entries import (
    Refused,
    Schedule,
    ScheduleFile,
    read_schedules,
)
from tradingkb.runbooks.schedule.scheduler import Scheduler
from tradingkb.runbooks.schedule.times import slots

__all__ = [
    "Due",
    "Refused",
    "Schedule",
    "ScheduleFile",
    "Scheduler",
    "due",
    "read_schedules",
    "slots",
]
