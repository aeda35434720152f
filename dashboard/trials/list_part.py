"""The list of trials: filtered, in order, page by page; the whole table never leaves the store."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.shared import data
from dashboard.shared.parts import empty, guarded
from dashboard.shared.text import say
from dashboard.trials.change_part import CHANGES, change_part
from dashboard.trials.filters import filters
from dashboard.trials.trial_part import trial_part
from dashboard.views.trials import (
    COLUMNS,
    Asked,
    Column,
    Pages,
    chosen_ids,
    empty_range,
    pages_of,
    place_text,
    shown_rows,
    sort_by,
)
from tradingkb.exceptions import TradingKBError

#: Of the session: the page that is looked at.
_PAGES: Final = "_trial_pages"


def list_part(workspace: str, strategy: str) -> None:
    """Filters, one page of trials, what can be done with chosen ones, one trial in detail."""
    wanted = filters(strategy)
    wrong = empty_range(wanted.ranges)
    if wrong is not None:
        empty("No trial can fit", f"The least {wrong} is above the most.")
        return
    rows = pl.DataFrame()
    chosen: list[int] = []
    with guarded("The list of trials"):
        rows, chosen = _list(workspace, wanted)
        change_part(workspace, rows, chosen)
    with guarded("The trial"):
        trial_part(workspace, rows, chosen)


def _list(workspace: str, wanted: Asked) -> tuple[pl.DataFrame, list[int]]:
    """Shows one page; its rows, and the numbers of the chosen ones."""
    pages = pages_of(st.session_state.get(_PAGES), wanted)
    st.session_state[_PAGES] = pages
    rows, following = data.ask(
        "trial_page",
        workspace=workspace,
        where=dict(wanted.where),
        ranges=dict(wanted.ranges),
        order=wanted.order,
        descending=wanted.descending,
        limit=wanted.limit,
        after=pages.after,
    )
    _turn(workspace, wanted, pages, rows.height, following)
    if rows.is_empty():
        empty("No trial fits", "Loosen a filter, or choose another strategy.")
        return rows, []
    return rows, chosen_ids(rows, _table(rows, wanted, pages))


def _turn(workspace: str, wanted: Asked, pages: Pages, shown: int, following: str | None) -> None:
    """Buttons between pages, and which rows of how many are shown."""
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, target in (
            ("First", Pages(pages.key) if pages.starts else None),
            ("Previous", pages.back() if pages.starts else None),
            ("Next", pages.forward(following) if following else None),
        ):
            st.button(
                label,
                key=f"_turn_{label}",
                disabled=target is None,
                on_click=_go,
                args=(target,),
            )
        say("<span>{text}</span>", text=_place(workspace, wanted, pages, shown))


def _go(target: Pages | None) -> None:
    if target is not None:
        st.session_state[_PAGES] = target


def _place(workspace: str, wanted: Asked, pages: Pages, shown: int) -> str:
    try:
        total = data.ask(
            "trial_count",
            workspace=workspace,
            where=dict(wanted.where),
            ranges=dict(wanted.ranges),
        )
    except TradingKBError:
        total = None  # the page stands without it
    return place_text(pages, wanted.limit, shown, total)


def _table(rows: pl.DataFrame, wanted: Asked, pages: Pages) -> list[int]:
    """The page; which rows are chosen. A click on a heading puts the whole list in order."""
    made = (wanted.key(), pages.number, st.session_state.get(CHANGES, 0))
    key = f"_trials_{hashlib.sha256(repr(made).encode()).hexdigest()[:12]}"
    state: Any = st.dataframe(
        shown_rows(rows),
        hide_index=True,
        height=460,
        key=key,
        on_select=lambda: _order(key, wanted),
        selection_mode=["multi-row", "single-column"],
        column_config={name: _configured(column) for name, column in COLUMNS.items()},
        placeholder="–",
        alt="One page of trials; the chosen one is shown in detail below.",
    )
    return list(state.selection.rows)


def _order(key: str, now: Asked) -> None:
    columns = st.session_state[key].selection.columns
    order = sort_by(str(columns[0]), now) if columns else None
    if order is not None:
        st.session_state["order"], downwards = order
        st.session_state["direction"] = "down" if downwards else "up"


def _configured(column: Column) -> Any:
    config = st.column_config
    common: dict[str, Any] = {"help": column.help or None}
    if column.kind == "percent":
        return config.NumberColumn(column.title, format="%.1f", **common)
    if column.kind == "number":
        return config.NumberColumn(column.title, format="%.2f", **common)
    if column.kind == "count":
        return config.NumberColumn(column.title, format="%d", **common)
    if column.kind == "time":
        return config.DatetimeColumn(
            column.title, format="YYYY-MM-DD HH:mm", timezone="UTC", **common
        )
    return config.TextColumn(column.title, **common)
