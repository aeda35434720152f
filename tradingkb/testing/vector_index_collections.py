"""The part of the `VectorIndex` contract about collections: described, dropped, kept, recovered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from tradingkb.exceptions import ConfigurationError, EmptyCollectionError, NotFoundError
from tradingkb.ports import VectorFilter, VectorIndex
from tradingkb.testing.sample_points import (
    AWAY,
    DIMENSION,
    EAST,
    EVERYTHING,
    OTHER_WORKSPACE,
    STRATEGY,
    UP,
    WORKSPACE,
    points,
    uid,
    windows,
)


class CollectionContract:
    """Part of `VectorIndexContract`.

    Attributes:
        keeps_snapshots: False where the index says of itself that it has none: then every verb
            about them raises ConfigurationError.
    """

    keeps_snapshots: ClassVar[bool] = True

    # described

    def test_a_collection_is_described_with_its_exact_count(
        self, index: VectorIndex, filled: str
    ) -> None:
        assert index.describe(f"{filled}_none") is None
        index.set_alias(f"alias_{filled}", filled)
        info = index.describe(filled)
        assert info is not None
        assert (info.name, info.dimension, info.points) == (filled, DIMENSION, 4)
        assert (info.aliases, info.foreign) == ((f"alias_{filled}",), None)
        assert info.state in ("green", "yellow", "grey")
        assert (info.shards, info.replicas) >= (1, 1)
        index.delete(filled, [uid(1)])
        after = index.describe(filled)
        assert after is not None
        assert after.points == 3

    # dropped

    def test_a_dropped_collection_is_gone_with_its_points_and_aliases(
        self, index: VectorIndex, filled: str
    ) -> None:
        other = f"{filled}_2"
        index.ensure_collection(other, DIMENSION)
        index.set_alias(f"alias_{filled}", filled)
        index.set_alias(f"alias_{other}", other)
        index.drop(filled)
        index.drop(filled)
        assert (index.dimension(filled), index.describe(filled)) == (None, None)
        assert filled not in index.collections()
        assert other in index.collections()
        assert (index.alias(f"alias_{filled}"), index.alias(f"alias_{other}")) == (None, other)
        with pytest.raises(EmptyCollectionError, match=filled):
            index.count(filled)

    def test_a_collection_that_is_made_again_holds_nothing_of_before(
        self, index: VectorIndex, filled: str
    ) -> None:
        assert windows(index.nearest_windows(filled, EAST, EVERYTHING, 9)) == ["a", "b", "c"]
        index.drop(filled)
        index.ensure_collection(filled, DIMENSION)
        assert index.nearest_windows(filled, EAST, EVERYTHING, 9) == []
        index.upsert(filled, points((9, AWAY, {"window_key": "new"})))
        assert windows(index.nearest_windows(filled, EAST, EVERYTHING, 9)) == ["new"]
        assert index.count(filled) == 1

    def test_a_collection_may_be_made_again_with_another_dimension(
        self, index: VectorIndex, filled: str
    ) -> None:
        index.drop(filled)
        index.ensure_collection(filled, DIMENSION + 1)
        assert index.dimension(filled) == DIMENSION + 1

    # kept and recovered

    def test_an_index_without_snapshots_says_so(self, index: VectorIndex, filled: str) -> None:
        if self.keeps_snapshots:
            pytest.skip("this index keeps snapshots")
        assert index.snapshots(filled) == []
        for ask in (
            lambda: index.snapshot(filled),
            lambda: index.drop_snapshot(filled, "one"),
            lambda: index.recover(filled, "one", f"{filled}_2"),
        ):
            with pytest.raises(ConfigurationError, match="snapshot"):
                ask()
        assert index.count(filled) == 4

    def test_a_snapshot_is_recovered_into_a_new_collection(
        self, index: VectorIndex, filled: str
    ) -> None:
        self._require_snapshots()
        index.upsert(filled, points((5, UP, {"workspace_id": OTHER_WORKSPACE})))
        index.set_alias(f"alias_{filled}", filled)
        kept = index.snapshot(filled)
        index.upsert(filled, points((6, AWAY, {"window_key": "later"})))
        index.delete(filled, [uid(1)])
        into = f"{filled}_2"
        assert index.recover(filled, kept.name, into) == kept
        assert (index.dimension(into), index.count(into)) == (DIMENSION, 5)
        assert windows(index.nearest_windows(into, EAST, EVERYTHING, 9)) == ["a", "b", "c"]
        theirs = VectorFilter(OTHER_WORKSPACE, STRATEGY)
        assert index.count(into, theirs) == 1
        assert index.count(filled) == 5
        assert index.alias(f"alias_{filled}") == filled
        held = index.points(into, WORKSPACE).sort("point_id")
        assert held["point_id"].to_list() == [uid(n) for n in (1, 2, 3, 4)]

    def test_a_recovered_collection_is_one_like_any_other(
        self, index: VectorIndex, filled: str
    ) -> None:
        self._require_snapshots()
        into = f"{filled}_2"
        index.recover(filled, index.snapshot(filled).name, into)
        index.ensure_collection(into, DIMENSION)
        index.upsert(into, points((7, AWAY, {"window_key": "more"})))
        index.delete(into, [uid(4)])
        assert windows(index.nearest_windows(into, EAST, EVERYTHING, 9)) == ["a", "b", "more"]
        described, original = index.describe(into), index.describe(filled)
        assert described is not None
        assert original is not None
        assert described.payload_indexes == original.payload_indexes
        again = index.snapshot(into)
        index.recover(into, again.name, f"{filled}_3")
        assert index.count(f"{filled}_3") == 4

    def test_snapshots_are_listed_and_deleted(self, index: VectorIndex, filled: str) -> None:
        self._require_snapshots()
        assert index.snapshots(filled) == index.snapshots(f"{filled}_none") == []
        kept = index.snapshot(filled)
        assert kept in index.snapshots(filled)
        assert (kept.collection, kept.points) in ((filled, 4), (filled, None))
        assert kept.size_bytes > 0
        if kept.created_at is not None:
            assert abs(datetime.now(UTC) - kept.created_at) < timedelta(days=1)
        index.drop_snapshot(filled, kept.name)
        assert index.snapshots(filled) == []
        with pytest.raises(NotFoundError, match="snapshot"):
            index.drop_snapshot(filled, kept.name)

    def test_a_snapshot_outlives_its_collection(self, index: VectorIndex, filled: str) -> None:
        self._require_snapshots()
        kept = index.snapshot(filled)
        index.drop(filled)
        into = f"{filled}_2"
        assert index.recover(filled, kept.name, into) == kept
        assert index.count(into) == 4
        assert filled not in index.collections()

    def test_a_missing_snapshot_is_named_and_nothing_is_made(
        self, index: VectorIndex, filled: str
    ) -> None:
        self._require_snapshots()
        kept = index.snapshot(filled)
        for source in (filled, f"{filled}_none"):
            with pytest.raises(NotFoundError, match="no such one"):
                index.recover(source, "no such one", f"{filled}_2")
        with pytest.raises(NotFoundError) as raised:
            index.recover(filled, kept.name[:-1], f"{filled}_2")
        assert raised.value.suggestions == [kept.name]
        mine = [name for name in index.collections() if name.startswith(filled)]
        assert mine == [filled]

    def test_a_snapshot_is_not_recovered_over_a_collection(
        self, index: VectorIndex, filled: str
    ) -> None:
        self._require_snapshots()
        kept = index.snapshot(filled)
        index.delete(filled, [uid(1)])
        index.ensure_collection(f"{filled}_2", DIMENSION)
        for into in (filled, f"{filled}_2"):
            with pytest.raises(ConfigurationError, match="exists"):
                index.recover(filled, kept.name, into)
        assert (index.count(filled), index.count(f"{filled}_2")) == (3, 0)

    def test_a_collection_that_is_missing_cannot_be_kept(
        self, index: VectorIndex, name: str
    ) -> None:
        self._require_snapshots()
        with pytest.raises(EmptyCollectionError, match=name):
            index.snapshot(name)

    def test_an_empty_collection_is_kept_too(self, index: VectorIndex, name: str) -> None:
        self._require_snapshots()
        index.ensure_collection(name, DIMENSION)
        index.recover(name, index.snapshot(name).name, f"{name}_2")
        assert (index.dimension(f"{name}_2"), index.count(f"{name}_2")) == (DIMENSION, 0)

    def _require_snapshots(self) -> None:
        if not self.keeps_snapshots:
            pytest.skip("this index keeps no snapshots, and says so")
