"""How much of the evidence may be the luck of trying much: deflated Sharpe ratios, and PBO.

Both look at the windows of the query's timeframe, each calendar quarter counted once: windows of
the same dates share their luck across instruments. Returns themselves are not stored, so they are
taken as normal (skewness 0, kurtosis 3), and every parameter set that the store knows counts as a
trial of its own, which is strict: neighbours on a grid resemble each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import get_objective
from tradingkb.ranking import Pbo, backtest_overfitting, deflated_sharpe
from tradingkb.recommend.answer import BacktestOverfitting, DeflatedSharpe, Overfitting
from tradingkb.recommend.known import Context, Pool

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: Returns a year. The ratio hardly depends on it: with normal returns the periods cancel, but for a
#: term of the order of the squared Sharpe ratio per period.
PERIODS_PER_YEAR: Final = 252.0
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
        n_trials: parameter sets that were known to be tried.
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
            pbo.pbo, pbo.loss_probability, pbo.n_sets, pbo.n_splits, self.n_quarters
        )


def overfitting_evidence(c: Context) -> OverfittingEvidence:
    """What luck may explain, seen from the query's timeframe; kept with the pool."""
    near = c.near if c.near[c.pool.seen].any() else np.ones(len(c.near), dtype=bool)
    micros = c.known_until
    known = c.view.pset[c.view.known_at <= micros]
    tried = int((np.bincount(known, minlength=1) > 0).sum())
    return c.pool.kept.get(
        "overfitting", (near.tobytes(), tried), lambda: _measure(c.pool, near, max(tried, 1))
    )


def allowed(
    found: OverfittingEvidence, min_deflated_sharpe: float | None, max_pbo: float | None
) -> Bools:
    """Which sets may be chosen, shape (p,): what is unknown does not pass."""
    passing = np.ones(len(found.deflated), dtype=bool)
    if min_deflated_sharpe is not None:
        passing &= found.deflated >= min_deflated_sharpe
    if max_pbo is not None and not (found.pbo and found.pbo.pbo <= max_pbo):
        passing[:] = False
    return passing


def _measure(pool: Pool, near: Bools, n_trials: int) -> OverfittingEvidence:
    ratios = pool.view.scores(get_objective("sharpe")).oos
    table = _by_quarter(pool, near, ratios)
    n = np.isfinite(table).sum(axis=0)
    sharpe = np.divide(
        np.nansum(table, axis=0), n, out=np.full(table.shape[1], np.nan), where=n > 0
    )
    known, years = sharpe[np.isfinite(sharpe)], _years(pool, near, np.isfinite(ratios))
    found = deflated_sharpe(
        sharpe,
        trial_sharpes=known,
        n_trials=n_trials,
        n_periods=years * PERIODS_PER_YEAR,
        periods_per_year=PERIODS_PER_YEAR,
    )
    objective = pool.objective.sign * _by_quarter(pool, near, pool.scores)
    full = objective[:, pool.active]
    full = full[np.isfinite(full).any(axis=1)]
    complete = full.size > 0 and bool(np.isfinite(full).all())
    overfitting = backtest_overfitting(full) if complete else None
    return OverfittingEvidence(
        found.value, sharpe, found.benchmark, years, n_trials, overfitting, len(full)
    )


def _by_quarter(pool: Pool, near: Bools, values: Floats) -> Floats:
    """Mean value per quarter and parameter set over usable trials of `near` windows, NaN unknown.

    Returns:
        Shape (quarters, p), by time.
    """
    view = pool.view
    rows = np.flatnonzero(pool.usable & np.isfinite(values) & near[view.window])
    quarters, place = np.unique(view.windows.quarter[view.window[rows]], return_inverse=True)
    shape = (len(quarters), len(view.psets))
    slot, size = place * shape[1] + view.pset[rows], shape[0] * shape[1]
    n = np.bincount(slot, minlength=size)
    total = np.bincount(slot, values[rows], minlength=size)
    means = np.divide(total, n, out=np.full(size, np.nan), where=n > 0)
    return np.asarray(means.reshape(shape))


def _years(pool: Pool, near: Bools, known: Bools) -> Floats:
    """Years that the scored parts of a set's windows cover, overlaps counted once, shape (p,).

    Args:
        pool: the trials that count.
        near: shape (w,), the windows that are looked at.
        known: shape (n,), trials with a result: a window without one is no time observed.
    """
    view = pool.view
    frame = view.windows.frame
    start, end = (frame[f"oos_{side}"].to_physical().to_numpy() for side in ("start", "end"))
    present = np.zeros((len(start), len(view.psets)), dtype=bool)
    rows = np.flatnonzero(pool.usable & known & near[view.window])
    present[view.window[rows], view.pset[rows]] = True
    covered, until = np.zeros(len(view.psets)), np.full(len(view.psets), -np.inf)
    dated = np.flatnonzero(np.isfinite(start) & np.isfinite(end) & near)
    for w in dated[np.argsort(start[dated], kind="stable")]:
        mine = present[w]
        added = np.maximum(end[w] - np.maximum(start[w], until), 0.0)
        covered[mine] += added[mine]
        until[mine] = np.maximum(until[mine], end[w])
    return np.asarray(covered / _YEAR_MICROS)
