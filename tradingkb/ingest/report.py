"""What an ingest did, or would do."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from tradingkb.printable import printable

#: `action` values of `kb_ingest_action_total`.
ACTIONS: Final = ("inserted", "updated", "skipped", "unarchived", "error")


@dataclass(frozen=True, repr=False)
class IngestReport:
    """The outcome of one ingest.

    Attributes:
        run_id: of this run; also in `ingest_runs`.
        workspace: slug.
        source: what was read.
        dry_run: whether anything was written.
        rows: rows of the source; 0 when what is stored was indexed.
        inserted, updated, skipped, unarchived: trials by what happened to their index entry.
        error: rows that were refused.
        not_eligible: trials that are stored but not indexed, because they are rejected
            or withdrawn.
        not_embedded: indexed trials without a regime: metadata only, no similarity.
        windows: distinct windows of the trials in scope.
        windows_measured: windows whose regime this run measured from OHLCV.
        collection, embed_model: where the vectors went.
        notes: what the user should know.
        rejects: row, field, message, remedy, values; one line per problem. Values are those of
            the first 10,000 refused rows; the file has all.
        rejects_path: a CSV file of the refused rows as they came, with what is wrong in columns
            named `_rejected_*`, which an ingest does not look at: correct it, and ingest it like
            the source. None when there are none, or on a dry run.
        duration_s: wall time.
    """

    run_id: str
    workspace: str
    source: str
    dry_run: bool
    rows: int
    inserted: int
    updated: int
    skipped: int
    unarchived: int
    error: int
    not_eligible: int
    not_embedded: int
    windows: int
    windows_measured: int
    collection: str
    embed_model: str
    notes: tuple[str, ...]
    rejects: pl.DataFrame = field(repr=False)
    rejects_path: Path | None
    duration_s: float

    def counts(self) -> dict[str, int]:
        """The five action counts, as in `kb_ingest_action_total`."""
        values = (self.inserted, self.updated, self.skipped, self.unarchived, self.error)
        return dict(zip(ACTIONS, values, strict=True))

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form; at most 20 rejects, the file has all."""
        plain = {k: v for k, v in vars(self).items() if k not in ("rejects", "rejects_path")}
        return {
            **plain,
            "notes": list(self.notes),
            "rejects": self.rejects.head(20).to_dicts(),
            "rejects_path": str(self.rejects_path) if self.rejects_path else None,
        }

    def __repr__(self) -> str:
        counts = ", ".join(f"{n:,} {name}" for name, n in self.counts().items() if n)
        return f"<IngestReport{' (dry run)' if self.dry_run else ''}: {counts or 'nothing to do'}>"

    def __str__(self) -> str:
        start = "dry run, nothing written: " if self.dry_run else ""
        counts = ", ".join(f"{n:,} {name}" for name, n in self.counts().items())
        lines = [f"{start}{self.source}: {counts}; {self.windows:,} windows"]
        lines += [f"  note: {note}" for note in self.notes]
        for row in self.rejects.head(5).to_dicts():
            lines.append(f"  row {row['row']}, {row['field']}: {row['message']} ({row['remedy']})")
        if self.rejects.height > 5:
            lines.append(f"  ... and {self.rejects.height - 5} more problems")
        if self.rejects_path:
            lines.append(f"  rejected rows: {self.rejects_path}: correct and ingest it, as before")
        return printable("\n".join(lines))

    def _repr_html_(self) -> str:
        from tradingkb.presentation import ingest_card

        return ingest_card(self.to_dict())
