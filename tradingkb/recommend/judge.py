"""Judging: every usable trial of a nominated parameter set counts, good and bad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain.filters import MIN_WINDOWS
from tradingkb.domain.objective import Objective
from tradingkb.domain.strategy import ParamValue, StrategySpec
from tradingkb.domain.trial import canonical_params
from tradingkb.ranking import evidence as ev
from tradingkb.ranking.choose import (
    Choice,
    Expectation,
    choose,
    evidence_mass,
    expectation,
    few_trades_penalty,
)
from tradingkb.ranking.expected import Expected, expected_utility
from tradingkb.ranking.plateau import coordinates, smooth
from tradingkb.recommend.view import View

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: Parameter sets that traded less often than this in the user's own tuning are not chosen.
MIN_OWN_TRADES: Final = 2


@dataclass(frozen=True)
class Evidence:
    """The usable trials as cells, and the windows seen from the query.

    Attributes:
        cells: mean utility and rank per (window, parameter set).
        query: the windows seen from the query.
        in_sample: whether scores are in-sample, for want of out-of-sample ones.
        scores: shape (n,), the objective per trial (its own direction), NaN where unusable.
        sign: of the objective: utility = sign x score.
    """

    cells: ev.Cells
    query: ev.Query
    in_sample: bool
    scores: Floats
    sign: float


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
    rank: ev.Estimate
    agnostic_score: Floats
    expected: Expected


def gather(
    view: View,
    usable: Bools,
    objective: Objective,
    *,
    own: Bools,
    same_timeframe: Bools,
    kernel: Floats | None,
    stated: bool,
) -> Evidence:
    """Scores of usable trials, out-of-sample unless fewer than three windows have any."""
    scores = view.scores(objective, "oos")
    with_oos = usable & np.isfinite(scores)
    in_sample = len(np.unique(view.window[with_oos])) < MIN_WINDOWS
    if in_sample:
        inside = view.scores(objective, "is")
        scores = np.where(np.isfinite(scores), scores, inside)
    counted = usable & np.isfinite(scores)
    in_sample = in_sample and bool((counted & ~with_oos).any())
    cells = ev.make_cells(
        view.window[counted],
        view.pset[counted],
        objective.sign * scores[counted],
        view.windows.quarter,
        len(view.psets),
    )
    query = ev.Query(own, same_timeframe, kernel, stated)
    return Evidence(cells, query, in_sample, np.where(counted, scores, np.nan), objective.sign)


def judge(
    view: View,
    evidence: Evidence,
    weights: ev.EvidenceWeights,
    spec: StrategySpec | None,
    own_trades: Mapping[str, float] | None,
) -> Judged:
    """Evidence for every parameter set that any usable trial tried; others are out.

    Sets without evidence must not take part: the grid that neighbours are counted on would change
    with sets that nobody knew by then, or that belong to another version.
    """
    rank = ev.estimate(evidence.cells, evidence.query, weights)
    expected = expected_utility(evidence.cells, evidence.query, weights)
    active = np.unique(evidence.cells.pset)
    steps, codes = coordinates([view.psets[int(p)] for p in active], spec)
    mass = evidence_mass(rank.levels["everything"], weights.neutral)[active]
    trades = few_trades_penalty(_trade_counts(view, evidence, own_trades)[active])
    price = weights.few_trades * smooth(trades, np.ones(len(trades)), steps, codes)
    score, agnostic = (np.full(len(view.psets), -np.inf) for _ in range(2))
    score[active] = smooth(rank.value[active], mass, steps, codes) - price
    agnostic[active] = smooth(rank.agnostic[active], mass, steps, codes)
    if own_trades is not None:
        few = [own_trades.get(text, np.inf) < MIN_OWN_TRADES for text in view.pset_texts]
        score = np.where(few, -np.inf, score)
    return Judged(score, rank, agnostic, expected)


def _trade_counts(view: View, evidence: Evidence, own_trades: Mapping[str, float] | None) -> Floats:
    """In-sample trades per set: the user's own, else the mean rank over known windows."""
    if own_trades is not None:
        return np.array([own_trades.get(text, np.nan) for text in view.pset_texts])
    trades = view.floats("n_trades_is")
    near = evidence.query.same_timeframe[view.window] if len(view.window) else np.zeros(0, bool)
    counted = np.isfinite(trades) & np.isfinite(evidence.scores) & near
    if not counted.any():
        return np.full(len(view.psets), np.nan)
    ranks, _ = ev.rank_within(trades[counted], view.window[counted])
    n = np.bincount(view.pset[counted], minlength=len(view.psets))
    total = np.bincount(view.pset[counted], ranks, minlength=len(view.psets))
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


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
    obeying = allowed & obeys(view.psets, spec)
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
    tried = view.pset_texts.index(text) if text in view.pset_texts else None
    if tried is not None and not np.isfinite(judged.score[tried]):
        return None  # only rejected or unusable trials stand behind these parameters
    return Chosen(params, choice.pset, tried, repaired, choice.rule)


def obeys(psets: Sequence[dict[str, Any]], spec: StrategySpec | None) -> Bools:
    """Which sets obey the spec, shape (p,); all do when there is none."""
    if spec is None:
        return np.ones(len(psets), dtype=bool)
    return np.array([not spec.problems(pset) for pset in psets], dtype=bool)


def quoted_windows(evidence: Evidence) -> Bools:
    """The windows that are quoted: those of the query's timeframe, all where there are none."""
    near = evidence.query.same_timeframe
    return near if near[evidence.cells.window].any() else np.ones(len(near), dtype=bool)


def expect(evidence: Evidence, judged: Judged, pset: int, objective: Objective) -> Expectation:
    """What a set is expected to earn, with the spread of the quoted windows."""
    use, own = quoted_windows(evidence), evidence.query.own
    return expectation(evidence.cells, judged.expected, pset, use, own, objective.sign)


def baseline(
    view: View, evidence: Evidence, judged: Judged, objective: Objective,
    nominated: Bools, spec: StrategySpec | None,
) -> dict[str, Any]:  # fmt: skip
    """What the regime-agnostic average chooses, and what the declared defaults earned."""
    allowed = nominated & obeys(view.psets, spec)
    place = np.arange(len(view.psets))
    choice = choose(judged.agnostic_score, allowed, np.zeros(len(place), bool), place)
    average = None
    if choice is not None:
        average = {
            "params": dict(view.psets[choice.pset]),
            "expected": expect(evidence, judged, choice.pset, objective).to_dict(),
        }
    return {
        "regime_agnostic": average,
        "defaults": _defaults(view, evidence, judged, objective, spec),
    }


def _defaults(
    view: View, evidence: Evidence, judged: Judged, objective: Objective, spec: StrategySpec | None
) -> dict[str, Any] | None:
    params = spec.defaults if spec else None
    if params is None:
        return None
    text = canonical_params(params)
    expected = None
    if text in view.pset_texts:
        expected = expect(evidence, judged, view.pset_texts.index(text), objective).to_dict()
    return {"params": params, "expected": expected}
