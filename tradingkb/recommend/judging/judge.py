"""Judging: every usable trial of a nominated parameter set counts, good and bad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import MIN_WINDOWS, ParamValue, StrategySpec, canonical_params
from tradingkb.ranking import (
    INTERVAL_LEVEL,
    Cells,
    Choice,
    EvidenceWeights,
    Expectation,
    Places,
    Posterior,
    Query,
    Traits,
    believe,
    choose,
    expectation,
    within,
)
from tradingkb.recommend.answer import Baseline, Lead, Option
from tradingkb.recommend.known import Pool, Standing, View

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: Parameter sets that traded less often than this in the user's own tuning are not chosen.
MIN_OWN_TRADES: Final = 1
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
        score: what the choice maximises: the expected utility; -inf for sets that cannot be chosen.
        preference: what decides among sets that are not told apart: the smoothed mean rank less the
            price of many trades; -inf without evidence.
        reach: how far below a set's score others are not told apart from it, 0 or more.
        plain: mean rank over all windows, every quarter counted equally; -inf without evidence.
        expected: utility of the next window, with its variance.
    """

    score: Floats
    preference: Floats
    reach: Floats
    plain: Floats
    expected: Posterior


def judge(
    evidence: Evidence,
    weights: EvidenceWeights,
    traits: Traits | None,
    own_trades: Mapping[str, float] | None,
) -> Judged:
    """Evidence for every parameter set that any usable trial tried; others are out.

    Args:
        evidence: the usable trials, seen from the query.
        weights: what is believed before the store has shown more.
        traits: what regimes decide, where the query has one.
        own_trades: trades of each set in the user's own tuning, by canonical parameters.
    """
    standing, texts = evidence.standing, evidence.pool.view.pset_texts
    expected = believe(standing.learnt, evidence.query, traits)
    score = np.where(np.isfinite(expected.value), expected.value, -np.inf)
    if own_trades is not None:
        few = [own_trades.get(text, np.inf) < MIN_OWN_TRADES for text in texts]
        score = np.where(few, -np.inf, score)
    preference = standing.rank - weights.few_trades * standing.price
    return Judged(
        score=score,
        preference=np.where(np.isfinite(preference), preference, -np.inf),
        reach=weights.indifference * expected.apart,
        plain=np.where(np.isfinite(standing.plain_rank), standing.plain_rank, -np.inf),
        expected=expected,
    )


@dataclass(frozen=True)
class Chosen:
    """The chosen parameters.

    Attributes:
        params: obeying the spec.
        pset: the set they came from.
        tested: whether exactly these parameters were tried.
        tested_pset: index of these exact parameters, None when they were never tried.
        repaired: parameter to what was changed.
        choice: what decided.
    """

    params: dict[str, ParamValue]
    pset: int
    tested_pset: int | None
    repaired: dict[str, str]
    choice: Choice


def choose_params(
    view: View,
    judged: Judged,
    nominated: Bools,
    promoted: Bools,
    place: Places,
    spec: StrategySpec | None,
) -> Chosen | None:
    """The best nominated set that obeys the spec; failing that, one that hardly breaks it.

    A repair is of the size of a rounding, or it moves numbers by a step to a set that was tried,
    whose evidence speaks then: parameters with the evidence of others are never given.
    """
    allowed = nominated & np.isfinite(judged.score)
    obeying = allowed & view.obeying(spec)
    choice = _choose(judged, obeying, promoted, place)
    if choice is not None:
        return Chosen(dict(view.psets[choice.pset]), choice.pset, choice.pset, {}, choice)
    if spec is None:
        return None
    repairs = _repairs(view, judged, np.flatnonzero(allowed), spec)
    mendable = np.zeros(len(allowed), dtype=bool)
    mendable[list(repairs)] = True
    choice = _choose(judged, mendable, promoted, place)
    if choice is None:
        return None
    params, repaired, tried = repairs[choice.pset]
    return Chosen(params, choice.pset, tried, repaired, choice)


def _repairs(
    view: View, judged: Judged, sets: Ints, spec: StrategySpec
) -> dict[int, tuple[dict[str, ParamValue], dict[str, str], int | None]]:
    """Sets that a small repair brings into the spec: parameters, changes, and that set if tried."""
    found = {}
    for pset in sets.tolist():
        params, changes = spec.repair(view.psets[pset])
        moved = spec.moved(view.psets[pset], params)
        if moved is None or spec.problems(params):
            continue
        tried = view.pset_index.get(canonical_params(params))
        known = tried is not None and bool(np.isfinite(judged.score[tried]))
        if known or (tried is None and moved == 0.0):
            found[pset] = (params, changes, tried)
    return found


def _choose(judged: Judged, allowed: Bools, promoted: Bools, place: Places) -> Choice | None:
    return choose(judged.score, judged.reach, judged.preference, allowed, promoted, place)


def expect(evidence: Evidence, judged: Judged, pset: int, spec: StrategySpec | None) -> Expectation:
    """What a set is expected to earn, with the spread of the quoted windows."""
    use, own = evidence.standing.quoted, evidence.query.own
    symbol = evidence.pool.view.windows.symbol
    learnt = evidence.standing.learnt
    found = expectation(learnt, judged.expected, pset, use, own, evidence.sign, symbol)
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
    evidence: Evidence,
    judged: Judged,
    nominated: Bools,
    spec: StrategySpec | None,
    pset: int | None = None,
) -> Baseline:
    """What the plain average chooses, and what the declared defaults earned.

    Args:
        evidence: the usable trials, seen from the query.
        judged: evidence per set.
        nominated: shape (p,).
        spec: of the strategy.
        pset: whose lead over these is wanted.
    """
    view = evidence.pool.view
    plain = np.where(nominated & view.obeying(spec), judged.plain, -np.inf)
    best = int(plain.argmax()) if len(plain) else 0
    average = None
    if len(plain) and np.isfinite(plain[best]):
        average = _option(evidence, judged, dict(view.psets[best]), best, spec, pset)
    params = spec.defaults if spec else None
    if params is None:
        return Baseline(average, None)
    found = view.pset_index.get(canonical_params(params))
    return Baseline(average, _option(evidence, judged, params, found, spec, pset))


def _option(
    evidence: Evidence,
    judged: Judged,
    params: Mapping[str, ParamValue],
    found: int | None,
    spec: StrategySpec | None,
    pset: int | None,
) -> Option:
    if found is None:
        return Option(params, None)
    return Option(params, expect(evidence, judged, found, spec), _lead(judged, pset, found))


def _lead(judged: Judged, pset: int | None, other: int) -> Lead | None:
    """What a set is expected to earn more than another, with its interval."""
    if pset is None or pset == other:
        return None
    value, error = judged.expected.lead(pset, other)
    if not np.isfinite(value):
        return None
    reach = NormalDist().inv_cdf((1 + INTERVAL_LEVEL) / 2) * error if error is not None else None
    low, high = (None, None) if reach is None else (value - reach, value + reach)
    return Lead(value, low, high, INTERVAL_LEVEL)
