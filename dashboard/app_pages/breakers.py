"""What circuit breakers did, on every replica: states, retries, what opened them, what to do."""

from __future__ import annotations

import polars as pl
import streamlit as st

from dashboard.shared import data, look, scope
from dashboard.shared.parts import empty, guarded, refreshing
from dashboard.views import breaker_figures, breakers, html, state

#: Rows that are asked for; of more the newest.
_MOST = 1000


def _page() -> None:
    where = scope.picked()
    with guarded("Circuits"):
        living, health = data.ask("breakers"), data.ask("health")
        lines = state.circuit_lines(living, health, data.now())
        st.html(html.headline(breakers.headline(lines)))
        st.html(html.groups([("Circuits now", lines, "nothing that is embedded has one")]))
        changes = data.ask("breaker_changes", since=where.since, until=where.until, limit=_MOST)
        _history(where, changes, living)


def _history(where: scope.Scope, changes: pl.DataFrame, living: pl.DataFrame) -> None:
    if changes.is_empty() and living.is_empty():
        empty(
            f"No replica wrote down anything in the last {where.range}",
            "Replicas that are started with tradingkb serve write down every change of state and "
            "how often they repeated calls. A store that only notebooks and commands use has none.",
        )
        return
    if changes.height >= _MOST:
        st.caption(f"Of more than {_MOST} rows the newest are shown: choose a shorter range.")
    parts = breakers.segments(changes, living, where.since, where.until)
    look.draw(
        breaker_figures.timeline(parts, where.since, where.until),
        alt=breakers.finding(parts, where.until),
        key="timeline",
    )
    part = breakers.part_of(where.since, where.until)
    again = breakers.retries(changes, part)
    look.draw(
        breaker_figures.retry_figure(again, part, where.since, where.until, look.ink()),
        alt=breakers.finding_retries(again),
        key="retries",
    )
    st.subheader("What opened them")
    if rows := breakers.trips(changes, living, where.until):
        st.html(html.table(breakers.TRIPS, rows))
    else:
        empty(f"No circuit opened in the last {where.range}")


def _to_do() -> None:
    st.subheader("What to do")
    st.html(html.table(("State", "What it means", "What to do"), breakers.MEANINGS))
    st.html(html.table(("Runbook", "When"), breakers.RUNBOOKS))


st.title("Breakers and retries")
refreshing("breakers", _page)
_to_do()
