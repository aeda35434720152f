"""`param_*` columns of files: one mistyped cell is a bad row, not another type for all of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from tradingkb.importers.frames import Batch, read_trials

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def spelled(values: Sequence[Any], suffix: str, folder: Path) -> Any:
    """The values as `param_x` of a CSV, NDJSON or Parquet file or of a pandas frame."""
    rows = [
        {
            "source_id": f"t{i}",
            "strategy_name": "s",
            "sharpe_oos": 0.5,
            "param_y": 1,
            "param_x": value,
        }
        for i, value in enumerate(values)
    ]
    path = folder / f"trials.{suffix}"
    if suffix == "csv":
        lines = [",".join("" if v is None else str(v) for v in row.values()) for row in rows]
        path.write_text("\n".join([",".join(rows[0]), *lines]), encoding="utf-8")
    elif suffix == "ndjson":
        path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    elif suffix == "parquet":
        texts = [None if v is None else str(v) for v in values]
        pl.DataFrame(rows, strict=False).with_columns(param_x=pl.Series(texts)).write_parquet(path)
    else:
        return pd.DataFrame(rows)
    return path


def read(values: Sequence[Any], tmp_path: Path, suffix: str = "csv") -> Batch:
    return read_trials(spelled(values, suffix, tmp_path), now=NOW)


def xs(batch: Batch) -> list[Any]:
    return [json.loads(text).get("x") for text in batch.trials["params"]]


@pytest.mark.parametrize("suffix", ["csv", "ndjson", "parquet", "pandas"])
@pytest.mark.parametrize(
    ("values", "kept", "message"),
    [
        ([20, "2O", 30, None], [20, 30, None], "'2O' is no number, as 2 of 3 values are"),
        ([0.5, 20, "-", 1e-3], [0.5, 20, 0.001], "'-' is no number, as 3 of 4 values are"),
        (["true", "x", "False"], [True, False], "'x' is no boolean, as 2 of 3 values are"),
    ],
    ids=["a letter", "a dash", "booleans"],
)
def test_a_few_texts_among_numbers_are_bad_rows_and_the_numbers_stay_numbers(
    tmp_path: Path, suffix: str, values: list[Any], kept: list[Any], message: str
) -> None:
    batch = read(values, tmp_path, suffix)
    (problem,) = batch.rejects.drop("values").to_dicts()
    bad = next(i for i, v in enumerate(values, 1) if f"'{v}'" in message)
    assert (problem["row"], problem["field"], problem["message"]) == (bad, "param_x", message)
    assert "params column" in problem["remedy"]
    assert xs(batch) == kept
    assert [type(x) for x in xs(batch)] == [type(x) for x in kept]


@pytest.mark.parametrize("suffix", ["csv", "ndjson", "parquet", "pandas"])
@pytest.mark.parametrize("values", [["ema", "sma", None, "ema"], ["001", "002", "x1"]])
def test_a_column_of_texts_stays_one_without_a_note(
    tmp_path: Path, suffix: str, values: list[Any]
) -> None:
    batch = read(values, tmp_path, suffix)
    assert xs(batch) == values
    assert batch.rejects.is_empty()
    assert not any("param_x" in note for note in batch.notes)


@pytest.mark.parametrize("suffix", ["csv", "ndjson", "parquet", "pandas"])
def test_numbers_among_mostly_texts_are_taken_as_texts_and_a_note_says_so(
    tmp_path: Path, suffix: str
) -> None:
    batch = read(["off", 5, "auto", "off"], tmp_path, suffix)
    assert xs(batch) == ["off", "5", "auto", "off"]
    assert batch.rejects.is_empty()
    assert "param_x: 1 of 4 values are numbers, and taken as texts like the others" in batch.notes


def test_texts_that_all_read_as_numbers_are_what_the_frame_says_they_are() -> None:
    frame = pl.DataFrame({"strategy_name": "s", "sharpe_oos": 0.5, "param_x": ["5", "10"]})
    assert xs(read_trials(frame, now=NOW)) == ["5", "10"]


def test_an_infinite_cell_is_refused_and_a_nan_is_a_parameter_that_is_not_given(
    tmp_path: Path,
) -> None:
    batch = read([1, "x", "inf", "nan", 2.5], tmp_path)
    assert batch.rejects["row"].to_list() == [2, 3]
    assert xs(batch) == [1, None, 2.5]
