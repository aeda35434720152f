"""A row of the table: how its world is drawn, and what is wanted of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import FEATURES
from tradingkb.testing.worlds.case import Bools, Case
from tradingkb.testing.worlds.features import persistent, regime, texts
from tradingkb.testing.worlds.scene import Recorded, Scene, stored

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator], Case]

#: How much of a window's regime the next one inherits, where it decides nothing.
_DULL: Final = 0.5


@dataclass(frozen=True)
class Wanted:
    """What the mean of a figure should be: at least `low`, at most `high`."""

    figure: str
    low: float = -np.inf
    high: float = np.inf

    def __str__(self) -> str:
        if not np.isfinite(self.high):
            return f"{self.figure} ≥ {self.low:g}"
        if not np.isfinite(self.low):
            return f"{self.figure} ≤ {self.high:g}"
        return f"{self.figure} {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: family and variant, "rolling:6 months".
        draw: one world of it.
        wanted: of the means of its figures.
        repeats: worlds that are drawn when nothing else is asked for.
    """

    name: str
    draw: Draw
    wanted: tuple[Wanted, ...]
    repeats: int = 100

    @property
    def family(self) -> str:
        """What its variants share."""
        return self.name.partition(":")[0]


def plain_case(
    rng: np.random.Generator,
    scene: Scene,
    scores: Floats,
    truth: Floats,
    fresh: Floats | None = None,
    *,
    symbol: str | None = None,
    trades: list[int] | None = None,
    right: Bools | None = None,
    beside: Case | None = None,
) -> Case:
    """A world in which every window has a regime that decides nothing, asked in such a regime.

    Args:
        rng: draws the regimes, and what is fresh where none is given.
        scene: where the trials were made.
        scores: shape (t, s, p).
        truth: shape (p,), of the symbol.
        fresh: see `Case`.
        symbol: the question's; the first one of the scene where none is named.
        trades: in-sample trades per set.
        right: see `Case`.
        beside: see `Case`.
    """
    market = persistent(rng, scene.calendar.n + 1, _DULL, (len(FEATURES),))
    told = np.broadcast_to(texts(market)[:, None], (len(market), scene.n_symbols))
    return Case(
        world=stored(scene, scores, Recorded(told[:-1], told[1:], trades)),
        sets=scene.sets,
        scores=scores,
        truth=truth,
        fresh=scene.fresh(rng, truth) if fresh is None else fresh,
        asked={
            "symbol": scene.symbols[0] if symbol is None else symbol,
            "timeframe": scene.timeframe,
            "regime": regime(market[-1]),
        },
        right=right,
        beside=beside,
    )
