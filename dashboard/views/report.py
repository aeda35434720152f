"""The HTML report of a run inside of a page: it holds outputs of a notebook, so it is shut in."""

from __future__ import annotations

import html
from typing import Final

from tradingkb.presentation import REPORT_POLICY

#: A frame without allow-same-origin is of no origin: it reaches neither the page nor its cookies.
#: It inherits the policy of the document around it, which is ours alone.
_FRAME: Final = (
    '<!doctype html><meta http-equiv="Content-Security-Policy" content="{policy}">'
    "<style>html,body{{margin:0;height:100%}}iframe{{border:0;width:100%;height:100%}}</style>"
    '<iframe sandbox="allow-scripts" title="{title}" srcdoc="{report}"></iframe>'
)


def framed(report: str, title: str) -> str:
    """HTML whose one frame holds the report, without a way out of it.

    Args:
        report: a whole HTML document.
        title: of the frame, for those who do not see it.
    """
    shown = {"policy": REPORT_POLICY, "title": title, "report": report}
    return _FRAME.format(**{name: html.escape(text) for name, text in shown.items()})
