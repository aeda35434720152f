"""What problems are told from is read part by part, from a real store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

import tradingkb as tkb
from tests.conftest import Clock
from tradingkb.exceptions import BackendUnavailableError, UnknownWorkspaceError
from tradingkb.monitoring import Problems
from tradingkb.monitoring.gathering import Sources, gathered
from tradingkb.monitoring.problems import problems_of
from tradingkb.resilience import Breaker, Thresholds
from tradingkb.testing.stored import event
from tradingkb.testing.trial_store_runbooks import runbook_run
from tradingkb.upkeep.health import Check, Readiness

OpenKb = Callable[..., tkb.KnowledgeBase]
MINUTE = timedelta(minutes=1)
DB = {"service": "db", "state": "closed", "failures": 0, "open_since": None, "last_error": None}


@pytest.fixture
def kb(open_kb: OpenKb) -> tkb.KnowledgeBase:
    kb = open_kb()
    kb.create_workspace("default")
    return kb


def answer(kb: tkb.KnowledgeBase, clock: Clock, *statuses: str, **changes: Any) -> None:
    """Records answers of the last minute."""
    space = kb.use_cases.workspaces.find("default").id
    at = clock.now - MINUTE
    kb.use_cases.store.save_events(
        [
            event(workspace_id=space, status=status, at=at + n * timedelta(seconds=1), **changes)
            for n, status in enumerate(statuses)
        ]
    )


def codes(found: Problems) -> list[str]:
    return [problem.code for problem in found.open]


def sources(kb: tkb.KnowledgeBase, **changes: Any) -> Sources:
    uses = kb.use_cases
    parts = {
        "store": uses.store,
        "find": uses.workspaces.find,
        "ready": uses.checks.ready,
        "circuits": uses.breakers.states,
        "replica": "this",
    }
    return Sources(**{**parts, **changes})


class Failing:
    """A store some of whose methods fail."""

    def __init__(self, store: Any, *methods: str) -> None:
        self._store = store
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        return self._lost if name in self._methods else getattr(self._store, name)

    def _lost(self, *_: Any) -> Any:
        raise BackendUnavailableError("lost") from ConnectionResetError(104, "gone")


def test_a_fresh_store_is_healthy(open_kb: OpenKb):
    found = open_kb().problems()
    assert (found.healthy, found.open, found.workspace) == (True, (), "default")


def test_answers_without_a_recommendation_are_a_problem_of_their_workspace(
    kb: tkb.KnowledgeBase, clock: Clock
):
    kb.create_workspace("desk")
    reasons = ["no_trials_for_strategy"]
    answer(kb, clock, *(30 * ["none"]), reasons=reasons, strategy_name="rsi")
    (problem,) = kb.problems().open
    assert (problem.code, problem.severity) == ("KbStatusNone", "critical")
    assert problem.evidence["strategies"] == {"rsi": 30}
    assert problem.evidence["reasons"] == {"no_trials_for_strategy": 30}
    assert problem.what_to_do == "trials are missing: ingest those of the strategy"
    assert problem.since == (clock.now - MINUTE).replace(second=0, microsecond=0)
    assert kb.problems("desk").healthy


def test_probes_are_left_out(kb: tkb.KnowledgeBase, clock: Clock):
    answer(kb, clock, *(30 * ["none"]), source="probe")
    assert kb.problems().healthy


def test_since_when_is_told_from_sums_whose_events_are_gone(kb: tkb.KnowledgeBase, clock: Clock):
    """A breach of four days: the first hour is in the sums alone."""
    began = clock.now.replace(minute=0, second=0, microsecond=0) - timedelta(days=4)
    space = kb.use_cases.workspaces.find("default").id
    hours = [began + n * timedelta(hours=1) for n in range(97)]
    told = [event(workspace_id=space, status="none", at=at) for at in hours for _ in range(2)]
    told.append(event(workspace_id=space, status="ok", at=began - timedelta(minutes=30)))
    kb.use_cases.store.save_events(told)
    answer(kb, clock, *(80 * ["none"]))
    kb.prune(1, dry_run=False)
    (problem,) = kb.problems().open
    assert problem.since == began
    assert problem.evidence["since_resolution"] == "hour"


def test_an_unknown_workspace_is_the_callers_mistake(kb: tkb.KnowledgeBase):
    with pytest.raises(UnknownWorkspaceError, match="'dsk'"):
        kb.problems("dsk")


def test_circuits_of_other_replicas_are_told_of_while_they_live(
    kb: tkb.KnowledgeBase, clock: Clock
):
    opened = {"state": "open", "failures": 5, "open_since": clock.now - 5 * MINUTE}
    state = {**DB, "service": "qdrant", **opened, "last_error": "ReadTimeout"}
    kb.use_cases.store.save_breakers("other", [state], clock.now, 3600.0)
    (problem,) = kb.problems().open
    assert problem.code == "CircuitBreakerOpen"
    assert problem.evidence["replicas"] == ["other"]
    clock.now += 2 * MINUTE
    assert codes(kb.problems()) == ["ReplicaSilent"]


def test_calls_that_replicas_repeat_are_told_of(kb: tkb.KnowledgeBase, clock: Clock):
    beat = {"service": "db", "state": "closed", "changed": False, "failures": 0, "error": "Timeout"}
    told = [{**beat, "at": clock.now - n * MINUTE / 4, "retries": 12} for n in range(60)]
    kb.use_cases.store.save_breakers("other", [DB], clock.now, 3600.0, told)
    (problem,) = kb.problems().open
    assert (problem.code, problem.evidence["retries_per_s"]) == ("HighRetryRate", 0.8)


def test_a_job_that_nobody_takes_is_told_of(kb: tkb.KnowledgeBase, clock: Clock):
    kb.submit_job("ingest")
    clock.now += 14 * MINUTE
    assert kb.problems().healthy
    clock.now += 2 * MINUTE
    assert codes(kb.problems()) == ["KbJobStuck"]


def test_a_runbook_that_failed_or_was_lost_is_told_of_until_a_later_run_succeeds(
    kb: tkb.KnowledgeBase, clock: Clock
):
    store, began = kb.use_cases.store, clock.now
    times: dict[str, Any] = {"started_at": began, "heartbeat_at": began}
    store.add_runbook_run(runbook_run(1, schedule="daily", slot=began, **times))
    assert kb.problems().healthy
    clock.now += 2 * MINUTE
    (lost,) = kb.problems().open
    assert (lost.code, lost.since) == ("RunbookFailed", began)
    assert lost.title == "schedule daily failed: its runner died"
    again: dict[str, Any] = {"started_at": clock.now, "heartbeat_at": clock.now}
    later = runbook_run(2, schedule="daily", slot=clock.now, **again)
    store.add_runbook_run(later)
    store.end_runbook_run(later.run_id, clock.now, "nothing_to_do")
    assert kb.problems().healthy


def test_an_old_ingest_is_told_of(kb: tkb.KnowledgeBase, clock: Clock):
    kb.ingest([tkb.Trial("sma", {"fast": 1}, sharpe_oos=1.0)])
    clock.now += timedelta(days=1)
    assert kb.problems().healthy
    clock.now += timedelta(days=1, hours=1)
    assert codes(kb.problems()) == ["KbIngestStale"]


@pytest.mark.parametrize(
    ("method", "part"),
    [
        ("event_rates", "answers by minute"),
        ("breakers", "circuits"),
        ("breaker_changes", "retries"),
        ("waiting_jobs", "jobs"),
        ("last_ingest", "last ingest"),
        ("last_schedule_turn", "scheduler"),
    ],
)
def test_a_part_that_fails_is_named_and_hides_no_other(
    kb: tkb.KnowledgeBase, clock: Clock, method: str, part: str
):
    kb.use_cases.indexer.vectors.ensure_collection("kb_regime_v1_v1", 768)
    broken = sources(kb, store=Failing(kb.use_cases.store, method))
    facts = gathered(broken, "default", clock.now)
    assert facts.unread[part] == "no answer: ConnectionResetError 104"
    assert [p.code for p in problems_of(facts, clock.now)] == ["CollectionNotReady", "NotRead"]


def test_reasons_are_those_of_questions_however_many_probes_came_after_them(
    kb: tkb.KnowledgeBase, clock: Clock
):
    space = kb.use_cases.workspaces.find("default").id
    none = {"workspace_id": space, "status": "none"}
    asked = [event(**none, reasons=["collection_empty"], at=clock.now - 5 * MINUTE)] * 30
    probes = [event(**none, source="probe", reasons=[], at=clock.now - MINUTE)] * 230
    told = [{**one, "request_id": str(n)} for n, one in enumerate(asked + probes)]
    kb.use_cases.store.save_events(told)
    (problem,) = kb.problems().open
    assert problem.evidence["reasons"] == {"collection_empty": 30}


def test_without_reasons_the_answers_are_told_of_all_the_same(kb: tkb.KnowledgeBase, clock: Clock):
    answer(kb, clock, *(30 * ["none"]))
    facts = gathered(
        sources(kb, store=Failing(kb.use_cases.store, "event_page")), "default", clock.now
    )
    assert {p.code for p in problems_of(facts, clock.now)} == {"KbStatusNone", "NotRead"}


def test_vectors_that_cannot_be_counted_are_told_of_all_the_same(
    kb: tkb.KnowledgeBase, clock: Clock
):
    told = {"model": "nomic", "collection": "kb_nomic_v1", "pipeline": "ollama-1/new"}
    check = Check(True, "fine", 1.0, {"outdated": [told]})
    broken = sources(
        kb,
        store=Failing(kb.use_cases.store, "pipeline_counts"),
        ready=lambda: Readiness({"embed_service": check}),
    )
    facts = gathered(broken, "default", clock.now)
    assert [p.code for p in problems_of(facts, clock.now)] == ["NotRead", "VectorsOutdated"]


def test_checks_that_cannot_be_run_are_named(kb: tkb.KnowledgeBase, clock: Clock):
    def ready() -> Any:
        raise RuntimeError("/secret/path")

    facts = gathered(sources(kb, ready=ready), "default", clock.now)
    assert facts.unread == {"checks": "RuntimeError"}


def test_while_the_database_is_away_nothing_else_is_asked_of_it(
    kb: tkb.KnowledgeBase, clock: Clock
):
    def find(name: str) -> Any:
        raise BackendUnavailableError("lost") from ConnectionRefusedError(111, "refused")

    facts = gathered(sources(kb, find=find, store=None), "default", clock.now)
    assert facts.unread == {"database": "no answer: ConnectionRefusedError 111"}
    assert set(facts.checks) == {"database", "qdrant_collection", "embed_service"}


def test_a_database_that_is_left_alone_is_told_once_with_its_circuit(
    kb: tkb.KnowledgeBase, clock: Clock
):
    breaker = kb.use_cases.breakers["db"]
    for _ in range(5):
        breaker.failed(breaker.ask(), "OperationalError SQLITE_IOERR")
    since: datetime = clock.now
    clock.now += 2 * MINUTE
    away, alone = kb.problems().open
    assert (away.code, away.severity, alone.code) == (
        "DatabaseNotReady",
        "critical",
        "CircuitBreakerOpen",
    )
    assert away.since == alone.since == since
    # Both are checked by what the database says, so nothing is known of them.
    assert set(away.evidence["also_not_ready"]) == {"qdrant_collection", "embed_service"}
    assert alone.evidence["last_error"] == "OperationalError SQLITE_IOERR"


def test_what_the_checks_have_just_had_an_answer_of_is_told_of_this_process(
    kb: tkb.KnowledgeBase, clock: Clock
):
    states = kb.use_cases.breakers.states
    asleep = replace(states()["qdrant"], in_use=True, calls={"success": 7})
    found = gathered(
        sources(kb, circuits=lambda: {**states(), "qdrant": asleep}), "default", clock.now
    )
    assert found.reached == {"db": frozenset({"this"})}


def test_a_dead_embedder_that_one_replica_has_asked_is_no_fault_of_that_replica(
    kb: tkb.KnowledgeBase, clock: Clock
):
    since = clock.now - 5 * MINUTE
    dead = {"service": "ollama", "state": "open", "failures": 5, "open_since": since}
    awake = {**DB, "service": "ollama"}
    for replica, row in (("r1", {**dead, "last_error": "ConnectError"}), ("r2", awake)):
        kb.use_cases.store.save_breakers(replica, [row], clock.now, 3600.0)
    (problem,) = kb.problems().open
    assert problem.title.startswith("ollama is left alone by 1 of 2 replicas")
    assert "at fault" not in problem.what_to_do


def test_every_process_over_the_store_is_told_of_a_redis_that_counts_no_requests(
    kb: tkb.KnowledgeBase, open_kb: OpenKb, clock: Clock
):
    breaker = Breaker("redis", monotonic=lambda: 0.0, clock=clock, thresholds=Thresholds(1))
    kb.use_cases.breakers.join(breaker)
    breaker.failed(breaker.ask(), "ConnectionRefusedError 111")
    kb.use_cases.journal.write()
    clock.now += 2 * MINUTE
    kb.use_cases.journal.write()
    other = open_kb(replica="other")
    for found in (kb.problems(), other.problems()):
        (problem,) = found.open
        assert (problem.code, problem.parameters["service"]) == ("CircuitBreakerOpen", "redis")
        assert problem.title == "redis is left alone by 1 of 1 replica: it failed once"
        assert problem.since == breaker.state().open_since
        assert "RATE_LIMIT_FAIL=open" in problem.what_to_do
    assert other.breakers()["service"].to_list() == ["db", "redis"]
    assert "redis" not in other.health().circuit_breakers


def test_on_postgresql_it_is_told_likewise(open_kb: OpenKb, clock: Clock, postgres_database: str):
    kb = open_kb("server", database_url=postgres_database)
    kb.create_workspace("default")
    answer(kb, clock, *(30 * ["none"]), reasons=["no_trials_for_strategy"], strategy_name="rsi")
    (problem,) = kb.problems().open
    assert problem.code == "KbStatusNone"
    assert problem.evidence["reasons"] == {"no_trials_for_strategy": 30}
    assert problem.since == (clock.now - MINUTE).replace(second=0, microsecond=0)
    assert kb.freshness().last_event is not None


def test_a_replica_that_was_killed_is_told_of_for_an_hour_and_one_that_ended_is_not(
    kb: tkb.KnowledgeBase, clock: Clock
) -> None:
    now = clock.now
    save = kb.use_cases.store.save_breakers
    save("killed", [DB], now - 2 * MINUTE, 3600.0)
    save("ended", [DB], now - 2 * MINUTE, 3600.0)
    save("ended", [], now - MINUTE, 3600.0)
    save("alive", [DB], now, 3600.0)

    def silent(at: datetime) -> list[tuple[object, object]]:
        found = problems_of(gathered(sources(kb), "default", at), at)
        return [(p.since, p.evidence["replicas"]) for p in found if p.code == "ReplicaSilent"]

    assert silent(now) == [(now - 2 * MINUTE, ["killed"])]
    assert silent(now + 59 * MINUTE) == [(now, ["alive"])]
