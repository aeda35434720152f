"""An HTML page that asks no other host for anything: style, plotly.js and figures are inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tradingkb.presentation.markup import el, esc
from tradingkb.presentation.style import CARD_CSS, FIGURE_SCRIPT, PAGE_CSS

_NO_PLOTLY: Final = (
    "Figures are left out, because plotly is not installed: pip install 'tradingkb[notebooks]'."
)
_NO_TOOLS: Final = {"displayModeBar": False, "scrollZoom": False}


def no_figures() -> str:
    """What a page says of its missing figures; "" where plotly is installed."""
    return "" if _plotly() else _NO_PLOTLY


def _plotly() -> Any:
    try:
        from plotly import offline
    except ImportError:
        return None
    return offline


def html_page(title: str, main: str, *, figures: bool) -> str:
    """The text of a file.

    Args:
        title: plain text; it is escaped.
        main: the content, trusted HTML.
        figures: whether the content has any: plotly.js goes in once, where it is installed.
    """
    plotly = _plotly() if figures else None
    scripts = (_script(plotly.get_plotlyjs()), _script(FIGURE_SCRIPT)) if plotly else ("", "")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{esc(title)}</title>\n<style>{CARD_CSS}{PAGE_CSS}</style>\n</head>\n"
        f"<body>\n{scripts[0]}<main>{main}</main>{scripts[1]}</body>\n</html>\n"
    )


def plot(name: str, caption: str, draw: Callable[[], Any], cls: str = "plot") -> str:
    """A figure under its caption, for a page that has plotly.js; "" where that is not installed.

    Args:
        name: the element's id.
        caption: plain text; it is escaped.
        draw: makes the figure, with a height.
        cls: of the element around it; a slim figure has no buttons to zoom and to save it.
    """
    if not _plotly():
        return ""
    figure = draw()
    html = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        include_mathjax=False,
        div_id=name,
        default_height=f"{figure.layout.height}px",
        config={"displaylogo": False, "responsive": True, **(_NO_TOOLS if "slim" in cls else {})},
    )
    return el("h3", esc(caption)) + el("div", html, cls=cls)


def _script(code: str) -> str:
    return f"<script>{code}</script>\n"
