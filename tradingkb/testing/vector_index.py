"""What every `VectorIndex` must do."""

from __future__ import annotations

import uuid

import numpy as np
import pytest

from tradingkb.exceptions import ConfigurationError, EmptyCollectionError
from tradingkb.ports import Points, VectorFilter, VectorIndex
from tradingkb.testing.sample_points import (
    AWAY,
    DIMENSION,
    EAST,
    EVERYTHING,
    NORTH,
    STRATEGY,
    UP,
    WORKSPACE,
    points,
    uid,
    windows,
)
from tradingkb.testing.vector_index_collections import CollectionContract
from tradingkb.testing.vector_index_listing import ListingContract
from tradingkb.testing.vector_index_search import SearchContract


class VectorIndexContract(ListingContract, SearchContract, CollectionContract):
    """Subclass it, and give a fixture `index` with an index to write to."""

    @pytest.fixture
    def name(self) -> str:
        """A collection name that no other test uses: a server may be shared."""
        return f"contract_{uuid.uuid4().hex}"

    @pytest.fixture
    def filled(self, index: VectorIndex, name: str) -> str:
        """A collection with three windows: one point east, two north, one up."""
        index.ensure_collection(name, DIMENSION)
        index.upsert(
            name,
            points(
                (1, EAST, {"window_key": "a"}),
                (2, NORTH, {"window_key": "b"}),
                (3, NORTH, {"window_key": "b"}),
                (4, UP, {"window_key": "c"}),
            ),
        )
        return name

    # collections and aliases

    def test_a_collection_has_the_dimension_it_was_made_with(
        self, index: VectorIndex, name: str
    ) -> None:
        assert index.dimension(name) is None
        index.ensure_collection(name, DIMENSION)
        assert index.dimension(name) == DIMENSION
        assert index.count(name) == 0

    def test_ensuring_a_collection_again_keeps_its_points(
        self, index: VectorIndex, filled: str
    ) -> None:
        index.ensure_collection(filled, DIMENSION)
        assert index.count(filled) == 4

    def test_a_collection_of_another_dimension_is_refused(
        self, index: VectorIndex, filled: str
    ) -> None:
        with pytest.raises(ConfigurationError, match="dimension 4"):
            index.ensure_collection(filled, 5)
        assert index.dimension(filled) == DIMENSION

    def test_a_missing_collection_says_so_whatever_is_asked_of_it(
        self, index: VectorIndex, name: str
    ) -> None:
        for ask in (
            lambda: index.count(name),
            lambda: index.count(name, EVERYTHING),
            lambda: index.points(name, WORKSPACE),
            lambda: index.nearest_windows(name, EAST, EVERYTHING, 3),
            lambda: index.upsert(name, points((1, EAST, {}))),
            lambda: index.delete(name, [uid(1)]),
            lambda: index.set_alias(f"alias_{name}", name),
        ):
            with pytest.raises(EmptyCollectionError, match=name):
                ask()

    def test_an_empty_collection_has_no_neighbours(self, index: VectorIndex, name: str) -> None:
        index.ensure_collection(name, DIMENSION)
        assert index.nearest_windows(name, EAST, EVERYTHING, 3) == []

    def test_an_alias_is_moved_from_one_collection_to_another(
        self, index: VectorIndex, name: str
    ) -> None:
        alias, second = f"alias_{name}", f"{name}_2"
        assert index.alias(alias) is None
        index.ensure_collection(name, DIMENSION)
        index.ensure_collection(second, DIMENSION)
        index.set_alias(alias, name)
        assert index.alias(alias) == name
        index.set_alias(alias, second)
        index.set_alias(alias, second)
        assert index.alias(alias) == second

    def test_an_alias_stays_where_it_is_when_its_new_collection_is_missing(
        self, index: VectorIndex, filled: str
    ) -> None:
        index.set_alias(f"alias_{filled}", filled)
        with pytest.raises(EmptyCollectionError):
            index.set_alias(f"alias_{filled}", f"{filled}_missing")
        assert index.alias(f"alias_{filled}") == filled

    # writes

    def test_the_same_point_twice_is_one_point_and_the_later_counts(
        self, index: VectorIndex, filled: str
    ) -> None:
        index.upsert(filled, points((1, AWAY, {"window_key": "z", "n_trades": 7})))
        assert index.count(filled) == 4
        assert windows(index.nearest_windows(filled, AWAY, EVERYTHING, 1)) == ["z"]
        assert index.count(filled, VectorFilter(WORKSPACE, STRATEGY, min_trades=8)) == 3

    def test_a_point_that_moves_to_another_strategy_leaves_the_first(
        self, index: VectorIndex, filled: str
    ) -> None:
        assert windows(index.nearest_windows(filled, EAST, EVERYTHING, 1)) == ["a"]
        index.upsert(filled, points((1, EAST, {"window_key": "a", "strategy_name": "rsi"})))
        assert "a" not in windows(index.nearest_windows(filled, EAST, EVERYTHING, 9))
        assert index.count(filled, VectorFilter(WORKSPACE, "rsi")) == 1

    def test_a_write_is_seen_by_the_next_search(self, index: VectorIndex, filled: str) -> None:
        for n in range(10, 14):
            index.upsert(filled, points((n, AWAY, {"window_key": f"n{n}"})))
            hits = index.nearest_windows(filled, AWAY, EVERYTHING, n - 9)
            assert windows(hits) == [f"n{m}" for m in range(10, n + 1)]

    def test_a_write_of_nothing_changes_nothing(self, index: VectorIndex, filled: str) -> None:
        nothing = points((1, EAST, {}))
        index.upsert(filled, Points([], nothing.vectors[:0], nothing.payload[:0]))
        index.delete(filled, [])
        assert index.count(filled) == 4

    def test_more_points_than_one_batch_are_all_written_and_deleted(
        self, index: VectorIndex, filled: str
    ) -> None:
        many = [(f"m{n}", EAST, {"window_key": f"m{n:04}"}) for n in range(1000)]
        index.upsert(filled, points(*many))
        assert index.count(filled) == 1004
        index.delete(filled, [uid(row[0]) for row in many])
        assert index.count(filled) == 4

    def test_vectors_of_another_dimension_are_refused(
        self, index: VectorIndex, filled: str
    ) -> None:
        with pytest.raises(ConfigurationError):
            index.upsert(filled, points((9, np.ones(3, np.float32), {})))
        with pytest.raises(ConfigurationError):
            index.nearest_windows(filled, np.ones(3, np.float32), EVERYTHING, 3)
        assert index.count(filled) == 4

    def test_deleted_points_are_gone_and_unknown_ones_are_no_error(
        self, index: VectorIndex, filled: str
    ) -> None:
        index.delete(filled, [uid(1), uid(2), uid("never written")])
        assert index.count(filled) == 2
        assert windows(index.nearest_windows(filled, EAST, EVERYTHING, 9)) == ["b", "c"]

    def test_collections_share_nothing(self, index: VectorIndex, filled: str) -> None:
        second = f"{filled}_2"
        index.ensure_collection(second, DIMENSION)
        index.upsert(second, points((1, UP, {"window_key": "second"})))
        index.delete(second, [uid(2)])
        assert index.count(filled) == 4
        assert windows(index.nearest_windows(second, UP, EVERYTHING, 9)) == ["second"]
