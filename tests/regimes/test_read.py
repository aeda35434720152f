from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tradingkb.exceptions import InvalidOHLCVError
from tradingkb.regimes import Bars, read_ohlcv

DAY = timedelta(days=1)


def broken(frame: pl.DataFrame, row: int, **values: object) -> pl.DataFrame:
    """The frame with other values in one 1-based row."""
    here = pl.int_range(pl.len()) == row - 1
    columns = [
        pl.when(here).then(pl.lit(v)).otherwise(pl.col(k)).alias(k) for k, v in values.items()
    ]
    return frame.with_columns(columns)


@pytest.fixture
def frame(make, walk) -> pl.DataFrame:
    return make(walk[:100])


def same(a: Bars, b: Bars) -> bool:
    names = ("ts", "open", "high", "low", "close", "volume")
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


@pytest.mark.parametrize("time", ["ts", "Timestamp", "DATE", "datetime", "<TIME>", "index"])
def test_columns_are_found_by_their_common_names(frame: pl.DataFrame, time: str) -> None:
    renamed = frame.rename({"ts": time, "open": "Open", "high": "HIGH", "close": " Close "})
    assert same(read_ohlcv(renamed), read_ohlcv(frame))


def test_volume_is_optional(frame: pl.DataFrame) -> None:
    assert read_ohlcv(frame.drop("volume")).volume is None


def test_a_pandas_frame_is_read_by_column_and_by_index(frame: pl.DataFrame) -> None:
    by_column = pd.DataFrame(frame.to_dict(as_series=False))
    by_index = by_column.set_index("ts")
    unnamed = by_index.rename_axis(None)
    abroad = by_index.tz_convert("America/New_York")
    for source in (by_column, by_index, unnamed, abroad):
        assert same(read_ohlcv(source), read_ohlcv(frame))


def test_a_pandas_frame_with_two_levels_of_columns_is_refused(frame: pl.DataFrame) -> None:
    source = pd.DataFrame(frame.to_dict(as_series=False)).set_index("ts")
    source.columns = pd.MultiIndex.from_product([source.columns, ["AAPL"]])
    with pytest.raises(InvalidOHLCVError, match="select one symbol first"):
        read_ohlcv(source)


def test_naive_times_are_utc_and_zoned_times_are_converted(frame: pl.DataFrame) -> None:
    naive = frame.with_columns(pl.col("ts").dt.replace_time_zone(None))
    tokyo = frame.with_columns(pl.col("ts").dt.convert_time_zone("Asia/Tokyo"))
    assert same(read_ohlcv(naive), read_ohlcv(frame))
    assert same(read_ohlcv(tokyo), read_ohlcv(frame))
    assert read_ohlcv(tokyo).ts[0] == np.datetime64("2020-01-01T00:00", "us")


@pytest.mark.parametrize(
    "pattern",
    ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S+00:00", "%FT%T%.3f"],
)
def test_iso_text_is_read_as_time(frame: pl.DataFrame, pattern: str) -> None:
    text = frame.with_columns(pl.col("ts").dt.strftime(pattern))
    assert same(read_ohlcv(text), read_ohlcv(frame))


def test_an_offset_in_text_is_honoured(frame: pl.DataFrame) -> None:
    text = frame.with_columns(pl.col("ts").dt.strftime("%Y-%m-%d 02:00:00+02:00"))
    assert same(read_ohlcv(text), read_ohlcv(frame))


@pytest.mark.parametrize("unit", ["s", "ms"])
def test_epoch_seconds_and_milliseconds_are_recognised(frame: pl.DataFrame, unit: str) -> None:
    assert same(read_ohlcv(frame.with_columns(pl.col("ts").dt.epoch(unit))), read_ohlcv(frame))


@pytest.mark.parametrize("first", [0, 20200101, 1_577_836_800_000_000])
def test_other_integers_are_no_times(frame: pl.DataFrame, first: int) -> None:
    numbered = frame.with_columns((pl.int_range(pl.len()) + first).alias("ts"))
    with pytest.raises(InvalidOHLCVError, match=r"ts: the integers \d+ to .*convert the column"):
        read_ohlcv(numbered)


