"""The edge of the service: what is done for every request, whichever route it is for.

It gives the request its id, answers what nobody foresaw, and logs and counts one line of each
answer. It is plain ASGI: a middleware that wraps responses would copy every body.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tradingkb.observability import emit
from tradingkb.service.problems import MEDIA_TYPE, ProblemError, problem_of
from tradingkb.service.state import Asked, Service

_ID_FIELD: Final = b"x-request-id"
_LONGEST_ID: Final = 64
#: What is logged of a client that left before its answer.
_LEFT: Final = 499
#: Paths that are asked every few seconds: their lines would hide the others.
_QUIET: Final = frozenset({"/health", "/ready", "/metrics"})


class Edge:
    """Wraps the whole application."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; connections of other kinds are passed on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = _given_id(scope)
        asked = Asked(given or self._service.new_id(), self._service.monotonic())
        scope.setdefault("state", {})["asked"] = asked
        answer = _Answer(send, asked)
        try:
            if given is not None and not _is_id(given):
                asked.request_id = self._service.new_id()
                raise ProblemError(
                    400,
                    "invalid_request_id",
                    "X-Request-ID is no request id",
                    remedy=f"send 1 to {_LONGEST_ID} printable ASCII characters, or none",
                    field="X-Request-ID",
                )
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            asked.problem = "client_disconnected"
        except asyncio.CancelledError:
            asked.problem = "cancelled"
            raise
        except BaseException as error:  # a panic of Polars is no Exception
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            await self._answer_problem(answer, asked, error)
        finally:
            self._tell(scope, asked, answer.status)

    async def _answer_problem(self, answer: _Answer, asked: Asked, error: BaseException) -> None:
        problem = problem_of(error if isinstance(error, Exception) else RuntimeError())
        asked.problem = problem.code
        if problem.code == "unexpected":
            emit(
                "http_unexpected_error",
                request_id=asked.request_id,
                error=type(error).__name__,
                where=_where(error),
            )
            if self._service.sentry is not None:
                self._service.sentry.unexpected(error, asked.request_id)
        if answer.status == 0:
            await send_problem(answer, problem, asked.request_id)

    def _tell(self, scope: Scope, asked: Asked, status: int) -> None:
        seconds = self._service.monotonic() - asked.arrived_s
        route = getattr(scope.get("route"), "path", None)
        self._service.metrics.request(scope["method"], route, status or _LEFT, seconds)
        if route in _QUIET and status < 500:
            return
        emit(
            "http_request",
            request_id=asked.request_id,
            method=scope["method"],
            route=route,
            status=status or _LEFT,
            problem=asked.problem or None,
            ms=round(seconds * 1000, 3),
        )


class _Answer:
    """Sends on, with the fields that every answer carries."""

    def __init__(self, send: Send, asked: Asked) -> None:
        self._send = send
        self._asked = asked
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            fields = {"X-Request-ID": self._asked.request_id, **self._asked.headers}
            extra = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in fields.items()]
            message = {**message, "headers": [*message.get("headers", ()), *extra]}
        await self._send(message)


async def send_problem(send: Any, problem: ProblemError, request_id: str) -> None:
    """Answers with a problem."""
    body = problem.body(request_id)
    fields = {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(body)),
        **problem.header_fields(),
    }
    headers = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in fields.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _given_id(scope: Scope) -> str | None:
    return next((v.decode("latin-1") for k, v in scope["headers"] if k == _ID_FIELD), None)


def _is_id(text: str) -> bool:
    return 1 <= len(text) <= _LONGEST_ID and text.isascii() and text.isprintable()


def _where(error: BaseException) -> str:
    """The innermost place of this package: enough to find it, and no path of the machine."""
    place, step = "", error.__traceback__
    while step is not None:
        name = step.tb_frame.f_globals.get("__name__", "")
        if name.startswith("tradingkb."):
            place = f"{name}:{step.tb_lineno}"
        step = step.tb_next
    return place
