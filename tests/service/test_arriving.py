"""Bodies as they arrive: bounded in size and time, and never the end of the service."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import Serve

RECOMMEND = "/kb/trials/recommend"
JSON = [(b"content-type", b"application/json")]


def asked(app: Any, messages: list[dict[str, Any]], headers=JSON, path=RECOMMEND) -> int:
    """The status that an application gives a client which sends these messages and then waits."""
    sent: list[dict[str, Any]] = []
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop(0)
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "server": ("test", 80),
        "client": ("test", 1),
        "scheme": "http",
        "root_path": "",
    }
    asyncio.run(app(scope, receive, send))
    return next((m["status"] for m in sent if m["type"] == "http.response.start"), 0)


def part(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_that_never_ends_is_given_up(serve: Serve, kept_home: Path):
    served = serve(kept_home, body_timeout_s=0.05)
    assert asked(served.app, [part(b'{"strategy_name":')]) == 408


def test_a_body_that_drips_is_given_up_however_regularly_it_drips(serve: Serve, kept_home: Path):
    served = serve(kept_home, body_timeout_s=0.05)
    assert asked(served.app, [part(b" ")] * 1000) == 408


def test_a_body_that_is_too_large_is_refused_as_soon_as_it_is(serve: Serve, kept_home: Path):
    served = serve(kept_home, max_body_bytes=1000)
    assert asked(served.app, [part(b"x" * 600)] * 2) == 413


def test_a_body_that_says_it_is_too_large_is_not_waited_for(serve: Serve, kept_home: Path):
    served = serve(kept_home, max_body_bytes=1000)
    headers = [*JSON, (b"content-length", b"10000000000000000000000000")]
    assert asked(served.app, [], headers) == 413


def test_a_client_that_leaves_in_the_middle_is_no_failure(serve: Serve, kept_home: Path):
    served = serve(kept_home)
    assert asked(served.app, [part(b"{"), {"type": "http.disconnect"}]) == 0
    assert served.get("/health").status_code == 200


def test_ten_megabytes_of_rows_are_refused_by_their_number(served):
    rows = [{"ts": n, "open": 1} for n in range(60_000)]
    answer = served.post(RECOMMEND, json={"strategy_name": "s", "ohlcv": rows})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_rows")


def test_eleven_megabytes_are_refused(served):
    answer = served.post(RECOMMEND, content=b"[" + b" " * 11_000_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "image/png", "x"])
def test_a_body_of_another_type_is_refused(served, kind):
    answer = served.post(RECOMMEND, content=b"{}", headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "unknown_content_type")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"strategy_name": "\\ud800"}',
        b'{"strategy_name":"\\u0000"}',
    ],
    ids=["deep-lists", "deep-objects", "lone-surrogate", "nul"],
)
def test_json_that_breaks_readers_is_refused(served, body):
    answer = served.post(RECOMMEND, content=body)
    assert answer.status_code in (400, 404, 422), answer.text[:300]


@pytest.mark.parametrize("given", ["x" * 65, "ä", "\x07"])
def test_a_request_id_that_is_none_is_refused_and_another_one_given(served, given):
    answer = served.get("/health", headers={"X-Request-ID": given.encode("latin-1")})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request_id")
    assert answer.headers["x-request-id"] != given


def test_a_request_id_is_taken_or_made(served):
    assert served.get("/health", headers={"X-Request-ID": "mine"}).headers["x-request-id"] == "mine"
    made = {served.get("/health").headers["x-request-id"] for _ in range(3)}
    assert len(made) == 3
