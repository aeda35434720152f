"""When a cron line is due: cron's rules, in the time zone of the schedule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from tradingkb.exceptions import InvalidInputError, NotFoundError

_FIELDS: Final = 5
#: Slots that are looked at one by one; of more, the older ones are not counted.
_MOST: Final = 1000


def check_cron(cron: str) -> None:
    """Whether a line can ever be due.

    Raises:
        InvalidInputError: it cannot be read, or names a day that no month has.
    """
    from cronsim import CronSim, CronSimError

    if len(cron.split()) != _FIELDS:
        raise InvalidInputError(
            f"{cron!r} has {len(cron.split())} fields",
            field="cron",
            remedy="give five: minute hour day-of-month month day-of-week, such as '30 6 * * MON'",
        )
    try:
        next(CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise InvalidInputError(
            f"{cron!r} is never due: {str(error).lower() or 'no such day comes in 50 years'}",
            field="cron",
            remedy="values are minute 0-59, hour 0-23, day-of-month 1-31 (one that the month has), "
            "month 1-12, day-of-week 0-7 (0 and 7 are Sunday)",
        ) from None


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its name of the IANA data base.

    Raises:
        NotFoundError: there is none of that name; names those that are near.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a folder of zones, such as Europe, is an OSError
        raise NotFoundError("timezone", name, available_timezones()) from None


def slots(cron: str, zone: str, after: datetime) -> Iterator[datetime]:
    """The times at which a line is due, ascending, each once.

    As Debian's cron has it: a line with fixed hours and minutes is due once on both days of a
    change of summer time (what falls into the gap is due at its end, what comes twice is due the
    first time), one with a star goes by the time that passes.

    Args:
        cron: a line that `check_cron` accepts.
        zone: name of its time zone.
        after: aware; the first one is later.

    Returns:
        Aware UTC times.
    """
    from cronsim import CronSim

    local = UTC if zone == "UTC" else zone_of(zone)
    last = after
    for found in CronSim(cron, after.astimezone(local)):
        slot = found.astimezone(UTC)
        # Two lines of the gap end at one moment; and what is begun in the second of two equal
        # hours is offered the first one again.
        if slot > last:
            yield slot
            last = slot


def slots_between(
    cron: str, zone: str, after: datetime, until: datetime
) -> tuple[list[datetime], bool]:
    """The times in (after, until], and whether that is all: after years off, only the newest.

    Returns:
        At most a thousand aware UTC times, ascending; False where older ones were left out.
    """
    whole = True
    while True:
        found = list(islice(_until(cron, zone, after, until), _MOST + 1))
        if len(found) <= _MOST:  # at the latest for a thousand minutes
            return found, whole
        after, whole = after + (until - after) / 2, False


def _until(cron: str, zone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    for slot in slots(cron, zone, after):
        if slot > until:
            return
        yield slot
