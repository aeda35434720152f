"""Every spelling of a timeframe that people use is one text."""

from __future__ import annotations

import pytest

from tradingkb.domain.timeframe import canonical_timeframe, is_duration, is_no_timeframe

SPELLINGS = {
    "1s": ["s", "1 sec", "1second", "1 SECONDS"],
    "1m": ["m", "1min", "1 mins", "minute", "Minutely", "1T", "60s", "1 minutes", "1minute"],
    "15m": ["15min", "15T", " 15 m ", "900s"],
    "1h": ["H", "1hr", "hour", "HOURLY", "60m", "3600s", "1 hours", "1hour"],
    "90m": ["90min", "5400s"],
    "4h": ["240m", "4H"],
    "1d": ["D", "1D", "daily", "day", "24h", "1440min", "1 days", "1day"],
    "1w": ["W", "weekly", "week", "7d", "168h", "1wk", "1 weeks", "1week"],
    "10d": ["240h", "10D"],
    "1mo": ["M", "1M", "ME", "MS", "1mo", "1MO", "month", "Monthly", "1 mon", "1 months", "1month"],
    "3mo": ["3M", "3MS", "3 mo", "3 months"],
}


@pytest.mark.parametrize(
    ("text", "canonical"), [(t, name) for name, texts in SPELLINGS.items() for t in texts]
)
def test_spellings_of_one_duration_are_one_timeframe(text: str, canonical: str) -> None:
    assert canonical_timeframe(text) == canonical


@pytest.mark.parametrize("canonical", SPELLINGS)
def test_a_canonical_spelling_is_its_own(canonical: str) -> None:
    assert canonical_timeframe(canonical) == canonical


@pytest.mark.parametrize(
    ("text", "own"),
    [("Renko 10", "renko 10"), (" TICK ", "tick"), ("0m", "0m"), ("5x", "5x"), ("1.5H", "1.5h")],
)
def test_what_is_no_duration_is_its_own_spelling_in_lower_case(text: str, own: str) -> None:
    assert canonical_timeframe(text) == own


@pytest.mark.parametrize("text", ["0h", "-5m", "0", "00d", " -1 ", "0.0h", "+0m", "-1.5h"])
def test_a_length_of_time_that_no_bar_can_have_is_no_timeframe(text: str) -> None:
    assert is_no_timeframe(text)
    assert not is_duration(canonical_timeframe(text))


@pytest.mark.parametrize("text", ["1h", "60m", "D", "10s", "1M", "2mo"])
def test_a_length_of_time_is_a_duration(text: str) -> None:
    assert is_duration(canonical_timeframe(text))
    assert not is_no_timeframe(text)


@pytest.mark.parametrize("text", ["renko-10", "banana", "100 ticks", "1.5h", "00:15"])
def test_a_chart_of_anything_but_time_is_no_duration_and_may_be_a_timeframe(text: str) -> None:
    assert not is_duration(canonical_timeframe(text))
    assert not is_no_timeframe(text)
