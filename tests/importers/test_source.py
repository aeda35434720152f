from __future__ import annotations

import sys
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tradingkb.domain.regime import Regime
from tradingkb.domain.trial import Trial
from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers.frames import read_trials
from tradingkb.importers.source import const

NOW = datetime(2026, 1, 1, tzinfo=UTC)
START = datetime(2020, 1, 1, tzinfo=UTC)
TRIALS = [
    Trial(
        strategy_name="sma_cross",
        params={"fast": n, "k": 0.5, "flag": n == 1},
        source_id=f"00{n}",
        symbol="000001",
        timeframe="1d",
        is_start=START,
        is_end=START + timedelta(days=365),
        sharpe_is=1.0 / 3.0 + n,
        n_trades_is=n,
        objective_type="sharpe",
    )
    for n in (1, 2)
]
NAMES = (
    *("strategy_name", "source_id", "symbol", "timeframe", "is_start", "is_end"),
    *("sharpe_is", "n_trades_is"),
)
PLAIN = pl.DataFrame([{name: getattr(t, name) for name in NAMES} for t in TRIALS])
PARAMS = {
    "struct": pl.Series("params", [t.params for t in TRIALS]),
    "json": pl.Series(
        "params", ['{"flag": true, "k": 5e-1, "fast": 1.0}', '{"fast":2,"k":0.5,"flag":false}']
    ),
    "object": pl.Series("params", [t.params for t in TRIALS], dtype=pl.Object),
}
SPELLINGS = {name: PLAIN.with_columns(series) for name, series in PARAMS.items()} | {
    "param_*": PLAIN.with_columns(
        param_fast=pl.Series([1, 2]), param_k=0.5, param_flag=pl.Series([True, False])
    ),
}


def same_as_objects(trials: Any, **arguments: Any) -> None:
    """Trials from another source are the same, to the last bit of the hash."""
    expected = read_trials(TRIALS, now=NOW)
    found = read_trials(trials, now=NOW, **arguments)
    assert expected.rejects.to_dicts() == found.rejects.to_dicts() == []
    assert found.trials.to_dicts() == expected.trials.to_dicts()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_parameters_have_one_text_in_all_spellings(spelling: str) -> None:
    same_as_objects(SPELLINGS[spelling])
    texts = read_trials(SPELLINGS[spelling], now=NOW).trials["params"].to_list()
    assert texts == ['{"fast":1,"flag":true,"k":0.5}', '{"fast":2,"flag":false,"k":0.5}']


def test_a_parquet_file_is_read(tmp_path: Path) -> None:
    SPELLINGS["struct"].write_parquet(tmp_path / "t.PARQUET")
    same_as_objects(tmp_path / "t.PARQUET")
    same_as_objects(str(tmp_path / "t.PARQUET"))


def test_a_csv_file_keeps_texts_that_look_like_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    SPELLINGS["param_*"].rename({"symbol": "ticker"}).write_csv(path)
    assert "000001" in path.read_text()
    same_as_objects(path, mapping={"symbol": "ticker"})


@pytest.mark.parametrize("suffix", [".ndjson", ".jsonl"])
def test_an_ndjson_file_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    SPELLINGS["struct"].write_ndjson(path)
    same_as_objects(path)


def test_a_metric_that_is_null_in_the_first_thousand_rows_of_a_file_is_not_lost(
    tmp_path: Path,
) -> None:
    frame = pl.DataFrame(
        {
            "strategy_name": "s",
            "params": [f'{{"n":{i}}}' for i in range(1200)],
            "sharpe_is": 1.0,
            "sharpe_oos": [None] * 1199 + [0.5],
        }
    )
    frame.write_ndjson(tmp_path / "t.ndjson")
    frame.write_csv(tmp_path / "t.csv")
    for name in ("t.ndjson", "t.csv"):
        found = read_trials(tmp_path / name, now=NOW).trials
        assert found["sharpe_oos"][-1] == 0.5


def test_a_lazy_frame_is_collected() -> None:
    same_as_objects(SPELLINGS["struct"].lazy())
    with pytest.raises(InvalidTrialError, match="cannot be read"):
        read_trials(PLAIN.lazy().select("nowhere"), now=NOW)


def pandas_frame(**more: Any) -> pd.DataFrame:
    columns = {name: PLAIN[name].to_list() for name in NAMES}
    return pd.DataFrame({**columns, "params": [t.params for t in TRIALS], **more})


