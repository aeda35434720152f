"""Past decisions: what was asked at the start of each window, and what every answer earned in it.

A decision is one strategy on one window, asked when the window's scored part began. What is known
of it by then: the regime of its in-sample part, and the in-sample results of its own trials,
whatever became of them. What became of it: the out-of-sample score of every parameter set that was
tried on it, as far as nobody has rejected it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.domain import FEATURES, Objective, Regime
from tradingkb.recommend import RegimeFacts, View, eligible, of_version, to_micros

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: A window on which fewer parameter sets were tried leaves nothing to choose.
MIN_SETS = 2


@dataclass(frozen=True)
class Decision:
    """One strategy on one window.

    Attributes:
        window: index into the view's windows.
        as_of: start of the scored part.
        quarter: calendar quarter of that date, as a number.
        known_at: when the outcome became knowable, microseconds since 1970 UTC.
        measured: the regime of the in-sample part; None where it was not measured.
        stated: the regime of the scored part, as a user with perfect foresight would state it.
        utility: shape (p,), the objective out-of-sample (higher is better), NaN where untried.
        returns: shape (p,), net return over the scored part, fraction, NaN where unknown.
        inside: shape (p,), in-sample utility, NaN where unknown.
        trades: shape (p,), in-sample trades, NaN where unknown.
    """

    strategy_name: str
    window: int
    window_key: str
    symbol: str | None
    timeframe: str | None
    as_of: datetime
    quarter: int
    known_at: int
    measured: Regime | None
    stated: Regime | None
    utility: Floats
    returns: Floats
    inside: Floats
    trades: Floats

    def own_trades(self, view: View) -> dict[str, float] | None:
        """In-sample trade counts by canonical parameters, as a user gives them; None: unknown."""
        known = np.flatnonzero(np.isfinite(self.trades))
        return {view.pset_texts[p]: float(self.trades[p]) for p in known} or None


def list_decisions(
    view: View, objective: Objective, strategy_name: str, symbols: set[str] | None = None
) -> Iterator[Decision]:
    """Every decision of a strategy that has an outcome, by time.

    Args:
        view: the strategy's trials.
        objective: what they are judged by.
        strategy_name: the strategy.
        symbols: only these instruments; None for all.
    """
    scores = view.scores(objective)
    of_spec = of_version(view, view.specs[-1].version if view.specs else None)
    # What is known only later must not decide which of the tuning's own results are.
    tuning = _Table(view, np.flatnonzero(of_spec))
    scored = of_spec & eligible(view.statuses) & np.isfinite(scores.oos)
    table = _Table(view, np.flatnonzero(scored))
    starts = view.windows.frame["oos_start"]
    order = np.argsort(starts.to_physical().fill_null(0).to_numpy(), kind="stable")
    for w in order.tolist():
        rows, own = table.rows(w), tuning.rows(w)
        if starts[w] is None or len(np.unique(view.pset[rows])) < MIN_SETS:
            continue
        if symbols is not None and view.windows.symbol[w] not in symbols:
            continue
        yield Decision(
            strategy_name=strategy_name,
            window=w,
            window_key=view.windows.frame["window_key"][w],
            symbol=view.windows.symbol[w],
            timeframe=view.windows.timeframe[w],
            as_of=starts[w],
            quarter=int(view.windows.quarter[w]),
            known_at=int(view.known_at[rows].max()),
            measured=_regime(view.windows.before[w], view.windows.own_before[w], "measured"),
            stated=_regime(view.windows.during[w], view.windows.own_during[w], "stated"),
            utility=objective.sign * table.means(rows, scores.oos),
            returns=table.means(rows, view.floats("return_frac_oos")),
            inside=objective.sign * tuning.means(own, scores.inside),
            trades=tuning.means(own, view.floats("n_trades_is")),
        )


class _Table:
    """Trials by window."""

    def __init__(self, view: View, rows: Ints) -> None:
        self._view = view
        self._rows = rows[np.argsort(view.window[rows], kind="stable")]
        self._starts = np.searchsorted(view.window[self._rows], np.arange(len(view.windows) + 1))

    def rows(self, window: int) -> Ints:
        """The trials of a window."""
        return self._rows[self._starts[window] : self._starts[window + 1]]

    def means(self, rows: Ints, values: Floats) -> Floats:
        """Mean value per parameter set, shape (p,), NaN where none is known."""
        rows = rows[np.isfinite(values[rows])]
        n_psets = len(self._view.psets)
        n = np.bincount(self._view.pset[rows], minlength=n_psets)
        total = np.bincount(self._view.pset[rows], values[rows], minlength=n_psets)
        return np.asarray(np.divide(total, n, out=np.full(n_psets, np.nan), where=n > 0))


def _regime(
    facts: RegimeFacts, measured_here: bool, source: Literal["measured", "stated"]
) -> Regime | None:
    """The regime of one side of a window; what fell back to the other side is not it."""
    known = {f: float(v) for f, v in zip(FEATURES, facts.vector, strict=True) if np.isfinite(v)}
    if not measured_here or not known:
        return None
    return Regime(features=known, tags=facts.tags, source=source)


@dataclass(frozen=True)
class Donors:
    """Regimes that a placebo may borrow: of windows whose in-sample part had been measured.

    Attributes:
        as_of: when each was known, microseconds since 1970 UTC, ascending.
        window: index into the view's windows.
        view: the view.
    """

    as_of: Ints
    window: Ints
    view: View

    def draw(self, d: Decision, rng: np.random.Generator) -> Regime | None:
        """The regime of another window, known by then; None where there is none."""
        known = np.flatnonzero((self.as_of <= to_micros(d.as_of)) & (self.window != d.window))
        if not len(known):
            return None
        drawn = int(self.window[rng.choice(known)])
        return _regime(self.view.windows.before[drawn], True, "measured")


def list_donors(view: View) -> Donors:
    """The measured regimes of a view's windows, by time and window key."""
    windows = view.windows
    starts = windows.frame["oos_start"]
    measured = np.isfinite(windows.raw("before")).any(axis=1) & windows.own_before
    window = np.flatnonzero(measured & starts.is_not_null().to_numpy())
    as_of = starts.to_physical().fill_null(0).to_numpy()[window]
    order = np.lexsort((window, as_of))
    return Donors(as_of[order], window[order], view)


def sample(
    decisions: list[Decision], limit: int | None, rng: np.random.Generator
) -> list[Decision]:
    """At most `limit` of them, drawn without replacement, in their order."""
    if limit is None or len(decisions) <= limit:
        return decisions
    kept = np.sort(rng.choice(len(decisions), size=limit, replace=False))
    return [decisions[int(k)] for k in kept]


def quarter_names(quarters: Ints) -> pl.Series:
    """2014Q3 for each number year x 4 + (quarter - 1)."""
    return pl.Series("quarter", [f"{q // 4}Q{q % 4 + 1}" for q in quarters.tolist()])
