"""JSON lines keep the types of their values, and a broken line costs itself alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers import json_lines
from tradingkb.importers.frames import read_trials
from tradingkb.importers.json_lines import read_json_lines

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def line(i: int, **more: Any) -> str:
    row = {"source_id": f"t{i}", "strategy_name": "s", "sharpe_oos": 0.5, "params": {"n": i}}
    return json.dumps({**row, **more})


def write(folder: Path, *lines: str) -> Path:
    path = folder / "t.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("way", ["rows", "lines"])
def test_rows_with_a_thousand_columns_are_read_and_those_with_more_are_refused(
    tmp_path: Path, way: str
) -> None:
    """Each would be as long as the table: a few megabytes of rows would take gigabytes."""

    def read(n: int) -> int:
        rows = [{f"c{i}": 1.0} for i in range(n)]
        if way == "rows":
            return json_lines.from_rows(rows, set()).width
        return read_json_lines(write(tmp_path, *map(json.dumps, rows)), set())[0].width

    assert read(1_000) == 1_000
    with pytest.raises(InvalidTrialError, match="more than 1,000 different columns") as caught:
        read(1_001)
    assert caught.value.field == "trials"
    assert "params" in str(caught.value.remedy)


def test_names_of_later_blocks_count_with_those_of_earlier_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines, "_BLOCK", 600)
    lines = [json.dumps({f"c{i}": 1.0}) for i in range(1_001)]
    assert read_json_lines(write(tmp_path, *lines[:1_000], *lines[:900]), set())[0].height == 1_900
    with pytest.raises(InvalidTrialError, match="more than 1,000 different columns"):
        read_json_lines(write(tmp_path, *lines), set())


@pytest.mark.parametrize(
    "broken",
    ['{"source_id": "x", "shar', "[1, 2]", "5", "null", '{"a": 1, "a": 2}', "[" * 100_000, "nan"],
)
def test_a_broken_line_is_a_refused_row_that_names_the_line(tmp_path: Path, broken: str) -> None:
    batch = read_trials(write(tmp_path, line(1), "", broken, line(2)), now=NOW)
    assert batch.trials["source_id"].to_list() == ["t1", "t2"]
    (problem,) = batch.rejects.drop("values").to_dicts()
    assert (problem["row"], problem["field"]) == (2, "line")
    assert "line 3 is no JSON object" in problem["message"]
    assert broken[:20] in problem["message"]
    assert len(problem["message"]) < 400
    assert batch.n_rows == 3
    batch.refused.write(tmp_path / "r.csv")


@pytest.mark.parametrize("lines", [["[", "{", "}"], ['{"a":'], [""], ["1", "2"]])
def test_a_file_without_any_object_is_refused_with_what_is_wanted(
    tmp_path: Path, lines: list[str]
) -> None:
    with pytest.raises(InvalidTrialError, match=r"t\.jsonl cannot be read") as caught:
        read_trials(write(tmp_path, *lines), now=NOW)
    assert "one JSON object per line" in str(caught.value.remedy)


def test_nan_is_missing_where_it_is_a_metric_and_refused_where_it_is_a_parameter(
    tmp_path: Path,
) -> None:
    path = write(
        tmp_path,
        line(1, sharpe_is=float("nan")),
        line(3, params={"n": float("nan")}),
    )
    batch = read_trials(path, now=NOW)
    assert batch.trials["source_id"].to_list() == ["t1"]
    assert batch.trials["sharpe_is"].to_list() == [None]
    assert "1 NaN in sharpe_is taken as missing" in batch.notes
    assert batch.rejects.select("row", "field").rows() == [(2, "params")]


def test_columns_that_are_not_used_may_hold_anything(tmp_path: Path) -> None:
    mess = [{"a": 1}, [1, "x"], "text", None, 5, {"a": {"b": [True]}}, 2**80]
    path = write(tmp_path, *(line(i, mine=value) for i, value in enumerate(mess, 1)), line(9, w=-1))
    batch = read_trials(path, now=NOW)
    assert batch.trials.height == len(mess) + 1
    assert "columns not used: mine, w" in batch.notes
    refused = read_trials(path, now=NOW, mapping={"win_rate_oos": "source_id"}).refused
    refused.write(tmp_path / "r.csv")
    assert read_trials(tmp_path / "r.csv", now=NOW).trials.height == len(mess) + 1


def test_columns_join_over_blocks_whatever_each_of_them_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines, "_BLOCK", 2)
    table = [
        {"a": 1, "b": "x", "c": None, "d": True},
        {"a": 2, "b": "y"},
        {"a": 0.5, "b": 1, "e": 3},
        {"a": None, "b": "z", "e": 4},
        {"a": 3},
    ]
    frame, broken = read_json_lines(write(tmp_path, *map(json.dumps, table)), set())
    assert broken == []
    names = ["a", "b", "c", "d", "e"]
    assert frame.columns == names
    expected = [[row.get(name) for row in table] for name in names]
    assert [column.to_list() for column in frame] == expected
    assert frame.schema["a"] == pl.Float64
    assert frame.schema["e"] == pl.Int64


def test_a_canonical_column_of_several_types_is_read_as_texts(tmp_path: Path) -> None:
    path = write(tmp_path, line(1, symbol=5, n_trades_oos="7"), line(2, symbol="A", n_trades_oos=8))
    found = read_trials(path, now=NOW).trials
    assert found["symbol"].to_list() == ["5", "A"]
    assert found["n_trades_oos"].to_list() == [7, 8]


def test_a_regime_may_be_an_object(tmp_path: Path) -> None:
    from tradingkb.domain.regime import Regime

    regime = Regime.measured({"rsi": 60.0})
    path = write(tmp_path, line(1, regime_oos=regime.to_dict()))
    assert read_trials(path, now=NOW).trials["regime_oos"][0] is not None
