"""What is said of an error to those who asked for a job: no path, address, host or secret."""

from __future__ import annotations

import re
from typing import Final

from tradingkb.exceptions import TradingKBError

#: Longest text, in characters.
_LONGEST: Final = 500
_HIDDEN: Final[tuple[tuple[str, str], ...]] = (
    (r"\b[a-z][a-z0-9+.\-]*://[^\s'\"]*", "<address>"),
    (r"(?i)\b(password|passwd|api_key|apikey|token|secret)\b(\s*[=:]\s*)\S+", r"\1\2<hidden>"),
    (
        r"(?i)\b(host|server at|connection to|port)([\s=:]+)(\"[^\"]*\"|'[^']*'|\d+\b)",
        r"\1\2<hidden>",
    ),
    (r"\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b", "<host>"),
    (r"(?<![\w<>/.])(~|[A-Za-z]:)?[/\\][^\s'\",;()]*[^\s'\",;().:]", "<path>"),
)


def told(error: BaseException, hidden: tuple[str, ...] = ()) -> str:
    """One line about an error.

    Args:
        error: what happened.
        hidden: texts that are never said, such as the store's folder.
    """
    text = str(error)
    for secret in sorted((h for h in hidden if len(h) > 1), key=len, reverse=True):
        text = text.replace(secret, "<hidden>")
    text = " ".join(text.split())
    for pattern, instead in _HIDDEN:
        text = re.sub(pattern, instead, text)
    if not isinstance(error, TradingKBError):
        text = f"unexpected error: {type(error).__name__}: {text}"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
