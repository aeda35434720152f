"""Resilience: breakers and retries at the doors of database, vector index and embedder."""

from tradingkb.resilience.breakers import OUTCOMES, SERVICES, Breaker, Breakers, BreakerState
from tradingkb.resilience.causes import cause_of
from tradingkb.resilience.circuit import Thresholds
from tradingkb.resilience.database import DatabaseDoor
from tradingkb.resilience.embedders import guarded_embedders
from tradingkb.resilience.guards import Guard, Policy
from tradingkb.resilience.journal import ALIVE_S, BreakerJournal
from tradingkb.resilience.vectors import GuardedVectorIndex

__all__ = [
    "ALIVE_S",
    "OUTCOMES",
    "SERVICES",
    "Breaker",
    "BreakerJournal",
    "BreakerState",
    "Breakers",
    "DatabaseDoor",
    "Guard",
    "GuardedVectorIndex",
    "Policy",
    "Thresholds",
    "cause_of",
    "guarded_embedders",
]
