"""The trials that count for a question, and everything that follows from them alone.

Questions differ in their market, their filters and their instrument; most share their strategy,
objective and time, and with these the usable trials. So whatever follows from usable trials is
kept with them, and goes with their view when the strategy's generation moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import (
    MIN_WINDOWS,
    STATED_WEIGHTS,
    Angles,
    Objective,
    Regime,
    RegimeScaler,
    Side,
    StrategySpec,
    regime_distance,
)
from tradingkb.memo import Memos
from tradingkb.ranking import (
    Cells,
    EvidenceWeights,
    Learnt,
    Plateau,
    Traits,
    coordinates,
    few_trades_penalty,
    level,
    make_cells,
    part_of,
    rank_within,
    study,
    traits_of,
)
from tradingkb.recommend.known.presence import Presence, presence
from tradingkb.recommend.known.view import View
from tradingkb.recommend.known.windows import side_of

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: Instruments, specs and filter settings whose results are kept with one pool.
_KEPT: Final = 16


@dataclass(frozen=True)
class Standing:
    """What a pool says of one timeframe, whatever instrument and regime.

    Attributes:
        learnt: what its trials say.
        rank: shape (p,), mean rank within windows, quarters counted equally, smoothed over
            neighbours; NaN without evidence.
        plain_rank: the same, not smoothed: the plain average.
        price: shape (p,), rank of how often a set trades in-sample, smoothed, in [0, 1].
        quoted: shape (w,), the windows that are quoted: those of the timeframe, all where none is.
    """

    learnt: Learnt
    rank: Floats
    plain_rank: Floats
    price: Floats
    quoted: Bools


@dataclass(frozen=True)
class Pool:
    """Usable trials of a view under an objective.

    Attributes:
        view: all trials.
        objective: what they are judged by.
        tried: shape (n,), those that are known, eligible and of the version.
        usable: shape (n,), those of them that count: with a score of either sample.
        archived: shape (n,), those that nominate nothing.
        scores: shape (n,), the objective (its own direction), NaN where unusable.
        in_sample: whether scores are in-sample, for want of out-of-sample ones.
        cells: mean utility and rank per (window, parameter set).
    """

    view: View
    objective: Objective
    tried: Bools
    usable: Bools
    archived: Bools
    scores: Floats
    in_sample: bool
    cells: Cells

    @cached_property
    def used(self) -> Bools:
        """Windows with a usable trial, shape (w,)."""
        return _touched(self.view, self.usable)

    @cached_property
    def seen(self) -> Bools:
        """Windows with evidence, shape (w,)."""
        found = np.zeros(len(self.view.windows), dtype=bool)
        found[self.cells.windows] = True
        return found

    @cached_property
    def presence(self) -> Presence:
        """In how many of its windows each parameter set was in the market."""
        return presence(self.view, self.tried, self.scores, in_sample=self.in_sample)

    @cached_property
    def present(self) -> Bools:
        """Trials with a score of the evidence's sample, of sets that traded enough; shape (n,)."""
        return np.asarray(np.isfinite(self.scores) & self.presence.enough[self.view.pset])

    @cached_property
    def may_nominate(self) -> Bools:
        """Of these, the ones that are not archived; shape (n,)."""
        return self.present & ~self.archived

    @cached_property
    def n_may_nominate(self) -> int:
        """Their number."""
        return int(self.may_nominate.sum())

    def unscored(self, pset: int, windows: Bools) -> int:
        """How many of these windows, shape (w,), tried a parameter set and have no score of it."""
        rows = self.view.of_pset(pset)
        found = np.zeros(len(windows), dtype=bool)
        found[self.view.window[rows[self.tried[rows]]]] = True
        found[self.cells.window[self.cells.of_pset(pset)]] = False
        return int((found & windows).sum())

    @cached_property
    def ranks(self) -> Floats:
        """Rank of each trial's score within its window, 0.5 without one; shape (n,)."""
        known = np.isfinite(self.scores)
        ranks = np.full(len(known), 0.5)
        utility = self.objective.sign * self.scores[known]
        order = None if self.in_sample else self.view.orders(self.objective).only(known).by_window
        ranks[known] = rank_within(utility, self.view.window[known], order)[0]
        return ranks

    @cached_property
    def active(self) -> Ints:
        """Parameter sets with evidence."""
        return self.cells.psets

    @cached_property
    def mixtures(self) -> tuple[str, ...]:
        """Warnings about what is pooled."""
        codes, _ = self.view.versions
        unstated = codes[self.usable] < 0
        found = []
        if unstated.any() and not unstated.all():
            found.append("mixed_strategy_versions")
        if self.view.frame["cost_bps"].filter(self.usable).n_unique() > 1:
            found.append("mixed_costs")
        return tuple(found)

    @cached_property
    def scaler(self) -> RegimeScaler | None:
        """Scales distances by the windows that count for the question.

        Not by the stored scaler of the embeddings: that one is of the day when it was fitted, so
        answers would depend on the batches in which trials came in, and know the future under
        `as_of`.
        """
        return self.view.windows.fit_scaler(self.used)

    @cached_property
    def kept(self) -> Memos:
        """What follows from these trials, by kind, whoever computes it."""
        return Memos(_KEPT)

    def scaled(self, side: Side, scaler: RegimeScaler) -> Floats:
        """Every window's regime by the pool's scaler, shape (w, 16), NaN where unknown."""
        return self.kept.get("scaled", side, lambda: scaler.transform(self.view.windows.raw(side)))

    def angles(self, side: Side, scaler: RegimeScaler) -> Angles:
        """The same as angles, to compare many regimes with."""
        return self.kept.get("angles", side, lambda: Angles.of(self.scaled(side, scaler)))

    def distances(self, regime: Regime, scaler: RegimeScaler) -> Floats:
        """Regime distance of every window, (w,), in robust standard deviations; NaN unknown."""
        weights = STATED_WEIGHTS if regime.source == "stated" else None
        query = scaler.transform(regime.vector())
        return regime_distance(query, self.scaled(side_of(regime), scaler), weights)

    def plateau(self, spec: StrategySpec | None) -> Plateau:
        """The neighbourhood of parameter sets with evidence.

        Sets without any must not take part: the grid that neighbours are counted on would change
        with sets that nobody knew by then, or that belong to another version.
        """
        return self.kept.get(
            "plateau",
            spec.version if spec else None,
            lambda: Plateau(*coordinates([self.view.psets[int(p)] for p in self.active], spec)),
        )

    def standing(
        self, near: Bools, spec: StrategySpec | None, weights: EvidenceWeights
    ) -> Standing:
        """What the pool says of the timeframe of some windows."""
        key = (near.tobytes(), spec.version if spec else None, weights)
        return self.kept.get("standing", key, lambda: self._stand(near, spec, weights))

    def traits(
        self, near: Bools, spec: StrategySpec | None, weights: EvidenceWeights, side: Side
    ) -> Traits | None:
        """What regimes decide for the timeframe; None where none was measured."""
        key = (near.tobytes(), spec.version if spec else None, weights, side)
        return self.kept.get("traits", key, lambda: self._decide(near, spec, weights, side))

    def _stand(self, near: Bools, spec: StrategySpec | None, weights: EvidenceWeights) -> Standing:
        quoted = near if near[self.seen].any() else np.ones(len(near), dtype=bool)
        cells, active, plateau = self.cells, self.active, self.plateau(spec)
        found = level(cells, np.ones(len(near)), cells.rank)
        keys = self.view.windows.keys(in_sample=self.in_sample)
        learnt = study(cells, keys, quoted, active, plateau, weights)
        # A set that is far from all others says nothing of its neighbours.
        mass = found.n / (found.n + weights.neutral) * learnt.parts.typical
        n_psets = len(self.view.psets)
        rank, plain, price = (np.full(n_psets, np.nan) for _ in range(3))
        plain[active] = found.mean[active]
        rank[active] = plateau.smooth(found.mean[active], mass[active])
        trades = few_trades_penalty(self._trade_ranks(near)[active])
        price[active] = plateau.smooth(trades, np.ones(len(active)))
        return Standing(learnt, rank, plain, price, quoted)

    def _decide(
        self, near: Bools, spec: StrategySpec | None, weights: EvidenceWeights, side: Side
    ) -> Traits | None:
        scaler = self.scaler
        if scaler is None:
            return None
        learnt = self.standing(near, spec, weights).learnt
        return traits_of(learnt, self.scaled(side, scaler))

    def _trade_ranks(self, near: Bools) -> Floats:
        """Mean rank of each set's number of in-sample trades in the windows `near`; (p,)."""
        rows, ranks = self._traded
        kept = near[self.view.window[rows]]
        psets, n_psets = self.view.pset[rows[kept]], len(self.view.psets)
        n = np.bincount(psets, minlength=n_psets)
        total = np.bincount(psets, ranks[kept], minlength=n_psets)
        return np.where(n > 0, total / np.maximum(n, 1), np.nan)

    @cached_property
    def _traded(self) -> tuple[Ints, Floats]:
        """Trials with a known number of in-sample trades, and its rank within their window."""
        trades = self.view.floats("n_trades_is")
        known = np.isfinite(trades) & np.isfinite(self.scores)
        rows, order = np.flatnonzero(known), part_of(self.view.by_trades, known)
        return rows, rank_within(trades[rows], self.view.window[rows], order)[0]


def make_pool(view: View, tried: Bools, archived: Bools, objective: Objective) -> Pool:
    """Scores of tried trials, out-of-sample unless fewer than three windows have any."""
    found = view.scores(objective)
    usable = tried & found.known
    scores = found.oos
    with_oos = usable & np.isfinite(scores)
    in_sample = int(_touched(view, with_oos).sum()) < MIN_WINDOWS
    if in_sample:
        scores = np.where(np.isfinite(scores), scores, found.inside)
    counted = usable & np.isfinite(scores)
    in_sample = in_sample and bool((counted & ~with_oos).any())
    cells = make_cells(
        view.window[counted],
        view.pset[counted],
        objective.sign * scores[counted],
        view.windows.quarter,
        len(view.psets),
        None if in_sample else view.orders(objective).only(counted),
    )
    kept = np.where(counted, scores, np.nan)
    return Pool(view, objective, tried, usable, archived, kept, in_sample, cells)


def _touched(view: View, rows: Bools) -> Bools:
    found = np.zeros(len(view.windows), dtype=bool)
    found[view.window[rows]] = True
    return found
