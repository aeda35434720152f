"""A parameter that cannot be named so is refused with the name that it could have."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers.frames import read_trials
from tradingkb.importers.source import const

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FRAME = pl.DataFrame({"strategy_name": ["s", "s"], "sharpe_oos": [1.0, 2.0]})
NEAR = {"fast period": "fast_period", "a.b": "a_b", "": "p", "x\x1b[2J": "x_2J", "1st": "p_1st"}


@pytest.mark.parametrize(("name", "near"), NEAR.items())
def test_a_set_with_such_a_name_is_a_refused_row(name: str, near: str) -> None:
    sets = [json.dumps({"fast": 5}), json.dumps({"fast": 5, name: 7})]
    batch = read_trials(FRAME.with_columns(params=pl.Series(sets)), now=NOW)
    assert batch.trials["params"].to_list() == ['{"fast":5}']
    (problem,) = batch.rejects.select("row", "field", "message", "remedy").rows()
    assert problem == (
        2,
        "params",
        f"{name!r} is no name of a parameter: letters, digits and _, no digit first",
        f"rename it in params: {near}",
    )


@pytest.mark.parametrize(("name", "near"), NEAR.items())
def test_a_column_with_such_a_name_is_refused_once_and_taken_when_it_is_mapped(
    name: str, near: str
) -> None:
    column = f"param_{name}"
    frame = FRAME.with_columns(pl.Series(column, [5, 7]))
    with pytest.raises(InvalidTrialError, match="is no name of a parameter") as caught:
        read_trials(frame, now=NOW)
    assert caught.value.field == column
    assert f'mapping={{"param_{near}": "{column}"}}' in str(caught.value.remedy)
    # Mapped, the column itself is still there, and must not count twice.
    taken = read_trials(frame, mapping={f"param_{near}": column}, now=NOW)
    assert taken.trials["params"].to_list() == [f'{{"{near}":5}}', f'{{"{near}":7}}']


def test_a_field_of_a_struct_with_such_a_name_is_refused_with_another_one() -> None:
    sets = pl.Series([{"fast": 5, "a.b": 1}, {"fast": 6, "a.b": 2}])
    with pytest.raises(InvalidTrialError, match="rename it in params: a_b"):
        read_trials(FRAME.with_columns(params=sets), now=NOW)


def test_a_column_of_no_value_may_be_called_anything() -> None:
    frame = FRAME.with_columns(
        pl.lit(None, pl.Float64).alias("param_a.b"), pl.Series("param_fast", [5, 6])
    )
    assert read_trials(frame, now=NOW).trials.height == 2


def test_a_mapping_to_such_a_name_is_refused() -> None:
    frame = FRAME.with_columns(x=5)
    for column in ("x", const(5)):
        with pytest.raises(InvalidTrialError, match="name it param_a_b") as caught:
            read_trials(frame, mapping={"param_a.b": column}, now=NOW)
        assert caught.value.field == "mapping"


def test_columns_of_optuna_with_dots_are_mapped_as_the_message_says(tmp_path: Path) -> None:
    frame = pl.DataFrame({"number": [0, 1], "value": [1.0, 2.0], "params_opt.lr": [0.1, 0.2]})
    frame.write_csv(tmp_path / "study.csv")
    with pytest.raises(InvalidTrialError) as caught:
        read_trials(tmp_path / "study.csv", now=NOW)
    assert '"param_opt_lr": "params_opt.lr"' in str(caught.value.remedy)
    mapping = {
        "strategy_name": const("s"),
        "objective_score": "value",
        "param_opt_lr": "params_opt.lr",
    }
    taken = read_trials(tmp_path / "study.csv", mapping=mapping, now=NOW)
    assert taken.trials["params"].to_list() == ['{"opt_lr":0.1}', '{"opt_lr":0.2}']
