"""Promote, reject, archive: first what it would do, then the change.

Nothing of this is in the URL, so no link can change anything. Trying it needs the token, too: the
field keeps it until the change is made, and nothing else does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.shared import data
from dashboard.shared.look import GOOD, HINT
from dashboard.shared.parts import TOKEN_HELP, box, refused
from dashboard.shared.text import say
from dashboard.trials.notes import notes
from dashboard.views.curation import (
    ACTIONS,
    Change,
    Preview,
    as_shown,
    button_text,
    change,
    headline,
    lacking,
    left_to_do,
    still_meant,
    transition_rows,
)
from dashboard.views.numbers import count
from tradingkb.exceptions import TradingKBError

_ACTION: Final = "_change_action"
_REASON: Final = "_change_reason"
_TOKEN: Final = "_change_token"
_PREVIEW: Final = "_change_preview"
#: What the last click led to (a report, an error, or a sentence about what is missing), and for
#: which trials.
_OUTCOME: Final = "_change_outcome"
#: How often a change made the list new: its selection is of the list before.
CHANGES: Final = "_trial_changes"
_MOVED: Final = "Somebody has changed these trials since. Below is what it would do now."


def change_part(workspace: str, rows: pl.DataFrame, chosen: Sequence[int]) -> None:
    """The form, the preview, the token, and what became of it."""
    _outcome(chosen)
    if not chosen:
        st.session_state.pop(_PREVIEW, None)
        say(
            '<p style="opacity:.85">Choose trials at the left edge of the list to promote, reject '
            "or archive them, or one of them to see it whole. A heading puts the whole list in "
            "order.</p>"
        )
        return
    statuses = rows.filter(pl.col("trial_id").is_in(list(chosen)))["kb_status"].to_list()
    st.subheader(f"Change {count(len(chosen), 'chosen trial')}")
    with st.form("_change_form"):
        st.segmented_control(
            "What to do", list(ACTIONS), key=_ACTION, format_func=str.capitalize, required=True
        )
        notes(list(ACTIONS.values()))
        st.text_area("Reason", key=_REASON, max_chars=1000, height=80)
        st.text_input(
            "Admin token",
            type="password",
            key=_TOKEN,
            autocomplete="off",
            width=360,
            placeholder="the ADMIN_TOKEN: type it here",
            help=TOKEN_HELP,
        )
        st.form_submit_button(
            "Show what it would do", on_click=_try, args=(workspace, tuple(chosen), tuple(statuses))
        )
    preview = st.session_state.get(_PREVIEW)
    if preview is not None:
        asked = change(workspace, preview.change.action, chosen, preview.change.reason)
        if still_meant(preview, asked):
            _confirm(preview)
        else:
            del st.session_state[_PREVIEW]


def _confirm(preview: Preview) -> None:
    with st.container(border=True):
        st.markdown("**This is what it would do. Nothing is written yet.**")
        say("<p>{text}</p>", text=headline(preview.report))
        if preview.report["changed"]:
            st.dataframe(
                transition_rows(preview.report),
                hide_index=True,
                width=420,
                alt="How many trials make which change.",
            )
            st.button(button_text(preview), type="primary", key="_change_do", on_click=_do)


def _try(workspace: str, chosen: tuple[int, ...], statuses: tuple[str, ...]) -> None:
    """Asks for the dry run of what the form holds now."""
    st.session_state.pop(_PREVIEW, None)
    asked = change(
        workspace, st.session_state.get(_ACTION) or "", chosen, st.session_state.get(_REASON)
    )
    missing = lacking(asked, statuses)
    if missing is not None:
        _tell(missing, chosen)
        return
    try:
        report = _curate(asked, dry_run=True)
    except TradingKBError as error:
        _tell(error, chosen)
        return
    st.session_state.pop(_OUTCOME, None)
    st.session_state[_PREVIEW] = Preview(asked, report)


def _do() -> None:
    """Makes the change that the preview showed, once: a second click finds no preview."""
    preview = st.session_state.pop(_PREVIEW, None)
    if preview is None:
        return
    try:
        report = _curate(preview.change, dry_run=True)
        if not as_shown(preview, report):
            _tell(_MOVED, preview.change.trials)
            st.session_state[_PREVIEW] = Preview(preview.change, report)
            data.forget()
            return
        report = _curate(preview.change, dry_run=False)
    except TradingKBError as error:
        _tell(error, preview.change.trials)
        st.session_state[_PREVIEW] = preview  # to be tried again
        return
    _tell(report, preview.change.trials)
    st.session_state[_REASON] = st.session_state[_TOKEN] = ""
    st.session_state[CHANGES] = st.session_state.get(CHANGES, 0) + 1
    data.forget()


def _curate(asked: Change, *, dry_run: bool) -> dict[str, object]:
    report: dict[str, object] = data.fresh(
        "curate",
        action=asked.action,
        trials=list(asked.trials),
        workspace=asked.workspace,
        reason=asked.reason,
        dry_run=dry_run,
        token=st.session_state.get(_TOKEN) or None,
    )
    return report


def _tell(outcome: Any, trials: Sequence[int]) -> None:
    st.session_state[_OUTCOME] = (outcome, set(trials))


def _outcome(chosen: Sequence[int]) -> None:
    """What the last click led to; it stands until other trials are chosen."""
    found, trials = st.session_state.get(_OUTCOME, (None, set()))
    if chosen and set(chosen) != trials:
        st.session_state.pop(_OUTCOME, None)
    elif isinstance(found, TradingKBError):
        refused("Nothing was changed", found, clicked=True)
    elif isinstance(found, str):
        box("Not yet", found, colour=HINT)
    elif found is not None:
        box(headline(found), *left_to_do(found), colour=GOOD, role="status")
