"""Times as users give them."""

from __future__ import annotations

from datetime import date, datetime

from tradingkb.domain.trial import as_utc
from tradingkb.exceptions import InvalidInputError


def as_moment(given: datetime | date | str | None, field: str = "as_of") -> datetime | None:
    """An aware UTC time from a datetime, a date (its start) or an ISO text; naive times are UTC.

    Args:
        given: None stays None.
        field: what an error calls it.

    Raises:
        InvalidInputError: it is none of these.
    """
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(str(given))  # also what a NumPy or pandas time prints
        return as_utc(moment)
    except (ValueError, OverflowError):
        raise InvalidInputError(
            f"{given!r} is no time",
            field=field,
            remedy="give a datetime or ISO 8601 such as 2024-01-31T00:00:00Z",
        ) from None
