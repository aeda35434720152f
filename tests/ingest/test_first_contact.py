"""The first file that a newcomer has: whatever it holds, the answer says what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import tradingkb as tkb

Open = Callable[..., tkb.KnowledgeBase]


def optuna_frame(n: int = 20) -> pd.DataFrame:
    """As `study.trials_dataframe()`: a pruned trial has its last value, a failed one NaN."""
    states = ["COMPLETE", "COMPLETE", "PRUNED", "FAIL"]
    kinds = ["sma", "ema", None]
    started = datetime(2025, 1, 1)
    return pd.DataFrame(
        {
            "number": range(n),
            "value": [(9.0, float("nan"))[i % 4 - 2] if i % 4 > 1 else i / n for i in range(n)],
            "datetime_start": [started] * n,
            "datetime_complete": [started + timedelta(seconds=i) for i in range(n)],
            "duration": [timedelta(seconds=i) for i in range(n)],
            "params_fast": [i + 2 for i in range(n)],
            "params_kind": pd.Series([kinds[i % 3] for i in range(n)], dtype=object),
            "params_alpha": [0.1 if i % 3 == 1 else None for i in range(n)],
            "user_attrs_fold": pd.Series([{"a": 1}, [1], "x", None] * (n // 4), dtype=object),
            "state": [states[i % 4] for i in range(n)],
        }
    )


MAPPING = {
    "strategy_name": tkb.const("s"),
    "objective_score": "value",
    "source_id": "number",
    "param_fast": "params_fast",
    "param_kind": "params_kind",
    "param_alpha": "params_alpha",
}
SPEC = tkb.StrategySpec(
    "s",
    (
        tkb.ParamSpec("fast", "int"),
        tkb.ParamSpec("kind", "categorical", choices=("sma", "ema", None)),
        tkb.ParamSpec("alpha", "float", when={"kind": ("ema",)}),
    ),
)


def test_a_frame_of_optuna_without_a_mapping_is_refused_with_the_mapping(open_kb: Open) -> None:
    with pytest.raises(tkb.InvalidTrialError, match="none of its columns is known") as caught:
        open_kb().ingest(optuna_frame())
    remedy = str(caught.value.remedy)
    for entry in ('"objective_score": "value"', '"param_fast": "params_fast"', "strategy_name"):
        assert entry in remedy


def test_a_frame_of_optuna_with_a_mapping_brings_its_complete_trials(open_kb: Open) -> None:
    kb = open_kb()
    kb.register_strategy(SPEC)
    dry = kb.ingest(optuna_frame(), mapping=MAPPING, dry_run=True)
    real = kb.ingest(optuna_frame(), mapping=MAPPING)
    assert dry.counts() == real.counts()
    assert dry.notes == real.notes
    assert (real.rows, real.inserted, real.error) == (20, 10, 0)
    assert any("10 rows have no result" in note and "5 pruned" in note for note in real.notes)
    stored = [json.loads(text) for text in kb.trials()["params"]]
    assert all(("alpha" in one) == (one["kind"] == "ema") for one in stored)
    assert {one["kind"] for one in stored} == {"sma", "ema", None}
    assert kb.trials()["objective_score"].max() < 1
    assert kb.recommend("s", require_oos=False).repaired_params == {}


def test_refused_rows_of_a_frame_with_durations_go_into_their_file(open_kb: Open) -> None:
    kb = open_kb()
    frame = optuna_frame().astype({"params_fast": object})
    frame.loc[0, "params_fast"] = "2O"
    report = kb.ingest(frame, mapping=MAPPING)
    assert report.error == 1
    assert report.rejects_path is not None
    assert pl.read_csv(report.rejects_path)["duration"].item() is not None
    text = report.rejects_path.read_text(encoding="utf-8").replace(",2O,", ",20,")
    report.rejects_path.write_text(text, encoding="utf-8")
    assert kb.ingest(report.rejects_path, mapping=MAPPING).inserted == 1


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame(),
        pd.DataFrame(),
        pl.DataFrame({"a": [1], "b": ["x"]}),
        pl.DataFrame({"a": [], "b": []}),
        pd.DataFrame({"a": [object()], "b": [1 + 2j], "c": [{1, 2}]}),
    ],
    ids=["no column", "no column of pandas", "two", "no row", "odd things"],
)
def test_a_frame_without_any_known_column_is_refused_with_an_example(
    open_kb: Open, frame: Any
) -> None:
    for dry_run in (True, False):
        with pytest.raises(tkb.InvalidTrialError, match="none of its columns is known") as caught:
            open_kb().ingest(frame, dry_run=dry_run)
        assert 'mapping={"strategy_name": tkb.const("your strategy")' in str(caught.value.remedy)


def test_parameters_that_have_another_name_are_suggested(open_kb: Open) -> None:
    frame = pl.DataFrame({"strategy_name": ["s"], "sharpe_oos": [1.0], "params.fast": [5]})
    with pytest.raises(tkb.InvalidTrialError, match="no parameters") as caught:
        open_kb().ingest(frame)
    assert '"param_fast": "params.fast"' in str(caught.value.remedy)


def test_an_unwritable_folder_of_rejects_costs_a_note_and_nothing_else(open_kb: Open) -> None:
    kb = open_kb()
    folder = kb.settings.home / "rejects"
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("in the way")
    rows = pl.DataFrame({"strategy_name": "s", "param_n": [1, 2], "sharpe_oos": ["1", "x"]})
    report = kb.ingest(rows)
    assert (report.inserted, report.error, report.rejects_path) == (1, 1, None)
    assert report.rejects.height == 1
    assert any("could not be written" in note for note in report.notes)
    assert kb.runs()["status"].to_list() == ["completed"]


def test_a_broken_line_and_nan_are_said_alike_by_a_dry_run_and_the_run(
    open_kb: Open, tmp_path: Path
) -> None:
    good = {"strategy_name": "s", "params": {"n": 1}, "sharpe_oos": 0.5, "mine": {"a": [1]}}
    lines = [
        json.dumps(good),
        json.dumps({**good, "params": {"n": 2}, "sharpe_is": float("nan"), "mine": "x"}),
        '{"strategy_name": "s", "par',
    ]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    kb = open_kb()
    dry, real = kb.ingest(path, dry_run=True), kb.ingest(path)
    assert dry.counts() == real.counts()
    assert dry.notes == real.notes
    assert dry.rejects.equals(real.rejects)
    assert (real.rows, real.inserted, real.error) == (3, 2, 1)
    assert "line 3 is no JSON object" in str(real)
    assert real.rejects_path is not None
    json.dumps(real.to_dict(), default=str)


def test_what_was_seen_is_asked_in_the_words_of_the_spec(open_kb: Open) -> None:
    kb = open_kb()
    spec = tkb.ParamSpec("stop", "float", low=0.1, high=0.9, step=0.1)
    kb.register_strategy(tkb.StrategySpec("s", (spec,)))
    row = {"strategy_name": "s", "symbol": "X", "oos_start": datetime(2020, 1, 1, tzinfo=UTC)}
    kb.ingest(pl.DataFrame([{**row, "param_stop": 0.1 + 0.2, "sharpe_oos": 1.0}]))
    asked = pl.DataFrame([{**row, "param_stop": text} for text in ("0.3", "0.4")])
    assert kb.seen(asked)["seen"].to_list() == [True, False]
    assert kb.explain("s", {"stop": "0.30"}).params == {"stop": 0.3}
