"""The part of the `VectorIndex` contract about searches and their filters."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from tradingkb.ports import VectorFilter, VectorIndex
from tradingkb.testing.sample_points import (
    AWAY,
    BETWEEN,
    DIMENSION,
    EAST,
    EVERYTHING,
    OTHER_WORKSPACE,
    STRATEGY,
    WORKSPACE,
    points,
    uid,
    windows,
)


class SearchContract:
    """Part of `VectorIndexContract`."""

    def test_the_nearest_window_comes_first_with_its_cosine_similarity(
        self, index: VectorIndex, filled: str
    ) -> None:
        hits = index.nearest_windows(
            filled, np.array([0.6, 0.8, 0, 0], dtype=np.float32), EVERYTHING, 3
        )
        assert windows(hits) == ["b", "a", "c"]
        assert [hit.similarity for hit in hits] == pytest.approx([0.8, 0.6, 0.0], abs=2e-6)

    def test_an_opposite_vector_has_similarity_minus_one(
        self, index: VectorIndex, filled: str
    ) -> None:
        hits = index.nearest_windows(filled, -EAST, EVERYTHING, 3)
        assert [(hit.window_key, hit.similarity) for hit in hits] == [
            ("b", 0.0),
            ("c", 0.0),
            ("a", -1.0),
        ]

    def test_a_window_is_represented_by_its_nearest_point(
        self, index: VectorIndex, filled: str
    ) -> None:
        index.upsert(filled, points((5, BETWEEN, {"window_key": "c"})))
        best = {h.window_key: h for h in index.nearest_windows(filled, EAST, EVERYTHING, 3)}
        assert (best["c"].point_id, best["c"].similarity) == (uid(5), 0.5)

    def test_a_window_of_hundreds_of_points_does_not_fill_the_neighbourhood(
        self, index: VectorIndex, filled: str
    ) -> None:
        crowd = [(f"crowd{n}", EAST, {"window_key": "crowd"}) for n in range(400)]
        index.upsert(filled, points(*crowd))
        hits = index.nearest_windows(filled, EAST, EVERYTHING, 3)
        assert windows(hits) == ["a", "crowd", "b"]

    def test_fewer_windows_than_asked_for_are_all_there_are(
        self, index: VectorIndex, filled: str
    ) -> None:
        assert len(index.nearest_windows(filled, EAST, EVERYTHING, 100)) == 3

    def test_equally_near_windows_come_by_their_key_wherever_the_limit_cuts(
        self, index: VectorIndex, filled: str
    ) -> None:
        keys = [f"t{n:02}" for n in range(40)]
        tied = [(f"tied{k}", BETWEEN, {"window_key": k}) for k in reversed(keys)]
        index.upsert(filled, points(*tied))
        expected = ["a", *keys, "b", "c"]
        for limit in (1, 2, 7, 40, 41, 42, 99):
            hits = index.nearest_windows(filled, EAST, EVERYTHING, limit)
            assert windows(hits) == expected[:limit]

    def test_several_threads_get_the_same_answer(self, index: VectorIndex, filled: str) -> None:
        def ask(_: int) -> list[str]:
            return windows(index.nearest_windows(filled, EAST, EVERYTHING, 3))

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(ask, range(64))) == [["a", "b", "c"]] * 64

    # filters

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            ({}, "known edge none"),
            ({"require_oos": True}, "known edge"),
            ({"max_drawdown": 0.25}, "known edge"),
            ({"max_drawdown": 0.2499}, "known"),
            ({"max_drawdown": 0.0}, ""),
            ({"max_drawdown": math.inf}, "known edge"),
            ({"max_drawdown": 0.2, "unknown_passes": True}, "known none"),
            ({"min_trades": 5}, "known edge"),
            ({"min_trades": 6}, "known"),
            ({"min_trades": 6, "unknown_passes": True}, "known none"),
            ({"max_overfit_gap": 0.3}, "known edge none"),
            ({"max_overfit_gap": 0.2}, "known none"),
            ({"max_overfit_gap": math.inf}, "known edge none"),
            ({"require_oos": True, "max_drawdown": 0.25, "min_trades": 6}, "known"),
            ({"require_oos": True, "min_trades": 6, "unknown_passes": True}, "known"),
        ],
        ids=str,
    )
    def test_all_conditions_must_hold_and_bounds_are_inclusive(
        self, index: VectorIndex, name: str, condition: dict[str, Any], expected: str
    ) -> None:
        index.ensure_collection(name, DIMENSION)
        unknown = {"has_oos": False, "max_drawdown": None, "n_trades": None, "overfit_gap": None}
        index.upsert(
            name,
            points(
                (1, EAST, {"window_key": "1 known"}),
                (
                    2,
                    EAST,
                    {
                        "window_key": "2 edge",
                        "max_drawdown": 0.25,
                        "n_trades": 5,
                        "overfit_gap": 0.3,
                    },
                ),
                (3, EAST, {"window_key": "3 none", **unknown}),
            ),
        )
        where = VectorFilter(WORKSPACE, STRATEGY, **condition)
        found = [key[2:] for key in windows(index.nearest_windows(name, EAST, where, 9))]
        assert found == expected.split()
        assert index.count(name, where) == len(expected.split())

    def test_points_of_another_workspace_or_strategy_are_never_found(
        self, index: VectorIndex, filled: str
    ) -> None:
        index.upsert(
            filled,
            points(
                (8, AWAY, {"window_key": "theirs", "workspace_id": OTHER_WORKSPACE}),
                (9, AWAY, {"window_key": "other", "strategy_name": "rsi"}),
            ),
        )
        assert windows(index.nearest_windows(filled, AWAY, EVERYTHING, 9)) == ["a", "b", "c"]
        assert index.count(filled, EVERYTHING) == 4
        theirs = VectorFilter(OTHER_WORKSPACE, STRATEGY)
        assert windows(index.nearest_windows(filled, AWAY, theirs, 9)) == ["theirs"]
