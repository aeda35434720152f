"""From findings to an answer: parameters, status, reasons, tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.ranking.choose import spreads
from tradingkb.ranking.evidence import EvidenceWeights
from tradingkb.recommend import judge as j
from tradingkb.recommend import tables as t
from tradingkb.recommend.answer import Recommendation
from tradingkb.recommend.codes import actions_for
from tradingkb.recommend.confidence import Calibrated, Verdict, verdict
from tradingkb.recommend.context import Context
from tradingkb.recommend.findings import Findings
from tradingkb.recommend.overfit import allowed, luck
from tradingkb.recommend.stake import stake
from tradingkb.recommend.status import judge_status
from tradingkb.recommend.view import View

if TYPE_CHECKING:
    from tradingkb.recommend.job import RecommendConfig

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def assemble(
    c: Context,
    f: Findings,
    config: RecommendConfig,
    request_id: str,
    timings: Callable[[], dict[str, float]],
    calibration: Calibrated | None = None,
) -> Recommendation:
    """Chooses parameters and says how far to trust them."""
    sets = nominated_sets(c, f)
    chosen = pick(c, f, sets)
    pset = chosen.tested_pset if chosen else None
    rows = t.evidence_table(f.evidence, pset, f.distance, f.kernel)
    expected = _expected(c, f, chosen)
    status = judge_status(c, f, chosen, expected)
    found_luck = luck(c)
    said = _confidence(c, f, config.weights, chosen, calibration, ok=status == "ok")
    base = _baseline(c, f, sets, chosen, expected)
    table = _nominations(c, f, pset)
    request, filtered = c.request, f.filtered
    return Recommendation(
        request_id=request_id,
        at=c.now,
        workspace=c.workspace.slug,
        strategy_name=request.strategy_name,
        objective_type=request.objective_type,
        status=status,
        params=chosen.params if chosen else None,
        expected=expected,
        reasons=c.reasons,
        warnings=c.warnings,
        notes=c.notes,
        suggested_actions=actions_for([*c.reasons, *c.warnings]),
        strict_count=filtered.strict_count,
        relaxed_count=filtered.relaxed_count,
        used_relaxed_filters=filtered.used_relaxed,
        used_metadata_fallback=f.metadata_only,
        repaired_params=chosen.repaired if chosen else {},
        params_tested=pset is not None,
        trials=table,
        evidence=rows,
        windows_used=rows.height,
        spreads=spreads(c.view.psets, f.judged.score, sets) if chosen else {},
        regime=request.regime,
        filter_rejections=[asdict(r) for r in filtered.rejections],
        recommended_relaxed_settings=[asdict(r) for r in filtered.relaxations],
        baseline=base,
        active_collection=c.collection,
        embed_model=c.model,
        symbol=request.symbol,
        timeframe=c.timeframe,
        as_of=request.as_of,
        strategy_version=c.version,
        tie_break_counts=t.count_rules(f.ranking.rules),
        weights={
            **asdict(config.weights),
            "tie_epsilon": config.tie_epsilon,
            "neighbour_windows": config.neighbour_windows,
            "top_k": config.top_k,
        },
        debug=_debug(c, f.judged, sets) if request.mode == "debug" else None,
        timings=timings(),
        confidence=said.value,
        confidence_band=said.band,
        calibration=said.calibration,
        overfitting=found_luck.of(pset) if chosen else None,
    )


def nominated_sets(c: Context, f: Findings) -> Bools:
    """Parameter sets that a trial nominates and that pass the limits on luck, shape (p,)."""
    sets = np.zeros(len(c.view.psets), dtype=bool)
    sets[c.view.pset[f.rows]] = True
    limits = (c.request.min_deflated_sharpe, c.request.max_pbo)
    return sets if limits == (None, None) else sets & allowed(luck(c), *limits)


def pick(c: Context, f: Findings, sets: Bools) -> j.Chosen | None:
    """The choice among nominated sets; None when nothing is defensible."""
    places = _places(c.view, f.ranking.rows)
    return j.choose_params(c.view, f.judged, sets, c.promoted, places, c.spec)


def _expected(c: Context, f: Findings, chosen: j.Chosen | None) -> dict[str, Any] | None:
    if chosen is None:
        return None
    pset = chosen.pset if chosen.tested_pset is None else chosen.tested_pset
    found = j.expect(f.evidence, f.judged, pset, c.objective, c.spec).to_dict()
    return {**found, "unit": c.objective.unit, "direction": c.objective.direction}


def _baseline(
    c: Context,
    f: Findings,
    sets: Bools,
    chosen: j.Chosen | None,
    expected: dict[str, Any] | None,
) -> dict[str, Any] | None:
    """What stands beside the answer; warns when the defaults are expected to earn as much."""
    if chosen is None or expected is None:
        return None
    base = j.baseline(c.view, f.evidence, f.judged, c.objective, sets, c.spec)
    defaults = base["defaults"]
    if defaults and defaults["expected"] and defaults["params"] != chosen.params:
        lead = c.objective.sign * (expected["value"] - defaults["expected"]["value"])
        if lead <= 0:
            c.warnings.append("defaults_expected_as_good")
    return base


def _nominations(c: Context, f: Findings, pset: int | None) -> pl.DataFrame:
    return t.nomination_table(
        f.evidence,
        f.ranking,
        statuses=c.statuses,
        similarity=f.found.similarity,
        distance=f.distance,
        relaxed=f.filtered.relaxed,
        side="during" if c.stated else "before",
        chosen=pset,
    )


def _confidence(
    c: Context,
    f: Findings,
    weights: EvidenceWeights,
    chosen: j.Chosen | None,
    calibration: Calibrated | None,
    *,
    ok: bool,
) -> Verdict:
    """The confidence in the choice; warns when there is none."""
    if chosen is None:
        return Verdict()
    staked = stake(c, f.evidence, f.judged, chosen, ok=ok)
    said = verdict(c, weights, calibration, staked, chosen.params)
    c.warnings += [said.warning] if said.warning else []
    c.notes += [said.note] if said.note else []
    return said


def _places(view: View, ranked: Ints) -> Ints:
    """Place of each parameter set's best nomination; past the end for those not listed."""
    places = np.full(len(view.psets), len(ranked), dtype=np.int64)
    places[view.pset[ranked[::-1]]] = np.arange(len(ranked))[::-1]
    return places


def _debug(c: Context, judged: j.Judged, sets: Bools) -> dict[str, Any]:
    order = np.argsort(-judged.score, kind="stable")
    table = pl.DataFrame(
        {
            "params": [c.view.pset_texts[i] for i in order],
            "nominated": sets[order],
            "score": judged.score[order],
            "rank_estimate": judged.rank.value[order],
            "regime_agnostic": judged.rank.agnostic[order],
            **{f"n_{name}": level.n[order] for name, level in judged.rank.levels.items()},
        }
    )
    return {"funnel": c.funnel, "param_sets": table.to_dicts()}
