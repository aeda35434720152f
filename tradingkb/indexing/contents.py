"""Is what is stored what was given? A look at every trial, beside what `reconcile` compares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from tradingkb.domain import IndexTarget
from tradingkb.importers import standing
from tradingkb.indexing.reconcile import Reconciliation
from tradingkb.observability import emit
from tradingkb.ports import WholeStore
from tradingkb.reports import Report

#: Trials that are held at one time: with two regimes each, some tens of megabytes.
SLICE: Final = 10_000
#: Trials that are named.
FIRST: Final = 100
_SHOWN: Final = 5
_NAMED: Final = ("trial_id", "source_type", "source_id", "strategy_name", "run_id")
SCHEMA: Final = {
    "workspace": pl.String,
    "trial_id": pl.Int64,
    "source_type": pl.String,
    "source_id": pl.String,
    "strategy_name": pl.String,
    "run_id": pl.String,
    "stands": pl.Boolean,
}
_REMEDY: Final = (
    "what was given cannot be known from the store: restore a backup, or have these trials marked "
    "by repair=True and ingest their source once more, with replace=True"
)
_MARKED: Final = (
    "these trials are marked: ingest their source once more, with replace=True (with readmit=True "
    "what is withdrawn), or restore a backup; what other runs said of a trial only a backup has"
)


@dataclass(frozen=True, repr=False)
class ContentCheck(Report):
    """Which trials are not what their sources said.

    Attributes:
        checked: trials, and what other runs said of them, that were looked at.
        differing: how many of them differ from what their hash was taken of.
        first: the first 100 of these: workspace, trial_id, source_type, source_id, strategy_name,
            run_id (which said it), stands (False for what another run said of a trial).
        doubtful: trials of which it cannot be told: other runs said another regime of their window,
            which has taken the place of theirs.
        faults: what is wrong with the file as a database.
        marked: whether the next ingest of their source takes these trials anew.
    """

    checked: int
    differing: int
    first: pl.DataFrame
    doubtful: int
    faults: tuple[str, ...]
    marked: bool = False

    @property
    def sound(self) -> bool:
        """Whether nothing differs."""
        return not self.differing and not self.faults

    def summary(self) -> str:
        """One line."""
        if self.faults:
            return f"the store's file is damaged: {self.faults[0]}"
        if self.differing:
            return f"{self.differing:,} of {self.checked:,} trials are not what was given"
        return f"all of {self.checked:,} trials are what was given"

    def details(self) -> list[str]:
        """Which trials, and what to do."""
        lines = [
            f"{row['workspace']}: trial {row['trial_id']} ({row['source_type']} "
            f"{row['source_id']!r} of {row['strategy_name']}"
            f"{'' if row['stands'] else ', as run ' + row['run_id'] + ' said it'})"
            for row in self.first.head(_SHOWN).rows(named=True)
        ]
        if self.differing > _SHOWN:
            lines.append(f"and {self.differing - _SHOWN:,} more")
        if self.doubtful:
            lines.append(
                f"of {self.doubtful:,} it cannot be told: other runs said another regime of "
                "their windows"
            )
        if not self.sound:
            lines.append(_MARKED if self.marked else _REMEDY)
        return [*lines, *self.faults]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return {"sound": self.sound, **super().to_dict()}


@dataclass(frozen=True, repr=False)
class DeepReconciliation(Reconciliation):
    """How SQL and the vector index compare, and SQL with what it was given.

    Attributes:
        content: of SQL; a repair marks what differs and leaves it as it is.
    """

    content: ContentCheck

    @classmethod
    def of(cls, found: Reconciliation, content: ContentCheck) -> DeepReconciliation:
        """Both together."""
        return cls(found.before, found.after, content)

    @property
    def clean(self) -> bool:
        """Whether nothing differs (any more)."""
        return super().clean and self.content.sound

    def summary(self) -> str:
        """One line."""
        index = Reconciliation(self.before, self.after).summary()
        return f"{index}; {self.content.summary()}"

    def details(self) -> list[str]:
        """What differs in the index, and which trials."""
        return [*super().details(), *self.content.details()]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return {**super().to_dict(), "content": self.content.to_dict()}


class Contents:
    """Looks at what is stored."""

    def __init__(self, store: WholeStore) -> None:
        self._store = store

    def check(self, targets: Sequence[IndexTarget], *, repair: bool = False) -> ContentCheck:
        """Takes the hash of every trial again, withdrawn and rejected ones too.

        Args:
            targets: the workspaces to look at.
            repair: mark trials that differ, so that the next ingest of their source takes them.

        Raises:
            StoreDamagedError: something cannot even be read.
        """
        faults = self._store.faults()
        parts = [self._checked(target, repair) for target in targets]
        whole = ContentCheck(
            sum(part.checked for part in parts),
            sum(part.differing for part in parts),
            pl.concat([pl.DataFrame(schema=SCHEMA), *(part.first for part in parts)]).head(FIRST),
            sum(part.doubtful for part in parts),
            faults,
            repair,
        )
        if not whole.sound:
            emit("kb_content_damaged", trials=whole.differing, faults=len(faults))
        return whole

    def _checked(self, target: IndexTarget, repair: bool) -> ContentCheck:
        """The trials of one workspace."""
        checked, given, bad = 0, [_NO_GIVERS], [_NONE_BAD]
        for stands, part in self._slices(target.workspace.id):
            checked += part.height
            found = standing(part)
            given.append(part.filter(found == "given").select(_NO_GIVERS.columns).unique())
            wrong = part.filter(found.is_null())
            bad.append(wrong.with_columns(stands=pl.lit(stands)).select(_NONE_BAD.columns))
        sure, doubtful = _judged(pl.concat(given).unique(), pl.concat(bad))
        if repair and not sure.is_empty():
            damaged = sure.filter("stands")["trial_id"]
            self._store.mark_damaged(target.workspace.id, damaged)
        slug = pl.lit(target.workspace.slug).alias("workspace")
        first = sure.sort("trial_id", "stands").head(FIRST).with_columns(slug).select(*SCHEMA)
        return ContentCheck(checked, sure.height, first, doubtful.height, ())

    def _slices(self, workspace_id: str) -> Iterator[tuple[bool, pl.DataFrame]]:
        for stands in (True, False):
            ids = self._store.said_ids(workspace_id, versions=not stands)
            for start in range(0, len(ids), SLICE):
                some = ids.slice(start, SLICE)
                yield stands, self._store.said(workspace_id, some, versions=not stands)


_NO_GIVERS: Final = pl.DataFrame(schema={"window_id": pl.Int64, "run_id": pl.String})
_NONE_BAD: Final = pl.DataFrame(
    schema={
        **{name: SCHEMA[name] for name in _NAMED},
        "window_id": pl.Int64,
        "stands": pl.Boolean,
    }
)


def _judged(given: pl.DataFrame, bad: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Which of the trials that are not what their hash was taken of are damaged for sure.

    Rows may say the regime of their window, and the one that was said last stands for all. So a
    trial in a window of which others said it may have said another one itself; not where a trial
    of the same run said the one that stands.

    Returns:
        Those that are, and those of which it cannot be told.
    """
    others = bad.join(given, on="window_id", how="semi")
    doubtful = others.join(given, on=["window_id", "run_id"], how="anti")
    return bad.join(doubtful, on=["trial_id", "run_id", "stands"], how="anti"), doubtful
