"""Moving a whole store from one place to another: from embedded to servers, and back.

The source is only read. The target is filled by one restore, which is one transaction, and its
index is built from it; killed anywhere, the next call goes on with what is left.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from tradingkb.domain import IndexTarget
from tradingkb.exceptions import (
    DiskFullError,
    InvalidInputError,
    TradingKBError,
)
from tradingkb.observability import emit
from tradingkb.ports import Digest
from tradingkb.progress import Progress
from tradingkb.upkeep.move_answers import compare_answers
from tradingkb.upkeep.move_report import MoveReport, indexes_frame, listed, tables_frame
from tradingkb.upkeep.move_sides import Outlook, Side, Target

_FAULTS: Final = ("missing", "orphaned", "stale", "unfinished")
#: The name beside which the backup is made.
_BACKUP: Final = "moving.tkb"
#: A restore into SQLite writes everything into the log before it is in the file.
_EMBEDDED_COPIES: Final = 2
#: What `tradingkb init` and the start of a service leave behind: no content that could be lost.
_NO_CONTENT: Final = ("workspaces", "partition_generations", "changes")


class Mover:
    """Moves a store to a target."""

    def __init__(
        self,
        here: Side,
        home: Path,
        scratch: Callable[[Path], AbstractContextManager[Path]],
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes the source.

        Args:
            here: the source; it is only read.
            home: a folder with room for a backup.
            scratch: a file to be made beside a path, which goes at the end.
            clock: aware UTC time.
            monotonic: seconds that only grow.
        """
        self._here = here
        self._home = home
        self._scratch = scratch
        self._clock = clock
        self._monotonic = monotonic

    def run(
        self,
        target: Target,
        *,
        apply: bool,
        replace: bool,
        progress: Progress,
        list_obstacles: bool = False,
    ) -> MoveReport:
        """Looks at both sides, and moves on request.

        Args:
            target: where to.
            apply: move; otherwise say what would be done, and change nothing.
            replace: whether other content of the target may be replaced.
            progress: told of each step.
            list_obstacles: on `apply`, report what stands in the way instead of raising it.

        Raises:
            TradingKBError: on `apply`, what stands in the way; nothing has been changed then.
            WorkspaceBusyError: an ingest of the target does not finish.
        """
        watch = _Watch(self._monotonic)
        said = self._here.store.digests()
        outlook = target.look(self._here.targets())
        moves = outlook.surveyed is None or outlook.surveyed.digests != said
        obstacles = [
            *outlook.obstacles,
            *self._same_place(outlook),
            *(_lost(outlook, replace=replace) if moves else ()),
            *(self._no_room(outlook) if moves else ()),
        ]
        watch.lap("look")
        if not apply or (obstacles and list_obstacles):
            there = target.targets(self._here.targets())
            return self._outlook(outlook, there, obstacles, said, moves, watch)
        for obstacle in obstacles:
            raise obstacle
        before = {} if outlook.surveyed is None else dict(outlook.surveyed.rows)
        with target.open() as there_side:
            if moves:
                self._move(there_side, replace, progress, watch)
            elif self._home.is_dir():
                with self._scratch(self._home / _BACKUP):
                    pass  # what a killed move has left there goes
            return self._finished(there_side, outlook, said, before, moves, progress, watch)

    def _move(self, there: Side, replaced: bool, progress: Progress, watch: _Watch) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        with self._scratch(self._home / _BACKUP) as path:
            self._here.store.write_backup(path, self._clock(), replace=True, progress=progress)
            watch.lap("backup")
            there.put(path, replaced, progress)
            watch.lap("restore")

    def _finished(
        self,
        there: Side,
        outlook: Outlook,
        said: Mapping[str, Digest],
        before: Mapping[str, int],
        moves: bool,
        progress: Progress,
        watch: _Watch,
    ) -> MoveReport:
        """Builds the index, then compares both sides as they are now."""
        index = there.index()
        watch.lap("index")
        answers = compare_answers(self._here.answering(), there.answering(), progress)
        watch.lap("answers")
        told, now = there.store.digests(), self._here.store.digests()
        watch.lap("compare rows")
        changed = tuple(name for name in said if said[name] != now[name])
        tables = tables_frame(
            self._here.store.row_counts(), before, there.store.row_counts(), (now, told)
        )
        held = index.before if index.after is None else index.after
        report = MoveReport(
            applied=True,
            source=self._here.place,
            target=there.place,
            tables=tables,
            restored=moves,
            indexes=indexes_frame(there.targets(), outlook.dimensions, held),
            unindexed=int(held.filter("active").select(_FAULTS).sum().sum_horizontal().item()),
            answers=answers,
            obstacles=(),
            changed=changed,
            notes=outlook.notes,
            again=(),
            timings_s=watch.laps,
        )
        if report.unfinished:
            also = ("replace",) if report.differing else ()
            report = replace(report, again=("apply", *also))
        facts = {"trials": int(now["trials"].rows), "clean": report.clean, "restored": moves}
        there.note(facts)
        emit("kb_store_moved", **facts, duration_s=round(sum(watch.laps.values()), 3))
        return report

    def _outlook(
        self,
        outlook: Outlook,
        there: Sequence[IndexTarget],
        obstacles: Sequence[TradingKBError],
        said: Mapping[str, Digest],
        moves: bool,
        watch: _Watch,
    ) -> MoveReport:
        held = {} if outlook.surveyed is None else dict(outlook.surveyed.rows)
        known = held if outlook.place.known else None
        told = None if outlook.surveyed is None else outlook.surveyed.digests
        tables = tables_frame(self._here.store.row_counts(), known, None, (said, told or {}))
        return MoveReport(
            applied=False,
            source=self._here.place,
            target=outlook.place,
            tables=tables,
            restored=moves,
            indexes=indexes_frame(there, outlook.dimensions, None),
            unindexed=None,
            answers=None,
            obstacles=tuple(map(str, obstacles)),
            changed=(),
            notes=outlook.notes,
            again=() if obstacles else ("apply",),
            timings_s=watch.laps,
        )

    def _same_place(self, outlook: Outlook) -> Iterator[TradingKBError]:
        if outlook.surveyed and outlook.surveyed.place == self._here.store.place():
            yield InvalidInputError(
                "source and target are the same store",
                field="to",
                remedy="name another DATABASE_URL, or another TRADINGKB_HOME, in the file",
            )

    def _no_room(self, outlook: Outlook) -> Iterator[TradingKBError]:
        """The backup lies in the home; an embedded target is written twice."""
        size = self._here.store.size_bytes()
        needed: dict[int, tuple[Path, int]] = {}
        wanted = [(self._home, size)]
        if outlook.folder is not None:
            wanted.append((outlook.folder, size * _EMBEDDED_COPIES))
        for folder, n in wanted:
            there = _existing(folder)
            device = there.stat().st_dev
            needed[device] = there, needed.get(device, (there, 0))[1] + n
        for folder, n in needed.values():
            free = shutil.disk_usage(folder).free
            if free < n:
                yield DiskFullError(
                    f"the disk of {folder} has {free / 1e6:,.0f} MB free, and moving takes up to "
                    f"{n / 1e6:,.0f} MB there: make room, or name a home on another disk"
                )


class _Watch:
    """Takes the times of steps."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._last = monotonic()
        self.laps: dict[str, float] = {}

    def lap(self, step: str) -> None:
        now = self._monotonic()
        self.laps[step] = round(now - self._last, 3)
        self._last = now


def _lost(outlook: Outlook, *, replace: bool) -> Iterator[TradingKBError]:
    """Refuses to lose what the target holds."""
    rows = {} if outlook.surveyed is None else outlook.surveyed.rows
    held = {name: n for name, n in rows.items() if n and name not in _NO_CONTENT}
    if held and not replace:
        listing = listed(held)
        yield InvalidInputError(
            f"the target is not empty, and does not hold what the source holds ({listing})",
            field="replace",
            remedy="back it up, then say replace=True, or name another target",
        )


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
