"""What Qdrant, or what stands in its place, may do over the network: nothing comes out raw."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tradingkb.exceptions import BackendUnavailableError, ConfigurationError
from tradingkb.ports import patience
from tradingkb.testing.faults import (
    Behaviour,
    FaultyServer,
    answering,
    dripping,
    hanging,
    http,
    resetting,
    saying,
    slow,
)
from tradingkb.testing.qdrant_server import QdrantServer
from tradingkb.testing.sample_points import EAST, EVERYTHING, points
from tradingkb.vectors.qdrant import QdrantVectorIndex
from tradingkb.vectors.qdrant_connection import connect_qdrant

#: Seconds that one request may take in these tests.
LIMIT_S = 0.15

CALLS: dict[str, Callable[[QdrantVectorIndex], Any]] = {
    "count": lambda i: i.count("kb"),
    "search": lambda i: i.nearest_windows("kb", EAST, EVERYTHING, 3),
    "points": lambda i: i.points("kb", "w"),
    "upsert": lambda i: i.upsert("kb", points((1, EAST, {}))),
    "delete": lambda i: i.delete("kb", ["00000000-0000-0000-0000-000000000001"]),
    "ensure": lambda i: i.ensure_collection("kb", 4),
    "collections": lambda i: i.collections(),
    "dimension": lambda i: i.dimension("kb"),
    "alias": lambda i: i.alias("kb_trials"),
    "set_alias": lambda i: i.set_alias("kb_trials", "kb"),
    "describe": lambda i: i.describe("kb"),
    "drop": lambda i: i.drop("kb"),
    "snapshot": lambda i: i.snapshot("kb"),
    "snapshots": lambda i: i.snapshots("kb"),
    "drop_snapshot": lambda i: i.drop_snapshot("kb", "one"),
    "recover": lambda i: i.recover("kb", "one", "kb_2"),
}
COUNTED = http(200, b'{"result": {"count": 3}, "status": "ok", "time": 0.1}')
NO_ANSWER: dict[str, Behaviour] = {
    "resets": resetting(),
    "hangs": hanging(),
    "drips": dripping(COUNTED, every_s=0.05),
    "garbage": saying(b"\x00\xff\x17 this is no HTTP"),
    "nothing": saying(b""),
    "cut short": saying(http(200, b'{"result":', {"Content-Length": "99"})),
    "500": answering(500, b"oops"),
    "502": answering(502, b"<html>bad gateway</html>"),
    "429": answering(429),
}
FOREIGN: dict[str, Behaviour] = {
    "null": answering(200, b'{"result": null, "status": "ok", "time": 1}'),
    "another's JSON": answering(200, b'{"hello": [1, 2]}'),
    "a list": answering(200, b"[1, 2]"),
    "a number": answering(200, b"7"),
    "wrong types": answering(200, b'{"result": {"count": "x", "points": 1, "aliases": {}}}'),
    "truncated JSON": answering(200, b'{"result": {"cou'),
    "HTML": answering(200, b"<html>welcome</html>", {"Content-Type": "text/html"}),
    "no body": answering(200, b""),
    "no text": answering(200, b"\xff\xfe\x00"),
    "not gzip": answering(200, b"{}", {"Content-Encoding": "gzip"}),
    "sends elsewhere": answering(302, b"", {"Location": "http://127.0.0.1:1/"}),
    "no content": answering(204),
    "bad request": answering(400, b'{"status": {"error": "Wrong input"}, "time": 0.1}'),
}


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer() as server:
        yield server


@pytest.fixture
def index(server: FaultyServer) -> Iterator[QdrantVectorIndex]:
    index = QdrantVectorIndex(connect_qdrant(server.url), timeout_s=LIMIT_S)
    yield index
    index.close()


@pytest.mark.parametrize("behaviour", NO_ANSWER.values(), ids=NO_ANSWER)
def test_no_answer_is_transient_and_comes_in_time(
    server: FaultyServer, index: QdrantVectorIndex, behaviour: Behaviour
) -> None:
    server.behave(behaviour)
    for call in CALLS.values():
        started = time.monotonic()
        with pytest.raises(BackendUnavailableError, match="Qdrant did not answer"):
            call(index)
        assert time.monotonic() - started < LIMIT_S + 0.5


@pytest.mark.parametrize("behaviour", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_answer_is_a_wrong_setting(server: FaultyServer, behaviour: Behaviour) -> None:
    server.behave(behaviour)
    index = QdrantVectorIndex(connect_qdrant(server.url))  # a busy machine has time to answer
    for call in CALLS.values():
        with pytest.raises(ConfigurationError):
            call(index)
    index.close()


def test_a_server_that_refuses_is_no_answer_until_it_is_back(
    server: FaultyServer, index: QdrantVectorIndex
) -> None:
    server.refuse()
    with pytest.raises(BackendUnavailableError, match="refused"):
        index.count("kb")
    server.behave(saying(COUNTED))
    assert index.count("kb") == 3


def test_a_slow_answer_in_time_is_an_answer(server: FaultyServer, index: QdrantVectorIndex) -> None:
    server.behave(slow(saying(COUNTED), 0.05))
    assert index.count("kb") == 3


def test_a_caller_with_less_patience_waits_less(
    server: FaultyServer, index: QdrantVectorIndex
) -> None:
    server.behave(hanging())
    started = time.monotonic()
    with patience(0.05), pytest.raises(BackendUnavailableError):
        index.count("kb")
    assert time.monotonic() - started < LIMIT_S


def test_headers_that_drip_are_no_answer_either(
    server: FaultyServer, index: QdrantVectorIndex
) -> None:
    server.behave(dripping(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000, every_s=0.02))
    started = time.monotonic()
    with pytest.raises(BackendUnavailableError):
        index.count("kb")
    assert time.monotonic() - started < LIMIT_S + 0.5


def test_a_host_whose_name_nobody_finds_is_no_answer() -> None:
    index = QdrantVectorIndex(connect_qdrant("http://no-such-host.invalid:6333"), timeout_s=3)
    with pytest.raises(BackendUnavailableError):
        index.count("kb")
    index.close()


def test_a_look_up_that_hangs_ends_in_time(
    index: QdrantVectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket
    import threading

    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(5) and [])
    named = QdrantVectorIndex(connect_qdrant("http://qdrant:6333"), timeout_s=0.1)
    with pytest.raises(BackendUnavailableError, match="not found in time"):
        named.count("kb")
    release.set()
    named.close()


def test_no_request_waits_for_another_one_before_it_is_sent() -> None:
    with QdrantServer() as server, ThreadPoolExecutor(24) as pool:
        index = QdrantVectorIndex(connect_qdrant(server.url))
        server.hang()
        asked = [pool.submit(index.collections) for _ in range(24)]
        until = time.monotonic() + 5.0
        while len(server.requests) < 24 and time.monotonic() < until:
            time.sleep(0.01)
        at_once = len(server.requests)
        server.restore()
        assert [one.result() for one in asked] == [[]] * 24
        index.close()
    assert at_once == 24


@pytest.mark.parametrize("body", [b"", b"404 page not found", b'{"detail": "Not Found"}'])
@pytest.mark.parametrize("call", CALLS)
def test_what_knows_none_of_the_routes_is_no_server_without_collections(
    server: FaultyServer, call: str, body: bytes
) -> None:
    server.behave(answering(404, body))
    index = QdrantVectorIndex(connect_qdrant(server.url))
    with pytest.raises(ConfigurationError, match=r"is not Qdrant.*status 404"):
        CALLS[call](index)
    index.close()
