"""Runbooks: what each is for, a form that starts it, how far it is, and what it found.

The URL says which runbook and run are looked at and what is filled in; it never starts anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from dashboard.runbooks import form, run_part
from dashboard.runbooks.lists import history_part, schedules_part
from dashboard.runbooks.start_part import start_part, wrong_of
from dashboard.shared import data, scope
from dashboard.shared.look import HINT
from dashboard.shared.parts import box, empty, refreshing, refused
from dashboard.shared.text import in_label, say, shortened
from dashboard.views import html, links, runbooks
from dashboard.views.runbooks import Opens
from tradingkb.exceptions import TradingKBError

_TABS: Final = ("Runbooks", "Runs", "Schedules")
_CATALOGUE: Final = (
    "Runbook",
    "Title",
    "What it is for",
    "Alerts that lead to it",
    "Destructive",
)
#: What a link or a step asked for and the form could not hold.
_LOST: Final = "_runbook_lost"


def show(workspace: str) -> None:
    """The page, once the catalogue is there."""
    catalogue = data.ask("runbooks")

    def opens(asked: Opens) -> None:
        st.session_state[_LOST] = form.fill(catalogue, asked)
        st.session_state["part"] = _TABS[0]

    choose, ran, planned = st.tabs(_TABS, key="part", on_change="rerun", bind="query-params")
    # A tab that is not open asks for nothing.
    if choose.open:
        with choose:
            _choose(catalogue, workspace)
    if ran.open:
        with ran:
            refreshing("runs", lambda: history_part(workspace, None))
    if planned.open:
        with planned:
            refreshing("schedules", schedules_part)
    st.divider()
    run_part.run_part(opens)


def _choose(catalogue: Sequence[Mapping[str, Any]], workspace: str) -> None:
    names = [str(one["name"]) for one in catalogue]
    asked = st.query_params.get("runbook")
    if asked and asked not in names:
        box(
            f"No runbook {shortened(asked)!r}",
            "The link names one that is not here. Below are those that are.",
            colour=HINT,
        )
    name = st.selectbox(
        "Runbook",
        names,
        index=None,
        key="runbook",
        bind="query-params",
        placeholder="which one?",
        on_change=lambda: _changed(catalogue),
    )
    book = runbooks.found(catalogue, name)
    if book is None:
        if names:
            st.html(html.table(_CATALOGUE, runbooks.catalogue_rows(catalogue)))
        else:
            empty("There are no runbooks", "RUNBOOKS_DIR names the folder of their notebooks.")
        return
    _about(book)
    _filled_in(book, workspace)


def _changed(catalogue: Sequence[Mapping[str, Any]]) -> None:
    """Another runbook begins with its own defaults."""
    name = st.session_state.get("runbook")
    if name is not None:
        form.fill(catalogue, Opens(name, None, {}))
    st.session_state.pop(_LOST, None)


def _about(book: Mapping[str, Any]) -> None:
    """What the notebook says of itself, in its own Markdown: it is a program of this project."""
    st.subheader(in_label(book["title"], 120))
    st.markdown(
        f"{book['purpose']}\n\n**When to run.** {book['when']}\n\n"
        f"**What it changes.** {book['changes']}\n\n**How to undo.** {book['undo']}"
    )
    say(
        '<p style="opacity:.8;font-size:.9rem">Alerts that lead here: {alerts}. Version {version}; '
        "a run is ended after {minutes} minutes.</p>",
        alerts=", ".join(book["alerts"]) or "none",
        version=book["version"],
        minutes=round(book["deadline_s"] / 60),
    )


def _filled_in(book: Mapping[str, Any], workspace: str) -> None:
    of = runbooks.fields(book)
    scope.remember_too(*(one.key for one in of))
    arrived = bool(st.session_state.get("_arrived"))
    link = {k: st.query_params.get_all(k) for k in st.query_params if runbooks.is_key(k)}
    with st.container(border=True):
        say(
            '<p style="margin:0">In workspace <strong>{name}</strong>, as picked at the left.</p>',
            name=shortened(workspace),
        )
        said = form.show(of, wrong_of(str(book["name"])))
    if arrived:
        held = {one.key: st.session_state.get(one.key) for one in of}
        unknown = [f"{k}={','.join(v)}" for k, v in link.items() if k not in held]
        st.session_state[_LOST] = [*links.left_out(link, held), *unknown]
    _left_out(st.session_state.get(_LOST) or [])
    start_part(book, of, said, workspace)


def _left_out(lost: Sequence[str]) -> None:
    if lost:
        box(
            "Left out of what was to be filled in, because it has no place in this form",
            *(one.removeprefix("p_") for one in lost),
            colour=HINT,
            role="alert",
        )


st.title("Runbooks")
scope.remember("part", "runbook", *run_part.KEYS)
try:
    show(scope.picked().workspace)
except TradingKBError as error:
    refused("The runbooks", error)
