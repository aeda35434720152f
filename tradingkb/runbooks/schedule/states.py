"""The file of schedules as it is read again and again, and what of it is kept in SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from tradingkb.observability import emit
from tradingkb.ports import ScheduleState, ScheduleStore
from tradingkb.runbooks.running import without_credentials
from tradingkb.runbooks.schedule.entries import (
    Check,
    Refused,
    Schedule,
    ScheduleFile,
    read_schedules,
)
from tradingkb.runbooks.schedule.times import slots

#: Name of the state of the scheduler itself.
SCHEDULER: Final = ""
#: Where something is refused, it is looked at again so often: a notebook may be there by now.
_AGAIN_S: Final = 60.0


class Reader:
    """Reads the file when it has changed; while it cannot be read, what was in force stays so."""

    def __init__(self, path: Path, check: Check, monotonic: Callable[[], float]) -> None:
        """Takes the file, what checks runbooks, and seconds that only grow."""
        self._path, self._check, self._monotonic = path, check, monotonic
        self._seen: bytes | None = None
        self._read_at = -_AGAIN_S
        self.found = ScheduleFile()

    def read(self) -> bool:
        """Whether what is in force, or what is refused, has changed."""
        try:
            content = self._path.read_bytes()
        except OSError:
            content = b""
        again = bool(self.found.refused) and self._monotonic() - self._read_at >= _AGAIN_S
        if content == self._seen and not again:
            return False
        found = read_schedules(self._path, self._check)
        self._seen, self._read_at = content, self._monotonic()
        if found.unreadable:
            found = ScheduleFile(self.found.schedules, found.refused)
        changed, self.found = found != self.found, found
        return changed


def published(
    store: ScheduleStore, found: ScheduleFile, holder: str, now: datetime
) -> dict[str, datetime]:
    """Writes down what was read; up to when each schedule in force is decided, by name.

    A schedule that is new, or is due at other times than before, counts from now; one that nobody
    has touched from where the last scheduler stopped.
    """
    known = {state.name: state for state in store.schedule_states()}
    states = [_in_force(known.get(one.name), one, holder, now) for one in found.schedules]
    names = {state.name for state in states}
    states += [
        _refused(known.get(one.label), one, holder, now) for one in _by_label(found.refused, names)
    ]
    for state in states:
        store.save_schedule_state(state)
    gone = known.keys() - {state.name for state in states} - {SCHEDULER}
    if gone and not found.unreadable:
        store.forget_schedules(gone)
    for one in found.refused:
        emit("kb_schedule_refused", file=one.file, entry=one.entry, field=one.field, error=str(one))
    emit("kb_schedules_read", schedules=len(found.schedules), refused=len(found.refused))
    return {s.name: s.last_slot for s in states if s.last_slot is not None and s.problem is None}


def next_after(schedule: Schedule, now: datetime) -> datetime | None:
    """When it is due next; None for never again."""
    return next(slots(schedule.cron, schedule.timezone, now), None)


def in_force(schedule: Schedule, holder: str, last: datetime, now: datetime) -> ScheduleState:
    """The state of a schedule that is decided up to a time."""
    told = {**schedule.to_dict(), "parameters": without_credentials(schedule.parameters)}
    return ScheduleState(schedule.name, now, holder, last, next_after(schedule, now), told)


def _in_force(
    known: ScheduleState | None, schedule: Schedule, holder: str, now: datetime
) -> ScheduleState:
    told = dict(known.definition or {}) if known is not None else {}
    same = all(told.get(name) == getattr(schedule, name) for name in ("cron", "timezone"))
    last = known.last_slot if known is not None and same and known.last_slot else now
    return in_force(schedule, holder, last, now)


def _refused(
    known: ScheduleState | None, refused: Refused, holder: str, now: datetime
) -> ScheduleState:
    if known is None:
        return ScheduleState(refused.label, now, holder, problem=str(refused))
    return replace(known, heartbeat_at=now, holder=holder, next_at=None, problem=str(refused))


def _by_label(refused: Iterable[Refused], taken: set[str]) -> list[Refused]:
    """The first mistake of each, but of nothing that is in force."""
    found: dict[str, Refused] = {}
    for one in refused:
        found.setdefault(one.label, one)
    return [one for label, one in found.items() if label not in taken]
