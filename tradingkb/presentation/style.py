"""The stylesheets of cards and pages, and the pages' one small script; `assets/` has their text.

Notebook front ends bring light and dark themes and their own table rules. A card's text therefore
takes its colour from the page (`currentColor`), lines and fills are translucent greys, and the
badges carry a background dark enough for white letters on either. Its selectors repeat the class,
so that they outweigh JupyterLab's `.jp-RenderedHTMLCommon` rules.

Plotly does not inherit colours: the script gives the figures the page's ink, and dark ink on paper.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final


def _asset(name: str) -> str:
    text = files("tradingkb.presentation").joinpath("assets", name).read_text(encoding="utf-8")
    return f"\n{text}"


CARD_CSS: Final = _asset("card.css")
PAGE_CSS: Final = _asset("page.css")
RUNBOOK_CSS: Final = _asset("runbook.css")
FIGURE_SCRIPT: Final = _asset("page.js")
