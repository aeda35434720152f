"""An HTTP transport whose time limits are totals.

Limits of httpx hold per read: a server that sends one byte a second keeps a caller for minutes.
Here every wait for the network, be it a name, a connection or a byte, asks how much of the call's
`patience` is left. (A handshake of TLS is one wait.)
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore
import httpx

from tradingkb.ports import seconds_left

#: Idle connections that are kept, and seconds for which they are.
KEPT_CONNECTIONS: Final = 20
KEPT_S: Final = 5.0


class PatientTransport(httpx.BaseTransport):
    """Requests through a pool of connections, as long as the caller has `patience`."""

    def __init__(self, url: str) -> None:
        """For one server; through the proxy that the environment names for it."""
        proxy = _proxy_of(url)
        options: dict[str, Any] = {
            # As many as threads ask: to wait for one another would be put down to the server.
            "max_connections": None,
            "max_keepalive_connections": KEPT_CONNECTIONS,
            "keepalive_expiry": KEPT_S,
            "network_backend": _PatientBackend(httpcore.SyncBackend()),
        }
        if proxy is not None or not url.startswith("http:"):  # it takes 20 ms to make
            options["ssl_context"] = httpx.create_ssl_context()
        self._pool = (
            httpcore.ConnectionPool(**options)
            if proxy is None
            else httpcore.HTTPProxy(proxy_url=proxy, **options)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request; raises httpcore's errors."""
        limits = request.extensions.get("timeout", {})
        left = {name: seconds_left(limits.get(name) or 1e9) for name in ("pool", *limits)}
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=url,
                headers=request.headers.raw,
                content=request.stream,
                extensions={**request.extensions, "timeout": left},
            )
        )
        assert isinstance(answer.stream, Iterable)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Closes its connections."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        yield from self._parts

    def close(self) -> None:
        close = getattr(self._parts, "close", None)
        if close is not None:
            close()


class _PatientBackend(httpcore.NetworkBackend):
    """Connects within the time that is left."""

    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A stream to the first address of the host that answers."""
        error: Exception = httpcore.ConnectTimeout("no time is left to connect")
        for address in _addresses(host, port, _left(timeout, httpcore.ConnectTimeout)):
            try:
                stream = self._backend.connect_tcp(
                    address,
                    port,
                    timeout=_left(timeout, httpcore.ConnectTimeout),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
            else:
                return _PatientStream(stream)
        raise error

    def connect_unix_socket(self, *args: Any, **options: Any) -> httpcore.NetworkStream:
        """As it is: nobody waits for this machine's own sockets to connect."""
        return _PatientStream(self._backend.connect_unix_socket(*args, **options))

    def sleep(self, seconds: float) -> None:
        """Waits no longer than there is time."""
        self._backend.sleep(seconds_left(seconds))


class _PatientStream(httpcore.NetworkStream):
    """Reads and writes within the time that is left."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, at least a byte where the stream has not ended."""
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Sends everything."""
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        """Closes the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The same, encrypted."""
        left = _left(timeout, httpcore.ConnectTimeout)
        return _PatientStream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        """What the stream knows of itself."""
        return self._stream.get_extra_info(info)


def _left(timeout: float | None, kind: type[httpcore.TimeoutException]) -> float:
    """How long may be waited now.

    Raises:
        httpcore.TimeoutException: not at all.
    """
    left = seconds_left(timeout if timeout is not None else 1e9)
    if left <= 0:
        raise kind("the time for the whole call is over")
    return left


def _addresses(host: str, port: int, timeout: float) -> list[str]:
    """The addresses of a host; a look-up cannot be interrupted, so another thread does it."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    found: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.put(list(dict.fromkeys(str(row[4][0]) for row in rows)))
        except OSError as error:
            found.put(error)

    threading.Thread(target=look_up, name="look-up of a host", daemon=True).start()
    try:
        answer = found.get(timeout=timeout)
    except queue.Empty:
        raise httpcore.ConnectTimeout("the name of the server was not found in time") from None
    if isinstance(answer, OSError):
        raise httpcore.ConnectError(str(answer)) from answer
    return answer


def _proxy_of(url: str) -> str | None:
    """The proxy for a server, by http_proxy, https_proxy and no_proxy."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in ("localhost", "127.0.0.1", "::1") or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
