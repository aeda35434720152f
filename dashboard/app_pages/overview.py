"""Whether the knowledge base is healthy; if not, since when, why, and which runbook to run."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import streamlit as st

from dashboard.shared import data, look, scope
from dashboard.shared.parts import empty, guarded, refreshing
from dashboard.views import html, problems, rates, state
from tradingkb.exceptions import TradingKBError

#: As many changes are marked and listed.
_CHANGES = 40


def _page() -> None:
    where = scope.picked()
    with guarded("Open problems"):
        found = data.ask("problems", workspace=where.workspace)
        now = data.now()
        st.html(html.headline(problems.headline(found, now)))
        for card in problems.cards(found, now):
            st.html(html.card(card))
        _parts(where)


def _parts(where: scope.Scope) -> None:
    with guarded("Checks, circuits and last times"):
        _standing(where)
    with guarded("Rates"):
        _rates(where)


def _standing(where: scope.Scope) -> None:
    now = data.now()
    circuits = state.circuit_lines(data.ask("breakers"), data.ask("health"), now)
    freshness = data.ask("freshness", workspace=where.workspace)
    st.html(
        html.groups(
            [
                ("Ready checks", state.check_lines(data.ask("ready")), "none"),
                ("Circuits", circuits, "nothing that is embedded has one"),
                ("Last times", state.fresh_lines(freshness, now), "none"),
            ]
        )
    )


def _rates(where: scope.Scope) -> None:
    present = _asked(where, timedelta(0))
    counts = rates.by_bucket(present)
    changes = _changes(where)
    if counts.is_empty():
        empty(
            f"No answers in the last {where.range} in this workspace",
            "Choose a longer range, or ask something on the page Recommend.",
        )
    else:
        _figures(where, present, counts, changes)
    if rows := rates.change_rows(changes):
        st.subheader("What changed last")
        st.html(html.table(("When, UTC", "Kind", "What", "Who"), rows))


def _figures(
    where: scope.Scope, present: pl.DataFrame, counts: pl.DataFrame, changes: pl.DataFrame
) -> None:
    ink, within = look.ink(), (where.since, where.until)
    look.draw(
        rates.over_time(counts, where.bucket, within, changes, ink),
        alt=rates.finding(counts, where.bucket),
        key="rates",
    )
    before = [(b, _asked(where, b.shift)) for b in rates.befores(where.until - where.since)]
    named = [("now", present), *((b.name, found) for b, found in before)]
    st.html(
        html.table(
            rates.COMPARED,
            rates.compared([(name, rates.totals(found)) for name, found in named]),
            numbers=True,
        )
    )
    series = [("now", counts)]
    series += [(b.name, rates.moved(rates.by_bucket(found), b.shift)) for b, found in before]
    for column, status in zip(st.columns(2), ("none", "degraded"), strict=True):
        with column:
            look.draw(
                rates.against(series, status, where.bucket, ink),
                alt=rates.finding_against(series, status),
                key=f"against-{status}",
            )


def _asked(where: scope.Scope, shift: timedelta) -> pl.DataFrame:
    """The rates of the range, or of the same time before."""
    since, until = where.since - shift, where.until - shift
    found: pl.DataFrame = data.ask(
        "event_rates", workspace=where.workspace, since=since, until=until, bucket=where.bucket
    )
    return found


def _changes(where: scope.Scope) -> pl.DataFrame:
    """What may have changed answers; the rates stand without it."""
    try:
        found: pl.DataFrame = data.ask(
            "recent_changes",
            workspace=where.workspace,
            since=where.since,
            until=where.until,
            limit=_CHANGES,
        )
    except TradingKBError:
        return pl.DataFrame()
    return found


st.title("Overview")
refreshing("overview", _page)
