"""Fitted confidences as a store keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tradingkb.exceptions import InvalidInputError
from tradingkb.memo import Memo
from tradingkb.ports import Calibration, TrialStore
from tradingkb.ranking import ConfidenceModel

_KEPT: Final = 16


@dataclass(frozen=True)
class Calibrated:
    """A stored calibration with its model read."""

    stored: Calibration
    model: ConfidenceModel | None

    def code(self, strategy_name: str) -> int:
        """The strategy's code; -1 for one that it does not know."""
        names = [s["name"] for s in self.stored.strategies]
        return names.index(strategy_name) if strategy_name in names else -1

    def windows(self, strategy_name: str) -> int:
        """Windows of the strategy that had a score by then."""
        return next(
            (int(s["windows"]) for s in self.stored.strategies if s["name"] == strategy_name), 0
        )


class Calibrations:
    """The newest calibration of each objective, read when it is first asked for."""

    def __init__(self, store: TrialStore) -> None:
        self._store = store
        self._kept: Memo[Calibrated | None] = Memo(_KEPT)

    def newest(self, workspace_id: str, objective_type: str) -> Calibrated | None:
        """None when none was ever fitted, or by a release that means something else by it."""
        return self._kept.get(
            (workspace_id, objective_type),
            lambda: self._read(workspace_id, objective_type),
            stamp=self._store.calibration_mark(workspace_id, objective_type),
        )

    def _read(self, workspace_id: str, objective_type: str) -> Calibrated | None:
        stored = self._store.calibration(workspace_id, objective_type)
        if stored is None:
            return None
        try:
            model = ConfidenceModel.from_dict(stored.model) if stored.model else None
        except InvalidInputError:
            return None
        return Calibrated(stored, model)
