"""How much a like regime is worth in a store: for sets beside each other, and for all alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.ranking.blocks import block_table
from tradingkb.ranking.likeness import Worth, likeness, targets
from tradingkb.ranking.study import Learnt, places

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: More windows than this, evenly over time, say little more.
MAX_WINDOWS: Final = 4_000


def worth_of(
    learnt: Learnt, measured: Bools, kernel: Callable[[Ints, Ints], Floats]
) -> Worth | None:
    """What a like regime is worth; None where no window of the timeframe was measured.

    Args:
        learnt: of the timeframe.
        measured: shape (w,), windows whose regime is known.
        kernel: regime likeness in [0, 1] of each of some windows to each of others, (t, k).
    """
    cells = learnt.cells
    tried = np.zeros(len(measured), dtype=bool)
    tried[cells.window] = True
    windows = np.flatnonzero(tried & learnt.near & measured & np.isfinite(learnt.keys.start))
    if len(windows) > MAX_WINDOWS:
        order = windows[np.argsort(learnt.keys.start[windows], kind="stable")]
        evenly = np.linspace(0, len(order) - 1, MAX_WINDOWS).round().astype(np.int64)
        windows = np.sort(order[evenly])
    if not len(windows):
        return None
    looked_at = targets(windows, learnt.keys)
    near = kernel(looked_at, windows)
    values = _values(learnt, windows)
    around = learnt.levels.around[windows][:, None]
    return Worth(
        likeness(values, windows, looked_at, near, learnt.keys),
        likeness(around, windows, looked_at, near, learnt.keys),
    )


def _values(learnt: Learnt, windows: Ints) -> Floats:
    """What each window left beside what is believed of every taught set, smoothed; (k, a)."""
    cells = learnt.cells
    block = np.zeros(len(learnt.near), dtype=np.int64)
    block[windows] = np.arange(len(windows))
    weight = np.zeros(len(learnt.near))
    weight[windows] = 1.0
    column = places(learnt.active[learnt.taught], cells.n_psets)
    value, known = block_table(
        cells, learnt.left, weight, block, len(windows), column, len(learnt.taught)
    )
    smoothed = learnt.plateau.only(learnt.taught).smooth_rows(value, known)
    return smoothed * learnt.parts.credible[windows][:, None]
