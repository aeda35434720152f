"""/metrics: the names that operators know, there from the start, and no label that grows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

import tradingkb as tkb
from tradingkb.domain import STATUSES, transition_name
from tradingkb.domain.lifecycle import may_change
from tradingkb.ingest.report import ACTIONS
from tradingkb.observability import subscribe
from tradingkb.ranking.tiebreak import RULES
from tradingkb.recommend.answer import AnswerStatus, Band
from tradingkb.service.metric_table import METRICS
from tradingkb.service.metrics import Metrics
from tradingkb.stores.schema_service import JOB_STATES

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SPECS = {spec.name: spec for spec in METRICS}
SERVICES = ("db", "qdrant", "ollama")

#: A series: name of the sample, and its labels.
Series = tuple[str, frozenset[tuple[str, str]]]


def samples(metrics: Metrics) -> dict[Series, float]:
    families = text_string_to_metric_families(metrics.render().decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, frozenset(labels.items())))


def answer(**fields: Any) -> dict[str, Any]:
    base = {"status": "ok", "confidence_band": "high", "source": "http", "total_ms": 20.0}
    return base | fields


@dataclass
class Breaker:
    state: str = "closed"
    calls: dict[str, int] = field(default_factory=dict)
    retries: int = 0
    trips: int = 0


# --- what is there --------------------------------------------------------------------------------


def test_the_metrics_of_the_table_are_exposed_with_their_kind_and_meaning_and_no_others():
    families = text_string_to_metric_families(Metrics().render().decode())
    found = {f.name + "_total" * (f.type == "counter"): (f.type, f.documentation) for f in families}
    assert found == {spec.name: (spec.kind, spec.meaning) for spec in METRICS}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "name",
    [
        "resilience_retries_total",
        "circuit_breaker_state",
        "circuit_breaker_failures_total",
        "circuit_breaker_trips_total",
    ],
)
def test_the_names_of_the_runbooks_are_there_from_the_start_for_every_service(name, service):
    assert value(Metrics(), name, service=service) == 0


def test_every_series_whose_labels_are_known_starts_with_zero():
    found = samples(Metrics())
    for spec in METRICS:
        if spec.open_labels or spec.kind == "histogram":
            continue
        series = [at for (name, _), at in found.items() if name == spec.name]
        assert series == [0.0] * math.prod(map(len, spec.labels.values())), spec.name


def test_values_of_labels_are_those_that_the_package_knows():
    def known(name: str, label: str) -> tuple[str, ...]:
        return SPECS[name].labels[label]

    pairs = [(a, b) for a in STATUSES for b in STATUSES if may_change(a, b)]
    assert known("kb_recommend_total", "status") == get_args(AnswerStatus)
    assert known("kb_recommend_total", "confidence_band") == get_args(Band)
    assert known("kb_ingest_action_total", "action") == ACTIONS
    assert known("kb_tiebreak_applied_total", "rule") == RULES
    assert known("kb_jobs", "state") == JOB_STATES
    assert set(known("kb_admin_status_change_total", "transition")) == {
        transition_name(before, after) for before, after in pairs
    }


def test_the_version_is_a_label_of_one():
    assert value(Metrics(version="1.2.3"), "tradingkb_build_info", version="1.2.3") == 1


# --- what is counted ------------------------------------------------------------------------------


def test_answers_are_counted_by_status_and_band_with_their_time():
    metrics = Metrics()
    for status, total_ms in (("ok", 20.0), ("ok", 700.0), ("none", 40_000.0)):
        metrics.subscriber("kb_recommend_complete", answer(status=status, total_ms=total_ms))
    assert value(metrics, "kb_recommend_total", status="ok", confidence_band="high") == 2
    assert value(metrics, "kb_recommend_total", status="none", confidence_band="high") == 1
    assert value(metrics, "kb_recommend_duration_seconds_count") == 3
    assert value(metrics, "kb_recommend_duration_seconds_sum") == pytest.approx(40.72)
    buckets = {le: value(metrics, "kb_recommend_duration_seconds_bucket", le=le) for le in LE}
    assert buckets == {"0.025": 1, "0.5": 1, "1.0": 2, "30.0": 2, "60.0": 3}


LE = ("0.025", "0.5", "1.0", "30.0", "60.0")


def test_probes_are_left_out_of_rates_and_of_times():
    metrics = Metrics()
    before = samples(metrics)
    metrics.subscriber("kb_recommend_complete", answer(source="probe"))
    assert samples(metrics) == before


@pytest.fixture
def watched() -> Iterator[Metrics]:
    metrics = Metrics()
    end = subscribe(metrics.subscriber)
    yield metrics
    end()


def test_what_a_knowledge_base_does_is_counted_as_its_log_says(watched, tmp_path):
    trials = [tkb.Trial("sma", {"fast": n}, sharpe_oos=1.0) for n in (1, 2, 3)]
    with tkb.connect(tmp_path, progress=False) as kb:
        kb.ingest(trials)
        kb.ingest(trials)
        kb.promote(strategy_name="sma", actor="ann")
        for caller in ("http", "probe"):
            kb.recommend("sma", caller=caller)
        status, band = kb.events().select("status", "confidence_band").row(0)
    assert value(watched, "kb_ingest_action_total", action="inserted") == 3
    assert value(watched, "kb_ingest_action_total", action="skipped") == 3
    moved = {"transition": "candidate_to_promoted", "actor_type": "admin"}
    assert value(watched, "kb_admin_status_change_total", **moved) == 3
    assert value(watched, "kb_recommend_total", status=status, confidence_band=band) == 1
    assert value(watched, "kb_recommend_duration_seconds_count") == 1


def test_requests_are_counted_by_the_template_of_their_route():
    metrics = Metrics()
    metrics.request("GET", "/kb/jobs/{job_id}", 200, 0.02)
    metrics.request("GET", "/kb/jobs/{job_id}", 404, 0.01)
    metrics.request("BREW", None, 404, 0.001)
    route = "/kb/jobs/{job_id}"
    name = "kb_http_requests_total"
    assert value(metrics, name, method="GET", route=route, status="200") == 1
    assert value(metrics, name, method="GET", route=route, status="404") == 1
    assert value(metrics, name, method="other", route="unmatched", status="404") == 1
    assert value(metrics, "kb_http_request_duration_seconds_count", route=route) == 2


# --- no label grows -------------------------------------------------------------------------------

anything = st.text(max_size=40) | st.uuids().map(str)
events = st.tuples(
    st.sampled_from(
        [
            "kb_recommend_complete",
            "kb_ingest_action_total",
            "kb_admin_status_change_total",
            "kb_tiebreak_applied_total",
            "kb_something_else",
        ]
    ),
    st.fixed_dictionaries(
        dict.fromkeys(("workspace_id", "request_id", "strategy", "actor", "run_id"), anything)
        | dict.fromkeys(("status", "confidence_band", "action", "rule"), anything)
        | dict.fromkeys(("transition", "actor_type", "source", "collection"), anything)
        | {"count": st.integers(0, 9), "total_ms": st.floats(0, 1e5)}
    ),
)


@given(st.lists(events, max_size=20))
def test_whatever_events_hold_only_known_values_become_labels(told):
    metrics = Metrics()
    for event, fields in told:
        metrics.subscriber(event, fields)
    known = {
        (label, text)
        for spec in METRICS
        for label, values in spec.labels.items()
        for text in (*values, "other")
    }
    found = {pair for _, labels in samples(metrics) for pair in labels}
    assert {pair for pair in found if pair[0] not in ("le", "version")} <= known


def test_paths_that_are_no_templates_do_not_make_series_without_end():
    metrics = Metrics()
    for n in range(1000):
        metrics.request("GET", f"/kb/jobs/{n}", 200, 0.01)
    routes = {dict(labels)["route"] for name, labels in samples(metrics) if "http" in name}
    assert len(routes) == 101
    assert "other" in routes


# --- what is read ---------------------------------------------------------------------------------


def test_breakers_are_read_at_every_scrape():
    breakers = {
        "db": Breaker(),
        "qdrant": Breaker("open", {"success": 9, "failure": 5, "slow": 2, "rejected": 40}, 11, 1),
        "ollama": Breaker("half_open"),
    }
    metrics = Metrics(breakers=lambda: breakers)
    states = {s: value(metrics, "circuit_breaker_state", service=s) for s in SERVICES}
    assert states == {"db": 0, "qdrant": 1, "ollama": 2}
    assert value(metrics, "circuit_breaker_failures_total", service="qdrant") == 7
    assert value(metrics, "circuit_breaker_trips_total", service="qdrant") == 1
    assert value(metrics, "resilience_retries_total", service="qdrant") == 11
    name = "circuit_breaker_calls_total"
    assert value(metrics, name, service="qdrant", outcome="rejected") == 40
    assert value(metrics, name, service="db", outcome="success") == 0
    breakers["qdrant"].state = "closed"
    assert value(metrics, "circuit_breaker_state", service="qdrant") == 0


def test_runbooks_are_counted_by_outcome_and_their_last_success_is_told():
    later = NOON + timedelta(hours=1)
    sums = [("06", "done", 2, NOON), ("06", "failed", 1, later), ("09", "failed", 3, later)]
    metrics = Metrics(runbooks=lambda: sums)
    assert value(metrics, "kb_runbook_runs", runbook="06", outcome="done") == 2
    assert value(metrics, "kb_runbook_runs", runbook="06", outcome="needs_decision") == 0
    assert value(metrics, "kb_runbook_runs", runbook="09", outcome="failed") == 3
    last = "kb_runbook_last_success_timestamp_seconds"
    found = {labels: at for (name, labels), at in samples(metrics).items() if name == last}
    assert list(found.values()) == [NOON.timestamp()]


def test_jobs_drops_and_last_successes_are_read_too():
    metrics = Metrics(
        jobs=lambda: {"queued": 2, "running": 1},
        job_waits=lambda: {"running": 7.5},
        events_dropped=lambda: 4,
        last_success=lambda: {"ingest": NOON, "jobs": None},
    )
    assert value(metrics, "kb_jobs", state="queued") == 2
    assert value(metrics, "kb_jobs", state="failed") == 0
    assert value(metrics, "kb_job_wait_seconds", state="running") == 7.5
    assert value(metrics, "kb_events_dropped_total") == 4
    assert value(metrics, "kb_ingest_last_success_timestamp_seconds") == NOON.timestamp()
    assert value(metrics, "kb_jobs_last_success_timestamp_seconds") == 0
    assert value(metrics, "kb_scheduler_last_success_timestamp_seconds") == 0


def test_what_cannot_be_read_is_left_out_counted_and_logged_and_the_rest_is_there():
    def down() -> dict[str, int]:
        raise tkb.BackendUnavailableError("no database")

    told: list[tuple[str, Mapping[str, Any]]] = []
    end = subscribe(lambda event, fields: told.append((event, fields)))
    metrics = Metrics(jobs=down, events_dropped=lambda: 4)
    metrics.render()
    end()
    error = "BackendUnavailableError: no database"
    assert told == [("kb_metrics_unread", {"reading": "jobs", "error": error})]
    assert value(metrics, "kb_jobs", state="queued") is None
    assert value(metrics, "kb_events_dropped_total") == 4
    assert (value(metrics, "kb_metrics_unread_total", reading="jobs") or 0) >= 1
    assert value(metrics, "kb_metrics_unread_total", reading="breakers") == 0


def test_two_services_of_one_process_count_apart():
    one, other = Metrics(), Metrics()
    one.subscriber("kb_recommend_complete", answer())
    assert value(one, "kb_recommend_duration_seconds_count") == 1
    assert value(other, "kb_recommend_duration_seconds_count") == 0
