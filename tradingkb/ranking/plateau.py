"""Neighbouring parameter sets: a good set among good neighbours is less likely to be luck.

Distance is counted in grid steps along each numeric parameter; categorical parameters must match.
A parameter with many distinct values (a free-form search has no grid) is measured in tenths of
its range instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain.strategy import Params, ParamValue, StrategySpec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: More distinct values than this are a continuum, not a grid.
MAX_GRID_VALUES: Final = 30
#: A continuum's range is worth this many steps.
CONTINUUM_STEPS: Final = 10.0


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


def smooth(values: Floats, mass: Floats, steps: Floats, codes: Ints) -> Floats:
    """Averages each set with its neighbours, weighted by exp(-steps) and by their evidence.

    Args:
        values: shape (p,).
        mass: shape (p,), how much evidence stands behind each value, 0 or more.
        steps: shape (p, a), from `coordinates`.
        codes: shape (p,), from `coordinates`.

    Returns:
        Shape (p,); a set without any evidence around it keeps its own value.
    """
    result = values.astype(np.float64).copy()
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        for rows in np.array_split(members, max(1, len(members) // 512)):
            distance = np.zeros((len(rows), len(members)))
            for axis in range(steps.shape[1]):
                distance += np.abs(steps[rows, axis][:, None] - steps[members, axis][None, :])
            kernel = np.exp(-distance) * mass[members]
            total = kernel.sum(axis=1)
            mean = kernel @ values[members] / np.where(total > 0, total, 1.0)
            result[rows] = np.where(total > 0, mean, values[rows])
    return result


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
