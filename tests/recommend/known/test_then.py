"""What was said by an earlier time, of restated trials and of specs, by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from tests.recommend.worlds import spec
from tradingkb.recommend.known.then import Past

_UTC = pl.Datetime("us", "UTC")
_SCHEMA = {
    "trial_id": pl.Int64,
    "since": _UTC,
    "known_at": _UTC,
    "stands": pl.Boolean,
    "strategy_name": pl.String,
    "sharpe_oos": pl.Float64,
}


def day(n: int) -> datetime:
    return datetime(2020, 1, n, tzinfo=UTC)


def said(*versions: tuple[int | None, int, float], strategy: str = "s") -> list[dict[str, Any]]:
    """What runs of these days said of trial 1: (day of the run, known at, Sharpe ratio)."""
    return [
        {
            "trial_id": 1,
            "since": None if since is None else day(since),
            "known_at": day(known_at),
            "stands": n == len(versions) - 1,
            "strategy_name": strategy,
            "sharpe_oos": value,
        }
        for n, (since, known_at, value) in enumerate(versions)
    ]


def past(rows: list[dict[str, Any]]) -> Past:
    return Past("s", pl.DataFrame(rows, schema=_SCHEMA), ())


def then(rows: list[dict[str, Any]], as_of: int) -> list[float]:
    """What is said of trial 1 as of a day."""
    found = past(rows)
    now = found.versions.filter(pl.col("stands") & (pl.col("strategy_name") == "s"))
    now = now.drop("since", "stands", "strategy_name")
    moved = found.moved(day(as_of), day(as_of))
    return found.trials(now, moved)["sharpe_oos"].to_list()


@pytest.mark.parametrize(
    ("as_of", "value"), [(1, 1.0), (9, 1.0), (10, 1.0), (19, 1.0), (20, 2.0), (25, 3.0), (31, 3.0)]
)
def test_a_trial_says_what_the_last_run_had_said_by_then(as_of: int, value: float) -> None:
    assert then(said((10, 1, 1.0), (20, 1, 2.0), (25, 1, 3.0)), as_of) == [value]


def test_a_restatement_that_became_known_later_does_not_hide_what_was_known_before() -> None:
    rows = said((20, 1, 1.0), (20, 10, 2.0))
    assert [then(rows, n) for n in (5, 25)] == [[1.0], [2.0]]


def test_before_anything_came_in_the_first_that_was_knowable_counts() -> None:
    undated_first = said((20, 20, 1.0), (21, 1, 2.0), (22, 1, 3.0))
    assert then(undated_first, 5) == [2.0]
    assert then(undated_first, 20) == [1.0]


def test_a_run_without_a_record_is_older_than_any() -> None:
    assert [then(said((None, 1, 1.0), (20, 1, 2.0)), n) for n in (19, 20)] == [[1.0], [2.0]]


def test_a_trial_that_moved_to_another_strategy_was_of_the_first_one_before() -> None:
    moved = [*said((10, 1, 1.0), (20, 1, 2.0))]
    moved[1] |= {"strategy_name": "other"}
    assert [then(moved, n) for n in (19, 20)] == [[1.0], []]
    came = [*said((10, 1, 1.0), (20, 1, 2.0))]
    came[0] |= {"strategy_name": "other"}
    assert [then(came, n) for n in (19, 20)] == [[], [2.0]]


def test_trials_of_which_one_run_spoke_are_as_they_are() -> None:
    nothing = past([])
    assert nothing.moved(day(1), day(1)).is_empty()


def test_the_spec_of_then_is_the_one_that_had_been_registered_last() -> None:
    one, changed, two = spec(high=10), spec(high=20), spec(version="2")
    told = ((one, day(5)), (two, day(10)), (changed, day(15)), (two, day(20)))
    found = Past("s", pl.DataFrame(schema=_SCHEMA), told)
    assert found.specs(day(5)) == [two, one]
    assert found.specs(day(10)) == [one, two]
    assert found.specs(day(15)) == [two, changed]
    assert found.specs(day(20)) == [changed, two]
    assert found.specs(day(1)) == [two, one]  # the first that ever was, before there was any
    assert Past("s", pl.DataFrame(schema=_SCHEMA), ()).specs(day(1)) == []
