"""Prices: where they come from, and their one shape (naive UTC `ts`, OHLC, volume).

Only sources whose licence covers the file are listed; `data/README.md` says what each allows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

FloatArray = npt.NDArray[np.float64]

COLUMNS = ("ts", "open", "high", "low", "close", "volume")
BAR_LENGTH = {"1h": timedelta(hours=1), "1d": timedelta(days=1)}

#: Six significant digits: a hundredth of a basis point or finer, and files half the size.
PRICE_DIGITS = 6


@dataclass(frozen=True)
class Source:
    """One price series and the file of a Python package that it is read from."""

    symbol: str
    timeframe: str
    package: str
    path: str
    read: Callable[[bytes, str], pl.DataFrame]

    @property
    def file_name(self) -> str:
        """Name of the Parquet file in `data/ohlcv`."""
        return f"{self.symbol}_{self.timeframe}.parquet"

    def raw(self, folder: Path | None) -> bytes | None:
        """The file's bytes from an unpacked package below `folder`, else from the installed one.

        Returns None when the package is in neither place.
        """
        if folder is not None:
            unpacked = folder / self.package / self.path
            if unpacked.is_file():
                return unpacked.read_bytes()
        try:
            return (resources.files(self.package) / self.path).read_bytes()
        except (ModuleNotFoundError, FileNotFoundError):
            return None


def _read_bokeh(raw: bytes, symbol: str) -> pl.DataFrame:
    """Daily stocks, back-adjusted: every price is multiplied by adjusted close / close.

    Without it a 2:1 split looks like a crash of 50 %. Volume stays as traded that day.
    """
    frame = pl.read_csv(raw, try_parse_dates=True).filter(pl.col("Ticker") == symbol)
    factor = pl.col("Adj Close") / pl.col("Close")
    return frame.select(
        ts=pl.col("Date").cast(pl.Datetime("us")),
        **{k: (pl.col(k.title()) * factor) for k in COLUMNS[1:5]},
        volume=pl.col("Volume").cast(pl.Float64),
    )


def _read_hourly_fx(raw: bytes, _symbol: str) -> pl.DataFrame:
    """Hourly ask prices with day-first UTC times such as `01.01.2017 22:00:00.000`."""
    frame = pl.read_csv(raw)
    return frame.select(
        ts=pl.col("Time").str.to_datetime("%d.%m.%Y %H:%M:%S%.3f", time_unit="us"),
        **{k: pl.col(k.title()).cast(pl.Float64) for k in COLUMNS[1:]},
    )


SOURCES = (
    *(
        Source(symbol, "1d", "bokeh_sampledata", "_data/stocks.csv.gz", _read_bokeh)
        for symbol in ("AAPL", "FB", "GOOG", "IBM", "MSFT")
    ),
    Source(
        "EURUSD",
        "1h",
        "gym_anytrading",
        "datasets/data/FOREX_EURUSD_1H_ASK.csv",
        _read_hourly_fx,
    ),
)


def tidy(frame: pl.DataFrame) -> pl.DataFrame:
    """Sorted, rounded bars with the columns of `COLUMNS`.

    Raises:
        ValueError: a missing value, two bars of one time, a price of zero or less, or a bar whose
            high or low does not enclose its open and close.
    """
    frame = frame.select(COLUMNS).sort("ts")
    frame = frame.with_columns(pl.col(COLUMNS[1:5]).round_sig_figs(PRICE_DIGITS))
    top, bottom = pl.max_horizontal("open", "close"), pl.min_horizontal("open", "close")
    broken = frame.filter((pl.col("high") < top) | (pl.col("low") > bottom) | (pl.col("low") <= 0))
    if broken.height or frame["ts"].is_duplicated().any():
        raise ValueError(f"{broken.height} impossible bars, or a time that occurs twice")
    if sum(frame.null_count().row(0)):
        raise ValueError("a bar has a missing value")
    return frame


def write_prices(folder: Path, raw: Path | None) -> list[str]:
    """Writes each source that is at hand; returns one line per source for the terminal."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for source in SOURCES:
        content = source.raw(raw)
        if content is None:
            kept = "kept as it is" if (folder / source.file_name).exists() else "left out"
            lines.append(f"{source.file_name}: {source.package} is not at hand, {kept}")
            continue
        frame = tidy(source.read(content, source.symbol))
        frame.write_parquet(folder / source.file_name, compression="zstd", compression_level=19)
        lines.append(f"{source.file_name}: {frame.height} bars")
    return lines


@dataclass(frozen=True)
class Bars:
    """One price series as contiguous float64 arrays of one length (TA-Lib wants nothing else)."""

    symbol: str
    timeframe: str
    ts: npt.NDArray[np.datetime64]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray

    def __len__(self) -> int:
        return len(self.close)

    @property
    def length(self) -> timedelta:
        """Duration of one bar."""
        return BAR_LENGTH[self.timeframe]


def read_bars(path: Path) -> Bars:
    """Reads `<SYMBOL>_<timeframe>.parquet`."""
    symbol, timeframe = path.stem.rsplit("_", 1)
    frame = pl.read_parquet(path)
    prices = [
        np.ascontiguousarray(frame[k].cast(pl.Float64).to_numpy(), dtype=np.float64)
        for k in COLUMNS[1:5]
    ]
    ts = frame["ts"].cast(pl.Datetime("us")).to_numpy()
    return Bars(symbol, timeframe, ts, *prices)
