"""The two places of a move, as use cases see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tradingkb.domain import IndexTarget
from tradingkb.exceptions import TradingKBError
from tradingkb.indexing import Reconciliation
from tradingkb.ports import BackupStore, Restored, Surveyed
from tradingkb.progress import Progress
from tradingkb.upkeep.move_answers import Answer, Answering, AnsweringStore
from tradingkb.upkeep.move_report import Place


class MovedStore(BackupStore, AnsweringStore, Protocol):
    """What a move needs of a store."""


@dataclass(frozen=True)
class Side:
    """One of the two places, opened.

    Attributes:
        place: where it is.
        store: its database.
        targets: its workspaces, with the index in force.
        put: replaces its content by a backup.
        index: makes its index anew where that is not as the trials are.
        answer: how it answers.
        note: notes what was done.
    """

    place: Place
    store: MovedStore
    targets: Callable[[], Sequence[IndexTarget]]
    put: Callable[[Path, bool, Progress], Restored]
    index: Callable[[], Reconciliation]
    answer: Answer
    note: Callable[[Mapping[str, Any]], None]

    def answering(self) -> Answering:
        """What questions are put to."""
        return Answering(self.store, {t.workspace.slug: t for t in self.targets()}, self.answer)


@dataclass(frozen=True)
class Outlook:
    """What a look at the target found, which changed nothing.

    Attributes:
        place: where it is.
        surveyed: its database; None where that could not be looked at.
        dimensions: by workspace of the source, those of the model that will be in force.
        obstacles: errors that a move would run into.
        folder: where the file of an embedded target is; None where a server keeps it.
        notes: what is worth knowing.
    """

    place: Place
    surveyed: Surveyed | None
    dimensions: Mapping[str, int] = field(default_factory=dict)
    obstacles: tuple[TradingKBError, ...] = ()
    folder: Path | None = None
    notes: tuple[str, ...] = ()


class Target(Protocol):
    """Where to."""

    def look(self, targets: Sequence[IndexTarget]) -> Outlook:
        """What is there, and whether the index of these workspaces can be. Changes nothing."""

    def targets(self, targets: Sequence[IndexTarget]) -> list[IndexTarget]:
        """The same workspaces with the index that will be in force there."""

    def open(self) -> AbstractContextManager[Side]:
        """Opens it, and makes or upgrades its tables."""
