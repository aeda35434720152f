"""What administration reports: one shape of text, JSON and repr for all of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import polars as pl


class Report:
    """Gives a frozen dataclass its three forms.

    `to_dict()` is JSON-ready, `str()` a text for people, `repr()` one line.
    """

    def summary(self) -> str:
        """One line."""
        raise NotImplementedError

    def details(self) -> list[str]:
        """Further lines of the text."""
        return []

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form; times in ISO 8601, frames as lists of rows."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]

    def __str__(self) -> str:
        return "\n".join([self.summary(), *(f"  {line}" for line in self.details())])

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.summary()}>"


def _plain(value: Any) -> Any:
    if isinstance(value, pl.DataFrame):
        return [{k: _plain(v) for k, v in row.items()} for row in value.to_dicts()]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value


@dataclass(frozen=True, repr=False)
class CurationReport(Report):
    """What a change of the lifecycle did, or would do.

    Attributes:
        action: "promote", "reject", "archive", "withdraw" or "reinstate".
        workspace: slug.
        dry_run: whether nothing was written.
        selected: trials that were meant.
        changed: trials that changed; `unchanged` were that way already.
        transitions: how many made which change, such as {"candidate_to_rejected": 3}.
        points_pending: points of archived entries that the vector index did not delete: the next
            ingest tries again, and nothing is recommended because of them.
        index_pending: changed trials whose entry could not be brought up to date at once: the
            next ingest does it.
        actor, reason: as they were given.
        trial_ids: of the trials that changed.
    """

    action: str
    workspace: str
    dry_run: bool
    selected: int
    changed: int
    transitions: dict[str, int]
    points_pending: int
    index_pending: int
    actor: str
    reason: str | None
    trial_ids: tuple[int, ...]

    @property
    def unchanged(self) -> int:
        """Selected trials that were that way already."""
        return self.selected - self.changed

    def summary(self) -> str:
        """One line."""
        start = "dry run, nothing written: " if self.dry_run else ""
        made = ", ".join(f"{n:,} {name}" for name, n in self.transitions.items())
        text = f"{start}{self.action}: {made or 'nothing to change'}"
        return f"{text} ({self.unchanged:,} unchanged)" if self.unchanged else text

    def details(self) -> list[str]:
        """What is left to do."""
        lines = []
        if not self.selected and self.action not in ("withdraw", "reinstate"):
            lines.append(f"no trial of workspace {self.workspace} is selected")
        if self.points_pending:
            lines.append(
                f"{self.points_pending:,} points could not be deleted from the vector index: they "
                "are never recommended, and the next ingest deletes them"
            )
        if self.index_pending:
            lines.append(
                f"{self.index_pending:,} index entries could not be brought up to date: the next "
                "ingest does it"
            )
        return lines

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return {**super().to_dict(), "unchanged": self.unchanged}
