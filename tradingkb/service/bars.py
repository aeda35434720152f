"""Price bars of a request: rows, columns or an uploaded file, within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePath
from typing import Any

import polars as pl

from tradingkb.exceptions import InvalidOHLCVError
from tradingkb.regimes import series_of
from tradingkb.service.problems import ProblemError


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
    heights = {len(values) for values in bars.values()} if isinstance(bars, dict) else {len(bars)}
    if len(heights) > 1:
        raise InvalidOHLCVError(
            "the columns have different lengths", field="ohlcv", remedy="give one value per bar"
        )
    bounded(max(heights, default=0), most, "ohlcv")
    try:
        if isinstance(bars, dict):
            return pl.DataFrame(bars, strict=True)
        names = dict.fromkeys(name for bar in bars for name in bar)
        columns = {name: [bar.get(name) for bar in bars] for name in names}
        return pl.DataFrame(columns, strict=False, infer_schema_length=None)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        raise InvalidOHLCVError(
            "a column holds values of different kinds",
            field="ohlcv",
            remedy="give numbers for prices, and times as ISO 8601 text or epoch milliseconds",
        ) from None


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
            frame = pl.read_csv(BytesIO(upload.content), infer_schema_length=None)
        else:
            # The height is in the footer: what unpacks to a thousand times its size is not read.
            height = pl.scan_parquet(BytesIO(upload.content)).select(pl.len()).collect().item()
            bounded(height, most, "ohlcv")
            frame = pl.read_parquet(BytesIO(upload.content))
    except (pl.exceptions.PolarsError, ValueError, OSError):
        raise InvalidOHLCVError(
            f"{upload.name[:80]!r} cannot be read", field="ohlcv", remedy="upload an intact file"
        ) from None
    bounded(frame.height, most, "ohlcv")
    return frame


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
