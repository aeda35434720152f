"""Results by block of time: what a set's mean rests on, and how sure it is.

A block is a calendar quarter of one timeframe's windows. Windows of one quarter share their luck
across instruments, so a set's mean counts its quarters equally, and their spread says how sure it
is. Windows that are longer than what lies between their starts share days with those of other
quarters. How much of what overlaps is shared is estimated: covariances of blocks, regressed on the
share of their days that they have in common.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.ranking.cells import Cells, WindowKeys

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Days are counted in so many bins at most.
_BINS: Final = 4096
#: Shorter bins than a quarter of the shortest window would say nothing more.
_PER_WINDOW: Final = 4.0


@dataclass(frozen=True)
class Table:
    """Mean values per block and column.

    Attributes:
        value: shape (b, a), 0 where nothing is known.
        known: shape (b, a).
        weight: shape (b,), how much a block counts.
        overlap: shape (b, b), share of days that blocks have in common, 1 on the diagonal.
    """

    value: Floats
    known: Bools
    weight: Floats
    overlap: Floats

    @property
    def n(self) -> Floats:
        """Blocks behind each column by weight, shape (a,)."""
        return np.asarray(self.weight @ self.known.astype(np.float64))

    @property
    def mean(self) -> Floats:
        """Mean of each column, 0 where nothing is known; shape (a,)."""
        total = self.weight @ (self.value * self.known)
        return np.divide(total, self.n, out=np.zeros(len(total)), where=self.n > 0)

    def doubt(self, shared: float) -> Floats:
        """Variance of each column's mean in units of one block's, shape (a,); 1 where unknown.

        Args:
            shared: how much of what overlaps is common, in [0, 1].
        """
        related = shared * self.overlap
        np.fill_diagonal(related, 1.0)
        taken = self.weight[:, None] * self.known
        total = (taken * (related @ taken)).sum(axis=0)
        n = self.n
        return np.asarray(np.divide(total, n * n, out=np.ones(len(n)), where=n > 0))


@dataclass(frozen=True)
class Noise:
    """The spread of blocks around their columns' means.

    Attributes:
        variance: of one block.
        shared: how much of what overlaps is common, in [0, 1].
    """

    variance: float
    shared: float


def noise_of(table: Table, left: Floats, shared: float | None = None) -> Noise | None:
    """Noise of a table's blocks; None where no column has two of them.

    Args:
        table: the blocks.
        left: shape (b, a), their values less the columns' means, 0 where unknown.
        shared: how much of what overlaps is common; None: estimated.
    """
    taken = table.weight[:, None] * table.known
    n = table.known.sum(axis=0)
    if not (n >= 2).any():
        return None
    enough = n >= 2
    left, taken = left[:, enough], taken[:, enough]
    shared = shared_of(table, left) if shared is None else shared
    doubt = table.doubt(shared)[enough]
    freedom = float((taken.sum(axis=0) * (1.0 - np.minimum(doubt, 1.0))).sum())
    if freedom <= 0:
        return None
    return Noise(float((taken * left**2).sum()) / freedom, shared)


def shared_of(table: Table, left: Floats) -> float:
    """How much of what overlaps is common: slope of blocks' correlations on their overlap; 0 to 1.

    Args:
        table: the blocks.
        left: shape (b, a), their values less the columns' means, 0 where unknown.
    """
    taken = table.known
    apart = ~np.eye(len(table.weight), dtype=bool)
    over = np.where(apart, table.overlap, 0.0)
    if not (over > 0).any():
        return 0.0
    pairs = (taken > 0).astype(np.float64) @ (taken > 0).T
    products = left @ left.T
    variance = float((left**2).sum()) / max(float((taken > 0).sum()), 1.0)
    if variance <= 0:
        return 0.0
    # Means of n blocks were taken out: every pair's covariance is lower by about 1 / n.
    n = max(float((taken > 0).sum(axis=0).mean()), 2.0)
    mean = np.divide(products, pairs, out=np.zeros_like(products), where=pairs > 0) / variance
    used = np.where(pairs > 0, over, 0.0) * pairs
    slope = float((used * (mean + 1.0 / n)).sum()) / float((used * over).sum() or 1.0)
    return min(max(slope, 0.0), 1.0)


def overlaps(keys: WindowKeys, block: Ints, n_blocks: int, windows: Ints) -> Floats:
    """Share of days that the windows of two blocks have in common, shape (b, b).

    The mean overlap of a window of one with a window of the other, over the root of the two blocks'
    own; windows without dates overlap nothing.

    Args:
        keys: of every window.
        block: shape (w,).
        n_blocks: how many.
        windows: those that count.
    """
    result = np.eye(n_blocks)
    dated = windows[np.isfinite(keys.start[windows]) & (keys.end[windows] > keys.start[windows])]
    if len(dated) < 2:
        return result
    start, end = keys.start[dated], keys.end[dated]
    first, last = float(start.min()), float(end.max())
    shortest = float((end - start).min())
    bins = int(min(_BINS, max(1.0, np.ceil((last - first) / shortest * _PER_WINDOW))))
    step = (last - first) / bins
    begin = np.clip(np.floor((start - first) / step + 0.5), 0, bins - 1).astype(np.int64)
    stop = np.clip(np.floor((end - first) / step + 0.5), begin + 1, bins).astype(np.int64)
    weight = 1.0 / np.sqrt(stop - begin)
    size = n_blocks * (bins + 1)
    edge = np.bincount(block[dated] * (bins + 1) + begin, weight, minlength=size)
    edge -= np.bincount(block[dated] * (bins + 1) + stop, weight, minlength=size)
    profile = np.cumsum(edge.reshape(n_blocks, bins + 1), axis=1)[:, :bins]
    profile[np.abs(profile) < 1e-9] = 0.0
    common = profile @ profile.T
    norm = np.sqrt(np.diag(common))
    scale = np.outer(norm, norm)
    found = np.divide(common, scale, out=result, where=scale > 0)
    np.fill_diagonal(found, 1.0)
    return np.asarray(found)


def block_table(
    cells: Cells,
    value: Floats,
    weight: Floats,
    block: Ints,
    n_blocks: int,
    column: Ints,
    n_columns: int,
) -> tuple[Floats, Bools]:
    """Weighted mean per block and column, and where there is one; shapes (b, n_columns).

    Args:
        cells: what was tried.
        value: shape (c,).
        weight: shape (w,), 0 leaves a window out.
        block: shape (w,), in [0, b).
        n_blocks: b.
        column: shape (p,), each set's column; -1 leaves it out.
        n_columns: how many.
    """
    place = column[cells.pset]
    used = (place >= 0) & (weight[cells.window] > 0)
    window = cells.window[used]
    slot = block[window] * n_columns + place[used]
    size = n_blocks * n_columns
    n = np.bincount(slot, weight[window], minlength=size)
    total = np.bincount(slot, weight[window] * value[used], minlength=size)
    mean = np.divide(total, n, out=np.zeros(size), where=n > 0)
    return mean.reshape(n_blocks, n_columns), (n > 0).reshape(n_blocks, n_columns)
