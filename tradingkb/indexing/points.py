"""Deleting points of archived trials, and remembering the deletions that failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import polars as pl

from tradingkb.exceptions import EmptyCollectionError
from tradingkb.observability import emit
from tradingkb.ports import DeletionStore, VectorIndex

#: Failures that are logged one by one; the rest is counted (SQL has all of them).
_LOGGED: Final = 100


class PointRemover:
    """Deletes points whose entries SQL has archived already.

    SQL is written first, with the note that the deletion is not confirmed, so a process that is
    killed here leaves what the next ingest needs to finish the job.
    """

    def __init__(
        self, store: DeletionStore, vectors: VectorIndex, new_id: Callable[[], str]
    ) -> None:
        """Takes where it deletes; `new_id` makes the correlation ids of failures."""
        self._store = store
        self._vectors = vectors
        self._new_id = new_id

    def remove(self, entries: pl.DataFrame) -> int:
        """Deletes points and records how it went; never raises for a vector index.

        Args:
            entries: trial_id, collection, point_id of archived entries.

        Returns:
            How many points could not be deleted.
        """
        failed = 0
        for (collection,), part in entries.partition_by("collection", as_dict=True).items():
            error = self._delete(str(collection), part)
            self._store.note_deletes(part, error)
            failed += part.height if error else 0
        return failed

    def retry(self, workspace_id: str) -> int:
        """Deletes what earlier attempts left behind; returns how many points are still there."""
        pending = self._store.pending_deletes(workspace_id)
        return self.remove(pending) if pending.height else 0

    def _delete(self, collection: str, entries: pl.DataFrame) -> str | None:
        """None, or why the points may still be there."""
        try:
            self._vectors.delete(collection, entries["point_id"].to_list())
        except EmptyCollectionError:  # a collection that is gone holds no points
            return None
        except Exception as error:  # whatever it is: SQL has archived the trials already
            _log(collection, entries, error, self._new_id())
            return " ".join(str(error).split()) or type(error).__name__
        return None


def _log(collection: str, entries: pl.DataFrame, error: Exception, correlation_id: str) -> None:
    for point in entries["point_id"].head(_LOGGED):
        emit(
            "kb_archive_qdrant_failed",
            correlation_id=correlation_id,
            point_id=point,
            collection=collection,
            error=str(error),
        )
    if entries.height > _LOGGED:
        emit(
            "kb_archive_qdrant_failed",
            correlation_id=correlation_id,
            collection=collection,
            more=entries.height - _LOGGED,
            error=str(error),
        )
