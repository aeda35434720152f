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
from tradingkb.runbooks.schedule.serving import parameters_check, run_scheduler, scheduler_of
from tradingkb.runbooks.schedule.times import slots

__all__ = [
    "Due",
    "Refused",
    "Schedule",
    "ScheduleFile",
    "Scheduler",
    "crontab",
    "due",
    "parameters_check",
    "read_schedules",
    "run_scheduler",
    "scheduler_of",
    "slots",
]
