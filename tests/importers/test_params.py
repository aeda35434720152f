"""The same parameters mean the same in every way in: JSON, structs, columns, files and objects."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from tradingkb.domain.param_spec import ParamSpec
from tradingkb.domain.strategy import StrategySpec
from tradingkb.domain.trial import Trial
from tradingkb.importers.frames import Batch, read_trials
from tradingkb.importers.source import const

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = StrategySpec(
    "s",
    (
        ParamSpec("n", "int", low=1, high=50),
        ParamSpec("k", "float", low=0.1, high=0.9, step=0.1),
        ParamSpec("flag", "bool"),
        ParamSpec("stop", "categorical", choices=("atr", 2, None)),
        ParamSpec("alpha", "float", when={"stop": ("atr",)}),
    ),
)
Set = dict[str, Any]


def base(i: int) -> dict[str, Any]:
    return {"source_id": f"t{i}", "strategy_name": "s", "sharpe_oos": 0.5}


def rows(sets: list[Set]) -> list[dict[str, Any]]:
    return [{**base(i), "params": one} for i, one in enumerate(sets)]


def flat(sets: list[Set]) -> list[dict[str, Any]]:
    names = dict.fromkeys(name for one in sets for name in one)
    return [{**base(i), **{f"param_{n}": one.get(n) for n in names}} for i, one in enumerate(sets)]


def lines(path: Path, table: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in table), encoding="utf-8")
    return path


def csv(path: Path, sets: list[Set]) -> Path:
    pd.DataFrame(flat(sets)).astype(object).to_csv(path, index=False)
    return path


#: Each makes a source of parameter sets.
WAYS: dict[str, Callable[[list[Set], Path], Any]] = {
    "JSON text": lambda sets, _: pl.DataFrame(
        [{**row, "params": json.dumps(row["params"])} for row in rows(sets)]
    ),
    "Trial objects": lambda sets, _: [Trial(**row) for row in rows(sets)],
    "a pandas column of mappings": lambda sets, _: pd.DataFrame(rows(sets)),
    "pandas columns": lambda sets, _: pd.DataFrame(flat(sets)).astype(object),
    "JSON lines of mappings": lambda sets, d: lines(d / "t.jsonl", rows(sets)),
    "JSON lines of columns": lambda sets, d: lines(d / "t.ndjson", flat(sets)),
    "CSV": lambda sets, d: csv(d / "t.csv", sets),
}
#: Those in which a column has one type.
TYPED_WAYS: dict[str, Callable[[list[Set], Path], Any]] = {
    "a struct": lambda sets, _: pl.DataFrame(rows(sets), infer_schema_length=None),
    "columns": lambda sets, _: pl.DataFrame(flat(sets), infer_schema_length=None),
}


def texts(batch: Batch) -> list[str]:
    assert batch.rejects.to_dicts() == []
    return batch.trials["params"].to_list()


MEANT = [
    '{"alpha":0.5,"flag":true,"k":0.3,"n":20,"stop":"atr"}',
    '{"flag":false,"k":0.1,"n":3,"stop":2}',
    '{"flag":true,"k":0.9,"n":7,"stop":null}',
]
PLAIN: list[Set] = [
    {"n": 20, "k": 0.1 + 0.2, "flag": True, "stop": "atr", "alpha": 0.5},
    {"n": 3.0, "k": 0.1, "flag": False, "stop": 2, "alpha": None},
    {"n": 7, "k": 0.9, "flag": True, "stop": None, "alpha": None},
]
#: As a tool writes them that knows texts alone.
TEXTS: list[Set] = [
    {"n": "20", "k": "0.30000000000000004", "flag": "True", "stop": "atr", "alpha": "0.5"},
    {"n": "3.0", "k": "0.10", "flag": "false", "stop": "2", "alpha": ""},
    {"n": " 7", "k": "9e-1", "flag": "TRUE", "stop": "None", "alpha": " "},
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sets", [PLAIN, TEXTS], ids=["values", "texts"])
def test_the_spec_says_what_values_mean_in_every_way_in(
    tmp_path: Path, way: str, sets: list[Set]
) -> None:
    batch = read_trials(WAYS[way](sets, tmp_path), now=NOW, specs=[SPEC])
    assert texts(batch) == MEANT
    assert not any("look like" in note for note in batch.notes)


@pytest.mark.parametrize("way", WAYS | TYPED_WAYS)
def test_texts_mean_the_same_where_a_column_has_one_type(tmp_path: Path, way: str) -> None:
    source = (WAYS | TYPED_WAYS)[way](TEXTS, tmp_path)
    assert texts(read_trials(source, now=NOW, specs=[SPEC])) == MEANT


@pytest.mark.parametrize("way", WAYS | TYPED_WAYS)
def test_an_integer_beyond_64_bits_is_a_refused_row_and_a_float_of_that_size_is_not(
    tmp_path: Path, way: str
) -> None:
    """JSON has them, and most of what reads it has not: an answer could not be sent."""
    make = (WAYS | TYPED_WAYS)[way]
    for n in (10**30, -(2**63) - 1, 2**64 + 1):
        batch = read_trials(make([{"n": n}, {"n": 3}], tmp_path), now=NOW)
        assert batch.trials["params"].to_list() == ['{"n":3}']
        (row,) = batch.rejects.to_dicts()
        assert (row["row"], row["field"]) in {(1, "params"), (1, "param_n")}
        assert "is an integer of more than 64 bits" in row["message"]
        assert row["remedy"].startswith("give a float, ")
    kept = [-(2**63), 2**64 - 1, 10.0**30]
    for n in kept:
        assert texts(read_trials(make([{"n": n}], tmp_path), now=NOW)) == [f'{{"n":{int(n)}}}']


@pytest.mark.parametrize("way", TYPED_WAYS)
def test_none_survives_a_column_of_one_type(tmp_path: Path, way: str) -> None:
    sets = [{**one, "stop": stop} for one, stop in zip(PLAIN, ("atr", "pct", None), strict=True)]
    stops = ParamSpec("stop", "categorical", choices=("atr", "pct", None))
    spec = StrategySpec("s", (*SPEC.params[:3], stops, SPEC.params[4]))
    found = texts(read_trials(TYPED_WAYS[way](sets, tmp_path), now=NOW, specs=[spec]))
    assert [json.loads(text)["stop"] for text in found] == ["atr", "pct", None]
    assert ["alpha" in text for text in found] == [True, False, False]


@pytest.mark.parametrize("way", WAYS | TYPED_WAYS)
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("n", "2O", "n = '2O' is a text, not a number"),
        ("k", "", "k = "),
        ("flag", "yes", "flag = 'yes' is a text, not a boolean"),
        ("n", None, "n = None is null, not a number"),
    ],
)
def test_what_cannot_be_read_is_a_refused_row_in_every_way_in(
    tmp_path: Path, way: str, name: str, value: Any, message: str
) -> None:
    sets = [TEXTS[0], {**TEXTS[1], name: value}, TEXTS[2]]
    batch = read_trials((WAYS | TYPED_WAYS)[way](sets, tmp_path), now=NOW, specs=[SPEC])
    assert texts(Batch(**{**vars(batch), "rejects": pl.DataFrame()})) == [MEANT[0], MEANT[2]]
    (problem,) = batch.rejects.to_dicts()
    assert problem["row"] == 2
    assert problem["field"] in ("params", f"param_{name}")
    assert message in problem["message"]
    assert "give a" in problem["remedy"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("values", [[10, 20, 10], [0.1 + 0.2, 0.5, 0.3], [True, False, True]])
def test_without_a_spec_numbers_and_booleans_mean_the_same_in_every_way_in(
    tmp_path: Path, way: str, values: list[Any]
) -> None:
    batch = read_trials(WAYS[way]([{"x": v} for v in values], tmp_path), now=NOW)
    found = [json.loads(text)["x"] for text in texts(batch)]
    assert found == [0.3 if v == 0.1 + 0.2 else v for v in values]
    assert [type(x) for x in found] == [type(v) for v in values]


@pytest.mark.parametrize("way", [way for way in WAYS if way != "CSV"])
def test_without_a_spec_values_of_several_types_keep_them(tmp_path: Path, way: str) -> None:
    values = ["auto", 20, "off", True, "x"]
    batch = read_trials(WAYS[way]([{"x": v} for v in values], tmp_path), now=NOW)
    assert [json.loads(text)["x"] for text in texts(batch)] == values


@pytest.mark.parametrize("way", [way for way in WAYS | TYPED_WAYS if way != "CSV"])
def test_without_a_spec_texts_that_look_like_numbers_stay_texts_and_a_note_says_so(
    tmp_path: Path, way: str
) -> None:
    source = (WAYS | TYPED_WAYS)[way]([{"x": v} for v in ("10", "20")], tmp_path)
    batch = read_trials(source, now=NOW)
    assert texts(batch) == ['{"x":"10"}', '{"x":"20"}']
    (note,) = [note for note in batch.notes if "look like" in note]
    assert note.startswith("x: all values are texts")
    assert "register the strategy's spec" in note


@pytest.mark.parametrize(
    "way", ["JSON text", "Trial objects", "a pandas column of mappings", "JSON lines of mappings"]
)
def test_without_a_spec_a_null_in_a_mapping_is_none(tmp_path: Path, way: str) -> None:
    sets: list[Set] = [{"x": None, "y": 1}, {"y": 1}]
    batch = read_trials(WAYS[way](sets, tmp_path), now=NOW)
    assert texts(batch) == ['{"x":null,"y":1}', '{"y":1}']


def test_decimals_are_numbers_in_columns_structs_and_objects() -> None:
    values = [Decimal("0.10"), Decimal("0.05"), Decimal("3.00")]
    column = pl.Series("param_x", values, dtype=pl.Decimal(10, 2))
    plain = pl.DataFrame([base(i) for i in range(3)])
    sources = {
        "column": plain.with_columns(column),
        "struct": plain.with_columns(pl.struct(x=column).alias("params")),
        "objects": [Trial(**base(i), params={"x": v}) for i, v in enumerate(values)],
        "pandas": pd.DataFrame([base(i) for i in range(3)]).assign(param_x=values),
    }
    for source in sources.values():
        assert texts(read_trials(source, now=NOW)) == ['{"x":0.1}', '{"x":0.05}', '{"x":3}']


def test_a_row_is_read_by_the_spec_of_its_version_and_else_by_the_newest() -> None:
    old = StrategySpec("s", (ParamSpec("x", "categorical", choices=("5", "6")),), version="1")
    new = StrategySpec("s", (ParamSpec("x", "int"),), version="2")
    frame = pl.DataFrame(
        {
            "strategy_name": ["s", "s", "s", "s", "t"],
            "strategy_version": ["1", "2", "3", None, None],
            "sharpe_oos": 0.5,
            "param_x": "5",
        }
    )
    found = texts(read_trials(frame, now=NOW, specs=[old, new]))
    assert [json.loads(text)["x"] for text in found] == ["5", 5, "5", 5, "5"]


def test_a_parameter_that_the_spec_does_not_know_is_read_without_it() -> None:
    frame = pl.DataFrame({**base(0), "params": '{"n":"3","other":"4"}'})
    batch = read_trials(frame, now=NOW, specs=[StrategySpec("s", (ParamSpec("n", "int"),))])
    assert texts(batch) == ['{"n":3,"other":"4"}']
    assert [note[:6] for note in batch.notes if "look like" in note] == ["other:"]


def test_a_constant_is_read_by_the_spec_like_any_cell() -> None:
    frame = pl.DataFrame([base(0)])
    mapping = {"param_n": const("20"), "param_stop": const("None")}
    spec = StrategySpec("s", (SPEC.params[0], SPEC.params[3]))
    assert texts(read_trials(frame, mapping=mapping, now=NOW, specs=[spec])) == [
        '{"n":20,"stop":null}'
    ]


@pytest.mark.parametrize("way", WAYS | TYPED_WAYS)
def test_refused_rows_mean_the_same_once_they_are_corrected(tmp_path: Path, way: str) -> None:
    source = (WAYS | TYPED_WAYS)[way](TEXTS if way in TYPED_WAYS else PLAIN, tmp_path)
    mapping = {"max_drawdown_frac_oos": "sharpe_oos", "win_rate_oos": "source_id"}
    wrong = read_trials(source, now=NOW, specs=[SPEC], mapping=mapping)
    assert wrong.trials.is_empty()
    wrong.refused.write(tmp_path / "r.csv")
    again = read_trials(tmp_path / "r.csv", now=NOW, specs=[SPEC])
    assert texts(again) == MEANT


def test_types_and_absent_parameters_survive_a_rejects_file_without_a_spec(tmp_path: Path) -> None:
    values = ("5", 5, "off", True, "x")
    mixed: list[Set] = [{"x": v, "y": None if v == "x" else 1} for v in values]
    for way in ("pandas columns", "JSON lines of columns", "JSON lines of mappings"):
        source = WAYS[way](mixed, tmp_path)
        right = read_trials(source, now=NOW)
        wrong = read_trials(source, now=NOW, mapping={"win_rate_oos": "source_id"})
        wrong.refused.write(tmp_path / "r.csv")
        again = read_trials(tmp_path / "r.csv", now=NOW)
        assert texts(again) == texts(right)
    struct = pl.DataFrame(rows([{"x": "a", "y": 1}, {"x": None, "y": 2}]))
    wrong = read_trials(struct, now=NOW, mapping={"win_rate_oos": "source_id"})
    wrong.refused.write(tmp_path / "r.csv")
    assert texts(read_trials(tmp_path / "r.csv", now=NOW)) == ['{"x":"a","y":1}', '{"y":2}']


def test_a_struct_has_types_of_its_own_and_no_majority_decides() -> None:
    frame = pl.DataFrame(rows([{"x": "20"}, {"x": "2O"}, {"x": "30"}, {"x": ""}]))
    batch = read_trials(frame, now=NOW)
    assert [json.loads(text)["x"] for text in texts(batch)] == ["20", "2O", "30", ""]


def test_a_null_of_a_struct_is_a_set_without_the_parameter_and_a_note_counts_it() -> None:
    batch = read_trials(pl.DataFrame(rows([{"x": 1, "y": 2}, {"x": None, "y": 3}])), now=NOW)
    assert texts(batch) == ['{"x":1,"y":2}', '{"y":3}']
    assert any(note.startswith("parameter x: 1 of 2 rows") for note in batch.notes)


def test_all_that_is_wrong_with_a_row_is_said_its_parameters_too() -> None:
    frame = pl.DataFrame({**base(0), "param_n": ["2O"], "param_k": ["x"], "win_rate_oos": [55.0]})
    batch = read_trials(frame, now=NOW, specs=[SPEC])
    assert batch.rejects["field"].to_list() == ["param_k", "param_n", "win_rate_oos"]
