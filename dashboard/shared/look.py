"""How everything looks: one colour means one thing on every page, in light and in dark.

The colours are after Okabe and Ito, which colour-blind readers tell apart; where two lie upon each
other a pattern or a symbol differs as well.
"""

from __future__ import annotations

from typing import Any, Final

# Streamlit loads it when a first table is shown, and Plotly looks into it as soon as it is there,
# half loaded by the thread of another viewer: so it is whole before anything is drawn.
import pandas  # noqa: F401
import streamlit as st

#: Of answers. None is hatched too.
STATUS: Final = {"ok": "#009e73", "degraded": "#e69f00", "none": "#d55e00"}
STATUS_PATTERN: Final = {"ok": "", "degraded": "", "none": "/"}
#: Of notices: all is well; to be known; wrong.
GOOD: Final = STATUS["ok"]
HINT: Final = STATUS["degraded"]
BAD: Final = STATUS["none"]
STATUS_ORDER: Final = ("ok", "degraded", "none")
#: Of circuit breakers.
BREAKER: Final = {"closed": "#009e73", "half_open": "#e69f00", "open": "#d55e00"}
#: Of problems.
SEVERITY: Final = {"critical": "#d55e00", "warning": "#e69f00", "info": "#56b4e9"}
SEVERITY_SIGN: Final = {"critical": "●", "warning": "▲", "info": "■"}
#: What is not good or bad: series in their order.
SERIES: Final = ("#0072b2", "#cc79a7", "#56b4e9", "#b58900", "#7d7d7d", "#009e73")
#: Recommended parameters and defaults, wherever both are marked.
RECOMMENDED: Final = {"color": "#0072b2", "symbol": "star"}
DEFAULTS: Final = {"color": "#cc79a7", "symbol": "diamond"}
#: Worse than zero to better, white between; and few to many.
DIVERGING: Final = ((0.0, "#d55e00"), (0.5, "#f7f7f7"), (1.0, "#0072b2"))
SEQUENTIAL: Final = ((0.0, "#deebf7"), (0.5, "#56b4e9"), (1.0, "#003f6b"))
GREY: Final = "#8a8a8a"

_CONFIG: Final = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "toImage"],
}
_MARGINS: Final = {"l": 8, "r": 8, "t": 34, "b": 8}


def dark() -> bool:
    """Whether the viewer has a dark page."""
    return st.context.theme.type == "dark"


def ink() -> str:
    """The colour of what is written into a figure by us."""
    return "#e8e8e8" if dark() else "#31333f"


def layout(height: int, *, title: str, **more: Any) -> dict[str, Any]:
    """The layout that every figure begins with.

    Args:
        height: pixels.
        title: what it shows, with its unit; never a text from data.
        **more: of Plotly's layout.
    """
    return {
        "height": height,
        "title": {"text": title, "font": {"size": 14}, "x": 0, "xanchor": "left"},
        "margin": _MARGINS,
        "legend": {"orientation": "h", "y": -0.2, "x": 0, "itemsizing": "constant"},
        "hovermode": "x unified",
        "hoverlabel": {"align": "left"},
        "bargap": 0.08,
        **more,
    }


def draw(figure: Any, *, alt: str, key: str, select: bool = False) -> Any:
    """Shows a figure.

    Args:
        figure: a Plotly figure, or the dict of one.
        alt: what a reader who does not see it is told: the finding, not the kind of chart.
        key: its name on the page.
        select: whether clicking a point runs the page again.

    Returns:
        What is selected.
    """
    return st.plotly_chart(
        figure,
        alt=alt,
        key=key,
        config=_CONFIG,
        on_select="rerun" if select else "ignore",
        selection_mode="points",
    )
