"""Schedules of runbooks: what is due when, decided once, and run."""

from __future__ import annotations

from tradingkb.runbooks.schedule.crontab import crontab
from tradingkb.runbooks.schedule.due import Due, due
from tradingkb.runbooks.schedule.entries import (
    Refused,
    Schedule,
    ScheduleFile,
    read_schedules,
)
from tradingkb.runbooks.schedule.scheduler import Scheduler
from tradingkb.runbooks.schedule.serving import checker, scheduler_of, serve
from tradingkb.runbooks.schedule.times import slots

__all__ = [
    "Due",
    "Refused",
    "Schedule",
    "ScheduleFile",
    "Scheduler",
    "checker",
    "crontab",
    "due",
    "read_schedules",
    "scheduler_of",
    "serve",
    "slots",
]
