"""A rejects file holds the refused rows as they came: corrected, it is ingested like the source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from tradingkb.domain.regime import Regime
from tradingkb.domain.trial import Trial
from tradingkb.importers.frames import read_trials
from tradingkb.importers.rejects import MARKS
from tradingkb.importers.source import const

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
    wrong.refused.write_csv(file)
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
    refused = read_trials(frame, mapping=MAPPING, now=NOW).refused
    assert refused.columns == [*MARKS, *frame.columns]
    (row,) = refused.to_dicts()
    assert (row["_rejected_row"], row["_rejected_field"]) == (2, "strategy_name | win_rate_oos")
    assert "55.0 is not between 0 and 1" in row["_rejected_message"]
    assert "55 % is 0.55" in row["_rejected_remedy"]
    assert (row["mine"], row["param_x"]) == ('c"', 6)


def test_a_cell_that_is_no_number_is_refused_again_until_it_is_corrected(tmp_path: Path) -> None:
    first, file = tmp_path / "t.csv", tmp_path / "r.csv"
    first.write_text("strategy_name,sharpe_oos,param_x\ns,1,5\ns,1,6O\ns,1,7\n", encoding="utf-8")
    read_trials(first, now=NOW).refused.write_csv(file)
    again = read_trials(file, now=NOW)  # the cell is the only one of its column now
    assert again.rejects.select("row", "field", "message").rows() == [
        (1, "param_x", "'6O' is no number")
    ]
    again.refused.write_csv(file)
    text = file.read_text(encoding="utf-8").replace("s,1,6O", "s,1,60")
    file.write_text(text, encoding="utf-8")
    assert read_trials(file, now=NOW).trials["params"].to_list() == ['{"x":60}']


def test_a_rejects_file_of_which_columns_were_deleted_is_still_read(tmp_path: Path) -> None:
    batch = read_trials(FLAT.with_columns(win_rate_oos=55.0), mapping=MAPPING, now=NOW)
    batch.refused.drop(MARKS[2:]).write_csv(tmp_path / "r.csv")
    again = read_trials(tmp_path / "r.csv", mapping=MAPPING, now=NOW)
    assert again.refused.columns == batch.refused.columns
    assert not any("_rejected" in note for note in again.notes)
