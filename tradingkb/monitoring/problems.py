"""What is wrong now: facts to problems, by the thresholds of the alerts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import polars as pl

from tradingkb.monitoring.answers import answer_problems
from tradingkb.monitoring.facts import Facts, Problem, evidence, parameters
from tradingkb.monitoring.retries import retrying
from tradingkb.monitoring.rules import BREAKER, CHECKS, OUTDATED, RETRIES, SEVERITIES
from tradingkb.monitoring.work import work_problems

#: Which service a check of readiness asks.
_SERVICES: Final = {"database": "db", "qdrant_collection": "qdrant", "embed_service": "ollama"}
_RESTART: Final = "07_service_restart"
_DO: Final = {
    "database": "bring the database back: while it is down there are no answers, and nothing here "
    "is newer than when it went",
    "qdrant_collection": "answers come from SQL meanwhile, and are metadata_only: do as the check "
    "says, or bring the vector index back",
    "embed_service": "answers come without similarity meanwhile: bring the embedder back",
}
#: What becomes of requests while the server that counts them is left alone.
_UNCOUNTED: Final = (
    "; meanwhile each replica counts for itself (RATE_LIMIT_FAIL=open), or refuses all but lists "
    "and reports (closed): GET /ready of it says which"
)


def problems_of(facts: Facts, now: datetime) -> tuple[Problem, ...]:
    """Everything that is wrong, the most severe first, causes before what follows from them.

    Args:
        facts: what was found.
        now: aware UTC.
    """
    found = [
        *_not_ready(facts, now),
        *_not_read(facts),
        *_left_alone(facts, now),
        *_outdated(facts),
        *_silent(facts),
        *_repeating(facts, now),
        *answer_problems(facts, now),
        *work_problems(facts, now),
    ]
    return tuple(sorted(found, key=lambda problem: SEVERITIES.index(problem.severity)))


def _not_ready(facts: Facts, now: datetime) -> Iterator[Problem]:
    failing = {name: check for name, check in facts.checks.items() if not check.ok}
    if "database" in failing:
        # The other checks ask it which collections and models there are: they fail with it.
        others = {name: check.detail for name, check in failing.items() if name != "database"}
        yield _failing_check(facts, "database", {"also_not_ready": others} if others else {}, now)
        return
    for name in failing:
        yield _failing_check(facts, name, {}, now)


def _failing_check(facts: Facts, name: str, more: Mapping[str, Any], now: datetime) -> Problem:
    failing, service, detail = CHECKS[name], _SERVICES[name], facts.checks[name].detail
    since = _opened(facts.breakers, service, now)
    return Problem(
        failing.code,
        "critical",
        f"{failing.what} is not ready: {detail}",
        since,
        evidence({"check": name, "service": service, "detail": detail, **more}, since, "second"),
        _DO[name],
        failing.runbook,
        parameters(facts),
    )


def _not_read(facts: Facts) -> Iterator[Problem]:
    told = "database" in facts.checks and not facts.checks["database"].ok
    if not facts.unread or (told and list(facts.unread) == ["database"]):
        return  # nothing, or what the check has said already
    parts = ", ".join(facts.unread)
    yield Problem(
        "NotRead",
        "critical" if "database" in facts.unread else "warning",
        f"what is stored could not be read, so nothing is known of: {parts}",
        None,
        {"unread": dict(facts.unread)},
        "look at the checks and the circuits: the database fails, or takes too long",
        BREAKER.runbook,
        parameters(facts),
    )


def _left_alone(facts: Facts, now: datetime) -> Iterator[Problem]:
    """Circuits that are not closed, by service."""
    if facts.breakers.is_empty():
        return
    for service in facts.breakers["service"].unique().sort():
        rows = facts.breakers.filter(pl.col("service") == service)
        opened = [row for row in rows.to_dicts() if _open_for(row, now) > BREAKER.hold_s]
        if not opened:
            continue
        since = min(_since(row, now) for row in opened)
        replicas = rows["replica"].n_unique()
        failures = max(row["failures"] for row in opened)
        reached = _reached(facts, service, since) - {row["replica"] for row in opened}
        yield Problem(
            BREAKER.alert,
            BREAKER.severity,
            f"{service} is left alone by {len(opened)} of {replicas} "
            f"{'replica' if replicas == 1 else 'replicas'}: it failed "
            f"{'once' if failures == 1 else f'{failures} times in a row'}",
            since,
            evidence(
                {
                    "service": service,
                    "replicas": [row["replica"] for row in opened],
                    "of_replicas": replicas,
                    "failures": failures,
                    "reached_by": sorted(reached),
                    "last_error": opened[0]["last_error"],
                },
                since,
                "second",
            ),
            _way_back(sorted(reached), elsewhere=len(opened) < replicas)
            + (_UNCOUNTED if service == "redis" else ""),
            BREAKER.runbook,
            parameters(facts, since, service=service),
        )


def _reached(facts: Facts, service: str, since: datetime) -> frozenset[str]:
    """Replicas that have had an answer of a service since then, as far as anything proves it.

    Only what closes a circuit is written with its time; one that stays closed may not have asked.
    """
    now = facts.reached.get(service, frozenset())
    if facts.retries.is_empty():
        return now
    closed = pl.col("changed") & (pl.col("state") == "closed") & (pl.col("service") == service)
    return now | set(facts.retries.filter(closed & (pl.col("at") > since))["replica"])


def _way_back(reached: Sequence[str], *, elsewhere: bool) -> str:
    """What to do first about a service that is left alone.

    Args:
        reached: replicas that it has answered since.
        elsewhere: whether the circuit of another replica is closed.
    """
    if reached:
        return (
            f"it has answered since ({', '.join(reached)}): the next call of the replicas that "
            "leave it alone closes their circuits; if it does not, their network or credentials "
            "are at fault"
        )
    back = "bring it back, or the network to it: the next call that succeeds closes the circuit"
    if not elsewhere:
        return back
    return f"{back}; the others may not have asked it since: that theirs are closed proves nothing"


def _outdated(facts: Facts) -> Iterator[Problem]:
    """Collections whose vectors are of another version of their model than questions get."""
    for one in facts.outdated:
        entries = None if one.entries is None else sum(one.entries.values())
        if entries == 0:
            continue  # embedded anew since the check looked
        number = "" if entries is None else f"{entries:,} "
        whose = " and ".join(one.entries or ("every workspace",))
        yield Problem(
            OUTDATED.code,
            "warning",
            f"{number}entries of {one.collection} were made by another version of {one.model} than "
            "the server has now",
            None,
            evidence(
                {
                    "model": one.model,
                    "collection": one.collection,
                    "entries": entries,
                    "entries_by_workspace": one.entries,
                },
                None,
                "second",
            ),
            f"run tradingkb ingest or reembed for {whose}: until then answers rest on metadata",
            OUTDATED.runbook,
            parameters(facts),
        )


def _silent(facts: Facts) -> Iterator[Problem]:
    """Replicas that were killed, or cannot reach the database any more."""
    if not facts.silent:
        return
    since = min(facts.silent.values())
    replicas = sorted(facts.silent)
    yield Problem(
        "ReplicaSilent",
        "warning",
        f"{len(replicas)} {'replica has' if len(replicas) == 1 else 'replicas have'} not been "
        f"heard from, without having ended: {', '.join(replicas)}",
        since,
        evidence({"replicas": replicas}, since, "second"),
        "see whether the process still runs: it was killed, or does not reach the database; one "
        "that has been replaced is forgotten after an hour",
        _RESTART,
        parameters(facts),
    )


def _repeating(facts: Facts, now: datetime) -> Iterator[Problem]:
    """Calls that are made again too often, by service."""
    for found in retrying(facts.retries, now):
        yield Problem(
            RETRIES.alert,
            RETRIES.severity,
            f"{found.per_s:.1f} calls a second to {found.service} are made again",
            found.since,
            evidence(
                {
                    "service": found.service,
                    "replicas": list(found.replicas),
                    "retries_per_s": round(found.per_s, 2),
                    "limit_per_s": RETRIES.limit,
                    "last_error": found.error,
                },
                found.since,
                "minute",
            ),
            "timeouts mean load or network, refused connections a backend that restarts: look at "
            "it before its circuit opens",
            RETRIES.runbook,
            parameters(facts, found.since, service=found.service),
        )


def _opened(breakers: pl.DataFrame, service: str, now: datetime) -> datetime | None:
    """Since when the circuit of a service is open on any replica."""
    if breakers.is_empty():
        return None
    rows = breakers.filter((pl.col("service") == service) & (pl.col("state") != "closed"))
    return min((_since(row, now) for row in rows.to_dicts()), default=None)


def _since(breaker: Mapping[str, Any], now: datetime) -> datetime:
    """By the clock of its replica, which may be ahead of ours."""
    at: datetime = breaker["open_since"] or breaker["changed_at"] or now
    return min(at, now)


def _open_for(breaker: Mapping[str, Any], now: datetime) -> float:
    """Seconds; negative for a closed one."""
    return -1.0 if breaker["state"] == "closed" else (now - _since(breaker, now)).total_seconds()
