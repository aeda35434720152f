"""The part of the `TrialStore` contract about outcomes of decisions and fitted confidences."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tradingkb.ports import Calibration, TrialStore
from tradingkb.testing.stored import (
    NOON,
    OTHER_WORKSPACE,
    STRATEGY,
    WORKSPACE,
    calibration,
    outcome_rows,
    workspace,
)

COLUMNS = [
    "strategy_name",
    "window_key",
    "fingerprint",
    "as_of",
    "known_at",
    "quarter",
    "won",
]


class CalibrationContract:
    """Part of `TrialStoreContract`."""

    def outcomes(self, store: TrialStore, *rows: dict[str, Any], strategy: str = STRATEGY) -> None:
        """Replaces the outcomes of one strategy by these."""
        store.replace_outcomes(WORKSPACE, "sharpe", strategy, outcome_rows(*rows))

    def test_outcomes_come_back_as_they_were_written(self, kb: TrialStore) -> None:
        sent = outcome_rows({"won": 0.5}, {"window_key": "w2", "won": None})
        kb.replace_outcomes(WORKSPACE, "sharpe", STRATEGY, sent)
        found = kb.outcomes(WORKSPACE, "sharpe")
        assert found.columns == COLUMNS
        assert found.to_dicts() == sent.to_dicts()

    def test_nothing_replayed_is_an_empty_table_with_the_same_columns(self, kb: TrialStore) -> None:
        found = kb.outcomes(WORKSPACE, "sharpe")
        assert (found.height, found.columns) == (0, COLUMNS)

    def test_outcomes_are_ordered_by_strategy_time_and_window(self, kb: TrialStore) -> None:
        later = NOON + timedelta(days=1)
        rows = ({"window_key": "b", "as_of": later}, {"window_key": "c"}, {"window_key": "a"})
        self.outcomes(kb, *rows)
        self.outcomes(kb, *rows, strategy="rsi")
        found = kb.outcomes(WORKSPACE, "sharpe")
        assert found["strategy_name"].to_list() == ["rsi"] * 3 + [STRATEGY] * 3
        assert found["window_key"].to_list() == ["a", "c", "b"] * 2

    def test_replacing_takes_the_old_ones_of_that_strategy_and_objective_alone(
        self, kb: TrialStore
    ) -> None:
        kb.create_workspace(workspace("alpha", OTHER_WORKSPACE))
        old = outcome_rows({"window_key": "old"})
        kb.replace_outcomes(WORKSPACE, "sharpe", "rsi", old)
        for place in ((WORKSPACE, "sharpe"), (WORKSPACE, "calmar"), (OTHER_WORKSPACE, "sharpe")):
            kb.replace_outcomes(*place, STRATEGY, old)
        self.outcomes(kb, {"window_key": "new"}, {"window_key": "newer"})
        assert sorted(kb.outcomes(WORKSPACE, "sharpe")["window_key"]) == ["new", "newer", "old"]
        assert kb.outcomes(WORKSPACE, "calmar")["window_key"].to_list() == ["old"]
        assert kb.outcomes(OTHER_WORKSPACE, "sharpe")["window_key"].to_list() == ["old"]
        self.outcomes(kb)
        assert kb.outcomes(WORKSPACE, "sharpe")["strategy_name"].to_list() == ["rsi"]

    def test_outcomes_that_cannot_be_written_leave_the_old_ones(self, kb: TrialStore) -> None:
        self.outcomes(kb, {"window_key": "old"})
        with pytest.raises(Exception, match=r"(?i)unique"):
            self.outcomes(kb, {"window_key": "twice"}, {"window_key": "twice"})
        assert kb.outcomes(WORKSPACE, "sharpe")["window_key"].to_list() == ["old"]

    def test_a_confidence_comes_back_as_it_was_with_a_number(self, kb: TrialStore) -> None:
        sent = calibration(model={"version": 1, "rates": [0.1 + 0.2, None], "näme": {}})
        kb.save_calibration(WORKSPACE, sent)
        found = kb.calibration(WORKSPACE, "sharpe")
        assert isinstance(found, Calibration)
        assert {**vars(found), "id": None} == vars(sent)
        assert kb.calibration_mark(WORKSPACE, "sharpe") == (found.id, sent.fitted_at)

    def test_a_confidence_that_could_not_be_fitted_is_stored_without_a_model(
        self, kb: TrialStore
    ) -> None:
        kb.save_calibration(WORKSPACE, calibration(model=None, known_until=None, n_outcomes=0))
        found = kb.calibration(WORKSPACE, "sharpe")
        assert found is not None
        assert (found.model, found.known_until, found.n_outcomes) == (None, None, 0)

    def test_nothing_fitted_is_none(self, kb: TrialStore) -> None:
        assert kb.calibration(WORKSPACE, "sharpe") is None
        assert kb.calibration_mark(WORKSPACE, "sharpe") is None

    def test_the_newest_confidence_of_an_objective_speaks_and_its_mark_moves(
        self, kb: TrialStore
    ) -> None:
        kb.create_workspace(workspace("alpha", OTHER_WORKSPACE))
        kb.save_calibration(WORKSPACE, calibration(n_outcomes=1))
        first = kb.calibration_mark(WORKSPACE, "sharpe")
        kb.save_calibration(WORKSPACE, calibration(n_outcomes=2))
        second = kb.calibration_mark(WORKSPACE, "sharpe")
        kb.save_calibration(WORKSPACE, calibration(n_outcomes=3, objective_type="calmar"))
        kb.save_calibration(OTHER_WORKSPACE, calibration(n_outcomes=4))
        assert first is not None
        assert second is not None
        assert second > first
        assert kb.calibration_mark(WORKSPACE, "sharpe") == second
        counts = [
            getattr(kb.calibration(*place), "n_outcomes", None)
            for place in ((WORKSPACE, "sharpe"), (WORKSPACE, "calmar"), (OTHER_WORKSPACE, "sharpe"))
        ]
        assert counts == [2, 3, 4]

    def test_neither_moves_a_generation(self, kb: TrialStore) -> None:
        before = kb.generation(WORKSPACE, STRATEGY)
        self.outcomes(kb, {})
        kb.save_calibration(WORKSPACE, calibration())
        assert kb.generation(WORKSPACE, STRATEGY) == before
