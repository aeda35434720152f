"""What a service answers instead, as the errors of the library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from tradingkb.exceptions import (
    BackendUnavailableError,
    CircuitOpenError,
    ConfigurationError,
    InvalidInputError,
    NotFoundError,
    NotReadyError,
    TradingKBError,
    code_of,
)

Error = TypeVar("Error", bound=TradingKBError)
#: What a request calls otherwise than a method of a client does.
_FIELDS: Final = {
    "workspace_id": "workspace",
    "cursor": "after",
    "X-Admin-Token": "token",
    "Authorization": "TRADINGKB_SERVICE_TOKEN",
}
#: Problems of the service that an operator has to mend.
_OPERATORS: Final = frozenset({"admin_closed", "unknown_route", "unknown_method"})


def error_of(
    status: int, problem: Mapping[str, Any], retry_after_s: float | None
) -> TradingKBError:
    """The error that an answer stands for.

    Args:
        status: of HTTP.
        problem: the document, by RFC 9457; empty where there is none.
        retry_after_s: what Retry-After says.
    """
    code = str(problem.get("code", ""))
    detail = str(problem.get("detail") or f"the service answered with status {status}")
    remedy = str(problem.get("remedy") or "")
    kind = _KINDS.get(code)
    if kind is None:
        kind = _kind_of(status, code)
    if issubclass(kind, InvalidInputError):
        return _invalid(kind, problem, detail, remedy)
    if issubclass(kind, CircuitOpenError):
        return _circuit(detail, retry_after_s or 0.1)
    if status == 429 and retry_after_s is not None:
        remedy = f"{remedy}: {retry_after_s:g} s" if remedy else f"wait {retry_after_s:g} s"
    return _made(kind, f"{detail}: {remedy}" if remedy else detail)


def _every(kind: type[TradingKBError]) -> Iterator[type[TradingKBError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _every(below)


_KINDS: Final = {code_of(kind): kind for kind in _every(TradingKBError)}


def _kind_of(status: int, code: str) -> type[TradingKBError]:
    """The branch of the tree for problems that only the service has."""
    if code in _OPERATORS:
        return ConfigurationError
    if status in (408, 429):
        return NotReadyError
    if code == "unexpected":
        return TradingKBError  # a defect: asking again is of no use
    if 400 <= status < 500:
        return InvalidInputError
    # A proxy answers with 502 and 504 for a service that is away, and with no problem document.
    return BackendUnavailableError


def _invalid(
    kind: type[InvalidInputError], problem: Mapping[str, Any], detail: str, remedy: str
) -> InvalidInputError:
    field = problem.get("field")
    field = None if field is None else _FIELDS.get(str(field), str(field))
    row = problem.get("row")
    error = kind.__new__(kind)
    # A NotFoundError is made of the names that are known, which the answer only tells in words.
    InvalidInputError.__init__(
        error, detail, field=field, row=row if isinstance(row, int) else None, remedy=remedy or None
    )
    if isinstance(error, NotFoundError):
        error.name, error.suggestions = "", []
    return error


def _made(kind: type[Error], text: str) -> Error:
    """An error of that kind with this text: some are made of other facts, which are not known."""
    error = kind.__new__(kind)
    error.args = (text,)
    return error


def _circuit(detail: str, retry_after_s: float) -> CircuitOpenError:
    error = _made(CircuitOpenError, detail)
    error.service, error.retry_after_s = detail.partition(":")[0], retry_after_s
    return error
