"""Starting a runbook: a dry run, or a run, which is confirmed where it can destroy something.

Nothing of this is in the URL, so no link starts anything. Both need the token, as the service
wants it: a dry run, too, lets a notebook work on the machine that is asked. The field keeps it
until something was changed, and nothing else does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from dashboard.shared import data
from dashboard.shared.look import HINT
from dashboard.shared.parts import TOKEN_HELP, box, refused
from dashboard.shared.text import in_label, say
from dashboard.views import runbooks as shaped
from dashboard.views import runs
from dashboard.views.runbooks import Field, Meant
from tradingkb.exceptions import InvalidInputError, TradingKBError

_TOKEN: Final = "_runbook_token"
_MEANT: Final = "_runbook_meant"
#: What the last click led to: of which runbook, and the error, or what is wrong by field.
_OUTCOME: Final = "_runbook_outcome"
#: Runs that are looked through for a dry run of the same parameters.
_LOOKED: Final = 50


def wrong_of(name: str) -> dict[str, str]:
    """What the last click found wrong with the form of a runbook, by field."""
    of, found = st.session_state.get(_OUTCOME, ("", None))
    return found if of == name and isinstance(found, dict) else {}


def start_part(
    book: Mapping[str, Any], of: Sequence[Field], said: Mapping[str, Any], workspace: str
) -> None:
    """The token, both buttons, and the confirmation.

    Args:
        book: the runbook.
        of: its form.
        said: what that says.
        workspace: slug.
    """
    now = Meant(book["name"], book["version"], {**said, "workspace": workspace})
    with st.form("_runbook_form"):
        st.text_input(
            "Admin token",
            type="password",
            key=_TOKEN,
            autocomplete="off",
            width=360,
            placeholder="the ADMIN_TOKEN: type it here",
            help=TOKEN_HELP,
        )
        with st.container(horizontal=True):
            st.form_submit_button(
                "Dry run",
                type="primary",
                icon=":material/visibility:",
                help="Says what it would do, and changes nothing.",
                on_click=_click,
                args=(now, tuple(of), None),
            )
            st.form_submit_button(
                "Run",
                icon=":material/play_arrow:",
                help="Does what a dry run would plan.",
                on_click=_click,
                args=(now, tuple(of), bool(book["destructive"])),
            )
    _refused(str(book["name"]))
    meant = st.session_state.get(_MEANT)
    if shaped.still_meant(meant, now):
        _confirm(book, now)
    else:
        st.session_state.pop(_MEANT, None)


def _click(now: Meant, of: tuple[Field, ...], destructive: bool | None) -> None:
    """A dry run begins, and a run of what destroys nothing; any other is confirmed first.

    Args:
        now: what the form says.
        of: the form.
        destructive: None for a dry run.
    """
    st.session_state.pop(_MEANT, None)
    st.session_state.pop(_OUTCOME, None)
    lacking = shaped.lacking(of, now.parameters)
    if lacking:
        st.session_state[_OUTCOME] = (now.runbook, lacking)
    elif destructive:
        st.session_state[_MEANT] = now
    else:
        _start(now, of, dry_run=destructive is None)


def _confirm(book: Mapping[str, Any], meant: Meant) -> None:
    with st.container(border=True):
        st.markdown("**This is not a dry run. Nothing has begun yet.**")
        st.markdown(f"**What it changes.** {book['changes']}")
        st.markdown(f"**How to undo.** {book['undo']}")
        say(
            '<p style="font-size:.85rem"><code>{text}</code></p>',
            text=shaped.said_text(meant.parameters),
        )
        dry = _last_dry(meant)
        if dry is None:
            box("Not tried yet", "No dry run with these parameters is in the list.", colour=HINT)
        else:
            say("<p>The last dry run with these parameters: {told}.</p>", told=dry)
        st.button(
            f"Run {in_label(meant.runbook, 80)} on {in_label(meant.parameters['workspace'])}",
            type="primary",
            key="_runbook_do",
            on_click=_do,
        )


def _last_dry(meant: Meant) -> str | None:
    try:
        rows, _ = data.fresh(
            "runbook_runs",
            workspace=meant.parameters["workspace"],
            runbook=meant.runbook,
            limit=_LOOKED,
        )
    except TradingKBError:
        return None
    return runs.last_dry(rows, meant.runbook, meant.parameters, data.at_once())


def _do() -> None:
    """Begins what was confirmed, once: a second click finds no confirmation."""
    meant = st.session_state.pop(_MEANT, None)
    if meant is None:
        return
    if _start(meant, (), dry_run=False):
        st.session_state[_TOKEN] = ""
    else:
        st.session_state[_MEANT] = meant  # to be tried again


def _start(meant: Meant, of: Sequence[Field], *, dry_run: bool) -> bool:
    """Whether it has begun; it is then the run that is looked at."""
    try:
        run = data.fresh(
            "start_runbook",
            name=meant.runbook,
            parameters=dict(meant.parameters),
            dry_run=dry_run,
            token=st.session_state.get(_TOKEN) or None,
        )
    except TradingKBError as error:
        field = getattr(error, "field", None)
        at = shaped.at_field(of, field) if isinstance(error, InvalidInputError) else None
        found = {at: str(error)} if at else error
        st.session_state[_OUTCOME] = (meant.runbook, found)
        return False
    st.session_state.pop(_OUTCOME, None)
    st.session_state["run"] = run["run_id"]
    data.forget()
    return True


def _refused(name: str) -> None:
    of, found = st.session_state.get(_OUTCOME, ("", None))
    if of != name:
        st.session_state.pop(_OUTCOME, None)
    elif isinstance(found, TradingKBError):
        refused("Nothing was started", found, clicked=True)
    elif found:
        box("Not yet", "Something in the form is to be corrected first.", colour=HINT)