def test_a_pandas_frame_is_read() -> None:
    same_as_objects(pandas_frame())
    same_as_objects(pandas_frame().astype({"sharpe_is": "Float64", "n_trades_is": "Int64"}))
    same_as_objects(pandas_frame().astype({"symbol": "category", "strategy_name": object}))


def test_a_pandas_frame_is_read_without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [m for m in sys.modules if m.split(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    frame = pandas_frame()
    frame[["source_id", "strategy_name"]] = frame[["source_id", "strategy_name"]].astype(object)
    same_as_objects(frame)


@pytest.mark.parametrize("names", [["source_id"], ["strategy_name", "source_id"], ["is_start"]])
def test_a_pandas_index_that_has_a_name_is_columns(names: list[str]) -> None:
    same_as_objects(pandas_frame().set_index(names))


def test_a_mapping_may_name_a_pandas_index() -> None:
    frame = pandas_frame().rename(columns={"source_id": "id"}).set_index("id")
    found = read_trials(frame, mapping={"source_id": "id"}, now=NOW)
    assert found.trials["source_id"].to_list() == [t.source_id for t in TRIALS]


def test_a_pandas_index_without_a_name_is_said_to_be_unused_unless_it_only_counts_rows() -> None:
    frame = pandas_frame()
    for index in (["a", "b"], [7, 3], pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])):
        batch = read_trials(frame.set_axis(index, axis=0), now=NOW)
        assert batch.trials.height == 2
        assert any("the index of the frame has no name" in note for note in batch.notes)
    for plain in (frame, frame.set_axis([0, 1], axis=0)):
        assert not any("index" in note for note in read_trials(plain, now=NOW).notes)


def test_a_pandas_index_and_a_column_of_one_name_are_refused() -> None:
    frame = pandas_frame().set_index("source_id", drop=False)
    with pytest.raises(InvalidTrialError, match=r"the index and a column are named 'source_id'"):
        read_trials(frame, now=NOW)


def test_missing_values_of_pandas_are_missing() -> None:
    frame = pandas_frame(
        sharpe_oos=[math_nan := float("nan"), 0.5],
        n_trades_oos=pd.array([pd.NA, 3], dtype="Int64"),
        oos_start=[pd.NaT, pd.Timestamp("2021-06-01", tz="Europe/Berlin")],
        engine=[None, "x"],
        strategy_version=[math_nan, math_nan],
        known_at=pd.to_datetime([None, "2023-01-01"]),
    )
    batch = read_trials(frame, now=NOW)
    assert batch.rejects.to_dicts() == []
    first, second = batch.trials.to_dicts()
    names = ("sharpe_oos", "n_trades_oos", "oos_start", "engine", "strategy_version")
    assert [first[name] for name in names] == [None] * 5
    assert second["oos_start"] == datetime(2021, 5, 31, 22, tzinfo=UTC)
    assert (second["sharpe_oos"], second["n_trades_oos"], second["engine"]) == (0.5, 3, "x")
    assert second["strategy_version"] is None
    assert second["known_at"] == datetime(2023, 1, 1, tzinfo=UTC)


def test_parameters_of_pandas_rows_do_not_take_on_each_others_types() -> None:
    frame = pandas_frame()
    frame["params"] = [{"mode": 1}, {"mode": "atr", "n": 3}]
    found = read_trials(frame, now=NOW).trials
    assert found["params"].to_list() == ['{"mode":1}', '{"mode":"atr","n":3}']


def test_two_pandas_columns_of_one_name_are_refused() -> None:
    frame = pandas_frame()
    frame.columns = ["strategy_name", *frame.columns[1:-1], "strategy_name"]
    with pytest.raises(InvalidTrialError, match="two columns are named 'strategy_name'"):
        read_trials(frame, now=NOW)


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_parameter_column_without_a_value_is_a_parameter_that_is_not_given(
    missing: float | None,
) -> None:
    frame = PLAIN.with_columns(param_n=pl.Series([5, 6]), param_k=pl.Series([missing, 0.5]))
    found = read_trials(frame, now=NOW).trials
    assert found["params"].to_list() == ['{"n":5}', '{"k":0.5,"n":6}']


def test_an_infinite_parameter_is_refused_and_not_dropped() -> None:
    frame = PLAIN.with_columns(param_n=pl.Series([5, 6]), param_k=pl.Series([float("inf"), 0.5]))
    batch = read_trials(frame, now=NOW)
    assert batch.trials["__row__"].to_list() == [2]
    assert "parameter k = inf is neither" in batch.rejects["message"][0]


