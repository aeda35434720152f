"""Rows of the table: what was measured, beside what, how often, and whether the limit holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

Run = Callable[[], object]
#: The part of the runs that a spread leaves out at each end, in percent.
_TAIL: Final = 10


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        section: its section.
        what: what was measured, with its size.
        against: the peer or the limit.
        unit: of `ours` and `peer`.
        ours, peer: one figure per run, those of one place side by side; a limit is one figure,
            and a peer that is not installed none.
        limit: the largest ratio of ours to the peer's that is wanted; None where none is stated.
    """

    section: str
    what: str
    against: str
    unit: str
    ours: tuple[float, ...] = ()
    peer: tuple[float, ...] = ()
    limit: float | None = None

    @property
    def ratios(self) -> tuple[float, ...]:
        """Ours over the peer's, run by run: what slowed both down cancels out."""
        pairs = np.broadcast_arrays(np.array(self.ours), np.array(self.peer))
        return tuple(float(a / b) for a, b in zip(*pairs, strict=True))

    @property
    def measured(self) -> bool:
        """Whether there is a ratio."""
        return bool(self.ours and self.peer)

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The ratios between which four of five runs lie."""
        low, high = np.percentile(self.ratios, [_TAIL, 100 - _TAIL])
        return float(low), float(high)

    @property
    def met(self) -> bool | None:
        """Whether the median keeps the limit; None where none is stated, or nothing measured."""
        if self.limit is None or not self.measured:
            return None
        return self.ratio <= self.limit


@dataclass(frozen=True)
class Findings:
    """What a section found: rows of the table, and sentences that belong under it."""

    rows: list[Row]
    notes: list[str] = field(default_factory=list)


def median(figures: Sequence[float]) -> float:
    """The median."""
    return float(np.median(figures))


def seconds(run: Run) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def by_turns(
    ours: Run, peer: Run, rounds: int, *, warm: int = 1
) -> tuple[list[float], list[float]]:
    """Seconds of ours and of the peer, measured by turns.

    Args:
        ours: the one.
        peer: the other.
        rounds: how often each is measured.
        warm: calls of each before the first one that counts.
    """
    for _ in range(warm):
        ours()
        peer()
    pairs = [(seconds(ours), seconds(peer)) for _ in range(rounds)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def scaled(figures: Sequence[float], factor: float) -> tuple[float, ...]:
    """Figures in another unit."""
    return tuple(figure * factor for figure in figures)
