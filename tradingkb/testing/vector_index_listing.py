"""The part of the `VectorIndex` contract about what an index lists: collections, and points."""

from __future__ import annotations

import polars as pl

from tradingkb.ports import VectorIndex
from tradingkb.testing.sample_points import DIMENSION, OTHER_WORKSPACE, UP, WORKSPACE, points, uid


class ListingContract:
    """Part of `VectorIndexContract`."""

    def test_collections_are_listed_by_name(self, index: VectorIndex, name: str) -> None:
        mine = [f"{name}_2", f"{name}_1"]
        for one in mine:
            index.ensure_collection(one, DIMENSION)
        index.set_alias(f"{name}_alias", mine[0])
        assert [c for c in index.collections() if c.startswith(name)] == sorted(mine)

    def test_the_points_of_a_workspace_are_listed_with_their_payload(
        self, index: VectorIndex, filled: str
    ) -> None:
        unknown = {"max_drawdown": None, "n_trades": None, "overfit_gap": None}
        mine = points((5, UP, unknown), *((n, UP, {}) for n in range(10, 700)))
        index.upsert(filled, mine)
        index.upsert(filled, points((9, UP, {"workspace_id": OTHER_WORKSPACE})))
        found = index.points(filled, WORKSPACE).sort("point_id")
        ids = pl.Series("point_id", mine.ids)
        sent = mine.payload.select(ids, pl.all()).sort("point_id")
        assert found.schema == sent.schema
        assert found.filter(pl.col("point_id").is_in(mine.ids)).equals(sent)
        assert found.height == mine.payload.height + 4
        assert index.points(filled, OTHER_WORKSPACE)["point_id"].to_list() == [uid(9)]
