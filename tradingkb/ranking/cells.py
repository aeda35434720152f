"""What was tried where, with the window as the unit.

A score is compared with the other parameter sets of its own window, because a window's luck is
shared by everything tried on it, and averages count every calendar quarter equally: windows of
the same dates are correlated across instruments.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class WindowKeys:
    """When and where each window lies, shapes (w,).

    Attributes:
        quarter: a number per calendar quarter.
        symbol, timeframe: a code per instrument and per timeframe; -1 where it is unknown.
        start, end: of the scored part, microseconds since 1970 UTC; NaN where unknown.
    """

    quarter: Ints
    symbol: Ints
    timeframe: Ints
    start: Floats
    end: Floats


@dataclass(frozen=True)
class Cells:
    """Mean utility per (window, parameter set); one entry per pair that was ever tried.

    Attributes:
        window, pset: shape (c,), indices.
        utility: shape (c,), higher is better.
        rank: shape (c,), percentile rank within the window, in (0, 1).
        quarter: shape (w,), a number per calendar quarter of each window.
        n_psets: number of parameter sets.
    """

    window: Ints
    pset: Ints
    utility: Floats
    rank: Floats
    quarter: Ints
    n_psets: int

    @cached_property
    def windows(self) -> Ints:
        """The distinct windows, ascending."""
        return distinct(self.window, len(self.quarter))

    @cached_property
    def psets(self) -> Ints:
        """The distinct parameter sets, ascending."""
        return distinct(self.pset, self.n_psets)

    @cached_property
    def _quarters(self) -> tuple[int, Ints]:
        """The number of distinct quarters, and the place of each window's among them."""
        quarters, place = np.unique(self.quarter, return_inverse=True)
        return len(quarters), place

    @cached_property
    def n_slots(self) -> int:
        """Number of (quarter, parameter set) pairs."""
        return self._quarters[0] * self.n_psets

    @cached_property
    def slot(self) -> Ints:
        """The (quarter, parameter set) pair of each cell, shape (c,)."""
        return np.asarray(self._quarters[1][self.window] * self.n_psets + self.pset)

    def of_pset(self, pset: int) -> Ints:
        """The cells of one parameter set, by window."""
        return np.flatnonzero(self.pset == pset)


def distinct(codes: Ints, n: int) -> Ints:
    """The distinct ones of codes in [0, n), ascending; sorting many of them would take longer."""
    found = np.zeros(n, dtype=bool)
    found[codes] = True
    return np.flatnonzero(found)


@dataclass(frozen=True)
class Level:
    """A level's average per parameter set and what stands behind it, shapes (p,)."""

    mean: Floats
    n: Floats


@dataclass(frozen=True)
class Orders:
    """Trials in the orders that `make_cells` needs; a part of them is in order, too.

    Attributes:
        by_cell: shape (n,), by window, parameter set and utility.
        by_window: shape (n,), by window and utility.
        by_value: shape (n,), by utility.
    """

    by_cell: Ints
    by_window: Ints
    by_value: Ints

    def only(self, kept: Bools) -> Orders:
        """The orders of the trials that are kept, numbered anew; `kept` has shape (n,)."""
        orders = (self.by_cell, self.by_window, self.by_value)
        if kept.all():
            return self
        number = np.cumsum(kept) - 1
        return Orders(*(number[order[kept[order]]] for order in orders))


def make_orders(window: Ints, pset: Ints, utility: Floats) -> Orders:
    """Sorts trials; utilities that are no numbers come last."""
    return Orders(
        np.lexsort((utility, pset, window)),
        np.lexsort((utility, window)),
        np.argsort(utility, kind="stable"),
    )


def part_of(order: Ints, kept: Bools) -> Ints:
    """A sorting permutation of those that are kept, numbered anew."""
    return np.asarray((np.cumsum(kept) - 1)[order[kept[order]]])


