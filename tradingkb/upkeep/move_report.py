"""What is reported of a move from one place to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from tradingkb.domain import IndexTarget, Part
from tradingkb.ports import Digest
from tradingkb.reports import Report
from tradingkb.upkeep.move_answers import Comparison

_TABLES: Final = {
    "table": pl.String,
    "source": pl.Int64,
    "before": pl.Int64,
    "target": pl.Int64,
    "same": pl.Boolean,
}
_INDEXES: Final = {
    "workspace": pl.String,
    "embed_model": pl.String,
    "collection": pl.String,
    "dimension": pl.Int64,
    "expected": pl.Int64,
    "held": pl.Int64,
}


@dataclass(frozen=True)
class Place(Part):
    """A place that a store is in, as it is shown: without a secret.

    Attributes:
        store: URL of the database.
        index: URL of the vector server; "embedded" where there is none.
        embed_model: the model in force where a workspace names none.
        schema: revision of the schema; None where there are no tables yet, or where that is not
            known.
        known: whether its database could be looked at.
    """

    store: str
    index: str
    embed_model: str
    schema: str | None = None
    known: bool = True

    def __str__(self) -> str:
        vectors = "embedded vectors" if self.index == "embedded" else f"vectors in {self.index}"
        schema = f"schema {self.schema}" if self.schema else "no tables yet"
        schema = schema if self.known else "unknown what it holds"
        return f"{self.store} ({schema}), {vectors}, model {self.embed_model}"


@dataclass(frozen=True, repr=False)
class MoveReport(Report):
    """What a move would do, or did, and how both sides compare.

    Attributes:
        applied: whether anything was written; a dry run writes nothing.
        source, target: the places.
        tables: table, source (rows), before (rows of the target that were there; null where that
            is not known), target (rows now; null in a dry run), same (whether both sides say the
            same; null where that follows from the other tables).
        restored: whether the target's content was replaced: False where it was the same already.
        indexes: workspace, embed_model, collection, dimension in the target; expected and held
            points, null in a dry run.
        unindexed: points that are missing, orphaned, stale or unfinished in the target; None in a
            dry run.
        answers: how the answers of both sides compare; None in a dry run.
        obstacles: what stands in the way of a move that is still to be applied.
        changed: tables of the source that were written to meanwhile.
        notes: what else is worth knowing.
        again: what the next call has to say: "apply", and "replace" where the target holds other
            content by now; nothing where nothing is left.
        timings_s: seconds by step.
    """

    applied: bool
    source: Place
    target: Place
    tables: pl.DataFrame
    restored: bool
    indexes: pl.DataFrame
    unindexed: int | None
    answers: Comparison | None
    obstacles: tuple[str, ...]
    changed: tuple[str, ...]
    notes: tuple[str, ...]
    again: tuple[str, ...]
    timings_s: Mapping[str, float]

    @property
    def clean(self) -> bool:
        """Whether nothing stands in the way, or, applied, both sides say and answer the same."""
        if not self.applied:
            return not self.obstacles
        a = self.answers
        agree = a is not None and not a.different and not a.without_index
        return agree and not self.differing and not self.unindexed

    @property
    def unfinished(self) -> bool:
        """Whether another call could make the sides more alike: answers alone may differ."""
        missing = self.answers is not None and self.answers.without_index
        return bool(self.differing or self.unindexed or self.changed or missing)

    @property
    def differing(self) -> tuple[str, ...]:
        """Tables in which the sides say something else."""
        if not self.applied:
            return ()
        return tuple(self.tables.filter(~pl.col("same"))["table"])

    def summary(self) -> str:
        """One line."""
        trials = self._rows("source").get("trials", 0)
        if not self.applied:
            if self.obstacles:
                return f"{trials:,} trials cannot be moved yet; nothing has been changed"
            return f"dry run: {trials:,} trials would be moved; nothing stands in the way"
        if self.clean:
            return f"{trials:,} trials are in the target: both sides say and answer the same"
        return f"{trials:,} trials of the source; the sides are not the same"

    def details(self) -> list[str]:
        """The places, what was compared, and what is left to do."""
        lines = [f"source: {self.source}", f"target: {self.target}"]
        lines += self._content() if self.applied else self._outlook()
        lines += [f"stands in the way: {obstacle}" for obstacle in self.obstacles]
        if self.changed:
            lines.append(
                f"the source was written to meanwhile ({', '.join(self.changed)}): the target "
                "holds what it said before; stop what writes to it, and move again"
            )
        lines += [f"note: {note}" for note in self.notes]
        if self.timings_s:
            lines.append(", ".join(f"{name} {s:,.1f} s" for name, s in self.timings_s.items()))
        if self.again:
            also = " and replace=True" if "replace" in self.again else ""
            lines.append(f"next: the same again, with apply=True{also}")
        elif self.applied and not self.clean:
            lines.append(
                "next: both sides hold the same and nothing is left to move, so that the same "
                "again would change nothing; ask both what is named above, and keep to the source "
                "until it is clear why they differ"
            )
        return lines

    def _outlook(self) -> list[str]:
        if not self.target.known:
            return []
        held = listed(self._rows("before"))
        there = [f"the target holds {held}" if held else "the target holds nothing"]
        if self.obstacles:
            return there
        moved = f"to be moved: {listed(self._rows('source'))}"
        does = moved if self.restored else "that is what the source holds: only its index is made"
        return [*there, does, *(_index_line(row) for row in self.indexes.iter_rows(named=True))]

    def _content(self) -> list[str]:
        compared = self.tables.drop_nulls("same")
        same = compared.filter("same")
        how = "restored" if self.restored else "there already, and not restored again"
        lines = [
            f"content {how}: {same['source'].sum():,} rows in {same.height} of {compared.height} "
            "tables are the same on both sides"
        ]
        lines += [
            f"{row['table']}: {row['source']:,} rows in the source, {row['target']:,} in the "
            "target, which do not say the same"
            for row in compared.filter(~pl.col("same")).iter_rows(named=True)
        ]
        lines += [_index_line(row) for row in self.indexes.iter_rows(named=True)]
        if self.unindexed:
            lines.append(
                f"{self.unindexed:,} points of the target are not as its trials are: "
                "`tradingkb reconcile` there says which"
            )
        if self.answers is not None:
            lines += [str(self.answers), *self.answers.examples]
        return [*lines, "the source was only read"]

    def _rows(self, side: str) -> dict[str, int]:
        return dict(self.tables.select("table", side).iter_rows())

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return {"clean": self.clean, "differing": list(self.differing), **super().to_dict()}


def listed(rows: Mapping[str, int]) -> str:
    """Tables with rows, and how many; without those that follow from others."""
    derived = ("kb_trial_index", "partition_generations")
    named = [(table, n) for table, n in rows.items() if n and table not in derived]
    return ", ".join(f"{n:,} {table.replace('_', ' ')}" for table, n in named)


def _index_line(row: Mapping[str, Any]) -> str:
    held = (
        "" if row["held"] is None else f": {row['held']:,} points held, {row['expected']:,} wanted"
    )
    return (
        f"index of {row['workspace']}: {row['collection']} "
        f"({row['embed_model']}, {row['dimension']} dimensions){held}"
    )


def tables_frame(
    source: Mapping[str, int],
    before: Mapping[str, int] | None,
    target: Mapping[str, int] | None,
    digests: tuple[Mapping[str, Digest], Mapping[str, Digest]],
) -> pl.DataFrame:
    """Rows by table: of the source, of the target before and now, and whether both say the same."""
    here, there = digests
    rows = [
        (
            name,
            n,
            None if before is None else before.get(name, 0),
            None if target is None else target[name],
            here[name] == there[name] if name in here and name in there else None,
        )
        for name, n in source.items()
    ]
    return pl.DataFrame(rows, schema=_TABLES, orient="row")


def indexes_frame(
    targets: Sequence[IndexTarget], dimensions: Mapping[str, int], held: pl.DataFrame | None
) -> pl.DataFrame:
    """The index of each workspace in the target, with its points where they were counted."""
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    if held is not None:
        for row in held.rows(named=True):
            counts[row["workspace"], row["collection"]] = row["expected"], row["held"]
    rows = [
        (
            t.workspace.slug,
            t.model,
            t.collection,
            dimensions.get(t.workspace.slug),
            *counts.get((t.workspace.slug, t.collection), (None, None)),
        )
        for t in targets
    ]
    return pl.DataFrame(rows, schema=_INDEXES, orient="row")
