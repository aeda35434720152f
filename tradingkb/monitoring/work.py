"""What is wrong with what nobody waits for: jobs, ingests, the scheduler, runbooks. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from tradingkb.monitoring.facts import Facts, Problem, evidence, parameters
from tradingkb.monitoring.rules import SCHEDULER, STALE, STUCK
from tradingkb.monitoring.wording import duration

#: Characters of an error in a title.
_LONGEST: Final = 150
_DAILY: Final = "09_reconcile_and_health"


def work_problems(facts: Facts, now: datetime) -> Iterator[Problem]:
    """What has stopped, or never began.

    Args:
        facts: what was found.
        now: aware UTC.
    """
    yield from _stuck(facts, now)
    yield from _stale(facts, now)
    yield from _unscheduled(facts, now)
    yield from _failing(facts)


def _stuck(facts: Facts, now: datetime) -> Iterator[Problem]:
    for state, since in facts.waits.items():
        rule = STUCK[state]
        waited = (now - since).total_seconds()
        if waited <= rule.limit + rule.hold_s or (state == "queued" and facts.running):
            continue
        is_running = state == "running"
        yield Problem(
            rule.alert,
            rule.severity,
            f"a {state} job {'gave no sign of life' if is_running else 'has waited'} for "
            f"{duration(waited)}" + ("" if is_running else ", and none runs"),
            since,
            evidence(
                {"state": state, "waited_s": round(waited), "limit_s": rule.limit}, since, "second"
            ),
            "start a replica that runs jobs: it takes up what nobody holds and goes on where it "
            "stopped",
            rule.runbook,
            parameters(facts),
        )


def _stale(facts: Facts, now: datetime) -> Iterator[Problem]:
    if facts.last_ingest is None:
        return
    age = (now - facts.last_ingest).total_seconds()
    if age <= STALE.limit + STALE.hold_s:
        return
    since = facts.last_ingest + timedelta(seconds=STALE.limit)
    yield Problem(
        STALE.alert,
        STALE.severity,
        f"the last ingest was completed {duration(age)} ago",
        since,
        evidence({"last_ingest": facts.last_ingest, "limit_s": STALE.limit}, since, "second"),
        "ingest again: it is safe at any time; the runs say whether the last ones failed",
        STALE.runbook,
        parameters(facts),
    )


def _unscheduled(facts: Facts, now: datetime) -> Iterator[Problem]:
    """Nobody does what is scheduled."""
    if facts.last_turn is None:
        return
    age = (now - facts.last_turn).total_seconds()
    if age <= SCHEDULER.limit + SCHEDULER.hold_s:
        return
    since = facts.last_turn + timedelta(seconds=SCHEDULER.limit)
    yield Problem(
        SCHEDULER.alert,
        SCHEDULER.severity,
        f"the scheduler last did what was due {duration(age)} ago",
        since,
        evidence({"last_turn": facts.last_turn, "limit_s": SCHEDULER.limit}, since, "second"),
        "start it again: what was missed meanwhile it does or skips, as each schedule says",
        SCHEDULER.runbook,
        parameters(facts),
    )


def _failing(facts: Facts) -> Iterator[Problem]:
    """Schedules and runbooks whose last runs have failed, or whose runner died."""
    for row in facts.failing.to_dicts():
        count, since = row["count"], row["first_at"]
        error = row["error"] or "its runner died"
        short = error if len(error) <= _LONGEST else f"{error[:_LONGEST]}..."
        times = "failed" if count == 1 else f"failed {count} times since it last succeeded"
        kind = "schedule" if row["scheduled"] else "runbook"
        yield Problem(
            "RunbookFailed",
            "warning",
            f"{kind} {row['name']} {times}: {short}",
            since,
            evidence(
                {
                    kind: row["name"],
                    "runbook": row["runbook"],
                    "failed_runs": count,
                    "last_run_id": row["run_id"],
                    "last_at": row["last_at"],
                    "last_error": error,
                },
                since,
                "second",
            ),
            f"read what is kept of run {row['run_id']}, its report or notebook: the next run "
            "that succeeds ends this",
            _DAILY,
            parameters(facts),
        )
