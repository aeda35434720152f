"""The service on PostgreSQL, and while its database or its vector server is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import stamina
from fastapi.testclient import TestClient

import tradingkb as tkb
from tests.service.conftest import ADMIN, ROW, UNLIMITED
from tradingkb.service import create_app
from tradingkb.settings import load_settings
from tradingkb.testing.proxy import FaultyProxy

RECOMMEND = "/kb/trials/recommend"
ASKED = {"strategy_name": "s", "regime": ["uptrend"]}
ROWS = [{**ROW, "source_id": str(n), "params": {"fast": n % 4}} for n in range(24)]


class Seconds:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Retries follow each other at once."""
    stamina.set_testing(True, attempts=2)
    yield
    stamina.set_testing(False)


@pytest.fixture
def proxy(postgres_url: sa.URL) -> Iterator[FaultyProxy]:
    query = dict(postgres_url.query)
    with FaultyProxy(f"{query['host']}/.s.PGSQL.{query.get('port', 5432)}") as proxy:
        yield proxy


@pytest.fixture
def on_postgres(
    postgres_database: str, proxy: FaultyProxy, seconds: Seconds, tmp_path: Path
) -> Iterator[TestClient]:
    """A service whose way to PostgreSQL can be cut."""
    url = sa.make_url(postgres_database)
    through = url.set(host="127.0.0.1", port=proxy.port, query={})
    settings = load_settings(
        home=tmp_path / "home",
        database_url=through.render_as_string(hide_password=False),
        admin_token=ADMIN["X-Admin-Token"],
        **UNLIMITED,
    )
    open_kb = partial(tkb.connect, settings=settings, monotonic=seconds, progress=False)
    with TestClient(create_app(open_kb, settings, monotonic=seconds)) as client:
        client.post("/kb/trials/ingest", json={"trials": ROWS}, headers=ADMIN)
        yield client


def database(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/health").json()["circuit_breakers"]["supabase"]
    return found


def is_ready(client: TestClient) -> None:
    """A check has two seconds, which a busy machine may need for a first connection."""
    answers = []
    for _ in range(10):
        answers.append(client.get("/ready"))
        if answers[-1].status_code == 200:
            return
    raise AssertionError(answers[-1].text)


def test_the_service_answers_on_postgresql_alone(on_postgres: TestClient):
    is_ready(on_postgres)
    answer = on_postgres.post(RECOMMEND, json=ASKED)
    assert answer.status_code == 200, answer.text
    assert answer.json()["params"] is not None
    assert len(on_postgres.get("/kb/trials?limit=1000").json()["trials"]) == len(ROWS)
    assert on_postgres.get("/kb/events").json()["events"][0]["strategy_name"] == "s"
    again = on_postgres.post("/kb/trials/ingest", json={}, headers=ADMIN).json()
    assert again["skipped"] == len(ROWS)


def test_a_database_that_is_away_opens_the_circuit_and_is_tried_again_later(
    on_postgres: TestClient, proxy: FaultyProxy, seconds: Seconds
):
    assert on_postgres.post(RECOMMEND, json=ASKED).status_code == 200
    proxy.refuse()
    proxy.cut()
    answers = [on_postgres.post(RECOMMEND, json=ASKED) for _ in range(6)]
    assert {a.status_code for a in answers[:-1]} <= {500, 503}
    last = answers[-1]
    assert last.status_code == 500
    assert "circuit breaker is open" in last.json()["detail"]
    assert 1 <= int(last.headers["retry-after"]) <= 30
    for answer in answers:
        assert "127.0.0.1" not in answer.text
        assert answer.json()["remedy"]
    assert database(on_postgres)["is_open"] is True
    assert database(on_postgres)["last_error"]
    assert on_postgres.get("/health").json()["status"] == "degraded"
    assert on_postgres.get("/ready").status_code == 503
    # What is wrong is told without the database; the name of a workspace is not looked up then.
    for workspace in ("default", "never-asked-for"):
        wrong = on_postgres.get(f"/kb/problems?workspace_id={workspace}")
        assert wrong.status_code == 200, wrong.text
        assert wrong.json()["open"][0]["severity"] == "critical"
        assert "127.0.0.1" not in wrong.text
    assert on_postgres.get("/kb/freshness").status_code == 500
    metrics = on_postgres.get("/metrics").text
    assert 'circuit_breaker_state{service="db"} 1.0' in metrics
    assert 'circuit_breaker_trips_total{service="db"} 1.0' in metrics
    proxy.restore()
    seconds.now += 31
    assert on_postgres.post(RECOMMEND, json=ASKED).status_code == 200
    assert database(on_postgres)["state"] == "closed"
    is_ready(on_postgres)


def test_a_connection_that_was_lost_costs_no_answer(on_postgres: TestClient, proxy: FaultyProxy):
    assert on_postgres.post(RECOMMEND, json=ASKED).status_code == 200
    proxy.cut()
    assert on_postgres.post(RECOMMEND, json=ASKED).status_code == 200
    assert database(on_postgres)["is_open"] is False


def test_a_vector_server_that_refuses_leaves_answers_without_similarity(
    serve: Callable[..., TestClient], kept_home: Path
):
    served = serve(kept_home, qdrant_url="http://127.0.0.1:1")
    for _ in range(6):
        answer = served.post(RECOMMEND, json={"strategy_name": "sma_cross", "regime": ["uptrend"]})
        assert answer.status_code == 200
        found = answer.json()
        assert (found["status"], found["metadata_only"]) == ("degraded", True)
        assert "no_embedding_available" in found["reasons"]
    breaker = served.get("/health").json()["circuit_breakers"]["qdrant"]
    assert (breaker["in_use"], breaker["is_open"]) == (True, True)
    assert served.get("/ready").status_code == 503
    assert "127.0.0.1" not in served.get("/ready").text + served.get("/health").text
