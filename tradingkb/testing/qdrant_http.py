"""How the Qdrant server for tests speaks HTTP, as a server and when it reads a snapshot."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tradingkb.testing.qdrant_state import RefusedError


@dataclass(frozen=True)
class Request:
    """One that the server received.

    Attributes:
        method: of HTTP.
        path: without what follows `?`.
        query: what follows it.
        body: its JSON, None without any.
        headers: by their names in lower case.
        n_bytes: of the body.
    """

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    headers: Mapping[str, str]
    n_bytes: int


def fetch(location: str, api_key: str | None) -> bytes:
    """What is at the URL of a snapshot."""
    if not location.startswith(("http://", "https://")):
        what = "file does not exist" if location.startswith("file:") else "URL is not supported"
        raise RefusedError(400, f"Bad request: Snapshot {what}")
    request = urllib.request.Request(location, headers={"api-key": api_key} if api_key else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answered:
            found: bytes = answered.read()
            return found
    except urllib.error.HTTPError as error:
        raise RefusedError(
            400, f"Wrong input: Failed to download snapshot from {location}: status - {error.code}"
        ) from None
    except OSError as error:
        raise RefusedError(500, f"Service internal error: Http request error: {error}") from None


class HttpServer(ThreadingHTTPServer):
    """Answers requests by a function, in threads, from its making to its end."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        respond: Callable[[Request], tuple[int, Mapping[str, str], bytes]],
        port: int,
        certificate: tuple[Path, Path] | None,
    ) -> None:
        self.respond = respond
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def end(self) -> None:
        """Closes the port and every connection."""
        self.shutdown()
        self.server_close()
        for one in tuple(self.open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is none of the server's troubles."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one answer, one packet
    server: HttpServer

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        request = Request(
            self.command,
            unquote(parts.path).rstrip("/") or "/",
            dict(parse_qsl(parts.query)),
            _parsed(body),
            {name.lower(): value for name, value in self.headers.items()},
            len(body),
        )
        status, headers, said = self.server.respond(request)
        with contextlib.suppress(OSError):
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(said))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)
            self.wfile.flush()

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = _respond  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
