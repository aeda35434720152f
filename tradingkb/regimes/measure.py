"""Measure regimes: of one series of bars, or of many windows at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl

from tradingkb.domain import Regime
from tradingkb.exceptions import InvalidInputError, InvalidOHLCVError
from tradingkb.regimes.bars import MIN_BARS, Bars, Instant, as_datetime
from tradingkb.regimes.features import compute_features
from tradingkb.regimes.paths import is_file, is_folder
from tradingkb.regimes.read import read_ohlcv

LOOKBACK = 250
_WINDOW_COLUMNS = (
    "window_key",
    "symbol",
    "timeframe",
    "is_start",
    "is_end",
    "oos_start",
    "oos_end",
)
_FEW_DAYS = 7.0
_DAY_SECONDS = 86400


@dataclass(frozen=True)
class WindowNote:
    """Why a part of a window has no regime.

    Attributes:
        window_key: The window.
        part: "is" or "oos".
        message: What stood in the way.
        remedy: What to do about it.
    """

    window_key: str
    part: Literal["is", "oos"]
    message: str
    remedy: str


class WindowRegimes(NamedTuple):
    """What `measure_windows` returns.

    Attributes:
        regimes: (in-sample regime, out-of-sample regime) by window_key, None where unmeasured.
        notes: One for each part that has dates but could not be measured.
    """

    regimes: dict[str, tuple[Regime | None, Regime | None]]
    notes: list[WindowNote]


def measure_regime(bars: Bars, *, lookback: int = LOOKBACK) -> Regime:
    """The regime of the trailing bars.

    Only bars after the last gap are measured. The result depends on the measured bars alone,
    except `volatility_annual`, whose periods_per_year comes from all bars known by then.

    Args:
        bars: Bars as `read_ohlcv` gives them, or a cut of them.
        lookback: Bars to look back at most, 50 or more.

    Raises:
        InvalidInputError: a lookback below 50.
        InvalidOHLCVError: fewer than 50 bars after the last gap.
    """
    if lookback < MIN_BARS:
        raise InvalidInputError(
            f"{lookback} is too short", field="lookback", remedy=f"use {MIN_BARS} or more"
        )
    used = bars.effective(lookback)
    features, warnings = compute_features(used)
    return Regime.measured(
        features,
        symbol=bars.symbol,
        timeframe=bars.timeframe,
        bars=len(used),
        start=as_datetime(used.ts[0]),
        end=as_datetime(used.ts[-1]),
        warnings=(
            *_gap_warning(bars, used, lookback),
            *_empty_rows(used),
            *bars.notes,
            *_calendar(used),
            *warnings,
        ),
    )


def measure_windows(
    ohlcv: Any, windows: pl.DataFrame, *, lookback: int = LOOKBACK
) -> WindowRegimes:
    """The in-sample and out-of-sample regime of many windows.

    In sample it is measured on the trailing `lookback` bars of [is_start, is_end), out of sample
    on the trailing `lookback` bars of [oos_start, oos_end), and never on bars outside: one that
    opens in a window and closes after it is not known at its end. Each series is read once.

    Args:
        ohlcv: A folder of `<symbol>_<timeframe>.parquet` or `.csv`, one such path, a frame (then
            all windows must be of one symbol and timeframe), or a dict
            {(symbol, timeframe): frame or path}.
        windows: Columns window_key, symbol, timeframe, is_start, is_end, oos_start, oos_end
            (naive times are UTC); a part whose end is null is not measured, a null start leaves
            that side open for is_start and uses is_end for oos_start.
        lookback: As in `measure_regime`.

    Raises:
        InvalidInputError: missing columns, a repeated window_key, a lookback below 50.
        InvalidOHLCVError: a frame or a single path for windows of several series.
    """
    _check_windows(windows)
    rows = windows.select(_WINDOW_COLUMNS).to_dicts()
    sources = _sources(ohlcv, {(row["symbol"], row["timeframe"]) for row in rows})
    series = {key: _load(source, key) for key, source in sources.items()}
    result = WindowRegimes({}, [])
    for row in rows:
        bars = series[row["symbol"], row["timeframe"]]
        oos_start = row["oos_start"] if row["oos_start"] is not None else row["is_end"]
        spans = {"is": (row["is_start"], row["is_end"]), "oos": (oos_start, row["oos_end"])}
        pair = [
            _part(result.notes, row["window_key"], part, bars, span, lookback)
            for part, span in spans.items()
        ]
        result.regimes[row["window_key"]] = (pair[0], pair[1])
    return result


def _part(
    notes: list[WindowNote],
    key: str,
    part: Any,
    bars: Bars | InvalidOHLCVError,
    span: tuple[Instant | None, Instant | None],
    lookback: int,
) -> Regime | None:
    start, end = span
    if end is None or (part == "oos" and start is None):
        return None
    try:
        if isinstance(bars, InvalidOHLCVError):
            raise bars
        return measure_regime(bars.between(start, end), lookback=lookback)
    except InvalidOHLCVError as error:
        notes.append(WindowNote(key, part, str(error), error.remedy or ""))
        return None


def _check_windows(windows: pl.DataFrame) -> None:
    missing = [name for name in _WINDOW_COLUMNS if name not in windows.columns]
    if missing:
        raise InvalidInputError(
            f"the windows have no column {', '.join(missing)}",
            field=missing[0],
            remedy=f"give {', '.join(_WINDOW_COLUMNS)}",
        )
    again = windows["window_key"].is_duplicated().arg_true()
    if len(again):
        row = int(again[0])
        raise InvalidInputError(
            f"window_key {windows['window_key'][row]!r} occurs more than once",
            field="window_key",
            row=row + 1,
            remedy="give each window once",
        )


def _sources(ohlcv: Any, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    """Where the bars of each series come from; an error stands for a series that has none."""
    keys = sorted(keys, key=str)
    if isinstance(ohlcv, Mapping):
        return {key: ohlcv.get(key, _absent(key, "the dict")) for key in keys}
    if isinstance(ohlcv, (str, Path)) and is_folder(ohlcv):
        return {key: _file_of(Path(ohlcv), key) for key in keys}
    if len(keys) > 1:
        raise InvalidOHLCVError(
            f"one series of bars for windows of {len(keys)} series",
            remedy="give a folder, or a dict {(symbol, timeframe): frame}",
        )
    return dict.fromkeys(keys, ohlcv)


def _file_of(folder: Path, key: tuple[str, str]) -> Path | InvalidOHLCVError:
    """The file of a series; characters that no file name has (ETH/BTC) are written as "_"."""
    name = re.sub(r"[^\w.=^-]", "_", f"{key[0]}_{key[1]}")
    for suffix in (".parquet", ".csv"):
        if is_file(folder / (name + suffix)):
            return folder / (name + suffix)
    return _absent(key, f"{name}.parquet or .csv in {folder.name}/")


def _absent(key: tuple[str, str], where: str) -> InvalidOHLCVError:
    return InvalidOHLCVError(
        f"no bars for {key[0]} {key[1]}: not found: {where}",
        remedy="add the file <symbol>_<timeframe>.parquet with the bars",
    )


def _load(source: Any, key: tuple[str, str]) -> Bars | InvalidOHLCVError:
    if isinstance(source, InvalidOHLCVError):
        return source
    try:
        return read_ohlcv(source, symbol=key[0], timeframe=key[1])
    except InvalidOHLCVError as error:
        return error


def _gap_warning(bars: Bars, used: Bars, lookback: int) -> tuple[str, ...]:
    wanted = min(lookback, len(bars))
    if len(used) == wanted:
        return ()
    text = bars.gaps[-1].text
    return (f"ohlcv_gap: {text}; only the {len(used)} bars after it are measured",)


def _empty_rows(used: Bars) -> tuple[str, ...]:
    if used.left_out is None:
        return ()
    first, last = np.searchsorted(used.left_out, used.ts[[0, -1]])
    n = int(last - first)
    if not n:
        return ()
    return (f"ohlcv_empty_rows: {n} row(s) between the measured bars have no price at all",)


def _calendar(used: Bars) -> tuple[str, ...]:
    spacing = float((used.ts[1:] - used.ts[:-1]).min().astype("timedelta64[s]").astype(int))
    if spacing >= _DAY_SECONDS or used.history_days >= _FEW_DAYS:
        return ()
    return (
        f"short_history: periods_per_year {used.periods_per_year:.0f} comes from"
        f" {used.history_days:.1f} days, too few to know the trading week",
    )
