"""What a page is about: workspace and range, picked in the sidebar and kept in the URL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import streamlit as st

from dashboard.shared import data
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

    @property
    def url(self) -> dict[str, str]:
        """The parameters that links to other pages carry."""
        return {"workspace": self.workspace, "range": self.range}


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
                colour="#e69f00",
            )


def picked() -> Scope:
    """What is picked now."""
    name = str(st.session_state.get("range") or DEFAULT_RANGE)
    length, bucket = RANGES[name]
    until = data.now()
    workspace = str(st.session_state.get("workspace") or DEFAULT_WORKSPACE)
    return Scope(workspace, name, until - length, until, bucket)


def _workspaces() -> list[str]:
    """The default first; while nobody answers, the one that is looked at stays."""
    try:
        slugs = data.ask("workspaces")["slug"].to_list()
    except TradingKBError:
        slugs = [st.session_state.get("workspace") or st.query_params.get("workspace")]
    return sorted(
        {s for s in slugs if s} or {DEFAULT_WORKSPACE}, key=lambda s: (s != DEFAULT_WORKSPACE, s)
    )
