"""Every metric of the service: name, kind, labels with the values they may have, and meaning.

A label's values are known beforehand, so that no id and no text of a user becomes one, and each
series is there with 0 from the start: a counter that appears with its first event has no rate of
it. What is no known value counts as "other".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

OTHER: Final = "other"
#: States of a circuit breaker, by the number that stands for each.
BREAKER_STATES: Final = ("closed", "open", "half_open")
#: What has a time of its last success.
BEATS: Final = ("ingest", "jobs", "scheduler")
#: Seconds; the deadline of a recommendation is the last but one.
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

_SERVICE: Final = {"service": ("db", "qdrant", "ollama", "redis")}


@dataclass(frozen=True)
class MetricSpec:
    """One metric.

    Attributes:
        name: as it is exposed; a counter's ends with `_total`.
        kind: of the metric.
        meaning: what its value says, with its unit.
        labels: name to the values that are there from the start; none for those of `open_labels`.
        open_labels: labels whose values the code gives, few by their nature: versions, routes.
        buckets: upper bounds of a histogram, in seconds.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    open_labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def label_names(self) -> tuple[str, ...]:
        """All labels, in their order."""
        return (*self.open_labels, *self.labels)


#: Counted where it happens: from events, and from requests over HTTP.
COUNTED: Final = (
    MetricSpec(
        "kb_recommend_total",
        "counter",
        "answers, by status and band of the confidence; probes are left out",
        {
            "status": ("ok", "degraded", "none"),
            "confidence_band": ("high", "medium", "low", "none"),
        },
    ),
    MetricSpec(
        "kb_recommend_duration_seconds",
        "histogram",
        "how long answers took; probes are left out",
        buckets=_SECONDS,
    ),
    MetricSpec(
        "kb_ingest_action_total",
        "counter",
        "trials of ingests that ended in this process, by what became of them",
        {"action": ("inserted", "updated", "skipped", "unarchived", "error")},
    ),
    MetricSpec(
        "kb_admin_status_change_total",
        "counter",
        "trials whose status was changed in this process",
        {
            "transition": (
                "candidate_to_promoted",
                "candidate_to_rejected",
                "promoted_to_rejected",
                "rejected_to_promoted",
            ),
            "actor_type": ("admin", "system", OTHER),
        },
    ),
    MetricSpec(
        "kb_tiebreak_applied_total",
        "counter",
        "places among nominations, by the rule that decided them",
        {"rule": ("score", "status", "schema", "promoted_at", "created_at", "source_id")},
    ),
    MetricSpec(
        "kb_http_requests_total",
        "counter",
        "requests over HTTP that were answered; the route is its template, or unmatched",
        open_labels=("method", "route", "status"),
    ),
    MetricSpec(
        "kb_http_request_duration_seconds",
        "histogram",
        "how long requests over HTTP took",
        open_labels=("route",),
        buckets=_SECONDS,
    ),
    MetricSpec(
        "kb_metrics_unread_total",
        "counter",
        "scrapes that lack metrics, because what they are read from did not answer",
        {"reading": ("breakers", "jobs", "job_waits", "events_dropped", "last_success")},
    ),
    MetricSpec("tradingkb_build_info", "gauge", "1; the version", open_labels=("version",)),
)

#: Read when they are asked for.
READ: Final = (
    MetricSpec("resilience_retries_total", "counter", "calls that were made again", _SERVICE),
    MetricSpec(
        "circuit_breaker_state",
        "gauge",
        "circuit breaker: 0 closed, 1 open, 2 half_open",
        _SERVICE,
    ),
    MetricSpec(
        "circuit_breaker_failures_total",
        "counter",
        "calls that count as failures: not answered after every retry, or too slow",
        _SERVICE,
    ),
    MetricSpec(
        "circuit_breaker_trips_total", "counter", "how often the circuit was opened", _SERVICE
    ),
    MetricSpec(
        "circuit_breaker_calls_total",
        "counter",
        "calls, by how they ended; a rejected one was not made",
        {**_SERVICE, "outcome": ("success", "failure", "slow", "rejected")},
    ),
    MetricSpec(
        "kb_jobs",
        "gauge",
        "jobs of all replicas, by state",
        {"state": ("queued", "running", "succeeded", "failed", "cancelled")},
    ),
    MetricSpec(
        "kb_job_wait_seconds",
        "gauge",
        "how long the oldest queued job has waited, and how long the most silent running one has "
        "given no sign of life, in seconds; 0 without any",
        {"state": ("queued", "running")},
    ),
    MetricSpec(
        "kb_events_dropped_total", "counter", "recorded answers that were lost in this process"
    ),
    MetricSpec(
        "kb_ingest_last_success_timestamp_seconds",
        "gauge",
        "when the last ingest of any process was completed, in Unix time; 0 for never",
    ),
    MetricSpec(
        "kb_jobs_last_success_timestamp_seconds",
        "gauge",
        "when the last job of any replica succeeded, in Unix time; 0 for never",
    ),
    MetricSpec(
        "kb_scheduler_last_success_timestamp_seconds",
        "gauge",
        "when the scheduler last did what was due, in Unix time; 0 for never, or "
        "where nothing is scheduled",
    ),
    MetricSpec(
        "kb_runbook_runs",
        "gauge",
        "runs of runbooks that are on record, by name and outcome, of all replicas; none for what "
        "never ran",
        {"outcome": ("done", "nothing_to_do", "needs_decision", "failed")},
        open_labels=("runbook",),
    ),
    MetricSpec(
        "kb_runbook_last_success_timestamp_seconds",
        "gauge",
        "when a run of the runbook last ended without having failed, in Unix time; none where none "
        "did",
        open_labels=("runbook",),
    ),
)

METRICS: Final = (*COUNTED, *READ)
