"""Requests to a service: by the standard library, bounded, one place for tokens.

An answer that does not come is an answer of status 0: what a procedure looks at may be down.
"""

from __future__ import annotations

import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

from tradingkb.exceptions import BackendUnavailableError, InvalidInputError
from tradingkb.resilience import cause_of

TIMEOUT_S: Final = 10.0
#: No answer of a service is as long.
_LONGEST: Final = 50_000_000
_OK: Final = range(200, 300)
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Answer:
    """What came of a request.

    Attributes:
        status: of HTTP; 0 where no answer came.
        body: JSON that is read, else text.
        headers: by lower-case name.
        seconds: that it took.
        error: why no answer came, by names and codes alone.
    """

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Whether it is what was asked for."""
        return self.status in _OK

    @property
    def told(self) -> str:
        """A few words on what came: the status and what a problem says of itself."""
        if not self.status:
            return f"no answer ({self.error})"
        problem = self.body if isinstance(self.body, dict) else {}
        words = [str(problem[name]) for name in ("detail", "remedy") if problem.get(name)]
        return "; ".join([f"status {self.status}", *words])

    def checked(self) -> Answer:
        """Itself, where it is what was asked for.

        Raises:
            InvalidInputError: the request is refused (400 to 499).
            BackendUnavailableError: no answer, or a failure of the service.
        """
        if self.ok:
            return self
        if 400 <= self.status < 500:
            raise InvalidInputError(f"the service refuses: {self.told}")
        raise BackendUnavailableError(f"the service does not answer as it should: {self.told}")


@dataclass(frozen=True)
class Tokens:
    """What a request carries; never shown.

    Attributes:
        admin: sent as X-Admin-Token.
        workspace: sent as Authorization: Bearer.
    """

    admin: str | None = field(default=None, repr=False)
    workspace: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, admin_env: str = "", workspace_env: str = "") -> Tokens:
        """Those that the environment holds under these names; none where it holds none."""
        return cls(os.environ.get(admin_env) or None, os.environ.get(workspace_env) or None)

    def headers(self) -> dict[str, str]:
        """As header fields."""
        found = {"X-Admin-Token": self.admin} if self.admin else {}
        return found | ({"Authorization": f"Bearer {self.workspace}"} if self.workspace else {})


def checked_urls(text: str, field_name: str = "replica_urls") -> tuple[str, ...]:
    """Addresses of services, given with commas.

    Raises:
        InvalidInputError: one is no http address, or holds a password.
    """
    found = [part.strip().rstrip("/") for part in text.split(",") if part.strip()]
    for url in found:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInputError(
                "is no address of a service", field=field_name, remedy="as http://127.0.0.1:8000"
            )
        if parts.username or parts.password:
            raise InvalidInputError(
                "an address is kept with the run, and must hold no password",
                field=field_name,
                remedy="leave it out; tokens are named by their variables",
            )
    return tuple(dict.fromkeys(found))


def ask(
    url: str,
    path: str,
    body: Any = None,
    *,
    tokens: Tokens | None = None,
    timeout_s: float = TIMEOUT_S,
    content_type: str = "application/json",
) -> Answer:
    """Asks a service once; POST where there is a body.

    Args:
        url: of the service.
        path: of the route, with its query.
        body: bytes, or what becomes JSON.
        tokens: that it carries.
        timeout_s: seconds that it waits for each part of the answer.
        content_type: of bytes.
    """
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": content_type} if data is not None else {}
    headers |= (tokens or Tokens()).headers()
    request = urllib.request.Request(url + path, data, headers)
    began = time.monotonic()
    try:
        with _opener(url).open(request, timeout=timeout_s) as answer:
            found = _answer(answer, began)
    except urllib.error.HTTPError as refused:
        with refused:
            found = _answer(refused, began)
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None)
        cause = cause_of(reason if isinstance(reason, BaseException) else error)
        found = Answer(0, seconds=time.monotonic() - began, error=cause)
    return found


def why_not_ready(answer: Answer) -> str:
    """Which checks of /ready fail, and why; "" where none does."""
    body = answer.body if isinstance(answer.body, dict) else {}
    if body.get("draining"):
        return "it is about to stop"
    failing = [(n, c) for n, c in body.get("checks", {}).items() if not c.get("ok")]
    told = "; ".join(f"{name}: {check.get('detail')}" for name, check in failing)
    return told or ("" if answer.ok else answer.told)


def samples(text: str, name: str) -> Iterator[tuple[dict[str, str], float]]:
    """Labels and value of each sample of a metric, in a text of Prometheus."""
    for line in text.splitlines():
        found = _SAMPLE.fullmatch(line)
        if found is not None and found["name"] == name:
            yield dict(_LABEL.findall(found["labels"] or "")), float(found["value"])


_SAMPLE: Final = re.compile(r"(?P<name>\w+)(\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nobody: a token is for who was asked."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """No request."""
        return


def _opener(url: str) -> urllib.request.OpenerDirector:
    own = urlsplit(url).hostname in _LOOPBACK
    proxies = [urllib.request.ProxyHandler({})] if own else []
    return urllib.request.build_opener(_Stay, *proxies)


def _answer(came: Any, began: float) -> Answer:
    text = came.read(_LONGEST).decode("utf-8", "replace")
    headers = {name.lower(): value for name, value in came.headers.items()}
    body: Any = text
    if headers.get("content-type", "").partition(";")[0].endswith("json"):
        body = json.loads(text)
    return Answer(int(came.status), body, headers, time.monotonic() - began)