def test_the_file_name_gives_symbol_and_timeframe(frame: pl.DataFrame, tmp_path: Path) -> None:
    frame.write_parquet(tmp_path / "ETH_BTC_1d.parquet")
    frame.with_columns(pl.col("ts").dt.strftime("%Y-%m-%d %H:%M:%S")).write_csv(
        tmp_path / "bars.csv"
    )
    parquet = read_ohlcv(tmp_path / "ETH_BTC_1d.parquet")
    csv = read_ohlcv(tmp_path / "bars.csv", symbol="X")
    assert (parquet.symbol, parquet.timeframe) == ("ETH_BTC", "1d")
    assert (csv.symbol, csv.timeframe) == ("X", "1d")
    assert same(parquet, csv)


@pytest.mark.parametrize(
    ("step", "name"),
    [
        (timedelta(minutes=1), "1m"),
        (timedelta(minutes=15), "15m"),
        (timedelta(hours=4), "4h"),
        (timedelta(weeks=1), "1w"),
        (timedelta(minutes=7), "420s"),
    ],
)
def test_the_timeframe_is_the_median_spacing(make, walk, step: timedelta, name: str) -> None:
    assert read_ohlcv(make(walk[:60], step=step)).timeframe == name


def test_a_session_with_nights_keeps_its_hourly_timeframe(make, walk) -> None:
    hours = make(walk, step=timedelta(hours=1)).filter(pl.col("ts").dt.hour().is_between(14, 17))
    assert read_ohlcv(hours, timeframe="1h").timeframe == "1h"


def test_a_timeframe_that_the_spacing_contradicts_is_refused(frame: pl.DataFrame) -> None:
    with pytest.raises(InvalidOHLCVError, match=r"'1h' contradicts .* spacing is 1d") as caught:
        read_ohlcv(frame, timeframe="1h")
    assert caught.value.field == "timeframe"
    with pytest.raises(InvalidOHLCVError, match="'fortnight' is not understood"):
        read_ohlcv(frame, timeframe="fortnight")


INF = float("inf")


@pytest.mark.parametrize(
    ("values", "field", "message", "remedy"),
    [
        ({"high": 1.0}, "high", "high 1.0 is below low", "correct the row"),
        (
            {"high": 100.0, "low": 90.0, "close": 101.0},
            "high",
            "below open or close 101",
            "correct",
        ),
        ({"high": 200.0, "low": 120.0}, "low", "low 120.0 is above open or close", "correct"),
        ({"low": 0.0}, "low", "the price 0.0 is not positive", "set it to null"),
        ({"close": -37.6}, "close", "the price -37.6 is not positive", "adjusted by a factor"),
        ({"open": INF}, "open", "the value is inf", "set it to null"),
        ({"volume": -1.0}, "volume", "the volume -1.0 is negative", "set it to null"),
        ({"ts": None}, "ts", "the time None is missing", "use dates"),
    ],
)
def test_a_bad_row_is_named(
    frame: pl.DataFrame, values: dict[str, object], field: str, message: str, remedy: str
) -> None:
    with pytest.raises(InvalidOHLCVError, match=f"row 31, {field}: .*{message}") as caught:
        read_ohlcv(broken(frame, 31, **values))
    assert (caught.value.row, caught.value.field) == (31, field)
    assert remedy in (caught.value.remedy or "")


def test_a_close_a_hair_above_its_high_is_rounding(frame: pl.DataFrame) -> None:
    top = frame["close"][30] * (1 + 5e-7)
    read_ohlcv(broken(frame, 31, close=top, high=frame["close"][30], open=frame["close"][30]))
    with pytest.raises(InvalidOHLCVError, match="row 31, high"):
        high = frame["close"][30] * (1 - 2e-6)
        read_ohlcv(broken(frame, 31, open=high, high=high))


def test_unsorted_and_repeated_times_are_refused(frame: pl.DataFrame) -> None:
    late = frame["ts"][0] - DAY
    with pytest.raises(InvalidOHLCVError, match=r"row 31, ts: .*earlier than the row before.*sort"):
        read_ohlcv(broken(frame, 31, ts=late))
    with pytest.raises(InvalidOHLCVError, match=r"row 31, ts: .*repeats.*one bar for each time"):
        read_ohlcv(broken(frame, 31, ts=frame["ts"][29]))


