"""What the charts of procedures have in common; legible on white and on dark pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tradingkb.presentation import shown

INK: Final = "#7d7d7d"
GREY: Final = "#8a8a8a"
#: After Okabe and Ito, which colour-blind readers tell apart.
BLUE: Final = "#3f8fc9"
GREEN: Final = "#12936f"
YELLOW: Final = "#e69f00"
ORANGE: Final = "#d96c00"
#: Of circuits, as on the dashboard.
BREAKER: Final[Mapping[str, str]] = {"closed": GREEN, "half_open": YELLOW, "open": ORANGE}
_GRID: Final = "rgba(128,128,128,.22)"


def layout(title: str, *, height: int = 340, **more: Any) -> dict[str, Any]:
    """The layout that every chart begins with.

    Args:
        title: what is drawn, with the size of the sample.
        height: pixels.
        **more: further parts of the layout.
    """
    return {
        "template": "none",
        "title": {"text": title, "x": 0, "xref": "container", "font": {"size": 15}},
        "height": height,
        "margin": {"l": 64, "r": 16, "t": 64, "b": 48},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": INK, "size": 13},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    } | more


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis whose title names its unit."""
    return {
        "title": {"text": title, "standoff": 8},
        "gridcolor": _GRID,
        "zerolinecolor": _GRID,
        "automargin": True,
    } | more


def bars(values: Mapping[str, float], title: str, unit: str) -> Any:
    """Horizontal bars, the first on top.

    Args:
        values: by name, in `unit`.
        title: what is counted, with the sample size.
        unit: of the axis.
    """
    from plotly.graph_objects import Bar, Figure

    names = list(values)
    figure = Figure(
        Bar(
            x=[values[name] for name in names],
            y=names,
            orientation="h",
            marker_color=BLUE,
            text=[shown(values[name]) for name in names],
            cliponaxis=False,
        )
    )
    figure.update_layout(layout(title, height=140 + 34 * max(len(names), 1), bargap=0.35))
    figure.update_xaxes(axis(unit, rangemode="tozero"))
    figure.update_yaxes(axis("", autorange="reversed"))
    return figure
