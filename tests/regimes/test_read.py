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