@pytest.mark.parametrize(
    "value", [b"x", timedelta(1), [1, 2], {"b": 1}], ids=["bytes", "duration", "list", "struct"]
)
def test_a_parameter_column_of_no_plain_values_is_refused_by_row(value: Any) -> None:
    frame = PLAIN.with_columns(param_n=pl.Series([value, value]))
    batch = read_trials(frame, now=NOW)
    assert batch.rejects["row"].to_list() == [1, 2]
    assert batch.rejects["field"].unique().to_list() == ["param_n"]
    assert "parameter n" in batch.rejects["message"][0]


def test_beside_params_the_columns_named_param_are_the_users_own() -> None:
    batch = read_trials(SPELLINGS["struct"].with_columns(param_id=pl.lit(7)), now=NOW)
    assert '"id"' not in batch.trials["params"][0]
    assert "columns not used: param_id" in batch.notes


# --- Trial objects -------------------------------------------------------------------------------


def test_one_trial_object_needs_no_list() -> None:
    assert read_trials(TRIALS[0], now=NOW).trials.height == 1


def test_every_field_of_a_trial_arrives() -> None:
    regime = Regime.measured({"rsi": 60.0})
    full = replace(
        TRIALS[0],
        regime_is=regime,
        oos_start=datetime(2021, 6, 1),
        oos_end=datetime(2021, 9, 1, 2, tzinfo=timezone(timedelta(hours=2))),
        win_rate_oos=np.float32(0.5),
        n_trades_oos=np.int64(4),
        cost_bps=5,
    )
    found = read_trials([full], now=NOW).trials.to_dicts()[0]
    assert found["regime_is"] is not None
    assert found["oos_start"] == datetime(2021, 6, 1, tzinfo=UTC)
    assert found["oos_end"] == datetime(2021, 9, 1, tzinfo=UTC)
    assert (found["win_rate_oos"], found["n_trades_oos"], found["cost_bps"]) == (0.5, 4, 5.0)
    assert {f.name for f in fields(Trial)} <= set(found)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("params", {"a": float("nan")}, "parameter a"),
        ("params", ["a"], "must be a mapping"),
        ("params", None, "missing"),
        ("params", {}, "empty"),
        ("sharpe_is", "high", "'high' is no number"),
        ("sharpe_is", True, "'True' is no number"),
        ("n_trades_is", 2.5, "2.5 is not a whole number"),
        ("is_start", 5, "'5' is no time"),
        ("regime_is", {"rsi": 60}, "cannot be read as a regime"),
        ("objective_type", "sharp", "'sharp' is not known"),
    ],
)
def test_a_bad_field_of_a_trial_refuses_that_trial_alone(
    field: str, value: Any, message: str
) -> None:
    batch = read_trials([TRIALS[0], replace(TRIALS[1], **{field: value})], now=NOW)
    assert batch.trials["__row__"].to_list() == [1]
    problem = batch.rejects.to_dicts()[0]
    assert (problem["row"], problem["field"]) == (2, field)
    assert message in problem["message"]


@pytest.mark.parametrize("value", [date(2020, 1, 1), "2020-01-01", np.datetime64("2020-01-01")])
def test_a_trials_dates_may_be_dates_or_iso_texts(value: Any) -> None:
    batch = read_trials([replace(TRIALS[0], is_start=value)], now=NOW)
    assert batch.trials["is_start"].to_list() == [START]


# --- sources that cannot be used -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xlsx", b"x", "files of type '.xlsx' are not read"),
        ("trials", b"x", "files of type 'none' are not read"),
        ("t.parquet", b"no parquet at all", "cannot be read"),
        ("t.parquet", b"", "cannot be read"),
        ("t.csv", b"", "cannot be read"),
        ("t.csv", b"a,b\n\xff\xfe,1\n", r"line 2 of t.csv is not UTF-8 \(byte 0xff\)"),
        ("t.ndjson", b'{"a":', "cannot be read"),
        ("missing.csv", None, "does not exist"),
        ("x" * 300 + ".csv", None, "cannot be read: File name too long"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_a_remedy(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidTrialError, match=message) as caught:
        read_trials(tmp_path / name, now=NOW)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,s,1,0.5\nb,s,2,0.5,9\n", r"line 3 of t\.csv has 5 fields, the header 4"),
        ('a,"s\nt",1,0.5\nb,s,2,0.5,9\n', r"line 4 of t\.csv has 5 fields"),
        ('a,s,1,0.5\nb,"s,2,0.5\n', r"line 3 of t\.csv cannot be read"),
    ],
)
def test_a_broken_line_of_a_csv_file_is_named(tmp_path: Path, rows: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(f"{HEAD}{rows}", encoding="utf-8")
    with pytest.raises(InvalidTrialError, match=message) as caught:
        read_trials(tmp_path / "t.csv", now=NOW)
    assert "stands in quotes" in str(caught.value.remedy)


def test_a_csv_file_with_two_columns_of_one_name_is_refused(tmp_path: Path) -> None:
    text = "strategy_name,param_n,param_n,sharpe_oos\ns,1,2,0.5\n"
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidTrialError, match=r"two columns of t\.csv are named 'param_n'"):
        read_trials(tmp_path / "t.csv", now=NOW)


