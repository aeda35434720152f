"""Parts of pages: what is said when there is nothing, or nobody answers, and what refreshes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

import streamlit as st

from dashboard.shared import data
from dashboard.shared.look import BAD
from dashboard.shared.text import say
from tradingkb.exceptions import BackendUnavailableError, NotReadyError, TradingKBError
from tradingkb.settings import load_settings

#: Of the field for the token.
TOKEN_HELP: Final = (
    "What `ADMIN_TOKEN` is set to where the store is opened: for the service that this dashboard "
    "is connected to, or else for the dashboard itself. Setting it there lets nobody in by itself: "
    "it is typed here. Where none is set, nothing can be changed from here."
)
#: A fragment works at most half of the time; a slow one less often, but within this.
_SLOWEST_S: Final = 600.0
_BOX: Final = (
    '<div role="{role}" style="border:1px solid rgba(128,128,128,.35);border-left:.4rem solid '
    '{colour};border-radius:.4rem;padding:.7rem 1rem;overflow-wrap:anywhere">'
    "<strong>{{title}}</strong>{body}</div>"
)
#: Whether what runs is a part that refreshes by itself.
_within: ContextVar[bool] = ContextVar("within", default=False)
_LINE: Final = '<div style="margin-top:.25rem">{{{name}}}</div>'


def box(title: str, *lines: str, colour: str, role: str = "note") -> None:
    """A framed notice: a title and lines, all plain text."""
    names = [f"line{i}" for i in range(len(lines))]
    body = "".join(_LINE.format(name=name) for name in names)
    say(
        _BOX.format(role=role, colour=colour, body=body),
        title=title,
        **dict(zip(names, lines, strict=True)),
    )


def empty(title: str, *lines: str) -> None:
    """Says that there is nothing to show, and how something comes to be here."""
    box(title, *lines, colour="#8a8a8a")


@contextmanager
def guarded(what: str) -> Iterator[None]:
    """Shows in its place why a part of a page could not be made; the others stand.

    Args:
        what: the part, as in "The rates".
    """
    try:
        yield
    except TradingKBError as error:
        refused(what, error)


def refused(what: str, error: TradingKBError, *, clicked: bool = False) -> None:
    """Says what could not be done, since when, and what helps.

    Args:
        what: as in "The rates".
        error: why.
        clicked: whether a click asked for it; then nothing asks again but another one.
    """
    lines = [str(error)]
    if isinstance(error, BackendUnavailableError):
        again = refreshes() and not clicked
        then = "This page asks again by itself." if again else "Nothing asks again by itself."
        lines.append(f"No answer since {clock_text(data.trouble().met())}. {then}")
        if again and not _within.get():
            _ask_again()
        title = f"{what}: the knowledge base does not answer"
    elif isinstance(error, NotReadyError):
        title = f"{what}: not now"
    else:
        title = f"{what}: not possible"
    box(title, *lines, colour=BAD, role="alert")


def _ask_again() -> None:
    """Runs the page again after a while: what failed stands in no part that refreshes."""
    every = _interval_s()
    begun = time.monotonic()

    def look_again() -> None:
        # The run that made it comes through here at once, a refresh only after the interval.
        if time.monotonic() - begun > every / 2:
            st.rerun()

    st.fragment(look_again, run_every=every)()


def clock_text(at: datetime | None) -> str:
    """A time as it is shown: UTC, to the second."""
    return "never" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def refreshing(name: str, part: Callable[[], None]) -> None:
    """Runs a part of a page as a fragment that refreshes by itself, at most half of the time.

    Args:
        name: of the part, unique on the page.
        part: what it shows; it may use no widget whose text somebody could be typing.
    """
    key = f"_every_{name}"
    least = _interval_s()
    every = float(st.session_state.get(key, least))

    def timed() -> None:
        started = time.monotonic()
        within = _within.set(True)
        try:
            part()
        finally:
            _within.reset(within)
        took = time.monotonic() - started
        wanted = min(max(least, 4 * took), max(least, _SLOWEST_S))
        st.session_state[key] = wanted
        if took > every / 2 and refreshes():
            # The interval of a fragment that runs is changed by a run of the page alone.
            st.rerun()

    st.fragment(timed, run_every=every if refreshes() else None)()


@st.cache_resource(show_spinner=False)
def _interval_s() -> float:
    """Seconds between two refreshes of a fragment, where its queries allow."""
    return load_settings().dashboard_refresh_s


def refreshes() -> bool:
    """Whether the viewer wants parts of pages to refresh."""
    return bool(st.session_state.get("refresh", True))
