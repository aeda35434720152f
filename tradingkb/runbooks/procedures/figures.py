"""Charts of the runbooks: every one with its unit and its sample size in the title."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradingkb.presentation import shown


def bars(values: Mapping[str, float], title: str, unit: str, *, log: bool = False) -> Any:
    """Horizontal bars, the first on top.

    Args:
        values: by name, in `unit`.
        title: what is counted, with the sample size.
        unit: of the axis.
        log: a logarithmic axis, where the values differ by powers of ten.
    """
    from plotly.graph_objects import Bar, Figure

    names = list(values)
    figure = Figure(
        Bar(
            x=[values[name] for name in names],
            y=names,
            orientation="h",
            text=[shown(values[name]) for name in names],
            cliponaxis=False,
        )
    )
    figure.update_layout(
        title=title,
        height=140 + 34 * max(len(names), 1),
        margin={"l": 10, "r": 40, "t": 50, "b": 45},
        template="plotly_white",
        bargap=0.35,
    )
    figure.update_xaxes(title=unit, type="log" if log else "linear", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", automargin=True)
    return figure
