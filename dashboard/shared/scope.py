"""What a page is about: workspace and range, picked in the sidebar and kept in the URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import streamlit as st

from dashboard.shared import data
from dashboard.shared.look import HINT
from dashboard.shared.parts import box
from dashboard.shared.text import shortened
from tradingkb.exceptions import TradingKBError

Bucket = Literal["minute", "hour", "day"]
DEFAULT_WORKSPACE: Final = "default"
#: Range to its length and the buckets that its charts have.
RANGES: Final[dict[str, tuple[timedelta, Bucket]]] = {
    "1h": (timedelta(hours=1), "minute"),
    "6h": (timedelta(hours=6), "minute"),
    "24h": (timedelta(hours=24), "hour"),
    "7d": (timedelta(days=7), "hour"),
    "30d": (timedelta(days=30), "day"),
    "90d": (timedelta(days=90), "day"),
}
DEFAULT_RANGE: Final = "24h"


@dataclass(frozen=True)
class Scope:
    """What is looked at.

    Attributes:
        workspace: slug.
        range: key of `RANGES`.
        since, until: from when to when, aware UTC; until is now.
        bucket: of time series.
    """

    workspace: str
    range: str
    since: datetime
    until: datetime
    bucket: Bucket


def pick() -> None:
    """The pickers, in the sidebar; what a link asks for and is not there is said."""
    asked = {name: st.query_params.get(name) for name in ("workspace", "range")}
    slugs = _workspaces()
    st.selectbox("Workspace", slugs, key="workspace", bind="query-params", format_func=shortened)
    st.segmented_control(
        "Range, until now",
        list(RANGES),
        default=DEFAULT_RANGE,
        required=True,
        key="range",
        bind="query-params",
    )
    for name, known in (("workspace", slugs), ("range", list(RANGES))):
        value = asked[name]
        if value and value not in known:
            box(
                f"No {name} {shortened(value)!r}",
                f"The link names one that is not here; this is {st.session_state[name]!r}.",
                colour=HINT,
            )


def picked() -> Scope:
    """What is picked now."""
    name = str(st.session_state.get("range") or DEFAULT_RANGE)
    length, bucket = RANGES[name]
    until = data.now()
    workspace = str(st.session_state.get("workspace") or DEFAULT_WORKSPACE)
    return Scope(workspace, name, until - length, until, bucket)


def slug_of(name: str) -> str | None:
    """The slug of a workspace by its slug or id; None where it is not among those to pick from."""
    try:
        found = data.ask("workspaces")
    except TradingKBError:
        return None
    rows = found.filter((found["slug"] == name) | (found["id"] == name))
    return None if rows.is_empty() else str(rows["slug"][0])


def remember(*keys: str) -> None:
    """Gives the widgets of a page back what they held when the viewer left it in this session.

    Streamlit takes a page's parameters out of the URL before it goes to another page, so that
    "back" would find an empty form (streamlit#13963). A link that says anything of the page says
    all of it: then nothing is given back. What a page held before nobody answered any more comes
    back in the same way. To be called before the page's widgets are made.

    Args:
        *keys: of widgets with `bind="query-params"`, none of the sidebar's.
    """
    state = st.session_state
    state["_remembered"] = keys
    for key, value in state.pop("_restored", {}).items():
        state[key] = value
    if not (state["_arrived"] or state.get("_lost")):
        return
    kept = state["_kept"].pop(state["_page"], {})
    if kept and not any(key in st.query_params for key in keys):
        # In a run that "back" has begun the URL has the last word: they are set in the next one.
        state["_restored"] = kept
        st.rerun()


def remember_too(*keys: str) -> None:
    """Remembers more widgets of a page, whose keys depend on what the others hold."""
    st.session_state["_remembered"] = (*st.session_state["_remembered"], *keys)


@contextmanager
def on(page: str) -> Iterator[None]:
    """Around the run of a page: knows whether it was just come to, and keeps what it holds."""
    state = st.session_state
    state["_arrived"] = state.get("_page") != page
    state["_page"] = page
    state["_remembered"] = ()
    state.setdefault("_kept", {})
    try:
        yield
    finally:
        if "_restored" not in state:
            held = {key: state[key] for key in state["_remembered"] if key in state}
            # Pages have keys in common, of which each holds another value.
            state["_kept"].setdefault(page, {}).update(held)
            # While nobody answers a page shows no widget, and Streamlit forgets what they held.
            state["_lost"] = not held


def _workspaces() -> list[str]:
    """The default first; while nobody answers, the one that is looked at stays."""
    try:
        slugs = data.ask("workspaces")["slug"].to_list()
    except TradingKBError:
        slugs = [st.session_state.get("workspace") or st.query_params.get("workspace")]
    return sorted(
        {s for s in slugs if s} or {DEFAULT_WORKSPACE}, key=lambda s: (s != DEFAULT_WORKSPACE, s)
    )
