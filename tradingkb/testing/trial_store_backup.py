"""The part of the `TrialStore` contract about backups and retention."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from tradingkb.domain import Actor, ParamSpec, RegimeScaler, StrategySpec
from tradingkb.exceptions import InvalidBackupError, InvalidInputError, StoreTooNewError
from tradingkb.plain import STRUCTURES
from tradingkb.ports import RunRecord, TrialStore
from tradingkb.testing.stored import (
    COLLECTION,
    NOON,
    RUN_ID,
    STRATEGY,
    WORKSPACE,
    calibration,
    event,
    fill,
    index_frame,
    outcome_rows,
    partition_rows,
    trial_frame,
    window_frame,
    workspace,
)

OTHER_RUN = "7d9f4a52-0000-4000-8000-00000000000b"
UNUSED_RUN = "7d9f4a52-0000-4000-8000-00000000000c"


def no_progress(_what: str, _done: int, _total: int) -> None:
    """Draws nothing."""


def fill_every_table(store: TrialStore) -> None:
    """A workspace with at least one row in each table of truth."""
    store.create_workspace(workspace())
    fill(store)
    store.save_spec(WORKSPACE, StrategySpec(STRATEGY, (ParamSpec("fast", "int"),)), NOON)
    store.write_windows(WORKSPACE, window_frame({"window_key": "w2", "regime_is": '{"a":1.50}'}))
    store.save_scaler(WORKSPACE, RegimeScaler(1, (0.1,), (1e-9,), 9), NOON)
    rows: list[dict[str, Any]] = [
        {"source_id": "plain"},
        {"source_id": "näïve; 'quoted'\n", "sharpe_oos": 0.1 + 0.2, "n_trades_is": 3},
        {"source_id": "bare", "sharpe_oos": None, "n_trades_oos": None, "engine": "\\N"},
    ]
    store.write_trials(WORKSPACE, trial_frame(store, *rows))
    second = {"source_id": "plain", "sharpe_oos": 2.0, "row_hash": "2", "run_id": OTHER_RUN}
    store.write_trials(WORKSPACE, trial_frame(store, second))
    ids = store.identities(WORKSPACE).sort("trial_id")["trial_id"]
    store.change_status(WORKSPACE, ids.head(1), "promoted", Actor("me", reason="good"), NOON)
    for trial in ids:
        store.write_index(WORKSPACE, index_frame(trial, archived_at=None), NOON)
    for run_id, day in ((RUN_ID, 1), (OTHER_RUN, 2), (UNUSED_RUN, 3)):
        finished = NOON + timedelta(days=day)
        store.save_run(RunRecord(run_id, WORKSPACE, NOON, "a.csv", finished, "completed", {"n": 1}))
    for day in range(4):
        store.save_event(event(at=NOON + timedelta(days=day), strict_to_relaxed=day % 2 == 0))
    store.note_change(None, NOON, "prune", "ada", {"events": 3})
    outcomes = outcome_rows({"won": 0.5}, {"window_key": "w2", "won": None})
    store.replace_outcomes(WORKSPACE, "sharpe", STRATEGY, outcomes)
    for n, model in enumerate((None, {"version": 1, "rates": [0.1 + 0.2]})):
        store.save_calibration(WORKSPACE, calibration(n_outcomes=n, model=model))


_ALWAYS: Final = (NOON - timedelta(days=999), NOON + timedelta(days=999))


def everything(store: TrialStore) -> list[Any]:
    """What the port says about the workspace's truth: ids and generations are left out of it."""
    trials = store.trial_rows(WORKSPACE, {}, None)
    return [
        store.row_counts(),
        store.workspaces(),
        store.specs(WORKSPACE),
        store.scaler(WORKSPACE),
        *(
            f.to_dicts()
            for f in (
                store.window_rows(WORKSPACE),
                store.param_set_rows(WORKSPACE, None),
                trials.sort("source_id"),
                store.history(WORKSPACE, {}, None),
                store.index_rows(WORKSPACE, COLLECTION).drop("content_hash").sort("trial_id"),
                store.runs(WORKSPACE, None).sort("run_id"),
                store.event_rates(WORKSPACE, *_ALWAYS, "hour", ("source", "replica")),
                store.rejections(WORKSPACE, *_ALWAYS, "hour", ("strategy_name", "filter")),
                store.change_rows(WORKSPACE, None, None, 99),
            )
        ),
        # PostgreSQL spells a structure anew.
        [
            {n: json.loads(v) if v and n in STRUCTURES else v for n, v in event.items()}
            for event in store.events(None, 99, {}).to_dicts()
        ],
        store.outcomes(WORKSPACE, "sharpe").to_dicts(),
        store.calibration(WORKSPACE, "sharpe"),
    ]


