"""What all figures share: colours, font, frame. Legible on white and on dark pages."""

from __future__ import annotations

from typing import Any, Final

#: The figures themselves are transparent; a report's script gives them the page's ink.
INK: Final = "#7d7d7d"
GRID: Final = "rgba(128,128,128,.22)"
ZERO: Final = "rgba(128,128,128,.6)"
# After Okabe and Ito's palette, which colour-blind readers tell apart; shapes differ as well.
ORANGE: Final = "#d96c00"
BLUE: Final = "#3f8fc9"
GREEN: Final = "#12936f"
PURPLE: Final = "#a3589a"
YELLOW: Final = "#b58900"
FONT: Final = 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif'
# Placed by the container, so that it takes more height on a narrow page instead of covering axes.
LEGEND: Final = {
    "orientation": "h",
    "x": 0,
    "y": 0,
    "yref": "container",
    "yanchor": "bottom",
    "itemsizing": "constant",
    "itemwidth": 40,
    "font": {"size": 12},
}
AXIS: Final = {
    "gridcolor": GRID,
    "zerolinecolor": ZERO,
    "linecolor": GRID,
    "ticks": "outside",
    "tickcolor": GRID,
    "title": {"font": {"size": 13}, "standoff": 12},
    "automargin": True,
}


def frame(height: int, top: int = 92) -> dict[str, Any]:
    """The layout of a transparent figure, `height` and the margin at its `top` in pixels."""
    return {
        "template": "none",
        "height": height,
        "margin": {"l": 64, "r": 16, "t": top, "b": 20},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": INK, "activecolor": GREEN},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": INK, "family": FONT, "size": 13},
        "hoverlabel": {"align": "left"},
        "hovermode": "closest",
    }
