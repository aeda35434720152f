"""The six sample strategies: bars and parameters in, target positions out.

A position is +1 (long), 0 (flat) or -1 (short), decided on the close of its bar from bars up to
and including it; `backtest` fills it at the next open. Indicators see the whole history before a
bar, so a window needs no warm-up of its own. While an indicator has too little history, the
position is 0. `allow_short` 0 keeps every strategy long or flat.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import polars as pl
import talib

from sample.prices import Bars, FloatArray

Positions = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]
Params = Mapping[str, float]

#: Wilder's own length; the channel's width then does not change with the average's length.
KELTNER_ATR_LENGTH = 14


def positions(strategy: str, bars: Bars, params: Params) -> Positions:
    """Target position at the close of every bar, shape (len(bars),).

    Raises:
        KeyError: an unknown strategy or a missing parameter.
    """
    target = STRATEGIES[strategy](bars, params)
    return target if params["allow_short"] else np.maximum(target, 0).astype(np.int8)


def sma_cross(bars: Bars, params: Params) -> Positions:
    """Long while the fast simple average is above the slow one, short while below."""
    fast = talib.SMA(bars.close, timeperiod=int(params["fast"]))
    slow = talib.SMA(bars.close, timeperiod=int(params["slow"]))
    return _sign(fast - slow)


def macd_trend(bars: Bars, params: Params) -> Positions:
    """Long while the MACD line is above its signal line, short while below.

    Averages start at the first close and are used from bar `slow` + `signal` on.
    """
    slow, signal = int(params["slow"]), int(params["signal"])
    line = ema(bars.close, int(params["fast"])) - ema(bars.close, slow)
    gap = line - ema(line, signal)
    gap[: slow + signal] = np.nan
    return _sign(gap)


def bb_reversal(bars: Bars, params: Params) -> Positions:
    """Buys a close below the lower Bollinger band, sells short one above the upper band.

    `exit` 0 leaves at the middle line, 1 at the opposite band. Bands are `k` population standard
    deviations around the simple average of `n` closes.
    """
    n, k = int(params["n"]), float(params["k"])
    upper, middle, lower = talib.BBANDS(bars.close, timeperiod=n, nbdevup=k, nbdevdn=k)
    goal_long, goal_short = (upper, lower) if params["exit"] else (middle, middle)
    close = bars.close
    return _hold(close < lower, close >= goal_long, close > upper, close <= goal_short)


def rsi_reversion(bars: Bars, params: Params) -> Positions:
    """Buys RSI below `low` until it is above `exit`; shorts the mirror image around 50."""
    rsi = talib.RSI(bars.close, timeperiod=int(params["n"]))
    low, leave = params["low"], params["exit"]
    return _hold(rsi < low, rsi > leave, rsi > 100 - low, rsi < 100 - leave)


def donchian_breakout(bars: Bars, params: Params) -> Positions:
    """Buys a close above the highest high of the `entry` bars before it; shorts the mirror image.

    Leaves at the opposite extreme of ceil(`entry` * `exit_frac`) bars. With `trend` > 0 it enters
    only on the right side of the simple average of that many closes.
    """
    entry, close = int(params["entry"]), bars.close
    leave = max(2, math.ceil(entry * params["exit_frac"]))
    up = close > _before(talib.MAX(bars.high, timeperiod=entry))
    down = close < _before(talib.MIN(bars.low, timeperiod=entry))
    if params["trend"]:
        average = talib.SMA(close, timeperiod=int(params["trend"]))
        up, down = up & (close > average), down & (close < average)
    leave_long = close < _before(talib.MIN(bars.low, timeperiod=leave))
    leave_short = close > _before(talib.MAX(bars.high, timeperiod=leave))
    return _hold(up, leave_long, down, leave_short)


def keltner_breakout(bars: Bars, params: Params) -> Positions:
    """Buys a close above EMA(`n`) + `mult` * ATR(14); shorts one below EMA - `mult` * ATR.

    `exit` 0 leaves at the EMA, 1 at the opposite channel line.
    """
    close = bars.close
    middle = ema(close, int(params["n"]))
    middle[: int(params["n"]) - 1] = np.nan
    width = params["mult"] * atr(bars, KELTNER_ATR_LENGTH)
    upper, lower = middle + width, middle - width
    leave_long, leave_short = (lower, upper) if params["exit"] else (middle, middle)
    return _hold(close > upper, close < leave_long, close < lower, close > leave_short)


STRATEGIES: dict[str, Callable[[Bars, Params], Positions]] = {
    "sma_cross": sma_cross,
    "bb_reversal": bb_reversal,
    "rsi_reversion": rsi_reversion,
    "donchian_breakout": donchian_breakout,
    "macd_trend": macd_trend,
    "keltner_breakout": keltner_breakout,
}


def ema(values: FloatArray, length: int) -> FloatArray:
    """Exponential average, alpha = 2 / (length + 1), started at the first value."""
    return _smooth(values, 2.0 / (length + 1))


def atr(bars: Bars, length: int) -> FloatArray:
    """Average true range after Wilder, alpha = 1 / length, started at the first bar's high - low.

    NaN on the first length - 1 bars.
    """
    previous = np.concatenate([bars.close[:1], bars.close[:-1]])
    ranges = np.maximum(bars.high, previous) - np.minimum(bars.low, previous)
    average = _smooth(ranges, 1.0 / length)
    average[: length - 1] = np.nan
    return average


def _smooth(values: FloatArray, alpha: float) -> FloatArray:
    series = pl.Series(values).ewm_mean(alpha=alpha, adjust=False)
    return np.array(series.to_numpy(), dtype=np.float64)


def _before(values: FloatArray) -> FloatArray:
    """The same series one bar later: what was known before the current bar."""
    return np.concatenate([[np.nan], values[:-1]])


def _sign(values: FloatArray) -> Positions:
    """+1, 0 or -1 by sign; 0 where the value is NaN."""
    return (values > 0).astype(np.int8) - (values < 0).astype(np.int8)


def _hold(
    enter_long: Flags, leave_long: Flags, enter_short: Flags, leave_short: Flags
) -> Positions:
    """Keeps a side from its entry to its exit; an entry to the other side reverses at once."""
    long = _latched(enter_long, leave_long | enter_short)
    short = _latched(enter_short, leave_short | enter_long)
    return long.astype(np.int8) - short.astype(np.int8)


def _latched(on: Flags, off: Flags) -> Flags:
    """True from an `on` bar up to the next `off` bar; `on` wins when both are true."""
    index = np.arange(len(on))
    last_on = np.maximum.accumulate(np.where(on, index, -1))
    last_off = np.maximum.accumulate(np.where(off, index, -1))
    return np.asarray((last_on >= 0) & (last_on >= last_off))
