"""08: circuits that are open, who opened them and why, and what that calls for."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from tradingkb.masking import anonymous
from tradingkb.presentation import Table
from tradingkb.runbooks.procedures.diagnosis import LOOK, kind_of
from tradingkb.runbooks.procedures.failures_found import Failures

if TYPE_CHECKING:
    from tradingkb.runbooks.book import Run

_NAME: Final = "08_failure_modes_recovery"
#: As the alert KbHttpErrors has it: a share of the requests, and so many at least.
_SHARE, _LEAST = 0.05, 10
_LOG: Final = (
    "docker compose logs trading-rag-svc --since 5m | "
    'grep -E "(db_retry|qdrant_retry|ollama_retry|circuit_opened)"'
)
#: The step that waits.
WAIT: Final = "wait"


def circuits(found: Failures) -> Table:
    """Every circuit, those that are not closed first."""
    ordered = sorted(found.circuits, key=lambda one: (one.state == "closed", one.service))
    rows = [{name: value for name, value in vars(one).items() if name != "url"} for one in ordered]
    n = len(found.open)
    return Table(rows, f"Circuits ({n} of {len(rows)} not closed)", "no replica has said anything")


def trips(found: Failures) -> Table:
    """Who opened a circuit, by which error, and how often calls were made again."""
    counted: dict[tuple[str, str], dict[str, Any]] = {}
    for row in [] if found.changes is None else found.changes.to_dicts():
        mine = counted.setdefault(
            (row["replica"], row["service"]), {"opened": 0, "retries": 0, "errors": Counter()}
        )
        opened = row["changed"] and row["state"] == "open"
        mine["opened"] += opened
        mine["retries"] += row["retries"]
        if opened and row["error"]:
            mine["errors"][row["error"]] += 1
    rows = [
        {
            "replica": replica,
            "service": service,
            "opened": mine["opened"],
            "retries": mine["retries"],
            "opened by": ", ".join(f"{error} ({n})" for error, n in mine["errors"].most_common()),
            "kind": ", ".join(sorted({kind_of(error).name for error in mine["errors"]})),
        }
        for (replica, service), mine in sorted(counted.items())
    ]
    n = 0 if found.changes is None else found.changes.height
    return Table(
        rows, f"Since {found.since:%Y-%m-%d %H:%M} UTC (n = {n} entries)", "nothing happened"
    )


def counters(found: Failures) -> Table:
    """What the metrics of each replica count, by service."""
    n = len({row["replica"] for row in found.counters})
    title = f"Since each replica started (n = {n} replicas)"
    return Table(found.counters, title, "no address was given, or nothing has failed")


def requests(found: Failures) -> Table:
    """Requests that failed, by replica and route, since each replica started."""
    rows = sorted(found.requests, key=lambda row: -row["failed"])
    return Table(rows, "Requests answered by a failure (500 to 507)", "none that is known")


def diagnose(run: Run, found: Failures) -> Table:
    """What is wrong, whether it may pass by itself, and what to look at; notes it as findings."""
    rows = []
    for one in found.open:
        kind = kind_of(one.last_error)
        told = f"{one.service} is left alone by {one.replica}"
        rows.append(_diagnosis(one.replica, one.service, one.last_error, found))
        evidence = {"error": one.last_error, "kind": kind.name, "failures": one.failures}
        run.find(told, "critical" if one.service == "db" else "warning", WAIT, **evidence)
    for failing in found.failing:
        if any((o.replica, o.service) == (failing.by, failing.service) for o in found.open):
            continue
        rows.append(_diagnosis(failing.by, failing.service, failing.detail, found))
        told = f"{failing.service} does not answer {failing.by} as it should"
        run.find(told, "critical", healed_by=WAIT, told=anonymous(failing.detail))
    _find_problems(run)
    _find_requests(run, found)
    found.advice = [
        *(f"look at {name}: {LOOK[name]}" for name in sorted({row["service"] for row in rows})),
        *sorted({f"{row['service']}: {row['do']}" for row in rows}),
        *([f"the log tells the story: {_LOG}"] if rows else []),
    ]
    return Table(rows, f"Diagnosis (n = {len(rows)})", "nothing is wrong now")


def _diagnosis(replica: str, service: str, error: str | None, found: Failures) -> dict[str, Any]:
    kind = kind_of(error)
    return {
        "seen by": replica,
        "service": service,
        "error": anonymous(error or ""),
        "kind": kind.name,
        "calls are made again": kind.transient,
        "answers this run": service in found.reached,
        "do": kind.do,
    }


def _find_requests(run: Run, found: Failures) -> None:
    """As the alert KbHttpErrors judges, but over the life of each replica."""
    for replica in sorted({row["replica"] for row in found.requests}):
        mine = [row for row in found.requests if row["replica"] == replica]
        failed = sum(row["failed"] for row in mine)
        of = sum(row["of"] for row in mine)
        run.find(
            f"{replica}: {failed} requests were answered by a failure since it started",
            "warning" if failed >= _LEAST and failed > _SHARE * of else "info",
            routes={row["route"]: row["failed"] for row in mine},
        )
        why = 'in its log, grep -E "event=http_request .*status=5": `problem` says which failure'
        run.next(f"{replica}: {why}")


def _find_problems(run: Run) -> None:
    """Open problems that lead here, but for those that circuits and checks have said already."""
    if run.store_error is not None:
        return
    told = {"CircuitBreakerOpen", "DatabaseNotReady", "EmbedderNotReady"}
    for problem in run.kb.problems(run.workspace).open:
        if problem.runbook == _NAME and problem.code not in told:
            run.find(f"{problem.code}: {problem.title}", "warning", **problem.evidence)
            run.next(f"{problem.code}: {problem.what_to_do}")
