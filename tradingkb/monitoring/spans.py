"""Times and parts of reports, as users give them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, cast

from tradingkb.domain import as_moment
from tradingkb.exceptions import InvalidInputError
from tradingkb.ports import Bucket

Moment = datetime | date | str | None
#: What is reported on where nobody says since when.
DEFAULT_SPAN: Final = timedelta(hours=24)
#: Minutes are counted from the rows.
LONGEST_BY_MINUTE: Final = timedelta(hours=48)
#: Rows of one list at most: it is held in memory, and sent in one piece.
LARGEST: Final = 1000


def span(
    since: Moment, until: Moment, now: datetime, default: timedelta = DEFAULT_SPAN
) -> tuple[datetime, datetime]:
    """Aware UTC times; `until` is now where it is not said, what happens at this moment included.

    Raises:
        InvalidInputError: what is no time, or an end before the beginning.
    """
    last = as_moment(until, "until")
    first = as_moment(since, "since")
    last = now + timedelta(microseconds=1) if last is None else last
    first = _earlier(last, default) if first is None else first
    _refuse_reverse(first, last)
    return first, last


def _earlier(moment: datetime, by: timedelta) -> datetime:
    """A time before another one, or the first one that there is."""
    first = datetime.min.replace(tzinfo=UTC)
    return first if moment - first < by else moment - by


def open_span(since: Moment, until: Moment) -> tuple[datetime | None, datetime | None]:
    """As `span`, but what is not said is no limit."""
    first, last = as_moment(since, "since"), as_moment(until, "until")
    if first is not None and last is not None:
        _refuse_reverse(first, last)
    return first, last


def whole_hours(within: tuple[datetime, datetime]) -> tuple[datetime, datetime]:
    """From the beginning of the first hour: sums are of whole hours."""
    first, last = within
    return first.replace(minute=0, second=0, microsecond=0), last


def checked_bucket(bucket: str, within: tuple[datetime, datetime], known: Sequence[str]) -> Bucket:
    """A length that there is, and that the time is not too long for.

    Raises:
        InvalidInputError: it is not.
    """
    if bucket not in known:
        raise InvalidInputError(
            f"{bucket!r} is no part of a time", field="bucket", remedy=f"use {', '.join(known)}"
        )
    if bucket == "minute" and within[1] - within[0] > LONGEST_BY_MINUTE + timedelta(minutes=1):
        raise InvalidInputError(
            "minutes are counted for 48 hours at most",
            field="bucket",
            remedy="ask for a shorter time, or by hour",
        )
    return cast(Bucket, bucket)


def checked_by(by: Any, known: Sequence[str]) -> tuple[str, ...]:
    """Names of columns to count by, each once.

    Raises:
        InvalidInputError: a name that is none.
    """
    names = (by,) if isinstance(by, str) else tuple(dict.fromkeys(by))
    for name in names:
        if name not in known:
            raise InvalidInputError(
                f"{name!r} is nothing to count by", field="by", remedy=f"use {', '.join(known)}"
            )
    return names


def checked_limit(limit: Any) -> int:
    """A number of rows.

    Raises:
        InvalidInputError: it is none.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= LARGEST:
        raise InvalidInputError(
            f"{limit!r} is no number of rows", field="limit", remedy=f"give 1 to {LARGEST}"
        )
    return limit


def _refuse_reverse(first: datetime, last: datetime) -> None:
    if last < first:
        raise InvalidInputError(
            f"the time ends at {last.isoformat()}, before it begins",
            field="until",
            remedy="give a time after `since`",
        )
