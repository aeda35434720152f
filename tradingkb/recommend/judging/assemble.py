"""From findings to an answer: it is put together here, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.domain import canonical_params
from tradingkb.ranking import Expectation, spreads
from tradingkb.recommend.answer import (
    AnswerStatus,
    Baseline,
    Debug,
    Recommendation,
    Said,
    actions_for,
)
from tradingkb.recommend.judging.answer_tables import count_rules, evidence_table, nomination_table
from tradingkb.recommend.judging.findings import Findings, RecommendConfig
from tradingkb.recommend.judging.judge import Chosen, baseline, choose_params, expect
from tradingkb.recommend.judging.overfitting import allowed, overfitting_evidence
from tradingkb.recommend.judging.status import judge_status
from tradingkb.recommend.judging.trust import Verdict, verdict
from tradingkb.recommend.known import Calibrated, Context, View

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def assemble(
    c: Context,
    f: Findings,
    config: RecommendConfig,
    calibration: Calibrated | None = None,
    timings: Callable[[], Mapping[str, float]] = dict,
) -> Recommendation:
    """Chooses parameters and says how far to trust them; pure.

    Args:
        c: what is known.
        f: what the steps before the choice found.
        config: what answers are made with.
        calibration: the newest one of the objective, None without any.
        timings: milliseconds per step, asked for when all is done.
    """
    sets = nominated_sets(c, f)
    outline = outline_of(c, f, sets)
    chosen, expected, status = outline.chosen, outline.expected, outline.status
    pset = chosen.tested_pset if chosen else None
    trust = verdict(c, config.weights, calibration, chosen.params) if chosen else Verdict()
    base = None
    if chosen is not None:
        base = baseline(f.evidence, f.judged, sets, c.spec, _expected_of(chosen))
    said = c.said + outline.said + trust.said
    said += _beside(c, chosen, expected, base) + _decided(c, chosen)
    evidence = evidence_table(f.evidence, pset, f.distance, f.kernel)
    question, market, filtered = c.question, c.question.market, f.filtered
    return Recommendation(
        request_id=question.request_id,
        at=c.now,
        workspace=c.target.workspace.slug,
        strategy_name=question.strategy_name,
        objective_type=question.objective_type,
        status=status,
        params=chosen.params if chosen else None,
        expected=expected,
        reasons=said.reasons,
        warnings=said.warnings,
        notes=said.notes,
        suggested_actions=actions_for([*said.reasons, *said.warnings]),
        after_strict=filtered.strict_count,
        after_relaxed=filtered.relaxed_count,
        strict_to_relaxed=filtered.used_relaxed,
        metadata_only=f.metadata_only,
        repaired_params=chosen.repaired if chosen else {},
        params_tested=pset is not None,
        trials=_nominations(c, f, pset),
        evidence=evidence,
        windows_used=evidence.height,
        spreads=spreads(c.view.psets, f.judged.score, sets) if chosen else {},
        regime=market.regime,
        filter_rejections=filtered.rejections,
        recommended_relaxed_settings=filtered.relaxations,
        baseline=base,
        collection=c.target.collection,
        embed_model=c.target.model,
        symbol=market.symbol,
        timeframe=c.timeframe,
        as_of=question.as_of,
        strategy_version=c.version,
        tie_break_counts=count_rules(f.ranking.rules),
        weights=config.recorded,
        filters=asdict(filtered.strict_filters),
        debug=_debug(c, f, sets) if question.mode == "debug" else None,
        overfitting=overfitting_evidence(c).of(pset) if chosen else None,
        calibration=trust.calibration,
        confidence=trust.value,
        confidence_band=trust.band,
        timings=timings(),
    )


@dataclass(frozen=True)
class Outline:
    """The heart of an answer: the choice, what it is expected to earn, the status, and why."""

    chosen: Chosen | None
    expected: Expectation | None
    status: AnswerStatus
    said: Said


def outline_of(c: Context, f: Findings, sets: Bools) -> Outline:
    """Chooses among nominated sets, and says how the choice stands."""
    chosen = pick(c, f, sets)
    expected = expect(f.evidence, f.judged, _expected_of(chosen), c.spec) if chosen else None
    status, said = judge_status(c, f, chosen, expected)
    if status == "none":
        return Outline(None, None, status, said)
    return Outline(chosen, expected, status, said)


def nominated_sets(c: Context, f: Findings) -> Bools:
    """Parameter sets that a trial nominates and that pass the limits on luck, shape (p,).

    Whatever market it ran in: how far a regime decides is estimated, and set by no other means.
    """
    sets = np.zeros(len(c.view.psets), dtype=bool)
    sets[c.view.pset[f.filtered.nominating]] = True
    limits = (c.question.min_deflated_sharpe, c.question.max_pbo)
    return sets if limits == (None, None) else sets & allowed(overfitting_evidence(c), *limits)


def pick(c: Context, f: Findings, sets: Bools) -> Chosen | None:
    """The choice among nominated sets; None when nothing is defensible."""

    def places() -> Ints:
        return _places(c.view, f.ranking.rows)

    return choose_params(c.view, f.judged, sets, c.promoted, places, c.spec)


def _expected_of(chosen: Chosen) -> int:
    """The set whose evidence speaks for the choice."""
    return chosen.pset if chosen.tested_pset is None else chosen.tested_pset


def _beside(
    c: Context, chosen: Chosen | None, expected: Expectation | None, base: Baseline | None
) -> Said:
    """Warns when the defaults are expected to earn as much."""
    defaults = base.defaults if base is not None else None
    if chosen is None or expected is None or defaults is None or defaults.expected is None:
        return Said()
    lead = c.objective.sign * (expected.value - defaults.expected.value)
    worse = defaults.params != chosen.params and lead <= 0
    return Said(warnings=("defaults_expected_as_good",) if worse else ())


def _decided(c: Context, chosen: Chosen | None) -> Said:
    """Names a preference that moved the choice from what is expected to earn most, and its cost."""
    if chosen is None or chosen.choice.best == chosen.choice.pset:
        return Said()
    other = canonical_params(c.view.psets[chosen.choice.best])
    why = {
        "promoted": "they are promoted",
        "rank": "their mean rank within windows is better, or they trade less",
        "nomination": "they were nominated first",
    }.get(chosen.choice.rule, "of their rank")
    note = (
        f"chosen because {why}: {other} is expected to earn {chosen.choice.cost:.2g} more, from "
        "which the evidence does not tell them apart"
    )
    return Said(notes=(note,))


def _nominations(c: Context, f: Findings, pset: int | None) -> pl.DataFrame:
    return nomination_table(
        f.evidence,
        f.ranking,
        statuses=c.statuses,
        similarity=f.found.similarity,
        distance=f.distance,
        relaxed=f.filtered.relaxed,
        side="during" if c.stated else "before",
        chosen=pset,
    )


def _places(view: View, ranked: Ints) -> Ints:
    """Place of each parameter set's best nomination; past the end for those not listed."""
    places = np.full(len(view.psets), len(ranked), dtype=np.int64)
    places[view.pset[ranked[::-1]]] = np.arange(len(ranked))[::-1]
    return places


def _debug(c: Context, f: Findings, sets: Bools) -> Debug:
    judged = f.judged
    order = np.argsort(-judged.score, kind="stable")
    table = pl.DataFrame(
        {
            "params": [c.view.pset_texts[i] for i in order],
            "nominated": sets[order],
            "score": judged.score[order],
            "told_apart": judged.reach[order],
            "preference": judged.preference[order],
            "mean_rank": judged.plain[order],
        }
    )
    return Debug(c.funnel, tuple(table.to_dicts()))
