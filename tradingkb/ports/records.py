"""The ports of what happened: runs and events; and of who works on what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import polars as pl

from tradingkb.ports.values import RunRecord


class RunStore(Protocol):
    """Ingests and re-embeddings."""

    def save_run(self, run: RunRecord) -> None:
        """Inserts or updates one ingest run."""

    def runs(self, workspace_id: str, limit: int | None) -> pl.DataFrame:
        """Runs, newest first; counts as JSON text."""

    def close_runs(self, workspace_id: str, at: datetime) -> None:
        """Marks runs that are still `running` as `interrupted`: nobody runs them any more."""

    def last_ingest(self) -> datetime | None:
        """When the last ingest of any workspace was completed, UTC; None for never."""


class EventStore(Protocol):
    """Recommend events."""

    def save_event(self, event: Mapping[str, Any]) -> None:
        """Inserts one recommend event without waiting for other writers.

        Raises:
            BackendUnavailableError: it could not be written at once.
        """

    def save_events(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Inserts several at once as `save_event` does: all of them, or on any error none."""

    def events(
        self, workspace_id: str | None, limit: int, where: Mapping[str, Any]
    ) -> pl.DataFrame:
        """Recommend events, newest first."""


class LeaseStore(Protocol):
    """One long job of a name at a time."""

    def acquire_lease(
        self, name: str, holder: str, at: datetime, expires_at: datetime
    ) -> str | None:
        """Takes or renews a lease.

        Returns:
            None when `holder` has it now, else who has it.
        """

    def break_lease(self, name: str, holder: str) -> None:
        """Ends the lease of a holder, if it is still theirs."""


class PageStore(Protocol):
    """Lists that are too long to be read whole, page by page."""

    def trial_page(
        self, workspace_id: str, where: Mapping[str, Any], limit: int, after: int | None
    ) -> pl.DataFrame:
        """Trials as `trial_rows` has them, the one stored last first.

        Args:
            workspace_id: whose.
            where: column of trials or windows to value; all hold.
            limit: most rows.
            after: trial_id of the last row of the page before; None for the first page.
        """

    def event_page(
        self,
        workspace_id: str,
        where: Mapping[str, Any],
        limit: int,
        after: tuple[datetime, int] | None,
    ) -> pl.DataFrame:
        """Recommend events, newest first, with the column `id`.

        Args:
            workspace_id: whose.
            where: column to value; all hold.
            limit: most rows.
            after: at and id of the last row of the page before; None for the first page.
        """

    def event_counts(self, workspace_id: str, since: datetime, until: datetime) -> pl.DataFrame:
        """Recommendations in since <= at < until, without probes, by name.

        Returns:
            strategy_name, objective_type, status, count, and how many of them were
            strict_to_relaxed, metadata_only, and had repaired_params.
        """