def test_a_day_first_date_is_ambiguous_and_refused(frame: pl.DataFrame) -> None:
    text = frame.with_columns(pl.col("ts").dt.strftime("%d/%m/%Y"))
    with pytest.raises(InvalidOHLCVError, match="row 1, ts: the time '01/01/2020' is missing or"):
        read_ohlcv(text)


def test_missing_ambiguous_and_textual_columns_are_refused(frame: pl.DataFrame) -> None:
    with pytest.raises(InvalidOHLCVError, match=r"no column for high, low among .*rename"):
        read_ohlcv(frame.drop("high", "low"))
    with pytest.raises(InvalidOHLCVError, match=r"'ts' and 'Date' could both be .*drop or rename"):
        read_ohlcv(frame.with_columns(Date=pl.col("ts")))
    text = broken(frame.with_columns(pl.col("close").cast(pl.String)), 4, close="n/a")
    with pytest.raises(InvalidOHLCVError, match=r"row 4, close: the column is String.*cast it"):
        read_ohlcv(text)
    with pytest.raises(InvalidOHLCVError, match="ts: the column is Float64, which is no time"):
        read_ohlcv(frame.with_columns(ts=pl.col("close")))


def test_nothing_to_read_is_refused(frame: pl.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(InvalidOHLCVError, match="no rows"):
        read_ohlcv(frame.clear())
    with pytest.raises(InvalidOHLCVError, match="no row has all four prices"):
        read_ohlcv(frame.with_columns(close=pl.lit(None)))
    with pytest.raises(InvalidOHLCVError, match="there is no file"):
        read_ohlcv(tmp_path / "none.parquet")
    with pytest.raises(InvalidOHLCVError, match="there is no file"):
        read_ohlcv("x" * 300 + ".parquet")  # longer than a name can be
    with pytest.raises(InvalidOHLCVError, match="cannot read bars from list"):
        read_ohlcv([1, 2])
    (tmp_path / "bad.parquet").write_text("no parquet")
    with pytest.raises(InvalidOHLCVError, match=r"bad.parquet is not readable"):
        read_ohlcv(tmp_path / "bad.parquet")
    (tmp_path / "bars.xlsx").write_text("")
    with pytest.raises(InvalidOHLCVError, match=r"give a .parquet or .csv"):
        read_ohlcv(tmp_path / "bars.xlsx")


@pytest.mark.parametrize("blank", [None, float("nan")])
def test_a_row_without_a_price_splits_the_series(frame: pl.DataFrame, blank: float | None) -> None:
    bars = read_ohlcv(broken(frame, 31, close=blank))
    assert (len(bars), bars.gaps[0].position) == (99, 30)
    assert bars.warnings == ("ohlcv_gap: row 31 (2020-01-31 00:00 UTC) has no price",)
    assert len(bars.effective()) == 69


def test_a_long_hole_splits_the_series_and_a_short_one_does_not(make, walk) -> None:
    daily = make(walk[:120])
    assert read_ohlcv(daily.filter(~pl.int_range(pl.len()).is_between(40, 58))).gaps == ()
    bars = read_ohlcv(daily.filter(~pl.int_range(pl.len()).is_between(40, 59)))
    assert bars.gaps[0].position == 40
    text = "21 days without bars between 2020-02-09 00:00 and 2020-03-01 00:00 UTC"
    assert bars.warnings == (f"ohlcv_gap: {text}",)


def test_nights_and_holidays_are_no_hole_in_intraday_bars(make, walk) -> None:
    hours = make(walk[:300], step=timedelta(hours=1))
    nine_days = hours.filter(~pl.int_range(pl.len()).is_between(30, 30 + 9 * 24 - 2))
    assert read_ohlcv(nine_days).gaps == ()


def test_unfinished_last_rows_are_left_out_with_a_note(frame: pl.DataFrame) -> None:
    bars = read_ohlcv(broken(frame, 100, close=None))
    assert len(bars) == 99
    assert bars.warnings[0].startswith("ohlcv_trailing_rows: the last 1 row")
    assert bars.before(datetime(2020, 3, 1, tzinfo=UTC)).warnings == ()


def test_a_cut_includes_its_start_and_excludes_its_end(frame: pl.DataFrame) -> None:
    bars = read_ohlcv(frame)
    start, end = datetime(2020, 1, 11, tzinfo=UTC), datetime(2020, 1, 21)
    cut = bars.between(start, end)
    assert (cut.ts[0], cut.ts[-1]) == (np.datetime64("2020-01-11"), np.datetime64("2020-01-20"))
    assert len(bars.before(start)) == 10
    assert len(bars.between(end, start)) == 0
    assert len(bars.between(None, None)) == 100


@pytest.mark.parametrize(
    ("step", "opens", "closes"),
    [
        (timedelta(days=1), datetime(2020, 1, 11), datetime(2020, 1, 12)),
        (timedelta(hours=4), datetime(2020, 1, 2, 8), datetime(2020, 1, 2, 12)),
        (timedelta(minutes=5), datetime(2020, 1, 1, 0, 50), datetime(2020, 1, 1, 0, 55)),
        (timedelta(weeks=1), datetime(2020, 3, 11), datetime(2020, 3, 18)),
    ],
)
def test_a_bar_is_known_once_it_has_closed_and_not_a_moment_earlier(
    make, walk, step: timedelta, opens: datetime, closes: datetime
) -> None:
    bars = read_ohlcv(make(walk[:100], step=step))
    moment = timedelta(microseconds=1)
    known = [bars.before(t).ts[-1] for t in (opens, closes - moment, closes, closes + moment)]
    label = np.datetime64(opens, "us")
    assert [t == label for t in known] == [False, False, True, True]


def test_the_last_bar_before_a_weekend_closes_after_its_own_length(make, walk) -> None:
    """2020-01-10 is a Friday: on Saturday at midnight its day is over."""
    week = read_ohlcv(make(walk[:100]).filter(pl.col("ts").dt.weekday() <= 5))
    assert week.before(datetime(2020, 1, 10, 23)).ts[-1] == np.datetime64("2020-01-09")
    assert week.before(datetime(2020, 1, 11)).ts[-1] == np.datetime64("2020-01-10")


def test_a_bar_is_over_when_the_next_one_opens(make, walk) -> None:
    """A day of New York lasts 23 hours when summer time begins; months differ in length."""
    local = pl.col("ts").dt.replace_time_zone(None).dt.replace_time_zone("America/New_York")
    days = read_ohlcv(make(walk[:100]).with_columns(ts=local))
    assert days.before(datetime(2020, 3, 9, 3)).ts[-1] == np.datetime64("2020-03-07T05:00")
    assert days.before(datetime(2020, 3, 9, 4)).ts[-1] == np.datetime64("2020-03-08T05:00")
    starts = pl.datetime_range(datetime(2015, 1, 1), datetime(2019, 12, 1), "1mo", eager=True)
    months = read_ohlcv(make(walk[:60]).with_columns(ts=starts), timeframe="1mo")
    assert months.before(datetime(2019, 3, 1)).ts[-1] == np.datetime64("2019-02-01")
    assert months.before(datetime(2019, 12, 31)).ts[-1] == np.datetime64("2019-11-01")
    assert months.before(datetime(2020, 1, 1)).ts[-1] == np.datetime64("2019-12-01")


def test_bars_in_progress_and_in_the_future_are_left_out_and_named(frame: pl.DataFrame) -> None:
    bars = read_ohlcv(frame)
    one = bars.finished(datetime(2020, 4, 9, 12, tzinfo=UTC))
    assert (len(one), one.warnings) == (
        99,
        ("ohlcv_unfinished: the bar of 2020-04-09 00:00 UTC had not closed and is left out",),
    )
    many = bars.finished(datetime(2020, 4, 1))
    assert many.warnings == (
        "ohlcv_unfinished: 9 bars from 2020-04-01 00:00 UTC on had not closed and are left out",
    )
    assert bars.finished(datetime(2020, 4, 10)) is bars
    assert len(bars.finished(datetime(2000, 1, 1))) == 0


def test_a_cut_keeps_the_gaps_inside_it(frame: pl.DataFrame) -> None:
    bars = read_ohlcv(broken(frame, 31, close=None))
    assert [gap.position for gap in bars.cut(20, 60).gaps] == [10]
    assert bars.cut(30, 60).gaps == ()


def test_periods_per_year_counts_bars_per_calendar_year_known_by_the_end_of_the_cut(
    make, walk
) -> None:
    days = read_ohlcv(make(walk))
    assert days.periods_per_year == pytest.approx(365.25)
    week = make(walk).filter(pl.col("ts").dt.weekday() <= 5)
    assert read_ohlcv(week).periods_per_year == pytest.approx(365.25 * 5 / 7, rel=0.01)
    cut = read_ohlcv(week).cut(100, 150)
    assert cut.periods_per_year == read_ohlcv(week[:150]).periods_per_year
    assert cut.cut(10, 50).periods_per_year == cut.periods_per_year


# --- rows without any price ----------------------------------------------------------------------


def emptied(frame: pl.DataFrame, empty: pl.Expr) -> pl.DataFrame:
    """The frame with rows that have no price at all, as when calendars are aligned."""
    names = ("open", "high", "low", "close")
    return frame.with_columns(pl.when(empty).then(None).otherwise(c).alias(c) for c in names)


def test_empty_rows_of_closed_days_are_left_out_as_if_they_were_not_there(make, walk) -> None:
    frame = make(walk)
    weekend = pl.col("ts").dt.weekday() > 5
    aligned, weekdays = read_ohlcv(emptied(frame, weekend)), read_ohlcv(frame.filter(~weekend))
    assert aligned.gaps == ()
    assert same(aligned, weekdays)
    assert aligned.left_out is not None
    assert len(aligned.left_out) == frame.filter(weekend).height


def test_a_row_that_lacks_some_prices_still_splits_the_series_beside_empty_ones(
    frame: pl.DataFrame,
) -> None:
    row = pl.int_range(pl.len())
    bars = read_ohlcv(broken(emptied(frame, row.is_in([20, 31, 50])), 31, close=None))
    assert bars.warnings == ("ohlcv_gap: row 31 (2020-01-31 00:00 UTC) has no price",)
    assert bars.gaps[0].position == 29


def test_empty_rows_over_a_long_time_are_a_hole(frame: pl.DataFrame) -> None:
    bars = read_ohlcv(emptied(frame, pl.int_range(pl.len()).is_between(40, 62)))
    assert "24 days without bars" in bars.gaps[0].text
    assert read_ohlcv(emptied(frame, pl.int_range(pl.len()).is_between(40, 55))).gaps == ()


@pytest.mark.parametrize(("every", "split"), [(2, True), (3, False)])
def test_where_so_many_rows_are_empty_that_the_rest_is_no_such_series_they_split_it(
    make, walk, every: int, split: bool
) -> None:
    """Of every second day nothing follows by a day; of two days in three every other one does."""
    bars = read_ohlcv(emptied(make(walk), pl.int_range(pl.len()) % every == 0))
    assert (len(bars.gaps) > 0) == split
    if split:
        assert "has no price" in bars.gaps[0].text


def test_a_folder_is_said_to_be_one_with_a_file_in_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidOHLCVError, match="is a folder") as caught:
        read_ohlcv(tmp_path)
    assert str(caught.value.remedy) == "name a file in it"
    (tmp_path / "X_1d.parquet").touch()
    with pytest.raises(InvalidOHLCVError, match=r"such as .*X_1d\.parquet"):
        read_ohlcv(tmp_path)


def test_bars_that_are_all_in_the_future_are_said_to_be_so(frame: pl.DataFrame) -> None:
    bars = read_ohlcv(frame).finished(datetime(2000, 1, 1))
    with pytest.raises(InvalidOHLCVError, match=r"no bar .* left, because .* had not closed") as e:
        bars.effective()
    assert "clock" in str(e.value.remedy)
