"""Walk-forward windows: an in-sample part, and the out-of-sample part that follows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from sample.prices import Bars

_YEAR = np.timedelta64(int(365.25 * 86_400), "s")

HOURLY_IN_SAMPLE, HOURLY_OUT_OF_SAMPLE = 2000, 500


@dataclass(frozen=True)
class Window:
    """Bars [start, split) are in-sample, [split, end) out-of-sample."""

    index: int
    start: int
    split: int
    end: int

    def times(self, bars: Bars) -> dict[str, datetime]:
        """Half-open UTC times; an end is the moment when the part's last bar closes."""
        last_is, last_oos = bars.ts[self.split - 1], bars.ts[self.end - 1]
        return {
            "is_start": bars.ts[self.start].item(),
            "is_end": last_is.item() + bars.length,
            "oos_start": bars.ts[self.split].item(),
            "oos_end": last_oos.item() + bars.length,
        }


def periods_per_year(bars: Bars) -> float:
    """Bars per year of 365.25 days, counted on the whole series (252 or so for daily stocks)."""
    return float((len(bars) - 1) / ((bars.ts[-1] - bars.ts[0]) / _YEAR))


def window_lengths(bars: Bars) -> tuple[int, int]:
    """In-sample and out-of-sample bars: 2 years and half a year of days, 2000 and 500 hours."""
    if bars.timeframe == "1h":
        return HOURLY_IN_SAMPLE, HOURLY_OUT_OF_SAMPLE
    per_year = periods_per_year(bars)
    return round(2 * per_year), round(per_year / 2)


def walk_forward(bars: Bars) -> list[Window]:
    """All complete windows, oldest first; each step is one out-of-sample part.

    Out-of-sample parts therefore follow each other without a gap and without an overlap.
    """
    in_sample, out_of_sample = window_lengths(bars)
    starts = range(0, len(bars) - in_sample - out_of_sample + 1, out_of_sample)
    return [
        Window(i, start, start + in_sample, start + in_sample + out_of_sample)
        for i, start in enumerate(starts)
    ]
