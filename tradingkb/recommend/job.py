"""The recommend job: from a question to an answer, against ports only."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.domain.filters import MIN_CANDIDATES, MIN_WINDOWS
from tradingkb.domain.lifecycle import ELIGIBLE
from tradingkb.domain.objective import Objective, get_objective
from tradingkb.domain.regime import Regime
from tradingkb.domain.scaling import RegimeScaler
from tradingkb.domain.strategy import StrategySpec
from tradingkb.exceptions import UnknownStrategyError
from tradingkb.observability.events import emit
from tradingkb.ports import EmbedderFactory, TrialStore, VectorIndex, Workspace
from tradingkb.ranking.choose import spreads
from tradingkb.ranking.evidence import EvidenceWeights
from tradingkb.recommend import judge as j
from tradingkb.recommend import tables as t
from tradingkb.recommend.answer import Recommendation
from tradingkb.recommend.codes import CODES, actions_for
from tradingkb.recommend.nominate import Filtered, apply_filters
from tradingkb.recommend.record import EventLog
from tradingkb.recommend.request import RecommendRequest
from tradingkb.recommend.retrieve import Retrieved, distances, search_exact, search_index
from tradingkb.recommend.view import View, make_view, statuses_as_of

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class RecommendConfig:
    """Settings of the job; see `tradingkb.settings` for their meaning."""

    top_k: int = 50
    neighbour_windows: int = 100
    tie_epsilon: float = 0.02
    embargo_s: float = 0.0
    weights: EvidenceWeights = EvidenceWeights()


@dataclass
class Context:
    """What the steps of one answer share."""

    workspace: Workspace
    request: RecommendRequest
    model: str
    collection: str
    objective: Objective
    spec: StrategySpec | None
    version: str | None
    view: View
    now: datetime
    statuses: list[str]
    usable: Bools
    reasons: list[str]
    warnings: list[str]
    notes: list[str]
    funnel: dict[str, int]


class RecommendJob:
    """Answers questions about one store."""

    def __init__(
        self,
        store: TrialStore,
        vectors: VectorIndex,
        embedders: EmbedderFactory,
        config: RecommendConfig,
        events: EventLog,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self.store = store
        self.vectors = vectors
        self.embedders = embedders
        self.config = config
        self.events = events
        self.clock = clock
        self._views: dict[tuple[str, str], View] = {}

    def run(
        self, workspace: Workspace, model: str, collection: str, request: RecommendRequest
    ) -> Recommendation:
        """Answers one question, and records that it was asked.

        Raises:
            UnknownStrategyError: neither spec nor trials of that name; near names are suggested.
            UnknownObjectiveError: no such objective.
            InvalidInputError: a filter value out of its range.
        """
        request_id = str(uuid.uuid4())
        emit("kb_recommend_start", request_id=request_id, workspace_id=workspace.id,
             strategy=request.strategy_name, objective=request.objective_type)  # fmt: skip
        clock = _Stopwatch()
        context = self._context(workspace, model, collection, request)
        clock.lap("load_ms")
        answer = self._answer(context, request_id, clock)
        self.events.record(answer, workspace, request)
        return answer

    # --- step 1 and 2: what is asked, and what was knowable -------------------------------------

    def _context(
        self, workspace: Workspace, model: str, collection: str, request: RecommendRequest
    ) -> Context:
        objective = get_objective(request.objective_type)
        specs = self.store.specs(workspace.id)
        view = self._view(workspace, request.strategy_name)
        mine = [s for s in specs if s.name == request.strategy_name]
        if not mine and not len(view):
            known = [*(s.name for s in specs), *self.store.strategy_names(workspace.id)]
            raise UnknownStrategyError(
                "strategy_name", request.strategy_name, known,
                remedy=f"kb.strategies(workspace={workspace.slug!r}) lists what is there",
            )  # fmt: skip
        now = self.clock()
        context = Context(
            workspace, request, model, collection, objective, None, None, view, now,
            view.frame["kb_status"].to_list(), np.zeros(len(view), bool),
            [], list(request.warnings), list(request.notes), {"stored": len(view)},
        )  # fmt: skip
        self._choose_version(context, mine)
        self._restrict(context)
        return context

    def _view(self, workspace: Workspace, strategy_name: str) -> View:
        generation, trials = self.store.partition(workspace.id, strategy_name)
        key = (workspace.id, strategy_name)
        cached = self._views.get(key)
        if cached is None or cached.generation != generation:
            cached = make_view(
                generation,
                trials,
                self.store.window_rows(workspace.id),
                self.store.param_set_rows(workspace.id, strategy_name),
            )
            self._views[key] = cached
        return cached

    def _choose_version(self, c: Context, specs: list[StrategySpec]) -> None:
        versions = c.view.frame["strategy_version"]
        wanted = c.request.strategy_version
        by_version = {s.version: s for s in specs}
        if wanted is None and specs:
            wanted = specs[-1].version
        elif wanted is None:
            newest = c.view.frame.filter(versions.is_not_null()).sort("known_at", "strategy_version")
            wanted = newest["strategy_version"][-1] if newest.height else None
        c.version = wanted
        c.spec = by_version.get(str(wanted)) if wanted is not None else None
        if c.spec is None:
            c.warnings.append("no_strategy_spec")

    def _restrict(self, c: Context) -> None:
        """Who counts: eligible then, known then, of this version, with a score."""
        as_of = c.request.as_of or c.now
        micros = int(as_of.timestamp() * 1_000_000)
        if c.request.as_of is not None:
            history = self.store.status_history(c.workspace.id, c.request.strategy_name)
            c.statuses = statuses_as_of(c.view, history, micros)
        known = c.view.known_at <= micros - int(self.config.embargo_s * 1_000_000)
        eligible = np.array([s in ELIGIBLE for s in c.statuses], dtype=bool)
        versions = c.view.frame["strategy_version"]
        unstated = versions.is_null().to_numpy()
        of_version = unstated | (versions == c.version).fill_null(False).to_numpy() \
            if c.version is not None else np.ones(len(c.view), bool)  # fmt: skip
        scored = np.isfinite(c.view.scores(c.objective, "oos")) | np.isfinite(
            c.view.scores(c.objective, "is")
        )
        c.usable = known & eligible & of_version & scored
        for name, mask in (("known", known), ("eligible", known & eligible),
                           ("of_version", known & eligible & of_version), ("scored", c.usable)):  # fmt: skip
            c.funnel[name] = int(mask.sum())
        stated_too = (c.usable & ~unstated).any()
        if (c.usable & unstated).any() and stated_too:
            c.warnings.append("mixed_strategy_versions")
        if c.view.frame.filter(c.usable)["cost_bps"].n_unique() > 1:
            c.warnings.append("mixed_engines_or_costs")

    # --- steps 3 to 8 -----------------------------------------------------------------------------

    def _answer(self, c: Context, request_id: str, clock: _Stopwatch) -> Recommendation:
        archived = c.view.frame["archived"].to_numpy()
        floors = c.spec.floors if c.spec else {}
        filtered = apply_filters(c.view, c.usable & ~archived, floors, c.request.filters)
        clock.lap("filter_ms")
        scaler = self._scaler(c)
        found = self._retrieve(c, filtered, scaler)
        clock.lap("retrieve_ms")
        nominated = self._nominated(filtered, found, c.view)
        distance = kernel = None
        if c.request.regime is not None and scaler is not None:
            distance = distances(c.view, c.request.regime, scaler)
            width = self.config.weights.bandwidth
            kernel = np.nan_to_num(np.exp(-0.5 * (distance / width) ** 2))
        evidence = j.gather(
            c.view, c.usable, c.objective, own=self._own(c), same_timeframe=self._near(c),
            kernel=kernel, stated=c.request.regime is not None and c.request.regime.source == "stated",
        )  # fmt: skip
        nominated &= np.isfinite(evidence.scores)
        judged = j.judge(c.view, evidence, self.config.weights, c.spec, c.request.own_trades)
        clock.lap("judge_ms")
        return self._assemble(
            c, request_id, clock, filtered, found, nominated, evidence, judged, distance, kernel
        )

    def _scaler(self, c: Context) -> RegimeScaler | None:
        """Today's scaler, or the one that the windows known by `as_of` give."""
        if c.request.regime is None:
            return None
        if c.request.as_of is None:
            return self.store.scaler(c.workspace.id)
        windows = np.unique(c.view.window[c.usable])
        raw = np.vstack([c.view.windows.before[windows], c.view.windows.during[windows]])
        raw = raw[np.isfinite(raw).any(axis=1)]
        return RegimeScaler.fit(raw, version=0) if len(raw) else None

    def _retrieve(self, c: Context, filtered: Filtered, scaler: RegimeScaler | None) -> Retrieved:
        regime = c.request.regime
        if regime is None:
            return Retrieved(None)
        if not filtered.relaxed.any():
            return Retrieved(None)
        limit = self.config.neighbour_windows
        if scaler is None:
            return Retrieved(None, "collection_empty", "no stored window has a regime")
        if c.request.as_of is not None:
            open_windows = np.bincount(c.view.window[filtered.relaxed], minlength=len(c.view.windows))
            return search_exact(c.view, regime, scaler, open_windows, limit)
        return search_index(
            c.view, regime, filtered.filters, store=self.store, vectors=self.vectors,
            make_embedder=lambda: self.embedders(c.model, scaler), collection=c.collection,
            workspace_id=c.workspace.id, strategy_name=c.request.strategy_name, limit=limit,
        )  # fmt: skip

    def _nominated(self, filtered: Filtered, found: Retrieved, view: View) -> Bools:
        """Trials that pass the filters, in the windows that the search found (if it ran)."""
        if found.similarity is None:
            return filtered.relaxed.copy()
        return filtered.relaxed & np.isfinite(found.similarity)[view.window]

    def _own(self, c: Context) -> Bools:
        w, r = c.view.windows, c.request
        if r.symbol is None:
            return np.zeros(len(w), dtype=bool)
        same = w.symbol == r.symbol
        return np.asarray(same & (w.timeframe == r.timeframe) if r.timeframe else same, dtype=bool)

    def _near(self, c: Context) -> Bools:
        if c.request.timeframe is None:
            return np.ones(len(c.view.windows), dtype=bool)
        return np.asarray(c.view.windows.timeframe == c.request.timeframe, dtype=bool)

    def _assemble(
        self, c: Context, request_id: str, clock: _Stopwatch, filtered: Filtered, found: Retrieved,
        nominated: Bools, evidence: j.Evidence, judged: j.Judged,
        distance: Floats | None, kernel: Floats | None,
    ) -> Recommendation:  # fmt: skip
        view, request = c.view, c.request
        relaxed_only = filtered.relaxed & ~filtered.strict
        metadata_only = found.reason is not None
        rows = np.flatnonzero(nominated)
        scores = t.score_nominations(
            view, rows, evidence, regime=request.regime, similarity=found.similarity,
            relaxed=relaxed_only, metadata_only=metadata_only,
        )  # fmt: skip
        ranked, rules = t.rank_nominations(
            view, rows, scores, c.statuses, epsilon=self.config.tie_epsilon, top=self.config.top_k
        )
        clock.lap("rank_ms")
        sets = np.zeros(len(view.psets), dtype=bool)
        sets[view.pset[rows]] = True
        chosen = j.choose_params(
            view, judged, sets, self._promoted(c), _places(view, ranked), c.spec
        )
        pset = chosen.tested_pset if chosen else None
        evidence_rows = t.evidence_table(view, evidence, pset, distance, kernel)
        status = self._status(c, filtered, found, rows, chosen, evidence, evidence_rows.height)
        side = "during" if request.regime is not None and request.regime.source == "stated" else "before"
        expected = base = None
        if chosen is not None:
            expected = {
                **j.expect(evidence, judged, chosen.pset if pset is None else pset, c.objective).to_dict(),
                "unit": c.objective.unit, "direction": c.objective.direction,
            }  # fmt: skip
            base = j.baseline(view, evidence, judged, c.objective, sets, c.spec)
        table = t.nomination_table(
            view, ranked, rules, dict(zip(rows.tolist(), scores.tolist(), strict=True)), evidence,
            statuses=c.statuses, similarity=found.similarity, distance=distance,
            relaxed=relaxed_only, tags=view.windows.tags(side), chosen=pset,
        )  # fmt: skip
        clock.lap("choose_ms")
        codes = [*c.reasons, *c.warnings]
        return Recommendation(
            request_id=request_id, at=c.now, workspace=c.workspace.slug,
            strategy_name=request.strategy_name, objective_type=request.objective_type,
            status=status, params=chosen.params if chosen else None, expected=expected,
            reasons=c.reasons, warnings=c.warnings, notes=c.notes,
            suggested_actions=actions_for(codes) if status != "ok" else [],
            strict_count=filtered.strict_count, relaxed_count=filtered.relaxed_count,
            used_relaxed_filters=filtered.used_relaxed, used_metadata_fallback=metadata_only,
            repaired_params=chosen.repaired if chosen else {},
            params_tested=pset is not None and evidence_rows.height > 0,
            trials=table, evidence=evidence_rows, windows_used=evidence_rows.height,
            spreads=spreads(view.psets, judged.score, sets) if chosen else {},
            regime=request.regime, filter_rejections=[asdict(r) for r in filtered.rejections],
            recommended_relaxed_settings=[asdict(r) for r in filtered.relaxations],
            baseline=base, active_collection=c.collection, embed_model=c.model,
            timings=clock.total(), symbol=request.symbol, timeframe=request.timeframe,
            as_of=request.as_of, strategy_version=c.version, tie_break_counts=t.count_rules(rules),
            weights={**asdict(self.config.weights), "tie_epsilon": self.config.tie_epsilon,
                     "neighbour_windows": self.config.neighbour_windows},
            debug=_debug(c, judged, sets) if request.mode == "debug" else None,
        )  # fmt: skip

    def _promoted(self, c: Context) -> Bools:
        promoted = np.zeros(len(c.view.psets), dtype=bool)
        rows = [i for i, s in enumerate(c.statuses) if s == "promoted" and c.usable[i]]
        promoted[c.view.pset[rows]] = True
        return promoted

    def _status(
        self, c: Context, filtered: Filtered, found: Retrieved, rows: NDArray[np.int64],
        chosen: j.Chosen | None, evidence: j.Evidence, windows_used: int,
    ) -> Any:  # fmt: skip
        """Fills reasons and warnings, and says "ok", "degraded" or "none"."""
        c.warnings.append("uncalibrated")
        if found.reason is not None:
            c.reasons += [found.reason, "metadata_only"]
            c.notes.append(found.detail or CODES[found.reason].meaning)
        if chosen is None:
            c.reasons[:0] = self._obstacles(c, filtered)
            return "none"
        checks = {
            "strict_to_relaxed": filtered.used_relaxed,
            "few_candidates": len(rows) < MIN_CANDIDATES,
            "few_windows": windows_used < MIN_WINDOWS
            or len(np.unique(c.view.window[rows])) < MIN_WINDOWS,
            "missing_regime_context": c.request.regime is None,
            "in_sample_only": evidence.in_sample,
            "repaired_params": bool(chosen.repaired),
        }
        c.reasons += [code for code, found_so in checks.items() if found_so]
        if c.request.regime is None:
            c.warnings.append("missing_regime_context")
        if c.request.symbol is not None and not evidence.query.own.any():
            c.warnings.append("no_own_history")
        if chosen.tested_pset is None:
            c.warnings.append("params_not_tested")
        return "degraded" if c.reasons else "ok"

    def _obstacles(self, c: Context, filtered: Filtered) -> list[str]:
        if not len(c.view):
            return ["collection_empty", "no_trials_for_strategy"]
        if not c.funnel["eligible"]:
            return ["no_trials_known_by_then"] if not c.funnel["known"] else ["collection_empty"]
        if not c.funnel["of_version"]:
            return ["no_trials_for_version"]
        if not c.funnel["scored"]:
            return ["no_score_for_objective"]
        codes = [] if filtered.strict_count else ["no_matches_after_strict_filters"]
        if not filtered.relaxed_count:
            codes.append("no_matches_after_relaxed_filters")
        return codes


class _Stopwatch:
    """Milliseconds per step."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._laps[name] = round((now - self._last) * 1000, 3)
        self._last = now

    def total(self) -> dict[str, float]:
        return {**self._laps, "total_ms": round((time.perf_counter() - self._start) * 1000, 3)}


def _places(view: View, ranked: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place of each parameter set's best nomination; past the end for those not listed."""
    places = np.full(len(view.psets), len(ranked), dtype=np.int64)
    for place, row in enumerate(ranked[::-1]):
        places[view.pset[row]] = len(ranked) - 1 - place
    return places


def _debug(c: Context, judged: j.Judged, sets: Bools) -> dict[str, Any]:
    order = np.argsort(-judged.score, kind="stable")
    levels = judged.rank.levels
    table = pl.DataFrame(
        {
            "params": [c.view.pset_texts[i] for i in order],
            "nominated": sets[order],
            "score": judged.score[order],
            "rank_estimate": judged.rank.value[order],
            "regime_agnostic": judged.rank.agnostic[order],
            **{f"n_{name}": level.n[order] for name, level in levels.items()},
        }
    )
    return {"funnel": c.funnel, "param_sets": table.to_dicts()}
