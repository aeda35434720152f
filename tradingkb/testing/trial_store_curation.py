"""The part of the `TrialStore` contract about what counts: statuses, archives, runs, leases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from tradingkb.domain import DELETE_FAILED, Actor
from tradingkb.exceptions import InvalidInputError
from tradingkb.ports import TrialStore
from tradingkb.testing.stored import (
    ADA,
    COLLECTION,
    NOON,
    OTHER_WORKSPACE,
    STRATEGY,
    WORKSPACE,
    index_frame,
    trial_frame,
    workspace,
)

LATER = NOON + timedelta(hours=1)
FIRST, SECOND = ("7d9f4a52-0000-4000-8000-00000000000" + n for n in "ab")
#: More ids than any database takes in one statement.
MANY = 70_000


class CurationContract:
    """Part of `TrialStoreContract`."""

    @pytest.fixture
    def three(self, kb: TrialStore) -> dict[str, int]:
        """Trials a and b, indexed in two collections, and c, which is rejected; ids by name."""
        rows = (
            {"source_id": n, "kb_status": s}
            for n, s in (("a", "candidate"), ("b", "candidate"), ("c", "rejected"))
        )
        kb.write_trials(WORKSPACE, trial_frame(kb, *rows))
        known = kb.identities(WORKSPACE)
        ids = dict(zip(known["source_id"], known["trial_id"], strict=True))
        for name in "ab":
            for collection in (COLLECTION, "kb2"):
                kb.write_index(WORKSPACE, index_frame(ids[name], collection=collection), NOON)
        return ids

    def change(self, kb: TrialStore, to: str, *ids: int, **actor: Any) -> pl.DataFrame:
        """Changes statuses, by Ada unless told otherwise."""
        who = Actor(**{**vars(ADA), **actor})
        return kb.change_status(WORKSPACE, pl.Series(ids, dtype=pl.Int64), to, who, LATER)

    def entry(self, kb: TrialStore, trial: int, collection: str = COLLECTION) -> dict[str, Any]:
        """The index entry of a trial."""
        rows = kb.index_rows(WORKSPACE, collection, pl.Series([trial]))
        return rows.row(0, named=True)

    # selecting

    def test_trials_are_selected_by_any_column_and_by_lists_of_any_length(
        self, kb: TrialStore, three: dict[str, int]
    ) -> None:
        def found(**where: Any) -> str:
            return "".join(kb.select(WORKSPACE, where)["source_id"])

        point = index_frame(three["b"])["point_id"].to_list()
        assert found() == found(symbol="BTC/USDT") == "abc"
        assert found(kb_status="rejected") == "c"
        assert found(source_id=["c", "a", "a"], kb_status="candidate") == "a"
        assert found(point_id=point) == "b"
        assert found(trial_id=list(range(MANY)), strategy_name=STRATEGY) == "abc"
        assert found(source_id=[*map(str, range(MANY)), "b"]) == "b"
        assert found(source_id=["a"], source_type="other") == found(symbol="ETH/USDT") == ""
        assert kb.select(OTHER_WORKSPACE, {}).is_empty()
        row = kb.select(WORKSPACE, {"source_id": ["a"]}).row(0, named=True)
        assert row == {
            "trial_id": three["a"],
            "source_type": "import",
            "source_id": "a",
            "strategy_name": STRATEGY,
            "kb_status": "candidate",
            "run_id": FIRST,
            "withdrawn": False,
        }

    def test_documents_hold_all_that_an_embedding_reads_by_id(
        self, kb: TrialStore, three: dict[str, int]
    ) -> None:
        wanted = pl.Series([three["c"], three["a"], *range(10**6, 10**6 + MANY)])
        rows = kb.documents(WORKSPACE, wanted)
        assert rows["source_id"].to_list() == ["a", "c"]
        one = rows.row(0, named=True)
        assert (one["params"], one["window_key"], one["symbol"]) == (
            '{"fast":10}',
            "w1",
            "BTC/USDT",
        )
        assert (one["row_hash"], one["kb_status"], one["withdrawn"]) == ("hash", "candidate", False)

    @pytest.mark.usefixtures("three")
    def test_experiments_are_found_by_parameters_and_window_together(self, kb: TrialStore) -> None:
        asked = pl.DataFrame({"params_hash": ["h1", "h1", "h2"], "window_key": ["w1", "w2", "w1"]})
        found = kb.find_experiments(WORKSPACE, asked)
        assert sorted(found["source_id"]) == ["a", "b", "c"]
        assert set(found["params_hash"]) == {"h1"}
        assert kb.find_experiments(OTHER_WORKSPACE, asked).is_empty()
        assert kb.find_experiments(WORKSPACE, asked[1:]).is_empty()

    # statuses

    def test_a_status_changes_with_its_history_and_is_told_with_what_it_was(
        self, kb: TrialStore, three: dict[str, int]
    ) -> None:
        changed = self.change(kb, "promoted", three["a"], three["c"], three["a"])
        assert changed.rows() == [
            (three["a"], STRATEGY, "candidate"),
            (three["c"], STRATEGY, "rejected"),
        ]
        assert self.change(kb, "promoted", three["a"]).is_empty()
        rows = {r["source_id"]: r for r in kb.trial_rows(WORKSPACE, {}, None).to_dicts()}
        assert (rows["a"]["kb_status"], rows["a"]["promoted_at"]) == ("promoted", LATER)
        newest = kb.history(WORKSPACE, {"trial_id": [three["c"]]}, 1)
        assert newest.rows() == [
            (three["c"], "c", STRATEGY, "rejected", "promoted", LATER, "ada", "lead", "look-ahead")
        ]
        assert kb.history(WORKSPACE, {}, None)["source_id"].to_list() == ["c", "a", "c"]
        assert kb.history(WORKSPACE, {"kb_status": "candidate"}, None).is_empty()

    @pytest.mark.parametrize("to", ["rejected", "promoted", "candidate"])
    def test_a_change_that_is_refused_for_one_trial_is_made_for_none(
        self, kb: TrialStore, three: dict[str, int], to: str
    ) -> None:
        before = kb.trial_rows(WORKSPACE, {}, None)
        with pytest.raises(InvalidInputError, match="nothing was changed"):
            self.change(kb, to, *three.values(), reason=None)
        assert kb.trial_rows(WORKSPACE, {}, None).equals(before)
        assert kb.history(WORKSPACE, {}, None).height == 1

    def test_more_ids_than_a_statement_takes_are_no_obstacle(
        self, kb: TrialStore, three: dict[str, int]
    ) -> None:
        strangers = range(10**6, 10**6 + MANY)
        assert self.change(kb, "rejected", *strangers, three["b"])["trial_id"].to_list() == [
            three["b"]
        ]
        ids = pl.Series([*strangers, three["a"]])
        assert kb.archive(WORKSPACE, ids, ADA, LATER)["trial_id"].to_list() == [three["a"]]
        kb.mark_unfinished(WORKSPACE, ids, COLLECTION)
        assert kb.index_rows(WORKSPACE, COLLECTION, ids)["trial_id"].to_list() == [three["a"]]

    def test_trials_of_another_workspace_do_not_change(
        self, kb: TrialStore, three: dict[str, int]
    ) -> None:
        kb.create_workspace(workspace("alpha", OTHER_WORKSPACE))
        ids = pl.Series([three["a"]])
        assert kb.change_status(OTHER_WORKSPACE, ids, "rejected", ADA, LATER).is_empty()
        assert kb.archive(OTHER_WORKSPACE, ids, ADA, LATER).is_empty()
        assert kb.history(OTHER_WORKSPACE, {}, None).is_empty()

    # archives

    def test_rejecting_archives_every_entry_and_promoting_marks_them_unfinished(
        self, kb: TrialStore, three: dict[str, int]
    ) -> None:
        self.change(kb, "rejected", three["a"])
        assert kb.pending_deletes(WORKSPACE).drop("reason").sort("collection").rows() == [
            (three["a"], name, index_frame(three["a"])["point_id"][0])
            for name in (COLLECTION, "kb2")
        ]
        assert self.entry(kb, three["a"])["archived_at"] == LATER
        assert self.entry(kb, three["a"])["reason"].startswith("rejected: look-ahead")
        self.change(kb, "promoted", three["a"])
        assert self.entry(kb, three["a"], "kb2")["content_hash"] == ""
        assert kb.unfinished(WORKSPACE, "kb2", "p")["trial_id"].to_list() == [three["a"]]

    def test_an_entry_is_archived_once_and_says_why(
        self, kb: TrialStore, three: dict[str, int]
    ) -> None:
        ids = pl.Series([three["a"], three["c"], three["a"]])
        assert kb.archive(WORKSPACE, ids, ADA, LATER)["trial_id"].to_list() == [three["a"]]
        assert kb.archive(WORKSPACE, ids, ADA, LATER + timedelta(hours=1)).is_empty()
        entry = self.entry(kb, three["a"])
        assert entry["archived_at"] == LATER
        assert entry["reason"].startswith("archived: look-ahead")
        assert (kb.count_indexed(COLLECTION), kb.count_indexed("kb2")) == (1, 1)

    def test_a_deletion_is_pending_until_it_is_noted_and_a_failure_says_why(
        self, kb: TrialStore, three: dict[str, int]
    ) -> None:
        self.change(kb, "rejected", three["a"])
        here = kb.pending_deletes(WORKSPACE).filter(pl.col("collection") == COLLECTION)
        for error in ("first", "second"):
            kb.note_deletes(here, error)
            text = self.entry(kb, three["a"])["reason"]
            assert text == f"rejected: look-ahead | {DELETE_FAILED}: {error}"
        kb.note_deletes(here, None)
        assert self.entry(kb, three["a"])["reason"] == "rejected: look-ahead"
        assert kb.pending_deletes(WORKSPACE)["collection"].to_list() == ["kb2"]

    def test_an_entry_that_came_back_before_its_deletion_was_noted_has_lost_its_point(
        self, kb: TrialStore, three: dict[str, int]
    ) -> None:
        kb.archive(WORKSPACE, pl.Series([three["a"]]), ADA, LATER)
        pending = kb.pending_deletes(WORKSPACE)
        kb.write_index(WORKSPACE, index_frame(three["a"]), LATER)
        assert kb.unfinished(WORKSPACE, COLLECTION, "p").is_empty()
        kb.note_deletes(pending, None)
        assert kb.unfinished(WORKSPACE, COLLECTION, "p")["trial_id"].to_list() == [three["a"]]
