"""The page of charts of runbook 09: answers, index, ages, and what choices were worth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tradingkb.monitoring import SHARES
from tradingkb.runbooks.procedures.answer_rates import COLOURS
from tradingkb.runbooks.procedures.drawing import BLUE, GREEN, GREY, ORANGE, axis, layout
from tradingkb.runbooks.procedures.index_state import FAULTS

if TYPE_CHECKING:
    import polars as pl

    from tradingkb.indexing import Reconciliation
    from tradingkb.runbooks.book import Run
    from tradingkb.runbooks.procedures.daily_health import Age

_HOUR_MS: Final = 3_600_000
_NOTHING: Final = {"showarrow": False, "font": {"color": GREY}, "x": 0.5, "y": 0.5}


@dataclass(frozen=True)
class Day:
    """What the page shows.

    Attributes:
        at: the time, UTC.
        answers: at (hour), status, count of the last 24 hours; probes left out.
        index: SQL beside the vector index; None where they could not be compared.
        ages: when things last happened.
        decisions: quarter (4 * year + 0 to 3), won (mean of 0 to 1), n: past choices that could be
            compared with the strategy's defaults.
        rate: their fitted rate with its interval; None while uncalibrated.
        objective_type: by which they were judged.
    """

    at: datetime
    answers: pl.DataFrame
    index: Reconciliation | None
    ages: list[Age]
    decisions: pl.DataFrame
    rate: tuple[float, float, float] | None
    objective_type: str


def read_day(run: Run, index: Reconciliation | None, ages: list[Age], objective_type: str) -> Day:
    """Reads what the page shows beside what was found already."""
    import polars as pl

    store = run.kb.use_cases.store
    space = run.kb.use_cases.workspaces.find(run.workspace).id
    outcomes = store.outcomes(space, objective_type).filter(pl.col("won").is_not_null())
    decisions = (
        outcomes.group_by("quarter").agg(pl.col("won").mean(), pl.len().alias("n")).sort("quarter")
    )
    fitted = store.calibration(space, objective_type)
    model = fitted.model if fitted is not None else None
    rate = None if model is None else (model["value"], model["low"], model["high"])
    answers = run.kb.event_rates(run.workspace, bucket="hour")
    return Day(
        run.kb.use_cases.indexer.clock(), answers, index, ages, decisions, rate, objective_type
    )


def page(day: Day) -> Any:
    """Four charts on one page; a Plotly figure."""
    from plotly.subplots import make_subplots

    n = int(day.answers["count"].sum())
    points = 0 if day.index is None else int(day.index.before["held"].sum())
    decisions = int(day.decisions["n"].sum())
    watched = sum(age.limit_days is not None for age in day.ages)
    figure = make_subplots(
        rows=2,
        cols=2,
        horizontal_spacing=0.13,
        vertical_spacing=0.2,
        subplot_titles=(
            f"Answers of the last 24 h by status (n = {n:,})",
            f"Index beside SQL (n = {points:,} points)",
            f"How long ago (n = {watched} things that should not wait)",
            f"Choices that beat the defaults, {day.objective_type} (n = {decisions:,} decisions)",
        ),
    )
    _answers(figure, day, 1, 1)
    _index(figure, day, 1, 2)
    _ages(figure, day, 2, 1)
    _decisions(figure, day, 2, 2)
    title = "The day on one page"
    figure.update_layout(layout(title, height=720, barmode="stack", margin={"t": 110, "b": 60}))
    figure.update_layout(legend={"y": 1.045})
    figure.update_annotations(font_size=13)
    return figure


def _answers(figure: Any, day: Day, row: int, col: int) -> None:
    import plotly.graph_objects as go
    import polars as pl

    totals = day.answers.group_by("at").agg(pl.col("count").sum().alias("n"))
    shares = day.answers.join(totals, on="at").with_columns(
        share=100 * pl.col("count") / pl.col("n")
    )
    for status, colour in COLOURS.items():
        mine = shares.filter(pl.col("status") == status).sort("at")
        bar = go.Bar(
            x=mine["at"].to_list(),
            y=mine["share"].to_list(),
            name=status,
            width=_HOUR_MS,
            offset=0,
            marker_color=colour,
            customdata=mine.select("count", "n").rows(),
            hovertemplate="%{y:.0f} % (%{customdata[0]} of %{customdata[1]})",
        )
        figure.add_trace(bar, row=row, col=col)
    for status in ("none", "degraded"):
        rule = next(one for one in SHARES if one.status == status)
        figure.add_hline(
            y=100 * rule.threshold, line_dash="dash", line_color=COLOURS[status], row=row, col=col
        )
    last = [day.at - timedelta(hours=24), day.at + timedelta(hours=1)]
    figure.update_xaxes(axis("hour, UTC", type="date", range=last), row=row, col=col)
    figure.update_yaxes(axis("share of answers, %", range=[0, 104]), row=row, col=col)
    _say(figure, "nobody asked", row, col, empty=not day.answers.height)


def _index(figure: Any, day: Day, row: int, col: int) -> None:
    import plotly.graph_objects as go

    names = ("expected", "held", *FAULTS)
    sums = {} if day.index is None else {n: int(day.index.before[n].sum()) for n in names}
    colours = [BLUE if name in ("expected", "held") else ORANGE for name in sums]
    bar = go.Bar(
        x=list(sums),
        y=list(sums.values()),
        marker_color=colours,
        text=[f"{value:,}" for value in sums.values()],
        textposition="outside",
        cliponaxis=False,
        showlegend=False,
    )
    figure.add_trace(bar, row=row, col=col)
    figure.update_xaxes(axis(""), row=row, col=col)
    figure.update_yaxes(axis("points", rangemode="tozero"), row=row, col=col)
    _say(figure, "not compared", row, col, empty=not sums)


def _ages(figure: Any, day: Day, row: int, col: int) -> None:
    import plotly.graph_objects as go

    watched = [age for age in day.ages if age.limit_days is not None]
    known = [age for age in watched if age.days is not None]
    never = [age.what for age in watched if age.days is None]
    bar = go.Bar(
        x=[age.days for age in known],
        y=[age.what for age in known],
        orientation="h",
        marker_color=[ORANGE if age.late else GREEN for age in known],
        text=[f"{age.days:.1f}" for age in known],
        showlegend=False,
    )
    figure.add_trace(bar, row=row, col=col)
    mark = go.Scatter(
        x=[age.limit_days for age in known],
        y=[age.what for age in known],
        mode="markers",
        marker={"symbol": "line-ns", "size": 22, "line": {"width": 2, "color": GREY}},
        name="limit",
    )
    figure.add_trace(mark, row=row, col=col)
    title = "days" if not never else f"days (never: {', '.join(never)})"
    figure.update_xaxes(axis(title, rangemode="tozero"), row=row, col=col)
    figure.update_yaxes({"autorange": "reversed", "automargin": True}, row=row, col=col)
    _say(figure, "nothing has happened yet", row, col, empty=not known)


def _decisions(figure: Any, day: Day, row: int, col: int) -> None:
    import plotly.graph_objects as go

    bar = go.Bar(
        x=[date(q // 4, 3 * (q % 4) + 1, 1) for q in day.decisions["quarter"]],
        y=(100 * day.decisions["won"]).to_list(),
        customdata=day.decisions["n"].to_list(),
        marker_color=BLUE,
        hovertemplate="%{x|%b %Y}: %{y:.0f} % of %{customdata}<extra></extra>",
        width=60 * 24 * _HOUR_MS,
        showlegend=False,
    )
    figure.add_trace(bar, row=row, col=col)
    if day.rate is not None:
        value, low, high = (100 * one for one in day.rate)
        figure.add_hrect(y0=low, y1=high, fillcolor=GREEN, opacity=0.18, row=row, col=col)
        figure.add_hline(y=value, line_color=GREEN, row=row, col=col)
    figure.update_xaxes(axis("quarter of the decision", type="date"), row=row, col=col)
    figure.update_yaxes(axis("decisions, %", range=[0, 104]), row=row, col=col)
    _say(figure, "no decision has an outcome yet", row, col, empty=not day.decisions.height)


def _say(figure: Any, text: str, row: int, col: int, *, empty: bool) -> None:
    if empty:
        place = {"xref": "x domain", "yref": "y domain"}
        figure.add_annotation(text=text, **_NOTHING, **place, row=row, col=col)
