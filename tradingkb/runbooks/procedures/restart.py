"""07: restarting the service or the scheduler: pre-flight, plan, verification."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tradingkb.exceptions import InvalidInputError
from tradingkb.presentation import Table
from tradingkb.runbooks.procedures.http import Tokens, ask, checked_urls, why_not_ready
from tradingkb.runbooks.procedures.question import Answered, FixedQuestion, question_of

if TYPE_CHECKING:
    from tradingkb.monitoring import Problem
    from tradingkb.runbooks.book import Run

_NAME: Final = "07_service_restart"
_STUCK: Final = "KbJobStuck"
#: The one problem that a restart of the service does not treat.
_DEAD: Final = "KbSchedulerDead"
_MINUTE_S: Final = 60
_LOOK_S: Final = 2.0
#: Changes that are listed: enough to see what came before something broke.
_CHANGES: Final = 10


@dataclass(frozen=True)
class Replica:
    """A replica before its restart, as it says it is.

    Attributes:
        url: its address.
        name: its own name; None where it does not answer.
        version: its release.
        status: of /health; None where it does not answer.
        ready: whether /ready says 200.
        told: why not.
        before: its answer to the question; None where nothing is asked.
    """

    url: str
    name: str | None
    version: str | None
    status: str | None
    ready: bool
    told: str
    before: Answered | None


@dataclass(frozen=True)
class Timing:
    """How long one took.

    Attributes:
        name: which.
        ended_s: seconds until it had ended.
        ready_s: seconds from then on until it was ready again.
        rolled_back: whether the version before was started in the place of a broken one.
    """

    name: str
    ended_s: float
    ready_s: float
    rolled_back: bool = False


@dataclass
class Restart:
    """What is restarted, as it was, and what became of it.

    Attributes:
        replicas: in the order of their restart.
        question: that is asked before and after.
        before: the answer that is expected afterwards; None where nothing is asked.
        problems: open ones that lead to this runbook.
        jobs: those that run: job_id, kind, attempts, heartbeat_at.
        answers_per_minute: of the last minute, in the workspace.
        scheduler_at: when a scheduler last looked around; None for never.
        timings: what was restarted.
    """

    replicas: Sequence[Replica]
    question: FixedQuestion
    before: Answered | None
    problems: Sequence[Problem]
    jobs: Sequence[dict[str, Any]]
    answers_per_minute: int
    scheduler_at: datetime | None
    timings: list[Timing] = field(default_factory=list)


def look(run: Run) -> Restart:
    """The pre-flight: health, readiness, the question, requests and jobs under way, the scheduler.

    Raises:
        InvalidInputError: a parameter that cannot be.
    """
    given, kb = run.parameters, run.kb
    urls = checked_urls(given["replica_urls"])
    if not urls and given["part"] == "service":
        raise InvalidInputError("name a replica", field="replica_urls", remedy="give its address")
    question = question_of(
        kb, run.workspace, given["strategy"], given["objective"], given["market"]
    )
    tokens = tokens_of(run)
    replicas = [_replica(url, question, tokens) for url in urls]
    since = datetime.now(UTC) - timedelta(seconds=_MINUTE_S)
    recent = kb.event_rates(run.workspace, since, bucket="minute")
    restart = Restart(
        replicas,
        question,
        _expected(run, replicas, question),
        [one for one in kb.problems(run.workspace).open if one.runbook == _NAME],
        kb.jobs(state="running").to_dicts(),
        int(recent["count"].sum()),
        scheduler_beat(run),
    )
    _find(run, restart)
    return restart


def preflight(run: Run, restart: Restart) -> Table:
    """What was found before anything is done."""
    if run.parameters["part"] == "scheduler":
        rows: list[dict[str, Any]] = [
            {"part": "scheduler", "last looked around": restart.scheduler_at, **_counts(restart)}
        ]
        return Table(rows, "Before the restart")
    rows = [
        {
            "replica": replica.name or replica.url,
            "address": replica.url,
            "version": replica.version,
            "health": replica.status or "no answer",
            "ready": replica.ready,
            "why not": replica.told,
            "answer": replica.before.answer["status"]
            if replica.before and replica.before.answer
            else None,
            **_counts(restart),
        }
        for replica in restart.replicas
    ]
    return Table(rows, f"Before the restart (n = {len(rows)} addresses)")


def changes(run: Run) -> Table:
    """What was done lately: what changed before it broke?"""
    found = run.kb.recent_changes(run.workspace, since=run.parameters["since"], limit=_CHANGES)
    rows = found.select("at", "kind", "what", "actor").to_dicts()
    return Table(rows, f"Changes, newest first (n = {len(rows)})", "nothing was changed")


def plan(run: Run, restart: Restart) -> None:
    """Plans the restart, one after the other.

    Raises:
        InvalidInputError: what is named cannot be restarted from here.
    """
    from tradingkb.runbooks.procedures import restart_compose, restart_serve

    if run.parameters["target"] == "compose":
        restart_compose.plan(run, restart)
    else:
        restart_serve.plan(run, restart)


def conclude(run: Run, restart: Restart) -> Table:
    """The verification: health, readiness, the answer as before, jobs that go on, the problems."""
    if run.dry_run:
        return Table([], "After the restart", "a dry run: nothing was restarted")
    tokens = tokens_of(run)
    after = [_replica(replica.url, restart.question, tokens) for replica in restart.replicas]
    if run.parameters["part"] == "service":
        for one in after:
            run.verify(f"{one.url} is alive", one.status is not None, status=one.status)
            if run.parameters["wait_for"] == "ready":
                run.verify(
                    f"{one.url} is ready", one.ready, **({"told": one.told} if one.told else {})
                )
            if restart.before is not None and one.before is not None:
                differs = answer_differs(run, restart, one.before)
                run.verify(
                    f"{one.url} answers as before",
                    not differs,
                    **({"differs": differs} if differs else {}),
                )
    _verify_jobs(run, restart)
    _wait_for_stuck_jobs(run, restart)
    left = [one for one in run.kb.problems(run.workspace).open if one.runbook == _NAME]
    for problem in left:
        run.find(f"{problem.code} is still open: {problem.title}", "warning")
        run.next(f"{problem.code}: {problem.what_to_do}")
    rows = [one.before.row() for one in after if one.before]
    return Table(rows, f"After the restart (n = {len(rows)} answers)", "no question was asked")


def answer_differs(run: Run, restart: Restart, after: Answered) -> list[str]:
    """Where an answer is not as before; new trials may change it: then it is the store's own.

    A different answer of another version may be what is wanted: `same_answer` says it.
    """
    assert restart.before is not None
    if not run.parameters["same_answer"]:
        return [] if after.answer is not None else [after.told]
    differs = after.differences(restart.before)
    if differs and after.answer is not None:
        own = restart.question.asked_of_store(run.kb)
        return differs if after.differences(own) else []
    return differs


def tokens_of(run: Run) -> Tokens:
    """Those that requests of this runbook carry."""
    given = run.parameters
    return Tokens.of(given["admin_token_env"], given["workspace_token_env"])


def scheduler_beat(run: Run) -> datetime | None:
    """When a scheduler last looked around; None for never."""
    states = run.kb.use_cases.store.schedule_states()
    return max((one.heartbeat_at for one in states if not one.name), default=None)


def _replica(url: str, question: FixedQuestion, tokens: Tokens) -> Replica:
    health, ready = ask(url, "/health", tokens=tokens), ask(url, "/ready", tokens=tokens)
    known = health.body if isinstance(health.body, dict) else {}
    asked = question.strategy is not None and health.ok
    return Replica(
        url,
        known.get("replica"),
        known.get("version"),
        known.get("status"),
        ready.ok,
        "" if ready.ok else why_not_ready(ready),
        question.asked_of(url, tokens) if asked else None,
    )


def _expected(run: Run, replicas: Sequence[Replica], question: FixedQuestion) -> Answered | None:
    """The first answer that a replica gave; the store's own where none did."""
    if question.strategy is None:
        run.find("the workspace has no trials: no question is asked before and after")
        return None
    given = [one.before for one in replicas if one.before and one.before.answer is not None]
    return given[0] if given else question.asked_of_store(run.kb)