class BackupContract:
    """Needs the fixture `store` with an empty store."""

    @pytest.fixture
    def full(self, store: TrialStore) -> TrialStore:
        """A store with rows in every table."""
        fill_every_table(store)
        return store

    @pytest.fixture
    def backup(self, full: TrialStore, tmp_path: Path) -> Path:
        """A backup of it."""
        path = tmp_path / "a backup"
        full.write_backup(path, NOON, replace=False, progress=no_progress)
        return path

    def restore(self, store: TrialStore, path: Path, *, replace: bool = True) -> Any:
        return store.restore_backup(path, replace=replace, progress=no_progress)

    def test_the_backup_of_a_store_without_trials_restores(
        self, store: TrialStore, tmp_path: Path
    ) -> None:
        path = tmp_path / "a backup"
        store.write_backup(path, NOON, replace=False, progress=no_progress)
        assert set(self.restore(store, path).contents.rows.values()) == {0}

    def test_a_backup_has_the_rows_of_every_table_and_is_one_file(
        self, full: TrialStore, tmp_path: Path
    ) -> None:
        folder = tmp_path / "backups"
        folder.mkdir()
        told = full.write_backup(folder / "b", NOON, replace=False, progress=no_progress)
        assert told.rows == full.row_counts()
        assert min(told.rows.values()) > 0
        assert full.read_backup(folder / "b") == told
        assert [path.name for path in folder.iterdir()] == ["b"]

    def test_a_restore_brings_back_what_was_backed_up_and_nothing_else(
        self, full: TrialStore, backup: Path
    ) -> None:
        before = everything(full)
        full.write_trials(
            WORKSPACE,
            trial_frame(full, {"source_id": "later"}, {"source_id": "plain", "sharpe_oos": -1.0}),
        )
        full.create_workspace(workspace("later", RUN_ID))
        changed = full.row_counts()
        told = self.restore(full, backup)
        assert everything(full) == before
        assert (told.before, told.contents.rows) == (changed, before[0])
        assert told.contents.made_at == NOON

    def test_a_restored_store_goes_on(self, full: TrialStore, backup: Path) -> None:
        self.restore(full, backup)
        known = set(full.identities(WORKSPACE)["trial_id"])
        full.write_trials(WORKSPACE, trial_frame(full, {"source_id": "next"}))
        full.save_event(event())
        before = full.calibration_mark(WORKSPACE, "sharpe")
        full.save_calibration(WORKSPACE, calibration())
        assert before is not None
        assert full.calibration_mark(WORKSPACE, "sharpe") > before  # type: ignore[operator]
        (new,) = set(full.identities(WORKSPACE)["trial_id"]) - known
        assert new > max(known)

    def test_no_entry_of_a_restored_index_is_finished(self, full: TrialStore, backup: Path) -> None:
        assert full.count_indexed(COLLECTION) > 0
        self.restore(full, backup)
        assert full.count_indexed(COLLECTION) == 0
        assert set(full.index_rows(WORKSPACE, COLLECTION)["content_hash"]) == {""}

    def test_a_restore_moves_every_generation_beyond_any_that_was_seen(
        self, full: TrialStore, backup: Path
    ) -> None:
        full.write_trials(WORKSPACE, trial_frame(full, {"source_id": "x", "strategy_name": "rsi"}))
        names = (STRATEGY, "rsi")
        seen = max(full.generation(WORKSPACE, name) for name in names)
        before = full.partition(WORKSPACE, STRATEGY, COLLECTION).onto(None)
        self.restore(full, backup)
        assert all(full.generation(WORKSPACE, name) > seen for name in names)
        assert full.partition(WORKSPACE, STRATEGY, COLLECTION, before).kind == "whole"
        assert partition_rows(full, "rsi").is_empty()

    def test_a_confidence_that_a_restore_brings_back_has_another_mark_than_the_one_in_its_place(
        self, full: TrialStore, backup: Path, tmp_path: Path
    ) -> None:
        """Both have the same number: caches must not take one for the other."""
        mine = full.calibration_mark(WORKSPACE, "sharpe")
        bare = tmp_path / "before any"
        with sqlite3.connect(backup) as old, sqlite3.connect(bare) as copy:
            old.backup(copy)
            copy.execute("DROP TABLE tradingkb_backup")
            copy.execute("UPDATE calibrations SET fitted_at = '2020-01-01T00:00:00.000000Z'")
        for connection in (old, copy):
            connection.close()
        self.restore(full, bare)
        found = full.calibration_mark(WORKSPACE, "sharpe")
        assert mine is not None
        assert found is not None
        assert (found[0], found[1].year) == (mine[0], 2020)
        assert found != mine

    def test_a_store_that_is_not_empty_is_replaced_only_when_told(
        self, full: TrialStore, backup: Path
    ) -> None:
        before = everything(full)
        with pytest.raises(InvalidInputError, match=r"3 trials.*replace=True"):
            self.restore(full, backup, replace=False)
        assert everything(full) == before

    def test_a_file_is_replaced_only_when_told(self, full: TrialStore, backup: Path) -> None:
        before = backup.read_bytes()
        with pytest.raises(InvalidInputError, match="exists"):
            full.write_backup(backup, NOON, replace=False, progress=no_progress)
        assert backup.read_bytes() == before
        full.write_trials(WORKSPACE, trial_frame(full, {"source_id": "later"}))
        told = full.write_backup(backup, NOON, replace=True, progress=no_progress)
        self.restore(full, backup)
        assert full.row_counts()["trials"] == told.rows["trials"] == 4

    @pytest.mark.parametrize(
        "damage",
        [
            lambda data: data[: len(data) // 2],
            lambda data: data.replace(b"plain", b"plaim"),
            lambda _: b"a letter " * 1000,
            lambda _: b"",
        ],
        ids=["cut off", "one letter changed", "no database", "empty"],
    )
    def test_a_damaged_file_is_refused_and_nothing_changes(
        self, full: TrialStore, backup: Path, damage: Any
    ) -> None:
        before = everything(full)
        backup.write_bytes(damage(backup.read_bytes()))
        with pytest.raises(InvalidBackupError, match=r"damaged|no backup"):
            full.read_backup(backup)
        with pytest.raises(InvalidBackupError, match=r"damaged|no backup"):
            self.restore(full, backup)
        assert everything(full) == before

    def test_a_file_of_a_later_major_schema_is_refused(
        self, full: TrialStore, backup: Path
    ) -> None:
        before = everything(full)
        with sqlite3.connect(backup) as connection:
            connection.execute("UPDATE tradingkb_schema SET major = 99")
        connection.close()
        with pytest.raises(StoreTooNewError, match=r"schema 99.*upgrade"):
            self.restore(full, backup)
        assert everything(full) == before

    # retention

    def test_events_go_by_age_and_key(self, full: TrialStore) -> None:
        limit = NOON + timedelta(days=3)
        old = full.old_events(limit)
        assert (len(old), old.is_sorted()) == (3, True)
        full.delete_events(old[:2])
        assert full.old_events(limit).to_list() == old[2:].to_list()
        full.delete_events(old)  # two of them are gone
        assert full.events(None, 9, {})["at"].to_list() == [limit]

    def test_runs_go_by_age_unless_a_trial_or_a_version_came_from_them(
        self, full: TrialStore
    ) -> None:
        later = NOON + timedelta(days=9)
        full.save_run(RunRecord("unfinished", WORKSPACE, NOON, "a.csv"))
        unused, kept = full.old_runs(NOON + timedelta(days=3))
        assert (len(unused), kept) == (0, 2)
        unused, kept = full.old_runs(later)
        assert (len(unused), kept) == (1, 2)
        full.delete_runs(unused)
        assert full.old_runs(later)[0].is_empty()
        assert sorted(full.runs(WORKSPACE, None)["run_id"]) == [RUN_ID, OTHER_RUN, "unfinished"]

    def test_deleting_records_and_compacting_leave_trials_alone(self, full: TrialStore) -> None:
        before = full.trial_rows(WORKSPACE, {}, None)
        later = NOON + timedelta(days=9)
        full.delete_events(full.old_events(later))
        full.delete_runs(full.old_runs(later)[0])
        full.compact()
        assert full.trial_rows(WORKSPACE, {}, None).equals(before)
        assert full.free_bytes() in (0, None)
