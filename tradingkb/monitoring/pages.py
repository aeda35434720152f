"""Long lists page by page: what a page is, and where the next one begins."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import polars as pl

from tradingkb.domain import as_moment, is_unicode
from tradingkb.exceptions import InvalidInputError
from tradingkb.plain import time_text
from tradingkb.ports import PageStore

#: What events can be asked by.
EVENT_FIELDS: Final = (
    *("status", "strategy_name", "objective_type"),
    *("request_id", "source", "replica"),
)
#: Facts of events that are there or not.
FLAGS: Final = ("strict_to_relaxed", "metadata_only", "repaired_params")
_YES_NO: Final = {"true": True, "false": False}
#: Rows of one page at most: a page is held in memory, and sent in one piece.
LARGEST_PAGE: Final = 1000
_LARGEST_ID: Final = 2**63 - 1
_DIGITS: Final = 19


@dataclass(frozen=True)
class Page:
    """Rows of a long list.

    Attributes:
        rows: this page's.
        next: where the next page begins, None after the last one.
    """

    rows: pl.DataFrame
    next: str | None


def event_page(
    store: PageStore,
    workspace_id: str,
    where: Mapping[str, Any],
    limit: int,
    after: str | None,
    since: datetime | date | str | None = None,
    until: datetime | date | str | None = None,
) -> Page:
    """Events, newest first; raises as `KnowledgeBase.event_page`."""
    check_page(where, EVENT_FIELDS + FLAGS, limit)
    wanted = {k: _flag(k, v) if k in FLAGS else checked_text(k, v) for k, v in where.items()}
    within = as_moment(since, "since"), as_moment(until, "until")
    rows = store.event_page(workspace_id, wanted, limit + 1, _moment(after), *within)
    page = page_of(rows, limit, lambda row: f"{time_text(row['at'])}~{row['id']}")
    return Page(page.rows.drop("id"), page.next)


def event_summary(store: PageStore, workspace_id: str, hours: float, now: datetime) -> pl.DataFrame:
    """How many answers of each status; raises as `KnowledgeBase.event_summary`."""
    if not (math.isfinite(hours) and 0 < hours <= 24 * 366 * 10):
        raise InvalidInputError(
            f"{hours!r} is no number of hours", field="hours", remedy="give more than 0, such as 24"
        )
    # The end is open, and what is recorded at this very moment counts.
    until = now + timedelta(microseconds=1)
    return store.event_counts(workspace_id, now - timedelta(hours=hours), until)


def check_page(where: Iterable[str], known: Sequence[str], limit: Any) -> None:
    """Refuses what no list can be asked for.

    Raises:
        InvalidInputError: an unknown name, or a limit that is none.
    """
    check_selectors(where, known, "where")
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= LARGEST_PAGE:
        raise InvalidInputError(
            f"{limit!r} is no number of rows",
            field="limit",
            remedy=f"give 1 to {LARGEST_PAGE}",
        )


def check_selectors(names: Iterable[str], known: Sequence[str], field: str) -> None:
    """Refuses a name by which nothing can be selected."""
    for name in names:
        if name not in known:
            raise InvalidInputError(
                f"{name!r} is nothing to select by",
                field=field,
                remedy=f"use {', '.join(known)}",
            )


def checked_text(name: str, given: Any, remedy: str = "give a text") -> str:
    """A text that databases hold.

    Raises:
        InvalidInputError: it is none.
    """
    if not (isinstance(given, str) and is_unicode(given)):
        raise InvalidInputError(f"{given!r} is no text", field=name, remedy=remedy)
    return given


def _flag(name: str, given: Any) -> bool:
    known = _YES_NO.get(str(given).lower())
    if known is None:
        raise InvalidInputError(
            f"{given!r} is neither true nor false", field=name, remedy="give true or false"
        )
    return known


def page_of(rows: pl.DataFrame, limit: int, place: Callable[[dict[str, Any]], str]) -> Page:
    """One row more than wanted was read: whether it came says whether there is a next page."""
    if rows.height <= limit:
        return Page(rows, None)
    return Page(rows.head(limit), place(rows.row(limit - 1, named=True)))


def _moment(after: str | None) -> tuple[datetime, int] | None:
    if after is None:
        return None
    at, _, last = after.partition("~")
    try:
        moment = datetime.strptime(at, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        raise no_place(after) from None
    return moment, number_in(last, after)


def number_in(text: str, after: str) -> int:
    """An id that is part of a place."""
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise no_place(after)
    return min(int(text), _LARGEST_ID)


def no_place(after: str) -> InvalidInputError:
    """What is said of a place that no page gave."""
    return InvalidInputError(
        f"{after[:80]!r} is no place in the list",
        field="after",
        remedy="give `next` of the page before, or nothing for the first page",
    )
