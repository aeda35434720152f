"""The part of the store's port about past decisions and the confidence fitted on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import polars as pl


@dataclass(frozen=True)
class Calibration:
    """A fitted confidence as it is stored.

    Attributes:
        objective_type: what decisions were judged by.
        fitted_at: when.
        known_until: when the newest outcome in it became knowable; None without any.
        fingerprint: of the weights that the decisions were made with.
        n_outcomes: decisions that could be compared with the defaults.
        strategies: names, and how many windows of each had a score.
        model: `Confidence.to_dict()`; None where the outcomes were too few.
        id: given by the store; a later one has a larger number.
    """

    objective_type: str
    fitted_at: datetime
    known_until: datetime | None
    fingerprint: str
    n_outcomes: int
    strategies: list[dict[str, Any]]
    model: Mapping[str, Any] | None
    id: int | None = None


class CalibrationStore(Protocol):
    """Outcomes of decisions and fitted confidences; part of `TrialStore`."""

    def outcomes(self, workspace_id: str, objective_type: str) -> pl.DataFrame:
        """Every replayed decision, by strategy, as_of and window_key.

        Columns: strategy_name, window_key, fingerprint, as_of, known_at, quarter, won.
        """

    def replace_outcomes(
        self, workspace_id: str, objective_type: str, strategy_name: str, rows: pl.DataFrame
    ) -> None:
        """Replaces the outcomes of one strategy in one transaction; columns as in `outcomes`."""

    def save_calibration(self, workspace_id: str, calibration: Calibration) -> None:
        """Stores a fitted confidence; the ones before it stay, for audits."""

    def calibration_mark(
        self, workspace_id: str, objective_type: str
    ) -> tuple[int, datetime] | None:
        """Number and time of the newest confidence of an objective: caches compare them.

        The number alone would not do: a restore may bring another one back under it.
        """

    def calibration(self, workspace_id: str, objective_type: str) -> Calibration | None:
        """The newest confidence of an objective."""
