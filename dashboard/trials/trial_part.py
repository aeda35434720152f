"""One trial: what it says, and who changed its status when and why."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.shared import data
from dashboard.shared.parts import empty, guarded
from dashboard.shared.text import say
from dashboard.views.trials import details, history_rows, metric_table, regime_table, trial_params

KEYS: Final = ("trial",)
_SHOWN: Final = "_trial_shown"


def trial_part(workspace: str, rows: pl.DataFrame, chosen: Sequence[int]) -> None:
    """The one that is chosen in the list, or that the URL names."""
    if len(chosen) == 1 and st.session_state.get(_SHOWN) != chosen[0]:
        st.session_state["trial"] = chosen[0]
    st.session_state[_SHOWN] = chosen[0] if len(chosen) == 1 else None
    number = st.number_input(
        "One trial in detail: its number",
        value=None,
        min_value=1,
        step=1,
        key="trial",
        bind="query-params",
        width=260,
    )
    if number is None:
        return
    row = _row(workspace, rows, int(number))
    if row is None:
        empty(
            f"No trial {number:,} in this workspace",
            "It may belong to another workspace; the first column of the list has the numbers.",
        )
        return
    _show(row)
    with guarded("The history"):
        changes = data.ask("history", trial_id=int(number), workspace=workspace)
        _history(row, changes)


def _row(workspace: str, rows: pl.DataFrame, number: int) -> Mapping[str, Any] | None:
    """From the page that is shown, else by its place in the order of storing."""
    if "trial_id" in rows.columns:
        found = rows.filter(pl.col("trial_id") == number)
        if not found.is_empty():
            return found.row(0, named=True)
    near, _ = data.ask("trial_page", workspace=workspace, after=str(number + 1), limit=1)
    found = near.filter(pl.col("trial_id") == number)
    return None if found.is_empty() else found.row(0, named=True)


def _show(row: Mapping[str, Any]) -> None:
    say(
        "<h3>Trial {number}: {strategy}</h3><p>{market}, {status}</p>",
        number=row["trial_id"],
        strategy=row["strategy_name"],
        market=" ".join(t for t in (row["symbol"], row["timeframe"]) if t) or "no market known",
        status="withdrawn: it counts for nothing" if row["withdrawn_at"] else row["kb_status"],
    )
    left, right = st.columns(2)
    with left:
        st.code(json.dumps(trial_params(row), indent=2), language="json")
        st.dataframe(metric_table(row), hide_index=True, key="_trial_metrics")
    for title, table in details(row).items():
        with right:
            st.caption(title)
            st.dataframe(table, hide_index=True, key=f"_trial_{title}")
    regimes = regime_table(row)
    if not regimes.is_empty():
        with st.expander("Regime of its windows"):
            st.dataframe(regimes, hide_index=True, key="_trial_regime")


def _history(row: Mapping[str, Any], changes: pl.DataFrame) -> None:
    st.caption("History of its status, newest first (UTC)")
    if changes.is_empty():
        say(
            "<p>Nobody has changed it: it is {status} since it came in.</p>",
            status=row["kb_status"],
        )
        return
    st.dataframe(
        history_rows(changes),
        hide_index=True,
        key="_trial_history",
        column_config={
            "at": st.column_config.DatetimeColumn(
                "at (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"
            ),
            "from_status": "from",
            "to_status": "to",
            "actor_type": "kind of actor",
        },
    )
