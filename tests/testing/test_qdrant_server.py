"""The Qdrant server for tests answers as the real one does, where an operator or a client looks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tradingkb.testing.qdrant_server import QdrantServer

MADE = {"vectors": {"size": 2, "distance": "Cosine"}, "on_disk_payload": True}
POINT = {"id": "7d9f4a52-0000-4000-8000-000000000001", "vector": [3.0, 4.0], "payload": {"a": 1}}


@pytest.fixture(scope="module")
def running() -> Iterator[QdrantServer]:
    with QdrantServer() as server:
        yield server


@pytest.fixture
def server(running: QdrantServer) -> QdrantServer:
    """A server that keeps nothing yet."""
    running.restore()
    running.state.empty()
    running.requests.clear()
    return running


@pytest.fixture
def http(server: QdrantServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url) as client:
        yield client


def put(http: httpx.Client, *points: Any) -> httpx.Response:
    return http.put("/collections/kb/points?wait=true", json={"points": points or [POINT]})


def test_missing_things_are_404_and_existing_ones_409(http: httpx.Client) -> None:
    for path in ("/collections/kb", "/collections/kb/snapshots", "/collections/kb/cluster", "/x"):
        assert http.get(path).status_code == 404
    assert http.get("/collections/kb").json()["status"] == {
        "error": "Not found: Collection `kb` doesn't exist!"
    }
    assert http.put("/collections/kb", json=MADE).json()["result"] is True
    assert http.put("/collections/kb", json=MADE).status_code == 409
    assert http.post("/collections/kb/points/scroll", json={}).status_code == 200
    assert http.get("/collections/kb/snapshots/none").status_code == 404


def test_deleting_twice_is_no_error(http: httpx.Client) -> None:
    http.put("/collections/kb", json=MADE)
    assert [http.delete("/collections/kb").json()["result"] for _ in range(2)] == [True, False]


def test_an_older_server_says_400_of_what_exists(http: httpx.Client, server: QdrantServer) -> None:
    server.version = "1.7.4"
    http.put("/collections/kb", json=MADE)
    assert http.put("/collections/kb", json=MADE).status_code == 400
    assert http.post("/collections/kb/points/query/groups", json={}).status_code == 404
    server.version = "1.16.0"


def test_wrong_points_are_refused_and_nothing_is_written(http: httpx.Client) -> None:
    http.put("/collections/kb", json=MADE)
    for wrong in ({**POINT, "vector": [1.0]}, {**POINT, "id": "<point_id>"}, {"id": 1}):
        assert put(http, POINT, wrong).status_code == 400
    assert http.post("/collections/kb/points/count", json={}).json()["result"]["count"] == 0


def test_a_write_says_whether_it_has_happened(http: httpx.Client, server: QdrantServer) -> None:
    http.put("/collections/kb", json=MADE)
    one = http.put("/collections/kb/points", json={"points": [POINT]})
    assert one.json()["result"]["status"] == "acknowledged"
    server.time_out_writes(1, applied=False)
    assert put(http, {**POINT, "id": 7}).json()["result"]["status"] == "wait_timeout"
    assert http.post("/collections/kb/points/count", json={}).json()["result"]["count"] == 1
    assert put(http, {**POINT, "id": 7}).json()["result"]["status"] == "completed"
    assert http.post("/collections/kb/points/count", json={}).json()["result"]["count"] == 2


def test_counts_are_exact_where_that_is_asked_for(http: httpx.Client, server: QdrantServer) -> None:
    http.put("/collections/kb", json=MADE)
    put(http)
    server.off_by = 5
    counted = [
        http.post("/collections/kb/points/count", json={"exact": exact}).json()["result"]["count"]
        for exact in (True, False)
    ]
    assert counted == [1, 6]
    assert http.get("/collections/kb").json()["result"]["points_count"] == 6
    server.off_by = 0


def test_payload_indexes_are_in_the_schema(http: httpx.Client) -> None:
    http.put("/collections/kb", json=MADE)
    tenant = {"type": "keyword", "is_tenant": True}
    for field, kind in (("workspace_id", tenant), ("n_trades", "integer")):
        http.put("/collections/kb/index", json={"field_name": field, "field_schema": kind})
    schema = http.get("/collections/kb").json()["result"]["payload_schema"]
    assert {field: kind["data_type"] for field, kind in schema.items()} == {
        "workspace_id": "keyword",
        "n_trades": "integer",
    }


def test_an_alias_that_was_deleted_stays_deleted_when_the_next_action_is_refused(
    http: httpx.Client,
) -> None:
    http.put("/collections/kb", json=MADE)
    create = {"create_alias": {"collection_name": "kb", "alias_name": "al"}}
    delete = {"delete_alias": {"alias_name": "al"}}
    http.post("/collections/aliases", json={"actions": [create]})
    assert http.get("/collections/al").status_code == 200
    wrong = {"create_alias": {"collection_name": "none", "alias_name": "al"}}
    refused = http.post("/collections/aliases", json={"actions": [delete, wrong]})
    assert refused.status_code == 404
    assert http.get("/aliases").json()["result"]["aliases"] == []


def test_a_snapshot_outlives_its_collection_but_is_only_read_under_its_name(
    http: httpx.Client, server: QdrantServer
) -> None:
    http.put("/collections/kb", json=MADE)
    put(http)
    name = http.post("/collections/kb/snapshots").json()["result"]["name"]
    location = f"{server.url}/collections/kb/snapshots/{name}"

    def recover(into: str) -> int:
        asked = {"location": location, "priority": "snapshot"}
        return http.put(f"/collections/{into}/snapshots/recover", json=asked).status_code

    assert recover("kb_2") == 200
    assert http.post("/collections/kb_2/points/count", json={}).json()["result"]["count"] == 1
    http.delete("/collections/kb")
    assert recover("kb") == 400
    http.put("/collections/kb", json=MADE)
    assert recover("kb") == 200
    assert http.get(f"/collections/kb/points/{POINT['id']}").json()["result"]["payload"] == {"a": 1}
    other = {"vectors": {"size": 3, "distance": "Cosine"}}
    http.put("/collections/kb_3", json=other)
    assert recover("kb_3") == 400
    assert http.delete(f"/collections/kb/snapshots/{name}").json()["result"] is True
    assert recover("kb") == 400


def test_keys_open_what_they_may() -> None:
    with (
        QdrantServer(api_key="full", read_only_key="read") as server,
        httpx.Client(base_url=server.url) as http,
    ):
        assert http.get("/healthz").text == "healthz check passed"
        statuses = [
            http.request(method, "/collections/kb", json=MADE, headers={"api-key": key}).status_code
            for key in ("", "wrong", "read", "full")
            for method in ("GET", "PUT")
        ]
        assert statuses == [401, 401, 401, 401, 404, 403, 404, 200]
        bearer = {"Authorization": "Bearer full"}
        assert http.get("/collections/kb", headers=bearer).status_code == 200


def test_it_fails_as_it_is_told_and_keeps_what_it_has(
    http: httpx.Client, server: QdrantServer
) -> None:
    http.put("/collections/kb", json=MADE)
    server.fail(503, times=2, path="/snapshots")
    assert http.get("/collections/kb").status_code == 200
    tried = [http.get("/collections/kb/snapshots").status_code for _ in range(3)]
    assert tried == [503, 503, 200]
    server.refuse()
    with pytest.raises(httpx.TransportError):
        http.get("/collections/kb")
    server.listen()
    assert http.get("/collections/kb").status_code == 200
    server.ready = False
    assert http.get("/readyz").status_code == 503
    server.ready = True
