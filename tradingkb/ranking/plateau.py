"""Neighbouring parameter sets: a good set among good neighbours is less likely to be luck.

Distance is counted in grid steps along each numeric parameter; categorical parameters must match.
A parameter with many distinct values (a free-form search has no grid) is measured in tenths of
its range instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import Params, ParamValue, StrategySpec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: More distinct values than this are a continuum, not a grid.
MAX_GRID_VALUES: Final = 30
#: A continuum's range is worth this many steps.
CONTINUUM_STEPS: Final = 10.0
#: The kernel of more sets than this in one category (8 MB) is not kept.
MAX_KEPT_SETS: Final = 1_000
#: Rows of a kernel that are computed at once: where it is kept, and where it is not.
_BLOCK: Final = 512
_CACHED_BLOCK: Final = 64


def coordinates(psets: Sequence[Params], spec: StrategySpec | None) -> tuple[Floats, Ints]:
    """Where each parameter set lies.

    Args:
        psets: p parameter sets.
        spec: declares which parameters are categorical or logarithmic; without it, numbers with
            more than two distinct values (or others than 0 and 1) are numeric.

    Returns:
        Steps along numeric parameters, shape (p, a), and a code per combination of categorical
        values, shape (p,): sets of different codes are no neighbours.
    """
    names = sorted({name for pset in psets for name in pset})
    axes: list[Floats] = []
    labels: list[tuple[str, ...]] = [() for _ in psets]
    for name in names:
        column = [pset.get(name) for pset in psets]
        if _is_numeric(name, column, spec):
            axes.append(_steps(column, _is_log(name, spec)))
        else:
            labels = [(*label, repr(value)) for label, value in zip(labels, column, strict=True)]
    codes = {label: k for k, label in enumerate(sorted(set(labels)))}
    matrix = np.column_stack(axes) if axes else np.zeros((len(psets), 0))
    return matrix, np.array([codes[label] for label in labels], dtype=np.int64)


class Plateau:
    """Parameter sets and their neighbours; what does not depend on values is kept.

    The kernel exp(-steps) is a product over axes. So sets on a full enough grid are smoothed axis
    by axis, in time that grows with the grid; others by the kernel of every pair, block by block.
    """

    def __init__(self, steps: Floats, codes: Ints) -> None:
        """Takes what `coordinates` gave: steps, shape (p, a), and codes, shape (p,)."""
        self._steps, self._codes = steps, codes
        self._parts = [_part(np.flatnonzero(codes == c), steps) for c in np.unique(codes)]

    def smooth(self, values: Floats, mass: Floats) -> Floats:
        """Averages each set with its neighbours, weighted by exp(-steps) and by their evidence.

        Args:
            values: shape (p,).
            mass: shape (p,), how much evidence stands behind each value, 0 or more.

        Returns:
            Shape (p,); a set without any evidence around it keeps its own value.
        """
        return self.smooth_each([values], mass)[0]

    def smooth_each(self, columns: Sequence[Floats], mass: Floats) -> list[Floats]:
        """`smooth` for several columns of values, each pair of sets looked at once."""
        results = [values.astype(np.float64).copy() for values in columns]
        for part in self._parts:
            for rows, total, sums in part.sums([values[part.members] for values in columns], mass):
                for values, result, found in zip(columns, results, sums, strict=True):
                    mean = found / np.where(total > 0, total, 1.0)
                    result[rows] = np.where(total > 0, mean, values[rows])
        return results

    def smooth_rows(self, table: Floats, known: NDArray[np.bool_]) -> Floats:
        """`smooth` of every row of a table, 0 where a row knows nothing.

        Args:
            table: shape (b, p).
            known: shape (b, p), the values that count, all alike.
        """
        result = np.zeros(table.shape)
        for part in self._parts:
            part.smooth_rows(table, known, result)
        return result

    def only(self, places: Ints) -> Plateau:
        """Some of the sets, by their places."""
        return Plateau(self._steps[places], self._codes[places])

    def within(self, place: int, steps: float) -> Ints:
        """Sets of the same category no further from one than so many steps, itself included."""
        distance = np.abs(self._steps - self._steps[place]).sum(axis=1)
        return np.flatnonzero((distance <= steps) & (self._codes == self._codes[place]))

    def mass_around(self, mass: Floats) -> Floats:
        """The evidence on and around each set: the sum of mass times exp(-steps), shape (p,)."""
        result = np.zeros(len(mass))
        for part in self._parts:
            for rows, total, _ in part.sums([], mass):
                result[rows] = total
        return result


Sums = Iterator[tuple[Ints, Floats, list[Floats]]]


class _Pairs:
    """Few sets of one category, by the kernel of every pair, which is kept."""

    def __init__(self, members: Ints, steps: Floats) -> None:
        self.members = members
        self._blocks = np.array_split(members, max(1, len(members) // _BLOCK))
        self._kernels = [_kernel(steps, rows, members) for rows in self._blocks]

    def sums(self, columns: list[Floats], mass: Floats) -> Sums:
        """Per block of rows the kernel's sum of the mass, and of the mass times each column."""
        for rows, near in zip(self._blocks, self._kernels, strict=True):
            kernel = near * mass[self.members]
            yield rows, kernel.sum(axis=1), [kernel @ values for values in columns]

    def smooth_rows(self, table: Floats, known: NDArray[np.bool_], result: Floats) -> None:
        """Smooths the members' columns of each row of a table into `result`."""
        there = known[:, self.members].astype(np.float64)
        taken = table[:, self.members] * there
        for rows, near in zip(self._blocks, self._kernels, strict=True):
            total = there @ near.T
            mean = np.divide(taken @ near.T, total, out=np.zeros_like(total), where=total > 0)
            result[:, rows] = np.where(known[:, rows], mean, 0.0)


