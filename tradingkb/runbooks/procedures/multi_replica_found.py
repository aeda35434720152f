"""What 01 looks at: running replicas as they say they are, or temporary ones that are planned."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tradingkb.exceptions import InvalidInputError
from tradingkb.runbooks.procedures.http import (
    Tokens,
    ask,
    checked_urls,
    samples,
    why_not_ready,
)
from tradingkb.runbooks.procedures.limits_measured import Measured
from tradingkb.runbooks.procedures.temporary import has_redis

if TYPE_CHECKING:
    from tradingkb.runbooks.book import Run

_FAILURES: Final = "08_failure_modes_recovery"
#: As many as the proxy of compose.yaml has places for.
_POSSIBLE: Final = range(1, 11)
#: Enough questions after a replica's name to hear of every one behind a proxy.
_NAMES: Final = 20


@dataclass(frozen=True)
class Replica:
    """A running replica, as it says it is.

    Attributes:
        url: its address.
        name: its own name, None where it does not answer.
        ready: whether it can answer.
        backend: where it counts: "memory" or "redis".
        fail: what it does while Redis does not count: "open" or "closed"; None by memory.
        refused: requests that it has answered with 429 since it started.
        told: what it said, where that was no answer.
    """

    url: str
    name: str | None
    ready: bool
    backend: str | None
    fail: str | None
    refused: int | None
    told: str = ""


@dataclass
class Check:
    """What is looked at, and what was measured of it.

    Attributes:
        live: running replicas; none where temporary ones are measured.
        replicas: how many there are or will be.
        per_minute: limit of temporary replicas; 0 for none.
        at_once: likewise.
        redis: "given" (by its variable), "temporary" or None.
        found: what was measured, by where it is counted.
        held_up: what is never limited and was refused, by the same and by path.
    """

    live: Sequence[Replica]
    replicas: int
    per_minute: int
    at_once: int
    redis: str | None
    found: dict[str, Measured] = field(default_factory=dict)
    held_up: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def backend(self) -> str:
        """Where running replicas count; "memory" where some do."""
        return "redis" if self.live and all(r.backend == "redis" for r in self.live) else "memory"


def look(run: Run) -> Check:
    """Reads settings, and what running replicas say of themselves; nothing of it is limited.

    Raises:
        InvalidInputError: a parameter that cannot be.
    """
    given, settings = run.parameters, run.kb.settings
    tokens = tokens_of(run)
    live = [_replica(url, tokens) for url in checked_urls(given["replica_urls"])]
    names = _names(live, tokens)
    chosen = given["replicas"] or (max(len(live), len(names)) if live else 2)
    if chosen not in _POSSIBLE:
        raise InvalidInputError("are 1 to 10", field="replicas", remedy="name as many as there are")
    per_minute, at_once = given["per_minute"], given["at_once"]
    redis = "given" if os.environ.get(given["redis_url_env"]) else None
    check = Check(
        live,
        chosen,
        settings.rate_limit_per_minute if per_minute is None else per_minute,
        settings.rate_limit_concurrent if at_once is None else at_once,
        redis or ("temporary" if has_redis() else None),
    )
    for replica in live:
        if not replica.ready:
            run.find(f"{replica.url} is not ready", "critical", told=replica.told)
            restart = run.command("07_service_restart", replica_urls=given["replica_urls"])
            run.next("find out why a replica is not ready", run.command(_FAILURES))
            run.next("start what does not answer", restart)
    if len({r.backend for r in live if r.backend}) > 1:
        run.find(
            "some replicas count in memory and some in Redis: they have different settings",
            "warning",
            counted_by={r.name or r.url: r.backend for r in live},
        )
    if live:
        _check_workspace(run)
    return check


def tokens_of(run: Run) -> Tokens:
    """Those that the environment holds for running replicas."""
    given = run.parameters
    return Tokens.of(given["admin_token_env"], given["workspace_token_env"])


def _replica(url: str, tokens: Tokens) -> Replica:
    health, ready = (ask(url, path, tokens=tokens) for path in ("/health", "/ready"))
    metrics = ask(url, "/metrics", tokens=tokens)
    limits = ready.body.get("checks", {}).get("rate_limits", {}) if _is_json(ready.body) else {}
    refused = [
        value
        for labels, value in samples(str(metrics.body), "kb_http_requests_total")
        if labels.get("status") == "429"
    ]
    return Replica(
        url,
        health.body.get("replica") if _is_json(health.body) else None,
        ready.ok,
        limits.get("backend"),
        limits.get("fail"),
        int(sum(refused)) if metrics.ok else None,
        why_not_ready(ready),
    )


def _names(live: Sequence[Replica], tokens: Tokens) -> set[str]:
    """Names of replicas; behind one address there may be several."""
    names = {replica.name for replica in live if replica.name}
    if len(live) == 1 and names:
        for _ in range(_NAMES):
            body = ask(live[0].url, "/health", tokens=tokens).body
            names |= {body["replica"]} if _is_json(body) and body.get("replica") else set()
    return names


def _check_workspace(run: Run) -> None:
    """The share that is used up must be nobody's.

    Raises:
        InvalidInputError: the workspace has trials.
    """
    name = run.parameters["limit_workspace"]
    is_there = name in run.kb.workspaces()["slug"]
    if name == "default" or (is_there and run.kb.trials(name, limit=1).height):
        raise InvalidInputError(
            f"workspace {name!r} is one that users ask about, and they would be refused",
            field="limit_workspace",
            remedy="name one without trials; it is created where it is missing",
        )


def _is_json(body: Any) -> bool:
    return isinstance(body, dict)
