"""The chart of 01: what is configured beside what is admitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tradingkb.runbooks.procedures.drawing import GREEN, GREY, axis, layout

if TYPE_CHECKING:
    from tradingkb.runbooks.procedures.multi_replica_found import Check

_LIMITS: Final = (
    ("per_minute", "requests in a minute"),
    ("at_once", "requests at once"),
)


def chart(check: Check) -> Any:
    """Configured and admitted requests, by where they are counted; a Plotly figure."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.14)
    where = [f"counted in {name}" for name in check.found]
    for column, (name, unit) in enumerate(_LIMITS, 1):
        for kind, colour in (("configured", GREY), ("effective", GREEN)):
            values = [getattr(found, f"{kind}_{name}") for found in check.found.values()]
            label = "configured" if kind == "configured" else "admitted"
            bar = go.Bar(
                x=where,
                y=values,
                name=label,
                legendgroup=label,
                showlegend=column == 1,
                marker_color=colour,
                text=["" if value is None else value for value in values],
                textposition="auto",
                hovertemplate=f"%{{y}} {unit}, {label}, %{{x}}<extra></extra>",
            )
            figure.add_trace(bar, row=1, col=column)
        figure.update_yaxes(axis(unit, rangemode="tozero"), row=1, col=column)
    n = sum(found.requests for found in check.found.values())
    title = f"What {check.replicas} replicas admit of one workspace (n = {n} requests)"
    figure.update_layout(layout(title, barmode="group"))
    if not check.found:
        text = {"text": "nothing was measured: a dry run", "showarrow": False}
        figure.add_annotation(**text, x=0.5, y=0.5, xref="paper", yref="paper")
    return figure
