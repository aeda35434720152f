"""The part of the `TrialStore` contract about generations and the partitions that they stamp."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import polars as pl
import pytest

from tradingkb.domain import ParamSpec, RegimeScaler, StrategySpec
from tradingkb.ports import RunRecord, TrialStore
from tradingkb.testing.stored import (
    ADA,
    COLLECTION,
    NOON,
    OTHER_WORKSPACE,
    RUN_ID,
    STRATEGY,
    WORKSPACE,
    event,
    fill,
    index_frame,
    partition_rows,
    run_record,
    trial_frame,
    window_frame,
    workspace,
)


def _fill_another_workspace(store: TrialStore) -> None:
    store.create_workspace(workspace("alpha", OTHER_WORKSPACE))
    fill(store, workspace_id=OTHER_WORKSPACE)
    store.write_trials(OTHER_WORKSPACE, trial_frame(store, {}, workspace_id=OTHER_WORKSPACE))


def _run(store: TrialStore) -> str:
    store.save_run(run_record())
    return RUN_ID


Change = Callable[[TrialStore, int], object]

#: What may alter an answer about the strategy, given the id of a stored trial of it.
MOVES: dict[str, Change] = {
    "a new trial": lambda kb, _: kb.write_trials(WORKSPACE, trial_frame(kb, {"source_id": "t2"})),
    "a changed trial": lambda kb, _: kb.write_trials(
        WORKSPACE, trial_frame(kb, {"sharpe_oos": 9.0})
    ),
    "a trial that becomes another strategy's": lambda kb, _: kb.write_trials(
        WORKSPACE, trial_frame(kb, {"strategy_name": "rsi"})
    ),
    "a regime of a known window": lambda kb, _: kb.write_windows(
        WORKSPACE, window_frame({"regime_is": '{"a":2}'})
    ),
    "an index row": lambda kb, trial: kb.write_index(WORKSPACE, index_frame(trial), NOON),
    "a scaler": lambda kb, _: kb.save_scaler(WORKSPACE, RegimeScaler(2, (0.0,), (1.0,), 9), NOON),
    "its status": lambda kb, trial: kb.change_status(
        WORKSPACE, pl.Series([trial]), "promoted", ADA, NOON
    ),
    "an archived entry": lambda kb, trial: (
        kb.write_index(WORKSPACE, index_frame(trial), NOON),
        kb.archive(WORKSPACE, pl.Series([trial]), ADA, NOON),
    ),
    "a withdrawn run": lambda kb, _: kb.withdraw_run(WORKSPACE, _run(kb), ADA, NOON),
    "a run that is brought back": lambda kb, _: (
        kb.withdraw_run(WORKSPACE, _run(kb), ADA, NOON),
        kb.reinstate_run(WORKSPACE, RUN_ID, NOON),
    ),
    "another collection": lambda kb, _: kb.set_active(WORKSPACE, "m2", "kb2"),
    "its spec": lambda kb, _: kb.save_spec(
        WORKSPACE, StrategySpec(STRATEGY, (ParamSpec("slow", "int"),)), NOON
    ),
}
#: Of these, what leaves every trial as it was.
SAME = ("an index row",)
STAYS: dict[str, Change] = {
    "reading": lambda kb, _: (
        kb.partition(WORKSPACE, STRATEGY, COLLECTION),
        kb.identities(WORKSPACE),
    ),
    "a trial of another strategy": lambda kb, _: kb.write_trials(
        WORKSPACE, trial_frame(kb, {"source_id": "t2", "strategy_name": "rsi"})
    ),
    "a new window": lambda kb, _: kb.write_windows(WORKSPACE, window_frame({"window_key": "w2"})),
    "a window that is known": lambda kb, _: kb.write_windows(
        WORKSPACE, window_frame({"regime_is": '{"a":1}'}, {"window_key": "w1"})
    ),
    "a parameter set": lambda kb, _: fill(kb, "rsi"),
    "a scaler version that is known": lambda kb, _: kb.save_scaler(
        WORKSPACE, RegimeScaler(1, (5.0,), (5.0,), 5), NOON
    ),
    "an event": lambda kb, _: kb.save_event(event()),
    "a run": lambda kb, _: kb.save_run(RunRecord(str(uuid.uuid4()), WORKSPACE, NOON, "x")),
    "a status that it has": lambda kb, trial: kb.change_status(
        WORKSPACE, pl.Series([trial]), "candidate", ADA, NOON
    ),
    "an archive of nothing": lambda kb, trial: kb.archive(WORKSPACE, pl.Series([trial]), ADA, NOON),
    "a dry run": lambda kb, _: kb.withdraw_run(WORKSPACE, _run(kb), ADA, NOON, dry_run=True),
    "a run that ends": lambda kb, _: kb.close_runs(WORKSPACE, NOON),
    "a lease": lambda kb, _: kb.acquire_lease("job", "me", NOON, NOON + timedelta(hours=1)),
    "looking for what is left to index": lambda kb, _: kb.unfinished(WORKSPACE, COLLECTION, "p"),
    "another workspace": lambda kb, _: _fill_another_workspace(kb),
}


class GenerationContract:
    """Part of `TrialStoreContract`."""

    @pytest.fixture
    def kb(self, store: TrialStore) -> TrialStore:
        """A store with one workspace, one window and one parameter set."""
        store.create_workspace(workspace())
        fill(store)
        return store

    def ids(self, store: TrialStore) -> dict[str, int]:
        """Trial ids by source id."""
        rows = store.identities(WORKSPACE)
        return dict(zip(rows["source_id"], rows["trial_id"], strict=True))

    @pytest.fixture
    def trial(self, kb: TrialStore) -> int:
        """The id of a stored trial in a window with a regime, with a scaler."""
        kb.write_windows(WORKSPACE, window_frame({"regime_is": '{"a":1}'}))
        kb.save_scaler(WORKSPACE, RegimeScaler(1, (0.0,), (1.0,), 9), NOON)
        kb.write_trials(WORKSPACE, trial_frame(kb, {}))
        return self.ids(kb)["t1"]

    # generations

    def test_a_strategy_that_nobody_tried_has_generation_zero(self, kb: TrialStore) -> None:
        assert kb.generation(WORKSPACE, "never seen") == 0
        assert partition_rows(kb, "never seen").is_empty()

    @pytest.mark.parametrize("change", MOVES.values(), ids=MOVES)
    def test_the_generation_moves_with_what_may_alter_an_answer(
        self, kb: TrialStore, trial: int, change: Change
    ) -> None:
        before = kb.generation(WORKSPACE, STRATEGY)
        change(kb, trial)
        assert kb.generation(WORKSPACE, STRATEGY) > before

    @pytest.mark.parametrize("change", STAYS.values(), ids=STAYS)
    def test_the_generation_stays_with_everything_else(
        self, kb: TrialStore, trial: int, change: Change
    ) -> None:
        before = kb.generation(WORKSPACE, STRATEGY)
        change(kb, trial)
        assert kb.generation(WORKSPACE, STRATEGY) == before

    @pytest.mark.parametrize("name", MOVES)
    def test_a_partition_is_unchanged_until_the_generation_moves_with_what_may_alter_an_answer(
        self, kb: TrialStore, trial: int, name: str
    ) -> None:
        known = kb.partition(WORKSPACE, STRATEGY, COLLECTION).onto(None)
        again = kb.partition(WORKSPACE, STRATEGY, COLLECTION, known)
        assert (again.kind, again.trials.height) == ("unchanged", 0)
        MOVES[name](kb, trial)
        news = kb.partition(WORKSPACE, STRATEGY, COLLECTION, known)
        assert news.generation == kb.generation(WORKSPACE, STRATEGY) > known.generation
        assert (news.kind == "unchanged") == (name in SAME)

    def test_an_entry_that_brings_an_archived_trial_back_is_no_addition(
        self, kb: TrialStore, trial: int
    ) -> None:
        kb.write_index(WORKSPACE, index_frame(trial), NOON)
        kb.archive(WORKSPACE, pl.Series([trial]), ADA, NOON)
        assert partition_rows(kb)["archived_at"].to_list() == [NOON]
        kb.write_index(WORKSPACE, index_frame(trial), NOON)
        assert partition_rows(kb)["archived_at"].to_list() == [None]

    def test_many_partitions_read_together_are_those_that_each_strategy_has(
        self, kb: TrialStore, trial: int
    ) -> None:
        fill(kb, "rsi")
        kb.write_trials(
            WORKSPACE,
            trial_frame(
                kb,
                {"source_id": "r1", "strategy_name": "rsi", "kb_status": "rejected"},
                {"source_id": "r2", "strategy_name": "rsi"},
            ),
        )
        kb.write_index(WORKSPACE, index_frame(trial), NOON)
        kb.archive(WORKSPACE, pl.Series([trial]), ADA, NOON)
        names = ["rsi", STRATEGY, "never seen", "rsi"]
        for collection in (COLLECTION, "kb2"):
            found = kb.partitions(WORKSPACE, names, collection)
            assert sorted(found) == sorted(set(names))
            for name, partition in found.items():
                alone = kb.partition(WORKSPACE, name, collection).onto(None)
                assert partition.generation == alone.generation
                assert partition.trials.schema == alone.trials.schema
                assert partition.trials.sort("trial_id").equals(alone.trials.sort("trial_id"))
        assert kb.trial_counts(WORKSPACE, names) == {STRATEGY: 1, "rsi": 2}
        assert kb.partitions(OTHER_WORKSPACE, names, COLLECTION)["rsi"].trials.is_empty()
        ids = kb.param_set_rows(WORKSPACE)["param_set_id"]
        assert kb.param_set_rows(WORKSPACE, ids=ids[:1])["param_set_id"].to_list() == [ids[0]]

    def test_a_partition_holds_the_trials_of_its_strategy_alone_whatever_their_status(
        self, kb: TrialStore
    ) -> None:
        kb.write_trials(
            WORKSPACE,
            trial_frame(
                kb,
                {"source_id": "a"},
                {"source_id": "b", "kb_status": "rejected"},
                {"source_id": "c", "strategy_name": "rsi"},
            ),
        )
        assert sorted(partition_rows(kb)["source_id"]) == ["a", "b"]
