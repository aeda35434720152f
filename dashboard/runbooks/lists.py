"""The lists of the page: what ran, what runs by itself, and what did not run."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from dashboard.shared import data
from dashboard.shared.parts import empty, guarded
from dashboard.views import html, runs, schedules

#: Runs that are listed, and decisions that are looked through.
_MOST: Final = 50
_TICKS: Final = 200


def history_part(workspace: str, runbook: str | None) -> None:
    """Runs, newest first; one that is chosen is shown whole."""
    with guarded("The list of runs"):
        asked = {"workspace": workspace, "runbook": runbook, "limit": _MOST}
        rows, more = data.ask("runbook_runs", **asked)
        if rows.is_empty():
            empty(
                "Nothing has run yet in this workspace",
                "Choose a runbook and try a dry run, here or with `tradingkb runbook run NAME`.",
            )
            return
        ids = rows["run_id"].to_list()
        # A list that has changed has another key: what is selected is of the list before.
        key = f"_runs_{hash((workspace, runbook, *ids)):x}"
        st.dataframe(
            runs.history(rows, data.at_once()),
            hide_index=True,
            height="content" if len(ids) < 8 else 320,
            key=key,
            on_select=lambda: _chosen(key, ids),
            selection_mode="single-row",
            column_config={
                "started": st.column_config.DatetimeColumn(
                    "started (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"
                )
            },
            placeholder="–",
            alt="Runs, newest first; the chosen one is shown whole below.",
        )
        if more is not None:
            st.caption(
                f"Of more than {_MOST} runs the newest; `tradingkb runbook history` has all."
            )


def _chosen(key: str, ids: list[str]) -> None:
    state: Any = st.session_state[key]
    if state.selection.rows:
        st.session_state["run"] = ids[state.selection.rows[0]]


def schedules_part() -> None:
    """What runs by itself and when, and the times at which nothing ran."""
    with guarded("The schedules"):
        now = data.at_once()
        found = data.ask("schedules")
        if found.is_empty():
            empty(
                "Nothing is scheduled",
                "A file schedules.toml says what runs when, and `tradingkb runbook schedule` runs "
                "it. Here stands what that has read last.",
            )
        else:
            st.html(html.table(schedules.SCHEDULES, schedules.schedule_rows(found, now)))
        left_out = schedules.left_out_rows(data.ask("schedule_ticks", limit=_TICKS), now)
        if left_out:
            st.markdown("**Times at which nothing ran**")
            st.html(html.table(schedules.TICKS, left_out))
