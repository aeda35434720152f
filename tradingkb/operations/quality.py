"""Measured quality: what advice was worth."""

from __future__ import annotations

from collections.abc import Sequence

from tradingkb.evaluate.calibrate import CalibrateJob, CalibrationReport
from tradingkb.evaluate.job import EvaluateJob
from tradingkb.evaluate.request import EvaluationRequest
from tradingkb.evaluate.result import Evaluation
from tradingkb.operations.base import Shared
from tradingkb.progress import progress_bar
from tradingkb.recommend import RecommendJob
from tradingkb.workspaces import DEFAULT_WORKSPACE


class Quality(Shared):
    """Part of `KnowledgeBase`: measuring it."""

    _recommend_job: RecommendJob

    def evaluate(
        self,
        strategies: Sequence[str] | str | None = None,
        objective_type: str = "sharpe",
        workspace: str = DEFAULT_WORKSPACE,
        symbols: Sequence[str] | str | None = None,
        max_decisions: int | None = None,
        controls: bool = True,
        seed: int = 0,
    ) -> Evaluation:
        """Replays history: what would have been recommended at each window's start, and its result.

        Point in time: a decision sees only what was knowable by then. Beside the recommender, other
        ways to choose are given the same knowledge. Nothing is written.

        Args:
            strategies: names; None for all.
            objective_type: what is judged.
            workspace: slug or id.
            symbols: instruments whose windows are decided; evidence comes from all.
            max_decisions: draw this many at random where there are more.
            controls: also replay a placebo regime and random neighbours, which should add nothing.
            seed: of every draw: the same seed and store give the same figures.

        Raises:
            UnknownStrategyError, UnknownObjectiveError, UnknownWorkspaceError: with near names.
            InvalidInputError: nothing can be replayed, with what is missing.
        """
        space = self._workspaces.find(workspace)
        request = EvaluationRequest(
            objective_type, _names(strategies), _names(symbols), max_decisions, controls, seed
        )
        job = EvaluateJob(self._recommend_job, clock=self._clock)
        with progress_bar(self._progress, "decisions") as progress:
            return job.run((space, *self._workspaces.active(space)), request, progress)

    def calibrate(
        self,
        objective_type: str = "sharpe",
        workspace: str = DEFAULT_WORKSPACE,
        restart: bool = False,
        seed: int = 0,
    ) -> CalibrationReport:
        """Fits the confidence of answers on what past decisions earned against the defaults.

        Decisions whose outcome is known already are not replayed again, so repeat it whenever
        trials have come in. Too few outcomes leave answers uncalibrated.

        Args:
            objective_type: of the answers whose confidence it is.
            workspace: slug or id.
            restart: replay every decision again, as after trials were rejected or withdrawn.
            seed: of the draws behind the intervals.

        Raises:
            UnknownObjectiveError, UnknownWorkspaceError: with near names.
        """
        space = self._workspaces.find(workspace, create_default=True)
        job = CalibrateJob(self._recommend_job, clock=self._clock)
        with progress_bar(self._progress, "strategies") as progress:
            return job.run(
                (space, *self._workspaces.active(space)),
                objective_type,
                restart=restart,
                seed=seed,
                progress=progress,
            )


def _names(given: Sequence[str] | str | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    return (given,) if isinstance(given, str) else tuple(given)
