"""Stored trials page by page, in any order, and how many there are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from numbers import Real
from typing import Any, Final

from tradingkb.domain import METRICS, as_moment, is_unicode
from tradingkb.exceptions import InvalidInputError
from tradingkb.monitoring.pages import (
    Page,
    check_page,
    check_selectors,
    checked_text,
    no_place,
    number_in,
    page_of,
)
from tradingkb.plain import time_text
from tradingkb.ports import TrialOrder, TrialPlace, TrialQuery, TrialReportStore

#: What trials can be selected by.
SELECTORS: Final = (
    *("strategy_name", "symbol", "timeframe", "kb_status"),
    *("source_id", "source_type", "run_id"),
)
#: Columns of numbers, of which ranges can be asked for.
NUMBERS: Final = (
    "objective_score",
    *(f"{metric}_{sample}" for metric in METRICS for sample in ("is", "oos")),
)
_TEXTS: Final = ("strategy_name", "symbol", "timeframe", "kb_status")
_TIMES: Final = ("known_at",)
RANGES: Final = (*_TIMES, *NUMBERS)
#: The order in which trials were stored, and the columns that trials can be ordered by.
STORED: Final = "stored"
ORDERS: Final = (STORED, *_TIMES, *_TEXTS, *NUMBERS)
#: Columns of trials by the shorter names that people use for them.
_SHORT: Final = {
    f"max_drawdown_{sample}": f"max_drawdown_frac_{sample}" for sample in ("is", "oos")
}
#: Trials that are counted at most: nobody looks through more of them, and each takes its time.
MOST_COUNTED: Final = 100_000


def trial_page(
    store: TrialReportStore,
    workspace_id: str,
    query: TrialQuery,
    order: TrialOrder,
    limit: int,
    after: str | None,
) -> Page:
    """One page; raises as `KnowledgeBase.trial_page`."""
    check_page(query.where, SELECTORS, limit)
    place = None if after is None else read_place(after, order)
    rows = store.trial_page(workspace_id, query, order, limit + 1, place)
    return page_of(rows, limit, lambda row: write_place(row, order))


def trial_query(
    where: Mapping[str, Any] | None, ranges: Mapping[str, tuple[Any, Any]] | None
) -> TrialQuery:
    """Which trials are meant.

    Raises:
        InvalidInputError: a name that nothing is selected by, or bounds that are none.
    """
    check_selectors(where or {}, SELECTORS, "where")
    named = {_SHORT.get(name, name): bounds for name, bounds in (ranges or {}).items()}
    check_selectors(named, RANGES, "ranges")
    wanted = {name: _wanted(name, value) for name, value in (where or {}).items()}
    return TrialQuery(wanted, {name: _bounds(name, given) for name, given in named.items()})


def trial_order(order: str, *, descending: bool) -> TrialOrder:
    """An order by its name.

    Raises:
        InvalidInputError: no such order.
    """
    name = _SHORT.get(order, order)
    if name not in ORDERS:
        raise InvalidInputError(
            f"trials cannot be ordered by {order!r}",
            field="order",
            remedy=f"use {', '.join(ORDERS)}",
        )
    return TrialOrder("id" if name == STORED else name, bool(descending))


def metric_name(name: str, field: str) -> str:
    """A column of numbers by the name that is given for it.

    Raises:
        InvalidInputError: no such column.
    """
    found = _SHORT.get(name, name)
    if found not in NUMBERS:
        raise InvalidInputError(
            f"{name!r} is no metric", field=field, remedy=f"use {', '.join(NUMBERS)}"
        )
    return found


def write_place(row: Mapping[str, Any], order: TrialOrder) -> str:
    """Where the page after this row begins: what it is ordered by, the id, and the value.

    In the order of storing it is the id alone, as it has always been.
    """
    if order == TrialOrder():
        return str(row["trial_id"])
    head = f"{_sign(order)}{order.column}~{row['trial_id']}"
    value = None if order.column == "id" else row[order.column]
    return head if value is None else f"{head}~{_text(value)}"


def read_place(after: str, order: TrialOrder) -> TrialPlace:
    """The place that `write_place` wrote.

    Raises:
        InvalidInputError: nothing that it wrote, or the place in another order.
    """
    if order == TrialOrder() and "~" not in after:
        return TrialPlace(None, number_in(after, after))
    head, _, rest = after.partition("~")
    if head != f"{_sign(order)}{order.column}":
        raise _other_order(after) if _is_order(head) or _is_plain(after) else no_place(after)
    last, has_value, text = rest.partition("~")
    value = _value(order.column, text, after) if has_value else None
    if order.column == "id" and has_value:
        raise no_place(after)
    return TrialPlace(value, number_in(last, after))


def _wanted(name: str, value: Any) -> str | list[str]:
    if not isinstance(value, list | tuple | set):
        return checked_text(name, value, "give a text, or a list of texts")
    if not value:
        raise nothing_selected(name)
    return sorted({checked_text(name, one, "give a text, or a list of texts") for one in value})


def nothing_selected(name: str) -> InvalidInputError:
    """What is said of a list of no value: a mistake more often than a wish for no trials."""
    return InvalidInputError(
        "a list of nothing selects nothing", field=name, remedy="name a value, or leave it out"
    )


def _bounds(name: str, given: Any) -> tuple[Any, Any]:
    if not (isinstance(given, list | tuple) and len(given) == 2):
        raise InvalidInputError(
            f"{given!r} is no range",
            field=name,
            remedy="give (lowest, highest), None where it is open",
        )
    low, high = (_bound(name, one) for one in given)
    if low is not None and high is not None and low > high:
        raise InvalidInputError(
            f"nothing is between {given[0]} and {given[1]}",
            field=name,
            remedy="give the lowest first",
        )
    return low, high


def _bound(name: str, value: Any) -> Any:
    if name in _TIMES or value is None:
        return as_moment(value, name)
    found = _number(value)
    if found is None or not math.isfinite(found):
        shown = value if found is None else found
        raise InvalidInputError(
            f"{shown!r} is no number", field=name, remedy="give a number, or None for an open end"
        )
    return found


def _number(value: Any) -> float | None:
    """A number as a float, infinite where none holds it; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _sign(order: TrialOrder) -> str:
    return "-" if order.descending else "+"


def _text(value: Any) -> str:
    return time_text(value) if isinstance(value, datetime) else str(value)


def _value(column: str, text: str, after: str) -> Any:
    if column in _TEXTS and is_unicode(text):
        return text
    try:
        found = as_moment(text) if column in _TIMES else float(text)
    except ValueError:
        raise no_place(after) from None
    if isinstance(found, float) and not math.isfinite(found):
        raise no_place(after)
    return found


def _is_order(head: str) -> bool:
    return head[:1] in ("+", "-") and (head[1:] == "id" or head[1:] in ORDERS)


def _is_plain(after: str) -> bool:
    return after.isascii() and after.isdigit()


def _other_order(after: str) -> InvalidInputError:
    return InvalidInputError(
        f"{after[:80]!r} is a place in another order",
        field="after",
        remedy="ask for the pages of one list in one order, or begin with the first page",
    )
