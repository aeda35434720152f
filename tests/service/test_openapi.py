"""Requests that nobody thought of, made from the OpenAPI document, meet the document's answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    response_schema_conformance,
    status_code_conformance,
)

import tradingkb as tkb
from tests.noted import write_runbook
from tests.service.conftest import ADMIN, ROW, UNLIMITED
from tradingkb.service import create_app
from tradingkb.settings import load_settings

CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance]
#: Answers of 503 belong to the document of this one.
ROUTES = (
    ("GET", "/health"),
    ("GET", "/metrics"),
    ("POST", "/kb/trials/recommend"),
    ("POST", "/kb/trials/ingest"),
    ("POST", "/kb/reembed"),
    ("POST", "/kb/jobs/{job_id}/cancel"),
    ("POST", "/kb/trials/{trial_id}/promote"),
    ("POST", "/kb/trials/{trial_id}/reject"),
    ("POST", "/kb/trials/{trial_id}/archive"),
    ("GET", "/kb/trials"),
    ("POST", "/kb/trials/curate"),
    ("POST", "/kb/regime"),
    ("GET", "/kb/trials/count"),
    ("GET", "/kb/trials/density"),
    ("GET", "/kb/trials/grid"),
    ("GET", "/kb/trials/{trial_id}/history"),
    ("GET", "/kb/strategies"),
    ("GET", "/kb/strategies/{name}"),
    ("GET", "/kb/workspaces"),
    ("GET", "/kb/objectives"),
    ("GET", "/kb/events"),
    ("GET", "/kb/events/summary"),
    ("GET", "/kb/events/rates"),
    ("GET", "/kb/events/rejections"),
    ("GET", "/kb/events/{request_id}"),
    ("POST", "/kb/events/{request_id}/again"),
    ("GET", "/kb/changes"),
    ("GET", "/kb/breakers"),
    ("GET", "/kb/breakers/changes"),
    ("GET", "/kb/problems"),
    ("GET", "/kb/freshness"),
    ("GET", "/kb/jobs"),
    ("GET", "/kb/jobs/{job_id}"),
    ("GET", "/kb/runbooks"),
    ("GET", "/kb/runbooks/runs"),
    ("GET", "/kb/runbooks/runs/{run_id}"),
    ("GET", "/kb/runbooks/runs/{run_id}/report"),
    ("POST", "/kb/runbooks/{name}/runs"),
    ("GET", "/kb/schedules"),
    ("GET", "/kb/schedules/ticks"),
)


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service over a few trials, which anything may happen to."""
    home = tmp_path_factory.mktemp("tried") / "home"
    write_runbook(home.parent / "books")  # one that no request is likely to start
    books = {"runbooks_dir": home.parent / "books"}
    given = load_settings(home=home, admin_token=ADMIN["X-Admin-Token"], **UNLIMITED, **books)
    open_kb = partial(tkb.connect, settings=given, progress=False)
    with TestClient(create_app(open_kb, given, monotonic=time.monotonic)) as client:
        rows = [{**ROW, "source_id": str(n), "params": {"fast": n}} for n in range(20)]
        client.post("/kb/trials/ingest", json={"trials": rows}, headers=ADMIN)
        yield client


@pytest.fixture(scope="module")
def schema(tried: TestClient) -> Any:
    """The document, read once."""
    return schemathesis.openapi.from_asgi("/openapi.json", tried.app)


def test_every_route_of_the_document_is_tried(served):
    paths = served.get("/openapi.json").json()["paths"]
    told = {(m.upper(), path) for path, methods in paths.items() for m in methods}
    assert told == {*ROUTES, ("GET", "/ready")}


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=[f"{m} {p}" for m, p in ROUTES])
def test_no_request_is_answered_by_a_failure_or_otherwise_than_documented(schema, method, path):
    operation = schema[path][method]

    @settings(
        max_examples=20,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def ask(data):
        case = data.draw(operation.as_strategy())
        answer = case.call(headers=ADMIN)
        case.validate_response(answer, checks=CHECKS)

    ask()
