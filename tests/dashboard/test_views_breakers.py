"""The shaping of what circuit breakers did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import plotly.graph_objects as go
import polars as pl
import pytest

from dashboard.views import breaker_figures, breakers, state

NOW = datetime(2026, 1, 10, 3, 0, tzinfo=UTC)
SINCE = NOW - timedelta(hours=6)
TIME = pl.Datetime("us", "UTC")
MINUTE = timedelta(minutes=1)
INK = "#31333f"
CHANGES = {
    "at": TIME,
    "replica": pl.String,
    "service": pl.String,
    "state": pl.String,
    "changed": pl.Boolean,
    "failures": pl.Int64,
    "retries": pl.Int64,
    "error": pl.String,
}
LIVING = {
    "replica": pl.String,
    "service": pl.String,
    "state": pl.String,
    "failures": pl.Int64,
    "open_since": TIME,
    "last_error": pl.String,
    "changed_at": TIME,
    "heartbeat_at": TIME,
}


def changes(*rows: tuple[float, str, str, int], service: str = "qdrant") -> pl.DataFrame:
    """Minutes ago, replica, state ("" for retries alone), retries."""
    told = [
        (NOW - ago * MINUTE, r, service, s or "closed", bool(s), 5, n, "Timeout" if s else None)
        for ago, r, s, n in rows
    ]
    return pl.DataFrame(told, CHANGES, orient="row").sort(
        "at", descending=True, maintain_order=True
    )


def living(*rows: tuple[str, str]) -> pl.DataFrame:
    """Replica and state; they began ten hours ago."""
    began = NOW - timedelta(hours=10)
    told = [(r, "qdrant", s, 0, None, None, began, NOW) for r, s in rows]
    return pl.DataFrame(told, LIVING, orient="row")


def told(found: pl.DataFrame) -> list[tuple[str, float, float]]:
    """State, and from how many minutes ago to how many."""
    return [
        (s, (NOW - begin) / MINUTE, (NOW - end) / MINUTE)
        for s, begin, end in found.select("state", "begin", "end").rows()
    ]


TRIP = ((60.0, "a", "open", 0), (59.5, "a", "half_open", 0), (59.0, "a", "closed", 0))


def test_a_state_lasts_from_its_change_to_the_next_one():
    found = breakers.segments(changes(*TRIP), living(("a", "closed")), SINCE, NOW)
    assert told(found) == [("open", 60, 59.5), ("half_open", 59.5, 59), ("closed", 59, 0)]


def test_what_a_first_change_implies_is_shown_before_it_and_nothing_else():
    found = breakers.segments(changes((60, "a", "half_open", 0)), living(("a", "open")), SINCE, NOW)
    assert told(found) == [("open", 360, 60), ("half_open", 60, 0)]
    opened = breakers.segments(changes((60, "a", "open", 0)), living(("a", "open")), SINCE, NOW)
    assert told(opened) == [("open", 60, 0)]


def test_how_long_the_last_state_of_a_dead_replica_lasted_nobody_says():
    found = breakers.segments(changes((60, "a", "open", 0)), living(), SINCE, NOW)
    ((_, begin, end),) = told(found)
    assert begin - end == pytest.approx(1 / 60)


def test_a_circuit_that_is_tried_in_vain_is_open_all_the_time():
    """The try and its failure are written down with one time, the later of both first."""
    tried = [(n, "a", state, 0) for n in (50, 49) for state in ("open", "half_open")]
    rows = changes((60, "a", "open", 0), *tried, (40, "a", "closed", 0))
    found = breakers.segments(rows, living(("a", "closed")), SINCE, NOW)
    assert told(found) == [("open", 60, 40), ("closed", 40, 0)]


def test_a_living_circuit_without_a_change_was_what_it_is():
    found = breakers.segments(changes((9, "a", "", 3)), living(("a", "closed")), SINCE, NOW)
    assert told(found) == [("closed", 360, 0)]
    assert breakers.segments(changes(), living(), SINCE, NOW).is_empty()


def test_replicas_whose_clocks_are_ahead_end_with_the_range():
    found = breakers.segments(changes((-5, "a", "open", 0)), living(("a", "open")), SINCE, NOW)
    assert found.is_empty()


def test_the_timeline_has_a_lane_per_replica_and_service():
    rows = pl.concat([changes(*TRIP), changes((30, "<b>", "open", 0), service="db")])
    parts = breakers.segments(rows, living(("a", "closed")), SINCE, NOW)
    figure = breaker_figures.timeline(parts, SINCE, NOW)
    go.Figure(figure)
    assert figure["layout"]["yaxis"]["categoryarray"] == [
        "Vector index · a",
        "Database · &lt;b&gt;",
    ]
    assert [trace["name"] for trace in figure["data"]] == ["closed", "half-open", "open"]
    assert "n = 2 circuits" in figure["layout"]["title"]["text"]
    assert figure["data"][2]["text"][1].startswith("open for 30 seconds")


def test_retries_are_those_of_the_busiest_replica_and_the_sum_of_all():
    rows = changes((2, "a", "", 30), (1.5, "a", "", 30), (1.9, "b", "", 90), (50, "a", "", 1))
    found = breakers.retries(rows, timedelta(minutes=5))
    assert found.select("retries", "per_s").rows() == [
        (1, pytest.approx(1 / 300)),
        (150, pytest.approx(0.3)),
    ]
    figure = breaker_figures.retry_figure(found, timedelta(minutes=5), SINCE, NOW, INK)
    go.Figure(figure)
    assert "n = 151 retries" in figure["layout"]["title"]["text"]
    assert figure["layout"]["shapes"][0]["y0"] == 0.5
    assert {bars["width"] for bars in figure["data"]} == {5 * 60 * 1000}
    assert breakers.finding_retries(found).startswith("151 calls were made again; most at")


def test_without_retries_the_limit_is_still_in_sight():
    figure = breaker_figures.retry_figure(
        breakers.retries(changes(), MINUTE), MINUTE, SINCE, NOW, INK
    )
    go.Figure(figure)
    assert figure["layout"]["yaxis"]["range"][1] > 0.5


@pytest.mark.parametrize(("hours", "minutes"), [(1, 1), (6, 5), (24, 15), (168, 120), (720, 1440)])
def test_a_longer_range_has_longer_parts(hours: int, minutes: int):
    assert breakers.part_of(NOW - timedelta(hours=hours), NOW) == timedelta(minutes=minutes)


def test_a_trip_lasts_until_the_circuit_closes_however_often_it_is_tried():
    rows = changes(
        (60, "a", "open", 0),
        (59.5, "a", "half_open", 0),
        (59.4, "a", "open", 0),
        (50, "a", "half_open", 0),
        (49, "a", "closed", 0),
        (20, "a", "open", 0),
    )
    found = breakers.trips(rows, living(("a", "open")), NOW)
    assert [(row[0], row[3]) for row in found] == [
        ("2026-01-10 02:40:00", "20 minutes so far"),
        ("2026-01-10 02:00:00", "11 minutes"),
    ]
    assert found[0][1:3] + found[0][4:] == ("Vector index", "a", "5", "Timeout")
    (gone,) = breakers.trips(changes((20, "a", "open", 0)), living(), NOW)
    assert gone[3] == "until its replica ended"
    assert breakers.trips(pl.DataFrame(), living(), NOW) == []


def test_the_headline_counts_what_is_not_closed():
    good = state.Line("✔", state.GOOD, "Database · a", "closed")
    bad = state.Line("✖", state.BAD, "Vector index · a", "open")
    assert breakers.headline([good]).healthy
    assert breakers.headline([bad, good]).text == (
        "1 of 2 circuits are not closed: Vector index · a"
    )
    assert breakers.headline([bad, bad, good]).text.endswith("and 1 more")


def test_what_the_timeline_says_is_said_in_words_too():
    parts = breakers.segments(changes(*TRIP), living(("a", "closed"), ("b", "open")), SINCE, NOW)
    assert breakers.finding(parts, NOW) == (
        "2 circuits; 2 times open in this range; not closed now: Vector index · b."
    )
