"""Servers that fail on purpose, over real sockets.

    with FaultyServer(hanging()) as server:
        index = connect_to(server.url)   # every call hangs
        server.behave(answering(200, b"{}"))   # from now on it answers

A behaviour is what a server does with one connection; they are plain functions, and others can be
written. `tradingkb.testing.proxy` stands between a client and a server that works.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

#: What a server does with one connection; it is closed afterwards.
Behaviour = Callable[["Connection"], object]
#: Closes a connection with RST instead of FIN: "connection reset by peer".
_RESET: Final = struct.pack("ii", 1, 0)
_JSON: Final = {"Content-Type": "application/json"}


class Connection:
    """One accepted connection.

    Attributes:
        socket: of it.
        ended: set when the server ends; who waits, waits for it.
        headers: of the request that was read, with names in small letters.
    """

    def __init__(self, socket: socket.socket, ended: threading.Event) -> None:
        self.socket = socket
        self.ended = ended
        self.headers: dict[str, str] = {}
        self._request: tuple[str, str, bytes] | None = None

    def request(self) -> tuple[str, str, bytes]:
        """Method, path and body of the HTTP request; empty ones when the client is gone.

        Whoever asks again gets the same: a connection carries one request.
        """
        if self._request is None:
            self._request = self._read()
        return self._request

    def wait(self) -> None:
        """Waits until something was asked, and need not read it."""
        if self._request is None:
            self.socket.recv(1)

    def _read(self) -> tuple[str, str, bytes]:
        head, _, body = self._until(b"\r\n\r\n").partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = (line.split(": ", 1) for line in lines[1:] if ": " in line)
        self.headers = {name.lower(): value for name, value in fields}
        left = int(self.headers.get("content-length", 0)) - len(body)
        while left > 0 and (more := self.socket.recv(65536)):
            body, left = body + more, left - len(more)
        method, path, *_ = [*lines[0].split(" "), "", ""]
        return method, path, body

    def _until(self, mark: bytes) -> bytes:
        found = b""
        while mark not in found and (more := self.socket.recv(65536)):
            found += more
        return found

    def reset(self) -> None:
        """Ends it as a crashed program ends it."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


class FaultyServer:
    """A server on 127.0.0.1 that behaves as it is told.

    Attributes:
        port: where it listens.
        accepted: how many connections it accepted.
    """

    def __init__(self, behaviour: Behaviour | None = None, *, port: int = 0) -> None:
        """One that resets every connection, or does with it what `behaviour` does.

        Args:
            behaviour: what is done with a connection.
            port: where it listens; 0 lets the system choose.
        """
        self._behaviour = behaviour or resetting()
        self._ended = threading.Event()
        self._open: set[socket.socket] = set()
        self.accepted = 0
        self._listener: socket.socket | None = None
        self.port = port
        self.listen()

    @property
    def url(self) -> str:
        """Its address over HTTP."""
        return f"http://127.0.0.1:{self.port}"

    def behave(self, behaviour: Behaviour) -> None:
        """Changes what is done with connections from now on."""
        self._behaviour = behaviour
        self.listen()

    def listen(self) -> None:
        """Accepts connections, at the port that it had."""
        if self._listener is not None:
            return
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def refuse(self) -> None:
        """Refuses connections until it is told to behave or to listen."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):  # wakes the thread that accepts
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def close(self) -> None:
        """Ends it and every connection."""
        self.refuse()
        self._ended.set()
        for one in tuple(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = listener.accept()
                self.accepted += 1
                threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted: socket.socket) -> None:
        self._open.add(accepted)
        try:
            with accepted, contextlib.suppress(OSError, ValueError):
                self._behaviour(Connection(accepted, self._ended))
        finally:
            self._open.discard(accepted)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def http(status: int, body: bytes, headers: Mapping[str, str] = _JSON) -> bytes:
    """An HTTP answer."""
    fields = {"Content-Length": str(len(body)), "Connection": "close", **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} As told\r\n{lines}\r\n".encode("latin-1") + body


def resetting() -> Behaviour:
    """Resets the connection when something was asked."""

    def behave(connection: Connection) -> None:
        connection.wait()
        connection.reset()

    return behave


def hanging() -> Behaviour:
    """Accepts, and never answers."""
    return lambda connection: _wait(connection, None)


def saying(data: bytes) -> Behaviour:
    """Answers a request with any bytes: garbage, an answer that is cut short."""

    def behave(connection: Connection) -> None:
        connection.request()
        connection.socket.sendall(data)

    return behave


def dripping(data: bytes, every_s: float = 1.0) -> Behaviour:
    """Answers a request byte by byte, which no limit per read ever ends."""

    def behave(connection: Connection) -> None:
        connection.request()
        for one in data:
            connection.socket.sendall(bytes([one]))
            if _wait(connection, every_s):
                return

    return behave


def answering(status: int, body: bytes = b"", headers: Mapping[str, str] = _JSON) -> Behaviour:
    """Answers every request alike: an error, a redirection, foreign JSON."""
    return saying(http(status, body, headers))


def slow(behaviour: Behaviour, after_s: float) -> Behaviour:
    """Does something else, later."""

    def behave(connection: Connection) -> None:
        if not _wait(connection, after_s):
            behaviour(connection)

    return behave


def speaking(answer: Callable[[str, str, Any], tuple[int, Any]]) -> Behaviour:
    """Answers by a function of method, path and JSON body that gives a status and JSON."""

    def behave(connection: Connection) -> None:
        method, path, body = connection.request()
        status, said = answer(method, path, json.loads(body) if body else None)
        connection.socket.sendall(http(status, json.dumps(said).encode()))

    return behave


def _wait(connection: Connection, seconds: float | None) -> bool:
    """Whether the server ended meanwhile."""
    return connection.ended.wait(seconds)
