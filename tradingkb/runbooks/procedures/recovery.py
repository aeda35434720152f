"""The second half of 08: waiting until a backend answers again, and asking a question."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tradingkb.exceptions import BackendUnavailableError, TradingKBError
from tradingkb.presentation import Table
from tradingkb.runbooks.procedures.diagnosis import SERVICE_OF
from tradingkb.runbooks.procedures.failures import WAIT
from tradingkb.runbooks.procedures.failures_found import (
    HERE,
    Failures,
    fixed_question,
    tokens_of,
)
from tradingkb.runbooks.procedures.http import ask, why_not_ready
from tradingkb.runbooks.procedures.question import Answered

if TYPE_CHECKING:
    from tradingkb.runbooks.book import Run

#: Seconds that an open circuit is left alone.
RESET_S: Final = 30.0
_LOOK_S: Final = 1.0
#: What an answer says of a backend that does not answer.
_AWAY: Final = ("no_embedding_available", "vectors_outdated")


@dataclass(frozen=True)
class Awaited:
    """What is waited for.

    Attributes:
        by: the replica that it does not answer, or this run.
        url: of the replica; None where it is not known.
        service: what does not answer.
        open_since: when the circuit opened, if it did.
    """

    by: str
    url: str | None
    service: str
    open_since: datetime | None

    @property
    def name(self) -> str:
        """As it is told of."""
        return f"{self.service} of {self.by}"


def plan(run: Run, found: Failures) -> None:
    """Plans to wait for circuits that are open and for backends that do not answer."""
    waits = [Awaited(one.replica, one.url, one.service, one.open_since) for one in found.open]
    waits += [Awaited(one.by, one.url, one.service, None) for one in found.failing]
    by_name = {one.name: one for one in reversed(waits)}
    if not by_name:
        return
    awaited = [by_name[name] for name in sorted(by_name)]
    lets = "let one call through by GET /ready" if found.urls else "look"
    run.step(
        WAIT,
        f"{lets} until they answer and their circuits are closed, for {run.parameters['wait_s']} s "
        f"at most: {', '.join(by_name)}",
        partial(_waited, run, awaited),
        expect=dict.fromkeys(sorted(by_name), "closed"),
    )


def conclude(run: Run, found: Failures) -> Table:
    """The verification: each replica answers a question, and by its vectors."""
    answers = _asked(run, found)
    for one in answers:
        why = _not_recovered(one)
        if run.dry_run:
            run.find(
                f"{one.by} {'does not answer as it should' if why else 'answers a question'}",
                "warning" if why else "info",
                **({"why": why} if why else {}),
            )
        else:
            evidence = {"why": why} if why else {"status": (one.answer or {})["status"]}
            run.verify(f"{one.by} answers a question, by its vectors", not why, **evidence)
    if run.failed or (run.dry_run and found.advice):
        for do in found.advice:
            run.next(do)
        _restart_next(run, found)
    return Table(
        [one.row() for one in answers], f"Answers (n = {len(answers)})", "nobody was asked"
    )


def half_open_in(opened: datetime | None, now: datetime) -> float:
    """Seconds until an open circuit lets a call through; 0 where that is not known."""
    if opened is None:
        return 0.0
    return min(max(0.0, RESET_S - (now - opened).total_seconds()), RESET_S)


def _waited(run: Run, awaited: Sequence[Awaited]) -> dict[str, Any]:
    """Waits until all are back.

    Raises:
        BackendUnavailableError: the time is over; names those that are still away.
    """
    began, longest = time.monotonic(), run.parameters["wait_s"]
    soonest = min(half_open_in(one.open_since, datetime.now(UTC)) for one in awaited)
    time.sleep(min(soonest, longest))
    while away := {one.name: why for one in awaited if (why := _still(run, one))}:
        if time.monotonic() - began >= longest:
            told = "; ".join(f"{name}: {why}" for name, why in away.items())
            raise BackendUnavailableError(f"still away after {longest} s: {told}")
        time.sleep(_LOOK_S)
    back = dict.fromkeys((one.name for one in awaited), "closed")
    return {**back, "waited_s": round(time.monotonic() - began, 1)}


def _still(run: Run, one: Awaited) -> str:
    """Why a service is not back yet; "" once it is."""
    try:
        if one.url is not None:
            return _still_at(run, one.url, one.service)
        if one.by == HERE:
            return _still_here(run, one.service)
        rows = run.kb.breakers().to_dicts()
    except TradingKBError as error:
        return str(error)
    mine = [row for row in rows if (row["replica"], row["service"]) == (one.by, one.service)]
    # One that ended has taken its rows away.
    return f"its circuit is {mine[0]['state']}" if mine and mine[0]["state"] != "closed" else ""


def _still_at(run: Run, url: str, service: str) -> str:
    tokens = tokens_of(run)
    ready = ask(url, "/ready", tokens=tokens)  # the call that is let through
    checks = ready.body.get("checks", {}) if isinstance(ready.body, dict) else {}
    for name, check in checks.items():
        if SERVICE_OF.get(name) == service and not check.get("ok"):
            return str(check.get("detail"))
    if not checks:
        return why_not_ready(ready)
    health = ask(url, "/health", tokens=tokens)
    circuits = health.body.get("circuit_breakers", {}) if isinstance(health.body, dict) else {}
    for name, told in circuits.items():
        if SERVICE_OF.get(name, name) == service and told.get("is_open"):
            return f"its circuit is {told.get('state')}"
    return "" if health.ok else health.told


def _still_here(run: Run, service: str) -> str:
    if run.store_error is not None:
        run.reopen()
    for name, check in run.kb.ready().checks.items():
        if SERVICE_OF[name] == service and not check.ok:
            return str(check.detail)
    return ""


def _asked(run: Run, found: Failures) -> list[Answered]:
    question = found.question
    if question is None and run.store_error is None:
        question = fixed_question(run)  # it is back
    if question is None or question.strategy is None:
        run.find("no question is asked: there is no store, or no trials in the workspace")
        return []
    tokens = tokens_of(run)
    answers = [question.asked_of(url, tokens) for url in found.urls.values()]
    return [*answers, question.asked_of_store(run.kb)]


def _not_recovered(one: Answered) -> str:
    if one.answer is None:
        return one.told
    away = [reason for reason in one.answer["reasons"] if reason in _AWAY]
    return f"it answers without vectors: {', '.join(away)}" if away else ""


def _restart_next(run: Run, found: Failures) -> None:
    """A circuit that stays open although its backend answers others: that replica's own trouble."""
    for one in found.open:
        if one.service in found.reached:
            again = {"replica_urls": one.url} if one.url else {}
            run.next(
                f"{one.service} answers this run and not {one.replica}: its network or credentials "
                "are at fault, or its circuit is stuck; correct them and restart it",
                run.command("07_service_restart", **again),
            )
