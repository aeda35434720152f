"""Exact search over vectors in SQLite or PostgreSQL, shared between processes."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.elsewhere import begun, ended, upsert_a_point
from tradingkb.sql.engine import open_engine
from tradingkb.testing.sample_points import AWAY, EAST, EVERYTHING, NORTH, UP, points, uid, windows
from tradingkb.vectors import embedded as module
from tradingkb.vectors import partition as partition_module
from tradingkb.vectors import tables
from tradingkb.vectors.embedded import EmbeddedVectorIndex


@pytest.fixture
def index(embedded):
    embedded.ensure_collection("kb", 4)
    embedded.upsert("kb", points((1, EAST, {"window_key": "a"}), (2, NORTH, {"window_key": "b"})))
    return embedded


@pytest.fixture
def second(index, url):
    """Another engine on the same file: what another process has."""
    engine = open_engine(url)
    yield EmbeddedVectorIndex(engine)
    engine.dispose()


def nearest(index, vector=AWAY):
    return windows(index.nearest_windows("kb", vector, EVERYTHING, 9))


def test_a_write_of_another_process_is_seen_at_once(index, url):
    assert nearest(index) == ["a", "b"]
    ended(begun(upsert_a_point, url))
    assert nearest(index) == ["late", "a", "b"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda i: i.upsert("kb", points((3, AWAY, {"window_key": "c"}))), ["c", "a", "b"]),
        (lambda i: i.upsert("kb", points((2, AWAY, {"window_key": "b"}))), ["b", "a"]),
        (lambda i: i.upsert("kb", points((2, AWAY, {"strategy_name": "rsi"}))), ["a"]),
        (lambda i: i.delete("kb", [uid(1)]), ["b"]),
    ],
    ids=["insert", "replace", "move to another strategy", "delete"],
)
def test_every_change_by_another_engine_reaches_the_cached_arrays(index, second, change, expected):
    assert nearest(index) == ["a", "b"]
    change(second)
    assert nearest(index) == expected


def test_arrays_are_read_once_until_their_strategy_changes(index, second, monkeypatch):
    loads, load = [], module.load_partition
    spy = lambda *args: (loads.append(args[1][2]), load(*args))[1]  # noqa: E731
    monkeypatch.setattr(module, "load_partition", spy)
    for _ in range(3):
        nearest(index)
    second.upsert("kb", points((3, AWAY, {"strategy_name": "rsi"})))
    nearest(index)
    assert loads == ["sma_cross"]
    second.upsert("kb", points((3, AWAY, {"window_key": "c"})))
    nearest(index)
    assert loads == ["sma_cross"] * 2


def test_names_without_a_point_do_not_fill_the_memory(index, monkeypatch):
    monkeypatch.setattr(module, "KEPT_POINTS", 1_000)
    fresh = EmbeddedVectorIndex(index.engine)
    for i in range(50):
        nobody = replace(EVERYTHING, strategy_name=f"unknown{i}")
        assert fresh.nearest_windows("kb", AWAY, nobody, 9) == []
    assert len(fresh._cache) <= 10


def older_release(index):
    """It knows nothing of additions: it moves the generation alone."""
    with index.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE kb_vectors SET n_trades = n_trades + 1 WHERE id = 1")
        connection.exec_driver_sql("UPDATE kb_vector_generations SET generation = generation + 1")


_NUMBER = st.integers(1, 12)
_POINT = st.tuples(
    _NUMBER,
    st.sampled_from([EAST, NORTH, UP, AWAY]),
    st.fixed_dictionaries(
        {
            "window_key": st.sampled_from("abc"),
            "strategy_name": st.sampled_from(["sma_cross", "rsi"]),
            "max_drawdown": st.sampled_from([None, 0.1, 0.3]),
            "has_oos": st.booleans(),
        }
    ),
)
_CHANGE = st.one_of(
    st.lists(_POINT, min_size=1, max_size=4, unique_by=lambda row: row[0]).map(
        lambda rows: lambda index: index.upsert("kb", points(*rows))
    ),
    st.lists(_NUMBER, max_size=3).map(
        lambda numbers: lambda index: index.delete("kb", [uid(n) for n in numbers])
    ),
    st.just(older_release),
)


@settings(max_examples=16, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(_CHANGE, st.booleans()), min_size=1, max_size=8))
def test_after_any_changes_the_kept_arrays_are_those_that_a_fresh_process_reads(
    index, second, changes
):
    fresh = EmbeddedVectorIndex(index.engine)
    for change, asked in changes:
        change(second)
        if asked:
            fresh.close()
            for where in (EVERYTHING, replace(EVERYTHING, strategy_name="rsi")):
                kept, whole = index._partition("kb", where), fresh._partition("kb", where)
                assert kept.rows().equals(whole.rows())
                assert kept.window_keys == whole.window_keys
                for name in ("matrix", "vector", "starts"):
                    np.testing.assert_array_equal(getattr(kept, name), getattr(whole, name))


def test_only_points_that_were_added_are_read(index, second, monkeypatch):
    nearest(index)
    rows, read = [], partition_module.read
    spy = lambda *a: (frame := read(*a), rows.append(frame.height))[0]  # noqa: E731
    monkeypatch.setattr(partition_module, "read", spy)
    second.upsert("kb", points((0, AWAY, {"window_key": "c"})))
    assert nearest(index) == ["c", "a", "b"]
    second.upsert("kb", points((0, UP, {"window_key": "c"})))
    nearest(index)
    assert rows == [1, 3]


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_point_whose_number_was_taken_first_and_committed_last_is_found(
    index, second, url, monkeypatch
):
    """PostgreSQL lets two writers take numbers at once, and commit in the other order."""
    upserted, both = threading.Barrier(2, timeout=30), module.upsert

    def slow(connection, table, *args, **kwargs):
        both(connection, table, *args, **kwargs)
        if table is tables.vectors and threading.current_thread() is early:
            upserted.wait()  # the number is taken
            upserted.wait()  # the other one has committed

    monkeypatch.setattr(module, "upsert", slow)
    row = points((3, AWAY, {"window_key": "early"}))
    early = threading.Thread(target=lambda: second.upsert("kb", row))
    early.start()
    upserted.wait()
    index.upsert("kb", points((4, UP, {"window_key": "late"})))
    assert nearest(index, UP) == ["late", "a", "b"]
    upserted.wait()
    early.join()
    assert sorted(nearest(index)) == ["a", "b", "early", "late"]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_writing_points_looks_for_them_alone_however_many_there_are(index):
    plans = []

    def explain(connection, cursor, statement, parameters, context, many):
        if "kb_vectors" in statement and not many:
            plan = connection.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in plan if "kb_vectors" in row[3])

    sa.event.listen(index.engine, "before_cursor_execute", explain)
    index.upsert("kb", points((1, AWAY, {}), (3, AWAY, {})))
    index.delete("kb", [uid(1)])
    assert plans
    assert all("(collection_id=? AND point_id=?)" in plan for plan in plans), plans


def test_of_equally_near_points_of_a_window_the_lowest_id_stands_for_it(index):
    rows = [(n, EAST, {"window_key": "w"}) for n in (90, 12, 55)]
    index.upsert("kb", points(*rows))
    best = {h.window_key: h.point_id for h in index.nearest_windows("kb", EAST, EVERYTHING, 9)}
    assert best["w"] == uid(12)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_equal_vectors_are_equally_near_wherever_they_lie_in_memory(embedded):
    """float32 products of equal rows differ in their last digits by the place of the row.

    No database multiplies: one of them says it for both.
    """
    embedded.ensure_collection("kb", 64)
    rng = np.random.default_rng(1)
    pairs = rng.normal(size=(300, 2, 64))
    pairs = (pairs / np.linalg.norm(pairs, axis=2, keepdims=True)).astype(np.float32)
    rows = [
        (f"{s} {n}", vector, {"window_key": f"w{n}", "strategy_name": f"s{s}"})
        for s, (vector, _) in enumerate(pairs)
        for n in range(7)
    ]
    embedded.upsert("kb", points(*rows))
    for s, (_, query) in enumerate(pairs):
        hits = embedded.nearest_windows("kb", query, replace(EVERYTHING, strategy_name=f"s{s}"), 7)
        assert windows(hits) == [f"w{n}" for n in range(7)]
        assert len({hit.similarity for hit in hits}) == 1


def test_a_batch_larger_than_the_parameters_of_a_statement_is_deleted(index):
    index.delete("kb", [uid(f"none {n}") for n in range(40_000)] + [uid(1)])
    assert nearest(index) == ["b"]
