"""Points that the vector index has lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from tradingkb.domain import IndexTarget
from tradingkb.exceptions import EmptyCollectionError
from tradingkb.indexing.apply import IndexedStore
from tradingkb.ports import VectorIndex

#: Up to so many points are counted whenever trials come in: it takes a millisecond.
COUNTED_ALWAYS: Final = 10_000
#: More are counted again when the last count is so old: a million take a fifth of a second, which
#: a single new trial does not. A clock that was set back counts, too.
COUNTED_EVERY: Final = timedelta(minutes=1)
_NONE: Final = pl.Series([], dtype=pl.Int64)


def lost_trials(
    store: IndexedStore, vectors: VectorIndex, target: IndexTarget, dimension: int
) -> pl.Series:
    """Ids of the trials whose point SQL says is there, and is not.

    Counting is cheap and listing is not: the points are listed only when some are missing. A
    collection of another dimension holds none of ours.
    """
    return _counted(store, vectors, target, dimension)[1]


class LossWatch:
    """Looks for lost points before trials come in, and not in all of a large collection each time.

    A collection that is gone, or has another dimension, is noticed each time.
    """

    def __init__(
        self, store: IndexedStore, vectors: VectorIndex, *, clock: Callable[[], datetime]
    ) -> None:
        """Takes what is compared; the clock says how old a count is."""
        self._store = store
        self._vectors = vectors
        self._clock = clock
        self._whole_at: dict[str, datetime] = {}

    def lost_trials(self, target: IndexTarget, dimension: int, *, always: bool) -> pl.Series:
        """As the function; `always` also where everything was counted a moment ago."""
        name = target.collection
        if not always and self._just_counted(name) and self._vectors.dimension(name) == dimension:
            return _NONE
        expected, lost = _counted(self._store, self._vectors, target, dimension)
        self._whole_at.pop(name, None)
        if lost.is_empty() and expected > COUNTED_ALWAYS:
            self._whole_at[name] = self._clock()
        return lost

    def _just_counted(self, name: str) -> bool:
        at = self._whole_at.get(name)
        return at is not None and timedelta(0) <= self._clock() - at < COUNTED_EVERY


def _counted(
    store: IndexedStore, vectors: VectorIndex, target: IndexTarget, dimension: int
) -> tuple[int, pl.Series]:
    """How many points there should be, and the trials whose point is not there."""
    workspace_id, collection = target.workspace.id, target.collection
    held = pl.Series([], dtype=pl.String)
    expected = store.count_indexed(collection)
    try:
        same = vectors.dimension(collection) == dimension
        if not expected or (same and vectors.count(collection) >= expected):
            return expected, _NONE
        if same:
            held = vectors.points(collection, workspace_id)["point_id"]
    except EmptyCollectionError:
        pass
    standing = pl.col("archived_at").is_null() & pl.col("reason").is_null()
    entries = store.index_rows(workspace_id, collection).filter(standing)
    return expected, entries.filter(~pl.col("point_id").is_in(held.implode()))["trial_id"]
