"""Names of bar spacings: parse, infer, and refuse the ones that the data contradict."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from tradingkb.exceptions import InvalidOHLCVError

SECONDS_PER_YEAR = 365.25 * 86400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "mo": SECONDS_PER_YEAR / 12}
_NAME = re.compile(r"([1-9]\d*)(mo|[smhdw])")
_COMMON = ("1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w")
_TOLERANCE = 0.1
"""Relative. Months have 28 to 31 days."""
_MIN_SHARE = 0.2
"""A stated timeframe stands when this share of the spacings equals it: an equity that trades two
4-hour bars a day has a 4-hour spacing only half of the time."""


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
    seconds = timeframe_seconds(stated)
    if len(ts) < 2:
        return
    share = np.mean(np.abs(_spacings(ts) / seconds - 1) <= _TOLERANCE)
    if share < _MIN_SHARE:
        found = infer_timeframe(ts)
        raise InvalidOHLCVError(
            f"timeframe {stated!r} contradicts the bars, whose median spacing is {found}",
            field="timeframe",
            remedy=f"state timeframe={found!r} or leave it out, or give {stated} bars",
        )


def _spacings(ts: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.diff(ts) / np.timedelta64(1, "s"), dtype=np.float64)
