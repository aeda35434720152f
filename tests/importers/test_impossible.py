"""Results of the future, timeframes of no time, and tables without a strategy are named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers.frames import read_trials

NOW = datetime(2026, 1, 1, tzinfo=UTC)

SOUND = {
    "strategy_name": "s",
    "param_x": [1, 2],
    "sharpe_oos": [1.0, 2.0],
    "oos_start": datetime(2025, 1, 1),
    "oos_end": [datetime(2025, 6, 1), NOW.replace(tzinfo=None) + timedelta(days=1)],
}


def test_a_result_of_a_window_that_has_not_ended_is_refused_a_day_apart() -> None:
    frame = pl.DataFrame(SOUND)
    assert read_trials(frame, now=NOW).trials.height == 2
    batch = read_trials(frame, now=NOW - timedelta(microseconds=1))
    (problem,) = batch.rejects.select("row", "field", "message", "remedy").rows()
    assert problem[:2] == (2, "oos_end")
    assert "lies in the future" in problem[2]
    assert "correct the date" in problem[3]
    inside = frame.rename({"oos_start": "is_start", "oos_end": "is_end", "sharpe_oos": "sharpe_is"})
    batch = read_trials(inside, now=NOW - timedelta(microseconds=1))
    assert batch.rejects.select("row", "field").rows() == [(2, "is_end")]
    # What has not been run yet may end whenever it will.
    assert read_trials(frame, now=NOW - timedelta(days=99), scored=False).rejects.is_empty()


def test_a_trial_may_become_known_later_than_today() -> None:
    frame = pl.DataFrame(SOUND).with_columns(known_at=pl.lit(datetime(2099, 1, 1)))
    assert read_trials(frame, now=NOW).trials.height == 2


@pytest.mark.parametrize("timeframe", ["0h", "-5m"])
def test_a_timeframe_of_no_time_is_refused_in_its_row(timeframe: str) -> None:
    frame = pl.DataFrame(SOUND).with_columns(timeframe=pl.Series(["1h", timeframe]))
    batch = read_trials(frame, now=NOW)
    assert batch.rejects.select("row", "field", "message").rows() == [
        (2, "timeframe", f"'{timeframe}' is no time that a bar can last")
    ]
    assert "such as 5m, 1h or 1d" in batch.rejects["remedy"][0]


def test_a_timeframe_that_says_no_time_is_named_with_its_first_row_and_taken() -> None:
    frame = pl.DataFrame(SOUND).with_columns(timeframe=pl.Series(["1h", "Banana"]))
    batch = read_trials(frame, now=NOW)
    assert batch.trials["timeframe"].to_list() == ["1h", "banana"]
    (note,) = (note for note in batch.notes if "banana" in note)
    assert "1 rows, the first is row 2" in note
    assert "such as 5m, 1h or 1d" in note


@pytest.mark.parametrize(
    ("column", "mapped"),
    [(None, 'tkb.const("your strategy")'), ("Strategy", '"strategy_name": "Strategy"')],
)
def test_a_table_that_names_no_strategy_is_refused_once_with_the_mapping(
    column: str | None, mapped: str
) -> None:
    frame = pl.DataFrame(SOUND).drop("strategy_name").with_columns(win_rate_oos=55.0)
    frame = pl.concat([frame] * 50)
    if column is not None:
        frame = frame.with_columns(pl.lit("sma").alias(column))
    with pytest.raises(InvalidTrialError, match="no row names its strategy") as caught:
        read_trials(frame, now=NOW)
    assert caught.value.field == "strategy_name"
    assert mapped in str(caught.value.remedy)


def test_a_table_without_rows_needs_no_strategy() -> None:
    assert read_trials(pl.DataFrame(SOUND).drop("strategy_name").clear(), now=NOW).n_rows == 0
