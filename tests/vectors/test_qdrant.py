"""What a Qdrant server does that the in-memory client does not: faults, and few groups."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    EmptyCollectionError,
)
from tradingkb.ports import VectorFilter
from tradingkb.testing.sample_points import EAST, EVERYTHING, points, windows
from tradingkb.vectors.qdrant import QdrantVectorIndex
from tradingkb.vectors.qdrant_connection import connect_qdrant
from tradingkb.vectors.qdrant_filter import filter_json


class Server(ThreadingHTTPServer):
    """Answers every request alike, and keeps what was asked."""

    daemon_threads = True
    status, body, headers, delay = 200, b"", {}, 0.0

    def __init__(self):
        self.requests: list[tuple[str, str, dict]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append((self.command, self.path, json.loads(body or b"{}")))
        time.sleep(self.server.delay)
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.server.body)))
        with contextlib.suppress(BrokenPipeError):  # the client did not wait for the answer
            self.end_headers()
            self.wfile.write(self.server.body)

    do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def remote(server):
    index = QdrantVectorIndex(connect_qdrant(server.url, timeout_s=1))
    yield index
    index.close()


CALLS = {
    "count": lambda i: i.count("kb"),
    "search": lambda i: i.nearest_windows("kb", EAST, EVERYTHING, 3),
    "upsert": lambda i: i.upsert("kb", points((1, EAST, {}))),
    "delete": lambda i: i.delete("kb", ["00000000-0000-0000-0000-000000000001"]),
    "dimension": lambda i: i.dimension("kb"),
    "alias": lambda i: i.alias("kb_trials"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (500, {}, BackendUnavailableError),
        (503, {}, BackendUnavailableError),
        (429, {}, BackendUnavailableError),
        (429, {"Retry-After": "3"}, BackendUnavailableError),
        (401, {}, ConfigurationError),
        (403, {}, ConfigurationError),
    ],
)
def test_an_answer_that_is_an_error_says_what_to_do(server, remote, call, status, headers, error):
    server.status, server.headers = status, headers
    with pytest.raises(error):
        call(remote)


def test_a_collection_that_the_server_does_not_have_is_empty(server, remote):
    server.status = 404
    with pytest.raises(EmptyCollectionError, match="'kb'"):
        remote.count("kb")
    assert remote.dimension("kb") is None


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_server_that_is_not_there_is_unavailable(call):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        index = QdrantVectorIndex(connect_qdrant(f"http://127.0.0.1:{taken.getsockname()[1]}"))
        with pytest.raises(BackendUnavailableError):
            call(index)
        index.close()


def test_a_server_that_answers_too_late_is_unavailable(server, remote):
    server.delay = 1.5
    started = time.monotonic()
    with pytest.raises(BackendUnavailableError):
        remote.count("kb")
    assert time.monotonic() - started < 1.4


def test_another_web_server_at_that_address_is_a_wrong_setting(server, remote):
    server.body = b"<html>welcome</html>"
    with pytest.raises(ConfigurationError, match="QDRANT_URL"):
        remote.count("kb")


def test_a_url_that_is_none_is_a_wrong_setting():
    with pytest.raises(ConfigurationError, match="QDRANT_URL"):
        connect_qdrant("ftp://somewhere:6333")


def test_a_write_that_the_server_has_not_applied_yet_is_not_taken_as_done(server, remote):
    result = {"result": {"operation_id": 1, "status": "wait_timeout"}, "status": "ok", "time": 1}
    server.body = json.dumps(result).encode()
    with pytest.raises(BackendUnavailableError, match="not applied"):
        remote.upsert("kb", points((1, EAST, {})))


def test_writes_wait_and_searches_are_exact(server, remote):
    for call in CALLS.values():
        server.status = 500
        with pytest.raises(BackendUnavailableError):
            call(remote)
    asked = {path: body for _, path, body in server.requests}
    assert asked["/collections/kb/points/count"]["exact"] is True
    assert asked["/collections/kb/points/query/groups"]["params"]["exact"] is True
    assert asked["/collections/kb/points/query/groups"]["group_by"] == "window_key"
    assert "/collections/kb/points?wait=true" in asked
    assert "/collections/kb/points/delete?wait=true" in asked


def test_a_collection_is_made_with_the_cluster_settings_and_an_index_per_payload_field(
    monkeypatch, qdrant
):
    made, indexed = {}, []
    create = qdrant.client.create_collection
    monkeypatch.setattr(
        qdrant.client,
        "create_collection",
        lambda name, **settings: (made.update(settings), create(name, **settings)),
    )
    monkeypatch.setattr(
        qdrant.client, "create_payload_index", lambda _, field, **__: indexed.append(field)
    )
    index = QdrantVectorIndex(
        qdrant.client, shard_number=3, replication_factor=2, write_consistency_factor=2
    )
    index._local = False
    index.ensure_collection("kb", 4)
    settings = ("on_disk_payload", "shard_number", "replication_factor", "write_consistency_factor")
    assert [made[key] for key in settings] == [True, 3, 2, 2]
    assert indexed == [
        "workspace_id",
        "strategy_name",
        "window_key",
        "has_oos",
        "max_drawdown",
        "n_trades",
        "overfit_gap",
    ]


def test_a_collection_that_another_process_made_first_is_used(monkeypatch, qdrant):
    QdrantVectorIndex(qdrant.client).ensure_collection("kb", 4)
    dimension, first_look = qdrant.dimension, [None]
    monkeypatch.setattr(
        qdrant, "dimension", lambda name: first_look.pop() if first_look else dimension(name)
    )
    qdrant.ensure_collection("kb", 4)
    assert dimension("kb") == 4


@pytest.mark.parametrize("most", [1, 2, 5])
@pytest.mark.parametrize("limit", [1, 3, 8, 20])
def test_a_server_that_returns_fewer_groups_than_asked_for_is_asked_again(
    monkeypatch, qdrant, most, limit
):
    qdrant.ensure_collection("kb", 4)
    rows = [(n, EAST, {"window_key": f"w{n:02}"}) for n in range(12)]
    qdrant.upsert("kb", points(*reversed(rows)))
    ask = qdrant.client.query_points_groups
    monkeypatch.setattr(
        qdrant.client,
        "query_points_groups",
        lambda *args, **asked: ask(*args, **{**asked, "limit": min(asked["limit"], most)}),
    )
    hits = qdrant.nearest_windows("kb", EAST, EVERYTHING, limit)
    assert windows(hits) == [f"w{n:02}" for n in range(12)][:limit]


def test_a_collection_of_another_program_is_not_used(qdrant):
    from qdrant_client import models

    dot = models.VectorParams(size=4, distance=models.Distance.DOT)
    qdrant.client.create_collection("theirs", vectors_config=dot)
    qdrant.client.create_collection("named", vectors_config={"text": dot})
    for name in ("theirs", "named"):
        with pytest.raises(ConfigurationError, match="another program"):
            qdrant.ensure_collection(name, 4)


def test_infinite_bounds_are_finite_in_json():
    where = VectorFilter("w", "s", max_drawdown=float("inf"), max_overfit_gap=float("inf"))
    assert "Infinity" not in json.dumps(filter_json(where))
