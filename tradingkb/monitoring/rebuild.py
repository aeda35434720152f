"""Sums of events, made anew from the events that are stored."""

from __future__ import annotations

from dataclasses import dataclass

from tradingkb.observability import emit
from tradingkb.ports import ReportStore
from tradingkb.reports import Report


@dataclass(frozen=True, repr=False)
class RollupReport(Report):
    """What was made anew.

    Attributes:
        hours: hours of workspaces whose sums were made anew.
        events: that they are sums of, probes included.
        mended: hours whose sums were not right.
        kept: hours that were left alone, because their sums count events that are stored no more.
    """

    hours: int
    events: int
    mended: int
    kept: int

    def summary(self) -> str:
        """One line."""
        return (
            f"sums of {self.events:,} events in {self.hours:,} hours made anew: {self.mended:,} "
            "hours were not right"
        )

    def details(self) -> list[str]:
        """Why others were left."""
        return (
            [f"{self.kept:,} hours are left as they were: events of theirs were pruned"]
            if self.kept
            else []
        )


def rebuild(store: ReportStore, workspace_id: str | None) -> RollupReport:
    """Makes the sums anew hour by hour, each in a short transaction; safe to kill and repeat."""
    made = [store.rebuild_hour(*row) for row in store.event_hours(workspace_id).rows()]
    done = [one for one in made if one is not None]
    report = RollupReport(
        len(done), sum(n for n, _ in done), sum(mended for _, mended in done), len(made) - len(done)
    )
    emit(
        "kb_rollups_rebuilt",
        hours=report.hours,
        events=report.events,
        mended=report.mended,
        kept=report.kept,
    )
    return report
