"""The chart of 07: how long each was away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradingkb.runbooks.procedures.drawing import BLUE, GREEN, ORANGE, axis, layout

if TYPE_CHECKING:
    from tradingkb.runbooks.procedures.restart import Restart


def chart(restart: Restart) -> Any:
    """Seconds until each had ended and until it was ready again; a Plotly figure."""
    import plotly.graph_objects as go

    names = [
        f"{one.name} (rolled back)" if one.rolled_back else one.name for one in restart.timings
    ]
    ready = [ORANGE if one.rolled_back else GREEN for one in restart.timings]
    parts = (
        ("until it had ended", [one.ended_s for one in restart.timings], BLUE),
        ("until it was ready again", [one.ready_s for one in restart.timings], ready),
    )
    figure = go.Figure()
    for label, seconds, colour in parts:
        bar = go.Bar(
            x=seconds,
            y=names,
            name=label,
            orientation="h",
            marker_color=colour,
            hovertemplate=f"%{{x:.1f}} s {label}, %{{y}}<extra></extra>",
        )
        figure.add_trace(bar)
    title = f"How long each was away (n = {len(names)} restarts)"
    figure.update_layout(layout(title, barmode="stack", height=160 + 40 * len(names)))
    figure.update_layout(legend_traceorder="normal")
    figure.update_xaxes(axis("seconds", rangemode="tozero"))
    figure.update_yaxes({"autorange": "reversed", "automargin": True})
    if not names:
        figure.add_annotation(
            text="nothing was restarted", showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper"
        )
    return figure
