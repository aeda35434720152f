"""Requests to a service: one pool of connections, bounded waits, errors of the library."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from tradingkb.client.failures import error_of
from tradingkb.exceptions import (
    BackendUnavailableError,
    ConfigurationError,
    InvalidInputError,
    TradingKBError,
)

#: Requests at once: as many as a service works on for one workspace (RATE_LIMIT_READS_CONCURRENT).
AT_ONCE: Final = 4
#: Seconds in which a connection has to come up: a service that is away is told of soon.
_CONNECT_S: Final = 3.0
#: Longest Retry-After of a 429 that is waited for, once.
_LONGEST_WAIT_S: Final = 2.0
_TOO_MANY: Final = 429
#: Statuses that carry what was asked for.
_OK: Final = range(200, 300)


class Wire:
    """Asks one service."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None,
        timeout_s: float,
        transport: Any = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Opens no connection yet.

        Args:
            url: address of the service.
            token: of a workspace, sent as Authorization: Bearer.
            timeout_s: seconds in which the service has to go on answering.
            transport: of httpx2, for tests.
            sleep: waits.

        Raises:
            ConfigurationError: httpx2 is not installed.
        """
        try:
            import httpx2
        except ImportError:
            raise ConfigurationError(
                "httpx2 is needed to ask a service: pip install 'tradingkb[dashboard]'"
            ) from None
        self._failures = httpx2.HTTPError
        # No texts that UTF-8 can hold, numbers that JSON can, or a text as long as an address.
        self._unsendable = (ValueError, httpx2.InvalidURL)
        self._sleep = sleep
        self._client = httpx2.Client(
            base_url=url if url.endswith("/") else f"{url}/",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx2.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
            limits=httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE),
            transport=transport,
        )

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """What a route answers; parameters that are None are left out."""
        return self._asked("GET", path, params=_given(query or {}))

    def post(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        admin_token: str | None = None,
        form: Mapping[str, Any] | None = None,
    ) -> Any:
        """What a route answers to a JSON body, or to a form of files.

        Args:
            path: of the route.
            body: JSON.
            query: parameters.
            admin_token: sent as X-Admin-Token.
            form: parts by their names, instead of a body.
        """
        sent: dict[str, Any] = {"params": _given(query or {})}
        if admin_token is not None:
            sent["headers"] = {"X-Admin-Token": _sendable(admin_token)}
        if form is not None:
            sent["files"] = form
        elif body is not None:
            sent["json"] = body
        return self._asked("POST", path, **sent)

    def text(self, path: str) -> str:
        """What a route answers that is no JSON."""
        return str(self._answered("GET", path).text)

    def told(self, path: str) -> Any:
        """What a probe says, whatever the status: a service that is not ready says why."""
        answer = self._sent("GET", path)
        found = _json(answer)
        if answer.status_code in _OK or (isinstance(found, dict) and "checks" in found):
            return found
        raise _error(answer)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _asked(self, method: str, path: str, **sent: Any) -> Any:
        found = _json(self._answered(method, path, **sent))
        if found is None:
            raise BackendUnavailableError("the service answered with something that is no JSON")
        return found

    def _answered(self, method: str, path: str, **sent: Any) -> Any:
        """The answer, once it is one that carries what was asked for."""
        answer = self._sent(method, path, **sent)
        if answer.status_code == _TOO_MANY:
            wait = _retry_after(answer)
            if wait is not None and wait <= _LONGEST_WAIT_S:
                self._sleep(wait)
                answer = self._sent(method, path, **sent)
        if answer.status_code not in _OK:
            raise _error(answer)
        return answer

    def _sent(self, method: str, path: str, **sent: Any) -> Any:
        try:
            return self._client.request(method, path, **sent)
        except self._failures as error:
            # Not the message: it may name machines.
            raise BackendUnavailableError(
                f"the service does not answer ({type(error).__name__}): see that it runs, and that "
                "TRADINGKB_SERVICE_URL is its address"
            ) from error
        except self._unsendable as error:
            raise _unsendable() from error


def segment(text: str) -> str:
    """A name as one part of a path, whatever is in it.

    Raises:
        InvalidInputError: no text that can be sent.
    """
    try:
        quoted = quote(text, safe="")
    except UnicodeEncodeError as error:
        raise _unsendable() from error
    # A part of dots alone would be taken for a step up.
    return quoted.replace(".", "%2E") if not quoted.strip(".") else quoted


def _unsendable() -> InvalidInputError:
    return InvalidInputError(
        "this cannot be sent to a service",
        remedy="give texts that UTF-8 can hold, of some hundred letters at most, and finite "
        "numbers",
    )


def _given(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _sendable(token: str) -> str:
    if not (token.isascii() and token.isprintable()):
        raise InvalidInputError(
            "the token is missing or wrong", field="token", remedy="give the ADMIN_TOKEN"
        )
    return token


def _json(answer: Any) -> Any:
    try:
        return answer.json()
    except (ValueError, RecursionError):  # the latter: nested deeper than anything of ours
        return None


def _retry_after(answer: Any) -> float | None:
    try:
        return max(0.0, float(answer.headers.get("Retry-After", "")))
    except ValueError:
        return None


def _error(answer: Any) -> TradingKBError:
    found = _json(answer)
    problem = found if isinstance(found, dict) else {}
    return error_of(answer.status_code, problem, _retry_after(answer))
