"""Shares of the answers over windows that end now or a little before; since when they are high.

Answers are counted by whole minutes: a window of five minutes holds those five that began in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from tradingkb.monitoring.facts import Facts
from tradingkb.monitoring.rules import HOUR_S, MINUTE_S, ShareRule

Counts = npt.NDArray[np.int64]
Resolution = Literal["minute", "hour"]

_HOUR: Final = timedelta(seconds=HOUR_S)


@dataclass(frozen=True)
class Window:
    """How many answers a window has, and how many of them have the status."""

    answers: int
    found: int

    @property
    def share(self) -> float:
        """In [0, 1]; 0 without answers."""
        return self.found / self.answers if self.answers else 0.0


@dataclass(frozen=True)
class Held:
    """What a rule found when it last held.

    Attributes:
        until: when that was: now, or a whole minute before.
        begin: of its long window.
        long: the answers of its long window.
        short: of its short one.
    """

    until: datetime
    begin: datetime
    long: Window
    short: Window


@dataclass(frozen=True)
class Onset:
    """When it began, and how exactly that is known.

    Attributes:
        at: the beginning of the first minute, or hour, of it.
        resolution: which of both.
        earlier: whether nothing older was looked at, so that it may have begun before.
    """

    at: datetime
    resolution: Resolution
    earlier: bool = False


def held(minutes: pl.DataFrame, rule: ShareRule, now: datetime) -> Held | None:
    """What the rule found at the last minute at which it held, if it is still told of.

    Args:
        minutes: at, status, count, and whatever else; rows of one minute are added up.
        rule: which.
        now: aware UTC.
    """
    begin, answers, found = _series(minutes, rule.status, rule.long_s + rule.keep_s, now)
    for back in range(rule.keep_s // MINUTE_S + 1):
        end = len(answers) - back
        long = _window(answers, found, end, rule.long_s)
        short = _window(answers, found, end, rule.short_s)
        enough = long.answers >= rule.least
        if enough and min(long.share, short.share) > rule.threshold:
            last = begin + timedelta(minutes=end)
            return Held(min(now, last), last - timedelta(seconds=rule.long_s), long, short)
    return None


def onset(facts: Facts, rule: ShareRule, until: datetime) -> Onset:
    """Since when the share is above the threshold.

    That is the first hour of the unbroken breach; an hour without answers breaks nothing. Where
    there are counts by minute it is the minute from which on the excess over the threshold is
    largest, in the long window or since the hour before that first one.

    Args:
        facts: with the answers by hour and by minute.
        rule: which.
        until: when the rule last held.
    """
    first = _first_hour(facts.hours, rule, until)
    # It may have begun in the hour before, although that one as a whole was not above it; and what
    # fills a long window may lie before an hour of few answers.
    start = min(first - _HOUR, until - timedelta(seconds=rule.long_s))
    if facts.minutes_from is None or start < facts.minutes_from:
        earlier = facts.hours_from is not None and first < facts.hours_from + _HOUR
        return Onset(first, "hour", earlier)
    length_s = int((until - start).total_seconds())
    begin, answers, found = _series(facts.minutes, rule.status, length_s, until)
    excess = np.cumsum((found - rule.threshold * answers)[::-1])
    back = int(excess.argmax())
    return Onset(begin + timedelta(minutes=len(excess) - 1 - back), "minute")


def _first_hour(hours: pl.DataFrame, rule: ShareRule, until: datetime) -> datetime:
    """The first hour of the unbroken breach."""
    first = current = until.replace(minute=0, second=0, microsecond=0)
    if hours.is_empty():
        return first
    ours = pl.when(pl.col("status") == rule.status).then("count").otherwise(0)
    known = hours.filter(pl.col("at") <= current).group_by("at")
    sums = known.agg(pl.col("count").sum().alias("answers"), ours.sum().alias("found"))
    for at, answers, found in sums.sort("at", descending=True).iter_rows():
        if found > rule.threshold * answers:
            first = at
        elif at < current:  # the hour that runs may have a few answers only
            break
    return first


def _series(
    frame: pl.DataFrame, status: str, back_s: int, now: datetime
) -> tuple[datetime, Counts, Counts]:
    """Answers, and those of the status, by minute: the last ones up to the minute that runs."""
    size = max(1, -(-back_s // MINUTE_S))
    begin = now.replace(second=0, microsecond=0) - timedelta(minutes=size - 1)
    answers, found = np.zeros(size, np.int64), np.zeros(size, np.int64)
    if frame.is_empty():
        return begin, answers, found
    place = (pl.col("at") - pl.lit(begin, pl.Datetime("us", "UTC"))).dt.total_minutes()
    told = frame.with_columns(place.alias("place")).filter(pl.col("place").is_between(0, size - 1))
    ours = told.filter(pl.col("status") == status)
    np.add.at(answers, told["place"].to_numpy(), told["count"].to_numpy())
    np.add.at(found, ours["place"].to_numpy(), ours["count"].to_numpy())
    return begin, answers, found


def _window(answers: Counts, found: Counts, end: int, length_s: int) -> Window:
    begin = max(0, end - length_s // MINUTE_S)
    return Window(int(answers[begin:end].sum()), int(found[begin:end].sum()))