def _find(run: Run, restart: Restart) -> None:
    part = run.parameters["part"]
    for problem in restart.problems:
        treats = "scheduler" if problem.code == _DEAD else "service"
        heals = "restart_1" if treats == part else None
        run.find(f"{problem.code}: {problem.title}", "warning", heals)
        if heals is None:
            run.next(f"{problem.code}: restart the {treats}", run.command(_NAME, part=treats))
    for replica in restart.replicas if run.parameters["part"] == "service" else ():
        if replica.status is None:
            run.find(f"{replica.url} does not answer", "critical", healed_by="restart_1")
        elif not replica.ready:
            run.find(
                f"{replica.url} is not ready; a restart heals no backend",
                "warning",
                healed_by="restart_1",
                told=replica.told,
            )
            run.next("what is not ready?", run.command("08_failure_modes_recovery"))
    busy = run.parameters["busy"]
    if restart.answers_per_minute > busy:
        run.find(
            f"busy: {restart.answers_per_minute} answers in the last minute; requests under way "
            "end first, but quiet hours are better",
            "warning",
            healed_by="restart_1",
            more_than=busy,
        )
    if restart.jobs:
        run.find(
            "jobs are running: each is given back, and goes on where it stopped",
            jobs=[f"{job['kind']} {job['job_id']}" for job in restart.jobs],
        )
    if run.parameters["part"] == "service" and restart.scheduler_at is not None:
        at = restart.scheduler_at
        run.find("a scheduler has run here; part=scheduler is what restarts it", last_seen_at=at)


def _verify_jobs(run: Run, restart: Restart) -> None:
    """Jobs that ran: ended, taken over or alive; nobody has lost them."""
    for job in restart.jobs:
        now = run.kb.job(job["job_id"])
        lost = now.state == "failed" or (now.state == "cancelled" and not now.cancel_requested)
        run.verify(f"job {now.job_id} goes on", not lost, state=now.state, error=now.error)


def _wait_for_stuck_jobs(run: Run, restart: Restart) -> None:
    """Whoever holds a job that is stuck has died; another replica sees so within a minute."""
    until = time.monotonic() + run.parameters["ready_s"]
    codes = {problem.code for problem in restart.problems}
    while _STUCK in codes and not run.failed and time.monotonic() < until:
        codes = {problem.code for problem in run.kb.problems(run.workspace).open}
        time.sleep(_LOOK_S if _STUCK in codes else 0)


def _counts(restart: Restart) -> dict[str, Any]:
    return {
        "answers in the last minute": restart.answers_per_minute,
        "jobs running": len(restart.jobs),
    }
