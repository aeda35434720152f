"""Whether the knowledge base is healthy; if not, since when, why, and which runbook to run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import streamlit as st

from dashboard.shared import data, look, scope
from dashboard.shared.parts import empty, guarded, refreshing, refused
from dashboard.shared.text import in_label
from dashboard.views import html, problems, rate_figures, rates, runbooks, state
from tradingkb.exceptions import BackendUnavailableError, TradingKBError
from tradingkb.monitoring import NOT_WATCHED

#: As many changes are marked and listed.
_CHANGES = 40


def _page() -> None:
    where = scope.picked()
    try:
        found = data.ask("problems", workspace=where.workspace)
    except BackendUnavailableError as error:
        _told([problems.no_answer(str(error), data.trouble().met())])
        return
    except TradingKBError as error:
        refused("Open problems", error)
        return
    _told(found, where)
    _ways_on(found, where)
    _parts(where)


def _told(found: list[dict[str, Any]], where: scope.Scope | None = None) -> None:
    """The problems, each with the way to its runbook; without one while nobody answers."""
    now = data.now()
    st.html(html.headline(problems.headline(found, now)))
    for problem, card in zip(found, problems.cards(found, now), strict=True):
        st.html(html.card(card))
        if where is not None:
            st.page_link(
                "app_pages/runbooks.py",
                label=f"Open {in_label(card.runbook, 80)}, filled in for this",
                icon=":material/menu_book:",
                query_params={
                    "workspace": where.workspace,
                    **runbooks.link(runbooks.of_problem(problem)),
                },
            )


def _ways_on(found: list[dict[str, Any]], where: scope.Scope) -> None:
    """To the pages that tell more of what is wrong, and what is not seen here."""
    link = {"workspace": where.workspace, "range": where.range}
    for page, label in problems.ways_on(found):
        st.page_link(
            f"app_pages/{page}.py", label=label, icon=":material/arrow_forward:", query_params=link
        )
    st.caption(
        "By the thresholds of the alerts. What is told by metrics alone only Prometheus sees: "
        f"{', '.join(NOT_WATCHED)}."
    )


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
    part = rates.part_of(where.bucket, where.until - where.since)
    counts = rates.by_part(present, part)
    changes = _changes(where)
    if counts.is_empty():
        empty(
            f"No answers in the last {where.range} in this workspace",
            "Choose a longer range, or ask something on the page Recommend.",
        )
    else:
        _figures(where, part, present, changes)
    if rows := rates.change_rows(changes):
        st.subheader("What changed last")
        st.html(html.table(("When, UTC", "Kind", "What", "Who"), rows))


def _figures(
    where: scope.Scope, part: rates.Part, present: pl.DataFrame, changes: pl.DataFrame
) -> None:
    counts = rates.by_part(present, part)
    ink, within = look.ink(), (where.since, where.until)
    look.draw(
        rate_figures.over_time(counts, part, within, changes, ink),
        alt=rates.finding(counts, part),
        key="rates",
    )
    before = [(b, _asked(where, b.shift)) for b in rates.befores(where.until - where.since)]
    named = [("now", present), *((b.name, found) for b, found in before)]
    header, rows = rates.compared([(name, rates.totals(found)) for name, found in named])
    st.html(html.table(header, rows, numbers=True))
    series = [("now", counts)]
    series += [(b.name, rates.moved(rates.by_part(found, part), b.shift)) for b, found in before]
    for status in ("none", "degraded"):
        look.draw(
            rate_figures.against(series, status, part, within, ink),
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
