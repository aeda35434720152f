"""A window is embedded once in a run, in batches of the size that its embedder asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import polars as pl
import pytest

from tradingkb.domain import Regime, regime_to_json
from tradingkb.indexing.window_vectors import WindowVectors
from tradingkb.ports import Embedder, Floats32, WindowDocument


class Counting:
    """An embedder of one number, the drift before the window; counts the windows of each call."""

    dimension = 1

    def __init__(self, batch: int | None) -> None:
        self.batch = batch
        self.calls: list[int] = []

    def embed_documents(self, documents: Sequence[WindowDocument]) -> Floats32:
        self.calls.append(len(documents))
        known = [d.before.features["drift"] if d.before is not None else 0.0 for d in documents]
        return np.array(known, dtype=np.float32).reshape(-1, 1)


def rows(*windows: int) -> pl.DataFrame:
    """A row per number: of that window, whose drift is the number; 0 has no regime."""
    texts = [regime_to_json(Regime(features={"drift": float(w)})) if w else None for w in windows]
    return pl.DataFrame(
        {
            "row": range(len(windows)),
            "window_key": [f"w{w}" for w in windows],
            "regime_is": texts,
            "regime_oos": [None] * len(windows),
        },
        schema_overrides={"regime_is": pl.String, "regime_oos": pl.String},
    )


def drifts(vectors: Floats32) -> list[int]:
    return [int(v) for v in vectors[:, 0]]


def walked(
    embedder: Counting, *works: pl.DataFrame, most: int = 100, **more: Any
) -> list[list[int]]:
    """The windows of each part, by what their vectors say; all rows come, each with its own."""
    made = WindowVectors(cast(Embedder, embedder), **more)
    found = []
    for work in works:
        seen: list[int] = []
        for part in made.parts(work, most):
            of_rows = drifts(made.of(part))
            assert [f"w{n}" for n in of_rows] == part["window_key"].to_list()
            found.append(of_rows)
            seen += part["row"].to_list()
        assert sorted(seen) == work["row"].to_list()
    return found


def test_an_embedder_without_a_batch_size_is_given_the_rows_as_they_come() -> None:
    embedder = Counting(None)
    assert walked(embedder, rows(3, 1, 3, 2, 1), most=3) == [[3, 1, 3], [2, 1]]
    assert embedder.calls == [2, 2]


def test_a_part_has_the_windows_of_one_batch_with_all_their_rows() -> None:
    embedder = Counting(2)
    assert walked(embedder, rows(3, 1, 2, 5, 3, 4, 1)) == [[1, 1, 2], [3, 3, 4], [5]]
    assert embedder.calls == [2, 2, 1]


def test_a_part_has_no_more_rows_than_are_written_at_once() -> None:
    embedder = Counting(2)
    assert walked(embedder, rows(1, 2, 1, 2, 1), most=2) == [[1, 1], [1, 2], [2]]
    assert embedder.calls == [1, 1]  # each window still once


@pytest.mark.parametrize("batch", [1, 2, 3, 7])
def test_a_window_is_embedded_once_whatever_the_work_that_it_comes_with(batch: int) -> None:
    embedder = Counting(batch)
    walked(embedder, rows(1, 2, 3), rows(2, 3, 4), rows(4, 1), most=2)
    assert sum(embedder.calls) == 4
    assert max(embedder.calls) <= batch


def test_windows_that_are_known_already_take_no_room_in_a_batch() -> None:
    embedder = Counting(2)
    assert walked(embedder, rows(2, 4), rows(1, 2, 3, 4)) == [[2, 4], [1, 2, 3, 4]]
    assert embedder.calls == [2, 2]


def test_windows_with_the_same_regimes_share_a_vector() -> None:
    embedder = Counting(2)
    twins = rows(1, 1, 2).with_columns(window_key=pl.Series(["a", "b", "c"]))
    made = WindowVectors(cast(Embedder, embedder))
    (part,) = made.parts(twins, 100)
    assert drifts(made.of(part)) == [1, 1, 2]
    assert embedder.calls == [2]


def test_a_window_whose_regime_has_changed_meanwhile_is_embedded_again() -> None:
    embedder = Counting(2)
    moved = rows(2).with_columns(window_key=pl.lit("w1"))
    made = WindowVectors(cast(Embedder, embedder))
    assert [drifts(made.of(work)) for work in (rows(1), moved)] == [[1], [2]]


def test_no_more_vectors_are_kept_than_are_to_be() -> None:
    embedder = Counting(2)
    works = [rows(1, 2, 3), rows(3), rows(1)]
    assert walked(embedder, *works, kept=2) == [[1, 2], [3], [3], [1]]
    assert embedder.calls == [2, 1, 1]


@pytest.mark.parametrize("batch", [None, 2])
def test_a_window_without_a_regime_has_a_vector_of_zeros(batch: int | None) -> None:
    assert walked(Counting(batch), rows(0, 1, 0)) in ([[0, 1, 0]], [[0, 0, 1]])


@pytest.mark.parametrize("batch", [None, 2])
def test_no_work_asks_for_nothing(batch: int | None) -> None:
    embedder = Counting(batch)
    assert walked(embedder, rows()) == []
    assert embedder.calls == []
