"""Liveness, readiness and metrics."""

from __future__ import annotations

from pathlib import Path

import tradingkb as tkb
from tests.service.conftest import Serve


def test_health_says_what_is_in_force_and_what_the_breakers_do(served):
    found = served.get("/health").json()
    assert (found["status"], found["version"]) == ("ok", tkb.__version__)
    assert (found["embed_model"], found["active_collection"]) == ("regime-v1", "kb_regime_v1_v1")
    breakers = found["circuit_breakers"]
    assert set(breakers) == {"supabase", "qdrant", "ollama"}
    for name, breaker in breakers.items():
        assert breaker["in_use"] is (name == "supabase")
        assert (breaker["failures"], breaker["is_open"], breaker["state"]) == (0, False, "closed")


def test_a_store_that_answers_is_ready(served):
    answer = served.get("/ready")
    assert answer.status_code == 200
    found = answer.json()
    assert found["ready"] is True
    assert set(found["checks"]) == {
        *("database", "qdrant_collection", "embed_service", "rate_limits")
    }


def test_a_store_that_is_still_empty_is_ready(serve: Serve):
    assert serve().get("/ready").status_code == 200


def test_a_dimension_that_differs_is_named(serve: Serve, sample_copy: Path):
    with tkb.connect(sample_copy, progress=False) as kb:
        kb.use_cases.indexer.vectors.ensure_collection("kb_short", 8)
    served = serve(sample_copy, collection="kb_short")
    answer = served.get("/ready")
    assert answer.status_code == 503
    detail = answer.json()["checks"]["qdrant_collection"]["detail"]
    assert "kb_short" in detail
    assert "8" in detail
    assert "64" in detail


def test_metrics_are_those_of_the_mission(served, question):
    served.post("/kb/trials/recommend", json=question)
    text = served.get("/metrics").text
    for name in (
        'resilience_retries_total{service="db"}',
        'resilience_retries_total{service="qdrant"}',
        'circuit_breaker_state{service="db"} 0.0',
        'circuit_breaker_state{service="qdrant"} 0.0',
        'circuit_breaker_failures_total{service="db"}',
        'circuit_breaker_trips_total{service="qdrant"}',
        "kb_recommend_total{",
        "kb_recommend_duration_seconds_bucket",
        "tradingkb_build_info",
    ):
        assert name in text


def test_a_service_that_drains_is_not_ready_and_lives(serve: Serve):
    served = serve()
    served.app.state.service.draining.set()
    assert served.get("/ready").status_code == 503
    assert served.get("/health").json()["status"] == "draining"


def test_docs_are_served_unless_they_are_switched_off(serve: Serve, served):
    assert served.get("/docs").status_code == 200
    assert served.get("/openapi.json").status_code == 200
    closed = serve(docs_enabled=False)
    assert closed.get("/docs").status_code == 404
    assert closed.get("/openapi.json").status_code == 404


def test_browsers_of_other_origins_may_ask_where_they_are_named(serve: Serve, served):
    asked = {"Origin": "https://desk.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in served.options("/kb/trials", headers=asked).headers
    open_to = serve(cors_origins="https://desk.example, https://lab.example")
    answer = open_to.options("/kb/trials/recommend", headers=asked)
    assert answer.headers["access-control-allow-origin"] == "https://desk.example"


def test_a_workspace_whose_model_is_not_known_here_is_not_ready(serve: Serve, sample_copy: Path):
    with tkb.connect(sample_copy, progress=False) as kb:
        space = kb.workspaces()["id"][0]
        kb.use_cases.store.set_active(space, "mxbai-embed-large", "kb_mxbai_embed_large_v1")
    found = serve(sample_copy).get("/ready")
    assert found.status_code == 503
    assert "mxbai-embed-large" in found.json()["checks"]["embed_service"]["detail"]
