"""The recommend job: from a question to an answer, against ports only."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain.scaling import RegimeScaler
from tradingkb.observability.events import emit
from tradingkb.ports import EmbedderFactory, TrialStore, VectorIndex, Workspace
from tradingkb.ranking.evidence import EvidenceWeights, Query
from tradingkb.recommend import judge as j
from tradingkb.recommend.answer import Recommendation
from tradingkb.recommend.assemble import assemble
from tradingkb.recommend.confidence import Calibrated, Calibrations
from tradingkb.recommend.context import Context, ContextReader, to_micros
from tradingkb.recommend.findings import Findings
from tradingkb.recommend.nominate import Filtered, apply_filters, thresholds
from tradingkb.recommend.record import EventLog
from tradingkb.recommend.request import RecommendRequest
from tradingkb.recommend.retrieve import Retrieved, distances, search_exact, search_index
from tradingkb.recommend.tables import rank_nominations, score_nominations

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class RecommendConfig:
    """Settings of the job; see `tradingkb.settings` for their meaning."""

    top_k: int = 50
    neighbour_windows: int = 100
    tie_epsilon: float = 0.02
    embargo_s: float = 0.0
    weights: EvidenceWeights = field(default_factory=EvidenceWeights)


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
        self.calibrations = Calibrations(store)
        self.contexts = ContextReader(store, clock=clock, embargo_s=config.embargo_s)

    def run(
        self, workspace: Workspace, model: str, collection: str, request: RecommendRequest
    ) -> Recommendation:
        """Answers one question, and records that it was asked.

        Raises:
            As `answer`.
        """
        answer = self.answer(workspace, model, collection, request)
        self.events.record(answer, workspace, request)
        return answer

    def answer(
        self,
        workspace: Workspace,
        model: str,
        collection: str,
        request: RecommendRequest,
        *,
        calibration: Callable[[str, str], Calibrated | None] | None = None,
    ) -> Recommendation:
        """Answers one question; recording it is left to the caller.

        Args:
            workspace: whose trials count.
            model: in force.
            collection: in force.
            request: the question.
            calibration: gives the newest one of a workspace and an objective; default: looked up.

        Raises:
            UnknownStrategyError, UnknownObjectiveError: with near names.
            InvalidInputError: a filter value out of its range.
        """
        request_id = str(uuid.uuid4())
        emit(
            "kb_recommend_start",
            request_id=request_id,
            workspace_id=workspace.id,
            strategy=request.strategy_name,
            objective=request.objective_type,
        )
        watch = Stopwatch()
        context = self.contexts.read(workspace, model, collection, request)
        watch.lap("load_ms")
        findings = self.find(context, watch)
        newest = calibration or self.calibrations.newest
        known = newest(workspace.id, request.objective_type)
        return assemble(context, findings, self.config, request_id, watch.total, known)

    def find(self, c: Context, watch: Stopwatch) -> Findings:
        """Everything that an answer rests on, short of the choice; nothing is recorded."""
        pool, regime = c.pool, c.request.regime
        scaler = pool.scaler if regime is not None else None
        distance = kernel = None
        if regime is not None and scaler is not None:
            distance = distances(pool, regime, scaler)
            kernel = regime_kernel(distance, self.config.weights.bandwidth(stated=c.stated))
        query = Query(c.own, c.near, kernel, c.stated)
        evidence = j.Evidence(pool, query, pool.standing(query, c.spec))
        # Only trials that carry a score of the evidence's sample nominate: the counts are theirs.
        c.funnel["not_archived"] = pool.n_may_nominate
        filtered = self._filter(c)
        watch.lap("filter_ms")
        found = self._retrieve(c, filtered, scaler)
        watch.lap("retrieve_ms")
        judged = j.judge(evidence, self.config.weights, c.spec, c.request.own_trades)
        watch.lap("judge_ms")
        rows = np.flatnonzero(_nominated(c, filtered, found))
        scores = score_nominations(
            pool,
            rows,
            regime=regime,
            similarity=found.similarity,
            relaxed=filtered.relaxed,
            metadata_only=found.reason is not None,
        )
        ranking = rank_nominations(
            c.view,
            rows,
            scores,
            c.statuses,
            epsilon=self.config.tie_epsilon,
            top=self.config.top_k,
            as_of_micros=to_micros(c.request.as_of) if c.request.as_of else None,
        )
        watch.lap("rank_ms")
        return Findings(filtered, found, evidence, judged, rows, ranking, distance, kernel)

    def _filter(self, c: Context) -> Filtered:
        floors = c.spec.floors if c.spec else {}
        strict, relaxed = thresholds(floors, c.request.filters)
        return c.pool.filtered.get(
            (strict, relaxed), lambda: apply_filters(c.view, c.pool.may_nominate, strict, relaxed)
        )

    def _retrieve(self, c: Context, filtered: Filtered, scaler: RegimeScaler | None) -> Retrieved:
        regime = c.request.regime
        if regime is None or not filtered.nominating.any():
            return Retrieved(None)
        if scaler is None:
            return Retrieved(None, "collection_empty", "no stored window has a regime")
        limit = self.config.neighbour_windows
        if c.request.as_of is not None:
            return search_exact(c.pool, regime, scaler, filtered.windows, limit)
        return search_index(
            c.view,
            regime,
            filtered.filters,
            filtered.windows,
            vectors=self.vectors,
            make_embedder=lambda: self.embedders(c.model, c.view.scaler),
            collection=c.collection,
            workspace_id=c.workspace.id,
            strategy_name=c.request.strategy_name,
            limit=limit,
        )


def regime_kernel(distance: Floats, bandwidth: float) -> Floats:
    """exp(-d^2 / (2 h^2)), 0 where the distance is unknown; shape as given."""
    return np.nan_to_num(np.exp(-0.5 * (distance / bandwidth) ** 2))


def _nominated(c: Context, filtered: Filtered, found: Retrieved) -> Bools:
    """Trials that pass the filters, in the windows that the search found (if it ran)."""
    if found.similarity is None:
        return filtered.nominating
    return filtered.nominating & np.isfinite(found.similarity)[c.view.window]


class Stopwatch:
    """Milliseconds per step."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        """Ends the step of that name."""
        now = time.perf_counter()
        self._laps[name] = round((now - self._last) * 1000, 3)
        self._last = now

    def total(self) -> dict[str, float]:
        """Every step, what came after the last one as `choose_ms`, and `total_ms`."""
        self.lap("choose_ms")
        return {**self._laps, "total_ms": round((self._last - self._start) * 1000, 3)}
