"""What a change of the lifecycle did, or would do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tradingkb.reports import Report


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
