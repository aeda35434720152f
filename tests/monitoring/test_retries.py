"""Calls that are made again: too many a second, for long enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tradingkb.monitoring.retries import retrying

NOW = datetime(2026, 1, 10, 3, 5, 30, tzinfo=UTC)
SCHEMA = {
    "at": pl.Datetime("us", "UTC"),
    "replica": pl.String,
    "service": pl.String,
    "retries": pl.Int64,
    "error": pl.String,
}


def told(
    retries: int, minutes: float, *, replica: str = "a", service: str = "db", until: float = 0.0
) -> list[tuple[datetime, str, str, int, str]]:
    """So many retries at each of the heartbeats, every 15 seconds, of the last minutes."""
    beats = range(int(until * 4), int(minutes * 4))
    return [
        (NOW - timedelta(seconds=15 * n), replica, service, retries, f"Timeout {n}") for n in beats
    ]


def rows(*parts: list[tuple[datetime, str, str, int, str]]) -> pl.DataFrame:
    return pl.DataFrame([r for part in parts for r in part], SCHEMA, orient="row")


@pytest.mark.parametrize(
    ("retries", "minutes", "holds"),
    [
        (8, 15, True),  # .53 a second
        (7, 15, False),  # .47
        (8, 9, False),  # four minutes above it, at a window of five
        (8, 10.25, True),
        (1000, 4, False),  # however many, it has to last
        (0, 15, False),
    ],
)
def test_more_than_one_in_two_seconds_for_five_minutes_is_told(
    retries: int, minutes: float, holds: bool
):
    assert bool(retrying(rows(told(retries, minutes)), NOW)) == holds


def test_it_is_told_since_when_the_rate_is_above_the_limit_and_why():
    (found,) = retrying(rows(told(30, 20)), NOW)
    assert (found.service, found.replicas, found.per_s) == ("db", ("a",), 2.0)
    assert timedelta(minutes=18) <= NOW - found.since <= timedelta(minutes=20)
    assert found.error == "Timeout 0"


def test_what_has_ended_is_told_no_more():
    assert retrying(rows(told(30, 30, until=6)), NOW) == []


def test_replicas_of_one_service_are_told_together_by_the_busiest():
    found = retrying(
        rows(told(30, 20), told(60, 12, replica="b"), told(9, 20, service="qdrant")), NOW
    )
    assert [(f.service, f.replicas, f.per_s) for f in found] == [
        ("db", ("a", "b"), 4.0),
        ("qdrant", ("a",), 0.6),
    ]


def test_without_rows_nothing_is_told():
    assert retrying(pl.DataFrame(), NOW) == []
