"""Remedies in the words of HTTP: the library names what to do in Python."""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final[tuple[tuple[str, str], ...]] = (
    (r"kb\.ingest\(\)|\brun an ingest\b", "POST /kb/trials/ingest"),
    (r"kb\.reembed\([^()]*\)", "POST /kb/reembed"),
    (r"kb\.(trials|events)\([^()]*\)", r"GET /kb/\1"),
    (r"kb\.create_workspace\('([^']*)'\)", r"tradingkb workspaces --create \1"),
    (r"kb\.register_strategy\([^()]*(\([^()]*\))?\)", "tradingkb strategies --register FILE"),
    (r"kb\.reconcile\(repair=True\)", "tradingkb reconcile --repair"),
    (r"kb\.(\w+)\(workspace='([^']*)'\)", r"tradingkb \1 --workspace \2"),
    (r"kb\.(\w+)\(\)", r"tradingkb \1"),
    (r'"(\w+)": tkb\.const\(("[^"]*")\)', r'constants: {"\1": \2}'),
    (r"tkb\.const\(\.\.\.\)", "constants"),
    (r"\b(replace|readmit|restart|dry_run)=True\b", r'"\1": true'),
)


def as_requests(text: str) -> str:
    """The text with Python calls as requests, or as commands where there is no request."""
    for python, request in _WORDS:
        text = re.sub(python, request, text)
    return text
