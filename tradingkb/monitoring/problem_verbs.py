"""The verbs of `KnowledgeBase` about what is wrong now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from tradingkb.domain import Workspace
from tradingkb.monitoring.freshness import Freshness, freshness
from tradingkb.monitoring.gathering import Ready, Sources, WatchedStore, gathered
from tradingkb.monitoring.problems import problems_of
from tradingkb.monitoring.report import Problems
from tradingkb.ports import FreshnessStore
from tradingkb.resilience import BreakerState
from tradingkb.verbs import only_reads


class _Store(WatchedStore, FreshnessStore, Protocol):
    def unhurried(self) -> Any: ...


class _Spaces(Protocol):
    def find(self, name: str, *, create_default: bool = False) -> Workspace: ...


class _Checks(Protocol):
    def ready(self) -> Ready: ...


class _Breakers(Protocol):
    def states(self) -> Mapping[str, BreakerState]: ...


class _Clocked(Protocol):
    @property
    def clock(self) -> Callable[[], datetime]: ...


class _Events(Protocol):
    @property
    def replica(self) -> str: ...
    def flush(self) -> int: ...


class _Asking(Protocol):
    @property
    def events(self) -> _Events: ...


class _UseCases(Protocol):
    """What these verbs delegate to."""

    @property
    def store(self) -> _Store: ...
    @property
    def workspaces(self) -> _Spaces: ...
    @property
    def checks(self) -> _Checks: ...
    @property
    def breakers(self) -> _Breakers: ...
    @property
    def indexer(self) -> _Clocked: ...
    @property
    def asking(self) -> _Asking: ...
    @property
    def again(self) -> Callable[[Callable[[], Any]], Any]: ...


class Watching:
    """Part of `KnowledgeBase`."""

    @property
    def use_cases(self) -> _UseCases:
        """What the verbs delegate to."""
        raise NotImplementedError

    def problems(self, workspace: str = "default") -> Problems:
        """What is wrong now, most severe first: since when, why, and which runbook treats it.

        By the thresholds of the alerts in data/monitoring/alerts.yaml, as far as the store tells,
        and the checks of `ready`. What cannot be read is a problem, too, and hides no other: it
        answers in seconds while the database is away.

        Args:
            workspace: slug or id; of its answers. Circuits, jobs, checks and the age of the last
                ingest are those of the whole store, as in the alerts.

        Raises:
            UnknownWorkspaceError: no such workspace, with near names.
        """
        uses = self.use_cases
        uses.asking.events.flush()
        sources = Sources(
            uses.store,
            uses.workspaces.find,
            uses.checks.ready,
            uses.breakers.states,
            uses.asking.events.replica,
        )
        now = uses.indexer.clock()
        facts = gathered(sources, workspace, now)
        return Problems(facts.workspace, now, problems_of(facts, now))

    @only_reads
    def freshness(self, workspace: str = "default") -> Freshness:
        """When the workspace was last fed, calibrated, backed up and asked.

        Args:
            workspace: slug or id.

        Raises:
            UnknownWorkspaceError: no such workspace, with near names.
        """
        self.use_cases.asking.events.flush()
        space = self.use_cases.workspaces.find(workspace)
        return freshness(self.use_cases.store, space, self.use_cases.indexer.clock())
