"""A Qdrant server for tests: its REST protocol over qdrant_client's local mode, on 127.0.0.1.

    with QdrantServer(api_key="secret") as server:
        index = qdrant_index(server.url, "secret")
        server.fail(503, times=2)      # the next two requests fail
        server.time_out_writes(1)      # the next write is answered by wait_timeout
        server.refuse()                # nobody listens any more; listen() brings it back
        curl -s {server.url}/collections

It answers with the statuses and texts of the real one. What it is not: durable, fast or a cluster.
`python -m tradingkb.testing.qdrant_server --port 6333` runs one for a demonstration.
"""

from __future__ import annotations

import argparse
import json
import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tradingkb.testing.qdrant_http import HttpServer, Request, fetch
from tradingkb.testing.qdrant_protocol import UNLOCKED, Asked, answer
from tradingkb.testing.qdrant_state import QdrantState, RefusedError

#: The largest body that the server reads, as it comes from its makers.
MOST_BYTES: Final = 32 * 1024 * 1024
#: Paths that need no key.
_OPEN: Final = ("/", "/healthz", "/livez", "/readyz")
_WRITES: Final = re.compile(r"/collections/[^/]+/(points|points/delete|points/payload|index.*)")
_READS: Final = re.compile(
    r"/collections/[^/]+/points(/count|/scroll|/query|/query/groups|/search)?"
)
#: Versions that brought what older servers do not know.
_CONFLICTS, _KEYS, _QUERIES = (1, 8), (1, 9), (1, 10)


