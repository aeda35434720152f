"""The verbs of `KnowledgeBase` about what happened: rates, rejections, changes, breakers.

Each verb is its docstring and a delegation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol

import polars as pl

from tradingkb.monitoring.changes import with_sentences
from tradingkb.monitoring.found_event import found_event
from tradingkb.monitoring.rebuild import RollupReport, rebuild
from tradingkb.monitoring.spans import (
    Moment,
    checked_bucket,
    checked_by,
    checked_limit,
    open_span,
    span,
    whole_hours,
)
from tradingkb.ports import BreakerStore, ReportStore
from tradingkb.resilience import ALIVE_S
from tradingkb.verbs import only_reads, takes_long
from tradingkb.workspaces import DEFAULT_WORKSPACE, Workspaces


class _Store(ReportStore, BreakerStore, Protocol):
    """What these verbs need of a store."""

    def unhurried(self) -> AbstractContextManager[None]:
        """What is asked inside has no deadline."""


class _Indexer(Protocol):
    @property
    def clock(self) -> Callable[[], datetime]: ...


class _Events(Protocol):
    def flush(self) -> int: ...


class _Asking(Protocol):
    @property
    def events(self) -> _Events: ...


class _UseCases(Protocol):
    """What these verbs delegate to."""

    @property
    def store(self) -> _Store: ...
    @property
    def workspaces(self) -> Workspaces: ...
    @property
    def asking(self) -> _Asking: ...
    @property
    def indexer(self) -> _Indexer: ...
    @property
    def again(self) -> Callable[[Callable[[], Any]], Any]: ...


class EventReports:
    """Part of `KnowledgeBase`."""

    @property
    def use_cases(self) -> _UseCases:
        """What the verbs delegate to."""
        raise NotImplementedError

    @only_reads
    def event_rates(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        since: Moment = None,
        until: Moment = None,
        bucket: str = "hour",
        by: Sequence[str] = (),
    ) -> pl.DataFrame:
        """How many answers were ok, degraded and none, by time; probes left out.

        By hour, day and in all they are counted from sums which outlive the events, in whole hours:
        the one that `since` lies in counts from its beginning.

        Args:
            workspace: slug or id.
            since: a time or ISO text; naive ones are UTC. Default 24 hours before `until`.
            until: likewise, not included; default now.
            bucket: "minute" (of 48 hours at most, from the stored events), "hour", "day" or "all".
            by: any of strategy_name, objective_type, source and replica.

        Returns:
            at (the start of the bucket, UTC; not of "all"), *by, status, count, and of them
            strict_to_relaxed, metadata_only, repaired_params and low_count (few_candidates or
            few_windows); seconds (sum of the times they took), and le_10_ms to le_3000_ms (how many
            took no longer). By minute all but the count is null. Only what there is, in order.

        Raises:
            InvalidInputError: what is no time, bucket or column to count by.
        """
        self.use_cases.asking.events.flush()
        within = span(since, until, self.use_cases.indexer.clock())
        length = checked_bucket(bucket, within, ("minute", "hour", "day", "all"))
        names = checked_by(by, ("strategy_name", "objective_type", "source", "replica"))
        within = within if length == "minute" else whole_hours(within)
        space = self.use_cases.workspaces.find(workspace)
        return self.use_cases.store.event_rates(space.id, *within, length, names)

    @only_reads
    def rejections(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        since: Moment = None,
        until: Moment = None,
        bucket: str = "all",
        by: Sequence[str] = ("strategy_name", "filter"),
    ) -> pl.DataFrame:
        """What strict filters turned away, and whom a change of one alone would have helped.

        Counted in whole hours, without probes; arguments as for `event_rates`.

        Args:
            workspace: slug or id.
            since: from when; default 24 hours before `until`.
            until: until when, not included; default now.
            bucket: "hour", "day" or "all".
            by: any of strategy_name and filter.

        Returns:
            at (not of "all"), *by, asked (answers with the filter in force), requests (in which it
            failed a trial), requests_only (in which it alone failed one), trials and trials_only
            (sums of trials that fail it, and that fail nothing else), saved (answers that were not
            ok, and to which a sufficient relaxation of this filter was recommended).

        Raises:
            InvalidInputError: what is no time, bucket or column to count by.
        """
        self.use_cases.asking.events.flush()
        within = span(since, until, self.use_cases.indexer.clock())
        length = checked_bucket(bucket, within, ("hour", "day", "all"))
        names = checked_by(by, ("strategy_name", "filter"))
        space = self.use_cases.workspaces.find(workspace)
        return self.use_cases.store.rejections(space.id, *whole_hours(within), length, names)

    @only_reads
    def event(
        self, request_id: str, workspace: str = DEFAULT_WORKSPACE, at: Moment = None
    ) -> dict[str, Any]:
        """One recorded answer: structures are read, times are aware UTC.

        Args:
            request_id: the name of its request; asked again under one name, it has several answers.
            workspace: slug or id.
            at: which of them; default the newest.

        Raises:
            NotFoundError: no such event; it may have been pruned.
        """
        self.use_cases.asking.events.flush()
        space = self.use_cases.workspaces.find(workspace)
        return found_event(self.use_cases.store, space.id, request_id, at)

    @only_reads
    def recent_changes(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        since: Moment = None,
        until: Moment = None,
        limit: int = 100,
    ) -> pl.DataFrame:
        """What was done that may alter answers, newest first: what changed before it broke?

        Args:
            workspace: slug or id; what concerns the whole store is in it.
            since: from when; default no limit.
            until: until when, not included; default no limit.
            limit: most rows, up to 1000.

        Returns:
            at, kind (ingest, reembed, withdrawal, strategy, status, activate, calibrate, backup,
            restore, prune or start), what (a short sentence), actor ("" for unknown), facts (JSON
            text). One act on many trials is one row.

        Raises:
            InvalidInputError: what is no time or number of rows.
        """
        space = self.use_cases.workspaces.find(workspace)
        within, n = open_span(since, until), checked_limit(limit)
        return with_sentences(self.use_cases.store.change_rows(space.id, *within, n))

    @only_reads
    def breakers(self) -> pl.DataFrame:
        """The circuit breakers of every replica that lives, as it last said.

        Returns:
            replica, service, state, failures, open_since, last_error, changed_at, heartbeat_at, by
            replica and service.
        """
        since = self.use_cases.indexer.clock() - timedelta(seconds=ALIVE_S)
        return self.use_cases.store.breakers(since)

    @only_reads
    def breaker_changes(
        self, since: Moment = None, until: Moment = None, limit: int = 1000
    ) -> pl.DataFrame:
        """What the circuit breakers of all replicas did, newest first.

        Args:
            since: from when; default no limit.
            until: until when, not included; default no limit.
            limit: most rows, up to 1000.

        Returns:
            at, replica, service, state, changed (whether it is a change of state, or tells of
            retries alone), failures, retries (since the row before it of this replica and service),
            error.

        Raises:
            InvalidInputError: what is no time or number of rows.
        """
        within, n = open_span(since, until), checked_limit(limit)
        return self.use_cases.store.breaker_changes(*within, n)

    @takes_long
    def rebuild_rollups(self, workspace: str | None = None) -> RollupReport:
        """Makes the sums of `event_rates` and `rejections` anew from the events that are stored.

        Needed after a release before schema 0008 has written events: they lack in the sums. Hours
        of which events were pruned are left alone. Others may ask and answer meanwhile.

        Args:
            workspace: slug or id; default all.

        Raises:
            UnknownWorkspaceError: no such workspace.
        """
        self.use_cases.asking.events.flush()
        space = None if workspace is None else self.use_cases.workspaces.find(workspace)
        return rebuild(self.use_cases.store, None if space is None else space.id)
