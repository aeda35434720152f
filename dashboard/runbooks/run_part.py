"""One run whole: how far it is, or what it found and did, what is next, and its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import streamlit as st

from dashboard.shared import data
from dashboard.shared.look import BAD, HINT
from dashboard.shared.parts import box, empty, refreshes, refused
from dashboard.shared.text import in_label, say
from dashboard.views import html, runs
from dashboard.views.report import framed
from dashboard.views.runbooks import Opens, of_run
from tradingkb.exceptions import NotFoundError, TradingKBError

KEYS: Final = ("run",)
#: Seconds between two looks at a run that is at work: one row is read by its key.
_LOOK_S: Final = 2.0
_HEIGHT: Final = 900
Open = Callable[[Opens], None]


def run_part(opens: Open) -> None:
    """The run that the URL names.

    Args:
        opens: opens the form like this.
    """
    st.subheader("One run")
    run_id = str(
        st.text_input(
            "Its id",
            key="run",
            bind="query-params",
            max_chars=64,
            width=420,
            placeholder="of any run, as the list has it",
        )
        or ""
    ).strip()
    if not run_id:
        return
    run = _asked(run_id)
    if run is None:
        return
    if runs.active(run):
        st.fragment(lambda: _live(run_id), run_every=_LOOK_S if refreshes() else None)()
        return
    _whole(run, opens)


def _asked(run_id: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = data.fresh("runbook_run", run_id=run_id)
    except NotFoundError as error:
        box("No such run is stored", str(error), colour=HINT, role="alert")
        return None
    except TradingKBError as error:
        refused("The run", error)
        return None
    return found


def _live(run_id: str) -> None:
    """A run at work; nothing else of the page is made again while it is looked at."""
    run = _asked(run_id)
    if run is None:
        return
    if not runs.active(run):
        data.forget()
        st.rerun()
    st.html(html.headline(runs.headline(run, data.at_once())))
    st.progress(runs.done_share(run), text=in_label(runs.progress_text(run), 120))
    say(
        '<p style="opacity:.8;font-size:.9rem">It runs in a process of its own: it goes on when '
        "this page is closed, and is then found in the list of runs.</p>"
    )


def _whole(run: Mapping[str, Any], opens: Open) -> None:
    now = data.at_once()
    st.html(html.headline(runs.headline(run, now)))
    if run["error"]:
        box("Why", str(run["error"]), colour=BAD, role="alert")
    st.html(html.groups([("The run", runs.facts(run, now), "")]))
    _result(run)
    _next(run, opens)
    st.button(
        "Fill the form in as this run had it",
        key="_again",
        on_click=opens,
        args=(of_run(run),),
        icon=":material/replay:",
    )
    _report(run)


def _result(run: Mapping[str, Any]) -> None:
    if run["result"] is None:
        empty("It left no result", runs.without_result(run))
        return
    if rows := runs.finding_rows(run):
        st.markdown("**What it found**")
        st.html(html.table(runs.FINDINGS, rows))
    else:
        empty("It found nothing worth telling")
    if actions := runs.action_rows(run):
        st.markdown("**What it would do**" if run["dry_run"] else "**What it did**")
        st.html(html.table(runs.ACTIONS, actions))


def _next(run: Mapping[str, Any], opens: Open) -> None:
    """Commands that run a runbook open its form here; others are there to be copied."""
    steps = runs.steps(run)
    if not steps:
        return
    st.markdown("**What to do next**")
    for number, step in enumerate(steps):
        say("<div>{why}</div>", why=step.why)
        if step.command is not None:
            st.code(step.command, language="bash", wrap_lines=True)
        if step.opens is not None:
            st.button(
                f"Open {in_label(step.opens.runbook, 80)} filled in like this",
                key=f"_next_{number}",
                on_click=opens,
                args=(step.opens,),
                icon=":material/arrow_forward:",
            )


def _report(run: Mapping[str, Any]) -> None:
    if run["report"] is None:
        return
    name, run_id = str(run["report"]).rpartition("/")[2], str(run["run_id"])
    if not st.toggle("Show the report", key="_report"):
        return
    try:
        report = data.report(run_id)
    except TradingKBError as error:
        refused("The report", error, clicked=True)
        return
    st.download_button("Download the report", report, file_name=name, mime="text/html")
    st.iframe(
        framed(report, f"Report of {run['runbook']}"),
        height=_HEIGHT,
        alt=f"Report of the run of {run['runbook']}",
    )
