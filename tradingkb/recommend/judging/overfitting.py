"""How much of the evidence may be the luck of trying much: deflated Sharpe ratios, and PBO.

Both look at the windows of the query's timeframe, each calendar quarter counted once: windows of
the same dates share their luck across instruments. What was tried counts once, however often it is
stored: a set in a window is one observation, and one without a result is none. Returns themselves
are not stored, so they are taken as normal (skewness 0, kurtosis 3), and every parameter set that
has a result counts as a trial of its own, which is strict: neighbours on a grid resemble each
other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.domain import get_objective
from tradingkb.ranking import (
    ENOUGH_BLOCKS,
    Pbo,
    backtest_overfitting,
    deflated_sharpe,
    disjoint_blocks,
    luck_variance,
    overlapping,
)
from tradingkb.recommend.answer import BacktestOverfitting, DeflatedSharpe, Overfitting
from tradingkb.recommend.known import Context, Pool, View

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: Returns a year. The ratio hardly depends on it: with normal returns the periods cancel, but for a
#: term of the order of the squared Sharpe ratio per period.
PERIODS_PER_YEAR: Final = 252.0
#: Blocks that time is cut into, at most (Bailey et al. 2017).
BLOCKS: Final = 16
#: Sets that a limit on PBO needs beside `ENOUGH_BLOCKS`. Pure noise shows a PBO below .2 in 20 of
#: 100 worlds of 2 sets however many blocks there are, in 12 of 8 sets, in 7 of 30.
MIN_SETS: Final = 8
_YEAR_MICROS: Final = 365.25 * 86400e6


@dataclass(frozen=True)
class OverfittingEvidence:
    """What luck may explain, per parameter set where shape (p,) is said.

    Attributes:
        deflated: shape (p,), probability that the true Sharpe ratio exceeds what the best of
            `n_trials` would show by luck; NaN where it is unknown.
        sharpe: shape (p,), annualised mean over quarters of the out-of-sample Sharpe ratio.
        benchmark: annualised; NaN where unknown.
        years: shape (p,), time covered by the windows in which a set has a Sharpe ratio, overlaps
            counted once.
        n_trials: parameter sets that were known to be tried, with a result.
        pbo: probability of backtest overfitting of taking the best set, with its splits;
            None where the sets were not all tried in the same quarters, or in too few.
        n_quarters: quarters that it splits.
    """

    deflated: Floats
    sharpe: Floats
    benchmark: float
    years: Floats
    n_trials: int
    pbo: Pbo | None
    n_quarters: int

    @property
    def telling(self) -> Pbo | None:
        """What a limit may look at: `pbo` of enough sets and blocks, else None."""
        pbo = self.pbo
        enough = pbo is not None and pbo.n_sets >= MIN_SETS and pbo.n_blocks >= ENOUGH_BLOCKS
        return pbo if enough else None

    @property
    def doubt(self) -> str:
        """Why `telling` is unknown, as a sentence's end; "" where it is known."""
        if self.telling is not None:
            return ""
        if self.pbo is None:
            return "no two parameter sets were tried in the same quarters, or in too few"
        return (
            f"{self.pbo.n_sets} parameter sets in {self.pbo.n_blocks} blocks of time that share no "
            f"window say too little, {MIN_SETS} in {ENOUGH_BLOCKS} are needed"
        )

    def of(self, pset: int | None) -> Overfitting | None:
        """What an answer says of a set; None where nothing is known of it."""
        deflated = self._deflated(pset)
        if deflated is None and self.pbo is None:
            return None
        return Overfitting(deflated, self._chance())

    def _deflated(self, pset: int | None) -> DeflatedSharpe | None:
        if pset is None or not np.isfinite(self.deflated[pset]):
            return None
        return DeflatedSharpe(
            value=float(self.deflated[pset]),
            sharpe=float(self.sharpe[pset]),
            benchmark=self.benchmark,
            n_trials=self.n_trials,
            years=float(self.years[pset]),
        )

    def _chance(self) -> BacktestOverfitting | None:
        pbo = self.pbo
        if pbo is None:
            return None
        return BacktestOverfitting(
            value=pbo.pbo,
            loss_probability=pbo.loss_probability,
            n_sets=pbo.n_sets,
            n_splits=pbo.n_splits,
            n_quarters=self.n_quarters,
            n_blocks=pbo.n_blocks,
            enough=self.telling is not None,
        )


def overfitting_evidence(c: Context) -> OverfittingEvidence:
    """What luck may explain, seen from the query's timeframe; kept with the pool."""
    near = c.near if c.near[c.pool.seen].any() else np.ones(len(c.near), dtype=bool)
    tried = _tried(c.view, c.known_until)
    return c.pool.kept.get(
        "overfitting", (near.tobytes(), tried), lambda: _measure(c.pool, near, max(tried, 1))
    )


def _tried(view: View, until: int) -> int:
    """Parameter sets with a Sharpe ratio that was known by then, rejected trials included."""
    known = (view.known_at <= until) & np.isfinite(view.floats("sharpe_oos"))
    return len(np.unique(view.pset[known]))


def allowed(
    found: OverfittingEvidence, min_deflated_sharpe: float | None, max_pbo: float | None
) -> Bools:
    """Which sets may be chosen, shape (p,): what is unknown does not pass."""
    passing = np.ones(len(found.deflated), dtype=bool)
    if min_deflated_sharpe is not None:
        passing &= found.deflated >= min_deflated_sharpe
    if max_pbo is not None and not (found.telling and found.telling.pbo <= max_pbo):
        passing[:] = False
    return passing


