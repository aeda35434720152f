"""Servers that fail on purpose do what they say, over real sockets."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tradingkb.testing.faults import (
    FaultyServer,
    answering,
    dripping,
    hanging,
    resetting,
    saying,
    slow,
    speaking,
)
from tradingkb.testing.proxy import FaultyProxy


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer() as server:
        yield server


def ask(port: int, data: bytes = b"GET / HTTP/1.1\r\n\r\n", timeout_s: float = 2.0) -> bytes:
    """All that a server says."""
    with socket.create_connection(("127.0.0.1", port), timeout_s) as line:
        line.sendall(data)
        said = b""
        while more := line.recv(1000):
            said += more
        return said


def test_it_resets(server: FaultyServer) -> None:
    server.behave(resetting())
    with pytest.raises(ConnectionResetError):
        ask(server.port)


def test_it_refuses_until_it_is_told_to_behave_at_the_same_port(server: FaultyServer) -> None:
    port = server.port
    server.refuse()
    with pytest.raises(ConnectionRefusedError):
        ask(port)
    server.behave(saying(b"here"))
    assert (ask(port), server.port) == (b"here", port)


def test_it_hangs(server: FaultyServer) -> None:
    server.behave(hanging())
    with pytest.raises(TimeoutError):
        ask(server.port, timeout_s=0.05)


def test_it_drips_byte_by_byte(server: FaultyServer) -> None:
    server.behave(dripping(b"abc", every_s=0.01))
    with socket.create_connection(("127.0.0.1", server.port), 2) as line:
        line.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert [line.recv(10) for _ in range(4)] == [b"a", b"b", b"c", b""]


def test_it_answers_later(server: FaultyServer) -> None:
    server.behave(slow(saying(b"at last"), 0.01))
    assert ask(server.port) == b"at last"


def test_it_answers_over_http_with_any_status(server: FaultyServer) -> None:
    server.behave(answering(503, b"busy"))
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(server.url)
    assert (caught.value.code, caught.value.read()) == (503, b"busy")
    caught.value.close()


def test_it_speaks_a_protocol(server: FaultyServer) -> None:
    server.behave(speaking(lambda method, path, body: (200, [method, path, body])))
    question = json.dumps({"n": 1} | {"long": "x" * 100_000}).encode()
    request = urllib.request.Request(f"{server.url}/there", question, method="PUT")
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)[:2] == ["PUT", "/there"]


def test_its_end_ends_every_connection() -> None:
    server = FaultyServer(hanging())

    def hear() -> None:
        with contextlib.suppress(ConnectionError):
            ask(server.port, timeout_s=10)

    asked = threading.Thread(target=hear, daemon=True)
    asked.start()
    while not server.accepted:
        pass
    server.close()
    asked.join(5)
    assert not asked.is_alive()


@pytest.fixture
def echo() -> Iterator[FaultyServer]:
    """A server that works: it says what it hears."""

    def behave(connection: object) -> None:
        line = connection.socket  # type: ignore[attr-defined]
        while more := line.recv(1000):
            line.sendall(more)

    with FaultyServer(behave) as server:
        yield server


@pytest.fixture
def line(echo: FaultyServer) -> Iterator[tuple[FaultyProxy, socket.socket]]:
    with (
        FaultyProxy(("127.0.0.1", echo.port)) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), 2) as line,
    ):
        line.sendall(b"hello")
        assert line.recv(10) == b"hello"
        yield proxy, line


def test_a_proxy_cuts_connections_and_lets_new_ones_through(
    line: tuple[FaultyProxy, socket.socket],
) -> None:
    proxy, known = line
    proxy.cut()
    with pytest.raises(ConnectionError):
        known.sendall(b"x")
        known.recv(1) or known.sendall(b"x")
        raise ConnectionError("it ended")
    with socket.create_connection(("127.0.0.1", proxy.port), 2) as fresh:
        fresh.sendall(b"again")
        assert fresh.recv(10) == b"again"


def test_a_proxy_cuts_in_the_middle_of_an_answer_once(
    line: tuple[FaultyProxy, socket.socket],
) -> None:
    proxy, known = line
    proxy.cut_after(6)
    known.sendall(b"12345")
    assert known.recv(10) == b"12345"
    known.sendall(b"6")
    with pytest.raises(ConnectionError):
        if not known.recv(10):
            raise ConnectionError("it ended")
    with socket.create_connection(("127.0.0.1", proxy.port), 2) as fresh:
        fresh.sendall(b"1234567890")
        assert fresh.recv(20) == b"1234567890"


def test_a_proxy_lets_nothing_pass_until_it_is_restored(
    line: tuple[FaultyProxy, socket.socket],
) -> None:
    proxy, known = line
    proxy.hang()
    known.sendall(b"later")
    known.settimeout(0.05)
    with pytest.raises(TimeoutError):
        known.recv(10)
    known.settimeout(2)
    proxy.restore()
    assert known.recv(10) == b"later"
