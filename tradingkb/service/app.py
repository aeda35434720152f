"""The application: routes, errors and what begins and ends with it."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Any, Final

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.engine import make_url
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from tradingkb import __version__
from tradingkb.exceptions import BackendUnavailableError, TradingKBError
from tradingkb.knowledge_base import KnowledgeBase
from tradingkb.limits import PER_MINUTE, READS, Backend, WorkspaceLimits, backend_of
from tradingkb.masking import anonymous
from tradingkb.observability import emit, subscribe
from tradingkb.ports import patience
from tradingkb.service.edge import Edge
from tradingkb.service.metrics import Metrics
from tradingkb.service.problems import MEDIA_TYPE, ProblemError, problem_of
from tradingkb.service.routes import ROUTERS
from tradingkb.service.sentry import Sentry
from tradingkb.service.state import Opened, Service, asked_of
from tradingkb.settings import Settings, shown_settings

#: Ingests that are worked on at once: others wait, and hold up nobody who asks.
_INGESTS: Final = 2
#: Seconds that a scrape waits for the database in each of its readings.
_SCRAPE_S: Final = 1.0
#: Threads for probes: as many as may ask at once.
_PROBES: Final = 4
#: Seconds that the first attempt to open it may hold up the start.
_FIRST_TRY_S: Final = 10.0
#: Seconds between two attempts to open a knowledge base whose database does not answer.
_REOPEN_S: Final = 2.0


def create_app(
    open_kb: Callable[[], KnowledgeBase],
    settings: Settings,
    *,
    monotonic: Callable[[], float],
    new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    sentry: Sentry | None = None,
) -> FastAPI:
    """The HTTP service over one knowledge base.

    Args:
        open_kb: opens it; tried again while its database does not answer.
        settings: of the service.
        monotonic: seconds that only grow, for deadlines and limits.
        new_id: makes request ids.
        sentry: told of what nobody foresaw.

    Raises:
        ConfigurationError: requests cannot be counted where RATE_LIMIT_BACKEND says.
    """
    backend = backend_of(settings, monotonic)
    asking = (settings.rate_limit_per_minute, settings.rate_limit_concurrent)
    reading = (settings.rate_limit_reads_per_minute, settings.rate_limit_reads_concurrent)
    service = Service(
        settings,
        backend,
        _limits(backend, PER_MINUTE, *asking, never_closed=False),
        _limits(backend, READS, *reading, never_closed=True),
        _metrics(lambda: service.opened, backend),
        sentry,
        monotonic,
        new_id,
        threading.BoundedSemaphore(_turns(settings)),
    )
    app = FastAPI(
        title="tradingkb",
        version=__version__,
        summary="Which strategy parameters do your own backtests support in the market as it is?",
        lifespan=partial(_lifespan, open_kb),
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs_enabled else None,
    )
    app.state.service = service
    app.state.probes = CapacityLimiter(_PROBES)
    for router in ROUTERS:
        app.include_router(router)
    app.state.ingests = CapacityLimiter(_INGESTS)
    app.state.scrapes = CapacityLimiter(1)
    for kind in (ProblemError, TradingKBError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _answered)
    if origins := [o.strip() for o in settings.cors_origins.split(",") if o.strip()]:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", *_OWN_FIELDS],
            expose_headers=["X-Request-ID", "RateLimit", "RateLimit-Policy", "Retry-After"],
        )
    app.add_middleware(Edge, service=service)
    return app


def _limits(
    backend: Backend, name: str, per_minute: int, concurrent: int, *, never_closed: bool
) -> WorkspaceLimits:
    share = backend.share(name, per_minute, concurrent, never_closed=never_closed)
    return WorkspaceLimits(per_minute, concurrent, name=name, share=share)


def _turns(settings: Settings) -> int:
    """Questions that are answered at once: one where nothing is waited for but the processor.

    Python runs one of them at a time anyway. Eight that take turns at every call of SQLite or NumPy
    cost twice the processor time of eight that follow each other.
    """
    backend = make_url(settings.store_url).get_backend_name()
    embedded = backend == "sqlite" and settings.qdrant_url is None
    return 1 if embedded else settings.threads


_OWN_FIELDS: Final = ("X-Admin-Token", "X-Request-ID")


def _metrics(opened: Callable[[], list[Opened]], backend: Backend) -> Metrics:
    """Metrics that read breakers, jobs and dropped events when they are asked for."""

    def asked(ask: Callable[[KnowledgeBase], Any], otherwise: Any) -> Callable[[], Any]:
        def read() -> Any:
            if not opened():
                return otherwise
            with patience(_SCRAPE_S):
                return ask(opened()[0].kb)

        return read

    return Metrics(
        version=__version__,
        breakers=lambda: {
            **asked(lambda kb: kb.use_cases.breakers.states(), {})(),
            **backend.breakers(),
        },
        jobs=asked(lambda kb: kb.use_cases.jobs.counts(), {}),
        job_waits=asked(lambda kb: kb.use_cases.jobs.waits(), {}),
        events_dropped=asked(lambda kb: kb.use_cases.asking.events.dropped, 0),
        last_success=asked(_last_success, {}),
        runbooks=asked(lambda kb: kb.use_cases.store.runbook_counts().rows(), ()),
    )


def _last_success(kb: KnowledgeBase) -> dict[str, datetime | None]:
    done = kb.use_cases.jobs.last_success().values()
    store = kb.use_cases.store
    return {
        "ingest": store.last_ingest(),
        "jobs": max(done, default=None),
        "scheduler": store.last_schedule_turn(),
    }


@asynccontextmanager
async def _lifespan(open_kb: Callable[[], KnowledgeBase], app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    to_thread.current_default_thread_limiter().total_tokens = service.settings.threads
    async with AsyncExitStack() as stack:
        stack.callback(service.backend.close)
        stack.callback(subscribe(service.metrics.subscriber))
        tried = asyncio.Event()
        opening = asyncio.create_task(_open(open_kb, service, tried))
        # A database that answers has answered before the first request; for one that hangs, whoever
        # watches this process does not wait.
        with suppress(TimeoutError):
            await asyncio.wait_for(tried.wait(), _FIRST_TRY_S)
        if opening.done() and (error := opening.exception()) is not None:
            service.failed.append(error)
            raise error
        emit("service_started", version=__version__, replica=service.settings.replica)
        yield
        service.draining.set()
        opening.cancel()
        with suppress(asyncio.CancelledError):
            await opening
        if service.opened:
            await to_thread.run_sync(_close, service, limiter=CapacityLimiter(1))
        emit("service_stopped", replica=service.settings.replica)


async def _open(
    open_kb: Callable[[], KnowledgeBase], service: Service, tried: asyncio.Event
) -> None:
    """Opens the knowledge base, however long its database takes to come up."""
    opened: list[KnowledgeBase] = []
    while True:
        try:
            await to_thread.run_sync(lambda: opened.append(open_kb()))
        except Exception as error:
            # What is wrong with the settings shows at once; what comes later passes, or is mended.
            if not (isinstance(error, BackendUnavailableError) or tried.is_set()):
                tried.set()
                raise
            tried.set()
            emit("service_waits", error=f"{type(error).__name__}: {anonymous(str(error))}")
            await asyncio.sleep(_REOPEN_S)
            continue
        finally:
            if opened and asyncio.current_task().cancelling():  # type: ignore[union-attr]
                opened.pop().close()
        (kb,) = opened
        runner, journal = kb.job_runner(), kb.use_cases.journal
        runner.start()
        # Before the first rows are written.
        service.backend.join(kb.use_cases.breakers)
        journal.start()
        await to_thread.run_sync(_note_start, kb)
        service.opened.append(Opened(kb, runner, journal))
        tried.set()
        return


def _note_start(kb: KnowledgeBase) -> None:
    kb.use_cases.notes.started(kb.settings.replica, __version__, shown_settings(kb.settings))


def _close(service: Service) -> None:
    """Gives leases back, writes what is queued, and closes."""
    opened = service.opened.pop()
    opened.runner.stop(service.settings.shutdown_grace_s)
    opened.journal.stop()
    opened.kb.close()


def _answered(request: Request, error: Exception) -> Response:
    """The problem that an error is, as a response."""
    problem = problem_of(_known(error))
    asked = asked_of(request)
    asked.problem = problem.code
    return Response(
        problem.body(asked.request_id),
        problem.status,
        problem.header_fields(),
        media_type=MEDIA_TYPE,
    )


def _known(error: Exception) -> Exception:
    """Errors of the framework as problems."""
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        # Of a parameter that is given several times the place within is said last.
        name = [part for part in first["loc"] if isinstance(part, str)][-1][:80]
        return ProblemError(
            422,
            "invalid_query",
            f"{name}: {first['msg']}",
            remedy=f"correct {name}",
            field=name,
        )
    if isinstance(error, HTTPException):
        codes = {404: "unknown_route", 405: "unknown_method"}
        return ProblemError(
            error.status_code,
            codes.get(error.status_code, "refused"),
            str(error.detail),
            remedy="look the routes up: GET /openapi.json lists them, unless DOCS_ENABLED is false"
            if error.status_code in codes
            else None,
            headers=dict(error.headers or {}),
        )
    return error
