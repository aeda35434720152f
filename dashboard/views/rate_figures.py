"""Figures of the rates of answers, with the thresholds of the alerts and marks of changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from dashboard.shared.look import GREY, STATUS, STATUS_PATTERN, layout
from dashboard.views.labels import hatched, in_figure, legend_below, percent, thousands
from dashboard.views.rates import Part
from tradingkb.monitoring import SHARES

#: Marks that a figure has room for.
_MARKS: Final = 40


def over_time(
    counts: pl.DataFrame,
    part: Part,
    within: tuple[datetime, datetime],
    changes: pl.DataFrame,
    ink: str,
) -> dict[str, Any]:
    """The figure of the shares by status, above how many answers they are of.

    Args:
        counts: `by_part`.
        part: of what length its parts are.
        within: what is shown, from when to when.
        changes: at, kind, what, of what may have changed answers.
        ink: colour of what is written.
    """
    n = int(counts["n"].sum())
    width = part.length / timedelta(milliseconds=1)
    bars = [_share_bars(counts, status, width) for status in ("none", "degraded", "ok")]
    volume = {
        "type": "bar",
        "x": counts["at"].to_list(),
        "y": counts["n"].to_list(),
        "name": "answers",
        "marker": {"color": GREY},
        "width": width,
        "offset": 0,
        "yaxis": "y2",
        "showlegend": False,
        "hovertemplate": "%{y} answers<extra></extra>",
    }
    shapes, notes = thresholds("none", ink)
    marks = _marks(changes, ink)
    return {
        "data": [*bars, volume, *marks],
        "layout": layout(
            380,
            title=f"Share of answers by status, % per {part.name} (n = {thousands(n)}, UTC)",
            barmode="stack",
            shapes=[*shapes, *_lines(changes, ink)],
            annotations=notes,
            xaxis={
                "type": "date",
                "range": list(within),
                "anchor": "y2",
                "hoverformat": "%Y-%m-%d %H:%M",
            },
            yaxis={
                "domain": [0.3, 1],
                "range": [0, 108],
                "title": {"text": "share, %"},
                "tickvals": [0, 25, 50, 75, 100],
            },
            legend=legend_below(280),
            yaxis2={"domain": [0, 0.22], "title": {"text": "answers"}, "rangemode": "tozero"},
        ),
    }


def _share_bars(counts: pl.DataFrame, status: str, width: float) -> dict[str, Any]:
    shares = counts.select(100 * pl.col(status) / pl.col("n")).to_series()
    return {
        "type": "bar",
        "x": counts["at"].to_list(),
        "y": shares.to_list(),
        "customdata": counts.select(status, "n").rows(),
        "name": status,
        "marker": {"color": STATUS[status], "pattern": hatched(STATUS_PATTERN[status])},
        "width": width,
        "offset": 0,
        "hovertemplate": "%{y:.0f} % "
        + status
        + " (%{customdata[0]} of %{customdata[1]})<extra></extra>",
    }


def thresholds(status: str, ink: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lines at the shares above which an alert fires, and what is written at them."""
    rules = [rule for rule in SHARES if rule.status == status]
    shapes = [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": 100 * rule.threshold,
            "y1": 100 * rule.threshold,
            "line": {"color": ink, "width": 1.2, "dash": "dash"},
        }
        for rule in rules
    ]
    notes = [
        {
            "xref": "paper",
            # Not over the newest answers, which are on the right.
            "x": 0,
            "y": 100 * rule.threshold,
            "xanchor": "left",
            "yanchor": "bottom",
            "showarrow": False,
            "text": f"{status}: {rule.severity} above {percent(rule.threshold)} "
            f"in {rule.long_s // 3600} h",
            "font": {"size": 11, "color": ink},
            "bgcolor": behind(ink),
        }
        for rule in rules
    ]
    return shapes, notes


def behind(ink: str) -> str:
    """What makes that colour readable upon any other: most of the page's own."""
    light = int(ink[1:3], 16) > 127
    return "rgba(14,17,23,.72)" if light else "rgba(255,255,255,.78)"


def _lines(changes: pl.DataFrame, ink: str) -> list[dict[str, Any]]:
    line = {"color": ink, "width": 1, "dash": "dot"}
    return [
        {
            "type": "line",
            "yref": "paper",
            "x0": at,
            "x1": at,
            "y0": 0.3,
            "y1": 1,
            "line": line,
            "opacity": 0.55,
        }
        for at in _marked(changes)
    ]


def _marked(changes: pl.DataFrame) -> list[datetime]:
    return [] if changes.is_empty() else changes["at"].head(_MARKS).to_list()


def _marks(changes: pl.DataFrame, ink: str) -> list[dict[str, Any]]:
    if changes.is_empty():
        return []
    shown = changes.head(_MARKS)
    texts = [
        f"{in_figure(kind)}: {in_figure(what, 90)}"
        for kind, what in shown.select("kind", "what").iter_rows()
    ]
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": shown["at"].to_list(),
            "y": [104] * shown.height,
            "text": texts,
            "name": "something changed",
            "marker": {"symbol": "triangle-down", "size": 10, "color": ink},
            "hovertemplate": "%{text}<extra></extra>",
        }
    ]


def against(
    series: Sequence[tuple[str, pl.DataFrame]],
    status: str,
    part: Part,
    within: tuple[datetime, datetime],
    ink: str,
) -> dict[str, Any]:
    """The figure of one status's share now, and at the same times before.

    Args:
        series: name and `by_part`, moved to the present; the present first.
        status: whose share.
        part: of the counts.
        within: what is shown, from when to when.
        ink: colour of what is written.
    """
    shapes, notes = thresholds(status, ink)
    looks = (
        {"color": STATUS[status], "width": 3},
        {"color": GREY, "width": 1.8, "dash": "dash"},
        {"color": GREY, "width": 1.8, "dash": "dot"},
    )
    n = int(series[0][1]["n"].sum())
    return {
        "data": [
            _share_line(name, counts, status, part, look)
            for (name, counts), look in zip(series, looks, strict=False)
        ],
        "layout": layout(
            230,
            title=f"{status.capitalize()}, % of answers per {part.name} (n = {thousands(n)}, UTC)",
            shapes=shapes,
            annotations=notes,
            xaxis={"type": "date", "range": list(within), "hoverformat": "%Y-%m-%d %H:%M"},
            yaxis={"range": [0, 104], "title": {"text": "share, %"}},
            legend=legend_below(150),
        ),
    }


def _share_line(
    name: str, counts: pl.DataFrame, status: str, part: Part, line: Mapping[str, Any]
) -> dict[str, Any]:
    counts = with_gaps(counts, part)
    shares = counts.select(100 * pl.col(status) / pl.col("n")).to_series()
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "marker": {"size": 4},
        # From the middle of the part, so that a line lies over its bars.
        "x": [at + part.length / 2 for at in counts["at"].to_list()],
        "y": shares.to_list(),
        "customdata": counts.select(status, "n").rows(),
        "name": name,
        "line": dict(line),
        "hovertemplate": f"{name}: %{{y:.0f}} % "
        "(%{customdata[0]} of %{customdata[1]})<extra></extra>",
    }


def with_gaps(counts: pl.DataFrame, part: Part) -> pl.DataFrame:
    """A row without counts for each part between the first and the last that has no answers."""
    return counts.upsample("at", every=part.length) if counts.height > 1 else counts
