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
    (r"tkb\.const\(\.\.\.\)", "constants"),
    (r"strict=False takes the good rows", "without strict the good rows go in"),
    (
        r"give ohlcv= (to measure it|if the trials have no regime yet)",
        "give regime_is and regime_oos, or ingest with tradingkb ingest --ohlcv",
    ),
    (r"give it as -p (\w+)=\.\.\.", r'give it in parameters: {"\1": ...}'),
    (r"\b(replace|readmit|restart|dry_run)=True\b", r'"\1": true'),
)


def as_requests(text: str) -> str:
    """The text with Python calls as requests, or as commands where there is no request."""
    text = re.sub(r"mapping=\{([^{}]*)\}", _fields, text)
    for python, request in _WORDS:
        text = re.sub(python, request, text)
    return text


def _fields(mapping: re.Match[str]) -> str:
    """The entries of a mapping as the two fields that a request has for them."""
    columns = re.findall(r'"(\w+)": "([^"]*)"', mapping[1])
    constants = re.findall(r'"(\w+)": tkb\.const\("([^"]*)"\)', mapping[1])
    named = (("mapping", columns), ("constants", constants))
    return " and ".join(_object(name, found) for name, found in named if found) or "mapping"


def _object(name: str, entries: list[tuple[str, str]]) -> str:
    inside = ", ".join(f'"{key}": "{value}"' for key, value in entries)
    return f'"{name}": {{{inside}}}'
