"""What is due: pure, from schedules, how far each is decided, and the time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from tradingkb.runbooks.schedule.entries import Schedule
from tradingkb.runbooks.schedule.times import slots_between

#: What is found so much later is late: the machine slept, no scheduler ran, or a clock jumped.
ON_TIME: Final = timedelta(minutes=2)


_TOO_LATE: Final = "found too late to run"


@dataclass(frozen=True)
class Due:
    """A time at which a schedule was due, and what becomes of it.

    Attributes:
        schedule: which.
        slot: aware UTC.
        decision: "run"; "missed" where nothing runs for it; "skipped" where a later one of the same
            schedule runs for it.
        detail: what else has to be said of it; None for one on time.
    """

    schedule: Schedule
    slot: datetime
    decision: Literal["run", "missed", "skipped"]
    detail: str | None = None


def due(schedules: Iterable[Schedule], last: Mapping[str, datetime], now: datetime) -> list[Due]:
    """What is to be done now, the oldest first.

    Of several times of one schedule that have gone by, at most the newest runs. The others are
    told together, as one, so that a week without a scheduler leaves one line and not thousands.

    Args:
        schedules: in force.
        last: by name up to when a schedule is decided; one that is not named has just been read,
            and is due from now on. A time in the future, after a clock was put back, is as good as
            `now`: what ran already is known by its slot.
        now: aware UTC.
    """
    found = [
        one
        for schedule in schedules
        if schedule.name in last
        for one in _of(schedule, min(last[schedule.name], now), now)
    ]
    return sorted(found, key=lambda one: (one.slot, one.schedule.name))


def _of(schedule: Schedule, last: datetime, now: datetime) -> Iterator[Due]:
    found, whole = slots_between(schedule.cron, schedule.timezone, last, now)
    if not found:
        return
    *earlier, newest = found
    late = now - newest > ON_TIME
    if schedule.missed == "skip" and late:
        yield Due(schedule, newest, "missed", _several(found, whole, _TOO_LATE))
        return
    if earlier and schedule.missed == "skip":
        yield Due(schedule, earlier[-1], "missed", _several(earlier, whole, _TOO_LATE))
    elif earlier:
        yield Due(schedule, earlier[-1], "skipped", _several(earlier, whole, "a later one runs"))
    yield Due(schedule, newest, "run", f"ran {_span(now - newest)} late" if late else None)


def _several(slots: list[datetime], whole: bool, why: str) -> str:
    if len(slots) == 1:
        return why
    number = f"{len(slots)} times" if whole else f"more than {len(slots)} times"
    return f"{number}, since {slots[0]:%Y-%m-%d %H:%M} UTC: {why}"


def _span(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    days, hours = divmod(minutes // 60, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min"
