"""Timeframes: the spellings that people use, as one canonical text.

`1d`, `1D`, `D`, `daily` and `24h` are one timeframe. An upper-case M is a month and a lower-case
m a minute, as in exchange and data-frame libraries; anything else is read without regard to case.
"""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = {
    "minute": "1m",
    "minutely": "1m",
    "hour": "1h",
    "hourly": "1h",
    "day": "1d",
    "daily": "1d",
    "week": "1w",
    "weekly": "1w",
    "month": "1mo",
    "monthly": "1mo",
}
_UNITS: Final = {
    "s": "s",
    "sec": "s",
    "second": "s",
    "seconds": "s",
    "m": "m",
    "min": "m",
    "mins": "m",
    "minute": "m",
    "minutes": "m",
    "t": "m",
    "h": "h",
    "hr": "h",
    "hour": "h",
    "hours": "h",
    "d": "d",
    "day": "d",
    "days": "d",
    "w": "w",
    "wk": "w",
    "week": "w",
    "weeks": "w",
    "mo": "mo",
    "mon": "mo",
    "month": "mo",
    "months": "mo",
}
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
#: What reads as a length of time, and is none that a bar can have.
_NO_TIME: Final = re.compile(r"-\s*\d.*|\+?0+(\.0*)?\s*[a-zA-Z]*")
_DURATION: Final = re.compile(r"[1-9]\d*(?:mo|[smhdw])")
#: What to do about a text that is none.
TIMEFRAME_REMEDY: Final = "give a number and s, m, h, d, w or mo, such as 5m, 1h or 1d"
_NAME: Final = re.compile(r"(\d*)\s*([a-zA-Z]+)")


def canonical_timeframe(text: str) -> str:
    """The canonical spelling: the largest unit that divides it, such as 60m -> 1h.

    A text that is no duration (a renko or tick chart) is its own spelling, in lower case.
    """
    stripped = text.strip()
    word = _WORDS.get(stripped.lower())
    match = _NAME.fullmatch(stripped)
    if word or not match:
        return word or stripped.lower()
    count, name = int(match[1] or 1), match[2]
    unit = "mo" if name in ("M", "ME", "MS") else _UNITS.get(name.lower())
    if unit is None or count == 0:
        return stripped.lower()
    if unit == "mo":
        return f"{count}mo"
    seconds = count * _SECONDS[unit]
    best = next(u for u in ("w", "d", "h", "m", "s") if seconds % _SECONDS[u] == 0)
    return f"{seconds // _SECONDS[best]}{best}"


def is_no_timeframe(text: str) -> bool:
    """Whether a text reads as a length of time that no bar can have, such as 0h or -5m."""
    return _NO_TIME.fullmatch(text.strip()) is not None


def is_duration(canonical: str) -> bool:
    """Whether a canonical spelling says how long a bar lasts; one of a tick chart does not."""
    return _DURATION.fullmatch(canonical) is not None
