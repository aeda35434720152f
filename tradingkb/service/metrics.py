"""The metrics of one service: counted from events and requests, or read when they are asked for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from tradingkb.observability import emit
from tradingkb.service.metric_table import (
    BEATS,
    BREAKER_STATES,
    COUNTED,
    METRICS,
    OTHER,
    READ,
    MetricSpec,
)

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
#: Routes of a service are some dozens; more are no templates.
_MOST_ROUTES: Final = 100
#: Events that are counted under their own name, by their field `count`.
_COUNTED_EVENTS: Final = (
    "kb_ingest_action_total",
    "kb_admin_status_change_total",
    "kb_tiebreak_applied_total",
)
#: Runbook, outcome, number of runs, and when the last of them ended.
RunbookSum = tuple[str, str, int, datetime]
_SPECS: Final = {spec.name: spec for spec in METRICS}


class BreakerReading(Protocol):
    """What is read of one circuit breaker."""

    @property
    def state(self) -> str:
        """One of `BREAKER_STATES`."""

    @property
    def calls(self) -> Mapping[str, int]:
        """Calls by outcome: success, failure, slow, rejected."""

    @property
    def retries(self) -> int:
        """Calls that were made again."""

    @property
    def trips(self) -> int:
        """How often it opened."""


class Metrics:
    """The metrics of one service, in a registry of their own."""

    content_type = CONTENT_TYPE_PLAIN_0_0_4

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        version: str = "",
        breakers: Callable[[], Mapping[str, BreakerReading]] = dict,
        jobs: Callable[[], Mapping[str, int]] = dict,
        job_waits: Callable[[], Mapping[str, float]] = dict,
        events_dropped: Callable[[], int] = int,
        last_success: Callable[[], Mapping[str, datetime | None]] = dict,
        runbooks: Callable[[], Iterable[RunbookSum]] = tuple,
    ) -> None:
        """Registers them all, each with 0.

        What is read is read at every scrape, in its thread. What raises is left out of that scrape
        and counted: an old figure would hide that it is one.

        Args:
            registry: where to; a new one unless given.
            version: of the package.
            breakers: circuit breakers by service.
            jobs: how many there are by state.
            job_waits: seconds by state, as `kb_job_wait_seconds` says.
            events_dropped: recorded answers that were lost.
            last_success: aware times by what succeeded: ingest, jobs, scheduler.
            runbooks: runbook, outcome, number of runs, and when the last of them ended.
        """
        self.registry = registry or CollectorRegistry()
        self._counted = {spec.name: _made(spec, self.registry) for spec in COUNTED}
        self._counted["tradingkb_build_info"].labels(version).set(1)
        self._routes: set[str] = set()
        self._readings: Mapping[str, Callable[[], Iterable[Metric]]] = {
            "breakers": lambda: _breaker_metrics(breakers()),
            "jobs": lambda: [_family("kb_jobs", jobs())],
            "job_waits": lambda: [_family("kb_job_wait_seconds", job_waits())],
            "events_dropped": lambda: [_family("kb_events_dropped_total", {(): events_dropped()})],
            "last_success": lambda: _beat_metrics(last_success()),
            "runbooks": lambda: _runbook_metrics(list(runbooks())),
        }
        self.registry.register(self)

    def subscriber(self, event: str, fields: Mapping[str, Any]) -> None:
        """Counts an event; for `tradingkb.observability.subscribe`."""
        if event == "kb_recommend_complete" and fields["source"] != "probe":
            self._count("kb_recommend_total", fields)
            self._counted["kb_recommend_duration_seconds"].observe(fields["total_ms"] / 1000)
        elif event in _COUNTED_EVENTS:
            self._count(event, fields, fields["count"])

    def request(self, method: str, route: str | None, status: int, duration_s: float) -> None:
        """Counts a request over HTTP that was answered.

        Args:
            method: of the request.
            route: the template of its route, such as `/kb/jobs/{job_id}`; None for none.
            status: of the response.
            duration_s: seconds from its first byte to the last one of the response.
        """
        shown = self._route(route)
        method = method if method in _METHODS else OTHER
        self._counted["kb_http_requests_total"].labels(method, shown, str(status)).inc()
        self._counted["kb_http_request_duration_seconds"].labels(shown).observe(duration_s)

    def render(self) -> bytes:
        """All metrics, in the text format of Prometheus."""
        return generate_latest(_Plain(self.registry))

    def collect(self) -> Iterator[Metric]:
        """Reads what is read; a collector of the registry."""
        for name, reading in self._readings.items():
            try:
                yield from reading()
            except Exception as error:  # the other metrics are wanted all the more
                self._counted["kb_metrics_unread_total"].labels(name).inc()
                emit("kb_metrics_unread", reading=name, error=f"{type(error).__name__}: {error}")

    def describe(self) -> Iterator[Metric]:
        """The names of what is read, without reading it."""
        return (Metric(_base(spec), spec.meaning, spec.kind) for spec in READ)

    def _count(self, name: str, fields: Mapping[str, Any], count: int = 1) -> None:
        labels = _SPECS[name].labels
        values = [_known(fields[label], known) for label, known in labels.items()]
        self._counted[name].labels(*values).inc(count)

    def _route(self, route: str | None) -> str:
        if route is None:
            return "unmatched"
        if route not in self._routes and len(self._routes) >= _MOST_ROUTES:
            return OTHER
        self._routes.add(route)
        return route


class _Plain:
    """A registry without the times at which series were made, of which nobody makes use."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
            yield metric


