"""Figures of what circuit breakers did: states over time, and retries with their limit."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from dashboard.shared.look import BREAKER, SERIES, layout
from dashboard.views.breakers import lane
from dashboard.views.labels import hatched, in_figure, legend_below, span, thousands
from dashboard.views.state import SERVICES
from tradingkb.monitoring import RETRIES

_STATES: Final = ("closed", "half_open", "open")


def timeline(parts: pl.DataFrame, since: datetime, until: datetime) -> dict[str, Any]:
    """The figure of `segments`: a lane per replica and service."""
    lanes = parts.select("replica", "service").unique(maintain_order=True).rows()
    names = [lane(replica, service) for replica, service in lanes]
    return {
        "data": [_state_bars(parts.filter(pl.col("state") == s), s) for s in _STATES],
        "layout": layout(
            130 + 34 * max(1, len(lanes)),
            title=f"State of the circuits, by time in UTC (n = {len(lanes)} circuits)",
            barmode="overlay",
            hovermode="closest",
            xaxis={"type": "date", "range": [since, until], "hoverformat": "%Y-%m-%d %H:%M:%S"},
            yaxis={
                "type": "category",
                "categoryorder": "array",
                "categoryarray": names[::-1],
                "automargin": True,
            },
            showlegend=True,
            legend=legend_below(34 * max(1, len(lanes))),
        ),
    }


def _state_bars(rows: pl.DataFrame, state: str) -> dict[str, Any]:
    lengths = [
        (end - begin) / timedelta(milliseconds=1)
        for begin, end in rows.select("begin", "end").rows()
    ]
    told = [
        f"{state.replace('_', '-')} for {span(ms / 1000)}"
        + (f"<br>{in_figure(error, 120)}" if error else "")
        for ms, error in zip(lengths, rows["error"].to_list(), strict=True)
    ]
    return {
        "type": "bar",
        "orientation": "h",
        "base": rows["begin"].to_list(),
        "x": lengths,
        "y": [lane(r, s) for r, s in rows.select("replica", "service").rows()],
        "text": told,
        "textposition": "none",
        "name": state.replace("_", "-"),
        "marker": {
            "color": BREAKER[state],
            "pattern": hatched({"open": "/", "half_open": "."}.get(state, "")),
        },
        "hovertemplate": "%{y}<br>from %{base|%Y-%m-%d %H:%M:%S} UTC<br>%{text}<extra></extra>",
    }


def retry_figure(
    rates: pl.DataFrame, part: timedelta, since: datetime, until: datetime, ink: str
) -> dict[str, Any]:
    """The figure of `retries`, with the limit of the alert."""
    n = int(rates["retries"].sum()) if rates.height else 0
    names = list(SERVICES_SHOWN)
    highest = max([RETRIES.limit, *rates["per_s"].to_list()])
    return {
        "data": [
            _retry_bars(rates.filter(pl.col("service") == s), s, SERIES[i], part)
            for i, s in enumerate(names)
        ],
        "layout": layout(
            280,
            title=f"Retries a second of the busiest replica, by {span(part.total_seconds())} "
            f"(n = {thousands(n)} retries, UTC)",
            barmode="overlay",
            xaxis={"type": "date", "range": [since, until], "hoverformat": "%Y-%m-%d %H:%M"},
            yaxis={"title": {"text": "retries / s"}, "range": [0, 1.15 * highest]},
            shapes=[
                {
                    "type": "line",
                    "xref": "paper",
                    "x0": 0,
                    "x1": 1,
                    "y0": RETRIES.limit,
                    "y1": RETRIES.limit,
                    "line": {"color": ink, "width": 1.2, "dash": "dash"},
                }
            ],
            annotations=[
                {
                    "xref": "paper",
                    "x": 1,
                    "y": RETRIES.limit,
                    "xanchor": "right",
                    "yanchor": "bottom",
                    "showarrow": False,
                    "text": f"{RETRIES.severity} above {RETRIES.limit:g} / s for "
                    f"{RETRIES.hold_s // 60} minutes",
                    "font": {"size": 11, "color": ink},
                }
            ],
            showlegend=True,
            legend=legend_below(180),
        ),
    }


#: In the order of their colours.
SERVICES_SHOWN: Final = ("db", "qdrant", "ollama")


def _retry_bars(rates: pl.DataFrame, service: str, colour: str, part: timedelta) -> dict[str, Any]:
    middle = [at + part / 2 for at in rates["at"].to_list()]
    return {
        "type": "bar",
        "x": middle,
        "y": rates["per_s"].to_list(),
        "customdata": rates.select("retries").rows(),
        "name": SERVICES[service],
        # Of its own accord Plotly makes a bar as wide as the way to the next one.
        "width": 1000 * part.total_seconds(),
        "marker": {"color": colour, "opacity": 0.85},
        "hovertemplate": f"{SERVICES[service]}: %{{y:.2f}} a second "
        "(%{customdata[0]} of all replicas)<extra></extra>",
    }
