"""What is wrong, told from facts: what, since when, why, and which runbook."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from tradingkb.monitoring import Problem, Problems
from tradingkb.monitoring.facts import Facts, Outdated
from tradingkb.monitoring.problems import problems_of

NOW = datetime(2026, 1, 10, 3, 5, 30, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TIME = pl.Datetime("us", "UTC")
RATES = {"at": TIME, "strategy_name": pl.String, "status": pl.String, "count": pl.Int64}
EXAMPLES = {"at": TIME, "status": pl.String, "reasons": pl.String}
BREAKERS = {
    "replica": pl.String,
    "service": pl.String,
    "state": pl.String,
    "failures": pl.Int64,
    "open_since": TIME,
    "last_error": pl.String,
    "changed_at": TIME,
}
CALM = Facts("default", minutes_from=NOW - 8 * HOUR, hours_from=NOW - 14 * DAY)


@dataclass(frozen=True)
class Found:
    ok: bool
    detail: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def breakers(*rows: tuple[str, str, str, timedelta | None]) -> pl.DataFrame:
    """Replica, service, state, and how long it is open."""
    told = [
        (replica, service, state, 5, *(2 * [None if ago is None else NOW - ago]))
        for replica, service, state, ago in rows
    ]
    return pl.DataFrame([(*row[:5], "ReadTimeout", row[5]) for row in told], BREAKERS, orient="row")


def answers(status: str, n: int, *, strategy: str = "bb_reversal", ago: int = 1) -> pl.DataFrame:
    at = (NOW - ago * MINUTE).replace(second=0)
    return pl.DataFrame([(at, strategy, status, n)], RATES, orient="row")


def examples(status: str, *reasons: list[str]) -> dict[str, pl.DataFrame]:
    rows = [(NOW - MINUTE, status, json.dumps(told)) for told in reasons]
    return {status: pl.DataFrame(rows, EXAMPLES, orient="row")}


def only(facts: Facts) -> Problem:
    (found,) = problems_of(facts, NOW)
    return found


def codes(facts: Facts) -> list[str]:
    return [problem.code for problem in problems_of(facts, NOW)]


def test_of_a_calm_store_nothing_is_told():
    calm = replace(
        CALM,
        checks={"database": Found(True, "the database answers")},
        breakers=breakers(("a", "db", "closed", None)),
        minutes=answers("ok", 100),
        waits={"running": NOW, "queued": NOW},
        last_ingest=NOW - DAY,
    )
    assert problems_of(calm, NOW) == ()
    assert problems_of(CALM, NOW) == ()


# --- answers --------------------------------------------------------------------------------------


def test_too_many_answers_without_a_recommendation_are_told_with_who_and_why():
    facts = replace(
        CALM,
        minutes=pl.concat(
            [
                answers("none", 30),
                answers("none", 9, strategy="sma_cross"),
                answers("ok", 11, strategy="sma_cross"),
            ]
        ),
        examples=examples(
            "none",
            *(3 * [["no_matches_after_strict_filters", "no_matches_after_relaxed_filters"]]),
            ["no_trials_for_strategy"],
        ),
    )
    problem = only(facts)
    assert (problem.code, problem.severity) == ("KbStatusNone", "critical")
    assert problem.title == "78 % of the answers of the last hour are none (limit 50 %)"
    assert problem.since == NOW.replace(minute=4, second=0)
    assert problem.runbook == "04_kb_status_none_triage"
    assert problem.parameters == {
        "workspace": "default",
        "since": "2026-01-10T03:04:00.000000Z",
        "strategy": "bb_reversal",
    }
    assert problem.what_to_do.startswith("the filters are narrower")
    evidence = problem.evidence
    assert (evidence["answers"], evidence["none"], evidence["threshold"]) == (50, 39, 0.5)
    assert evidence["strategies"] == {"bb_reversal": 30, "sma_cross": 9}
    assert evidence["reasons"] == {
        "no_matches_after_relaxed_filters": 3,
        "no_matches_after_strict_filters": 3,
        "no_trials_for_strategy": 1,
    }
    assert (evidence["reasons_of_answers"], evidence["since_resolution"]) == (4, "minute")


def test_a_runbook_is_run_for_one_strategy_only_where_it_has_half_of_the_answers():
    parts = [answers("none", 10, strategy=name) for name in ("a", "b", "c")]
    problem = only(replace(CALM, minutes=pl.concat(parts)))
    assert "strategy" not in problem.parameters
    assert problem.evidence["strategies"] == {"a": 10, "b": 10, "c": 10}


def test_of_one_status_the_most_severe_problem_is_told_alone():
    """A hundred of a hundred break the rule of an hour, and that of six hours."""
    assert codes(replace(CALM, minutes=answers("none", 100))) == ["KbStatusNone"]


def test_the_slow_rule_is_told_where_the_fast_one_does_not_hold():
    slow = pl.concat([answers("none", 30), answers("ok", 40)])
    problem = only(replace(CALM, minutes=slow))
    assert (problem.code, problem.severity) == ("KbStatusNone", "warning")
    assert "of the last 6 hours" in problem.title
    info = pl.concat([answers("degraded", 30), answers("ok", 40)])
    assert [p.severity for p in problems_of(replace(CALM, minutes=info), NOW)] == ["info"]


def test_what_is_over_and_still_an_alert_says_until_when():
    problem = only(replace(CALM, minutes=answers("none", 30, ago=10)))
    assert (
        problem.title == "100 % of the answers of the hour before 03:00 UTC were none (limit 50 %)"
    )


def test_a_failing_backend_is_what_to_look_at_first_of_reasons_that_are_equally_frequent():
    facts = replace(
        CALM,
        minutes=answers("degraded", 30),
        examples=examples("degraded", ["few_windows", "metadata_only"]),
    )
    assert only(facts).what_to_do.startswith("a backend or the index is at fault")
    without = replace(facts, examples={})
    assert only(without).what_to_do == "look at the answers and their reasons"


# --- what the store depends on --------------------------------------------------------------------


def test_a_check_that_fails_is_critical_and_says_since_when_its_circuit_is_open():
    facts = replace(
        CALM,
        checks={
            "qdrant_collection": Found(False, "qdrant: circuit breaker is open"),
            "embed_service": Found(True, "fine"),
        },
        breakers=breakers(("a", "qdrant", "open", 20 * MINUTE), ("b", "qdrant", "closed", None)),
    )
    first, second = problems_of(facts, NOW)
    assert (first.code, first.severity) == ("CollectionNotReady", "critical")
    assert first.since == second.since == NOW - 20 * MINUTE
    assert first.runbook == "02_qdrant_collection_rebuild"
    assert (second.code, second.runbook) == ("CircuitBreakerOpen", "08_failure_modes_recovery")


def test_vectors_of_another_version_of_their_model_are_counted_and_embedded_again():
    facts = replace(CALM, outdated=(Outdated("nomic", "kb_nomic_v1", {"desk": 9, "lab": 1000}),))
    problem = only(facts)
    assert (problem.code, problem.severity) == ("VectorsOutdated", "warning")
    assert problem.title.startswith("1,009 entries of kb_nomic_v1 were made by another version of")
    assert problem.evidence == {
        "model": "nomic",
        "collection": "kb_nomic_v1",
        "entries": 1009,
        "entries_by_workspace": {"desk": 9, "lab": 1000},
        "since_resolution": None,
    }
    assert problem.what_to_do.startswith("run tradingkb ingest or reembed for desk and lab:")
    assert problem.runbook == "03_embedding_model_rotation"


def test_vectors_that_could_not_be_counted_are_told_of_and_those_that_are_gone_are_not():
    uncounted = replace(CALM, outdated=(Outdated("nomic", "kb_nomic_v1", None),))
    assert only(uncounted).title.startswith("entries of kb_nomic_v1 were made")
    assert only(uncounted).evidence["entries"] is None
    assert codes(replace(CALM, outdated=(Outdated("nomic", "kb_nomic_v1", {}),))) == []


@pytest.mark.parametrize(
    ("state", "seconds", "told"),
    [("open", 61, True), ("half_open", 61, True), ("open", 60, False), ("closed", 9999, False)],
)
def test_a_circuit_is_told_of_after_a_minute(state: str, seconds: int, told: bool):
    rows = breakers(("a", "db", state, timedelta(seconds=seconds)))
    assert bool(codes(replace(CALM, breakers=rows))) == told


def changes(*rows: tuple[str, str, str, timedelta]) -> pl.DataFrame:
    """Replica, service, the state it changed to, and how long ago."""
    told = [(NOW - ago, replica, service, state, True) for replica, service, state, ago in rows]
    columns = ("replica", "service", "state")
    schema = {"at": TIME, **dict.fromkeys(columns, pl.String), "changed": pl.Boolean}
    frame = pl.DataFrame(told, schema, orient="row")
    return frame.with_columns(retries=pl.lit(0), error=pl.lit(None, pl.String))


def test_an_open_circuit_tells_which_replicas_leave_the_service_alone_since_when_and_why():
    rows = breakers(
        ("a", "qdrant", "open", 5 * MINUTE),
        ("b", "qdrant", "half_open", 9 * MINUTE),
        ("c", "qdrant", "closed", None),
    )
    problem = only(replace(CALM, breakers=rows))
    assert problem.title == "qdrant is left alone by 2 of 3 replicas: it failed 5 times in a row"
    assert problem.since == NOW - 9 * MINUTE
    assert problem.evidence["replicas"] == ["a", "b"]
    assert problem.evidence["last_error"] == "ReadTimeout"
    assert problem.parameters["service"] == "qdrant"
    everywhere = only(replace(CALM, breakers=rows.filter(pl.col("replica") != "c")))
    assert everywhere.what_to_do == (
        "bring it back, or the network to it: the next call that succeeds closes the circuit"
    )


def test_that_the_circuits_of_others_are_closed_does_not_blame_those_that_are_open():
    """The service is dead, and the other replica has simply not asked it."""
    rows = breakers(("a", "ollama", "open", 5 * MINUTE), ("b", "ollama", "closed", None))
    known = changes(
        ("b", "ollama", "closed", 6 * MINUTE),  # it was reached before
        ("b", "qdrant", "closed", MINUTE),  # another service was
        ("b", "ollama", "half_open", MINUTE),
        ("a", "ollama", "closed", MINUTE),  # its own, and it has opened again
    )
    for retries in (CALM.retries, known):
        problem = only(replace(CALM, breakers=rows, retries=retries))
        assert problem.what_to_do.startswith("bring it back, or the network to it")
        assert problem.what_to_do.endswith(
            "the others may not have asked it since: that theirs are closed proves nothing"
        )
        assert problem.evidence["reached_by"] == []


def test_replicas_are_blamed_only_where_others_are_known_to_have_had_an_answer_since():
    rows = breakers(("a", "ollama", "open", 5 * MINUTE), ("b", "ollama", "closed", None))
    facts = replace(CALM, breakers=rows)
    for proven in (
        replace(facts, retries=changes(("b", "ollama", "closed", 4 * MINUTE))),
        replace(facts, reached={"ollama": frozenset({"b"}), "db": frozenset({"c"})}),
    ):
        problem = only(proven)
        assert problem.what_to_do == (
            "it has answered since (b): the next call of the replicas that leave it alone closes "
            "their circuits; if it does not, their network or credentials are at fault"
        )
        assert problem.evidence["reached_by"] == ["b"]


def test_a_replica_whose_clock_is_ahead_tells_no_time_to_come():
    rows = breakers(("a", "db", "open", -HOUR), ("b", "db", "open", 2 * MINUTE))
    assert only(replace(CALM, breakers=rows)).since == NOW - 2 * MINUTE
    facts = replace(CALM, breakers=rows.head(1), checks={"database": Found(False, "no answer")})
    assert only(facts).since == NOW


def test_calls_that_are_made_again_are_told_by_service():
    beats = [(NOW - timedelta(seconds=15 * n), "a", "qdrant", 30, "Timeout") for n in range(80)]
    schema = {
        "at": TIME,
        "replica": pl.String,
        "service": pl.String,
        "retries": pl.Int64,
        "error": pl.String,
    }
    problem = only(replace(CALM, retries=pl.DataFrame(beats, schema, orient="row")))
    assert (problem.code, problem.title) == (
        "HighRetryRate",
        "2.0 calls a second to qdrant are made again",
    )
    assert problem.parameters["service"] == "qdrant"


# --- work -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("waits", "running", "told"),
    [
        ({"running": 601}, 1, ["KbJobStuck"]),
        ({"running": 600}, 1, []),
        ({"queued": 901}, 0, ["KbJobStuck"]),
        ({"queued": 901}, 1, []),
        ({"queued": 900}, 0, []),
    ],
)
def test_a_job_is_stuck_when_it_is_silent_or_waits_while_none_runs(
    waits: dict[str, int], running: int, told: list[str]
):
    since = {state: NOW - timedelta(seconds=s) for state, s in waits.items()}
    assert codes(replace(CALM, waits=since, running=running)) == told


def test_an_ingest_is_missed_after_two_days_and_never_where_there_was_none():
    limit = 2 * DAY + 10 * MINUTE
    assert codes(replace(CALM, last_ingest=NOW - limit)) == []
    problem = only(replace(CALM, last_ingest=NOW - limit - MINUTE))
    assert (problem.code, problem.since) == ("KbIngestStale", NOW - 11 * MINUTE)
    assert problem.title == "the last ingest was completed 2 days ago"


def test_a_scheduler_is_missed_after_twenty_minutes_and_never_where_nothing_is_scheduled():
    assert codes(replace(CALM, last_turn=NOW - 20 * MINUTE)) == []
    problem = only(replace(CALM, last_turn=NOW - 21 * MINUTE))
    assert (problem.code, problem.severity) == ("KbSchedulerDead", "critical")
    assert problem.since == NOW - 6 * MINUTE
    assert problem.title == "the scheduler last did what was due 21 minutes ago"


def failing(**changes: Any) -> pl.DataFrame:
    row = {
        "name": "nightly",
        "scheduled": True,
        "count": 3,
        "first_at": NOW - 2 * DAY,
        "last_at": NOW - HOUR,
        "run_id": "r",
        "runbook": "06_trial_ingestion",
        "error": "no disk",
    }
    return pl.DataFrame([{**row, **changes}])


def test_a_schedule_that_fails_is_told_with_how_often_since_when_and_why():
    problem = only(replace(CALM, failing=failing()))
    assert (problem.code, problem.severity) == ("RunbookFailed", "warning")
    assert problem.title == "schedule nightly failed 3 times since it last succeeded: no disk"
    assert problem.since == NOW - 2 * DAY
    assert (problem.evidence["last_run_id"], problem.evidence["failed_runs"]) == ("r", 3)


def test_a_runbook_whose_runner_died_is_told_and_a_long_error_is_cut():
    lost = only(replace(CALM, failing=failing(scheduled=False, count=1, error=None)))
    assert lost.title == "runbook nightly failed: its runner died"
    long = only(replace(CALM, failing=failing(error="x" * 1000)))
    assert len(long.title) < 250
    assert long.evidence["last_error"] == "x" * 1000


# --- what cannot be read --------------------------------------------------------------------------


def test_what_cannot_be_read_is_a_problem_and_hides_no_other():
    facts = replace(CALM, unread={"jobs": "no answer: Timeout"}, last_ingest=NOW - 9 * DAY)
    first, second = problems_of(facts, NOW)
    assert {first.code, second.code} == {"NotRead", "KbIngestStale"}
    assert first.evidence["unread"] == {"jobs": "no answer: Timeout"}
    assert "jobs" in first.title


def test_without_the_database_that_is_critical_and_told_once():
    unread = {"database": "no answer: ConnectionRefusedError 111"}
    away = replace(CALM, checks={"database": Found(False, "no answer")}, unread=unread)
    assert (only(away).code, only(away).severity) == ("DatabaseNotReady", "critical")
    # The check was answered just before, or could not be run.
    assert (only(replace(CALM, unread=unread)).code) == "NotRead"
    assert only(replace(CALM, unread=unread)).severity == "critical"


def test_the_most_severe_comes_first():
    facts = replace(
        CALM,
        minutes=pl.concat([answers("none", 50), answers("degraded", 41), answers("ok", 9)]),
        last_ingest=NOW - 9 * DAY,
        unread={"jobs": "?"},
    )
    severities = [problem.severity for problem in problems_of(facts, NOW)]
    assert severities == sorted(severities, key=("critical", "warning", "info").index)


# --- the report -----------------------------------------------------------------------------------


def test_the_report_says_it_to_people_and_to_machines():
    facts = replace(CALM, minutes=answers("none", 30))
    report = Problems("default", NOW, problems_of(facts, NOW))
    assert str(report).splitlines() == [
        "workspace default at 2026-01-10 03:05:30 UTC: 1 open problem",
        "  CRITICAL KbStatusNone: 100 % of the answers of the last hour are none (limit 50 %)",
        "    since 2026-01-10 03:04 UTC (to the minute)",
        "    first: look at the answers and their reasons",
        "    tradingkb runbook run 04_kb_status_none_triage -p workspace=default "
        "-p since=2026-01-10T03:04:00.000000Z -p strategy=bb_reversal",
        "  not seen from here: KbHttpErrors, TradingkbAbsent",
    ]
    told: dict[str, Any] = json.loads(json.dumps(report.to_dict()))
    assert (told["healthy"], told["workspace"]) == (False, "default")
    assert told["open"][0]["since"] == "2026-01-10T03:04:00.000000Z"
    assert told["open"][0]["evidence"]["held_until"] == "2026-01-10T03:05:30.000000Z"
    assert Problems("default", NOW, ()).healthy


def test_the_command_of_a_problem_is_pasted_as_it_is():
    """Whatever a strategy is called, a shell gives it to the runbook as one parameter."""
    named = {"workspace": "default", "strategy": "sma cross; rm -rf 'x'"}
    problem = Problem("X", "info", "?", NOW, {}, "", "04_kb_status_none_triage", named)
    assert shlex.split(problem.lines()[-1]) == [
        *("tradingkb", "runbook", "run", "04_kb_status_none_triage"),
        *("-p", "workspace=default", "-p", "strategy=sma cross; rm -rf 'x'"),
    ]


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        ({"since_resolution": "hour"}, "2026-01-10 03:05 UTC (to the hour)"),
        (
            {"since_resolution": "hour", "since_or_earlier": True},
            "2026-01-10 03:05 UTC (to the hour) or earlier",
        ),
        ({"since_resolution": "second"}, "2026-01-10 03:05 UTC"),
    ],
)
def test_since_when_is_told_as_exactly_as_it_is_known(evidence: dict[str, Any], told: str):
    problem = Problem("X", "info", "?", NOW, evidence, "", "", {})
    assert problem.since_text() == told
    assert replace(problem, since=None).since_text() == "an unknown time"
