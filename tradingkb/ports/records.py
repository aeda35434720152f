"""The ports of what happened: runs and events; of who works on what, and of circuit breakers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class HeldLease:
    """A lease as it is stored.

    Attributes:
        name: what it is of; "index:" and the id of a workspace.
        holder: who has it.
        acquired_at, expires_at: by the clock of the holder; it changes with each renewal.
    """

    name: str
    holder: str
    acquired_at: datetime
    expires_at: datetime


class LeaseStore(Protocol):
    """One long job of a name at a time."""

    def acquire_lease(
        self, name: str, holder: str, at: datetime, expires_at: datetime
    ) -> HeldLease | None:
        """Takes a lease that nobody has, or renews one's own; whether a holder lives, others judge.

        Returns:
            None when `holder` has it now, else the lease that is in the way.
        """

    def renew_lease(self, name: str, holder: str, expires_at: datetime) -> bool:
        """Renews a lease that is still the holder's; whether it was."""

    def break_lease(self, name: str, holder: str, expires_at: datetime | None = None) -> bool:
        """Ends the lease of a holder, if it is still theirs, and unchanged where a time is given.

        Returns:
            Whether it did.
        """

    def leases(self) -> list[HeldLease]:
        """Those that somebody holds, by name."""


class PageStore(Protocol):
    """Lists that are too long to be read whole, page by page."""

    def event_page(
        self,
        workspace_id: str,
        where: Mapping[str, Any],
        limit: int,
        after: tuple[datetime, int] | None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> pl.DataFrame:
        """Recommend events, newest first, with the column `id`.

        Args:
            workspace_id: whose.
            where: column to value; all hold. Of repaired_params the value is whether there are any.
            limit: most rows.
            after: at and id of the last row of the page before; None for the first page.
            since: only those at this time or later; None for no limit.
            until: only those before it; None for no limit.
        """

    def event_counts(self, workspace_id: str, since: datetime, until: datetime) -> pl.DataFrame:
        """Recommendations in since <= at < until, without probes, by name.

        Returns:
            strategy_name, objective_type, status, count, and how many of them were
            strict_to_relaxed, metadata_only, and had repaired_params.
        """


class BreakerStore(Protocol):
    """The circuit breakers of every replica, as it last said."""

    def save_breakers(
        self,
        replica: str,
        states: Sequence[Mapping[str, Any]],
        at: datetime,
        forget_s: float,
        changes: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Replaces what a replica says of its breakers, without waiting for other writers.

        Args:
            replica: who says it.
            states: service, state, failures, open_since, last_error of each; none when it ends.
            at: the time of the heartbeat; a state that is not what it was has changed then.
            forget_s: replicas without a heartbeat for so many seconds are forgotten.
            changes: what its breakers did since it last said so: at, service, state, changed
                (whether it is a change of state), failures, retries (since the row before it of
                this service), error. They are kept until they are deleted.

        Raises:
            BackendUnavailableError: it could not be written at once.
        """

    def breakers(self, since: datetime) -> pl.DataFrame:
        """The breakers of the replicas with a heartbeat since then, by replica and service.

        Returns:
            replica, service, state, failures, open_since, last_error, changed_at, heartbeat_at.
        """

    def breaker_changes(
        self, since: datetime | None, until: datetime | None, limit: int
    ) -> pl.DataFrame:
        """What breakers did in since <= at < until, newest first; None is no limit of time.

        Returns:
            at, replica, service, state, changed, failures, retries, error.
        """
