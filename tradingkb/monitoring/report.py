"""What `kb.problems` reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tradingkb.monitoring.facts import Problem
from tradingkb.monitoring.rules import NOT_WATCHED
from tradingkb.reports import Report


@dataclass(frozen=True, repr=False)
class Problems(Report):
    """What is wrong now; times are UTC.

    Attributes:
        workspace: slug.
        at: when it was looked at.
        open: the problems, most severe first.
        not_watched: alerts that cannot be told from what is stored, and why.
    """

    workspace: str
    at: datetime
    open: tuple[Problem, ...]
    not_watched: Mapping[str, str] = field(default_factory=lambda: NOT_WATCHED)

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong, as far as it is watched here."""
        return not self.open

    def summary(self) -> str:
        """One line."""
        n = len(self.open)
        told = "healthy" if not n else "1 open problem" if n == 1 else f"{n} open problems"
        return f"workspace {self.workspace} at {self.at:%Y-%m-%d %H:%M:%S} UTC: {told}"

    def details(self) -> list[str]:
        """For each problem what, since when, what to do, and the runbook; then what is not seen."""
        lines = [line for problem in self.open for line in problem.lines()]
        return [*lines, f"not seen from here: {', '.join(self.not_watched)}"]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        problems = [problem.to_dict() for problem in self.open]
        return {**super().to_dict(), "healthy": self.healthy, "open": problems}
