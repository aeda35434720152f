"""Was this very experiment run already?"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tradingkb as tkb
from tests.small_store import ids, trials

Open = Callable[..., tkb.KnowledgeBase]
FOUND = ["trial_id", "source_type", "source_id", "kb_status", "known_at", "run_id", "withdrawn"]


@pytest.fixture
def kb(open_kb: Open, small_home: Path) -> tkb.KnowledgeBase:
    """Eight experiments: four windows, fast = 5 and 20."""
    return open_kb(like=small_home)


def plan(n_windows: int = 1, fasts: tuple[int, ...] = (5,), **columns: Any) -> pl.DataFrame:
    """Experiments that are only planned: no scores, no regimes, no ids."""
    frame = trials(n_windows, fasts)
    kept = ["strategy_name", "symbol", "timeframe", "params", "oos_start", "oos_end"]
    return frame.select(kept).with_columns(pl.lit(v).alias(k) for k, v in columns.items())


def test_one_row_per_row_of_the_question_in_its_order(kb: tkb.KnowledgeBase) -> None:
    asked = pl.concat([plan(1, (7,)), plan(2, (20,)), plan(1, (20,))])
    table = kb.seen(asked)
    assert table.columns == ["row", "seen", *FOUND, "times"]
    assert table["row"].to_list() == [1, 2, 3, 4]
    assert table["seen"].to_list() == [False, True, True, True]
    assert table["source_id"].to_list() == [None, "0:20", "1:20", "0:20"]
    assert table["times"].to_list() == [0, 1, 1, 1]
    assert table.schema["known_at"] == pl.Datetime("us", "UTC")


def test_the_answer_names_the_stored_trial(kb: tkb.KnowledgeBase) -> None:
    kb.promote("0:5")
    row = kb.seen(plan()).row(0, named=True)
    assert row == {
        "row": 1,
        "seen": True,
        "trial_id": ids(kb)["0:5"],
        "source_type": "import",
        "source_id": "0:5",
        "kb_status": "promoted",
        "known_at": trials()["oos_end"][0].replace(tzinfo=UTC),
        "run_id": kb.runs()["run_id"][0],
        "withdrawn": False,
        "times": 1,
    }


@pytest.mark.parametrize(
    "column", ["strategy_name", "symbol", "timeframe", "oos_start", "oos_end", "params"]
)
def test_another_strategy_window_or_parameter_is_another_experiment(
    kb: tkb.KnowledgeBase, column: str
) -> None:
    other: dict[str, Any] = {
        "strategy_name": "other",
        "symbol": "Y",
        "timeframe": "4h",
        "params": '{"fast": 6}',
        "oos_start": datetime(2014, 12, 31),
        "oos_end": datetime(2015, 4, 2),
    }
    assert kb.seen(plan())["seen"].to_list() == [True]
    assert kb.seen(plan(**{column: other[column]}))["seen"].to_list() == [False]


def test_scores_are_not_looked_at_and_parameters_may_be_spelled_anyhow(
    kb: tkb.KnowledgeBase,
) -> None:
    asked = plan(sharpe_oos=-99.0).with_columns(params=pl.lit(' { "fast" : 5 } '))
    assert kb.seen(asked)["seen"].to_list() == [True]


@pytest.mark.parametrize(
    ("column", "mine", "theirs"),
    [("strategy_version", "1", "2"), ("engine", "fast", "slow"), ("cost_bps", 5.0, 10.0)],
)
def test_version_engine_and_costs_must_agree_where_both_say_them(
    open_kb: Open, column: str, mine: Any, theirs: Any
) -> None:
    kb = open_kb()
    kb.ingest(trials(1).with_columns(pl.lit(mine).alias(column)))
    assert kb.seen(plan())["seen"].item()
    assert kb.seen(plan(**{column: mine}))["seen"].item()
    assert not kb.seen(plan(**{column: theirs}))["seen"].item()


def test_of_several_trials_the_newest_is_named_and_all_are_counted(open_kb: Open) -> None:
    kb = open_kb()
    for n, known in enumerate((2020, 2022, 2021)):
        kb.ingest(
            trials(1, (5,)).with_columns(
                source_id=pl.lit(f"try {n}"), known_at=pl.lit(datetime(known, 1, 1))
            )
        )
    row = kb.seen(plan()).row(0, named=True)
    assert (row["source_id"], row["times"]) == ("try 1", 3)


def test_rejected_and_withdrawn_trials_were_run_too(kb: tkb.KnowledgeBase) -> None:
    kb.reject("0:5", reason="x")
    assert kb.seen(plan())["kb_status"].item() == "rejected"
    kb.withdraw(kb.runs()["run_id"][0], reason="x")
    assert kb.seen(plan()).select("seen", "withdrawn").row(0) == (True, True)


def test_trial_objects_and_other_column_names_will_do(kb: tkb.KnowledgeBase) -> None:
    start, end = trials().select("oos_start", "oos_end").row(0)
    trial = tkb.Trial(
        strategy_name="s",
        params={"fast": 5},
        symbol="X",
        timeframe="1d",
        oos_start=start,
        oos_end=end,
        sharpe_oos=0.0,
    )
    assert kb.seen([trial])["seen"].to_list() == [True]
    renamed = plan().rename({"symbol": "ticker"})
    assert kb.seen(renamed, mapping={"symbol": "ticker"})["seen"].to_list() == [True]


def test_a_row_that_cannot_be_used_is_named(kb: tkb.KnowledgeBase) -> None:
    with pytest.raises(tkb.InvalidTrialError, match="row 2"):
        kb.seen(pl.concat([plan(), plan(params="no json")]))


def test_looking_writes_nothing_and_knows_only_its_workspace(
    kb: tkb.KnowledgeBase, open_kb: Open
) -> None:
    kb.create_workspace("other")
    assert kb.seen(plan(), workspace="other")["seen"].to_list() == [False]
    empty = open_kb("elsewhere")
    assert empty.seen(plan())["seen"].to_list() == [False]
    assert empty.workspaces().is_empty()


def test_a_question_of_thousands_of_rows_is_answered(kb: tkb.KnowledgeBase) -> None:
    one = plan()
    many = pl.concat([one] * 3000).with_columns(
        params=pl.Series([json.dumps({"fast": n}) for n in range(3000)])
    )
    table = kb.seen(many)
    assert table.filter("seen")["row"].to_list() == [6, 21]
