"""The calibration job: outcomes of past decisions, and the confidence fitted on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import numpy as np
import polars as pl

from tradingkb.domain import IndexTarget, Objective, Workspace, get_objective
from tradingkb.evaluate.decisions import Decision, list_decisions
from tradingkb.evaluate.learning import (
    MIN_OUTCOMES,
    MIN_QUARTERS,
    OUTCOME_SCHEMA,
    outcome_frame,
    to_outcomes,
)
from tradingkb.evaluate.replay import Replay
from tradingkb.observability import emit
from tradingkb.plain import plain
from tradingkb.ports import Calibration, CalibrationStore, ListingStore
from tradingkb.progress import Progress
from tradingkb.ranking import Confidence, fit_confidence
from tradingkb.recommend import Recommender, View, fingerprint

_METHODS: Final = frozenset({"tradingkb", "defaults"})


@dataclass(frozen=True)
class CalibrationReport:
    """What a calibration did.

    Attributes:
        workspace, objective_type: of what.
        n_decisions: decisions that have an outcome.
        replayed: those that were replayed now; the others were known.
        n_outcomes: decisions that could be compared with the defaults.
        n_quarters: their distinct quarters.
        base_rate: share of them that beat the defaults, correlated ones of a quarter counting
            less; None while uncalibrated.
        low, high: its 90 % interval; None while uncalibrated.
        known_until: when the newest outcome became knowable.
    """

    workspace: str
    objective_type: str
    n_decisions: int
    replayed: int
    n_outcomes: int
    n_quarters: int
    base_rate: float | None
    low: float | None
    high: float | None
    known_until: datetime | None

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        form: dict[str, Any] = plain(vars(self))
        return form

    def __str__(self) -> str:
        seen = (
            f"{self.n_decisions:,} decisions, {self.replayed:,} replayed now; "
            f"{self.n_outcomes:,} of {self.n_quarters} quarters compare with the defaults"
        )
        if self.base_rate is None or self.low is None or self.high is None:
            return f"{seen}: uncalibrated, {MIN_OUTCOMES} of {MIN_QUARTERS} quarters are needed"
        within = f"{100 * self.low:.1f} to {100 * self.high:.1f} %"
        return f"{seen}: {100 * self.base_rate:.1f} % beat them ({within})"


class _Store(CalibrationStore, ListingStore, Protocol):
    """What a calibration needs of a store."""


class Calibrator:
    """Keeps a workspace's confidence up to date."""

    def __init__(
        self, store: _Store, recommender: Recommender, *, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._recommender = recommender
        self._clock = clock

    def run(
        self,
        target: IndexTarget,
        objective_type: str,
        *,
        restart: bool = False,
        progress: Progress = lambda *_: None,
    ) -> CalibrationReport:
        """Replays the decisions that are not known yet, and fits the confidence on all.

        Raises:
            UnknownObjectiveError: no such objective; near names are suggested.
        """
        objective, workspace = get_objective(objective_type), target.workspace
        replay = Replay(self._recommender, target, objective, wanted=_METHODS)
        names = self._store.strategy_names(workspace.id)
        known = self._store.outcomes(workspace.id, objective.name)
        frames, replayed = [pl.DataFrame(schema=OUTCOME_SCHEMA)], 0
        for k, name in enumerate(names):
            progress("calibrate", k, len(names))
            mine = known.filter(pl.col("strategy_name") == name)
            frame, new = self._strategy(replay, objective, name, mine.clear() if restart else mine)
            if new or frame.height != mine.height:
                self._store.replace_outcomes(workspace.id, objective.name, name, frame)
            frames.append(frame)
            replayed += new
        progress("calibrate", len(names), len(names))
        windows = {name: _windows(replay.view(name), objective) for name in names}
        return self._fit(workspace, objective, windows, pl.concat(frames), replayed)

    def _strategy(
        self, replay: Replay, objective: Objective, name: str, known: pl.DataFrame
    ) -> tuple[pl.DataFrame, int]:
        """The outcomes of a strategy, and how many decisions were replayed for them."""
        view = replay.view(name)
        mark = fingerprint(self._recommender.config.weights, view.specs[-1] if view.specs else None)
        kept = known.filter(pl.col("fingerprint") == mark)
        decisions = list(list_decisions(view, objective, name))
        unknown = _unknown(decisions, kept)
        again = {d.window_key for d in unknown}
        keys = pl.Series(
            [d.window_key for d in decisions if d.window_key not in again], dtype=pl.String
        )
        kept = kept.filter(pl.col("window_key").is_in(keys.implode()))
        new = outcome_frame(replay.run(unknown), mark)
        return pl.concat([kept.cast(pl.Schema(OUTCOME_SCHEMA)), new]), len(unknown)

    def _fit(
        self,
        workspace: Workspace,
        objective: Objective,
        windows: dict[str, int],
        frame: pl.DataFrame,
        replayed: int,
    ) -> CalibrationReport:
        won, quarter = to_outcomes(frame)
        rate = fit_confidence(won, quarter, min_outcomes=MIN_OUTCOMES, min_quarters=MIN_QUARTERS)
        stored = Calibration(
            objective_type=objective.name,
            fitted_at=self._clock(),
            known_until=frame["known_at"].max(),  # type: ignore[arg-type]
            fingerprint=fingerprint(self._recommender.config.weights),
            n_outcomes=len(won),
            strategies=[{"name": name, "windows": n} for name, n in windows.items()],
            model=rate.to_dict() if rate else None,
        )
        self._store.save_calibration(workspace.id, stored)
        report = _report(workspace, stored, frame.height, replayed, quarter, rate)
        emit(
            "kb_calibrated",
            workspace_id=workspace.id,
            objective=objective.name,
            outcomes=report.n_outcomes,
            replayed=replayed,
            base_rate=report.base_rate,
        )
        return report


def _unknown(decisions: list[Decision], kept: pl.DataFrame) -> list[Decision]:
    """Decisions without a kept outcome, and those whose outcome is of other trials by now."""
    known = dict(kept.select("window_key", pl.col("known_at").to_physical()).rows())
    return [d for d in decisions if known.get(d.window_key) != d.known_at]


def _windows(view: View, objective: Objective) -> int:
    """Windows with a score, those that leave nothing to decide included."""
    return len(np.unique(view.window[view.scores(objective).known]))


def _report(
    workspace: Workspace,
    stored: Calibration,
    n: int,
    replayed: int,
    quarters: Any,
    rate: Confidence | None,
) -> CalibrationReport:
    return CalibrationReport(
        workspace=workspace.slug,
        objective_type=stored.objective_type,
        n_decisions=n,
        replayed=replayed,
        n_outcomes=stored.n_outcomes,
        n_quarters=len(np.unique(quarters)),
        base_rate=rate.value if rate else None,
        low=rate.low if rate else None,
        high=rate.high if rate else None,
        known_until=stored.known_until,
    )
