"""Resilience: breakers and retries at the doors of database, vector index and embedder."""

from typing import Any

from tradingkb.resilience.breakers import OUTCOMES, SERVICES, Breaker, Breakers, BreakerState
from tradingkb.resilience.causes import cause_of, told_of
from tradingkb.resilience.circuit import Thresholds
from tradingkb.resilience.database import DatabaseDoor
from tradingkb.resilience.doors import Doors
from tradingkb.resilience.guards import Guard, Policy
from tradingkb.resilience.journal import ALIVE_S, FORGET_S, BreakerJournal


def patient_transport(url: str) -> Any:
    """A transport for an httpx client of one server, whose limits are totals: see `patience`."""
    # httpx is not installed everywhere, and takes time to load.
    from tradingkb.resilience.transport import PatientTransport

    return PatientTransport(url)


__all__ = [
    "ALIVE_S",
    "FORGET_S",
    "OUTCOMES",
    "SERVICES",
    "Breaker",
    "BreakerJournal",
    "BreakerState",
    "Breakers",
    "DatabaseDoor",
    "Doors",
    "Guard",
    "Policy",
    "Thresholds",
    "cause_of",
    "patient_transport",
    "told_of",
]
