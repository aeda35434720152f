"""What the routes of one service share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from anyio import CapacityLimiter
from fastapi import Request

from tradingkb.jobs import JobRunner
from tradingkb.knowledge_base import KnowledgeBase
from tradingkb.limits import Backend, WorkspaceLimits
from tradingkb.resilience import BreakerJournal
from tradingkb.service.metrics import Metrics
from tradingkb.service.problems import ProblemError
from tradingkb.service.sentry import Sentry
from tradingkb.settings import Settings


@dataclass(frozen=True)
class Opened:
    """A knowledge base that is open, and what works beside its requests."""

    kb: KnowledgeBase
    runner: JobRunner
    journal: BreakerJournal


@dataclass(frozen=True)
class Service:
    """One running service.

    Attributes:
        settings: of the service and of what it serves.
        backend: counts requests.
        limits: how much each workspace may ask.
        reading: how many lists and reports it may ask for, beside that.
        metrics: what /metrics shows.
        sentry: told of what nobody foresaw; None without SENTRY_DSN.
        monotonic: seconds that only grow.
        new_id: makes request ids.
        turns: of questions: as many are answered at once as there are.
        draining: set from SIGTERM on: no new work, what is in flight ends.
        opened: holds the knowledge base once it is open.
        failed: why it could not be opened when the service started.
        ids: ids of workspaces by the names that were asked for.
    """

    settings: Settings
    backend: Backend
    limits: WorkspaceLimits
    reading: WorkspaceLimits
    metrics: Metrics
    sentry: Sentry | None
    monotonic: Callable[[], float]
    new_id: Callable[[], str]
    turns: threading.BoundedSemaphore
    draining: threading.Event = field(default_factory=threading.Event)
    opened: list[Opened] = field(default_factory=list)
    failed: list[BaseException] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def kb(self) -> KnowledgeBase:
        """The knowledge base.

        Raises:
            ProblemError: its database has not answered yet since the service started.
        """
        if not self.opened:
            raise ProblemError(
                503,
                "starting",
                "the database has not answered since the service started",
                remedy="wait; GET /ready says what is missing",
                retry_after_s=5,
            )
        return self.opened[0].kb


@dataclass
class Asked:
    """What is known of one request while it is answered.

    Attributes:
        request_id: under which it is logged, stored and answered.
        arrived_s: when, on the service's monotonic clock.
        headers: fields that its answer carries, whatever it is.
        problem: code of what was answered instead, for the log.
    """

    request_id: str
    arrived_s: float
    headers: dict[str, str] = field(default_factory=dict)
    problem: str = ""


def service_of(request: Request) -> Service:
    """The service that a request was sent to."""
    return cast(Service, request.app.state.service)


def asked_of(request: Request) -> Asked:
    """What is known of a request."""
    return cast(Asked, request.scope["state"]["asked"])


def probe_limiter(app: Any) -> CapacityLimiter:
    """Threads of probes: they answer while every other thread is at work."""
    return cast(CapacityLimiter, app.state.probes)
