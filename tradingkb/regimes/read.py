"""`read_ohlcv`: a frame or a file of price bars, checked row by row, as `Bars`.

Nothing is guessed: what cannot be read in exactly one way is refused with the row, the column and
what to do. Rows are counted from 1, without a header.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tradingkb.domain import canonical_timeframe
from tradingkb.exceptions import InvalidOHLCVError
from tradingkb.regimes.bars import Bars, FloatArray, Gap
from tradingkb.regimes.paths import is_file, is_folder
from tradingkb.regimes.times import (
    TimeArray,
    check_order,
    check_timeframe,
    infer_timeframe,
    is_of_timeframe,
    utc_times,
)

_SPELLINGS = {
    "ts": ("ts", "timestamp", "date", "datetime", "time", "index", "open_time", "date_time"),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "vol", "v"),
}
_PRICES = ("open", "high", "low", "close")
_FILE_NAME = re.compile(r"(.+)_([1-9]\d*(?:mo|[smhdw]))")
_RELATIVE_TOLERANCE = 1e-6
"""Adjusted prices are rounded column by column, so a close may stand a hair above its high."""
_HOLE_SECONDS = 10 * 86400
_HOLE_SPACINGS = 20
_MOST_NAMED = 20


def read_ohlcv(source: Any, *, symbol: str | None = None, timeframe: str | None = None) -> Bars:
    """Read and check OHLCV bars.

    Columns are found by common names in any case (ts, timestamp, date, datetime, time, index;
    open, high, low, close; volume is optional) and a pandas DatetimeIndex serves as the time.
    Naive times are UTC; integers are epoch seconds or milliseconds. Rows without any price, as of
    days on which the exchange was closed beside another that was open, are left out
    (`Bars.left_out`), as long as what is left is still of the timeframe. Rows that lack a price
    and long holes (more than 10 days and more than 20 spacings) become `Bars.gaps`, across which
    nothing is measured; rows without a price at either end are left out, at the last end with a
    note.

    Args:
        source: A Polars or pandas frame, or the path of a Parquet or CSV file.
        symbol: The instrument; else from a file name `<symbol>_<timeframe>.parquet`, else None.
        timeframe: "5m", "1h", "1d" ...; else from the file name, else from the median spacing.

    Raises:
        InvalidOHLCVError: no such file, unknown type, missing, ambiguous or non-numeric columns,
            no rows, times that are missing, unsorted, repeated or ambiguous, infinite or
            non-positive prices, high or low that do not enclose open and close, negative volume,
            a timeframe that the spacing contradicts.
    """
    frame = _frame(source)
    if isinstance(source, (str, Path)):
        named = series_of(Path(source).stem)
        symbol, timeframe = symbol or named[0], timeframe or named[1]
    timeframe = canonical_timeframe(timeframe) if timeframe else None
    columns = bar_columns(frame.columns)
    if frame.is_empty():
        raise InvalidOHLCVError("the frame has no rows", remedy="give at least 50 bars")
    ts = utc_times(frame[columns["ts"]])
    check_order(ts, columns["ts"])
    if timeframe is not None:
        check_timeframe(timeframe, ts)
    prices = {name: _numbers(frame, columns[name]) for name in _PRICES}
    _check_prices(prices, columns)
    volume = _volume(frame, columns.get("volume"))
    name = timeframe or infer_timeframe(ts)
    return _assemble(ts, prices, volume, symbol, name)


def series_of(name: str) -> tuple[str | None, str | None]:
    """Symbol and timeframe of a name such as "AAPL_1d"; None where it is no such name."""
    match = _FILE_NAME.fullmatch(name)
    return (match[1], match[2]) if match else (None, None)


def _frame(source: Any) -> pl.DataFrame:
    if isinstance(source, (str, Path)):
        return _file(Path(source))
    if isinstance(source, pl.LazyFrame):
        return source.collect()
    if isinstance(source, pl.DataFrame):
        return source
    if type(source).__module__.partition(".")[0] == "pandas":
        return _from_pandas(source)
    raise InvalidOHLCVError(
        f"cannot read bars from {type(source).__name__}",
        remedy="give a Polars or pandas frame, or the path of a .parquet or .csv file",
    )


def _file(path: Path) -> pl.DataFrame:
    if is_folder(path):
        series = sorted(p.name for p in path.iterdir() if series_of(p.stem)[0] is not None)
        example = f", such as {path / series[0]}" if series else ""
        raise InvalidOHLCVError(
            f"{path} is a folder, and one series is wanted", remedy=f"name a file in it{example}"
        )
    if not is_file(path):
        raise InvalidOHLCVError(f"there is no file {path}", remedy="check the path")
    suffix = path.suffix.lower()
    if suffix not in (".parquet", ".csv"):
        raise InvalidOHLCVError(f"cannot read {path.name}", remedy="give a .parquet or .csv file")
    try:
        if suffix == ".parquet":
            return pl.read_parquet(path)
        return pl.read_csv(path, infer_schema_length=None)
    except pl.exceptions.PolarsError as error:
        raise InvalidOHLCVError(
            f"{path.name} is not readable as {suffix[1:]}: {error}", remedy="write the file again"
        ) from error


def _from_pandas(source: Any) -> pl.DataFrame:
    if getattr(getattr(source, "columns", None), "nlevels", 0) != 1:
        raise InvalidOHLCVError(
            "the pandas object has no single level of columns",
            remedy="select one symbol first, for example frame.xs('AAPL', axis=1, level=1)",
        )
    names = {_plain(str(name)) for name in source.columns}
    if names.isdisjoint(_SPELLINGS["ts"]):
        source = source.rename_axis(index="index").reset_index()
    source = source.rename(columns=str)
    if not source.columns.is_unique:
        raise InvalidOHLCVError("two columns have the same name", remedy="drop or rename one")
    return pl.from_pandas(source)


def _plain(name: str) -> str:
    return name.strip().strip("<>").lower().replace(" ", "_")


def bar_columns(names: Sequence[str]) -> dict[str, str]:
    """The table's own name of each column that bars are read from: ts, open, ..., volume.

    Raises:
        InvalidOHLCVError: one is missing, or two could be meant.
    """
    found = {}
    for field, spellings in _SPELLINGS.items():
        hits = [name for name in names if _plain(name) in spellings]
        if len(hits) > 1:
            raise InvalidOHLCVError(
                f"{' and '.join(map(repr, hits))} could both be the {field} column",
                field=field,
                remedy="drop or rename one of them",
            )
        if hits:
            found[field] = hits[0]
    _check_complete(found, names)
    return found


def _check_complete(found: dict[str, str], names: Sequence[str]) -> None:
    missing = [field for field in _SPELLINGS if field not in found and field != "volume"]
    if missing:
        raise InvalidOHLCVError(
            f"no column for {', '.join(missing)} among {_listed(names)}",
            field=missing[0],
            remedy="rename the columns to ts, open, high, low, close and volume",
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name[:40] for name in names[:_MOST_NAMED])
    return (shown or "no columns") + (", ..." if len(names) > _MOST_NAMED else "")


def _numbers(frame: pl.DataFrame, column: str) -> FloatArray:
    """The column as float64 with NaN for null; infinities are refused."""
    series = frame[column]
    if not series.dtype.is_numeric() and series.dtype != pl.Null:
        raise InvalidOHLCVError(
            f"the column is {series.dtype}, not numeric",
            field=column,
            row=_first_text(series),
            remedy=f"cast it: frame.with_columns(pl.col({column!r}).cast(pl.Float64))",
        )
    values: FloatArray = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    bad = np.flatnonzero(np.isinf(values))
    if bad.size:
        raise InvalidOHLCVError(
            f"the value is {values[bad[0]]}",
            field=column,
            row=int(bad[0]) + 1,
            remedy="set it to null when it is not known",
        )
    return values


def _first_text(series: pl.Series) -> int | None:
    """The 1-based row of the first text that is no number."""
    if series.dtype != pl.String:
        return None
    bad = (series.is_not_null() & series.cast(pl.Float64, strict=False).is_null()).arg_true()
    return int(bad[0]) + 1 if len(bad) else None


def _volume(frame: pl.DataFrame, column: str | None) -> FloatArray | None:
    if column is None:
        return None
    volume = _numbers(frame, column)
    _refuse(volume < 0, "the volume {} is negative", (volume,), column, "set it to null")
    return volume


def _check_prices(prices: dict[str, FloatArray], columns: dict[str, str]) -> None:
    """Comparisons with NaN are false: rows without a price pass here and become gaps."""
    for name in _PRICES:
        values = prices[name]
        remedy = "set it to null, or use prices adjusted by a factor, which stay positive"
        _refuse(values <= 0, "the price {} is not positive", (values,), columns[name], remedy)
    open_, high, low, close = (prices[name] for name in _PRICES)
    remedy = "correct the row, or set its prices to null"
    _refuse(high < low, "high {} is below low {}", (high, low), columns["high"], remedy)
    top, bottom = np.fmax(open_, close), np.fmin(open_, close)
    text = "high {} is below open or close {}"
    short = high < top * (1 - _RELATIVE_TOLERANCE)
    _refuse(short, text, (high, top), columns["high"], remedy)
    text = "low {} is above open or close {}"
    above = low > bottom * (1 + _RELATIVE_TOLERANCE)
    _refuse(above, text, (low, bottom), columns["low"], remedy)


def _refuse(
    bad: npt.NDArray[np.bool_],
    text: str,
    values: tuple[FloatArray, ...],
    field: str,
    remedy: str,
) -> None:
    rows = np.flatnonzero(bad)
    if rows.size:
        shown = text.format(*(float(column[rows[0]]) for column in values))
        raise InvalidOHLCVError(shown, field=field, row=int(rows[0]) + 1, remedy=remedy)


def _assemble(
    ts: TimeArray,
    prices: dict[str, FloatArray],
    volume: FloatArray | None,
    symbol: str | None,
    timeframe: str,
) -> Bars:
    missing = np.isnan(np.column_stack([prices[name] for name in _PRICES]))
    whole = ~missing.any(axis=1)
    if not whole.any():
        raise InvalidOHLCVError("no row has all four prices", remedy="give at least 50 bars")
    rows = np.flatnonzero(whole)
    empty = missing.all(axis=1)
    if not is_of_timeframe(timeframe, ts[rows]):  # too few rows are left to be a series of it
        empty = np.zeros_like(empty)
    broken = np.flatnonzero(~whole & ~empty)
    kept = {name: values[rows] for name, values in prices.items()}
    return Bars(
        ts=ts[rows],
        open=kept["open"],
        high=kept["high"],
        low=kept["low"],
        close=kept["close"],
        volume=None if volume is None else volume[rows],
        symbol=symbol,
        timeframe=timeframe,
        gaps=_gaps(ts, rows, broken),
        left_out=ts[empty],
        notes=_unfinished(len(ts), rows),
    )


def _gaps(
    ts: TimeArray, rows: npt.NDArray[np.int64], broken: npt.NDArray[np.int64]
) -> tuple[Gap, ...]:
    """Breaks between the rows that are kept: rows that lack a price first, else time holes."""
    texts = {int(i) + 1: _hole_text(ts[rows[i]], ts[rows[i + 1]]) for i in _holes(ts[rows])}
    after = np.searchsorted(rows, broken)
    for position in np.unique(after[(after > 0) & (after < len(rows))]):
        lacking = broken[after == position]
        texts[int(position)] = _blank_text(ts, int(lacking[0]), int(lacking[-1]))
    return tuple(Gap(position, texts[position]) for position in sorted(texts))


def _holes(ts: TimeArray) -> npt.NDArray[np.int64]:
    spacing = np.diff(ts) / np.timedelta64(1, "s")
    if not spacing.size:
        return np.empty(0, dtype=np.int64)
    limit = max(_HOLE_SECONDS, _HOLE_SPACINGS * float(np.median(spacing)))
    return np.flatnonzero(spacing > limit)


def _hole_text(last: np.datetime64, first: np.datetime64) -> str:
    days = float((first - last) / np.timedelta64(1, "D"))
    return f"{days:.0f} days without bars between {_minute(last)} and {_minute(first)} UTC"


def _blank_text(ts: TimeArray, first: int, last: int) -> str:
    if first == last:
        return f"row {first + 1} ({_minute(ts[first])} UTC) has no price"
    return f"rows {first + 1} to {last + 1} (from {_minute(ts[first])} UTC) have no price"


def _unfinished(count: int, rows: npt.NDArray[np.int64]) -> tuple[str, ...]:
    left_out = count - 1 - int(rows[-1])
    if not left_out:
        return ()
    return (f"ohlcv_trailing_rows: the last {left_out} row(s) have no price and are left out",)


def _minute(t: np.datetime64) -> str:
    return str(t.astype("datetime64[m]")).replace("T", " ")
