"""Reads what problems are told from, each part by itself: what fails hides none of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import polars as pl

from tradingkb.domain import Workspace
from tradingkb.exceptions import NotFoundError
from tradingkb.indexing import made_alike
from tradingkb.monitoring.facts import Check, Facts, Outdated
from tradingkb.monitoring.rules import HOUR_S, SHARES
from tradingkb.monitoring.runbook_verbs import LOST_AFTER_S
from tradingkb.monitoring.shares import held
from tradingkb.ports import (
    BreakerStore,
    Bucket,
    JobStore,
    PageStore,
    PipelineStore,
    ReportStore,
    RunbookStore,
    RunStore,
    ScheduleStore,
    patience,
)
from tradingkb.resilience import ALIVE_S, FORGET_S, BreakerState, told_of

#: Seconds that the database has for all parts together.
PATIENCE_S: Final = 5.0
#: How far back a breach is followed by the hour, and retries.
HOURS_BACK: Final = timedelta(days=14)
RETRIES_BACK: Final = timedelta(hours=1)
#: So long a failed run of a runbook is told of, unless a later one succeeds.
RUNS_BACK: Final = timedelta(days=7)
#: Newest answers of a status whose reasons are counted.
EXAMPLES: Final = 100
#: Of so many answers each that are looked at for them.
_PAGES: Final = 5
_MOST_ROWS: Final = 10_000
#: As far back as any rule looks for shares, and one hour to see where a breach began.
_MINUTES_BACK: Final = timedelta(seconds=max(rule.long_s + rule.keep_s for rule in SHARES) + HOUR_S)
#: The end of a range is open, and what is recorded at this very moment counts.
MOMENT: Final = timedelta(microseconds=1)
_TIME: Final = pl.Datetime("us", "UTC")
_CIRCUITS: Final[dict[str, Any]] = {
    "replica": pl.String,
    "service": pl.String,
    "state": pl.String,
    "failures": pl.Int64,
    "open_since": _TIME,
    "last_error": pl.String,
    "changed_at": _TIME,
}
T = TypeVar("T")
D = TypeVar("D")


class WatchedStore(
    ReportStore,
    BreakerStore,
    JobStore,
    PageStore,
    PipelineStore,
    RunbookStore,
    RunStore,
    ScheduleStore,
    Protocol,
):
    """What is read of a store."""


class Ready(Protocol):
    """What readiness found."""

    @property
    def checks(self) -> Mapping[str, Check]:
        """By name."""


@dataclass(frozen=True)
class Sources:
    """What facts are read from.

    Attributes:
        store: the database.
        find: the workspace of a name; raises for an unknown one.
        ready: runs the checks of readiness.
        circuits: the circuit breakers of this process.
        replica: the name under which this process writes them down.
    """

    store: WatchedStore
    find: Callable[[str], Workspace]
    ready: Callable[[], Ready]
    circuits: Callable[[], Mapping[str, BreakerState]]
    replica: str


def gathered(sources: Sources, workspace: str, now: datetime) -> Facts:
    """The facts of a workspace; what could not be read is named in `unread`.

    Raises:
        NotFoundError: no such workspace.
    """
    reading = _Reading()
    nothing = Facts(workspace)
    before = sources.circuits()
    checks = reading.part("checks", lambda: sources.ready().checks, nothing.checks)
    own = _own_circuits(sources)
    reached = _reached(before, sources)
    with patience(PATIENCE_S):
        space = reading.part("database", lambda: sources.find(workspace), None)
        if space is None:
            # Asked again and again it would not answer either, and whoever looks on would wait.
            return Facts(workspace, checks, own, reached, unread=reading.unread)
        facts = Facts(space.slug, checks, reached=reached, unread=reading.unread)
        facts = _with_circuits(facts, sources.store, own, now, reading)
        facts = _with_answers(facts, sources.store, space, now, reading)
        facts = _with_outdated(facts, sources.store, reading)
        return _with_work(facts, sources.store, now, reading)


class _Reading:
    """Reads parts, and keeps why some could not be read."""

    def __init__(self) -> None:
        self.unread: dict[str, str] = {}

    def part(self, name: str, read: Callable[[], T], otherwise: D) -> T | D:
        """What is read, or `otherwise`."""
        try:
            return read()
        except NotFoundError:  # the caller's own mistake
            raise
        except Exception as error:  # whatever it is, the other parts are wanted all the more
            self.unread[name] = told_of(error)
            return otherwise


def _with_circuits(
    facts: Facts, store: WatchedStore, own: pl.DataFrame, now: datetime, reading: _Reading
) -> Facts:
    """What replicas have written down; of this process what it knows itself is newer."""
    kept = now - timedelta(seconds=FORGET_S)
    written = reading.part("circuits", lambda: store.breakers(kept), None)
    silent: dict[str, datetime] = {}
    if written is None:
        written = own.clear()
    else:
        # A replica that ends takes its rows away.
        dead = pl.col("heartbeat_at") < now - timedelta(seconds=ALIVE_S)
        silent = dict(written.filter(dead).group_by("replica").agg(pl.max("heartbeat_at")).rows())
        written = written.filter(~dead)
    others = written.join(own, on=["replica", "service"], how="anti").select(own.columns)
    retries = reading.part(
        "retries",
        lambda: store.breaker_changes(now - RETRIES_BACK, now + MOMENT, _MOST_ROWS),
        facts.retries,
    )
    return replace(facts, breakers=pl.concat([others, own]), silent=silent, retries=retries)


def _with_answers(
    facts: Facts, store: WatchedStore, space: Workspace, now: datetime, reading: _Reading
) -> Facts:
    """How many answers of which status; of those that are too many since when, and some of them."""
    since = (now - _MINUTES_BACK).replace(second=0, microsecond=0)
    days_ago = (now - HOURS_BACK).replace(minute=0, second=0, microsecond=0)

    def rates(bucket: Bucket, since: datetime, by: tuple[str, ...]) -> pl.DataFrame:
        return store.event_rates(space.id, since, now + MOMENT, bucket, by)

    minutes = reading.part(
        "answers by minute", lambda: rates("minute", since, ("strategy_name",)), facts.minutes
    )
    facts = replace(facts, minutes=minutes, minutes_from=since)
    statuses = sorted({rule.status for rule in SHARES if held(minutes, rule, now)})
    if not statuses:
        return facts
    hours = reading.part("answers by hour", lambda: rates("hour", days_ago, ()), facts.hours)
    examples = {
        status: reading.part(f"{status} answers", partial(_examples, store, space, status), None)
        for status in statuses
    }
    found = {status: rows for status, rows in examples.items() if rows is not None}
    return replace(facts, hours=hours, hours_from=days_ago, examples=found)


def _examples(store: WatchedStore, space: Workspace, status: str) -> pl.DataFrame:
    """The newest ones, probes left out: these may be the most, where few others ask."""
    found: list[pl.DataFrame] = []
    after: tuple[datetime, int] | None = None
    for _ in range(_PAGES):
        rows = store.event_page(space.id, {"status": status}, EXAMPLES, after)
        found.append(rows.filter(pl.col("source") != "probe").select("at", "status", "reasons"))
        if rows.height < EXAMPLES or sum(some.height for some in found) >= EXAMPLES:
            break
        after = rows["at"][-1], rows["id"][-1]
    return pl.concat(found).head(EXAMPLES)


def _with_outdated(facts: Facts, store: WatchedStore, reading: _Reading) -> Facts:
    """How many vectors are of another version of a model; counted only where there are some."""
    check = facts.checks.get("embed_service")
    told = check.facts.get("outdated", ()) if check is not None else ()

    def counted(model: str, collection: str, pipeline: str) -> dict[str, int]:
        rows = store.pipeline_counts(collection, model).rows(named=True)
        found: dict[str, int] = {}
        for row in rows:
            if not made_alike(row["pipeline"], pipeline):
                found[row["workspace"]] = found.get(row["workspace"], 0) + row["entries"]
        return found

    outdated = tuple(
        Outdated(
            one["model"],
            one["collection"],
            reading.part("vectors of earlier models", partial(counted, **one), None),
        )
        for one in told
    )
    return replace(facts, outdated=outdated)


def _with_work(facts: Facts, store: WatchedStore, now: datetime, reading: _Reading) -> Facts:
    waits = reading.part("jobs", store.waiting_jobs, facts.waits)
    running = reading.part("jobs", lambda: store.count_jobs()["running"], facts.running)
    last = reading.part("last ingest", store.last_ingest, None)
    turn = reading.part("scheduler", store.last_schedule_turn, None)
    facts = replace(facts, waits=waits, running=running, last_ingest=last, last_turn=turn)
    silent = now - timedelta(seconds=LOST_AFTER_S)
    failing = reading.part(
        "runbooks", lambda: store.failing_runbooks(now - RUNS_BACK, silent), facts.failing
    )
    return replace(facts, failing=failing)


def _reached(before: Mapping[str, BreakerState], sources: Sources) -> Mapping[str, frozenset[str]]:
    """What has answered this process since then; a closed circuit alone proves nothing."""
    after = sources.circuits().items()
    answered = [n for n, s in after if n in before and _answers(s) > _answers(before[n])]
    return dict.fromkeys(answered, frozenset({sources.replica}))


def _answers(state: BreakerState) -> int:
    return state.calls.get("success", 0)


def _own_circuits(sources: Sources) -> pl.DataFrame:
    """The circuits of this process, as replicas write theirs down."""
    rows = [
        (sources.replica, s.service, s.state, s.failures, s.open_since, s.last_error, s.open_since)
        for s in sources.circuits().values()
        if s.in_use
    ]
    return pl.DataFrame(rows, schema=_CIRCUITS, orient="row")
