"""How large a benchmark is."""

from __future__ import annotations

from dataclasses import dataclass

from tradingkb.bench.data import STRATEGIES


@dataclass(frozen=True)
class Sizes:
    """Sizes and repetitions.

    Attributes:
        small, large: trials of the two stores.
        asked: trials of the first strategy, the same in both stores.
        events: recommend events that are reported on.
        points: trials of the store beside qdrant-client and Optuna.
        windows: walk-forward windows that all trials share.
        calls: repetitions of what takes milliseconds.
        slow_calls: repetitions of peers that take a second.
        rounds: repetitions of what takes many seconds, on the small store.
        large_rounds: the same on the large store.
        readers: processes that recommend at the same time.
        batch: trials that the writer beside them ingests at once.
        columns: parameters of the wider of two wide frames.
        phase_s: how long they are watched at a time.
    """

    small: int = 200_000
    large: int = 1_000_000
    asked: int = 10_000
    events: int = 1_000_000
    points: int = 50_000
    windows: int = 2_000
    calls: int = 200
    slow_calls: int = 20
    rounds: int = 3
    large_rounds: int = 1
    readers: int = 8
    batch: int = 10_000
    columns: int = 2_000
    phase_s: float = 15.0

    def asked_of(self, total: int) -> int:
        """Trials of the first strategy in a store of that many."""
        return min(self.asked, total // STRATEGIES)


FULL = Sizes()
QUICK = Sizes(
    small=2_000,
    large=4_000,
    asked=100,
    events=4_000,
    points=2_000,
    windows=160,
    calls=10,
    slow_calls=2,
    rounds=2,
    large_rounds=1,
    readers=2,
    batch=200,
    columns=200,
    phase_s=0.3,
)
