"""The ports of what the vector index should hold."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import polars as pl


class PipelineStore(Protocol):
    """How vectors were made."""

    def pipelines(self, workspace_id: str, collection: str) -> set[str]:
        """Pipelines of finished entries of a collection, of two hundred trials at most.

        Quick, however many there are; what only some of more have may be missed.
        """

    def pipeline_counts(self, collection: str, model: str) -> pl.DataFrame:
        """How many finished entries of a model were made how, of every workspace, in order.

        It takes its time where these are many.

        Returns:
            workspace (slug), pipeline, entries.
        """


class IndexStore(PipelineStore, Protocol):
    """The entries of trials in collections."""

    def index_rows(
        self, workspace_id: str, collection: str, trial_ids: pl.Series | None = None
    ) -> pl.DataFrame:
        """trial_id, point_id, content_hash, pipeline, archived_at, reason of one collection.

        Of all trials, or of some.
        """

    def unfinished(
        self, workspace_id: str, collection: str, pipeline: str, *, note: bool = True
    ) -> pl.DataFrame:
        """trial_id, source_type, source_id, strategy_name of what is left to index.

        Those are the eligible trials without an entry in the collection, with one that is marked
        as unfinished, or one of another pipeline. Strategies that were found to have none, and
        have not changed since, are not looked at again (`note` records what is found now).
        """

    def index_collections(self, workspace_id: str) -> list[str]:
        """The collections in which the workspace has entries, by name."""

    def index_places(self) -> set[tuple[str, str]]:
        """Workspace id and collection of every entry of every workspace."""

    def index_models(self, collection: str) -> list[str]:
        """The models that entries of a collection name, of every workspace, by name."""

    def copy_index(self, collection: str, into: str, before: datetime) -> int:
        """Says of another collection what is known of this one, in one transaction.

        For a collection that holds the points of an earlier moment: entries that were written
        before it and are finished are taken over, and archived ones, whose point may be there, as
        not yet deleted. What was known of `into` is forgotten.

        Args:
            collection: whose entries, of every workspace.
            into: of which collection they are written.
            before: the moment, aware UTC time.

        Returns:
            How many entries `into` has.
        """

    def count_indexed(self, collection: str) -> int:
        """How many points the collection should hold: finished entries, not archived, not bare."""

    def write_index(
        self,
        workspace_id: str,
        rows: pl.DataFrame,
        at: datetime,
        since: pl.DataFrame | None = None,
    ) -> pl.DataFrame:
        """Inserts or replaces index rows by (trial_id, collection), in one transaction.

        `rows` says which `row_hash` and `kb_status` of each trial were embedded. An entry of a
        trial that is no longer so is marked as unfinished. One of a trial that is not eligible
        (any more) is written as archived and marked as not yet deleted: an admin may have rejected
        it while it was being embedded.

        Args:
            workspace_id: whose entries.
            rows: the entries, of one collection.
            at: when they are written.
            since: what `write_trials` returned, where `rows` are the entries of all eligible
                trials that it wrote. A strategy that was found finished before them, and that
                nothing else has changed since, is then recorded as finished again, so that
                `unfinished` need not look through it.

        Returns:
            trial_id, collection, point_id of those that are not eligible.
        """

    def mark_unfinished(self, workspace_id: str, trial_ids: pl.Series, collection: str) -> None:
        """Marks entries whose point is missing or stale: the next ingest embeds them again.

        Archived entries stay as they are: archiving lasts until an ingest of the trial.
        """

    def forget_index(self, workspace_id: str, collection: str) -> None:
        """Marks every entry of the collection as unfinished, except archived ones."""


class DeletionStore(Protocol):
    """Points whose deletion is not confirmed."""

    def pending_deletes(self, workspace_id: str) -> pl.DataFrame:
        """trial_id, collection, point_id, reason of archived entries whose point may be there."""

    def note_deletes(self, entries: pl.DataFrame, error: str | None) -> None:
        """Records how the deletion of points ended.

        Args:
            entries: trial_id, collection.
            error: None when the points are gone: the mark goes too. An entry that is no longer
                archived lost its point meanwhile and is marked as unfinished.
        """
