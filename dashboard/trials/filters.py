"""The filters of the list of trials; every one of them is in the URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from dashboard.trials.choose import wanted
from dashboard.views.trials import ORDERS, PAGE_SIZES, STATUSES, Asked, asked

#: Of the filters that are folded away while they ask for nothing.
_MORE: Final = (
    *("source_id", "source_type", "run_id"),
    *("sharpe_min", "sharpe_max", "drawdown_max", "trades_min", "known_from", "known_to"),
)
KEYS: Final = (
    *("kb_status", "symbol", "timeframe", "every"),
    *_MORE,
    *("order", "direction", "rows"),
)
_DIRECTIONS: Final = {"down": "largest or newest first", "up": "smallest or oldest first"}


def filters(strategy: str) -> Asked:
    """Shows them; what they ask for."""
    every, texts = _texts(strategy)
    with st.expander("More filters", expanded=any(wanted(name) for name in _MORE)):
        bounds = _bounds()
        texts = {**texts, **_ids()}
    if every:
        texts = {**texts, "strategy_name": None}
    return asked(texts, bounds, *_order())


def _texts(strategy: str) -> tuple[bool, dict[str, str | None]]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        status = st.selectbox(
            "Status",
            STATUSES,
            index=None,
            placeholder="any",
            key="kb_status",
            bind="query-params",
            width=150,
        )
        symbol = _text("Instrument", "symbol")
        timeframe = _text("Bar", "timeframe")
        every = st.toggle("All strategies", key="every", bind="query-params")
    found = {"strategy_name": strategy, "kb_status": status}
    return every, {**found, "symbol": symbol, "timeframe": timeframe}


def _text(label: str, key: str, width: int = 150) -> str:
    return st.text_input(
        label, key=key, bind="query-params", placeholder="any", max_chars=200, width=width
    )


def _ids() -> Mapping[str, str | None]:
    with st.container(horizontal=True):
        return {
            name: _text(label, name, 300)
            for label, name in (
                ("Id in its source", "source_id"),
                ("Source", "source_type"),
                ("Ingest run", "run_id"),
            )
        }


def _bounds() -> dict[str, tuple[Any, Any]]:
    with st.container(horizontal=True):
        sharpe = (
            _number("Sharpe OOS, least", "sharpe_min"),
            _number("Sharpe OOS, most", "sharpe_max"),
        )
        drawdown = _number("Drawdown OOS, most (0.25 = 25 %)", "drawdown_max", least=0.0, width=230)
        trades = st.number_input(
            "Trades OOS, least",
            value=None,
            min_value=0,
            step=1,
            key="trades_min",
            bind="query-params",
            width=170,
        )
        since = st.date_input(
            "Known from (UTC)", value=None, key="known_from", bind="query-params", width=170
        )
        until = st.date_input(
            "Known until, that day included",
            value=None,
            key="known_to",
            bind="query-params",
            width=230,
        )
    return {
        "sharpe_oos": sharpe,
        "max_drawdown_frac_oos": (None, drawdown),
        "n_trades_oos": (trades, None),
        "known_at": (since, until),
    }


def _number(label: str, key: str, least: float | None = None, width: int = 150) -> float | None:
    return st.number_input(
        label,
        value=None,
        min_value=least,
        step=0.1,
        key=key,
        bind="query-params",
        width=width,
    )


def _order() -> tuple[str, bool, int]:
    with st.container(horizontal=True):
        order = st.selectbox(
            "In the order of",
            list(ORDERS),
            key="order",
            bind="query-params",
            format_func=ORDERS.__getitem__,
            width=260,
        )
        direction = st.selectbox(
            "Direction",
            list(_DIRECTIONS),
            key="direction",
            bind="query-params",
            format_func=_DIRECTIONS.__getitem__,
            width=220,
        )
        limit = st.selectbox(
            "Trials per page", PAGE_SIZES, index=1, key="rows", bind="query-params", width=150
        )
    return str(order), direction == "down", int(limit)
