"""What filters turned away, as sums: per filter, over time, by relaxation and by pattern."""

from __future__ import annotations

from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.shared import data, look, scope
from dashboard.shared.parts import box, empty, guarded
from dashboard.shared.scope import Scope
from dashboard.shared.text import markup, say
from dashboard.views import html
from dashboard.views import rejections as view
from dashboard.views.labels import percent, thousands
from tradingkb.domain import RISKS

_BY: Final = ("strategy_name", "filter")
#: Newest answers whose suggestions and reasons are read.
_READ: Final = 100
_NOTE: Final = '<p style="opacity:.8;font-size:.9rem;margin:0">{text}</p>'


def show(strategy: str | None) -> None:
    """Shows the sums of the picked range.

    Args:
        strategy: of one alone; None for all.
    """
    at = scope.picked()
    with guarded("The rejections"):
        where = {"workspace": at.workspace, "since": at.since, "until": at.until}
        rates = data.ask("event_rates", **where, bucket="all", by=("strategy_name",))
        counted = data.ask("rejections", **where, bucket="all", by=_BY)
        rates, counted = (view.of_strategy(frame, strategy) for frame in (rates, counted))
        if rates.is_empty():
            empty(
                "Nothing was asked in this range",
                "Choose a longer range in the sidebar, or ask something on the page Recommend.",
            )
            return
        _finding(rates, counted)
        _per_filter(counted)
        _trend(at, strategy, view.unwell(rates)[0])
        recent = {status: _recent(at, strategy, status) for status in ("degraded", "none")}
        _helps(counted, pl.concat(recent.values()))
        _patterns(rates, recent["degraded"])


def _finding(rates: pl.DataFrame, counted: pl.DataFrame) -> None:
    n_answers, n_unwell = view.unwell(rates)
    status = "ok" if not n_unwell else "degraded"
    box(
        view.finding(view.by_filter(counted), n_answers, n_unwell),
        "Filters decide which trials may nominate their parameters. Every trial stays evidence.",
        colour=look.STATUS[status],
    )


def _colour(name: str) -> str:
    places = list(RISKS)
    return look.SERIES[places.index(name) % len(look.SERIES)] if name in places else look.GREY


def _per_filter(counted: pl.DataFrame) -> None:
    frame = view.by_filter(counted)
    if frame.is_empty():
        return
    st.subheader("Per filter")
    names = [markup("{name}", name=name) for name in frame["filter"]]
    bars = [
        _bar(names, frame["fails"], "fail it", "#56b4e9"),
        _bar(names, frame["fails_only"], "fail only it", "#0072b2"),
    ]
    asked = int(frame["asked"].max() or 0)  # type: ignore[arg-type]
    layout = look.layout(
        110 + 58 * len(names),
        title=f"Trials that a filter turns away, mean per answer (n = {asked:,} answers)",
        barmode="group",
        xaxis={"title": {"text": "trials per answer"}, "rangemode": "tozero"},
        yaxis={"autorange": "reversed", "automargin": True},
        hovermode="closest",
        legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
    )
    first = frame.row(0, named=True)
    alt = f"{first['filter']} turns away {first['fails']:.0f} trials per answer, alone "
    alt += f"{first['fails_only']:.0f}"
    look.draw({"data": bars, "layout": layout}, alt=alt, key="per_filter")
    with st.expander("Per strategy and filter"):
        st.dataframe(
            view.by_strategy_and_filter(counted),
            hide_index=True,
            alt="Counts per strategy and filter",
            key="counts",
            column_config=_COLUMNS,
        )


def _bar(names: list[str], values: pl.Series, name: str, colour: str) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "y": names,
        "x": values.to_list(),
        "name": name,
        "marker": {"color": colour},
        "hovertemplate": "%{y}: %{x:,.1f} trials per answer<extra></extra>",
    }


_COLUMNS: Final = {
    "strategy_name": st.column_config.TextColumn("strategy", width="medium"),
    "asked": st.column_config.NumberColumn("answers", help="that had the filter in force"),
    "requests": st.column_config.NumberColumn("fails some", help="answers in which trials fail it"),
    "requests_only": st.column_config.NumberColumn(
        "fails some only it", help="answers in which trials fail it and nothing else"
    ),
    "trials": st.column_config.NumberColumn("trials", help="that fail it, summed over answers"),
    "trials_only": st.column_config.NumberColumn("trials only", help="that fail nothing else"),
    "saved": st.column_config.NumberColumn(
        "saved", help="answers that were not ok, and that relaxing it alone would have helped"
    ),
    "fails": st.column_config.NumberColumn("trials per answer", format="%.1f"),
    "fails_only": st.column_config.NumberColumn("only it, per answer", format="%.1f"),
}


