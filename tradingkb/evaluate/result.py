"""What an evaluation found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import polars as pl

from tradingkb.domain import Objective
from tradingkb.evaluate.asked import EvaluationRequest
from tradingkb.evaluate.comparison import (
    cluster_counts,
    coverage_table,
    group_table,
    interval_coverage,
    method_table,
)
from tradingkb.evaluate.methods import IMPOSSIBLE, METHODS
from tradingkb.plain import plain

#: Groups for which every method's regret is told.
GROUPS: Final = ("strategy", "timeframe", "status", "relaxed")


@dataclass(frozen=True, repr=False)
class Evaluation:
    """What advice was worth, replayed over a workspace's own history.

    Regret is (best - earned) / (best - worst) among the parameter sets tried on a window: 0 is the
    best in hindsight, 1 the worst. Lower is better. Differences are negative where a method is
    better than what it is compared with.

    Attributes:
        at: when it was made, UTC.
        workspace: slug.
        objective: what decisions were judged by.
        request: what was replayed.
        weights: of the recommender, as every answer records them.
        decisions: one row per decision and method; see `evaluate.frames.decision_frame`.
        calibration: how well a confidence would have forecast whether the choice beats the
            defaults; see `evaluate.learning.calibration_scores`. None where too little is known.
    """

    at: datetime
    workspace: str
    objective: Objective
    request: EvaluationRequest
    weights: dict[str, float]
    decisions: pl.DataFrame = field(repr=False)
    calibration: dict[str, Any] | None = None

    @property
    def n_decisions(self) -> int:
        """How many decisions were replayed."""
        return self.decisions["decision"].n_unique()

    @cached_property
    def table(self) -> pl.DataFrame:
        """Every method beside the others; see `evaluate.summary.method_table`."""
        return method_table(self.decisions)

    @cached_property
    def coverage(self) -> pl.DataFrame:
        """How often the recommender answered, by status."""
        return coverage_table(self.decisions)

    def by(self, group: str) -> pl.DataFrame:
        """Mean regret of every method by strategy, timeframe, status, relaxed or symbol."""
        return group_table(self.decisions, group)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form: every table, without the single decisions."""
        form: dict[str, Any] = plain(self._facts())
        return form

    def _facts(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "workspace": self.workspace,
            "objective": self.objective.name,
            "unit": self.objective.unit,
            "request": dict(vars(self.request)),
            "weights": self.weights,
            "n_decisions": self.n_decisions,
            "n_common": int(self.table["n"][0]) if self.table.height else 0,
            "n_windows": self.decisions["window_key"].n_unique(),
            "n_symbols": self.decisions["symbol"].n_unique(),
            "n_quarters": self.decisions["quarter"].n_unique(),
            "n_dates": self.decisions["as_of"].n_unique(),
            "n_clusters": cluster_counts(self.decisions),
            "first_as_of": self.decisions["as_of"].min(),
            "last_as_of": self.decisions["as_of"].max(),
            "methods": {m: METHODS[m] for m in self.table["method"]},
            "impossible": list(IMPOSSIBLE),
            "table": self.table.to_dicts(),
            "groups": {g: self.by(g).to_dicts() for g in GROUPS},
            "coverage": self.coverage.to_dicts(),
            "window_interval": interval_coverage(self.decisions),
            "calibration": self.calibration,
        }

    def to_html(self, path: str | Path) -> Path:
        """Writes a report that needs no network; returns its path."""
        from tradingkb.presentation import evaluation_report

        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(evaluation_report(self.to_dict()), encoding="utf-8")
        return target

    def __repr__(self) -> str:
        found = f"<Evaluation: {self.n_decisions:,} decisions"
        mine = self.table.filter(pl.col("method") == "tradingkb")
        if mine.is_empty():
            return f"{found}, none that every method made>"
        regret, lead = mine["regret"][0], mine["vs_average"][0]
        return f"{found}, regret {regret:.4f}, {lead:+.4f} against the average>"

    def __str__(self) -> str:
        from tradingkb.presentation import evaluation_text

        return evaluation_text(self.to_dict())

    def _repr_html_(self) -> str:
        from tradingkb.presentation import evaluation_card

        return evaluation_card(self.to_dict())
