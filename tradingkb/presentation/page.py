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


def html_page(
    title: str, main: str, *, figures: bool, css: str = "", nonce: str | None = None
) -> str:
    """The text of a file.

    Args:
        title: plain text; it is escaped.
        main: the content, trusted HTML.
        figures: whether the content has any: plotly.js goes in once, where it is installed.
        css: more of the page's own style.
        nonce: for content that is not trusted: no script runs but those that carry it, and
            nothing is asked of any host.
    """
    plotly = _plotly() if figures else None
    codes = (plotly.get_plotlyjs(), FIGURE_SCRIPT) if plotly else ()
    scripts = [script(code, nonce) for code in codes] or ["", ""]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{_policy(nonce)}"
        f"<title>{esc(title)}</title>\n<style>{CARD_CSS}{PAGE_CSS}{css}</style>\n</head>\n"
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


def script(code: str, nonce: str | None = None) -> str:
    """A script, which is trusted."""
    key = f' nonce="{nonce}"' if nonce else ""
    return f"<script{key}>{code}</script>\n"


def _policy(nonce: str | None) -> str:
    if nonce is None:
        return ""
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src 'nonce-{nonce}'",
            "style-src 'unsafe-inline'",
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
