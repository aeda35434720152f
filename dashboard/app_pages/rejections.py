"""What strict filters turned away, which relaxation would have helped, down to single answers."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard.rejections import single, sums
from dashboard.shared import scope, strategies
from dashboard.shared.look import HINT
from dashboard.shared.parts import box, refreshing
from dashboard.shared.text import shortened


def page() -> None:
    """The page."""
    st.title("Filter rejections")
    scope.remember("strategy_name", *single.KEYS)
    at = scope.picked()
    names, up = strategies.choices("Filter rejections", at.workspace)
    strategy = _strategy(names)
    if up:
        refreshing("rejections", partial(sums.show, strategy))
    single.show(at, strategy, listed=up)


def _strategy(names: list[str]) -> str | None:
    wanted = st.query_params.get("strategy_name")
    if wanted and wanted not in names:
        box(
            f"No strategy {shortened(wanted)!r}",
            "The link names one that is not in this workspace; all of them are shown.",
            colour=HINT,
        )
    return st.selectbox(
        "Strategy",
        names,
        index=None,
        key="strategy_name",
        bind="query-params",
        placeholder="all of them",
        width=320,
    )


page()
