"""Which trials an administrator means, by ids of one kind, by a frame, by filters or by both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tests.ingest.scopes import SPACE
from tradingkb.domain import Selection, point_id
from tradingkb.exceptions import InvalidInputError, NotFoundError
from tradingkb.lifecycle.selecting import conditions, select

TRIALS = pl.DataFrame(
    {
        "trial_id": [1, 2, 3],
        "source_type": ["import"] * 3,
        "source_id": ["a", "b", "00000000-0000-4000-8000-000000000003"],
        "strategy_name": ["s", "s", "other"],
    }
)
POINTS = [point_id(SPACE.id, *row) for row in TRIALS.select("source_type", "source_id").rows()]


class Rows:
    """A store of three trials, the last of which its source named by a UUID."""

    def select(self, space: str, where: Mapping[str, Any]) -> pl.DataFrame:
        frame = TRIALS.with_columns(pl.Series("point_id", POINTS))
        for name, value in where.items():
            values = value if isinstance(value, list) else [value]
            frame = frame.filter(pl.col(name).is_in(values))
        return frame.drop("point_id")


def selected(trials: Any = None, **filters: Any) -> list[int]:
    store: Any = Rows()
    return select(store, SPACE, conditions(Selection(trials, **filters)))["trial_id"].to_list()


# --- what ids mean --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trials", "meant"),
    [
        (7, {"trial_id": [7]}),
        ([7, np.int64(8)], {"trial_id": [7, 8]}),
        ("a", {"source_id": ["a"]}),
        (("a", "b"), {"source_id": ["a", "b"]}),
        (POINTS[0], {"point_id": [POINTS[0]]}),
        ([POINTS[0], "a"], {"source_id": [POINTS[0], "a"]}),
        ([POINTS[0].upper()], {"source_id": [POINTS[0].upper()]}),
        (pl.DataFrame({"trial_id": [2, 2, None]}), {"trial_id": [2]}),
        (pl.DataFrame({"source_id": ["a"], "trial_id": [2]}), {"trial_id": [2]}),
        (pl.LazyFrame({"source_id": ["a"]}), {"source_id": ["a"]}),
        (pd.DataFrame({"point_id": [POINTS[1]]}), {"point_id": [POINTS[1]]}),
        (iter([1, 2]), {"trial_id": [1, 2]}),
    ],
)
def test_ids_say_by_their_kind_what_they_name(trials: Any, meant: dict[str, list[Any]]) -> None:
    assert conditions(Selection(trials)) == meant


@pytest.mark.parametrize(
    "trials", [[], [1, "a"], [True], [1.5], [None], 1.5, pl.DataFrame({"id": [1]}), {}]
)
def test_ids_of_several_kinds_or_of_none_are_refused(trials: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        conditions(Selection(trials))
    assert caught.value.field == "trials"
    assert "trial_id" in str(caught.value.remedy)


def test_ids_and_filters_hold_together() -> None:
    assert conditions(Selection("a", symbol="X")) == {"source_id": ["a"], "symbol": "X"}
    assert conditions(Selection(strategy_name="s")) == {"strategy_name": "s"}


# --- what is found --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trials", "filters", "found"),
    [
        ([3, 1], {}, [1, 3]),
        ("b", {}, [2]),
        (POINTS[1], {}, [2]),
        (None, {"strategy_name": "s"}, [1, 2]),
        ([1, 3], {"strategy_name": "s"}, [1]),
        (3, {"strategy_name": "s"}, []),
        (POINTS[2], {"strategy_name": "s"}, []),
        (TRIALS["source_id"][2], {}, [3]),
        ([POINTS[0], TRIALS["source_id"][2]], {}, [1, 3]),
        (TRIALS["source_id"][2], {"strategy_name": "s"}, []),
    ],
)
def test_a_filter_may_leave_out_trials_that_are_named_and_a_uuid_may_be_of_the_source(
    trials: Any, filters: dict[str, Any], found: list[int]
) -> None:
    assert selected(trials, **filters) == found


@pytest.mark.parametrize(
    ("trials", "unknown"),
    [
        ([1, 99, 98], "98"),
        (["a", "z"], "z"),
        (["00000000-0000-4000-8000-00000000000f"], "00000000-0000-4000-8000-00000000000f"),
    ],
)
def test_an_id_that_no_trial_has_is_named(trials: Any, unknown: str) -> None:
    with pytest.raises(NotFoundError, match=unknown) as caught:
        selected(trials)
    assert "kb.trials(workspace='default')" in str(caught.value.remedy)


def test_without_a_condition_nobody_can_mean_every_trial() -> None:
    with pytest.raises(InvalidInputError, match="no trials are named"):
        selected()
