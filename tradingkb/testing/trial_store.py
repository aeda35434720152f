"""What every `TrialStore` must do."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from tradingkb.domain import ParamSpec, RegimeScaler, StrategySpec, Workspace
from tradingkb.exceptions import InvalidInputError
from tradingkb.ports import TrialStore
from tradingkb.testing.stored import (
    NOON,
    OTHER_WORKSPACE,
    STRATEGY,
    UTC_TIME,
    WORKSPACE,
    fill,
    partition_rows,
    trial_frame,
    window_frame,
    workspace,
)
from tradingkb.testing.trial_store_backup import BackupContract
from tradingkb.testing.trial_store_breakers import BreakerContract
from tradingkb.testing.trial_store_calibration import CalibrationContract
from tradingkb.testing.trial_store_curation import CurationContract
from tradingkb.testing.trial_store_freshness import FreshnessContract
from tradingkb.testing.trial_store_generations import GenerationContract
from tradingkb.testing.trial_store_index import IndexContract
from tradingkb.testing.trial_store_jobs import JobContract
from tradingkb.testing.trial_store_lists import TrialReportContract
from tradingkb.testing.trial_store_pages import PageContract
from tradingkb.testing.trial_store_records import RecordContract
from tradingkb.testing.trial_store_reports import ReportContract
from tradingkb.testing.trial_store_runbooks import RunbookContract
from tradingkb.testing.trial_store_shares import ShareContract
from tradingkb.testing.trial_store_withdrawals import WithdrawalContract


class TrialStoreContract(
    CurationContract,
    WithdrawalContract,
    IndexContract,
    GenerationContract,
    RecordContract,
    BreakerContract,
    FreshnessContract,
    JobContract,
    PageContract,
    TrialReportContract,
    ReportContract,
    ShareContract,
    RunbookContract,
    CalibrationContract,
    BackupContract,
):
    """Subclass it, and give a fixture `store` with an empty store."""

    # workspaces, specs, scalers

    def test_workspaces_come_back_as_they_were_by_slug(self, store: TrialStore) -> None:
        assert store.workspaces() == []
        desk, alpha = workspace(), workspace("alpha", OTHER_WORKSPACE)
        store.create_workspace(desk)
        store.create_workspace(alpha)
        assert store.workspaces() == [alpha, desk]
        for space in (alpha, desk):
            assert store.workspace(space.slug) == store.workspace(space.id) == space
        assert store.workspace("nobody") is None

    @pytest.mark.parametrize(
        "same", [workspace("desk", OTHER_WORKSPACE), workspace("alpha", WORKSPACE)]
    )
    def test_a_workspace_whose_slug_or_id_exists_is_refused(
        self, store: TrialStore, same: Workspace
    ) -> None:
        store.create_workspace(workspace())
        with pytest.raises(InvalidInputError, match="exists already"):
            store.create_workspace(same)
        assert store.workspaces() == [workspace()]

    def test_a_spec_is_replaced_by_name_and_version(self, kb: TrialStore) -> None:
        first = StrategySpec(STRATEGY, (ParamSpec("fast", "int", 2, 50, default=10),), "1")
        second = StrategySpec(STRATEGY, (ParamSpec("fast", "int", 2, 99, default=20),), "1")
        third = StrategySpec(STRATEGY, (ParamSpec("fast", "int", 2, 50),), "0.9", description="!")
        for n, spec in enumerate((first, third, second)):
            kb.save_spec(WORKSPACE, spec, NOON + timedelta(days=n))
        assert kb.specs(WORKSPACE) == [third, second]
        assert kb.specs(OTHER_WORKSPACE) == []
        kb.save_spec(WORKSPACE, StrategySpec("rsi", (ParamSpec("n", "int", 2, 50),)), NOON)
        assert kb.specs(WORKSPACE, STRATEGY) == [third, second]

    def test_every_registration_of_a_spec_is_kept_with_its_time(self, kb: TrialStore) -> None:
        one = StrategySpec(STRATEGY, (ParamSpec("fast", "int", 2, 50, default=10),), "1")
        changed = StrategySpec(STRATEGY, (ParamSpec("fast", "int", 2, 99, default=20),), "1")
        for n, spec in enumerate((one, one, changed, one)):
            kb.save_spec(WORKSPACE, spec, NOON + timedelta(days=n))
        kb.save_spec(WORKSPACE, StrategySpec("rsi", (ParamSpec("n", "int", 2, 50),)), NOON)
        days = [(one, 0), (changed, 2), (one, 3)]
        told = [(spec, NOON + timedelta(days=n)) for spec, n in days]
        assert kb.spec_registrations(WORKSPACE, STRATEGY) == told
        assert kb.spec_registrations(OTHER_WORKSPACE, STRATEGY) == []

    def test_the_newest_scaler_is_given_and_a_stored_version_never_changes(
        self, kb: TrialStore
    ) -> None:
        assert kb.scaler(WORKSPACE) is None
        one = RegimeScaler(1, (0.1, 1e-17), (1.0, 2.0), 30)
        two = RegimeScaler(2, (0.2, 0.0), (1.0, 2.0), 60)
        for scaler in (two, one, RegimeScaler(2, (9.0, 9.0), (9.0, 9.0), 9)):
            kb.save_scaler(WORKSPACE, scaler, NOON)
        assert kb.scaler(WORKSPACE) == two

    # windows and parameter sets

    def test_a_window_is_stored_once_and_its_regimes_are_filled_in(self, kb: TrialStore) -> None:
        before = kb.window_rows(WORKSPACE)["window_id"].to_list()
        kb.write_windows(WORKSPACE, window_frame({"regime_is": '{"a":1}'}))
        kb.write_windows(WORKSPACE, window_frame({"regime_oos": '{"b":2}'}))
        (row,) = kb.window_rows(WORKSPACE).to_dicts()
        assert [row["window_id"]] == before
        assert (json.loads(row["regime_is"]), json.loads(row["regime_oos"])) == ({"a": 1}, {"b": 2})
        assert row["symbol"] == "BTC/USDT"

    def test_a_source_without_regimes_does_not_erase_known_ones(self, kb: TrialStore) -> None:
        kb.write_windows(WORKSPACE, window_frame({"regime_is": '{"a":1}'}))
        kb.write_windows(WORKSPACE, window_frame({}))
        assert json.loads(kb.window_rows(WORKSPACE)["regime_is"][0]) == {"a": 1}

    def test_a_parameter_set_is_stored_once_per_strategy(self, kb: TrialStore) -> None:
        known = kb.param_set_rows(WORKSPACE, STRATEGY)
        fill(kb)
        fill(kb, "rsi")
        assert kb.param_set_rows(WORKSPACE, STRATEGY).equals(known)
        assert sorted(kb.param_set_rows(WORKSPACE, None)["strategy_name"]) == ["rsi", STRATEGY]
        assert known["params"].to_list() == ['{"fast":10}']

    # trials

    def test_times_come_back_as_the_same_instants_in_utc(self, kb: TrialStore) -> None:
        zone = pl.Datetime("us", "America/New_York")
        frame = trial_frame(kb, {}).with_columns(pl.col("known_at").cast(zone))
        kb.write_trials(WORKSPACE, frame)
        rows = partition_rows(kb)
        assert rows.schema["known_at"] == UTC_TIME
        assert rows["known_at"].to_list() == [NOON]
        assert rows["promoted_at"].to_list() == [None]

    def test_a_trial_comes_back_with_its_numbers_params_and_window(self, kb: TrialStore) -> None:
        kb.write_trials(WORKSPACE, trial_frame(kb, {"sharpe_is": 0.1 + 0.2}))
        (row,) = kb.trial_rows(WORKSPACE, {}, None).to_dicts()
        assert (row["sharpe_is"], row["sharpe_oos"], row["n_trades_oos"]) == (0.1 + 0.2, 1.25, 40)
        assert (row["params"], row["symbol"], row["win_rate_is"]) == (
            '{"fast":10}',
            "BTC/USDT",
            None,
        )

    def test_a_trial_that_comes_again_keeps_its_status_and_its_first_ingestion_time(
        self, kb: TrialStore
    ) -> None:
        first = {"kb_status": "promoted", "promoted_at": NOON}
        kb.write_trials(WORKSPACE, trial_frame(kb, first))
        later = NOON + timedelta(days=9)
        again = {"sharpe_oos": 2.5, "kb_status": "rejected", "ingested_at": later, "row_hash": "2"}
        kb.write_trials(WORKSPACE, trial_frame(kb, again))
        (row,) = kb.trial_rows(WORKSPACE, {}, None).to_dicts()
        assert (row["sharpe_oos"], row["kb_status"]) == (2.5, "promoted")
        assert (row["promoted_at"], row["ingested_at"]) == (NOON, NOON)
        assert kb.identities(WORKSPACE)["row_hash"].to_list() == ["2"]

    def test_an_imported_status_leaves_one_row_of_history(self, kb: TrialStore) -> None:
        rows = [{"source_id": s, "kb_status": s} for s in ("candidate", "promoted", "rejected")]
        kb.write_trials(WORKSPACE, trial_frame(kb, *rows))
        kb.write_trials(WORKSPACE, trial_frame(kb, *rows))
        history = kb.status_history(WORKSPACE, STRATEGY)
        ids = self.ids(kb)
        assert sorted(history.rows()) == sorted(
            (ids[s], "candidate", s, NOON) for s in ("promoted", "rejected")
        )
        assert kb.status_history(WORKSPACE, "rsi").is_empty()

    def test_a_failed_write_leaves_nothing_behind(self, kb: TrialStore) -> None:
        rows = trial_frame(kb, {"source_id": "good"}, {"source_id": "bad", "row_hash": None})
        generation = kb.generation(WORKSPACE, STRATEGY)
        with pytest.raises(Exception, match=r"(?i)null"):
            kb.write_trials(WORKSPACE, rows)
        assert kb.identities(WORKSPACE).is_empty()
        assert kb.generation(WORKSPACE, STRATEGY) == generation

    def test_trials_are_newest_first_and_filtered_by_columns_of_trials_and_windows(
        self, kb: TrialStore
    ) -> None:
        kb.write_trials(
            WORKSPACE,
            trial_frame(
                kb,
                *(
                    {
                        "source_id": f"t{n}",
                        "known_at": NOON + timedelta(days=n),
                        "objective_score": n % 2,
                    }
                    for n in (2, 1, 3)
                ),
            ),
        )

        def found(where: dict[str, Any], limit: int | None = None) -> list[str]:
            return list(kb.trial_rows(WORKSPACE, where, limit)["source_id"])

        assert found({}) == ["t3", "t2", "t1"]
        assert found({}, 2) == ["t3", "t2"]
        assert found({"source_id": ["t1", "t2"], "symbol": "BTC/USDT"}) == ["t2", "t1"]
        assert found({"symbol": "ETH/USDT"}) == []

    def test_strategies_are_counted_in_trials_windows_and_parameter_sets(
        self, kb: TrialStore
    ) -> None:
        rows: list[dict[str, Any]] = [
            {"source_id": "a"},
            {"source_id": "b", "known_at": NOON + timedelta(days=1)},
        ]
        kb.write_trials(WORKSPACE, trial_frame(kb, *rows))
        (row,) = kb.strategy_counts(WORKSPACE).to_dicts()
        assert (row["strategy_name"], row["n_trials"]) == (STRATEGY, 2)
        assert (row["n_windows"], row["n_param_sets"]) == (1, 1)
        assert row["last_known_at"] == NOON + timedelta(days=1)

    def test_no_workspace_sees_the_trials_of_another(self, kb: TrialStore) -> None:
        kb.create_workspace(workspace("alpha", OTHER_WORKSPACE))
        kb.write_trials(WORKSPACE, trial_frame(kb, {}))
        assert kb.identities(OTHER_WORKSPACE).is_empty()
        assert partition_rows(kb, workspace_id=OTHER_WORKSPACE).is_empty()
        assert kb.trial_rows(OTHER_WORKSPACE, {}, None).is_empty()
        assert kb.strategy_counts(OTHER_WORKSPACE).is_empty()

    def test_more_trials_than_the_parameters_of_a_statement_are_written_at_once(
        self, kb: TrialStore
    ) -> None:
        rows = [{"source_id": f"t{n}", "kb_status": "promoted"} for n in range(33_000)]
        kb.write_trials(WORKSPACE, trial_frame(kb, *rows))
        assert len(kb.status_history(WORKSPACE, STRATEGY)) == 33_000
