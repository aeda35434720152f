"""What runs of runbooks leave: files and their names, rows, and which of them are old."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from tradingkb.ports import RunbookStore, ScheduleStore

#: Rows per transaction: nobody waits for it.
_BATCH: Final = 1_000
_TIME: Final = "%Y%m%dT%H%M%SZ"
_NAME: Final = re.compile(r"(\d{8}T\d{6}Z)_[0-9a-f]{8}\.(ipynb|html|json)")


def run_stem(runbook: str, started_at: datetime, run_id: str) -> str:
    """What the names of a run's files begin with, from the folder of outputs on."""
    at = started_at.astimezone(UTC)
    return f"{runbook}/{at.strftime(_TIME)}_{run_id.replace('-', '')[:8]}"


def old_files(folder: Path, before: datetime) -> list[Path]:
    """Files of runs that were asked for before a time; nothing that is named otherwise."""
    found = []
    for path in folder.glob("*/*"):
        named = _NAME.fullmatch(path.name)
        if named and path.is_file() and _time(named[1]) < before:
            found.append(path)
    return sorted(found)


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:  # eight digits that are no day: nobody's file of ours
        return datetime.max.replace(tzinfo=UTC)


class _Store(RunbookStore, ScheduleStore, Protocol):
    """What is asked of a store."""


@dataclass(frozen=True)
class Old:
    """What is old: ids of runs, their files, and how many decisions of schedules."""

    run_ids: tuple[str, ...]
    files: tuple[Path, ...]
    ticks: int


class OldRunbooks:
    """Forgets runs of runbooks with their files, and what schedules decided."""

    def __init__(self, store: _Store, folder: Path) -> None:
        """Takes the folder of the outputs, which need not be there."""
        self._store, self._folder = store, folder

    def before(self, limit: datetime) -> Old:
        """What was asked for before a time, and is not at work any more."""
        ids = tuple(run.run_id for run in self._store.old_runbook_runs(limit))
        return Old(ids, tuple(old_files(self._folder, limit)), self._store.count_old_ticks(limit))

    def forget(self, old: Old, limit: datetime) -> None:
        """Deletes it, files first: what is left by a kill is found again.

        A file that cannot be deleted stays, and its row goes: the next time tries again.
        """
        for path in old.files:
            with contextlib.suppress(OSError):
                path.unlink()
        for run_id in old.run_ids:
            self._store.delete_runbook_run(run_id)
        while self._store.delete_ticks(limit, _BATCH) == _BATCH:
            pass
