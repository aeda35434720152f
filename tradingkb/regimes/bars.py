"""`Bars`: validated OHLCV as arrays, cut by time without a look beyond the cut."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tradingkb.exceptions import InvalidOHLCVError
from tradingkb.regimes.times import (
    SECONDS_PER_YEAR,
    TimeArray,
    bar_length,
    timeframe_seconds,
)

FloatArray: TypeAlias = npt.NDArray[np.float64]
Instant: TypeAlias = datetime | np.datetime64

MIN_BARS = 50
"""Fewer bars than this carry no regime: ADX needs 27 to start and a 20-bar window must move."""


@dataclass(frozen=True)
class Gap:
    """A break in the series.

    Attributes:
        position: Index of the first bar after the gap.
        text: What is missing and where, for people.
    """

    position: int
    text: str


@dataclass(frozen=True, eq=False)
class Bars:
    """OHLCV bars of one symbol, ascending in time, free of NaN, possibly in several segments.

    Attributes:
        ts: Opening times, UTC, datetime64[us], shape (n,).
        open, high, low, close: Prices, float64, shape (n,), positive.
        volume: float64, shape (n,), NaN where unknown; None when the source has none.
        symbol: The instrument, or None.
        timeframe: "1m" ... "1w", or "<n>s".
        gaps: Breaks between the bars, ascending; nothing is measured across one.
        notes: What `read_ohlcv` had to leave out at the end of the series.
        left_out: Times of rows without any price, of the whole series; None where there were none.
        history_start: Time of the first bar of the series that these bars were cut from.
        bars_before: Number of bars of that series before `ts[0]`.
    """

    ts: TimeArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray | None
    symbol: str | None
    timeframe: str
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: TimeArray | None = None
    history_start: np.datetime64 | None = None
    bars_before: int = 0

    def __len__(self) -> int:
        return len(self.ts)

    @property
    def periods_per_year(self) -> float:
        """Bars per calendar year, estimated from the series up to the last bar of this cut.

        The whole known history is used, not the cut alone: three days of 5-minute bars cannot
        show whether there are weekends. Nothing after the cut is used. With less than two bars it
        is the timeframe's nominal value for a market that never closes.
        """
        count = self.bars_before + len(self) - 1
        start = self.ts[0] if self.history_start is None and len(self) else self.history_start
        if count < 1 or start is None or not len(self):
            return SECONDS_PER_YEAR / timeframe_seconds(self.timeframe)
        return count / (_seconds(self.ts[-1] - start) / SECONDS_PER_YEAR)

    @property
    def history_days(self) -> float:
        """Calendar days that `periods_per_year` was estimated from."""
        if not len(self):
            return 0.0
        start = self.ts[0] if self.history_start is None else self.history_start
        return _seconds(self.ts[-1] - start) / 86400

    @property
    def warnings(self) -> tuple[str, ...]:
        """One `<code>: <text>` for each gap and for each thing left out."""
        gaps = tuple(f"ohlcv_gap: {gap.text}" for gap in self.gaps)
        return gaps + self.notes

    def between(self, start: Instant | None, end: Instant | None) -> Bars:
        """The bars that opened at `start` or later and had closed by `end`.

        The timeframe says how long a bar lasts, and the next one when it was over at the latest:
        the day of an exchange is named by its midnight, and noon does not know its close.

        None leaves that side open, naive times are UTC.
        """
        lo = 0 if start is None else int(np.searchsorted(self.ts, as_instant(start)))
        hi = len(self) if end is None else self._closed_by(as_instant(end))
        return self.cut(lo, max(lo, hi))

    def _closed_by(self, t: np.datetime64) -> int:
        """How many bars had closed by t."""
        opened = int(np.searchsorted(self.ts, t))
        follows = opened < len(self) and self.ts[opened] == t
        length = np.timedelta64(bar_length(self.timeframe), "us")
        if not opened or follows or self.ts[opened - 1] + length <= t:
            return opened
        return opened - 1

    def before(self, t: Instant) -> Bars:
        """The bars that had closed by t: what was known when a bar that opens at t began."""
        return self.between(None, t)

    def finished(self, now: Instant) -> Bars:
        """The same without bars that are in progress or in the future, which are named."""
        known = self.before(now)
        n = len(self) - len(known)
        if not n:
            return self
        first = str(self.ts[len(known)].astype("datetime64[m]")).replace("T", " ")
        which = f"the bar of {first} UTC" if n == 1 else f"{n} bars from {first} UTC on"
        note = f"ohlcv_unfinished: {which} had not closed and {_is(n)} left out"
        return replace(known, notes=(*known.notes, note))

    def cut(self, lo: int, hi: int) -> Bars:
        """Bars number lo to hi - 1, as views; gaps inside the cut are kept."""
        inside = (gap for gap in self.gaps if lo < gap.position < hi)
        start = self.history_start
        if start is None and len(self):
            start = self.ts[0]
        return replace(
            self,
            ts=self.ts[lo:hi],
            open=self.open[lo:hi],
            high=self.high[lo:hi],
            low=self.low[lo:hi],
            close=self.close[lo:hi],
            volume=None if self.volume is None else self.volume[lo:hi],
            gaps=tuple(Gap(gap.position - lo, gap.text) for gap in inside),
            notes=self.notes if hi >= len(self) else (),
            history_start=start,
            bars_before=self.bars_before + lo,
        )

    def effective(self, lookback: int | None = None) -> Bars:
        """The trailing bars, at most `lookback`, after the last gap among them.

        Raises:
            InvalidOHLCVError: fewer than `MIN_BARS` are left.
        """
        tail = self.cut(max(0, len(self) - lookback), len(self)) if lookback else self
        gap = tail.gaps[-1] if tail.gaps else None
        whole = tail.cut(gap.position, len(tail)) if gap else tail
        if len(whole) < MIN_BARS:
            raise _too_few(whole, gap)
        return whole


def as_instant(t: Instant) -> np.datetime64:
    """A time as datetime64[us] in UTC; a naive datetime is taken as UTC."""
    if isinstance(t, np.datetime64):
        instant: np.datetime64 = t.astype("datetime64[us]")
        return instant
    if t.tzinfo is not None:
        t = t.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(t, "us")


def as_datetime(t: np.datetime64) -> datetime:
    """A UTC datetime64 as an aware datetime."""
    naive: datetime = t.astype("datetime64[us]").item()
    return naive.replace(tzinfo=UTC)


def _is(n: int) -> str:
    return "is" if n == 1 else "are"


def _seconds(delta: np.timedelta64) -> float:
    return float(delta / np.timedelta64(1, "s"))


def _too_few(bars: Bars, gap: Gap | None) -> InvalidOHLCVError:
    name = f"{bars.symbol or 'the series'} {bars.timeframe}"
    if not len(bars) and bars.notes:  # all of them are in the future
        why = f"no bar of {name} is left, because {bars.notes[-1].partition(': ')[2]}"
        remedy = "check the times of the bars, and this machine's clock"
    elif gap is None:
        why = f"only {len(bars)} bars of {name}"
        remedy = f"give at least {MIN_BARS} bars"
    else:
        why = f"only {len(bars)} bars of {name} after the last gap ({gap.text})"
        remedy = f"fill the gap, or give at least {MIN_BARS} bars after it"
    return InvalidOHLCVError(f"{why}; a regime needs {MIN_BARS}", remedy=remedy)
