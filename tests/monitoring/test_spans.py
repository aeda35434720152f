"""Times and parts of reports, as users give them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tradingkb.exceptions import InvalidInputError
from tradingkb.monitoring.spans import (
    checked_bucket,
    checked_by,
    checked_limit,
    open_span,
    span,
    whole_hours,
)

NOW = datetime(2026, 1, 2, 10, 30, tzinfo=UTC)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIRST = datetime(1, 1, 1, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        (None, None, (NOW + MOMENT - timedelta(hours=24), NOW + MOMENT)),
        (None, NOON, (NOON - timedelta(hours=24), NOON)),
        ("2026-01-01T14:00:00+02:00", None, (NOON, NOW + MOMENT)),
        ("2026-01-01 12:00", "2026-01-01T12:00Z", (NOON, NOON)),
        (date(2026, 1, 1), datetime(2026, 1, 1, 12), (NOON - timedelta(hours=12), NOON)),
        (None, "0001-01-01T05:00Z", (FIRST, FIRST + timedelta(hours=5))),
    ],
)
def test_a_time_that_is_not_said_is_the_last_day_until_now(
    since: Any, until: Any, found: tuple[datetime, datetime]
) -> None:
    assert span(since, until, NOW) == found


def test_what_is_not_said_of_an_open_time_is_no_limit() -> None:
    assert open_span(None, None) == (None, None)
    assert open_span("2026-01-01T12:00Z", None) == (NOON, None)


@pytest.mark.parametrize(
    ("since", "until", "message"),
    [
        ("yesterday", None, r"^since: 'yesterday' is no time \(give a datetime or ISO"),
        (None, 5, "^until: 5 is no time"),
        (NOW, NOON, "^until: the time ends at 2026-01-01T12:00:00.00:00, before it begins"),
    ],
)
def test_what_is_no_time_is_refused_with_the_remedy(since: Any, until: Any, message: str) -> None:
    for read in (lambda: span(since, until, NOW), lambda: open_span(since, until)):
        with pytest.raises(InvalidInputError, match=message):
            read()


def test_sums_begin_with_a_whole_hour() -> None:
    assert whole_hours((NOW, NOW)) == (NOW.replace(minute=0), NOW)


def test_minutes_are_counted_for_two_days_at_most() -> None:
    known = ("minute", "hour")
    assert checked_bucket("minute", (NOW - timedelta(hours=48), NOW + MOMENT), known) == "minute"
    assert checked_bucket("hour", (NOW - timedelta(days=999), NOW), known) == "hour"
    with pytest.raises(InvalidInputError, match=r"^bucket: minutes are counted for 48 hours"):
        checked_bucket("minute", (NOW - timedelta(hours=49), NOW), known)
    with pytest.raises(InvalidInputError, match=r"'week' is no part of a time \(use minute, hour"):
        checked_bucket("week", (NOW, NOW), known)


def test_columns_to_count_by_are_known_ones_each_once() -> None:
    assert checked_by("filter", ("filter",)) == ("filter",)
    assert checked_by(["b", "a", "b"], ("a", "b")) == ("b", "a")
    with pytest.raises(InvalidInputError, match=r"^by: 'symbol' is nothing to count by \(use a\)"):
        checked_by(["symbol"], ("a",))


@pytest.mark.parametrize("wrong", [0, 1001, True, "9", 1.0, None])
def test_a_number_of_rows_is_from_1_to_1000(wrong: Any) -> None:
    assert (checked_limit(1), checked_limit(1000)) == (1, 1000)
    with pytest.raises(InvalidInputError, match=r"^limit: .* is no number of rows"):
        checked_limit(wrong)
