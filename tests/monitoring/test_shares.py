"""Shares of the answers: when a rule holds, how long it is told of, and since when it is so."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tradingkb.monitoring.facts import Facts
from tradingkb.monitoring.rules import SHARES, ShareRule
from tradingkb.monitoring.shares import Onset, held, onset

NOW = datetime(2026, 1, 10, 3, 5, 30, tzinfo=UTC)
THIS_MINUTE = NOW.replace(second=0)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SCHEMA = {"at": pl.Datetime("us", "UTC"), "status": pl.String, "count": pl.Int64}
FAST = SHARES[0]  # none: more than half of an hour, and of five minutes, of twenty at least
SLOW = SHARES[1]  # none: more than a fifth of six hours, and of thirty minutes, of sixty


def counts(*rows: tuple[datetime, int, int]) -> pl.DataFrame:
    """Answers that are ok and none, by the time of their bucket."""
    told = [(at, s, n) for at, ok, none in rows for s, n in (("ok", ok), ("none", none)) if n]
    return pl.DataFrame(told, SCHEMA, orient="row")


def minutes(*rows: tuple[int, int, int]) -> pl.DataFrame:
    """By minutes ago: 0 is the minute that runs."""
    return counts(*((THIS_MINUTE - ago * MINUTE, ok, none) for ago, ok, none in rows))


def each(ago: Iterable[int], ok: int, none: int) -> list[tuple[int, int, int]]:
    return [(n, ok, none) for n in ago]


@pytest.mark.parametrize(
    ("rule", "rows", "holds"),
    [
        (FAST, each(range(20), 0, 1), True),
        (FAST, each(range(19), 0, 1), False),  # too few answers to tell
        (FAST, [(59, 0, 15), (0, 0, 5)], True),  # an hour ends with the minute that runs
        (FAST, [(60, 0, 15), (0, 0, 5)], False),
        (FAST, each(range(20), 1, 1), False),  # half is not more than half
        (FAST, [(4, 9, 10), (10, 0, 9)], True),
        (FAST, [(4, 10, 10), (10, 0, 9)], False),  # it was bad, and is not in the last minutes
        (FAST, [(10, 0, 30), (4, 1, 0)], False),
        (SLOW, [(359, 30, 20), (29, 7, 3)], True),
        (SLOW, [(360, 30, 20), (29, 7, 3)], False),
        (SLOW, [(300, 30, 20), (29, 8, 2)], False),
    ],
)
def test_a_rule_holds_over_both_windows_with_enough_answers(
    rule: ShareRule, rows: list[tuple[int, int, int]], holds: bool
):
    now_only = ShareRule(**{**vars(rule), "keep_s": 0})
    assert (held(minutes(*rows), now_only, NOW) is not None) == holds


@pytest.mark.parametrize(("ago", "told"), [(0, True), (5, True), (10, True), (11, False)])
def test_a_rule_that_held_is_told_of_for_as_long_as_its_alert_goes_on(ago: int, told: bool):
    """Twenty answers in one minute: with five minutes without any it holds no more."""
    found = held(minutes((ago + 4, 0, 20)), FAST, NOW)
    assert (found is not None) == told
    if found is not None:
        assert found.until == min(NOW, THIS_MINUTE + (1 - ago) * MINUTE)


def test_what_is_told_are_the_counts_of_when_it_held():
    found = held(minutes((50, 10, 0), (8, 0, 20), (1, 30, 0)), FAST, NOW)
    assert found is not None
    assert (found.long.answers, found.long.found, round(found.long.share, 3)) == (30, 20, 0.667)
    assert (found.short.answers, found.short.found) == (20, 20)
    assert found.until == THIS_MINUTE - 3 * MINUTE
    assert found.begin == found.until - HOUR


def test_other_statuses_and_no_answers_at_all_hold_no_rule():
    assert held(minutes(*each(range(30), 5, 0)), FAST, NOW) is None
    assert held(pl.DataFrame(), FAST, NOW) is None


def hours(*rows: tuple[int, int, int]) -> pl.DataFrame:
    """By hours ago: 0 is the hour that runs."""
    this = NOW.replace(minute=0, second=0)
    return counts(*((this - ago * HOUR, ok, none) for ago, ok, none in rows))


def began(
    by_hour: pl.DataFrame, by_minute: pl.DataFrame, rule: ShareRule = FAST
) -> tuple[float, str, bool]:
    """Minutes before the minute that runs, resolution, whether it may be earlier."""
    facts = Facts(
        "default",
        minutes=by_minute,
        minutes_from=THIS_MINUTE - 480 * MINUTE,
        hours=by_hour,
        hours_from=NOW.replace(minute=0, second=0) - 336 * HOUR,
    )
    found: Onset = onset(facts, rule, NOW)
    return (THIS_MINUTE - found.at) / MINUTE, found.resolution, found.earlier


def test_it_began_with_the_minute_from_which_on_there_was_too_much():
    rows = [*each(range(26), 0, 2), *each(range(26, 90), 2, 0)]
    assert began(hours((0, 0, 12), (1, 80, 40)), minutes(*rows)) == (25, "minute", False)


def test_a_good_answer_within_and_minutes_without_any_do_not_make_it_younger():
    rows = [(1, 0, 3), (5, 1, 0), (9, 0, 4), (30, 0, 9), (31, 9, 0), (50, 9, 0)]
    assert began(hours((0, 0, 3), (1, 18, 13)), minutes(*rows)) == (30, "minute", False)


def test_longer_ago_it_is_told_by_the_first_hour_of_the_unbroken_breach():
    by_hour = hours((0, 0, 9), (1, 0, 9), (2, 1, 9), (20, 0, 9), (21, 9, 1), (22, 0, 9))
    assert began(by_hour, minutes(*each(range(400), 0, 1))) == (5 + 20 * 60, "hour", False)


def test_an_hour_without_answers_says_nothing_and_the_one_that_runs_ends_nothing():
    assert began(hours((0, 1, 0), (9, 0, 30), (10, 9, 0)), minutes((0, 1, 0)))[0] == 5 + 9 * 60


def test_where_it_goes_back_to_the_oldest_hour_that_was_looked_at_it_may_be_older():
    always = hours(*((ago, 0, 1) for ago in range(337)))
    assert began(always, minutes(*each(range(400), 0, 1))) == (5 + 336 * 60, "hour", True)


def test_without_counts_by_hour_it_is_told_by_the_minutes():
    assert began(pl.DataFrame(), minutes(*each(range(4), 0, 9), (5, 9, 0))) == (3, "minute", False)


def test_what_fills_a_long_window_began_before_the_quiet_hours_in_between():
    """Three bad hours, two good ones with few answers, and one bad answer now."""
    rows = [*each(range(180, 330), 0, 1), (100, 2, 0), (70, 2, 0), (2, 0, 1)]
    by_hour = hours((0, 0, 1), (1, 4, 0), (3, 0, 55), (4, 0, 60), (5, 0, 35), (6, 50, 0))
    assert began(by_hour, minutes(*rows, (340, 50, 0)), SLOW) == (329, "minute", False)
