"""The port of reports: what happened by hour, what changed when, and single events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

import polars as pl

#: Of what length the parts of a time are that is reported on; "all" is one part.
Bucket = Literal["minute", "hour", "day", "all"]


class ReportStore(Protocol):
    """Sums of what happened, which outlive the events that they are of, and notes of changes.

    Guarantees: an event and what it adds to the sums are written in one transaction. Buckets are
    of UTC. Of "hour", "day" and "all" the sums are by whole hours: those that begin in
    since <= hour < until. Probes are left out.
    """

    def event_rates(
        self,
        workspace_id: str,
        since: datetime,
        until: datetime,
        bucket: Bucket,
        by: Sequence[str],
    ) -> pl.DataFrame:
        """Answers by bucket, `by` and status, in order; only what there is.

        Args:
            workspace_id: whose.
            since: see above; of minutes, the answers in since <= at < until.
            until: likewise.
            bucket: "minute" counts stored events, others read the sums.
            by: any of strategy_name, objective_type, source and replica.

        Returns:
            at (the start of the bucket; not of "all"), *by, status, count, strict_to_relaxed,
            metadata_only, repaired_params, low_count, seconds (their sum), le_10_ms to le_3000_ms
            (cumulative). Of minutes all but the count is null.
        """

    def rejections(
        self,
        workspace_id: str,
        since: datetime,
        until: datetime,
        bucket: Bucket,
        by: Sequence[str],
    ) -> pl.DataFrame:
        """What strict filters turned away, by bucket ("hour", "day" or "all") and `by`, in order.

        Args:
            workspace_id: whose.
            since: see above.
            until: likewise.
            bucket: likewise.
            by: any of strategy_name and filter.

        Returns:
            at (not of "all"), *by, asked (answers with the filter in force), requests (in which it
            failed a trial), requests_only (in which it alone did), trials and trials_only (that it
            failed, and it alone), saved (answers that were not ok and that a change of it alone
            would have given enough).
        """

    def event_hours(self, workspace_id: str | None) -> pl.DataFrame:
        """workspace_id, hour of the hours that stored events lie in, of one workspace or all."""

    def rebuild_hour(self, workspace_id: str, hour: datetime) -> tuple[int, bool] | None:
        """Makes the sums of an hour anew from its events, in one short transaction.

        Returns:
            How many events it has, and whether its sums were not right. None, and nothing is
            changed, where the sums count events that are stored no more.
        """

    def event(self, workspace_id: str, request_id: str, at: datetime | None) -> pl.DataFrame:
        """The newest event of that request, or the one of that time; no row without one."""

    def change_rows(
        self, workspace_id: str, since: datetime | None, until: datetime | None, limit: int
    ) -> pl.DataFrame:
        """What was changed in since <= at < until that may alter answers, newest first.

        Returns:
            at, kind ("ingest", "reembed", "withdrawal", "strategy", "status", or what a note
            says), actor ("" for unknown), facts (JSON text). Notes of the whole store are in it.
        """

    def note_change(
        self,
        workspace_id: str | None,
        at: datetime,
        kind: str,
        actor: str,
        facts: Mapping[str, Any],
    ) -> None:
        """Notes a change that no other table tells of; of the whole store without a workspace."""

    def last_start(self, replica: str) -> Mapping[str, Any] | None:
        """The facts of the newest note of kind "start" of a replica; None without one."""
