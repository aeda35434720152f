"""The evaluation job: from a store to a table of what advice was worth."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import numpy as np

from tradingkb.domain.names import near_names
from tradingkb.domain.objective import get_objective
from tradingkb.evaluate.decisions import Decision, list_decisions, sample
from tradingkb.evaluate.frames import decision_frame
from tradingkb.evaluate.learning import calibration_scores, outcome_frame, to_outcomes
from tradingkb.evaluate.methods import METHODS
from tradingkb.evaluate.replay import Replay, Replayed
from tradingkb.evaluate.request import EvaluationRequest
from tradingkb.evaluate.result import Evaluation
from tradingkb.exceptions import InvalidInputError, UnknownStrategyError
from tradingkb.ports import Workspace
from tradingkb.recommend import RecommendJob

CONTROLS: Final = frozenset({"placebo", "random_windows"})
Progress = Callable[[str, int, int], None]


class EvaluateJob:
    """Replays a workspace's past."""

    def __init__(self, job: RecommendJob, *, clock: Callable[[], datetime]) -> None:
        self._job = job
        self._clock = clock

    def run(
        self,
        place: tuple[Workspace, str, str],
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
        replay = Replay(self._job, place, objective, wanted=wanted, seed=request.seed)
        chosen = self._decisions(place, request, replay)
        replayed: list[Replayed] = []
        total = len(chosen)
        for name in dict.fromkeys(d.strategy_name for d in chosen):
            mine, before = [d for d in chosen if d.strategy_name == name], len(replayed)
            replayed += replay.run(mine, lambda k, b=before: progress("replay", b + k, total))  # type: ignore[misc]
        return Evaluation(
            at=self._clock(),
            workspace=place[0].slug,
            objective=objective,
            request=request,
            weights=dict(vars(self._job.config.weights)),
            decisions=decision_frame(replayed, objective),
            calibration=_calibration(replayed, request.seed),
        )

    def _decisions(
        self, place: tuple[Workspace, str, str], request: EvaluationRequest, replay: Replay
    ) -> list[Decision]:
        objective = get_objective(request.objective_type)
        symbols = set(request.symbols) if request.symbols is not None else None
        found: list[Decision] = []
        for name in self._strategies(place[0], request):
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
        known = self._job.store.strategy_names(workspace.id)
        for name in request.strategies or ():
            if name not in known:
                raise UnknownStrategyError(
                    "strategies",
                    name,
                    known,
                    remedy=f"use one of {', '.join(near_names(name, known) or known)}",
                )
        return sorted(request.strategies or known)


def _calibration(replayed: list[Replayed], seed: int) -> dict[str, Any] | None:
    frame = outcome_frame(replayed)
    names = frame["strategy_name"].unique().sort().to_list()
    return calibration_scores(to_outcomes(frame, names), seed)
