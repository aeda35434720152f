"""What a store's trials say of a timeframe, whatever instrument and regime is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.memo import Memos
from tradingkb.ranking.blend import Blend, Lesson, blend, learn
from tradingkb.ranking.blocks import Table, block_table, overlaps
from tradingkb.ranking.cells import Cells, WindowKeys
from tradingkb.ranking.contrasts import Contrasts, contrasts
from tradingkb.ranking.instruments import Differences, differences, own_doubts
from tradingkb.ranking.levels import Levels, levels_of
from tradingkb.ranking.plateau import Plateau
from tradingkb.ranking.weights import EvidenceWeights

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Instruments whose results are kept.
_KEPT: Final = 16
#: A store's noise and signal are learnt from so many sets at most, those with the most quarters.
MAX_TAUGHT: Final = 512


@dataclass(frozen=True)
class Learnt:
    """What a pool says of a timeframe, whatever instrument and regime; see `study`."""

    cells: Cells
    keys: WindowKeys
    near: Bools
    active: Ints
    plateau: Plateau
    parts: Contrasts
    unit: float
    quarter: Ints
    overlap: Floats
    table: Table
    lesson: Lesson | None
    blend: Blend
    levels: Levels
    taught: Ints

    @cached_property
    def column(self) -> Ints:
        """Each set's place among the active ones, shape (p,); -1 without evidence."""
        return places(self.active, self.cells.n_psets)

    @cached_property
    def kept(self) -> Memos:
        """What follows from this and an instrument, by kind, whoever computes it."""
        return Memos(_KEPT)

    @cached_property
    def left(self) -> Floats:
        """What each cell leaves beside what is believed of its set, shape (c,), in units."""
        believed = np.zeros(self.cells.n_psets)
        believed[self.active] = self.blend.value
        return np.asarray(self.parts.value - believed[self.cells.pset])

    @cached_property
    def counted(self) -> Floats:
        """How much the windows of the timeframe count, shape (w,)."""
        return self.parts.credible * self.near

    @cached_property
    def instruments(self) -> tuple[Differences, Differences]:
        """How much sets differ from one instrument to the next, smoothly over the grid and not."""
        keys, cells = self.keys, self.cells
        known = self.near & (keys.symbol >= 0)
        code = np.where(known, keys.symbol, 0) * len(self.overlap) + self.quarter
        seen = np.zeros(len(known), dtype=bool)
        seen[cells.window] = True
        known &= seen
        rows, block = np.unique(code[known], return_inverse=True)
        place = np.zeros(len(code), dtype=np.int64)
        place[known] = block
        column = places(self.active[self.taught], cells.n_psets)
        weight = self.parts.credible * known
        value, there = block_table(
            cells, self.left, weight, place, len(rows), column, len(self.taught)
        )
        smooth = self.plateau.only(self.taught).smooth_rows(value, there)
        symbol, quarter = rows // len(self.overlap), rows % len(self.overlap)
        believed = np.bincount(block, self.parts.credible[known]) / np.bincount(block)
        counts = there * believed[:, None]
        doubt = own_doubts(counts, symbol, quarter, self.overlap)
        return (
            differences(smooth, counts, symbol, doubt),
            differences(value - smooth, counts, symbol, doubt),
        )


def places(active: Ints, n_psets: int) -> Ints:
    """Each set's place among the active ones, shape (p,); -1 for others."""
    found = np.full(n_psets, -1, dtype=np.int64)
    found[active] = np.arange(len(active))
    return found


def study(
    cells: Cells,
    keys: WindowKeys,
    near: Bools,
    active: Ints,
    plateau: Plateau,
    weights: EvidenceWeights,
) -> Learnt:
    """What a pool says of a timeframe.

    Args:
        cells: what was tried.
        keys: of every window.
        near: shape (w,), windows of the timeframe; where none was tried, all count.
        active: sets with evidence, ascending.
        plateau: their neighbourhood.
        weights: what is believed before the store has shown more.
    """
    seen = cells.windows
    if not near[seen].any():
        near = np.ones(len(near), dtype=bool)
    parts = contrasts(cells, keys)
    # Quarters without evidence must not even change the order of a sum.
    quarters = np.unique(keys.quarter[seen])
    quarter = np.minimum(np.searchsorted(quarters, keys.quarter), max(len(quarters) - 1, 0))
    overlap = overlaps(keys, quarter, len(quarters), seen)
    table = _table(cells, parts, near, quarter, overlap, active, weights.timeframe)
    typical = parts.typical[active]
    taught = _taught(table, typical)
    some = _columns(table, taught)
    lesson = learn(some, plateau.only(taught), typical[taught], weights.neutral)
    mine = seen[near[seen]]
    return Learnt(
        cells=cells,
        keys=keys,
        near=near,
        active=active,
        plateau=plateau,
        parts=parts,
        unit=float(parts.unit[mine[0]]) if len(mine) else 1.0,
        quarter=quarter,
        overlap=overlap,
        table=table,
        lesson=lesson,
        blend=blend(table, plateau, typical, weights.neutral, lesson),
        levels=levels_of(parts, keys, mine, quarter, overlap),
        taught=taught,
    )


def _table(
    cells: Cells,
    parts: Contrasts,
    near: Bools,
    quarter: Ints,
    overlap: Floats,
    active: Ints,
    worth: float,
) -> Table:
    """Contrasts by quarter and set: those of the timeframe, and all others' as so many quarters.

    A quarter counts as far as its windows are credible, also where it has but one.
    """
    n = len(overlap)
    column = places(active, cells.n_psets)
    block = np.where(near, quarter, quarter + n)
    value, known = block_table(
        cells, parts.value, parts.credible, block, 2 * n, column, len(active)
    )
    others = int(known[n:].any(axis=1).sum())
    seen = np.unique(cells.window)
    size = np.maximum(np.bincount(block[seen], minlength=2 * n), 1)
    believed = np.bincount(block[seen], parts.credible[seen], minlength=2 * n) / size
    weight = np.append(np.ones(n), np.full(n, min(1.0, worth / others) if others else 0.0))
    weight *= believed
    kept = np.flatnonzero(known.any(axis=1))
    twice = np.tile(overlap, (2, 2))[np.ix_(kept, kept)]
    return Table(value[kept], known[kept], weight[kept], twice)


def _taught(table: Table, typical: Bools) -> Ints:
    """The columns of typical sets with the most blocks, ascending."""
    columns = np.flatnonzero(typical)
    if len(columns) <= MAX_TAUGHT:
        return columns
    return np.sort(columns[np.argsort(-table.n[columns], kind="stable")[:MAX_TAUGHT]])


def _columns(table: Table, columns: Ints) -> Table:
    return replace(table, value=table.value[:, columns], known=table.known[:, columns])
