"""What watches the service: liveness, readiness, metrics. Never limited, and open to all."""

from __future__ import annotations

from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request, Response

from tradingkb import __version__
from tradingkb.masking import without_machines
from tradingkb.plain import plain
from tradingkb.service.documents import documented
from tradingkb.service.encoding import json_response
from tradingkb.service.forms import HEALTH, METRICS, READY
from tradingkb.service.state import Service, probe_limiter, service_of
from tradingkb.upkeep import Check
from tradingkb.workspaces import collection_name

router = APIRouter(tags=["probes"])


@router.get("/health", **documented(HEALTH))
async def health(request: Request) -> Response:
    """Whether the process lives, and what its circuit breakers do; always 200, asks no backend."""
    service = service_of(request)
    settings = service.settings
    return json_response(
        {
            "status": _status(service),
            "version": __version__,
            "replica": settings.replica,
            "embed_model": settings.embed_model,
            "active_collection": settings.collection or collection_name(settings.embed_model),
            "circuit_breakers": _breakers(service),
        }
    )


@router.get("/ready", **documented(READY))
async def ready(request: Request) -> Response:
    """Whether requests can be answered: 200, or 503 with what stands in the way."""
    service = service_of(request)
    checks = await to_thread.run_sync(_checks, service, limiter=probe_limiter(request.app))
    found: dict[str, Any] = {"ready": all(c["ok"] for c in checks.values()), "checks": checks}
    if service.draining.is_set():
        found |= {"ready": False, "draining": True}
    return json_response(found, 200 if found["ready"] else 503)


@router.get("/metrics", **documented(METRICS))
async def metrics(request: Request) -> Response:
    """Prometheus metrics of this replica."""
    service = service_of(request)
    text = await to_thread.run_sync(service.metrics.render, limiter=request.app.state.scrapes)
    return Response(text, media_type=service.metrics.content_type)


def _checks(service: Service) -> dict[str, dict[str, Any]]:
    limits = {"rate_limits": _limits_check(service).to_dict()}
    if not service.opened:
        waiting = {"ok": False, "detail": "has not answered since the service started"}
        return {"database": waiting, **limits}
    checks = service.kb.ready().checks
    return {**{name: _shown(check.to_dict()) for name, check in checks.items()}, **limits}


def _limits_check(service: Service) -> Check:
    started = service.monotonic()
    ok, detail, facts = service.backend.check()
    return Check(ok, detail, round((service.monotonic() - started) * 1000, 3), facts)


def _status(service: Service) -> str:
    if service.draining.is_set():
        return "draining"
    if not service.opened:
        return "starting"
    open_ones = [b for b in service.kb.health().circuit_breakers.values() if b["is_open"]]
    return "degraded" if open_ones else "ok"


def _breakers(service: Service) -> dict[str, Any]:
    if not service.opened:
        return {}
    found: dict[str, Any] = plain(service.kb.health().circuit_breakers)
    return {name: _shown(breaker) for name, breaker in found.items()}


def _shown(facts: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = without_machines(plain(facts))
    return found
