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

from tradingkb.domain.param_spec import ParamSpec
from tradingkb.domain.strategy import StrategySpec
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
        ([20, "2O", 30], [20, 30], "'2O' is no number, as 2 of 3 values are"),
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
@pytest.mark.parametrize("values", [["ema", "sma", "ema"], ["001", "002", "x1"]])
def test_a_column_of_texts_stays_one_without_a_note(
    tmp_path: Path, suffix: str, values: list[Any]
) -> None:
    batch = read(values, tmp_path, suffix)
    assert xs(batch) == values
    assert batch.rejects.is_empty()
    assert not any("param_x" in note for note in batch.notes)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_numbers_among_mostly_texts_are_taken_as_texts_and_a_note_says_so(
    tmp_path: Path, suffix: str
) -> None:
    batch = read(["off", 5, "auto", "off"], tmp_path, suffix)
    assert xs(batch) == ["off", "5", "auto", "off"]
    assert batch.rejects.is_empty()
    assert "param_x: 1 of 4 values are numbers, and taken as texts like the others" in batch.notes


@pytest.mark.parametrize("suffix", ["ndjson", "pandas"])
@pytest.mark.parametrize("values", [["off", 5, "auto", "off"], [True, 1, False, 0.5]])
def test_where_values_have_types_each_keeps_its_own(
    tmp_path: Path, suffix: str, values: list[Any]
) -> None:
    batch = read(values, tmp_path, suffix)
    assert xs(batch) == values
    assert [type(x) for x in xs(batch)] == [type(v) for v in values]
    assert batch.rejects.is_empty()


def test_texts_that_all_read_as_numbers_are_what_the_frame_says_they_are_and_a_note_says_so() -> (
    None
):
    frame = pl.DataFrame({"strategy_name": "s", "sharpe_oos": 0.5, "param_x": ["5", "10"]})
    batch = read_trials(frame, now=NOW)
    assert xs(batch) == ["5", "10"]
    (note,) = [note for note in batch.notes if note.startswith("x: ")]
    assert "texts that look like numbers" in note
    assert "register the strategy's spec" in note


@pytest.mark.parametrize("text", ["", "  ", "nan"])
def test_a_cell_that_is_infinite_or_holds_nothing_is_refused_in_a_file_without_types(
    tmp_path: Path, text: str
) -> None:
    batch = read([1, "x", "inf", text, 2.5], tmp_path)
    assert batch.rejects["row"].unique().to_list() == [2, 3, 4]
    assert xs(batch) == [1, 2.5]


# --- cells that hold nothing ----------------------------------------------------------------------

X, Y = ParamSpec("x", "float"), ParamSpec("y", "int")
SPECS = {
    "none": (),
    "a number": (StrategySpec("s", (X, ParamSpec("y", "int"))),),
    "None is a choice": (
        StrategySpec(
            "s", (ParamSpec("x", "categorical", choices=(0.5, None)), ParamSpec("y", "int"))
        ),
    ),
    "it depends": (
        StrategySpec("s", (ParamSpec("x", "float", when={"y": (2,)}), ParamSpec("y", "int"))),
    ),
    "of another parameter": (StrategySpec("s", (ParamSpec("y", "int"),)),),
    "of another strategy": (StrategySpec("t", (X,)),),
    "of another version": (StrategySpec("s", (X,), version="2"),),
}


@pytest.mark.parametrize("suffix", ["csv", "ndjson", "parquet", "pandas"])
@pytest.mark.parametrize(
    ("spec", "in_csv", "elsewhere"),
    [
        ("none", "refused", {"y": 1}),
        ("a number", "refused", "refused"),
        ("None is a choice", {"x": None, "y": 1}, {"x": None, "y": 1}),
        ("it depends", {"y": 1}, {"y": 1}),
        ("of another parameter", "refused", {"y": 1}),
        ("of another strategy", "refused", {"y": 1}),
        ("of another version", "refused", "refused"),  # the rows name none: the newest spec reads
    ],
)
def test_an_empty_cell_is_what_the_spec_says_and_otherwise_no_guess(
    tmp_path: Path, suffix: str, spec: str, in_csv: Any, elsewhere: Any
) -> None:
    source = spelled([0.5, None], suffix, tmp_path)
    if spec == "it depends":
        source = _with_y(source)
    batch = read_trials(source, now=NOW, specs=SPECS[spec])
    expected = in_csv if suffix == "csv" else elsewhere
    if expected == "refused":
        (problem,) = batch.rejects.drop("values").to_dicts()
        assert (problem["row"], problem["field"]) == (2, "param_x")
        assert "None among the choices" in problem["remedy"]
        assert "when=" in problem["remedy"]
    else:
        assert batch.rejects.is_empty()
        assert json.loads(batch.trials["params"][1]) == expected
        said = any(note.startswith("param_x: 1 of 2 rows have no value") for note in batch.notes)
        assert said is (spec in ("none", "of another parameter", "of another strategy"))


def _with_y(source: Any) -> Any:
    """The first row has y = 2 instead of 1, with which x applies."""
    if isinstance(source, pd.DataFrame):
        return source.assign(param_y=[2, 1])
    if source.suffix == ".parquet":
        pl.read_parquet(source).with_columns(param_y=pl.Series([2, 1])).write_parquet(source)
        return source
    text = source.read_text(encoding="utf-8")
    old, new = (",1,0.5", ",2,0.5") if source.suffix == ".csv" else ('y": 1', 'y": 2')
    source.write_text(text.replace(old, new, 1), encoding="utf-8")
    return source


def test_a_column_that_a_strategy_never_fills_is_a_parameter_of_others(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "strategy_name,sharpe_oos,param_fast,param_period\n"
        "sma,1,5,\nsma,1,6,\nrsi,1,,14\nrsi,1,,\n",
        encoding="utf-8",
    )
    batch = read_trials(path, now=NOW)
    assert batch.trials["params"].to_list() == ['{"fast":5}', '{"fast":6}', '{"period":14}']
    assert batch.rejects.select("row", "field").rows() == [(4, "param_period")]


def test_a_blank_text_of_a_frame_is_refused_like_a_blank_cell_of_a_file() -> None:
    frame = pl.DataFrame({"strategy_name": "s", "sharpe_oos": 0.5, "param_x": ["ema", " "]})
    batch = read_trials(frame, now=NOW)
    assert batch.rejects.select("row", "field").rows() == [(2, "param_x")]


def test_rows_of_strategies_with_and_without_a_spec_stand_in_one_column(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "strategy_name,sharpe_oos,param_x\ns,1,auto\ns,1,5\nt,1,1\nt,1,2\nt,1,3O\n",
        encoding="utf-8",
    )
    spec = StrategySpec("s", (ParamSpec("x", "categorical", choices=("auto", 5)),))
    batch = read_trials(path, now=NOW, specs=[spec])
    assert xs(batch) == ["auto", 5, 1, 2]
    assert batch.rejects.select("row", "message").rows() == [
        (5, "'3O' is no number, as 2 of 3 values are")
    ]


def test_a_column_without_any_value_is_no_parameter_and_a_note_says_so(tmp_path: Path) -> None:
    batch = read([None, None], tmp_path)
    assert batch.trials["params"].to_list() == ['{"y":1}', '{"y":1}']
    assert "param_x: no row has a value, and it was not used" in batch.notes