def _made(spec: MetricSpec, registry: CollectorRegistry) -> Any:
    """A metric that is counted, with all its series."""
    kind = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}[spec.kind]
    options = {"buckets": spec.buckets} if spec.kind == "histogram" else {}
    metric: Any = kind(spec.name, spec.meaning, spec.label_names, registry=registry, **options)
    if not spec.open_labels and spec.labels:
        for values in itertools.product(*spec.labels.values()):
            metric.labels(*values)
    return metric


def _known(value: Any, known: tuple[str, ...]) -> str:
    return str(value) if value in known else OTHER


def _base(spec: MetricSpec) -> str:
    return spec.name.removesuffix("_total")


def _family(name: str, found: Mapping[Any, float]) -> Metric:
    """A metric that is read, with 0 where nothing was found; what is not known is left out."""
    spec = _SPECS[name]
    kind = CounterMetricFamily if spec.kind == "counter" else GaugeMetricFamily
    family = kind(_base(spec), spec.meaning, labels=spec.label_names)
    for values in itertools.product(*spec.labels.values()):
        family.add_metric(values, found.get(values[0] if len(values) == 1 else values, 0))
    return family


def _breaker_metrics(breakers: Mapping[str, BreakerReading]) -> Iterator[Metric]:
    states = {name: BREAKER_STATES.index(b.state) for name, b in breakers.items()}
    failures = {n: b.calls.get("failure", 0) + b.calls.get("slow", 0) for n, b in breakers.items()}
    calls = {(n, outcome): count for n, b in breakers.items() for outcome, count in b.calls.items()}
    yield _family("resilience_retries_total", {n: b.retries for n, b in breakers.items()})
    yield _family("circuit_breaker_state", states)
    yield _family("circuit_breaker_failures_total", failures)
    yield _family("circuit_breaker_trips_total", {n: b.trips for n, b in breakers.items()})
    yield _family("circuit_breaker_calls_total", calls)


def _runbook_metrics(sums: Sequence[RunbookSum]) -> Iterator[Metric]:
    names = "kb_runbook_runs", "kb_runbook_last_success_timestamp_seconds"
    runs, last = map(_empty, names)
    counts = {(runbook, outcome): count for runbook, outcome, count, _ in sums}
    for runbook in dict.fromkeys(runbook for runbook, *_ in sums):
        for outcome in _SPECS["kb_runbook_runs"].labels["outcome"]:
            runs.add_metric((runbook, outcome), counts.get((runbook, outcome), 0))
        times = [at for name, outcome, _, at in sums if name == runbook and outcome != "failed"]
        if times:
            last.add_metric((runbook,), max(times).timestamp())
    yield from (runs, last)


def _empty(name: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, _SPECS[name].meaning, labels=_SPECS[name].label_names)


def _beat_metrics(times: Mapping[str, datetime | None]) -> Iterator[Metric]:
    for name in BEATS:
        at = times.get(name)
        seconds = 0.0 if at is None else at.timestamp()
        yield _family(f"kb_{name}_last_success_timestamp_seconds", {(): seconds})