HEAD = "source_id,strategy_name,param_n,sharpe_oos\n"
MANY = "".join(f"t{i},{'s' * 100},{i},0.5\n" for i in range(20_000))  # more than one block


@pytest.mark.parametrize(
    ("name", "text", "encoding", "line"),
    [
        ("t.csv", f"{HEAD}a,caf\u00e9,1,0.5\n", "cp1252", 2),
        ("t.csv", f'{HEAD}a,s,1,0.5\nb,"caf\u00e9, no",1,0.5\n', "latin-1", 3),
        ("t.csv", f"{HEAD.strip()},not\u00e9\na,s,1,0.5,x\n", "cp1252", 1),
        ("t.csv", f"{HEAD}{MANY}b,caf\u00e9,1,0.5\n", "cp1252", 20_002),
        ("t.csv", f"{HEAD}a,s,1,0.5\n", "utf-16", 1),
        ("t.csv", f"{HEAD}a,s,1,0.5\n", "utf-16-le", 1),
        ("t.ndjson", '{"source_id":"a"}\n{"source_id":"caf\u00e9"}\n', "cp1252", 2),
    ],
)
def test_a_text_file_that_is_not_utf8_is_refused_by_its_line_and_never_guessed_at(
    tmp_path: Path, name: str, text: str, encoding: str, line: int
) -> None:
    (tmp_path / name).write_bytes(text.encode(encoding))
    with pytest.raises(InvalidTrialError, match=f"line {line} of {name} is not UTF-8") as caught:
        read_trials(tmp_path / name, now=NOW)
    assert "save it as UTF-8" in str(caught.value)
    assert "encoding=" in str(caught.value)


def test_letters_beyond_ascii_arrive_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"{HEAD}a,caf\u00e9,1,0.5\n", encoding="utf-8")
    assert read_trials(tmp_path / "t.csv", now=NOW).trials["strategy_name"][0] == "caf\u00e9"


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    SPELLINGS["struct"].write_parquet(tmp_path / "t.parquet")
    data = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(data[: len(data) // 2])
    with pytest.raises(InvalidTrialError, match="cannot be read"):
        read_trials(tmp_path / "t.parquet", now=NOW)


def test_a_folder_and_an_empty_path_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidTrialError, match="is a folder"):
        read_trials(tmp_path, now=NOW)
    with pytest.raises(InvalidTrialError, match="the path is empty"):
        read_trials("", now=NOW)


@pytest.mark.parametrize("value", [5, {"a": 1}, ["a"], pd.Series([1]), None])
def test_other_objects_are_refused_by_their_type(value: Any) -> None:
    with pytest.raises(InvalidTrialError, match=type(value).__name__):
        read_trials(value, now=NOW)


def test_a_constant_fills_a_frame_of_any_source() -> None:
    found = read_trials(TRIALS, mapping={"engine": const("vectorbt")}, now=NOW).trials
    assert found["engine"].to_list() == ["vectorbt"] * 2


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_a_csv_with_another_separator_is_refused_with_the_remedy(
    tmp_path: Path, mark: str, name: str
) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(b"\xef\xbb\xbf" + mark.join(["id", "strategy", "sharpe"]).encode() + b"\n")
    with pytest.raises(InvalidTrialError, match=f"separated by {name}.*commas"):
        read_trials(file, now=datetime(2026, 1, 1, tzinfo=UTC))


def test_blank_lines_of_a_spreadsheet_are_no_trials_and_rows_keep_their_numbers(
    tmp_path: Path,
) -> None:
    file = tmp_path / "t.csv"
    file.write_text(
        "\ufeffsource_id,strategy_name,param_n,sharpe_oos\na,s,1,0.5\n\nb,s,2,x\n,,,\nc,s,3,0.1\n",
        encoding="utf-8",
    )
    batch = read_trials(file, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert batch.trials["source_id"].to_list() == ["a", "c"]
    assert set(batch.rejects["row"]) == {3}
