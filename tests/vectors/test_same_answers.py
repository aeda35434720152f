"""The adapters agree with each other and with a brute force over all points."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradingkb.ports import Points, VectorFilter
from tradingkb.sql.engine import open_engine
from tradingkb.testing.sample_points import STRATEGY, WORKSPACE, points, uid
from tradingkb.vectors.embedded import EmbeddedVectorIndex
from tradingkb.vectors.order import rounded

#: Length 1 in every arithmetic, few different similarities: ties everywhere.
UNIT_VECTORS = [
    *np.eye(4, dtype=np.float32),
    *-np.eye(4, dtype=np.float32),
    *(np.array(signs, dtype=np.float32) / 2 for signs in product((1, -1), repeat=4)),
]
LEVELS = [0.0, 0.1, 0.25, 0.5, None]

payloads = st.fixed_dictionaries(
    {
        "window_key": st.sampled_from([f"w{n}" for n in range(12)]),
        "has_oos": st.booleans(),
        "max_drawdown": st.sampled_from(LEVELS),
        "n_trades": st.sampled_from([0, 3, 5, 50, None]),
        "overfit_gap": st.sampled_from(LEVELS),
        "strategy_name": st.sampled_from([STRATEGY] * 4 + ["rsi"]),
    }
)
rows = st.lists(st.tuples(st.sampled_from(UNIT_VECTORS), payloads), min_size=1, max_size=60)
filters = st.builds(
    VectorFilter,
    workspace_id=st.just(WORKSPACE),
    strategy_name=st.just(STRATEGY),
    require_oos=st.booleans(),
    max_drawdown=st.sampled_from([None, 0.0, 0.25, 0.3, math.inf]),
    min_trades=st.sampled_from([None, 0, 4, 5, 51]),
    max_overfit_gap=st.sampled_from([None, 0.0, 0.3, math.inf]),
    unknown_passes=st.booleans(),
)


def passes(row: dict, where: VectorFilter) -> bool:
    """The port's words, one row at a time."""
    if (row["workspace_id"], row["strategy_name"]) != (where.workspace_id, where.strategy_name):
        return False
    if where.require_oos and not row["has_oos"]:
        return False
    for value, bound, holds in (
        (row["max_drawdown"], where.max_drawdown, lambda v, b: v <= b),
        (row["n_trades"], where.min_trades, lambda v, b: v >= b),
    ):
        if bound is not None and not (
            where.unknown_passes if value is None else holds(value, bound)
        ):
            return False
    gap, most = row["overfit_gap"], where.max_overfit_gap
    return most is None or gap is None or gap <= most


def brute_force(pts: Points, query, where, limit) -> list[tuple[str, float, set[str]]]:
    """(window, similarity, ids of its nearest points) of the nearest windows."""
    found: dict[str, dict[str, float]] = {}
    similarities = pts.vectors.astype(np.float64) @ query.astype(np.float64)
    for row, point, similarity in zip(pts.payload.to_dicts(), pts.ids, similarities, strict=True):
        if passes(row, where):
            found.setdefault(row["window_key"], {})[point] = rounded(similarity)
    best = {
        key: (max(near.values()), {p for p, s in near.items() if s == max(near.values())})
        for key, near in found.items()
    }
    ranked = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))
    return [(key, similarity, ids) for key, (similarity, ids) in ranked[:limit]]


@pytest.fixture(params=["sqlite", "postgresql", "qdrant"])
def index(request, with_tables):
    if request.param == "qdrant":
        yield request.getfixturevalue("qdrant")
        return
    engine = open_engine(with_tables(request.param))
    yield EmbeddedVectorIndex(engine)
    engine.dispose()


collections = (f"c{n}" for n in range(10**9))


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=rows, where=filters, query=st.sampled_from(UNIT_VECTORS), limit=st.integers(1, 14))
def test_an_index_finds_exactly_what_a_brute_force_finds(index, rows, where, query, limit):
    name = next(collections)
    index.ensure_collection(name, 4)
    pts = points(*((n, *row) for n, row in enumerate(rows)))
    index.upsert(name, pts)
    expected = brute_force(pts, query, where, limit)
    hits = index.nearest_windows(name, query, where, limit)
    assert [(h.window_key, h.similarity) for h in hits] == [(k, s) for k, s, _ in expected]
    assert all(h.point_id in ids for h, (_, _, ids) in zip(hits, expected, strict=True))
    assert index.count(name, where) == sum(passes(r, where) for r in pts.payload.to_dicts())


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=rows, where=filters, query=st.sampled_from(UNIT_VECTORS), limit=st.integers(1, 14))
def test_both_indexes_give_the_same_windows_in_the_same_order(
    embedded, qdrant, rows, where, query, limit
):
    name = next(collections)
    answers = []
    for index in (embedded, qdrant):
        index.ensure_collection(name, 4)
        index.upsert(name, points(*((n, *row) for n, row in enumerate(rows))))
        hits = index.nearest_windows(name, query, where, limit)
        answers.append([(hit.window_key, hit.similarity) for hit in hits])
    assert answers[0] == answers[1]


@pytest.mark.parametrize("dimension", [16, 64, 768])
def test_random_vectors_are_ranked_as_by_brute_force(index, dimension):
    rng = np.random.default_rng(dimension)
    vectors = rng.normal(size=(501, dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    payload = pl.concat(
        points((n, vectors[n], {"window_key": f"w{n % 97:02}"})).payload for n in range(500)
    )
    pts = Points([uid(n) for n in range(500)], vectors[:500], payload)
    index.ensure_collection("random", dimension)
    index.upsert("random", pts)
    where = VectorFilter(WORKSPACE, STRATEGY)
    hits = index.nearest_windows("random", vectors[500], where, 30)
    expected = brute_force(pts, vectors[500], where, 30)
    assert [h.window_key for h in hits] == [key for key, _, _ in expected]
    assert [h.similarity for h in hits] == pytest.approx([s for _, s, _ in expected], abs=2e-6)


def test_servers_that_compute_in_float32_give_the_same_similarities_but_for_one_in_hundreds() -> (
    None
):
    """They normalise and add up as they like: what is shown must not follow it."""
    vectors = np.random.default_rng(3).normal(size=(300, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    again = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    exact = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    for there in (again @ again.T, exact + 2e-7):
        other = [rounded(a) != rounded(b) for a, b in zip(exact.flat, there.flat, strict=True)]
        assert np.mean(other) < 0.005
