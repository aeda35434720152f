"""A service that is slow, away, busy or none: what its client says, and how long it waits."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import httpx2
import pytest

from tests.client.conftest import listening
from tradingkb.client import RemoteClient
from tradingkb.client.wire import segment
from tradingkb.exceptions import (
    BackendUnavailableError,
    CircuitOpenError,
    ConfigurationError,
    InvalidInputError,
    NotReadyError,
    TradingKBError,
)

Answer = tuple[int, Any, dict[str, str]]
NEW_YEAR = date(2026, 1, 1)
TABLE = {"columns": {"slug": "text"}, "rows": [{"slug": "default"}]}
FINE: Answer = (200, TABLE, {})
BUSY = {"code": "too_many_requests", "detail": "too much", "remedy": "wait", "status": 429}


class Service:
    """Answers what it is told to, and keeps what it was asked."""

    def __init__(self, answers: Sequence[Answer | Exception]) -> None:
        self.answers = list(answers)
        self.asked: list[httpx2.Request] = []
        self.waits: list[float] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body, headers = answer
        if isinstance(body, str):
            return httpx2.Response(status, text=body, headers=headers)
        return httpx2.Response(status, json=body, headers=headers)


Ask = Callable[..., tuple[Service, RemoteClient]]


@pytest.fixture
def served() -> Iterator[Ask]:
    opened = []

    def start(*answers: Answer | Exception, **given: Any) -> tuple[Service, RemoteClient]:
        service = Service(answers)
        transport = httpx2.MockTransport(service)
        client = RemoteClient(
            "http://kb.example:8000", transport=transport, sleep=service.waits.append, **given
        )
        opened.append(client)
        return service, client

    yield start
    for client in opened:
        client.close()


def test_a_busy_service_is_asked_once_more_when_it_says_that_it_is_soon_free(served: Ask) -> None:
    service, client = served((429, BUSY, {"Retry-After": "1"}), FINE)
    assert client.workspaces()["slug"].to_list() == ["default"]
    assert service.waits == [1.0]


@pytest.mark.parametrize(
    ("answers", "waits", "told"),
    [
        ([(429, BUSY, {"Retry-After": "1"})] * 2, [1.0], "1 s"),
        ([(429, BUSY, {"Retry-After": "57"})], [], "57 s"),
        ([(429, BUSY, {})], [], "wait"),
        ([(429, BUSY, {"Retry-After": "Sat, 28 Nov 2026 17:00:00 GMT"})], [], "wait"),
    ],
)
def test_who_asks_too_much_is_told_how_long_to_wait(
    served: Ask, answers: list[Answer], waits: list[float], told: str
) -> None:
    service, client = served(*answers)
    with pytest.raises(NotReadyError, match=told):
        client.workspaces()
    assert service.waits == waits
    assert not service.answers


@pytest.mark.parametrize(
    "failure",
    [
        httpx2.ConnectError("[Errno 111] to 10.1.2.3"),
        httpx2.ReadTimeout("slow"),
        httpx2.RemoteProtocolError("half an answer"),
        httpx2.PoolTimeout("all busy"),
    ],
)
def test_a_service_that_does_not_answer_is_away_and_no_machine_is_named(
    served: Ask, failure: Exception
) -> None:
    for ask in (RemoteClient.workspaces, RemoteClient.health, RemoteClient.ready):
        _, client = served(failure)
        with pytest.raises(BackendUnavailableError, match="TRADINGKB_SERVICE_URL") as raised:
            ask(client)
        assert "10.1.2.3" not in str(raised.value)


def test_a_port_that_nobody_listens_on_is_told_of_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = RemoteClient(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(BackendUnavailableError):
            client.problems()
        client.close()


@pytest.mark.parametrize(
    "answer",
    [
        (200, "<html>a proxy</html>", {}),
        (200, {"rows": []}, {}),
        (200, [1], {}),
        (200, {"columns": {"slug": "colour"}, "rows": []}, {}),
        (200, {"columns": {"slug": "int64"}, "rows": [{"slug": "x"}]}, {}),
        (200, {"columns": {"slug": "text"}, "rows": [{}]}, {}),
        (502, "<html>bad gateway</html>", {}),
        (503, {"code": "starting", "detail": "not yet"}, {}),
        (504, "", {}),
    ],
)
def test_what_is_no_service_of_this_release_is_away(served: Ask, answer: Answer) -> None:
    _, client = served(answer)
    with pytest.raises(BackendUnavailableError):
        client.workspaces()


GARBAGE: list[Any] = [
    {},
    {"columns": 5, "rows": 5, "trials": 5, "cells": 5, "open": 5, "objectives": 5, "count": "x"},
    {"columns": ["a"], "rows": [{"a": 1}], "cells": [], "count": None, "next": 5},
    {"columns": {}, "rows": [], "trials": [], "events": [], "next": 5, "count": 1.5, "spec": []},
    [],
    "[" * 100_000,
]


@pytest.mark.parametrize("body", GARBAGE, ids=lambda body: str(body)[:12])
@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.problems(),
        lambda client: client.objectives(),
        lambda client: client.strategy("s"),
        lambda client: client.trial_count(),
        lambda client: client.trial_page(),
        lambda client: client.event_page(),
        lambda client: client.param_grid("default", "s"),
        lambda client: client.trial_density("default", "s"),
    ],
    ids=["problems", "objectives", "strategy", "count", "trials", "events", "grid", "density"],
)
def test_an_answer_in_another_form_is_told_of_whatever_was_asked(
    served: Ask, ask: Callable[[RemoteClient], Any], body: Any
) -> None:
    _, client = served((200, body, {}))
    with pytest.raises(BackendUnavailableError):
        ask(client)


@pytest.mark.parametrize("answer", [(200, "[" * 100_000, {}), (500, "[" * 100_000, {})])
def test_an_answer_nested_without_end_is_none(served: Ask, answer: Answer) -> None:
    _, client = served(answer)
    with pytest.raises(BackendUnavailableError):
        client.workspaces()


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.strategies("\ud800"),
        lambda client: client.strategy("\ud800"),
        lambda client: client.strategies("x" * 70_000),
        lambda client: client.recommend({"strategy_name": "\ud800"}),
        lambda client: client.recommend({"strategy_name": "s", "min_trades": float("nan")}),
    ],
)
def test_what_cannot_be_sent_is_invalid_and_nobody_is_asked(
    served: Ask, ask: Callable[[RemoteClient], Any]
) -> None:
    service, client = served()
    with pytest.raises(InvalidInputError, match="cannot be sent"):
        ask(client)
    assert not service.asked


def test_several_values_are_sent_each_and_none_at_all_is_no_condition(served: Ask) -> None:
    none: Answer = (200, {"count": 0}, {})
    service, client = served(none, none)
    client.trial_count(where={"symbol": {"b", "a"}}, ranges={"known_at": (NEW_YEAR, None)})
    client.trial_count(where={"symbol": ("a",)})
    queries = [request.url.params for request in service.asked]
    assert [query.get_list("symbol") for query in queries] == [["a", "b"], ["a"]]
    assert queries[0]["ranges"] == '{"known_at": ["2026-01-01", null]}'
    with pytest.raises(InvalidInputError, match="symbol: a list of nothing"):
        client.trial_count(where={"symbol": []})


def test_a_service_that_is_not_ready_says_why(served: Ask) -> None:
    told = {"ready": False, "checks": {"database": {"ok": False, "detail": "no answer"}}}
    _, client = served((503, told, {}))
    assert client.ready() == told


@pytest.mark.parametrize(
    ("status", "problem", "kind", "told"),
    [
        (403, {"code": "admin_closed", "detail": "closed"}, ConfigurationError, "closed"),
        (404, {"code": "unknown_route", "detail": "Not Found"}, ConfigurationError, "Not Found"),
        (
            413,
            {"code": "too_many_rows", "detail": "many", "field": "ohlcv"},
            InvalidInputError,
            "many",
        ),
        (401, {"code": "no_workspace_token", "detail": "no token"}, InvalidInputError, "no token"),
        (500, {"code": "unexpected", "detail": "failed"}, TradingKBError, "failed"),
        (500, {"code": "circuit_open", "detail": "db: open"}, CircuitOpenError, "db: open"),
    ],
)
def test_a_problem_is_the_error_that_says_what_to_do(
    served: Ask, status: int, problem: Any, kind: type[TradingKBError], told: str
) -> None:
    _, client = served((status, problem, {"Retry-After": "12"}))
    with pytest.raises(TradingKBError, match=told) as raised:
        client.workspaces()
    assert type(raised.value) is kind
    if isinstance(raised.value, CircuitOpenError):
        assert (raised.value.service, raised.value.retry_after_s) == ("db", 12.0)


def test_a_foreign_workspace_is_no_failure_of_the_service(served: Ask) -> None:
    said = {"code": "foreign_workspace", "detail": "not yours", "field": "workspace_id"}
    _, client = served((403, said, {}))
    with pytest.raises(InvalidInputError) as raised:
        client.freshness("lab")
    assert raised.value.field == "workspace"


def test_the_token_of_the_workspace_goes_with_every_request_and_the_admins_with_one(
    served: Ask,
) -> None:
    service, client = served(FINE, (200, {"changed": 0}, {}), FINE, token="of-the-desk")
    client.workspaces()
    client.curate("promote", [1], token="of-the-admin")
    client.workspaces()
    assert {r.headers["Authorization"] for r in service.asked} == {"Bearer of-the-desk"}
    sent = [r.headers.get("X-Admin-Token") for r in service.asked]
    assert sent == [None, "of-the-admin", None]


def test_an_address_with_a_path_is_where_its_routes_are(served: Ask) -> None:
    service = Service([FINE])
    client = RemoteClient(
        "https://desk.example/kb-service", transport=httpx2.MockTransport(service)
    )
    client.workspaces()
    assert service.asked[0].url.path == "/kb-service/kb/workspaces"
    assert client.where() == "desk.example"
    client.close()


@pytest.mark.parametrize(
    ("name", "path"),
    [("a/b?c#d", "a%2Fb%3Fc%23d"), ("..", "%2E%2E"), (".", "%2E"), ("a.b", "a.b"), ("ü", "%C3%BC")],
)
def test_a_name_is_one_part_of_a_path(name: str, path: str) -> None:
    assert segment(name) == path


def test_viewers_leave_what_programs_may_ask(sample_copy: Any) -> None:
    limits = {"rate_limit_per_minute": 2, "rate_limit_reads_per_minute": 5}
    with listening(sample_copy, **limits) as url:
        waits: list[float] = []
        client = RemoteClient(url, sleep=waits.append)
        for _ in range(5):
            client.trial_count()
        with pytest.raises(NotReadyError, match="wait"):
            client.trial_count()
        told = client.recommend({"strategy_name": "sma_cross"})
        assert told["status"] in ("ok", "degraded")
        assert client.ready()["ready"]
        client.close()
