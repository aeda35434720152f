"""An id stays with its experiment, and an experiment under another id is said to be one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import polars as pl
import pytest

import tradingkb as tkb
from tradingkb.ingest import identity

Open = Callable[..., tkb.KnowledgeBase]


def study(n: int = 4, **changes: Any) -> pl.DataFrame:
    """Trials numbered from 0, as every study numbers them."""
    return pl.DataFrame(
        {
            "source_id": [str(i) for i in range(n)],
            "strategy_name": "sma",
            "params": [f'{{"fast":{i + 2}}}' for i in range(n)],
            "symbol": "X",
            "timeframe": "1d",
            "oos_start": datetime(2020, 1, 1),
            "oos_end": datetime(2020, 6, 1),
            "sharpe_oos": [i / n for i in range(n)],
        }
    ).with_columns(
        v.alias(k) if isinstance(v, pl.Expr | pl.Series) else pl.lit(v).alias(k)
        for k, v in changes.items()
    )


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "another strategy": ({"strategy_name": "rsi"}, "its strategy_name is 'sma'"),
    "other parameters": ({"params": '{"slow":9}'}, 'its params are {"fast":2}'),
    "another symbol": ({"symbol": "Y"}, "its window (symbol, timeframe, dates) is another"),
    "another timeframe": ({"timeframe": "1h"}, "its window (symbol, timeframe, dates) is another"),
    "another date": ({"oos_end": datetime(2020, 7, 1)}, "its window"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_an_id_of_another_experiment_is_a_refused_row_in_a_dry_run_too(
    open_kb: Open, kind: str
) -> None:
    kb = open_kb()
    kb.ingest(study())
    changes, message = OTHERS[kind]
    other = study(**changes, sharpe_oos=9.0)
    dry = kb.ingest(other, dry_run=True)
    before = kb.trials()
    real = kb.ingest(other)
    assert kb.trials().equals(before)
    for report in (dry, real):
        assert report.counts() | {"error": 4} == dict.fromkeys(report.counts(), 0) | {"error": 4}
        assert report.error == 4
        first = report.rejects.row(0, named=True)
        assert (first["row"], first["field"]) == (1, "source_id")
        assert "'0' is the id of another experiment in the store" in first["message"]
        assert message in first["message"]
        assert "replace=True" in first["remedy"]
        assert "source_type" in first["remedy"]
    assert dry.notes == real.notes
    assert real.rejects_path is not None
    assert kb.reconcile().clean


@pytest.mark.parametrize("kind", OTHERS)
def test_replace_means_it(open_kb: Open, kind: str) -> None:
    kb = open_kb()
    kb.ingest(study())
    other = study(**OTHERS[kind][0], sharpe_oos=9.0)
    dry = kb.ingest(other, dry_run=True, replace=True)
    real = kb.ingest(other, replace=True)
    assert dry.counts() == real.counts()
    assert (real.updated, real.error) == (4, 0)
    assert kb.trials()["sharpe_oos"].to_list() == [9.0] * 4
    kb.withdraw(real.run_id, reason="it was the first study that was meant")
    assert kb.trials()["sharpe_oos"].max() == 0.75


def test_a_new_result_of_the_same_experiment_is_an_update(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(study())
    report = kb.ingest(study(sharpe_oos=9.0, engine="v2", strategy_version="2", n_trades_oos=3))
    assert (report.updated, report.error) == (4, 0)


def test_the_rows_that_collide_are_refused_and_the_others_go_in(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(study(2))
    other = pl.concat(
        [study(4, symbol="Y"), study(1, source_id="bad", params="5")], how="vertical_relaxed"
    )
    report = kb.ingest(other)
    assert (report.inserted, report.error) == (2, 3)
    assert report.rejects["row"].to_list() == [1, 2, 5]
    assert report.rejects["values"].str.contains('"source_id"').all()
    path = report.rejects_path
    assert path is not None
    refused = pl.read_csv(path, schema_overrides={"source_id": pl.String})
    assert refused["_rejected_row"].to_list() == [1, 2, 5]
    assert refused["source_id"].to_list() == ["0", "1", "bad"]
    again = kb.ingest(path, replace=True)
    assert (again.updated, again.error) == (2, 1)


def test_strict_refuses_all_of_a_source_with_an_id_of_another(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(study(2))
    with pytest.raises(tkb.InvalidTrialError, match=r"row 1.*'0' is the id of another experiment"):
        kb.ingest(study(4, symbol="Y"), strict=True)
    assert kb.trials().height == 2


def test_another_source_type_has_ids_of_its_own(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(study())
    report = kb.ingest(study(symbol="Y"), mapping={"source_type": tkb.const("study 2")})
    assert (report.inserted, report.error) == (4, 0)


def test_an_id_that_was_withdrawn_is_free(open_kb: Open) -> None:
    kb = open_kb()
    run = kb.ingest(study()).run_id
    kb.withdraw(run, reason="wrong study")
    report = kb.ingest(study(symbol="Y"))
    assert report.error == 0
    assert set(kb.trials()["symbol"]) == {"Y"}


def test_a_rejected_trial_keeps_its_id(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(study())
    kb.reject("0", reason="x")
    assert kb.ingest(study(symbol="Y")).error == 4


def test_parameters_that_an_earlier_version_stored_otherwise_are_the_same(open_kb: Open) -> None:
    """Texts and rounding errors were stored as they came: the file that brought them still may."""
    kb = open_kb()
    texts = study(params=pl.Series([f'{{"fast":"{i + 2}"}}' for i in range(4)]))
    kb.ingest(texts)  # no spec yet: texts
    kb.register_strategy(tkb.StrategySpec("sma", (tkb.ParamSpec("fast", "int"),)))
    report = kb.ingest(texts)
    assert (report.updated, report.error) == (4, 0)
    assert kb.trials()["params"].sort().to_list() == [f'{{"fast":{i}}}' for i in range(2, 6)]


def test_stored_documents_are_read_in_parts(open_kb: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_SLICE", 3)
    kb = open_kb()
    kb.ingest(study(8))
    report = kb.ingest(study(8, symbol="Y"))
    assert report.rejects["row"].to_list() == list(range(1, 9))


# --- the same experiments under new ids -----------------------------------------------------------


def again(report: tkb.IngestReport) -> list[str]:
    return [note.split(" ")[0] for note in report.notes if "same experiments" in note]


def test_experiments_that_are_stored_under_other_ids_are_counted_in_a_note(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(study())
    renamed = study(6, source_id=pl.format("new {}", "source_id"))
    dry = kb.ingest(renamed, dry_run=True)
    real = kb.ingest(renamed)
    assert again(dry) == again(real) == ["4"]
    assert real.inserted == 6
    assert again(kb.ingest(renamed)) == []  # by now these are ids of their own


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, ["4"]),
        ({"sharpe_oos": 9.0}, ["4"]),
        ({"engine": "v2"}, ["4"]),  # the stored trials name none
        ({"symbol": "Y"}, []),
        ({"params": '{"fast":99}'}, ["3"]),  # one experiment, four times in the source itself
        ({"strategy_name": "rsi"}, []),
    ],
)
def test_the_same_experiment_is_the_same_strategy_parameters_and_window(
    open_kb: Open, changes: dict[str, Any], count: list[str]
) -> None:
    kb = open_kb()
    kb.ingest(study())
    assert again(kb.ingest(study(**changes, source_id=pl.format("n{}", "source_id")))) == count


def test_versions_that_are_named_and_differ_are_other_experiments(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(study(strategy_version="1"))
    other = study(strategy_version="2", source_id=pl.format("n{}", "source_id"))
    assert again(kb.ingest(other)) == []


def test_a_withdrawn_trial_is_no_other(open_kb: Open) -> None:
    kb = open_kb()
    kb.withdraw(kb.ingest(study()).run_id, reason="x")
    assert again(kb.ingest(study(source_id=pl.format("n{}", "source_id")))) == []


def test_nothing_counts_twice_when_the_remedy_is_followed(open_kb: Open) -> None:
    kb = open_kb()
    kb.ingest(study(2))
    second = study(4, symbol="Y")
    report = kb.ingest(second)  # two ids collide, two slip in
    assert (report.inserted, report.error) == (2, 2)
    assert "withdraw this run where other rows of it went in" in report.rejects["remedy"][0]
    kb.withdraw(report.run_id, reason="the ids are those of another study")
    again = kb.ingest(second, mapping={"source_type": tkb.const("study 2")})
    assert (again.inserted, again.error) == (4, 0)
    assert kb.trials(symbol="Y").filter(pl.col("withdrawn_at").is_null()).height == 4
    assert kb.strategies()["n_trials"].to_list() == [6]
