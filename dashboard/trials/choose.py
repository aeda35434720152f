"""What is looked at: strategy, parameters, objective; kept in the URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import streamlit as st

from dashboard.shared import data, look
from dashboard.shared.look import HINT
from dashboard.shared.parts import box
from dashboard.shared.text import shortened
from dashboard.views.grid_figure import Look


def figure_look() -> Look:
    """The colours of the dashboard, for the viewer's page."""
    stops: Sequence[tuple[float, str]] = look.SEQUENTIAL
    if look.dark():  # what is much stands out from the page there, too
        stops = tuple((1.0 - at, colour) for at, colour in reversed(stops))
    return Look(
        ink=look.ink(),
        diverging=look.DIVERGING,
        sequential=stops,
        marks={"recommended": look.RECOMMENDED, "defaults": look.DEFAULTS},
    )


def strategies_of(workspace: str) -> list[str]:
    """The strategies with trials, by name.

    Counting the trials of a large store takes longer than all else on the page, and strategies are
    seldom new: their names are kept for a minute, unless there are none yet.
    """
    names = _strategies(workspace)
    if not names:
        _strategies.clear(workspace)
    return names


@st.cache_data(ttl=60, max_entries=64, show_spinner=False)
def _strategies(workspace: str) -> list[str]:
    found = data.fresh("strategies", workspace=workspace)
    return [str(name) for name in found.filter(pl.col("n_trials") > 0)["strategy_name"]]


def pick_strategy(names: Sequence[str]) -> str:
    """The strategy; what a link asks for and is not there is said."""
    asked = st.query_params.get("strategy_name")
    # The URL holds what an option looks like: the bare name, so that links can be written by hand.
    chosen = pick("Strategy", names, "strategy_name")
    if asked and asked not in names:
        box(
            f"No trials of strategy {shortened(asked)!r} here",
            f"The link names one that this workspace has not; this is {shortened(chosen)!r}.",
            colour=HINT,
        )
    return chosen


def pick(label: str, options: Sequence[str], key: str) -> str:
    """One of several, kept in the URL; what is no longer among them gives way to the first."""
    if key in st.session_state and st.session_state[key] not in options:
        # Said, not deleted: the browser would go on showing what was picked before.
        st.session_state[key] = options[0]
    return str(st.selectbox(label, options, key=key, bind="query-params"))


def wanted(key: str) -> str | None:
    """What a picker holds that is shown further down, or what the URL wants of it."""
    return st.session_state.get(key) or st.query_params.get(key) or None


def objective_of(known: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """What is known of an objective: unit, direction, break_even."""
    return next((o for o in known if o["name"] == name), {})