class _ManyPairs:
    """As `_Pairs`, for so many sets that their kernel is computed anew each time."""

    def __init__(self, members: Ints, steps: Floats) -> None:
        self.members = members
        self._steps = steps

    def sums(self, columns: list[Floats], mass: Floats) -> Sums:
        """As `_Pairs.sums`, in blocks that stay in the processor's cache."""
        weight = mass[self.members]
        table = [weight, *(weight * values for values in columns)]
        for rows in np.array_split(self.members, len(self.members) // _CACHED_BLOCK):
            kernel = _kernel(self._steps, rows, self.members)
            # Not a matrix product: its threads would have to meet after every small block.
            total, *sums = (np.einsum("ij,j->i", kernel, column) for column in table)
            yield rows, total, sums

    def smooth_rows(self, table: Floats, known: NDArray[np.bool_], result: Floats) -> None:
        """As `_Pairs.smooth_rows`, row by row."""
        _smooth_each_row(self, table, known, result)


class _Grid:
    """Sets of one category, as places of a grid that is smoothed axis by axis."""

    def __init__(self, members: Ints, axes: list[tuple[Floats, Ints]]) -> None:
        """Takes the distinct steps of each axis, and each member's place among them."""
        self.members = members
        self._shape = tuple(len(distinct) for distinct, _ in axes)
        self._place = np.ravel_multi_index(tuple(place for _, place in axes), self._shape)
        self._kernels = [np.exp(-np.abs(d[:, None] - d[None, :])) for d, _ in axes]

    def sums(self, columns: list[Floats], mass: Floats) -> Sums:
        """As `_Pairs.sums`, in one block."""
        weight = mass[self.members]
        yield self.members, self._sum(weight), [self._sum(weight * values) for values in columns]

    def _sum(self, values: Floats) -> Floats:
        size = int(np.prod(self._shape))
        table = np.bincount(self._place, values, minlength=size).reshape(self._shape)
        for kernel in self._kernels:  # each turn smooths the first axis and puts it last
            table = np.tensordot(table, kernel, axes=(0, 0))
        return np.asarray(table.reshape(-1)[self._place])

    def smooth_rows(self, table: Floats, known: NDArray[np.bool_], result: Floats) -> None:
        """As `_Pairs.smooth_rows`, row by row."""
        _smooth_each_row(self, table, known, result)


def _smooth_each_row(
    part: _ManyPairs | _Grid, table: Floats, known: NDArray[np.bool_], result: Floats
) -> None:
    for row, there in enumerate(known):
        mine = table[row, part.members]
        for rows, total, (found,) in part.sums([mine], there.astype(np.float64)):
            mean = np.divide(found, total, out=np.zeros(len(total)), where=total > 0)
            result[row, rows] = np.where(there[rows], mean, 0.0)


def _kernel(steps: Floats, rows: Ints, members: Ints) -> Floats:
    """exp(-steps) from each of `rows` to each of `members`."""
    distance = np.zeros((len(rows), len(members)))
    for axis in steps.T:
        distance += np.abs(axis[rows][:, None] - axis[members][None, :])
    np.negative(distance, out=distance)
    return np.asarray(np.exp(distance, out=distance))


def _part(members: Ints, steps: Floats) -> _Pairs | _ManyPairs | _Grid:
    if len(members) <= MAX_KEPT_SETS:
        return _Pairs(members, steps)
    axes = [np.unique(axis[members], return_inverse=True) for axis in steps.T]
    work = math.prod(len(distinct) for distinct, _ in axes) * sum(len(d) for d, _ in axes)
    return _Grid(members, axes) if work < len(members) ** 2 else _ManyPairs(members, steps)


def smooth(values: Floats, mass: Floats, steps: Floats, codes: Ints) -> Floats:
    """`Plateau.smooth` for neighbours that are needed once."""
    return Plateau(steps, codes).smooth(values, mass)


def _is_numeric(name: str, column: Sequence[ParamValue], spec: StrategySpec | None) -> bool:
    declared = spec.param(name) if spec else None
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in column)
    if declared is not None:
        return declared.is_number and numbers
    return numbers and not set(column) <= {0, 1}


def _is_log(name: str, spec: StrategySpec | None) -> bool:
    declared = spec.param(name) if spec else None
    return bool(declared and declared.log)


def _steps(column: Sequence[ParamValue], log: bool) -> Floats:
    values = np.array([float(v) for v in column if v is not None], dtype=np.float64)
    distinct = np.unique(values)
    if len(distinct) <= MAX_GRID_VALUES:
        return np.searchsorted(distinct, values).astype(np.float64)
    if log and distinct[0] > 0:
        values, distinct = np.log(values), np.log(distinct)
    return np.asarray((values - distinct[0]) / (distinct[-1] - distinct[0]) * CONTINUUM_STEPS)
