"""Judging: every usable trial of a nominated parameter set counts, good and bad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import MIN_WINDOWS, ParamValue, StrategySpec, canonical_params
from tradingkb.ranking import (
    Cells,
    Choice,
    Estimate,
    EvidenceWeights,
    Expectation,
    Expected,
    Query,
    choose,
    estimate,
    evidence_mass,
    expectation,
    expected_utility,
    moving_levels,
    within,
)
from tradingkb.recommend.answer import Baseline, Option
from tradingkb.recommend.known import Pool, Standing, View

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: Parameter sets that traded less often than this in the user's own tuning are not chosen.
MIN_OWN_TRADES: Final = 2
#: Sets no further than this from each other speak of the same parameters; ten steps span an axis of
#: free-form values.
NEAR_STEPS: Final = 1.0


@dataclass(frozen=True)
class Evidence:
    """The usable trials, seen from the query.

    Attributes:
        pool: the trials that count.
        query: the windows seen from the query.
        standing: what the pool says of the query's instrument.
    """

    pool: Pool
    query: Query
    standing: Standing

    @property
    def cells(self) -> Cells:
        """Mean utility and rank per (window, parameter set)."""
        return self.pool.cells

    @property
    def scores(self) -> Floats:
        """The objective per trial (its own direction), NaN where unusable; shape (n,)."""
        return self.pool.scores

    @property
    def sign(self) -> float:
        """Of the objective: utility = sign x score."""
        return self.pool.objective.sign


@dataclass(frozen=True)
class Judged:
    """Evidence per parameter set, shape (p,).

    Attributes:
        score: what the choice maximises: smoothed rank less the price of many trades.
        rank: the shrunk rank before smoothing, and `agnostic` the same without regime and own
            history.
        expected: shrunk utility in the objective's unit.
    """

    score: Floats
    rank: Estimate
    agnostic_score: Floats
    expected: Expected


def judge(
    evidence: Evidence,
    weights: EvidenceWeights,
    spec: StrategySpec | None,
    own_trades: Mapping[str, float] | None,
) -> Judged:
    """Evidence for every parameter set that any usable trial tried; others are out."""
    pool, query, standing = evidence.pool, evidence.query, evidence.standing
    cells, view = pool.cells, pool.view
    moving = moving_levels(cells, query, [cells.rank, cells.utility])
    rank = estimate(cells, query, weights, {**standing.levels, **moving[0]})
    expected = expected_utility(cells, query, weights, standing.background, moving[1])
    active, plateau = pool.active, pool.plateau(spec)
    mass = evidence_mass(rank.levels["everything"], weights.neutral)[active]
    price = standing.price
    if own_trades is not None:
        counts = [own_trades.get(text, np.nan) for text in view.pset_texts]
        price = pool.price(np.array(counts, dtype=np.float64), spec)
    score, agnostic = (np.full(len(view.psets), -np.inf) for _ in range(2))
    found = plateau.smooth_each([rank.value[active], rank.agnostic[active]], mass)
    score[active], agnostic[active] = found[0] - weights.few_trades * price, found[1]
    if own_trades is not None:
        few = [own_trades.get(text, np.inf) < MIN_OWN_TRADES for text in view.pset_texts]
        score = np.where(few, -np.inf, score)
    return Judged(score, rank, agnostic, expected)


@dataclass(frozen=True)
class Chosen:
    """The chosen parameters.

    Attributes:
        params: obeying the spec.
        pset: the set they came from.
        tested: whether exactly these parameters were tried.
        tested_pset: index of these exact parameters, None when they were never tried.
        repaired: parameter to what was changed.
        rule: what decided.
    """

    params: dict[str, ParamValue]
    pset: int
    tested_pset: int | None
    repaired: dict[str, str]
    rule: str


def choose_params(
    view: View,
    judged: Judged,
    nominated: Bools,
    promoted: Bools,
    place: Ints,
    spec: StrategySpec | None,
) -> Chosen | None:
    """The best nominated set that obeys the spec; failing that, the best one repaired."""
    allowed = nominated & np.isfinite(judged.score)
    obeying = allowed & view.obeying(spec)
    choice: Choice | None = choose(judged.score, obeying, promoted, place)
    if choice is not None:
        return Chosen(dict(view.psets[choice.pset]), choice.pset, choice.pset, {}, choice.rule)
    choice = choose(judged.score, allowed, promoted, place)
    if choice is None or spec is None:
        return None
    params, repaired = spec.repair(view.psets[choice.pset])
    if spec.problems(params):
        return None
    text = canonical_params(params)
    tried = view.pset_index.get(text)
    if tried is not None and not np.isfinite(judged.score[tried]):
        return None  # only rejected or unusable trials stand behind these parameters
    return Chosen(params, choice.pset, tried, repaired, choice.rule)


def expect(evidence: Evidence, judged: Judged, pset: int, spec: StrategySpec | None) -> Expectation:
    """What a set is expected to earn, with the spread of the quoted windows."""
    use, own = evidence.standing.quoted, evidence.query.own
    symbol = evidence.pool.view.windows.symbol
    found = expectation(evidence.cells, judged.expected, pset, use, own, evidence.sign, symbol)
    objective = evidence.pool.objective
    found = replace(
        within(found, objective.low, objective.high),
        unit=objective.unit,
        direction=objective.direction,
        n_unscored=evidence.pool.unscored(pset, use),
    )
    if found.n_windows >= MIN_WINDOWS and found.n_quarters > 1:
        return found
    # A free-form search tries no set twice: what was tried around one stands behind it too.
    windows = _windows_near(evidence, pset, spec)
    quarters = np.unique(evidence.cells.quarter[windows])
    return replace(found, near_windows=len(windows), near_quarters=len(quarters))


def _windows_near(evidence: Evidence, pset: int, spec: StrategySpec | None) -> Ints:
    """Quoted windows that tried this set or one within a step of it."""
    pool, cells = evidence.pool, evidence.cells
    place = np.flatnonzero(pool.active == pset)
    if not len(place):
        return np.zeros(0, dtype=np.int64)
    near = pool.active[pool.plateau(spec).within(int(place[0]), NEAR_STEPS)]
    mine = np.isin(cells.pset, near) & evidence.standing.quoted[cells.window]
    return np.unique(cells.window[mine])


def baseline(
    evidence: Evidence, judged: Judged, nominated: Bools, spec: StrategySpec | None
) -> Baseline:
    """What the regime-agnostic average chooses, and what the declared defaults earned."""
    view = evidence.pool.view
    allowed = nominated & view.obeying(spec)
    place = np.arange(len(view.psets))
    choice = choose(judged.agnostic_score, allowed, np.zeros(len(place), bool), place)
    average = None
    if choice is not None:
        expected = expect(evidence, judged, choice.pset, spec)
        average = Option(dict(view.psets[choice.pset]), expected)
    return Baseline(average, _defaults(evidence, judged, spec))


def _defaults(evidence: Evidence, judged: Judged, spec: StrategySpec | None) -> Option | None:
    params = spec.defaults if spec else None
    if params is None:
        return None
    pset = evidence.pool.view.pset_index.get(canonical_params(params))
    expected = None if pset is None else expect(evidence, judged, pset, spec)
    return Option(params, expected)
