"""Windows that overlap share their luck: blocks of time that do not, and the luck left in means.

Of windows of a year of which a new one starts each month, neighbours have eleven months in common.
Blocks by start date alone would put the same months on both sides of a comparison, and a mean over
such windows is surer than it looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Share of the windows that must be left when those that span two blocks are dropped: below it,
#: fewer and longer blocks are taken. Half is what blocks of two windows' length leave.
MIN_KEPT: Final = 0.5
#: Sweeps that centre a table with gaps; without gaps the first one is exact.
_SWEEPS: Final = 30


@dataclass(frozen=True, eq=False)
class Blocks:
    """Stretches of time of which no kept window touches two.

    Attributes:
        block: shape (w,), from 0 on by time, of each window's start.
        kept: shape (w,), windows whose scored part lies within its block.
        n: number of blocks, an even number.
    """

    block: Ints
    kept: Bools
    n: int


def disjoint_blocks(start: Floats, end: Floats, quarter: Ints, n_blocks: int) -> Blocks | None:
    """Whole calendar quarters by time, as many blocks as leave `MIN_KEPT` of the windows.

    A window belongs where it starts and is dropped where it reaches into the next block (purging:
    Lopez de Prado 2018, Advances in Financial Machine Learning, section 7.4.1). Windows that do not
    overlap lose none.

    Args:
        start: shape (w,), of the scored part, in any unit; windows with a NaN are dropped.
        end: shape (w,), likewise.
        quarter: shape (w,), number of the calendar quarter of the start.
        n_blocks: even number, at most so many.

    Returns:
        None where there are too few quarters, or windows too long, for two blocks.
    """
    dated = np.isfinite(start) & np.isfinite(end)
    quarters, place = np.unique(quarter[dated], return_inverse=True)
    for n in range(min(n_blocks, len(quarters) // 2 * 2), 0, -2):
        rows = np.array_split(np.arange(len(quarters)), n)
        block = np.full(len(start), -1)
        block[dated] = np.repeat(np.arange(n), [len(part) for part in rows])[place]
        kept = dated & (end <= _next_start(start, block, n)[block])
        if kept.sum() >= MIN_KEPT * dated.sum() and len(np.unique(block[kept])) == n:
            return Blocks(block, np.asarray(kept), n)
    return None


def _next_start(start: Floats, block: Ints, n: int) -> Floats:
    """When the block after each one begins, shape (n,); infinite after the last one."""
    return np.array([*(start[block == k].min() for k in range(1, n)), np.inf])


def overlapping(start: Floats, end: Floats, row: Ints) -> Bools:
    """Which rows of windows have time in common, shape (rows, rows).

    Args:
        start: shape (w,); a row of windows without dates overlaps itself alone.
        end: shape (w,), likewise.
        row: shape (w,), from 0 on.
    """
    n = int(row.max()) + 1 if len(row) else 0
    first, last = np.full(n, np.inf), np.full(n, -np.inf)
    dated = np.isfinite(start) & np.isfinite(end)
    np.minimum.at(first, row[dated], start[dated])
    np.maximum.at(last, row[dated], end[dated])
    shared = (first[:, None] < last[None, :]) & (first[None, :] < last[:, None])
    return np.asarray(shared | np.eye(n, dtype=bool))


def luck_variance(table: Floats, shared: Bools) -> float:
    """Variance of columns' means that luck alone makes, without any true difference.

    The residual variance of a two-way layout: what is left in a cell beside the mean of its row,
    which all columns share, and of its column, which may be skill (Searle, Casella and McCulloch
    1992, Variance Components, section 4.5), over the number of cells behind a mean. Rows that
    share time count with their covariance (Hansen and Hodrick 1980), and at least as if they did
    not.

    Args:
        table: shape (t, p), rows by time, columns parameter sets; NaN where unknown.
        shared: shape (t, t), which rows share time, see `overlapping`.

    Returns:
        Of a column's mean, averaged over the columns that have one; NaN where nothing is left to
        measure it by, as in a single row.
    """
    rows, columns = (np.isfinite(table).any(axis=axis) for axis in (1, 0))
    table, shared = table[np.ix_(rows, columns)], shared[np.ix_(rows, rows)]
    if not table.size:
        return float("nan")
    known = np.isfinite(table)
    residual = _centred(np.where(known, table, 0.0), known)
    alone, together = (_spread(residual, known, w) for w in (np.eye(len(table)), shared))
    return float(np.fmax(alone, together) * (1 / known.sum(axis=0)).mean())


def _centred(values: Floats, known: Bools) -> Floats:
    """Without the means of rows and columns; unknown cells are 0 and stay it."""
    down, across = known.sum(axis=0), known.sum(axis=1, keepdims=True)
    for _ in range(1 if known.all() else _SWEEPS):
        values = np.where(known, values - values.sum(axis=1, keepdims=True) / across, 0.0)
        values = np.where(known, values - values.sum(axis=0) / down, 0.0)
    return values


def _spread(residual: Floats, known: Bools, together: Floats | Bools) -> float:
    """Variance of a cell, with that of the cells of its column that go together; NaN unknown."""
    one, weight = known.astype(np.float64), together.astype(np.float64)
    # What taking the means out costs of the sum: each column's own, and each row's.
    lost = float(((one * (weight @ one)).sum(axis=0) / one.sum(axis=0)).sum())
    free = (float(one.sum()) - lost) * (1 - len(one) / float(one.sum()))
    total = float((residual * (weight @ residual)).sum())
    return total / free if free > 0 else float("nan")