class QdrantServer:
    """A server, from the beginning of a `with` to its end.

    Attributes:
        state: what it keeps.
        version: that it says it has; what later ones brought it does not know.
        requests: that it received, in their order.
        most_groups: a search by groups gives no more than so many; None for as many as asked for.
        off_by: how far approximate counts are from the exact ones.
        ready: what `/readyz` says.
        reshape: changes the JSON of an answer, given the path: a field is missing, or one more.
        clock: the time that snapshots are given.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        read_only_key: str | None = None,
        version: str = "1.16.0",
        certificate: tuple[Path, Path] | None = None,
        port: int = 0,
    ) -> None:
        """One that listens.

        Args:
            api_key: that requests must have; None for none.
            read_only_key: that requests may have which change nothing.
            version: of the server.
            certificate: files of a certificate and its key: it speaks TLS.
            port: where it listens; 0 for one of its own.
        """
        self.state = QdrantState()
        self.version = version
        self.requests: list[Request] = []
        self.most_groups: int | None = None
        self.off_by = 0
        self.ready = True
        self.reshape: Callable[[str, Any], Any] | None = None
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._keys = (api_key, read_only_key)
        self._certificate = certificate
        self._failures: list[tuple[int, bytes | None, dict[str, str], re.Pattern[str]]] = []
        self._late_writes: list[bool] = []
        self._passing = threading.Event()
        self._passing.set()
        self._lock = threading.Lock()
        self._port = port
        self._http: HttpServer | None = None
        self.listen()

    @property
    def url(self) -> str:
        """Its address."""
        return f"{'https' if self._certificate else 'http'}://127.0.0.1:{self._port}"

    # faults

    def fail(
        self,
        status: int,
        times: int = 1,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        path: str = "",
    ) -> None:
        """Answers the next requests with an error instead.

        Args:
            status: of HTTP.
            times: how many requests.
            body: of the answer; the server's own by default.
            headers: of the answer.
            path: a pattern that is searched in the path; every one by default.
        """
        one = (status, body, dict(headers or {}), re.compile(path))
        with self._lock:
            self._failures += [one] * times

    def time_out_writes(self, times: int = 1, *, applied: bool = True) -> None:
        """Answers the next writes by `wait_timeout`, whether they have happened or not."""
        with self._lock:
            self._late_writes += [applied] * times

    def hang(self) -> None:
        """Answers nothing until it is restored."""
        self._passing.clear()

    def restore(self) -> None:
        """Answers as if nothing had happened, also what waits."""
        with self._lock:
            self._failures.clear()
            self._late_writes.clear()
        self._passing.set()
        self.listen()

    def refuse(self) -> None:
        """Closes its port and every connection; what it keeps, it keeps."""
        http, self._http = self._http, None
        if http is not None:
            http.end()

    def listen(self) -> None:
        """Opens its port again."""
        if self._http is None:
            self._http = HttpServer(self.respond, self._port, self._certificate)
            self._port = self._http.server_address[1]

    def close(self) -> None:
        """Ends it."""
        self._passing.set()
        self.refuse()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # what is answered

    def respond(self, request: Request) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the answer to a request."""
        self.requests.append(request)
        self._passing.wait()
        if (failing := self._failing(request.path)) is not None:
            status, body, headers = failing
            return status, headers, _error("as told") if body is None else body
        try:
            self._admit(request)
            said = self._answer(request)
        except RefusedError as refusal:
            status = self._status(refusal.status)
            if refusal.status == 401:  # of its door, which speaks no JSON
                return status, _TEXT, str(refusal).encode()
            return status, _JSON, _error(str(refusal))
        if isinstance(said, bytes):
            return 200, {"Content-Type": "application/octet-stream"}, said
        if isinstance(said, str):
            well = self.ready or request.path != "/readyz"
            return (200 if well else 503), _TEXT, said.encode()
        if self.reshape is not None:
            said = self.reshape(request.path, said)
        return 200, _JSON, json.dumps(said).encode()

    def _answer(self, request: Request) -> Any:
        if request.path == "/":
            return {"title": "qdrant - vector search engine", "version": self.version}
        if request.path in ("/healthz", "/livez"):
            return "healthz check passed"
        if request.path == "/readyz":
            return "all shards are ready" if self.ready else "some shards are not ready"
        if request.n_bytes > MOST_BYTES:
            raise RefusedError(
                400, f"Payload error: JSON payload is larger than {MOST_BYTES} bytes"
            )
        if request.path.endswith("/query/groups") and self._older(_QUERIES):
            raise RefusedError(404, "")
        asked = Asked(
            request.method,
            request.path,
            dict(request.query),
            request.body,
            now=self.clock(),
            fetch=fetch,
            most_groups=self.most_groups,
            off_by=self.off_by,
            **self._late(request),
        )
        if UNLOCKED.fullmatch(request.path):
            said = answer(self.state, asked)
        else:
            with self.state.lock:
                said = answer(self.state, asked)
        return said if isinstance(said, bytes) else {"result": said, "status": "ok", "time": 0.001}

    def _admit(self, request: Request) -> None:
        full, reading = self._keys
        if full is None or request.path in _OPEN:
            return
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        given = request.headers.get("api-key") or bearer
        if not given:
            raise RefusedError(401, "Must provide an API key or an Authorization bearer token")
        if given == full:
            return
        if given != reading:
            raise RefusedError(401, "Invalid API key or JWT")
        if request.method != "GET" and not (
            request.method == "POST" and _READS.fullmatch(request.path)
        ):
            raise RefusedError(403, "Forbidden: Global manage access is required")

    def _status(self, status: int) -> int:
        """As the server's version has it."""
        if status == 409 and self._older(_CONFLICTS):
            return 400
        return 403 if status == 401 and self._older(_KEYS) else status

    def _older(self, version: tuple[int, int]) -> bool:
        major, minor, *_ = map(int, self.version.split("."))
        return (major, minor) < version

    def _failing(self, path: str) -> tuple[int, bytes | None, dict[str, str]] | None:
        with self._lock:
            for n, (status, body, headers, pattern) in enumerate(self._failures):
                if pattern.search(path):
                    del self._failures[n]
                    return status, body, {**_JSON, **headers}
        return None

    def _late(self, request: Request) -> dict[str, bool]:
        writes = request.method in ("PUT", "DELETE") or not _READS.fullmatch(request.path)
        if request.method == "GET" or not writes or not _WRITES.fullmatch(request.path):
            return {}
        with self._lock:
            applied = self._late_writes.pop(0) if self._late_writes else None
        return {"undone": applied is False, "late": applied is True}


_JSON: Final = {"Content-Type": "application/json"}
_TEXT: Final = {"Content-Type": "text/plain; charset=utf-8"}


def _error(text: str) -> bytes:
    return json.dumps({"status": {"error": text}, "time": 0.001}).encode() if text else b""


def main() -> None:
    """Serves until it is interrupted."""
    parser = argparse.ArgumentParser(description="Qdrant's protocol, kept in memory")
    parser.add_argument("--port", type=int, default=6333)
    parser.add_argument("--api-key")
    given = parser.parse_args()
    with QdrantServer(api_key=given.api_key, port=given.port) as server:
        print(f"serving at {server.url}", flush=True)  # noqa: T201
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
