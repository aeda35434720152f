"""/metrics of a service: what its log says, and all that the alerts ask for."""

from __future__ import annotations

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from tests.service.conftest import ADMIN, ROW, Serve

QUESTION = {"strategy_name": "s", "objective_type": "sharpe"}


def read(client: TestClient) -> dict[tuple[str, tuple[str, ...]], float]:
    """Name and values of labels, sorted by label, to the value of each sample."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_what_a_service_did_is_counted_and_everything_can_be_read(serve: Serve):
    client = serve()
    before = read(client)
    assert before["kb_ingest_last_success_timestamp_seconds", ()] == 0
    assert before["kb_scheduler_last_success_timestamp_seconds", ()] == 0
    ingested = client.post("/kb/trials/ingest", json={"trials": [ROW]}, headers=ADMIN)
    assert ingested.status_code == 200, ingested.text
    for _ in range(2):
        answer = client.post("/kb/trials/recommend", json=QUESTION).json()
    missing = client.get("/kb/jobs/0b6e1c9a-6f7e-4b39-8d3e-0a3a1c5d2e4f")
    assert missing.status_code == 404

    found = read(client)
    status = (answer["confidence_band"], answer["status"])
    assert found["kb_recommend_total", status] == 2
    assert found["kb_recommend_duration_seconds_count", ()] == 2
    assert found["kb_ingest_action_total", ("inserted",)] == 1
    assert found["kb_ingest_last_success_timestamp_seconds", ()] > 0
    assert found["circuit_breaker_calls_total", ("success", "db")] > 0
    assert found["kb_http_requests_total", ("GET", "/kb/jobs/{job_id}", "404")] == 1
    assert found["kb_http_request_duration_seconds_count", ("/kb/trials/recommend",)] == 2
    unread = {key: value for key, value in found.items() if key[0] == "kb_metrics_unread_total"}
    assert len(unread) == 5
    assert set(unread.values()) == {0}
