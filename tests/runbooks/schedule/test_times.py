"""When a cron line is due: once on both days of a change of summer time, in every zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

import pytest

from tradingkb.exceptions import InvalidInputError, NotFoundError
from tradingkb.runbooks.schedule.times import check_cron, slots, slots_between, zone_of

DAY = timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def shown(found: list[datetime]) -> list[str]:
    return [f"{slot:%m-%d %H:%M}" for slot in found]


@pytest.mark.parametrize(
    ("zone", "cron", "before", "expected"),
    [
        # 02:00 -> 03:00 on 29 March: what falls into the gap is due at its end.
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-03-27T12:00",
            ["03-28 01:30", "03-29 01:00", "03-30 00:30"],
        ),
        # 03:00 -> 02:00 on 25 October: what comes twice is due the first time.
        (
            "Europe/Berlin",
            "30 2 * * *",
            "2026-10-23T12:00",
            ["10-24 00:30", "10-25 00:30", "10-26 01:30"],
        ),
        (
            "America/New_York",
            "30 2 * * *",
            "2026-03-06T12:00",
            ["03-07 07:30", "03-08 07:00", "03-09 06:30"],
        ),
        (
            "America/New_York",
            "30 1 * * *",
            "2026-10-30T12:00",
            ["10-31 05:30", "11-01 05:30", "11-02 06:30"],
        ),
        # Half an hour: 02:00 -> 02:30 on 4 October, 02:00 -> 01:30 on 5 April.
        (
            "Australia/Lord_Howe",
            "15 2 * * *",
            "2026-10-02T12:00",
            ["10-02 15:45", "10-03 15:30", "10-04 15:15"],
        ),
        (
            "Australia/Lord_Howe",
            "45 1 * * *",
            "2026-04-03T12:00",
            ["04-03 14:45", "04-04 14:45", "04-05 15:15"],
        ),
        (
            "Australia/Lord_Howe",
            "30 2 * * *",
            "2026-10-02T12:00",
            ["10-02 16:00", "10-03 15:30", "10-04 15:30"],
        ),
        ("UTC", "30 2 * * *", "2026-03-28T12:00", ["03-29 02:30", "03-30 02:30", "03-31 02:30"]),
    ],
)
def test_a_daily_line_is_due_once_on_both_days(zone, cron, before, expected):
    assert shown(list(islice(slots(cron, zone, at(before)), 3))) == expected


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("cron", ["30 2 * * *", "0,30 1-3 * * *", "15 2 * * *", "45 1 * * *"])
def test_whenever_one_begins_to_look_the_times_are_the_same(zone, cron):
    """A scheduler that starts within the hour that comes twice, too."""
    last = at("2026-11-04T00:00")
    whole = list(takewhile(lambda slot: slot < last, slots(cron, zone, at("2026-03-01T00:00"))))
    assert whole == sorted(set(whole))
    for day in ("2026-03-08", "2026-03-29", "2026-04-04", "2026-10-03", "2026-10-25", "2026-11-01"):
        for minutes in range(0, 24 * 60, 10):
            after = at(f"{day}T00:00") + timedelta(minutes=minutes)
            following = next(slot for slot in whole if slot > after)
            assert next(slots(cron, zone, after)) == following


def test_a_line_with_a_star_goes_by_the_time_that_passes():
    found, _ = slots_between(
        "*/30 * * * *", "Europe/Berlin", at("2026-10-25T00:00"), at("2026-10-25T02:00")
    )
    assert shown(found) == ["10-25 00:30", "10-25 01:00", "10-25 01:30", "10-25 02:00"]


def test_two_times_of_one_gap_are_one():
    found, _ = slots_between(
        "0,30 2 * * *", "Europe/Berlin", at("2026-03-28T12:00"), at("2026-03-29T12:00")
    )
    assert shown(found) == ["03-29 01:00"]


def test_after_years_only_the_newest_thousand_at_most_are_looked_at():
    now = at("2026-01-01T00:00:30")
    found, whole = slots_between("* * * * *", "UTC", now - 3000 * DAY, now)
    assert not whole
    assert 400 < len(found) <= 1000
    assert found[-1] == at("2026-01-01T00:00")
    found, whole = slots_between("0 6 * * *", "UTC", now - 300 * DAY, now)
    assert whole
    assert len(found) == 300


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("0 0 31 2 *", "'0 0 31 2 *' is never due: bad day-of-month"),
        ("0 0 31 4,6,9 *", "bad day-of-month"),
        ("0 0 30 FEB *", "bad day-of-month"),
        ("60 0 * * *", "bad minute"),
        ("0 24 * * *", "bad hour"),
        ("0 0 * 13 *", "bad month"),
        ("0 0 * * FUNDAY", "bad day-of-week"),
        ("0 6 * *", "has 4 fields"),
        ("0 0 6 * * *", "has 6 fields"),
        ("@daily", "has 1 fields"),
    ],
)
def test_a_line_that_is_never_due_is_named_with_its_field(cron, said):
    with pytest.raises(InvalidInputError, match=said.replace("*", r"\*")):
        check_cron(cron)


@pytest.mark.parametrize(
    "cron", ["0 0 29 2 *", "0 0 31 * *", "0 12 L * *", "0 8 * * MON#1", "*/5 * * * *"]
)
def test_a_line_that_comes_some_day_is_none(cron):
    check_cron(cron)


@pytest.mark.parametrize("name", ["Europe/Berln", "Europe", "../etc/passwd", "", "CEST"])
def test_an_unknown_zone_is_refused_with_near_names(name):
    with pytest.raises(NotFoundError) as raised:
        zone_of(name)
    assert raised.value.field == "timezone"
    if name == "Europe/Berln":
        assert "did you mean Europe/Berlin" in str(raised.value)
