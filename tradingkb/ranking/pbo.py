"""Does the parameter set that was best so far stay ahead of the others, or was it luck?

Combinatorially symmetric cross-validation: time is cut into blocks, and every half of the blocks
is once the past in which the best set is chosen, with the other half as the future in which it is
judged among all sets. The probability of backtest overfitting (PBO) is the share of these splits
in which the chosen set is no better than the median of the future half.

Source: Bailey, Borwein, Lopez de Prado and Zhu (2017), The Probability of Backtest Overfitting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Fewer blocks have too few halves to say anything.
MIN_BLOCKS: Final = 4
#: Numbers per slice of splits: 1 MB each array, so that a slice stays in the processor's cache.
_SLICE: Final = 1 << 17
#: Whole numbers up to twice this are exact in a float.
_EXACT: Final = 2.0**52


@dataclass(frozen=True)
class Pbo:
    """What choosing the best parameter set of the past was worth in the future.

    Attributes:
        pbo: probability of backtest overfitting, in [0, 1]: the share of `logits` that are 0 or
            less. Pure luck gives 0.5 for an even number of sets; for an odd one
            (p + 1) / 2p, as the median set counts as overfit.
        n_splits: number of ways to choose half of the blocks.
        n_blocks: contiguous blocks that the rows were divided into, an even number.
        n_sets: number of parameter sets.
        logits: shape (n_splits,), log(w / (1 - w)) with the chosen set's relative rank
            w = rank / (p + 1) in the other half; above 0 is better than the median. Splits are in
            the order of `itertools.combinations` of the chosen blocks.
        slope: of the line through the chosen sets' performance, other half over chosen half; None
            when every choice looked equally good. No test of skill by itself: what one half of a
            set's rows has, the other lacks, so where one set is always chosen, however good, it
            is -1 (for halves of equal length). Above that, better choices carried over.
        loss_probability: share of splits whose chosen set performed below 0 in the other half.
    """

    pbo: float
    n_splits: int
    n_blocks: int
    n_sets: int
    logits: Floats
    slope: float | None
    loss_probability: float


def backtest_overfitting(
    performance: Floats, *, n_blocks: int = 16, max_splits: int = 12_870
) -> Pbo | None:
    """Probability of backtest overfitting of choosing the best column (Bailey et al. 2017).

    The performance of a half is the mean over its rows, computed without rounding, so that sets
    which tie do so whatever the order of the columns. Sets that tie for best share one choice: its
    rank is the mean of their ranks, its performance the mean of theirs. Equal performances share
    their mean rank. A rank at exactly the median counts as overfit, as in the source, which
    integrates the logits up to and including 0: so sets that are all alike give 1.0.

    Args:
        performance: shape (t, p), higher is better: rows in order of time, such as windows,
            columns parameter sets.
        n_blocks: even number of contiguous blocks, which differ by at most one row; lowered to
            the largest even number that `t` rows and `max_splits` allow.
        max_splits: 6 or more; splits are never sampled, fewer blocks are used instead.

    Returns:
        None with fewer than four rows or two parameter sets.

    Raises:
        ValueError: `performance` is no matrix or has a value that is not finite, `n_blocks` is odd
            or below 4, or `max_splits` below 6.
    """
    matrix = _checked(np.asarray(performance, dtype=np.float64))
    blocks = min(_affordable(n_blocks, max_splits), len(matrix) // 2 * 2)
    if blocks < MIN_BLOCKS or matrix.shape[1] < 2:
        return None
    parts = np.array_split(_whole_numbers(matrix), blocks)
    halves = _halves(blocks)
    past, future, rank = _choices(halves, np.array([part.sum(axis=0) for part in parts]))
    n_rows = halves @ np.array([len(part) for part in parts], dtype=np.float64)
    logits = np.log(rank / (matrix.shape[1] + 1 - rank))
    return Pbo(
        pbo=float((logits <= 0).mean()),
        n_splits=len(halves),
        n_blocks=blocks,
        n_sets=matrix.shape[1],
        logits=logits,
        slope=_slope(past / n_rows, future / (len(matrix) - n_rows)),
        loss_probability=float((future < 0).mean()),
    )


def _checked(matrix: Floats) -> Floats:
    if matrix.ndim != 2:
        raise ValueError(f"performance must have shape (t, p), got {matrix.shape}")
    bad = np.argwhere(~np.isfinite(matrix))
    if len(bad):
        row, column = bad[0].tolist()
        raise ValueError(
            f"performance[{row}, {column}] is {matrix[row, column]}: leave out rows or parameter "
            "sets until every set has a value in every row"
        )
    return matrix


def _affordable(n_blocks: int, max_splits: int) -> int:
    if n_blocks < MIN_BLOCKS or n_blocks % 2:
        raise ValueError(f"n_blocks must be an even number, 4 or more, got {n_blocks}")
    if max_splits < math.comb(MIN_BLOCKS, MIN_BLOCKS // 2):
        raise ValueError(f"max_splits must be 6 (the splits of 4 blocks) or more, got {max_splits}")
    while math.comb(n_blocks, n_blocks // 2) > max_splits:
        n_blocks -= 2
    return n_blocks


def _whole_numbers(matrix: Floats) -> Floats:
    """The matrix in units of a power of ten, rounded to numbers that add up without rounding.

    In binary 0.1 + 0.2 is not 0.3, and a sum depends on its order: sets that tie would not. No
    result depends on the unit. About 15 - log10(t) digits of the largest value are kept.
    """
    largest = float(np.abs(matrix).max())
    if largest == 0.0:
        return matrix
    digits = math.floor(math.log10(_EXACT / len(matrix)) - math.log10(largest))
    digits = max(-300, min(digits, 300))  # powers of ten beyond these are no floats
    power = 10.0 ** abs(digits)
    return np.asarray(np.rint(matrix * power if digits > 0 else matrix / power))


@lru_cache(maxsize=8)
def _halves(n_blocks: int) -> Floats:
    """Which blocks each split chooses from, shape (splits, n_blocks) of 0 and 1."""
    chosen = np.array(list(combinations(range(n_blocks), n_blocks // 2)))
    halves = np.zeros((len(chosen), n_blocks))
    np.put_along_axis(halves, chosen, 1.0, axis=1)
    halves.flags.writeable = False
    return halves


def _choices(halves: Floats, sums: Floats) -> tuple[Floats, Floats, Floats]:
    """What each split chose: sum of its rows there and in the other half, and its rank there.

    Args:
        halves: shape (splits, blocks).
        sums: per block and parameter set, shape (blocks, p).
    """
    step = max(1, _SLICE // sums.shape[1])
    total = sums.sum(axis=0)
    found = [
        np.stack(_choice(halves[k : k + step] @ sums, total)) for k in range(0, len(halves), step)
    ]
    past, future, rank = np.concatenate(found, axis=1)
    return past, future, rank


def _choice(past: Floats, total: Floats) -> tuple[Floats, Floats, Floats]:
    """`_choices` for a slice of splits, given the sums in their chosen halves, shape (k, p)."""
    choice, future = past.argmax(axis=1)[:, None], total - past
    best, mine = (np.take_along_axis(half, choice, axis=1) for half in (past, future))
    rank = (future < mine).sum(axis=1) + ((future == mine).sum(axis=1) + 1) / 2
    judged = mine[:, 0]
    tied = past == best
    # Sorting every split would take ten times as long: only where sets that tie differ later.
    apart = np.flatnonzero((tied & (future != mine)).any(axis=1))
    if len(apart):
        sets = tied[apart]
        judged[apart] = (sets * future[apart]).sum(axis=1) / sets.sum(axis=1)
        rank[apart] = (sets * _ranks(future[apart])).sum(axis=1) / sets.sum(axis=1)
    return best[:, 0], judged, rank


def _ranks(values: Floats) -> Floats:
    """Ranks 1 to p along each row of (k, p), ties sharing their mean rank."""
    order = np.argsort(values, axis=1)
    ranked = np.take_along_axis(values, order, axis=1)
    place = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    rises = np.diff(ranked, axis=1) != 0
    edge = np.ones((len(values), 1), dtype=np.bool_)
    first = np.maximum.accumulate(np.where(np.hstack([edge, rises]), place, 0), axis=1)
    ends = np.where(np.hstack([rises, edge]), place, values.shape[1])
    last = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    result = np.empty_like(values)
    np.put_along_axis(result, order, (first + last) / 2 + 1, axis=1)
    return result


def _slope(past: Floats, future: Floats) -> float | None:
    """Least-squares slope of `future` over `past`, shapes (splits,); None without spread."""
    apart = past - past.mean()
    if np.abs(apart).max() <= 1e-12 * np.abs(past).max():
        return None
    return float(apart @ future / (apart @ apart))
