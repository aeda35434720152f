"""When something is a problem: the thresholds of data/monitoring/alerts.yaml.

A test compares both, so that a page and a pager never contradict each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Severity = Literal["critical", "warning", "info"]
#: Most severe first.
SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "warning", "info")
MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86400


@dataclass(frozen=True)
class ShareRule:
    """Too many answers of one status, over a long window and over a short one.

    Attributes:
        alert: its name.
        severity: how bad it is.
        status: of the answers.
        runbook: the notebook that leads through it.
        budget: the share of the answers that may have the status.
        factor: how many times too fast the budget is used up.
        long_s: the window with enough answers to tell, in seconds.
        short_s: the window that ends the alert soon after its cause, in seconds.
        least: fewest answers of the long window.
        keep_s: the alert goes on for so many seconds after it last held.
    """

    alert: str
    severity: Severity
    status: str
    runbook: str
    budget: float
    factor: float
    long_s: int
    short_s: int
    least: int
    keep_s: int

    @property
    def threshold(self) -> float:
        """The share of the answers above which it holds, in both windows."""
        return self.factor * self.budget


@dataclass(frozen=True)
class LimitRule:
    """A figure that is above a limit for some time.

    Attributes:
        alert: its name.
        severity: how bad it is.
        runbook: the notebook that leads through it.
        limit: above it the rule holds.
        hold_s: for so many seconds before it is an alert.
    """

    alert: str
    severity: Severity
    runbook: str
    limit: float
    hold_s: int


_NONE: Final = ("KbStatusNone", "04_kb_status_none_triage")
_DEGRADED: Final = ("KbStatusDegraded", "05_kb_status_degraded_triage")
_FAILURES: Final = "08_failure_modes_recovery"
_REBUILD: Final = "02_qdrant_collection_rebuild"


def _share(
    named: tuple[str, str],
    severity: Severity,
    status: str,
    rate: tuple[float, float],
    windows: tuple[int, int, int, int],
) -> ShareRule:
    return ShareRule(named[0], severity, status, named[1], *rate, *windows)


#: By status the most severe first: where both hold, one problem is told.
SHARES: Final = (
    _share(_NONE, "critical", "none", (0.05, 10), (HOUR_S, 5 * MINUTE_S, 20, 10 * MINUTE_S)),
    _share(_NONE, "warning", "none", (0.05, 4), (6 * HOUR_S, 30 * MINUTE_S, 60, 30 * MINUTE_S)),
    _share(_DEGRADED, "warning", "degraded", (0.20, 4), (HOUR_S, 300, 20, 10 * MINUTE_S)),
    _share(_DEGRADED, "info", "degraded", (0.20, 2), (6 * HOUR_S, 30 * MINUTE_S, 60, 1800)),
)
BREAKER: Final = LimitRule("CircuitBreakerOpen", "warning", _FAILURES, 0, MINUTE_S)
#: Retries per second, over `RETRY_WINDOW_S`.
RETRIES: Final = LimitRule("HighRetryRate", "warning", _FAILURES, 0.5, 5 * MINUTE_S)
RETRY_WINDOW_S: Final = 5 * MINUTE_S
#: Seconds without a sign of life of a running job; seconds that a queued one waits while none runs.
STUCK: Final[Mapping[str, LimitRule]] = MappingProxyType(
    {
        state: LimitRule("KbJobStuck", "warning", "07_service_restart", limit_s, 5 * MINUTE_S)
        for state, limit_s in (("running", 300), ("queued", 600))
    }
)
STALE: Final = LimitRule("KbIngestStale", "warning", "06_trial_ingestion", 2 * DAY_S, 600)
SCHEDULER: Final = LimitRule("KbSchedulerDead", "critical", "07_service_restart", 900, 5 * MINUTE_S)
#: Alerts that cannot be told from what is stored, and why.
NOT_WATCHED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "KbHttpErrors": "requests that fail are counted in the metrics of each replica alone",
        "TradingkbAbsent": "whether replicas are scraped only Prometheus knows",
    }
)


@dataclass(frozen=True)
class Failing:
    """What it is called that a check of readiness fails, and the runbook that treats it."""

    code: str
    what: str
    runbook: str


#: By check. Circuits and metrics have their alerts; that a check fails now is told at once.
CHECKS: Final[Mapping[str, Failing]] = MappingProxyType(
    {
        "database": Failing("DatabaseNotReady", "the database", _FAILURES),
        "qdrant_collection": Failing("CollectionNotReady", "the vector index", _REBUILD),
        "embed_service": Failing("EmbedderNotReady", "the embedder", _FAILURES),
    }
)
#: What an embedder that is ready may tell of its collections.
OUTDATED: Final = Failing("VectorsOutdated", "the vectors", "03_embedding_model_rotation")
