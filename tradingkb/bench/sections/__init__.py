"""The sections of the benchmark, by name, in the order in which they run."""

from collections.abc import Callable, Mapping
from typing import Final

from tradingkb.bench.rows import Findings
from tradingkb.bench.sections import (
    cold_ingest,
    dashboard,
    event_reports,
    imports,
    limits,
    postgresql,
    readers,
    recommendation,
    reingest,
    retrieval,
    service,
    small,
    trial_reports,
)
from tradingkb.bench.stores import Stores

#: Ingest comes first: it fills the stores that the others ask.
SECTIONS: Final[Mapping[str, Callable[[Stores], Findings]]] = {
    "ingest": cold_ingest.run,
    "reingest": reingest.run,
    "retrieval": retrieval.run,
    "recommend": recommendation.run,
    "trials": trial_reports.run,
    "events": event_reports.run,
    "dashboard": dashboard.run,
    "imports": imports.run,
    "small": small.run,
    "readers": readers.run,
    "service": service.run,
    "limits": limits.run,
    "postgresql": postgresql.run,
}

__all__ = ["SECTIONS"]
