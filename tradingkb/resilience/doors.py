"""The guards of one knowledge base: what stands before each service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from tradingkb.ports import EmbedderFactory, VectorIndex
from tradingkb.resilience.breakers import Breakers
from tradingkb.resilience.database import DatabaseDoor, Judge
from tradingkb.resilience.embedders import GuardedEmbedders
from tradingkb.resilience.guards import Guard, Policy
from tradingkb.resilience.vectors import GuardedVectorIndex

#: How long one call may take in all: of the database to be reached, of the others to be answered.
POLICIES: Final[Mapping[str, Policy]] = {
    "db": Policy(total_s=10.0),
    "qdrant": Policy(total_s=10.0),
    "ollama": Policy(total_s=5.0, queues=True),
}


class Doors:
    """Guards a database, a vector server and remote embedders; each has a breaker of its own.

    Attributes:
        breakers: of the three.
    """

    def __init__(
        self,
        in_use: Mapping[str, bool],
        *,
        monotonic: Callable[[], float],
        clock: Callable[[], datetime],
    ) -> None:
        """Closed circuits.

        Args:
            in_use: which of "db", "qdrant" and "ollama" are used. What is embedded lives and dies
                with this process: it is not guarded.
            monotonic: seconds that only grow.
            clock: aware UTC time.
        """
        self.breakers = Breakers(in_use, monotonic=monotonic, clock=clock)
        self._monotonic = monotonic

    def database(self, *, of_database: Judge, is_contended: Judge) -> DatabaseDoor:
        """The door of the database; see `DatabaseDoor`."""
        return DatabaseDoor(self._guard("db"), of_database=of_database, is_contended=is_contended)

    def vectors(self, index: VectorIndex) -> VectorIndex:
        """The index, guarded."""
        return GuardedVectorIndex(index, self._guard("qdrant"))

    def embedders(self, make: EmbedderFactory) -> EmbedderFactory:
        """The factory, whose remote embedders are guarded."""
        return GuardedEmbedders(make, self._guard("ollama"))

    def _guard(self, service: str) -> Guard:
        return Guard(self.breakers[service], POLICIES[service], monotonic=self._monotonic)