@dataclass(frozen=True)
class _Tried:
    """Results of the sets, one per window and set however often it is stored; shapes (c,).

    Attributes:
        window, pset: indices.
        value: mean over the trials of that window and set.
    """

    window: Ints
    pset: Ints
    value: Floats

    def by_quarter(self, quarter: Ints, n_psets: int) -> tuple[Ints, Floats]:
        """Distinct quarters by time, (q,), and mean value over windows in each, (q, p); NaN."""
        quarters, place = np.unique(quarter[self.window], return_inverse=True)
        size = len(quarters) * n_psets
        means = _means(place * n_psets + self.pset, self.value, size)
        return quarters, means.reshape(len(quarters), n_psets)


def _measure(pool: Pool, near: Bools, n_trials: int) -> OverfittingEvidence:
    view, n_psets = pool.view, len(pool.view.psets)
    tried = _sharpe_ratios(pool, near)
    quarters, table = tried.by_quarter(view.windows.quarter, n_psets)
    sharpe, years = _column_means(table), _years(view, tried)
    start, end = _scored(view)
    place = np.searchsorted(quarters, view.windows.quarter[tried.window])
    shared = overlapping(start[tried.window], end[tried.window], place)
    found = deflated_sharpe(
        sharpe,
        variance=_luck(table, shared, sharpe),
        n_trials=n_trials,
        n_periods=years * PERIODS_PER_YEAR,
        periods_per_year=PERIODS_PER_YEAR,
    )
    overfitting, n_quarters = _overfitting(pool, near)
    return OverfittingEvidence(
        found.value, sharpe, found.benchmark, years, n_trials, overfitting, n_quarters
    )


def _luck(table: Floats, shared: Bools, sharpe: Floats) -> float:
    """Variance of the sets' Sharpe ratios by luck; what they show where it cannot be told apart."""
    luck = luck_variance(table, shared)
    if np.isfinite(luck):
        return luck
    known = sharpe[np.isfinite(sharpe)]
    with np.errstate(over="ignore"):
        shown = float(known.var(ddof=1)) if len(known) > 1 else np.nan
    return shown if np.isfinite(shown) else np.nan


def _overfitting(pool: Pool, near: Bools) -> tuple[Pbo | None, int]:
    """PBO over blocks of whole quarters that no window spans, and the number of these quarters.

    Over the sets that were tried in every quarter: sets are compared, not their quarters, and one
    that was tried once must not take the rest out of sight.
    """
    cells, quarter = pool.cells, pool.view.windows.quarter
    start, end = _scored(pool.view)
    windows = np.flatnonzero(pool.seen & near)
    blocks = disjoint_blocks(start[windows], end[windows], quarter[windows], BLOCKS)
    if blocks is None:
        return None, 0
    kept = np.zeros(len(near), dtype=bool)
    kept[windows[blocks.kept]] = True
    mine = kept[cells.window]
    tried = _Tried(cells.window[mine], cells.pset[mine], cells.utility[mine])
    quarters, table = tried.by_quarter(quarter, len(pool.view.psets))
    table = table[:, np.isfinite(table).all(axis=0)]
    if table.shape[1] < 2:
        return None, len(quarters)
    # Of each quarter its block, which is that of any of its windows.
    block_of = dict(zip(quarter[windows].tolist(), blocks.block.tolist(), strict=True))
    block = np.array([block_of[q] for q in quarters.tolist()])
    means = np.stack([table[block == k].mean(axis=0) for k in range(blocks.n)])
    return backtest_overfitting(means, n_blocks=BLOCKS), len(quarters)


def _sharpe_ratios(pool: Pool, near: Bools) -> _Tried:
    """The out-of-sample Sharpe ratios of usable trials of the windows `near`."""
    view, values = pool.view, pool.view.scores(get_objective("sharpe")).oos
    rows = np.flatnonzero(pool.usable & np.isfinite(values) & near[view.window])
    pairs, place = np.unique(
        view.window[rows] * len(view.psets) + view.pset[rows], return_inverse=True
    )
    window, pset = np.divmod(pairs, max(len(view.psets), 1))
    return _Tried(window, pset, _means(place, values[rows], len(pairs)))


def _means(group: Ints, values: Floats, size: int) -> Floats:
    """Mean per group, shape (size,), NaN where there is none."""
    n, total = np.bincount(group, minlength=size), np.bincount(group, values, minlength=size)
    return np.asarray(np.divide(total, n, out=np.full(size, np.nan), where=n > 0))


def _column_means(table: Floats) -> Floats:
    known = np.isfinite(table)
    n, total = known.sum(axis=0), np.where(known, table, 0.0).sum(axis=0)
    return np.asarray(np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0))


def _scored(view: View) -> tuple[Floats, Floats]:
    """Start and end of every window's scored part in microseconds, NaN unknown; shapes (w,)."""
    scored = view.windows.scored
    start, end = (
        scored[side].cast(pl.Int64).cast(pl.Float64).to_numpy() for side in ("start", "end")
    )
    return start, end


def _years(view: View, tried: _Tried) -> Floats:
    """Years that the scored parts of a set's windows cover, overlaps counted once, shape (p,)."""
    frame = view.windows.frame
    start, end = (
        frame[f"oos_{side}"].cast(pl.Int64).cast(pl.Float64).to_numpy() for side in ("start", "end")
    )
    present = np.zeros((len(start), len(view.psets)), dtype=bool)
    present[tried.window, tried.pset] = True
    covered, until = np.zeros(len(view.psets)), np.full(len(view.psets), -np.inf)
    known = np.flatnonzero(np.isfinite(start) & np.isfinite(end) & present.any(axis=1))
    for w in known[np.argsort(start[known], kind="stable")]:
        mine = present[w]
        added = np.maximum(end[w] - np.maximum(start[w], until), 0.0)
        covered[mine] += added[mine]
        until[mine] = np.maximum(until[mine], end[w])
    return np.asarray(covered / _YEAR_MICROS)
