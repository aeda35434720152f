"""Formulas of the regime features (see `tradingkb.domain.regime_features` for their meaning).

All of them use only the bars that they are given, and none depends on the price level: prices are
divided by their mean first, because TA-Lib treats moves below 1e-14 as zero and would read a coin
quoted at 1e-13 as flat.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tradingkb.domain import FEATURE_INFO, FEATURES
from tradingkb.regimes.bars import Bars, FloatArray

SHORT = 20
WILDER = 14
_TINY = 1e-12
"""Below this, a relative price move is rounding noise, not a move."""


def compute_features(bars: Bars) -> tuple[dict[str, float], tuple[str, ...]]:
    """The features of all the given bars, and warnings.

    A feature that the bars do not define is absent. Prices that never move give neutral values
    (efficiency, trend, drift, zscore, adx and drawdown 0, rsi 50, range_position 0.5) and no
    volatility feature and no autocorrelation at all: a dead feed is not a calm market.

    Args:
        bars: At least 50 bars without a gap.

    Returns:
        Features in the order of `FEATURES`, finite and inside their bounds; warnings
        `flat_prices` and `feature_clipped`.
    """
    scale = float(bars.close.mean())
    high, low, close = bars.high / scale, bars.low / scale, bars.close / scale
    raw = {
        **_volatility(np.diff(np.log(close)), bars.periods_per_year),
        **_bands(close),
        **_efficiency(close),
        **_trend(np.log(close)),
        **_wilder(high, low, close),
        "max_drawdown_frac": float(np.max(1 - close / np.maximum.accumulate(close))),
        "range_position": _ratio(close[-1] - low.min(), high.max() - low.min(), 0.5),
    }
    features, warnings = _within_bounds(raw)
    if np.ptp(close) <= _TINY:
        warnings = ("flat_prices: the close never moves; is the feed alive?", *warnings)
    return features, warnings


def _volatility(returns: FloatArray, periods_per_year: float) -> dict[str, float]:
    sd = _sd(returns)
    rolling = sliding_window_view(returns, SHORT).std(axis=1, ddof=1)
    mean = float(returns.mean())
    limit = FEATURE_INFO["drift"].high
    endless = math.copysign(limit, mean) if abs(mean) > _TINY else 0.0
    return {
        "volatility_annual": sd * math.sqrt(periods_per_year),
        "volatility_ratio": _ratio(_sd(returns[-SHORT:]), sd),
        "volatility_of_volatility": _ratio(float(rolling.std()), float(rolling.mean())),
        "autocorrelation_1": _autocorrelation(returns) if sd else math.nan,
        "drift": mean / (sd / math.sqrt(len(returns))) if sd else endless,
    }


def _sd(returns: FloatArray) -> float:
    """Sample standard deviation; exactly 0 where only rounding differs."""
    sd = float(returns.std(ddof=1))
    return sd if sd > max(_TINY, 1e-9 * float(np.abs(returns).max())) else 0.0


def _autocorrelation(returns: FloatArray) -> float:
    centred = returns - returns.mean()
    return float(centred[1:] @ centred[:-1] / (centred @ centred))


def _bands(close: FloatArray) -> dict[str, float]:
    windows = sliding_window_view(close, SHORT)
    middle, sd = windows.mean(axis=1), windows.std(axis=1)
    return {
        "bb_width": float(np.mean(4 * sd / middle)),
        "zscore": _ratio(float(close[-1] - middle[-1]), float(sd[-1]), 0.0),
    }


def _efficiency(close: FloatArray) -> dict[str, float]:
    moves = np.abs(np.diff(close))
    path = sliding_window_view(moves, SHORT).sum(axis=1)
    net = np.abs(close[SHORT:] - close[:-SHORT])
    short = np.divide(net, path, out=np.zeros_like(net), where=path > _TINY)
    return {
        "efficiency_ratio": _ratio(abs(float(close[-1] - close[0])), float(moves.sum()), 0.0),
        "efficiency_ratio_20": float(short.mean()),
    }


def _trend(log_close: FloatArray) -> dict[str, float]:
    time = np.arange(len(log_close)) - (len(log_close) - 1) / 2
    centred = log_close - log_close.mean()
    covariance = float(time @ centred)
    r2 = _ratio(covariance**2, float(time @ time) * float(centred @ centred), 0.0)
    if np.ptp(log_close) <= _TINY:
        r2 = 0.0
    return {"trend_strength": r2, "trend_direction": math.copysign(r2, covariance) if r2 else 0.0}


def _wilder(high: FloatArray, low: FloatArray, close: FloatArray) -> dict[str, float]:
    import talib  # here, because it imports pandas wherever pandas is installed

    moved = float(np.abs(np.diff(close)).sum()) > _TINY
    return {
        "atr_pct": float(np.nanmean(talib.ATR(high, low, close, WILDER) / close)),
        "adx": float(np.nanmean(talib.ADX(high, low, close, WILDER))),
        # TA-Lib calls prices that never move oversold: its RSI is 0 there.
        "rsi": float(talib.RSI(close, WILDER)[-1]) if moved else 50.0,
    }


def _ratio(top: float, bottom: float, otherwise: float = math.nan) -> float:
    return float(top / bottom) if bottom > _TINY else otherwise


def _within_bounds(raw: Mapping[str, float]) -> tuple[dict[str, float], tuple[str, ...]]:
    """Drop what is undefined, clip what is beyond its bounds (with a warning if by much)."""
    kept: dict[str, float] = {}
    warnings = []
    for name in FEATURES:
        value, info = raw[name], FEATURE_INFO[name]
        if not math.isfinite(value) or (info.log_scaled and value < info.low):
            continue
        kept[name] = min(max(value, info.low), info.high)
        if abs(kept[name] - value) > 1e-9 * max(1.0, abs(value)):
            warnings.append(f"feature_clipped: {name} {value:.6g} to its bound {kept[name]:g}")
    return kept, tuple(warnings)
