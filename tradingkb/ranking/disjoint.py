"""Windows that overlap share their luck: blocks of time that do not, and the luck left in means.

Of windows of a year of which a new one starts each month, neighbours have eleven months in common.
Blocks by start date alone would put the same months on both sides of a comparison, and a mean over
such windows is less sure than it looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Share of the windows that must be left when those that span two blocks are dropped. Half is what
#: blocks of two windows' length leave.
MIN_KEPT: Final = 0.5
#: Blocks that comparing halves needs. Pure noise of 20 quarters and 8 sets shows a probability of
#: backtest overfitting below .2 in 21 of 100 worlds with 4 blocks, whose 6 halves are 3 and their
#: mirror images, in 12 with 8 blocks, and no fewer with 16.
ENOUGH_BLOCKS: Final = 8
#: Share of the columns, the wildest ones, that may have no say in how large luck is,
WILD: Final = 0.1
#: and how far out of what chance makes of equal ones they must be, in standard deviations.
DEVIATIONS: Final = 3.0
#: Sweeps that centre a table with gaps; without gaps one is exact.
_SWEEPS: Final = 5


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

    @property
    def full(self) -> bool:
        """Whether every block has a window."""
        return len(np.unique(self.block[self.kept])) == self.n


def disjoint_blocks(start: Floats, end: Floats, quarter: Ints, n_blocks: int) -> Blocks | None:
    """Blocks of whole calendar quarters by time, as they leave the most of the windows.

    A window belongs where it starts and is dropped where it reaches into the next block (purging:
    Lopez de Prado 2018, Advances in Financial Machine Learning, section 7.4.1). Windows that do not
    overlap lose none, and have as many blocks as there are. Of others, fewer and longer blocks lose
    fewer, but not fewer than `ENOUGH_BLOCKS` are taken for that, unless so many lose more than
    `MIN_KEPT` allows.

    Args:
        start: shape (w,), of the scored part, in any unit; windows with a NaN are dropped.
        end: shape (w,), likewise.
        quarter: shape (w,), number of the calendar quarter of the start.
        n_blocks: even number, at most so many.

    Returns:
        None where there are too few quarters, or windows too long, for two blocks.
    """
    dated = np.isfinite(start) & np.isfinite(end)
    most = min(n_blocks, len(np.unique(quarter[dated])) // 2 * 2)
    cuts = (_cut(start, end, quarter, dated, n) for n in range(most, 0, -2))
    fine = [cut for cut in cuts if cut.kept.sum() >= MIN_KEPT * dated.sum() and cut.full]
    many = [cut for cut in fine if cut.n >= ENOUGH_BLOCKS]
    return max(many or fine[:1], key=lambda cut: (cut.kept.sum(), cut.n), default=None)


def _cut(start: Floats, end: Floats, quarter: Ints, dated: Bools, n: int) -> Blocks:
    """The quarters of dated windows in `n` blocks that differ by at most one quarter."""
    quarters, place = np.unique(quarter[dated], return_inverse=True)
    sizes = [len(part) for part in np.array_split(quarters, n)]
    block = np.full(len(start), -1)
    block[dated] = np.repeat(np.arange(n), sizes)[place]
    return Blocks(block, np.asarray(dated & (end <= _next_start(start, block, n)[block])), n)


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

    The residual variance of a two-way layout: what is left in a cell beside what its row did to all
    columns and its column does in all rows, which may be skill (Searle, Casella and McCulloch 1992,
    Variance Components, section 4.5), over the number of cells behind a mean. Rows that share time
    count with their covariance (Hansen and Hodrick 1980), and at least as if they did not. Rows
    are centred on their median and columns that are wild beyond chance have no say, so that no
    single absurd column moves what is said of the others.

    Args:
        table: shape (t, p), rows by time, columns parameter sets; NaN where unknown.
        shared: shape (t, t), which rows share time, see `overlapping`.

    Returns:
        Of a column's mean, averaged over the columns that have one; NaN where nothing is left to
        measure it by, as in a single row, or no number can hold it.
    """
    rows, columns = (np.isfinite(table).any(axis=axis) for axis in (1, 0))
    table, shared = table[np.ix_(rows, columns)], shared[np.ix_(rows, rows)]
    if not table.size:
        return float("nan")
    known = np.isfinite(table)
    with np.errstate(over="ignore", invalid="ignore"):
        residual = np.where(known, _residual(table), 0.0)
        spread = _spread(residual, known)
        if shared.sum() > len(shared):
            spread = float(np.fmax(spread, _spread(residual, known, shared)))
        luck = spread * float((1 / known.sum(axis=0)).mean())
    return luck if np.isfinite(luck) else float("nan")


def _residual(table: Floats) -> Floats:
    """Without the medians of rows and the means of columns, which a few sweeps make agree."""
    known = np.isfinite(table)
    if known.all():
        table = table - table.mean(axis=0)
        table = table - np.median(table, axis=1, keepdims=True)
        return np.asarray(table - table.mean(axis=0))
    n = known.sum(axis=0)
    for _ in range(_SWEEPS):
        table = table - np.where(known, table, 0.0).sum(axis=0) / n
        table = table - np.array(
            [[np.median(row[told])] for row, told in zip(table, known, strict=True)]
        )
    return np.asarray(table - np.where(known, table, 0.0).sum(axis=0) / n)


def _spread(residual: Floats, known: Bools, together: Bools | None = None) -> float:
    """Variance of a cell, with that of the cells of its column that go together; NaN unknown."""
    one = known.astype(np.float64)
    n = one.sum(axis=0)
    beside = _over(one, together) / n
    # What taking rows and columns out leaves of the sum of squares, per column.
    free = (one * (1 - 1 / one.sum(axis=1, keepdims=True))).sum(axis=0)
    free *= np.maximum(1 - beside / n, 0.0)
    told = np.flatnonzero(free > 1e-9)
    total = _over(residual, together)[told]
    kept = _usual(total / free[told], (free / beside)[told])
    return float(total[kept].sum() / free[told][kept].sum()) if len(kept) else float("nan")


def _over(values: Floats, together: Bools | None) -> Floats:
    """Sum of products of the values of a column that go together, each with itself at least."""
    beside = values if together is None else together.astype(np.float64) @ values
    return np.asarray((values * beside).sum(axis=0))


def _usual(variance: Floats, free: Floats) -> Ints:
    """Columns but those, `WILD` at most, that vary more than luck lets equal ones differ.

    A variance is luck's times that of chi squared by its degrees of freedom, whose quantiles are
    those of Wilson and Hilferty (1931).
    """
    variance = np.nan_to_num(variance, nan=np.inf)
    calm = np.argsort(variance, kind="stable")[: len(variance) - int(WILD * len(variance))]
    cube = 2 / (9 * np.maximum(free, 0.5))
    middle, high = (1 - cube) ** 3, (1 - cube + DEVIATIONS * np.sqrt(cube)) ** 3
    some = variance > 0
    luck = float(np.median((variance / middle)[some])) if some.any() else 0.0
    return np.union1d(calm, np.flatnonzero(variance <= luck * high))
