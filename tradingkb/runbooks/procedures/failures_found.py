"""What 08 finds: circuits, checks and counters, of the store and of each replica."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tradingkb.exceptions import TradingKBError
from tradingkb.masking import anonymous
from tradingkb.runbooks.procedures.diagnosis import SERVICE_OF
from tradingkb.runbooks.procedures.http import (
    Answer,
    Tokens,
    ask,
    checked_urls,
    samples,
    why_not_ready,
)
from tradingkb.runbooks.procedures.question import FixedQuestion, question_of

if TYPE_CHECKING:
    import polars as pl

    from tradingkb.runbooks.book import Run

T = TypeVar("T")

_HOUR: Final = timedelta(hours=1)
#: As in the alert: that /ready says no is an answer.
_COUNTED: Final = "/kb/"
#: Metrics that count by service.
_COUNTERS: Final = (
    "resilience_retries_total",
    "circuit_breaker_failures_total",
    "circuit_breaker_trips_total",
)
#: Failures of the service itself; what callers did wrong is not among them.
_FAILED: Final = range(500, 508)
#: Who asks where no replica does.
HERE: Final = "this run"


@dataclass(frozen=True)
class Circuit:
    """One circuit of one replica.

    Attributes:
        replica: whose.
        url: its address; None where it is only known from what it wrote.
        service: "db", "qdrant", "ollama" or "redis".
        state: "closed", "open" or "half_open".
        failures: in a row.
        open_since: when it opened; None while it is closed.
        last_error: by name and code.
    """

    replica: str
    url: str | None
    service: str
    state: str
    failures: int
    open_since: datetime | None
    last_error: str | None


@dataclass(frozen=True)
class Failing:
    """A check of readiness that fails.

    Attributes:
        by: who checked: a replica's name, or this run.
        url: of the replica; None for this run.
        service: what does not answer as it should.
        detail: what was said.
    """

    by: str
    url: str | None
    service: str
    detail: str


@dataclass
class Failures:
    """What was found.

    Attributes:
        since: from when on the journal was read.
        circuits: of every replica.
        failing: checks that fail, from here and of each replica.
        reached: backends that answered this run.
        changes: what circuits did: at, replica, service, state, changed, failures, retries, error.
        requests: by address and route, how many failed of how many.
        counters: by replica and service, since each replica started.
        question: that is asked at the end; None without store.
        unread: what could not be read, and why.
        urls: addresses by the names of replicas.
        advice: what to do where waiting does not help.
    """

    since: datetime
    circuits: list[Circuit] = field(default_factory=list)
    failing: list[Failing] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)
    changes: pl.DataFrame | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)
    counters: list[dict[str, Any]] = field(default_factory=list)
    question: FixedQuestion | None = None
    unread: dict[str, str] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)
    advice: list[str] = field(default_factory=list)

    @property
    def open(self) -> list[Circuit]:
        """Circuits that are not closed."""
        return [one for one in self.circuits if one.state != "closed"]


def look(run: Run) -> Failures:
    """Reads circuits, checks and the journal, from the store and from each replica.

    What cannot be read is told, and hides nothing else: the store itself may be what fails.

    Raises:
        InvalidInputError: a parameter that cannot be.
    """
    given, now = run.parameters, datetime.now(UTC)
    since = now - _HOUR if given["since"] is None else _moment(given["since"])
    found = Failures(since)
    tokens = tokens_of(run)
    for url in checked_urls(given["replica_urls"]):
        _look_at_replica(found, url, tokens)
    _look_at_store(run, found)
    if given["service"] is not None:
        found.circuits = [one for one in found.circuits if one.service == given["service"]]
        found.failing = [one for one in found.failing if one.service == given["service"]]
    for what, why in found.unread.items():
        run.find(f"{what} could not be read", "warning", why=anonymous(why))
    return found


def tokens_of(run: Run) -> Tokens:
    """Those that requests of this runbook carry."""
    given = run.parameters
    return Tokens.of(given["admin_token_env"], given["workspace_token_env"])


def fixed_question(run: Run) -> FixedQuestion:
    """The question that the parameters say."""
    given = run.parameters
    asked = (given["strategy"], given["objective"], given["market"])
    return question_of(run.kb, run.workspace, *asked)


def _look_at_replica(found: Failures, url: str, tokens: Tokens) -> None:
    health, ready = ask(url, "/health", tokens=tokens), ask(url, "/ready", tokens=tokens)
    metrics = ask(url, "/metrics", tokens=tokens)
    if not health.ok or not isinstance(health.body, dict):
        found.unread[f"/health of {url}"] = health.told
        return
    name = str(health.body.get("replica") or url)
    found.urls[name] = url
    for service, told in health.body.get("circuit_breakers", {}).items():
        if told.get("in_use"):
            found.circuits.append(_circuit(name, url, SERVICE_OF.get(service, service), told))
    found.failing += _failing(name, url, ready)
    text = str(metrics.body)
    found.requests += failed_requests(name, text)
    found.counters += _counters(name, text)


def _look_at_store(run: Run, found: Failures) -> None:
    if run.store_error is not None:
        found.failing.append(Failing(HERE, None, "db", run.store_error))
        return
    kb = run.kb
    for name, check in kb.ready().checks.items():
        service = SERVICE_OF[name]
        if check.ok:
            found.reached.add(service)
        else:
            found.failing.append(Failing(HERE, None, service, check.detail))
    written = _read(found, "the journal of circuits", kb.breakers)
    known = {(one.replica, one.service) for one in found.circuits}
    for row in [] if written is None else written.to_dicts():
        if (row["replica"], row["service"]) not in known:
            found.circuits.append(_circuit(row["replica"], None, row["service"], row))
    found.changes = _read(
        found, "what circuits did", lambda: kb.breaker_changes(since=found.since, limit=1000)
    )
    found.question = _read(found, "strategies", lambda: fixed_question(run))


def _circuit(replica: str, url: str | None, service: str, told: dict[str, Any]) -> Circuit:
    since = told["open_since"]
    return Circuit(
        replica,
        url,
        service,
        told["state"],
        told["failures"],
        datetime.fromisoformat(since) if isinstance(since, str) else since,
        told["last_error"],
    )


def _failing(name: str, url: str, ready: Answer) -> list[Failing]:
    if ready.ok:
        return []
    body = ready.body if isinstance(ready.body, dict) else {}
    checks = [(n, c) for n, c in body.get("checks", {}).items() if not c.get("ok")]
    if not checks:
        return [Failing(name, url, "db", why_not_ready(ready))]
    return [Failing(name, url, SERVICE_OF[n], str(c.get("detail"))) for n, c in checks]


def failed_requests(name: str, text: str) -> list[dict[str, Any]]:
    """How many requests of each route were answered by a failure; probes left out.

    Args:
        name: of the replica.
        text: its /metrics.
    """
    counted: dict[str, list[int]] = {}
    for labels, value in samples(text, "kb_http_requests_total"):
        if not labels["route"].startswith(_COUNTED):
            continue
        both = counted.setdefault(labels["route"], [0, 0])
        both[0] += int(value) if int(labels["status"]) in _FAILED else 0
        both[1] += int(value)
    return [
        {"replica": name, "route": route, "failed": failed, "of": of, "share": failed / of}
        for route, (failed, of) in counted.items()
        if failed
    ]


def _counters(name: str, text: str) -> list[dict[str, Any]]:
    """Counters of resilience of a replica, of services for which something was counted."""
    rows: dict[str, dict[str, Any]] = {}
    for metric in _COUNTERS:
        for labels, value in samples(text, metric):
            row = rows.setdefault(
                labels["service"], {"replica": name, "service": labels["service"]}
            )
            row[metric] = int(value)
    return [row for row in rows.values() if any(row[metric] for metric in _COUNTERS)]


def _read(found: Failures, what: str, read: Callable[[], T]) -> T | None:
    """What is read; what cannot be is noted."""
    try:
        return read()
    except TradingKBError as error:
        found.unread[what] = str(error)
        return None


def _moment(text: str) -> datetime:
    from tradingkb.exceptions import InvalidInputError

    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(
            f"{text!r} is no time", field="since", remedy="as 2026-11-28T22:00:00Z"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
