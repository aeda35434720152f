"""The time axis of bars: its column as UTC datetime64[us], and the name of its spacing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from tradingkb.exceptions import InvalidOHLCVError

TimeArray: TypeAlias = npt.NDArray[np.datetime64]
_EPOCH_1973 = 94_694_400
_EPOCH_2100 = 4_102_444_800
_FORMATS = "use dates or date-times, or integer epoch seconds or milliseconds"
SECONDS_PER_YEAR = 365.25 * 86400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "mo": SECONDS_PER_YEAR / 12}
_LONGEST_MONTH = 31 * 86400
_NAME = re.compile(r"([1-9]\d*)(mo|[smhdw])")
_COMMON = ("1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w")
_TOLERANCE = 0.1
"""Relative. Months have 28 to 31 days."""
_MIN_SHARE = 0.2
"""A stated timeframe stands when this share of the spacings equals it: an equity that trades two
4-hour bars a day has a 4-hour spacing only half of the time."""


def utc_times(series: pl.Series) -> TimeArray:
    """Times of a column as UTC; naive ones are taken as UTC.

    Integers are epoch seconds or milliseconds when all of them fall between 1973 and 2100 in
    exactly one of the two readings, which never overlap.

    Raises:
        InvalidOHLCVError: a time is missing or unreadable, or the column has no times.
    """
    times = _as_datetime(series)
    missing = times.is_null().arg_true()
    if len(missing):
        row = int(missing[0])
        raise InvalidOHLCVError(
            f"the time {series[row]!r} is missing or unreadable",
            field=series.name,
            row=row + 1,
            remedy=_FORMATS,
        )
    return times.cast(pl.Datetime("us")).to_numpy()


def check_order(ts: TimeArray, field: str) -> None:
    """Refuse times that are not strictly ascending.

    Raises:
        InvalidOHLCVError: with the row that is not later than the one before.
    """
    step = np.diff(ts).astype(np.int64)
    bad = np.flatnonzero(step <= 0)
    if not bad.size:
        return
    row = int(bad[0]) + 1
    if step[row - 1] == 0:
        what, remedy = "repeats the time of the row before", "keep one bar for each time"
    else:
        what, remedy = "is earlier than the row before", f"sort the frame by {field!r}, ascending"
    raise InvalidOHLCVError(f"{ts[row]} {what}", field=field, row=row + 1, remedy=remedy)


def _as_datetime(series: pl.Series) -> pl.Series:
    dtype = series.dtype
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is not None:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return series
    if dtype == pl.Date:
        return series.cast(pl.Datetime("us"))
    if dtype == pl.String:
        return _parse(series)
    if dtype.is_integer():
        return _from_epoch(series)
    raise InvalidOHLCVError(
        f"the column is {dtype}, which is no time", field=series.name, remedy=_FORMATS
    )


def _parse(series: pl.Series) -> pl.Series:
    """ISO 8601 text; a day-first or month-first date is ambiguous and stays null."""
    text = series.str.strip_chars().str.replace("T", " ", literal=True)
    text = text.str.replace(r"(Z| UTC)$", "+00:00")
    zoned = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%:z", time_unit="us", strict=False)
    naive = zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    for pattern in ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"):
        if naive.null_count():
            naive = naive.fill_null(text.str.to_datetime(pattern, time_unit="us", strict=False))
    if naive.null_count():
        days = text.str.to_date("%Y-%m-%d", strict=False, exact=True)
        naive = naive.fill_null(days.cast(pl.Datetime("us")))
    return naive


def _from_epoch(series: pl.Series) -> pl.Series:
    values = series.drop_nulls()
    for per_second in (1000, 1):
        if values.is_between(_EPOCH_1973 * per_second, _EPOCH_2100 * per_second).all():
            return pl.Series(series.name, series.cast(pl.Int64) * (1_000_000 // per_second)).cast(
                pl.Datetime("us")
            )
    raise InvalidOHLCVError(
        f"the integers {values.min()!r} to {values.max()!r} are neither epoch seconds nor"
        " milliseconds between 1973 and 2100",
        field=series.name,
        remedy="convert the column to date-times",
    )


def timeframe_seconds(timeframe: str) -> float:
    """The length of one bar in seconds.

    Raises:
        InvalidOHLCVError: not "<n>" followed by s, m, h, d, w or mo.
    """
    match = _NAME.fullmatch(timeframe)
    if match is None:
        raise InvalidOHLCVError(
            f"timeframe {timeframe!r} is not understood",
            field="timeframe",
            remedy="write a number and s, m, h, d, w or mo, such as 5m, 1h or 1d",
        )
    return int(match[1]) * _UNITS[match[2]]


def bar_length(timeframe: str) -> timedelta:
    """How long after its opening a bar has closed; a month is taken as the longest one.

    Raises:
        InvalidOHLCVError: as `timeframe_seconds`.
    """
    seconds = timeframe_seconds(timeframe)
    if timeframe.endswith("mo"):
        seconds = int(timeframe.removesuffix("mo")) * _LONGEST_MONTH
    return timedelta(seconds=seconds)


def infer_timeframe(ts: npt.NDArray[np.datetime64]) -> str:
    """The timeframe of the median spacing; "<n>s" when it is not a common one.

    Raises:
        InvalidOHLCVError: fewer than two bars.
    """
    if len(ts) < 2:
        raise InvalidOHLCVError(
            f"the timeframe cannot be inferred from {len(ts)} bar(s)",
            field="timeframe",
            remedy="state timeframe=, such as '1d'",
        )
    median = float(np.median(_spacings(ts)))
    for name in _COMMON:
        if abs(median / timeframe_seconds(name) - 1) < 0.01:
            return name
    return f"{max(1, round(median))}s"


def check_timeframe(stated: str, ts: npt.NDArray[np.datetime64]) -> None:
    """Refuse a stated timeframe that the spacing of the bars contradicts.

    Raises:
        InvalidOHLCVError: malformed, or fewer than a fifth of the spacings equal it.
    """
    if not is_of_timeframe(stated, ts):
        found = infer_timeframe(ts)
        raise InvalidOHLCVError(
            f"timeframe {stated!r} contradicts the bars, whose median spacing is {found}",
            field="timeframe",
            remedy=f"state timeframe={found!r} or leave it out, or give {stated} bars",
        )


def is_of_timeframe(timeframe: str, ts: npt.NDArray[np.datetime64]) -> bool:
    """Whether at least a fifth of the spacings equal it; of fewer than two bars, yes.

    Raises:
        InvalidOHLCVError: as `timeframe_seconds`.
    """
    seconds = timeframe_seconds(timeframe)
    if len(ts) < 2:
        return True
    share = np.mean(np.abs(_spacings(ts) / seconds - 1) <= _TOLERANCE)
    return bool(share >= _MIN_SHARE)


def _spacings(ts: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.diff(ts) / np.timedelta64(1, "s"), dtype=np.float64)
