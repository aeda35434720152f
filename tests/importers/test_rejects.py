"""A rejects file holds the refused rows as they came: corrected, it is ingested like the source."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradingkb.domain.regime import Regime
from tradingkb.domain.trial import Trial
from tradingkb.importers import rejects
from tradingkb.importers.frames import read_trials
from tradingkb.importers.rejects import MARKS
from tradingkb.importers.source import const
from tradingkb.spreadsheet import as_cells

NOW = datetime(2026, 1, 1, tzinfo=UTC)
START, END = datetime(2021, 1, 1, 9, 30, tzinfo=UTC), datetime(2021, 6, 1, tzinfo=UTC)
PARAMS = {"fast": 5, "k": 0.1 + 0.2, "mode": 'say "ema", or\nsma', "flag": True, "none": None}
TRIALS = [
    Trial(
        source_id=f"t{i}",
        strategy_name="caf\u00e9",
        params=PARAMS,
        symbol="000001",
        timeframe="1d",
        oos_start=START,
        oos_end=END,
        sharpe_oos=1 / 3,
        n_trades_oos=7 + i,
        win_rate_oos=0.5,
        regime_oos=Regime.stated(tags=["uptrend"], features={"rsi": 60.0}),
    )
    for i in range(3)
]
FLAT = pl.DataFrame(
    {
        "run": ["r0", "r1", "r2"],
        "strategy_name": "s",
        "code": "000001",
        "sharpe_oos": 1 / 3,
        "oos_start": START,
        "oos_end": [END] * 3,
        "param_x": [5, 6, 7],
        "param_k": [0.1, None, 1e-9],
        "param_mode": ["5", "ema", "off"],
        "param_flag": [True, False, True],
        "win_rate_oos": 0.5,
        "mine": ["a;b", 'c"', None],
    }
)
STRUCT = FLAT.select(
    "run",
    "strategy_name",
    "code",
    "sharpe_oos",
    "oos_start",
    "oos_end",
    "win_rate_oos",
    params=pl.struct(x="param_x", k="param_k", mode="param_mode", flag="param_flag"),
)
MAPPING = {"source_id": "run", "symbol": "code", "engine": const("mine")}
SOURCES: dict[str, tuple[Callable[[float], Any], dict[str, Any]]] = {
    "Trial objects": (
        lambda rate: [*TRIALS[:1], *(replace(t, win_rate_oos=rate) for t in TRIALS[1:])],
        {},
    ),
    # The mode of the row at fault looks like a number, and is none.
    "a flat frame": (
        lambda rate: FLAT.with_columns(win_rate_oos=pl.Series([rate, 0.5, 0.5])),
        MAPPING,
    ),
    "a frame with a struct": (lambda rate: STRUCT.with_columns(win_rate_oos=rate), MAPPING),
    "a pandas frame": (
        lambda rate: (
            pd.DataFrame(FLAT.drop("oos_start", "oos_end").to_dict(as_series=False))
            .assign(win_rate_oos=rate, oos_start=START, oos_end=END)
            .set_index("run")
        ),
        MAPPING,
    ),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_the_refused_rows_are_the_same_trials_once_they_are_corrected(
    tmp_path: Path, kind: str
) -> None:
    source, mapping = SOURCES[kind]
    wrong = read_trials(source(55.0), mapping=mapping, now=NOW)
    assert wrong.refused.height >= 1
    file = tmp_path / "rejects.csv"
    wrong.refused.write(file)
    file.write_text(file.read_text(encoding="utf-8").replace("55.0", "0.55"), encoding="utf-8")
    again = read_trials(file, mapping=mapping, now=NOW)
    assert again.rejects.to_dicts() == []
    assert not any(mark in note for note in again.notes for mark in MARKS)
    right = read_trials(source(0.55), mapping=mapping, now=NOW).trials
    expected = right.filter(pl.col("source_id").is_in(again.trials["source_id"].implode()))
    assert again.trials.height == wrong.refused.height
    assert again.trials.drop("__row__").to_dicts() == expected.drop("__row__").to_dicts()


def test_all_that_is_wrong_with_a_row_stands_beside_its_columns_as_they_came() -> None:
    frame = FLAT.with_columns(
        win_rate_oos=pl.Series([0.5, 55.0, 0.5]), strategy_name=pl.Series(["s", None, "s"])
    )
    refused = read_trials(frame, mapping=MAPPING, now=NOW).refused.table()
    assert refused.columns == [*MARKS, *frame.columns]
    (row,) = refused.to_dicts()
    assert (row["_rejected_row"], row["_rejected_field"]) == (2, "strategy_name | win_rate_oos")
    assert "55.0 is not between 0 and 1" in row["_rejected_message"]
    assert "55 % is 0.55" in row["_rejected_remedy"]
    assert (row["mine"], row["param_x"]) == ('c"', 6)


def test_a_cell_that_is_no_number_is_refused_again_until_it_is_corrected(tmp_path: Path) -> None:
    first, file = tmp_path / "t.csv", tmp_path / "r.csv"
    first.write_text("strategy_name,sharpe_oos,param_x\ns,1,5\ns,1,6O\ns,1,7\n", encoding="utf-8")
    read_trials(first, now=NOW).refused.write(file)
    again = read_trials(file, now=NOW)  # the cell is the only one of its column now
    assert again.rejects.select("row", "field", "message").rows() == [
        (1, "param_x", "'6O' is no number")
    ]
    again.refused.write(file)
    text = file.read_text(encoding="utf-8").replace("s,1,6O", "s,1,60")
    file.write_text(text, encoding="utf-8")
    assert read_trials(file, now=NOW).trials["params"].to_list() == ['{"x":60}']


def test_a_rejects_file_of_which_columns_were_deleted_is_still_read(tmp_path: Path) -> None:
    batch = read_trials(FLAT.with_columns(win_rate_oos=55.0), mapping=MAPPING, now=NOW)
    batch.refused.table().drop(MARKS[2:]).write_csv(tmp_path / "r.csv")
    again = read_trials(tmp_path / "r.csv", mapping=MAPPING, now=NOW)
    assert again.refused.table().columns == batch.refused.table().columns
    assert not any("_rejected" in note for note in again.notes)


TEXT = st.text(st.sampled_from("=+-@'\t\n ,\"1.5eEx\u00e9"), min_size=1, max_size=6)
TEXT = TEXT.filter(lambda text: text.strip())


def runs(cell: str | None) -> bool:
    """Whether a spreadsheet would run a cell."""
    number = re.fullmatch(r"[+-]([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", cell or "")
    first = (cell or "").strip()[:1]
    return first in ("=", "@", "+", "-") and not number


@settings(max_examples=25)
@given(st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=4), TEXT)
def test_no_spreadsheet_runs_a_refused_row_and_it_comes_back_as_it_was(
    rows: list[tuple[str, str, str]], column: str
) -> None:
    column = f"{column}_"
    frame = pl.DataFrame(rows, schema=[column, "engine", "param_mode"], orient="row")
    frame = frame.with_row_index("source_id").with_columns(
        pl.col("source_id").cast(pl.String), strategy_name=pl.lit("=s"), sharpe_oos=1.0
    )
    mapping = {"symbol": column}
    wrong = read_trials(frame.with_columns(win_rate_oos=55.0), mapping=mapping, now=NOW)
    right = read_trials(frame.with_columns(win_rate_oos=0.55), mapping=mapping, now=NOW)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "r.csv"
        wrong.refused.write(file)
        cells = pl.read_csv(file, infer_schema=False)
        assert not [cell for row in [cells.columns, *cells.rows()] for cell in row if runs(cell)]
        text = file.read_bytes().replace(b",55.0", b",0.55")
        file.write_bytes(text)
        again = read_trials(file, mapping=mapping, now=NOW)
    assert again.rejects.to_dicts() == []
    assert again.trials.drop("__row__").to_dicts() == right.trials.drop("__row__").to_dicts()


def test_refused_rows_are_written_in_slices_and_the_file_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pl.concat([FLAT] * 5).with_columns(
        run=pl.Series([f"r{i}" for i in range(15)]), win_rate_oos=55.0, cost_bps=-1.0
    )
    refused = read_trials(rows, mapping=MAPPING, now=NOW).refused
    refused.write(tmp_path / "whole.csv")
    heights: list[int] = []

    def counted(frame: pl.DataFrame) -> pl.DataFrame:
        heights.append(frame.height)
        return as_cells(frame)

    monkeypatch.setattr(rejects, "_SLICE", 4)
    monkeypatch.setattr(rejects, "as_cells", counted)
    refused.write(tmp_path / "sliced.csv")
    assert heights == [4, 4, 4, 3]
    assert (tmp_path / "sliced.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    marks = pl.read_csv(tmp_path / "sliced.csv")
    assert marks["_rejected_row"].to_list() == list(range(1, 16))
    assert set(marks["_rejected_field"]) == {"cost_bps | win_rate_oos"}


def test_a_report_names_every_problem_and_has_the_values_of_the_first_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rejects, "MOST_VALUES", 2)
    frame = FLAT.with_columns(win_rate_oos=55.0, cost_bps=-1.0)
    found = read_trials(frame, mapping=MAPPING, now=NOW).rejects
    assert found["row"].to_list() == [1, 1, 2, 2, 3, 3]
    assert found["values"].is_null().to_list() == [False] * 4 + [True] * 2
