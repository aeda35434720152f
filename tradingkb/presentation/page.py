"""An HTML page that asks no other host for anything: style, plotly.js and figures are inside."""

from __future__ import annotations

from typing import Any, Final

from tradingkb.presentation.markup import esc
from tradingkb.presentation.report_style import FIGURE_SCRIPT, REPORT_CSS
from tradingkb.presentation.style import CARD_CSS

#: What a page without plotly says of its missing figures.
NO_FIGURES: Final = (
    "Figures are left out, because plotly is not installed: pip install 'tradingkb[notebooks]'."
)
_NO_TOOLS: Final = {"displayModeBar": False, "scrollZoom": False}


def offline_plotly() -> Any:
    """The module `plotly.offline`; None where plotly is not installed."""
    try:
        from plotly import offline
    except ImportError:
        return None
    return offline


def html_page(title: str, main: str, plotly: Any = None) -> str:
    """The text of a file.

    Args:
        title: plain text; it is escaped.
        main: the content, trusted HTML.
        plotly: `offline_plotly()` where the content has figures: plotly.js goes in once.
    """
    scripts = (_script(plotly.get_plotlyjs()), _script(FIGURE_SCRIPT)) if plotly else ("", "")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{esc(title)}</title>\n<style>{CARD_CSS}{REPORT_CSS}</style>\n</head>\n"
        f"<body>\n{scripts[0]}<main>{main}</main>{scripts[1]}</body>\n</html>\n"
    )


def figure_html(figure: Any, name: str, *, tools: bool = True) -> str:
    """A figure's element for a page that has plotly.js.

    Args:
        figure: with a height.
        name: the element's id.
        tools: whether it has buttons to zoom and to save it.
    """
    html: str = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        include_mathjax=False,
        div_id=name,
        default_height=f"{figure.layout.height}px",
        config={"displaylogo": False, "responsive": True, **({} if tools else _NO_TOOLS)},
    )
    return html


def _script(code: str) -> str:
    return f"<script>{code}</script>\n"
