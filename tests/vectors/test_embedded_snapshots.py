"""Snapshots of the embedded index: whole or not at all, and no cache believes in what is gone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from tradingkb.testing.sample_points import EAST, EVERYTHING, NORTH, points, windows
from tradingkb.vectors import tables
from tradingkb.vectors.embedded import EmbeddedVectorIndex

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def index(engine: sa.Engine) -> EmbeddedVectorIndex:
    """Two points, at noon."""
    index = EmbeddedVectorIndex(engine, lambda: NOON)
    index.ensure_collection("kb", 4)
    index.upsert("kb", points((1, EAST, {"window_key": "a"}), (2, NORTH, {"window_key": "b"})))
    index.set_alias("al", "kb")
    return index


def everything(engine: sa.Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        return {
            table.name: sorted(map(str, connection.execute(sa.select(table))))
            for table in tables.metadata.sorted_tables
        }


@contextlib.contextmanager
def dying_at(engine: sa.Engine, n: int) -> Iterator[None]:
    """The process is gone at the n-th write: what it had not committed has not happened."""
    left = [n]

    def count(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.lstrip().startswith(("INSERT", "UPDATE", "DELETE")):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt

    sa.event.listen(engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        sa.event.remove(engine, "before_cursor_execute", count)


CHANGES: dict[str, Callable[[EmbeddedVectorIndex], Any]] = {
    "snapshot": lambda i: i.snapshot("kb"),
    "recover": lambda i: i.recover("kb", i.snapshots("kb")[0].name, "kb_2"),
    "drop": lambda i: i.drop("kb"),
    "drop_snapshot": lambda i: i.drop_snapshot("kb", i.snapshots("kb")[0].name),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_happens_whole_or_not_at_all(
    index: EmbeddedVectorIndex, change: Callable[[EmbeddedVectorIndex], Any]
) -> None:
    index.snapshot("kb")
    before = everything(index.engine)
    for n in range(20):
        try:
            with dying_at(index.engine, n):
                change(index)
        except KeyboardInterrupt:
            assert everything(index.engine) == before, n
        else:
            break
    assert 2 <= n < 20
    assert everything(index.engine) != before


def test_snapshots_of_one_second_have_names_of_their_own(index: EmbeddedVectorIndex) -> None:
    first, second = index.snapshot("kb"), index.snapshot("kb")
    assert first.name == "kb-2026-01-01-12-00-00.snapshot"
    assert second.name == "kb-2026-01-01-12-00-00-2.snapshot"
    assert index.snapshots("kb") == [first, second]
    assert (first.created_at, first.size_bytes, first.points) == (NOON, 2 * 4 * 4, 2)


def test_another_process_does_not_answer_from_a_collection_that_was_dropped(
    index: EmbeddedVectorIndex,
) -> None:
    """SQLite would give the next collection its number, and its first generation."""
    other = EmbeddedVectorIndex(index.engine)
    assert windows(other.nearest_windows("kb", EAST, EVERYTHING, 9)) == ["a", "b"]
    kept = index.snapshot("kb")
    index.drop("kb")
    index.ensure_collection("kb", 4)
    index.upsert("kb", points((3, EAST, {"window_key": "new"})))
    assert windows(other.nearest_windows("kb", EAST, EVERYTHING, 9)) == ["new"]
    index.drop("kb")
    index.recover("kb", kept.name, "kb")
    assert windows(other.nearest_windows("kb", EAST, EVERYTHING, 9)) == ["a", "b"]
    assert index.collections() == ["kb"]
