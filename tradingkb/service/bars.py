"""Price bars of a request: rows, columns or an uploaded file, within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePath
from typing import Any, Final

import polars as pl

from tradingkb.exceptions import InvalidOHLCVError
from tradingkb.regimes import bar_columns, series_of
from tradingkb.service.problems import ProblemError

#: Columns of a table of bars; a tool may add some of its own.
_MOST_COLUMNS: Final = 100
#: Values of a table that is made of rows: some hundred megabytes.
_MOST_CELLS: Final = 5_000_000


@dataclass(frozen=True)
class Upload:
    """A file that came with a request: its name without folders, and what is in it."""

    name: str
    content: bytes

    @property
    def series(self) -> tuple[str | None, str | None]:
        """Symbol and timeframe, where the name says them, as AAPL_1d.parquet does."""
        return series_of(PurePath(self.name).stem)


def frame_of(bars: Sequence[dict[str, Any]] | dict[str, list[Any]], most: int) -> pl.DataFrame:
    """Bars as JSON has them.

    Raises:
        ProblemError: more than `most` bars.
        InvalidOHLCVError: columns of different lengths, or values of different kinds in one.
    """
    _few_columns(len(bars) if isinstance(bars, dict) else _n_names(bars))
    heights = {len(values) for values in bars.values()} if isinstance(bars, dict) else {len(bars)}
    if len(heights) > 1:
        raise InvalidOHLCVError(
            "the columns have different lengths", field="ohlcv", remedy="give one value per bar"
        )
    bounded(max(heights, default=0), most, "ohlcv")
    names = bars if isinstance(bars, dict) else dict.fromkeys(n for bar in bars for n in bar)
    columns = {
        name: bars[name] if isinstance(bars, dict) else [bar.get(name) for bar in bars]
        for name in names
    }
    return pl.DataFrame([_column(str(name), values) for name, values in columns.items()])


def _column(name: str, values: list[Any]) -> pl.Series:
    """One kind of values: JSON writes 100.0 as 100, and the next price as 100.5."""
    kinds = {type(value) for value in values if value is not None}
    try:
        if kinds == {int, float}:
            return pl.Series(name, [None if v is None else float(v) for v in values])
        if len(kinds) <= 1 and not kinds & {dict, list}:
            return pl.Series(name, values)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        pass
    raise InvalidOHLCVError(
        "a column holds values of different kinds",
        field=name[:80],
        remedy="give numbers for prices, and times as ISO 8601 text or epoch milliseconds",
    )


def frame_in(upload: Upload, most: int) -> pl.DataFrame:
    """The bars in an uploaded file.

    Raises:
        ProblemError: more than `most` bars.
        InvalidOHLCVError: a file that is neither Parquet nor CSV, or is damaged.
    """
    suffix = PurePath(upload.name).suffix.lower()
    if suffix not in (".parquet", ".csv"):
        raise InvalidOHLCVError(
            f"cannot read a file named {upload.name[:80]!r}",
            field="ohlcv",
            remedy="upload a .parquet or .csv file",
        )
    try:
        if suffix == ".csv":
            _few_columns(upload.content.partition(b"\n")[0].count(b",") + 1)
            frame = pl.read_csv(BytesIO(upload.content), infer_schema_length=None)
        else:
            frame = _parquet(upload.content, most)
    except InvalidOHLCVError:
        raise  # what is wrong with the columns, and not with the file
    except (pl.exceptions.PolarsError, ValueError, OSError):
        raise InvalidOHLCVError(
            f"{upload.name[:80]!r} cannot be read", field="ohlcv", remedy="upload an intact file"
        ) from None
    bounded(frame.height, most, "ohlcv")
    return frame


def _parquet(content: bytes, most: int) -> pl.DataFrame:
    """The columns of bars; what unpacks to a thousand times its size is not read.

    The footer says how many rows there are, and of which types: only texts can be long.
    """
    scanned = pl.scan_parquet(BytesIO(content))
    schema = scanned.collect_schema()
    _few_columns(len(schema))
    bounded(scanned.select(pl.len()).collect().item(), most, "ohlcv")
    columns = list(bar_columns(schema.names()).values())
    for name in columns:
        if not (schema[name].is_numeric() or schema[name].is_temporal()):
            raise InvalidOHLCVError(
                f"column {name[:40]!r} is of type {schema[name].base_type()}",
                field=name[:40],
                remedy="give prices as numbers, and times as timestamps, dates or epoch numbers",
            )
    return scanned.select(columns).collect()


def _n_names(rows: Sequence[dict[str, Any]]) -> int:
    return len({name for row in rows for name in row})


def _few_columns(columns: int) -> None:
    if columns > _MOST_COLUMNS:
        raise ProblemError(
            413,
            "too_many_columns",
            f"{columns:,} columns, and bars have six",
            remedy="send ts, open, high, low, close and volume alone",
            field="ohlcv",
        )


def few_cells(rows: Sequence[dict[str, Any]], name: str) -> None:
    """Raises a ProblemError for rows whose names differ so much that a table of them is huge."""
    cells = len(rows) * _n_names(rows)
    if cells > _MOST_CELLS:
        raise ProblemError(
            413,
            "too_many_columns",
            f"{len(rows):,} rows with {_n_names(rows):,} names in all",
            remedy="send fewer rows, and parameters in one mapping, params",
            field=name,
        )


def bounded(rows: int, most: int, name: str) -> None:
    """Raises a ProblemError for more rows than one request may bring."""
    if rows > most:
        raise ProblemError(
            413,
            "too_many_rows",
            f"{rows:,} rows, and a request may bring {most:,}",
            remedy=f"send fewer: {name} in several requests, or only what is needed",
            field=name,
        )
