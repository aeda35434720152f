"""The evaluation job: from a store to a table of what advice was worth."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import numpy as np

from tradingkb.domain import IndexTarget, Workspace, get_objective, near_names
from tradingkb.evaluate.asked import EvaluationRequest
from tradingkb.evaluate.decisions import Decision, list_decisions, sample
from tradingkb.evaluate.learning import calibration_scores, outcome_frame, to_outcomes
from tradingkb.evaluate.methods import METHODS
from tradingkb.evaluate.replay import Replay, Replayed
from tradingkb.evaluate.replayed import decision_frame
from tradingkb.evaluate.result import Evaluation
from tradingkb.exceptions import InvalidInputError, UnknownStrategyError
from tradingkb.ports import ListingStore
from tradingkb.progress import Progress
from tradingkb.recommend import Recommender

CONTROLS: Final = frozenset({"placebo", "random_windows"})


class Evaluator:
    """Replays a workspace's past."""

    def __init__(
        self, store: ListingStore, recommender: Recommender, *, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._recommender = recommender
        self._clock = clock

    def run(
        self,
        target: IndexTarget,
        request: EvaluationRequest,
        progress: Progress = lambda *_: None,
    ) -> Evaluation:
        """Replays the decisions and judges every method by what they earned.

        Raises:
            UnknownStrategyError, UnknownObjectiveError: with near names.
            InvalidInputError: nothing can be replayed, with what is missing.
        """
        objective = get_objective(request.objective_type)
        wanted = frozenset(METHODS) - (frozenset() if request.controls else CONTROLS)
        replay = Replay(self._recommender, target, objective, wanted=wanted, seed=request.seed)
        chosen = self._decisions(target, request, replay)
        replayed: list[Replayed] = []
        total = len(chosen)
        for name in dict.fromkeys(d.strategy_name for d in chosen):
            mine, before = [d for d in chosen if d.strategy_name == name], len(replayed)
            replayed += replay.run(mine, lambda k, b=before: progress("replay", b + k, total))  # type: ignore[misc]
        return Evaluation(
            at=self._clock(),
            workspace=target.workspace.slug,
            objective=objective,
            request=request,
            weights=dict(vars(self._recommender.config.weights)),
            decisions=decision_frame(replayed, objective),
            calibration=calibration_scores(*to_outcomes(outcome_frame(replayed))),
        )

    def _decisions(
        self, target: IndexTarget, request: EvaluationRequest, replay: Replay
    ) -> list[Decision]:
        objective = get_objective(request.objective_type)
        symbols = set(request.symbols) if request.symbols is not None else None
        found: list[Decision] = []
        for name in self._strategies(target.workspace, request):
            found += list_decisions(replay.view(name), objective, name, symbols)
        if not found:
            raise InvalidInputError(
                f"no window has out-of-sample results of {objective.name!r} for two parameter sets",
                field="trials",
                remedy="ingest trials with oos_start, oos_end and an out-of-sample metric, or "
                "choose other strategies and symbols",
            )
        return sample(found, request.max_decisions, np.random.default_rng(request.seed))

    def _strategies(self, workspace: Workspace, request: EvaluationRequest) -> list[str]:
        known = self._store.strategy_names(workspace.id)
        for name in request.strategies or ():
            if name not in known:
                raise UnknownStrategyError(
                    "strategies",
                    name,
                    known,
                    remedy=f"use one of {', '.join(near_names(name, known) or known)}",
                )
        return sorted(request.strategies or known)
