"""What pages ask: one client per process, and each answer once for all viewers.

Answers are kept by what was asked and the rounded time, so that ten viewers cost one query. An
error is never kept: the next look asks again, and circuit breakers see to it that this is cheap.
"""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from typing import Any, Final

import streamlit as st

from tradingkb.client import Client, open_client
from tradingkb.exceptions import BackendUnavailableError, TradingKBError

#: Seconds to which "now" is rounded, and for which an answer is new enough.
FRESH_S: Final = 15
#: Answers that are kept at once, over all viewers.
_KEPT: Final = 256
#: Reports of runs likewise.
_REPORTS: Final = 4


class Trouble:
    """Since when the backend does not answer, for all viewers of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._since: datetime | None = None

    def met(self) -> datetime:
        """Notes that it did not answer; since when it has not."""
        with self._lock:
            self._since = self._since or datetime.now(UTC)
            return self._since

    def passed(self) -> None:
        """Notes that it answers."""
        with self._lock:
            self._since = None


@st.cache_resource(show_spinner=False)
def trouble() -> Trouble:
    """What this process remembers of the backend."""
    return Trouble()


@st.cache_resource(show_spinner=False, on_release=lambda client: client.close())
def client() -> Client:
    """The one client of this process: of TRADINGKB_SERVICE_URL, else of the store of settings.

    Raises:
        TradingKBError: the store cannot be opened; the next call tries again.
    """
    return open_client(os.environ)


def now() -> datetime:
    """This moment, rounded down to what answers are kept for, UTC."""
    seconds = int(datetime.now(UTC).timestamp())
    return datetime.fromtimestamp(seconds - seconds % FRESH_S, UTC)


def at_once() -> datetime:
    """This moment, UTC: for what is asked now."""
    return datetime.now(UTC)


def ask(method: str, **arguments: Any) -> Any:
    """What a reading method of the client answers, kept for `FRESH_S` seconds.

    Args:
        method: of `tradingkb.client.Client`; one that changes nothing.
        **arguments: of it.

    Raises:
        TradingKBError: whatever the method raises.
    """
    return _told(lambda: _kept(method, now(), arguments))


def fresh(method: str, **arguments: Any) -> Any:
    """What a method of the client answers now; for answers that nobody else will want."""
    return _told(lambda: getattr(client(), method)(**arguments))


def report(run_id: str) -> str:
    """The report of a run that has ended: some megabytes, of which a few are kept.

    Raises:
        TradingKBError: there is none, or nobody answers.
    """
    found: str = _told(lambda: _report(run_id))
    return found


@st.cache_data(max_entries=_REPORTS, show_spinner=False)
def _report(run_id: str) -> str:
    return client().runbook_report(run_id)


def forget() -> None:
    """Drops what is kept: somebody has just changed something and wants to see it."""
    _kept.clear()


@st.cache_data(ttl=4 * FRESH_S, max_entries=_KEPT, show_spinner=False)
def _kept(method: str, at: datetime, arguments: dict[str, Any]) -> Any:
    del at  # part of the key
    return getattr(client(), method)(**arguments)


def _told(work: Any) -> Any:
    try:
        found = work()
    except BackendUnavailableError:
        trouble().met()
        raise
    except TradingKBError:
        trouble().passed()
        raise
    trouble().passed()
    return found
