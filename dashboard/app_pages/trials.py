"""Trials: where the plateau is, whether in-sample results hold, and each trial by itself.

The URL says what is looked at; it never changes anything.
"""

from __future__ import annotations

import streamlit as st

from dashboard.shared import scope
from dashboard.shared.parts import empty, refused
from dashboard.trials import density_part, filters, grid_part, list_part, trial_part
from dashboard.trials.choose import pick_strategy, strategies_of
from tradingkb.exceptions import TradingKBError

_KEYS = (
    "strategy_name",
    "tab",
    *grid_part.KEYS,
    *density_part.KEYS,
    *filters.KEYS,
    *trial_part.KEYS,
)
_TABS = ("Parameter grid", "In-sample against out-of-sample", "All trials")


def show(workspace: str) -> None:
    """The page, once it is known that there are trials."""
    names = strategies_of(workspace)
    if not names:
        empty(
            "No trials in this workspace yet",
            "Bring some in with `tradingkb ingest FILE`, or kb.ingest(...) from a notebook.",
        )
        return
    strategy = pick_strategy(names)
    grid, density, everything = st.tabs(_TABS, key="tab", on_change="rerun", bind="query-params")
    # A tab that is not open asks for nothing.
    if grid.open:
        with grid:
            grid_part.grid_part(workspace, strategy)
    if density.open:
        with density:
            density_part.density_part(workspace, strategy)
    if everything.open:
        with everything:
            list_part.list_part(workspace, strategy)


st.title("Trials")
scope.remember(*_KEYS)
try:
    show(scope.picked().workspace)
except TradingKBError as error:
    refused("The trials", error)