def make_cells(
    window: Ints,
    pset: Ints,
    utility: Floats,
    quarter: Ints,
    n_psets: int,
    orders: Orders | None = None,
) -> Cells:
    """Averages repeated trials of a pair and ranks each window's parameter sets.

    Args:
        window: shape (n,), index into `quarter`.
        pset: shape (n,), in [0, n_psets).
        utility: shape (n,), finite, higher is better.
        quarter: shape (w,).
        n_psets: number of parameter sets.
        orders: of these trials, where they are known.

    A window in which few sets were tried says little by itself, so the rank among all scores of
    the table counts as one more opinion: (m rank + pooled rank) / (m + 1) for m sets.
    """
    orders = orders or make_orders(window, pset, utility)
    # Sorted by value too, so that sums do not depend on the order of the input.
    order = orders.by_cell
    sorted_window, sorted_pset, sorted_utility = window[order], pset[order], utility[order]
    fresh = np.append(True, np.diff(sorted_window) != 0)[: len(order)]
    fresh |= np.append(True, np.diff(sorted_pset) != 0)[: len(order)]
    start = np.flatnonzero(fresh)
    w, p = sorted_window[start], sorted_pset[start]
    if len(start) == len(order):  # no pair was tried twice: the orders of trials are those of cells
        mean = sorted_utility
        cell = np.empty(len(order), dtype=np.int64)
        cell[order] = np.arange(len(order))
        within, size = rank_within(mean, w, cell[orders.by_window])
        pooled, _ = rank_within(mean, np.zeros_like(w), cell[orders.by_value])
    else:
        count = np.diff(np.append(start, len(order)))
        mean = np.add.reduceat(sorted_utility, start) / count
        within, size = rank_within(mean, w)
        pooled, _ = rank_within(mean, np.zeros_like(w))
    return Cells(w, p, mean, (size * within + pooled) / (size + 1), quarter, n_psets)


def rank_within(values: Floats, group: Ints, order: Ints | None = None) -> tuple[Floats, Floats]:
    """Percentile rank of each value within its group, ties sharing their mean rank.

    Args:
        values: shape (n,).
        group: shape (n,).
        order: sorts by group and value, where that is known.

    Returns:
        Ranks (r - 1/2) / m in (0, 1) for r = 1..m (Hazen), and the group sizes m; shapes (n,).
    """
    n = len(values)
    if n == 0:
        return np.zeros(0), np.zeros(0)
    if order is None:
        order = np.lexsort((values, group))
    g, v = group[order], values[order]
    new_group = np.append(True, g[1:] != g[:-1])
    new_value = new_group | np.append(True, v[1:] != v[:-1])
    start = np.flatnonzero(new_group)
    size = np.diff(np.append(start, n))
    position = np.arange(n) - np.repeat(start, size)
    run = np.flatnonzero(new_value)
    length = np.diff(np.append(run, n))
    middle = np.repeat(position[run] + (length - 1) / 2.0, length)
    ranks, sizes = np.empty(n), np.empty(n)
    sizes[order] = np.repeat(size, size)
    ranks[order] = (middle + 0.5) / np.repeat(size, size)
    return ranks, sizes


def level(cells: Cells, weight: Floats, values: Floats) -> Level:
    """Weighted average of `values` per parameter set, every quarter counted equally.

    Args:
        cells: the table.
        weight: shape (w,), 0 leaves a window out; 1 for plain counting.
        values: shape (c,), what to average.

    Returns:
        Means (0 where nothing counts) and n: the number of quarters when weights are 0 or 1,
        the sum over quarters of their mean weight otherwise.
    """
    return group_means(cells.pset, quarter_shares(cells, weight), values, cells.n_psets)


def quarter_shares(cells: Cells, weight: Floats) -> Floats:
    """What each cell counts, shape (c,), so that the quarters of a set count equally."""
    w = weight[cells.window]
    used = w > 0
    count = np.maximum(np.bincount(cells.slot[used], minlength=cells.n_slots), 1)
    return np.asarray(w / count[cells.slot])


def group_means(pset: Ints, weight: Floats, values: Floats, n_psets: int) -> Level:
    """Weighted means per parameter set (0 where the weights sum to 0), and those sums."""
    n = np.bincount(pset, weight, minlength=n_psets).astype(np.float64)
    total = np.bincount(pset, weight * values, minlength=n_psets).astype(np.float64)
    return Level(np.divide(total, n, out=np.zeros(n_psets), where=n > 0), n)


def regime_kernel(distance: Floats, bandwidth: float) -> Floats:
    """exp(-d^2 / (2 h^2)), 0 where the distance is unknown; shape as given."""
    return np.nan_to_num(np.exp(-0.5 * (distance / bandwidth) ** 2))