def _trend(at: Scope, strategy: str | None, n: int) -> None:
    st.subheader("Trend")
    measure = st.selectbox("What", list(view.MEASURES), key="measure", width=420)
    _, unit, meaning = view.MEASURES[measure]
    bucket = "hour" if at.bucket == "minute" else at.bucket
    found = data.ask(
        "rejections",
        workspace=at.workspace,
        since=at.since,
        until=at.until,
        bucket=bucket,
        by=_BY,
    )
    frame = view.trend(view.of_strategy(found, strategy), measure)
    share = unit == "share of answers"
    lines = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": markup("{name}", name=name),
            "x": part["at"].to_list(),
            "y": part["value"].to_list(),
            "customdata": part["asked"].to_list(),
            "line": {"color": _colour(name)},
            "hovertemplate": f"%{{y:{'.1%' if share else ',.1f'}}} (n = %{{customdata:,}})",
        }
        for (name,), part in frame.group_by("filter", maintain_order=True)
    ]
    layout = look.layout(
        320,
        title=f"{measure}: {unit} by {bucket} (n = {n:,} answers, UTC)",
        yaxis={"rangemode": "tozero", "tickformat": ".0%" if share else "", "automargin": True},
        xaxis={"range": [at.since, at.until], "type": "date"},
    )
    say(_NOTE, text=meaning)
    alt = f"{measure}, {unit}, for {frame['filter'].n_unique()} filters over {at.range}"
    look.draw({"data": lines, "layout": layout}, alt=alt, key="trend")


def _recent(at: Scope, strategy: str | None, status: str) -> pl.DataFrame:
    """The newest answers of a status: rows say what sums do not."""
    found: pl.DataFrame = data.ask(
        "event_page",
        workspace=at.workspace,
        where={"status": status} | ({"strategy_name": strategy} if strategy else {}),
        limit=_READ,
        since=at.since,
        until=at.until,
    )[0]
    return found


def _helps(counted: pl.DataFrame, recent: pl.DataFrame) -> None:
    st.subheader("Relaxations that would have helped")
    frame = view.helps(counted, view.suggestions(recent))
    if frame.is_empty():
        say(_NOTE, text="No filter, relaxed alone, would have given any answer enough trials.")
        return
    say(
        _NOTE,
        text="Each is the smallest change of one filter alone that lets enough trials through. "
        f"Thresholds are those that the newest {_READ} answers of each status suggested.",
    )
    st.dataframe(
        frame,
        hide_index=True,
        alt="Relaxations, by how many answers each would have saved",
        key="helps",
        column_config={
            "strategy": st.column_config.TextColumn(width="medium"),
            "saved": st.column_config.NumberColumn("answers it had saved"),
            "from": st.column_config.TextColumn("threshold"),
            "to": st.column_config.TextColumn("relaxed to"),
            "risk": st.column_config.TextColumn("what is given up"),
        },
    )


def _patterns(rates: pl.DataFrame, recent: pl.DataFrame) -> None:
    frame = view.patterns(rates)
    n = int(rates.filter(pl.col("status") == "degraded")["count"].sum())
    st.subheader("Degraded, by pattern")
    if not n:
        say(_NOTE, text="No answer was degraded.")
        return
    were = "answer was" if n == 1 else "answers were"
    say(_NOTE, text=f"{n:,} {were} degraded; one may show several patterns, or none of these.")
    _sentences(frame, ("pattern", "answers", "of degraded", "strategies", "cause", "what to do"))
    say(_NOTE, text=f"Reasons of the newest {recent.height:,} of them:")
    _sentences(view.reasons(recent), ("reason", "answers", "of these", "meaning", "what to do"))


def _sentences(frame: pl.DataFrame, header: tuple[str, ...]) -> None:
    """A few rows that hold whole sentences, which a table of cells would cut off."""
    rows = frame.with_columns(
        pl.col("answers").map_elements(thousands, pl.String),
        pl.col("share").map_elements(percent, pl.String),
    )
    st.html(html.table(header, rows.rows()))
