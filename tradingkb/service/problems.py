"""Errors over HTTP: RFC 9457 problems, and which status each error of the tree has.

An answer names the field, the row and the remedy, and nothing of the machine that gave it: no
path, no host, no secret, no stack.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Final

import orjson

from tradingkb.exceptions import (
    BackendUnavailableError,
    CircuitOpenError,
    ConfigurationError,
    DeadlineExceededError,
    DiskFullError,
    InvalidInputError,
    NotFoundError,
    NotReadyError,
    TradingKBError,
    code_of,
)
from tradingkb.masking import anonymous
from tradingkb.service.wording import as_requests

MEDIA_TYPE: Final = "application/problem+json"
#: HTTP status per error; matched in this order. The mission document says 500 of an open circuit.
STATUSES: Final[tuple[tuple[type[Exception], int], ...]] = (
    (NotFoundError, 404),
    (InvalidInputError, 422),
    (DiskFullError, 507),
    (ConfigurationError, 500),
    (CircuitOpenError, 500),
    (BackendUnavailableError, 503),
    (DeadlineExceededError, 504),
    (NotReadyError, 409),
    (TradingKBError, 500),
)
_TITLES: Final = {
    400: "The request cannot be read",
    401: "No valid token",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "The request did not arrive in time",
    409: "Not ready",
    413: "The request is too large",
    415: "Unknown type of content",
    422: "The input cannot be used",
    429: "Too many requests",
    500: "The service failed",
    503: "A backend does not answer",
    504: "Not ready in time",
    507: "No room to write",
}
#: Seconds after which an error that passes by itself is worth another try.
_RETRY_AFTER_S: Final = {503: 5.0, 409: 10.0}


@dataclasses.dataclass(eq=False)  # an exception: contexts write its traceback, and it is hashed
class ProblemError(Exception):
    """What is answered instead of what was asked for.

    Attributes:
        status: of HTTP.
        code: what programs tell problems apart by.
        detail: what is wrong, for people.
        remedy: what to do about it.
        field, row: where, as far as is known; rows count from 1.
        retry_after_s: seconds after which it is worth another try; None where it is not.
        headers: further header fields.
    """

    status: int
    code: str
    detail: str
    remedy: str | None = None
    field: str | None = None
    row: int | None = None
    retry_after_s: float | None = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)

    def body(self, request_id: str) -> bytes:
        """The JSON document."""
        found: dict[str, Any] = {
            "type": f"urn:tradingkb:problem:{self.code}",
            "title": _TITLES.get(self.status, "The request failed"),
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "remedy": self.remedy,
            "request_id": request_id,
        }
        found |= {
            name: value
            for name, value in (("field", self.field), ("row", self.row))
            if value is not None
        }
        return orjson.dumps(found)

    def header_fields(self) -> dict[str, str]:
        """Those that the answer has to carry."""
        fields = dict(self.headers)
        if self.retry_after_s is not None:
            fields.setdefault("Retry-After", str(max(1, math.ceil(self.retry_after_s))))
        return fields


def problem_of(error: Exception) -> ProblemError:
    """The problem that an error is; one that nobody foresaw says nothing of itself."""
    if isinstance(error, ProblemError):
        return error
    if not isinstance(error, TradingKBError):
        return ProblemError(
            500,
            "unexpected",
            "the service failed in a way that nobody foresaw",
            remedy="look for the request_id in the log, and report it",
        )
    status = status_of(error)
    if isinstance(error, InvalidInputError):
        return ProblemError(
            status,
            code_of(error),
            _said(error.message),
            remedy=_said(error.remedy or f"change {error.field or 'what is asked'}"),
            field=_FIELDS.get(str(error.field), error.field and error.field[:80]),
            row=error.row,
        )
    wait = _RETRY_AFTER_S.get(status)
    if isinstance(error, CircuitOpenError):
        wait = max(error.retry_after_s, 0.1)
    return ProblemError(
        status,
        code_of(error),
        _DETAILS.get(code_of(error), _said(str(error))),
        remedy=_REMEDIES.get(code_of(error), _REMEDIES["configuration"]),
        retry_after_s=wait,
    )


#: What requests call what the library calls otherwise.
_FIELDS: Final = {"workspace": "workspace_id", "after": "cursor", "job": "job_id"}
#: Said in place of messages that name processes and machines.
_DETAILS: Final = {
    "workspace_busy": "another run works on the workspace",
    "disk_full": "there is no room to write",
    "store_damaged": "the store is damaged, or another file has taken its place",
}
_REMEDIES: Final = {
    "circuit_open": "wait; GET /health says which backend failed, and by which error",
    "backend_unavailable": "try again later; GET /ready says which backend does not answer",
    "deadline_exceeded": "ask again, or allow more time",
    "workspace_busy": "try again when the other run has ended",
    "empty_collection": "run POST /kb/trials/ingest",
    "not_ready": "try again later",
    "disk_full": "an operator has to make room where the store is; nothing is lost",
    "configuration": "an operator has to change the service's configuration; see its log",
}


def status_of(error: TradingKBError) -> int:
    """The HTTP status of an error of the tree."""
    return next(status for kind, status in STATUSES if isinstance(error, kind))


def _said(text: str) -> str:
    return as_requests(anonymous(text))
