"""The part of the `TrialStore` contract about index entries: what the vector index should hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import polars as pl

from tradingkb.ports import TrialStore
from tradingkb.testing.stored import (
    ADA,
    COLLECTION,
    NOON,
    OTHER_WORKSPACE,
    UTC_TIME,
    WORKSPACE,
    index_frame,
    partition_rows,
    trial_frame,
    window_frame,
)


class IndexContract:
    """Part of `TrialStoreContract`."""

    def test_an_index_row_is_replaced_by_trial_and_collection(
        self, kb: TrialStore, trial: int
    ) -> None:
        later = NOON + timedelta(hours=1)
        for rows in (
            index_frame(trial),
            index_frame(trial, collection="kb2"),
            index_frame(trial, content_hash="c2", archived_at=later, reason="rejected"),
        ):
            kb.write_index(WORKSPACE, rows, NOON)
        (row,) = kb.index_rows(WORKSPACE, "kb").to_dicts()
        assert (row["trial_id"], row["content_hash"]) == (trial, "c2")
        assert (row["archived_at"], row["reason"]) == (later, "rejected")
        assert kb.index_rows(WORKSPACE, "kb2")["content_hash"].to_list() == ["c1"]
        assert kb.index_rows(OTHER_WORKSPACE, "kb").is_empty()

    def test_the_pipelines_of_finished_entries_are_known(self, kb: TrialStore, trial: int) -> None:
        kb.write_index(WORKSPACE, index_frame(trial, pipeline="one"), NOON)
        kb.write_index(WORKSPACE, index_frame(trial, pipeline="two", collection="kb2"), NOON)
        assert kb.pipelines(WORKSPACE, "kb") == {"one"}
        assert kb.pipelines(WORKSPACE, "kb2") == {"two"}
        assert kb.pipelines(WORKSPACE, "kb3") == kb.pipelines(OTHER_WORKSPACE, "kb") == set()
        kb.forget_index(WORKSPACE, "kb")
        assert kb.pipelines(WORKSPACE, "kb") == set()
        kb.write_index(WORKSPACE, index_frame(trial, archived_at=NOON, collection="kb2"), NOON)
        assert kb.pipelines(WORKSPACE, "kb2") == set()

    def test_entries_are_counted_by_workspace_and_by_how_they_were_made(
        self, kb: TrialStore, trial: int
    ) -> None:
        slug = next(space.slug for space in kb.workspaces() if space.id == WORKSPACE)
        kb.write_index(WORKSPACE, index_frame(trial, pipeline="one"), NOON)
        assert kb.pipeline_counts("kb", "m").rows(named=True) == [
            {"workspace": slug, "pipeline": "one", "entries": 1}
        ]
        assert kb.pipeline_counts("kb", "other").is_empty()
        assert kb.pipeline_counts("kb2", "m").is_empty()
        kb.forget_index(WORKSPACE, "kb")
        assert kb.pipeline_counts("kb", "m").is_empty()

    def test_a_trial_is_archived_in_the_collection_where_it_was_archived(
        self, kb: TrialStore, trial: int
    ) -> None:
        kb.write_index(WORKSPACE, index_frame(trial, archived_at=NOON), NOON)
        rows = partition_rows(kb)
        assert rows["archived_at"].to_list() == [NOON]
        assert rows.schema["archived_at"] == UTC_TIME
        assert partition_rows(kb, collection="kb2")["archived_at"].to_list() == [None]

    def test_an_entry_is_written_as_its_trial_is_by_then(self, kb: TrialStore, trial: int) -> None:
        for embedded, hash_now in (
            ({"row_hash": "old"}, ""),
            ({"kb_status": "promoted"}, ""),
            ({}, "c1"),
        ):
            assert kb.write_index(WORKSPACE, index_frame(trial, **embedded), NOON).is_empty()
            assert kb.index_rows(WORKSPACE, "kb")["content_hash"].to_list() == [hash_now]
        kb.change_status(WORKSPACE, pl.Series([trial]), "rejected", ADA, NOON)
        later = NOON + timedelta(hours=1)
        rows = index_frame(trial)
        out = kb.write_index(WORKSPACE, rows, later)
        assert out.equals(rows.select("trial_id", "collection", "point_id"))
        (row,) = kb.index_rows(WORKSPACE, "kb").to_dicts()
        assert row["archived_at"] == later
        assert kb.pending_deletes(WORKSPACE)["trial_id"].to_list() == [trial]
        assert kb.unfinished(WORKSPACE, "kb", "p").is_empty()

    def test_what_is_left_to_index_is_missing_unfinished_or_of_another_pipeline(
        self, kb: TrialStore, trial: int
    ) -> None:
        def left(collection: str = "kb", pipeline: str = "p") -> list[int]:
            found = kb.unfinished(WORKSPACE, collection, pipeline)["trial_id"].to_list()
            assert kb.unfinished(WORKSPACE, collection, pipeline)["trial_id"].to_list() == found
            return found

        assert left() == [trial]
        kb.write_index(WORKSPACE, index_frame(trial), NOON)
        assert (left(), left("kb2"), left(pipeline="p2")) == ([], [trial], [trial])
        marks: tuple[Callable[[], None], ...] = (
            lambda: kb.mark_unfinished(WORKSPACE, pl.Series([trial]), "kb"),
            lambda: kb.forget_index(WORKSPACE, "kb"),
        )
        for mark in marks:
            kb.write_index(WORKSPACE, index_frame(trial), NOON)
            assert left() == []
            mark()
            assert left() == [trial]
            assert kb.count_indexed("kb") == 0

    def test_an_archived_entry_is_never_marked_as_unfinished(
        self, kb: TrialStore, trial: int
    ) -> None:
        kb.write_index(WORKSPACE, index_frame(trial), NOON)
        kb.archive(WORKSPACE, pl.Series([trial]), ADA, NOON)
        kb.mark_unfinished(WORKSPACE, pl.Series([trial]), "kb")
        kb.forget_index(WORKSPACE, "kb")
        kb.write_windows(WORKSPACE, window_frame({"regime_is": '{"a":9}'}))
        assert kb.unfinished(WORKSPACE, "kb", "another").is_empty()

    def test_a_trial_that_changes_has_unfinished_entries(self, kb: TrialStore, trial: int) -> None:
        kb.write_index(WORKSPACE, index_frame(trial), NOON)
        kb.write_trials(WORKSPACE, trial_frame(kb, {"sharpe_oos": 7.0, "row_hash": "2"}))
        assert kb.unfinished(WORKSPACE, "kb", "p")["trial_id"].to_list() == [trial]
        kb.write_index(WORKSPACE, index_frame(trial, row_hash="2"), NOON)
        kb.write_windows(WORKSPACE, window_frame({"regime_is": '{"a":9}'}))
        assert kb.unfinished(WORKSPACE, "kb", "p")["trial_id"].to_list() == [trial]

    def test_the_collections_with_entries_are_listed(self, kb: TrialStore, trial: int) -> None:
        assert kb.index_collections(WORKSPACE) == []
        for name in ("kb2", "kb", "kb2"):
            kb.write_index(WORKSPACE, index_frame(trial, collection=name), NOON)
        assert kb.index_collections(WORKSPACE) == ["kb", "kb2"]
        assert kb.index_collections(OTHER_WORKSPACE) == []
        assert kb.index_places() == {(WORKSPACE, "kb"), (WORKSPACE, "kb2")}

    def test_a_workspace_with_a_trial_is_populated(self, kb: TrialStore, trial: int) -> None:
        assert trial
        assert kb.populated() == {WORKSPACE}

    def test_only_entries_with_a_point_are_counted_as_indexed(
        self, kb: TrialStore, trial: int
    ) -> None:
        assert kb.count_indexed(COLLECTION) == 0
        kb.write_index(WORKSPACE, index_frame(trial), NOON)
        assert (kb.count_indexed(COLLECTION), kb.count_indexed("kb2")) == (1, 0)
        kb.write_index(WORKSPACE, index_frame(trial, reason="no_regime"), NOON)
        assert kb.count_indexed(COLLECTION) == 0

    # of another collection

    def test_a_copy_of_a_moment_knows_what_was_finished_before_it(
        self, kb: TrialStore, trial: int
    ) -> None:
        for n, (collection, more) in enumerate(
            (("kb", {}), ("new", {}), ("kb", {"content_hash": ""}), ("kb", {"content_hash": "c2"}))
        ):
            at = NOON + timedelta(hours=n)
            kb.write_index(WORKSPACE, index_frame(trial, collection=collection, **more), at)
            copied = kb.copy_index("kb", "copy", NOON + timedelta(hours=1))
            assert copied == (n < 2), "later entries, and unfinished ones, are not taken over"
        assert kb.copy_index("kb", "copy", NOON + timedelta(hours=9)) == 1
        (row,) = kb.index_rows(WORKSPACE, "copy").to_dicts()
        assert (row["trial_id"], row["content_hash"], row["archived_at"]) == (trial, "c2", None)
        assert kb.index_models("copy") == kb.index_models("kb") != []
        assert kb.index_models("none") == []

    def test_a_copy_replaces_what_was_known_and_is_looked_at_again(
        self, kb: TrialStore, trial: int
    ) -> None:
        kb.write_index(WORKSPACE, index_frame(trial, collection="copy"), NOON)
        pipeline = kb.index_rows(WORKSPACE, "copy")["pipeline"].item()
        assert kb.unfinished(WORKSPACE, "copy", pipeline).is_empty()
        assert kb.copy_index("none", "copy", NOON + timedelta(hours=1)) == 0
        assert kb.index_rows(WORKSPACE, "copy").is_empty()
        assert kb.unfinished(WORKSPACE, "copy", pipeline)["trial_id"].to_list() == [trial]

    def test_an_archived_entry_is_copied_as_not_yet_deleted(
        self, kb: TrialStore, trial: int
    ) -> None:
        kb.write_index(WORKSPACE, index_frame(trial, archived_at=NOON, reason="old"), NOON)
        for _ in range(2):
            assert kb.copy_index("kb", "copy", NOON) == 1
        pending = kb.pending_deletes(WORKSPACE)
        assert pending.select("trial_id", "collection").rows() == [(trial, "copy")]
        assert pending["reason"].item().count("qdrant_delete_failed") == 1
        kb.copy_index("copy", "again", NOON)
        assert set(kb.pending_deletes(WORKSPACE)["collection"]) == {"copy", "again"}
        assert kb.pending_deletes(WORKSPACE)["reason"].n_unique() == 1
