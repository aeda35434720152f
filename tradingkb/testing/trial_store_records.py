"""The part of the `TrialStore` contract about generations, runs and events."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

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


class RecordContract:
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
        assert kb.partition(WORKSPACE, "never seen", COLLECTION)[1].is_empty()

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
    def test_a_partition_is_kept_until_the_generation_moves_with_what_may_alter_an_answer(
        self, kb: TrialStore, trial: int, name: str
    ) -> None:
        generation, frame = kb.partition(WORKSPACE, STRATEGY, COLLECTION)
        assert kb.partition(WORKSPACE, STRATEGY, COLLECTION)[1] is frame
        MOVES[name](kb, trial)
        later, fresh = kb.partition(WORKSPACE, STRATEGY, COLLECTION)
        assert later == kb.generation(WORKSPACE, STRATEGY) > generation
        assert (fresh is frame) == (name in SAME)

    def test_an_entry_that_brings_an_archived_trial_back_is_no_addition(
        self, kb: TrialStore, trial: int
    ) -> None:
        kb.write_index(WORKSPACE, index_frame(trial), NOON)
        kb.archive(WORKSPACE, pl.Series([trial]), ADA, NOON)
        assert kb.partition(WORKSPACE, STRATEGY, COLLECTION)[1]["archived_at"].to_list() == [NOON]
        kb.write_index(WORKSPACE, index_frame(trial), NOON)
        assert kb.partition(WORKSPACE, STRATEGY, COLLECTION)[1]["archived_at"].to_list() == [None]

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
        assert sorted(kb.partition(WORKSPACE, STRATEGY, COLLECTION)[1]["source_id"]) == ["a", "b"]

    # runs and events

    def test_a_run_is_stored_once_and_brought_up_to_date(self, kb: TrialStore) -> None:
        first, second = (
            RunRecord(str(uuid.UUID(int=n)), WORKSPACE, NOON + timedelta(hours=n), "file.csv")
            for n in (1, 2)
        )
        for run in (first, second):
            kb.save_run(run)
        kb.save_run(first.ended("done", NOON + timedelta(hours=3), {"inserted": 7}))
        rows = kb.runs(WORKSPACE, 10)
        assert rows["run_id"].to_list() == [second.run_id, first.run_id]
        assert rows["status"].to_list() == ["running", "done"]
        assert rows["finished_at"].to_list() == [None, NOON + timedelta(hours=3)]
        assert [json.loads(text) for text in rows["counts"]] == [{}, {"inserted": 7}]
        assert kb.runs(WORKSPACE, 1)["run_id"].to_list() == [second.run_id]
        assert kb.runs(OTHER_WORKSPACE, 10).is_empty()

    def test_runs_that_nobody_runs_any_more_are_closed(self, kb: TrialStore) -> None:
        kb.create_workspace(workspace("alpha", OTHER_WORKSPACE))
        for run in (
            run_record("1"),
            run_record("2", status="completed"),
            run_record("3", workspace_id=OTHER_WORKSPACE),
        ):
            kb.save_run(run)
        kb.close_runs(WORKSPACE, NOON + timedelta(hours=1))
        rows = {r["run_id"]: r for r in kb.runs(WORKSPACE, None).to_dicts()}
        assert (rows["1"]["status"], rows["2"]["status"]) == ("interrupted", "completed")
        assert rows["1"]["finished_at"] == NOON + timedelta(hours=1)
        assert kb.runs(OTHER_WORKSPACE, None)["status"].to_list() == ["running"]

    def test_saving_a_run_again_keeps_what_is_known_of_its_withdrawal(self, kb: TrialStore) -> None:
        kb.withdraw_run(WORKSPACE, _run(kb), ADA, NOON)
        kb.save_run(run_record(status="completed"))
        row = kb.runs(WORKSPACE, 1).row(0, named=True)
        assert (row["status"], row["withdrawn_by"], row["withdrawn_reason"]) == (
            "completed",
            "ada",
            "look-ahead",
        )
        assert row["withdrawn_at"] == NOON

    def test_a_workspace_says_what_it_searches_and_gives_it_back(self, kb: TrialStore) -> None:
        kb.set_active(WORKSPACE, "m2", "kb2")
        (space,) = kb.workspaces()
        assert (space.default_embed_model, space.default_collection) == ("m2", "kb2")
        assert space.config == {"chunking": {"embed_model": "m2"}}
        kb.set_active(WORKSPACE, None, None)
        (space,) = kb.workspaces()
        assert (space.default_embed_model, space.default_collection, space.config) == (
            None,
            None,
            {},
        )

    def test_events_are_newest_first_and_filtered(self, kb: TrialStore) -> None:
        kb.create_workspace(workspace("alpha", OTHER_WORKSPACE))
        sent: tuple[tuple[int, dict[str, Any]], ...] = (
            (1, {"status": "degraded"}),
            (3, {}),
            (2, {"source": "probe"}),
            (4, {"workspace_id": OTHER_WORKSPACE}),
        )
        for hour, changes in sent:
            kb.save_event(event(at=NOON + timedelta(hours=hour), **changes))

        def hours(workspace_id: str | None, limit: int = 9, **where: Any) -> list[int]:
            found = kb.events(workspace_id, limit, where)
            return [round((at - NOON).total_seconds() / 3600) for at in found["at"]]

        assert hours(None) == [4, 3, 2, 1]
        assert hours(WORKSPACE) == [3, 2, 1]
        assert hours(WORKSPACE, 2) == [3, 2]
        assert hours(WORKSPACE, status="ok", source="python") == [3]

    def test_an_event_comes_back_as_it_was(self, kb: TrialStore) -> None:
        sent = event(params=None, confidence=None)
        kb.save_event(sent)
        (row,) = kb.events(WORKSPACE, 1, {}).to_dicts()
        texts = {
            "reasons",
            "warnings",
            "repaired_params",
            "filter_rejections",
            "relaxations",
            "regime_tags",
            "timings",
            "weights",
        }
        assert {k: json.loads(v) if k in texts else v for k, v in row.items()} == sent

    def test_several_events_are_stored_once_each(self, kb: TrialStore) -> None:
        sent = [event(at=NOON + timedelta(hours=hour)) for hour in (3, 1, 2)]
        kb.save_events(sent)
        kb.save_events([])
        ids = [e["request_id"] for e in sorted(sent, key=lambda e: e["at"], reverse=True)]
        assert kb.events(WORKSPACE, 9, {})["request_id"].to_list() == ids

    def test_events_that_come_together_are_as_if_each_had_come_alone(self, kb: TrialStore) -> None:
        params = [None, {"fast": 5}, {"fast": 10.5, "kind": "ema"}]
        sent = [
            event(at=NOON, params=p, confidence=c)
            for p, c in zip(params, (0.25, None, 1.0), strict=True)
        ]
        kb.save_events(sent)
        for one in sent:
            kb.save_event({**one, "request_id": str(uuid.uuid4()), "source": "probe"})
        apart, together = (
            kb.events(WORKSPACE, 9, {"source": s}).drop("request_id", "source").sort("confidence")
            for s in ("probe", "python")
        )
        assert apart.to_dicts() == together.to_dicts()

    def test_of_events_that_come_together_and_one_is_refused_none_is_stored(
        self, kb: TrialStore
    ) -> None:
        kb.save_event(known := event())
        with pytest.raises(Exception, match=r"(?i)unique"):
            kb.save_events([event(), known, event()])
        assert kb.events(WORKSPACE, 9, {})["request_id"].to_list() == [known["request_id"]]
