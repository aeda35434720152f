"""Texts of users on their way to a terminal or a log: names can hold anything.

An escape sequence clears the screen, names the window, or hides what stands before it.
"""

from __future__ import annotations

import re
from typing import Final

#: Control characters but for tab and newline, marks that turn the direction of what follows, line
#: separators, and halves of pairs, which cannot be written as UTF-8.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


def printable(text: str) -> str:
    r"""The text with what a terminal would obey spelled out: \x1b, \x9b, \u202e."""
    return _UNPRINTABLE.sub(lambda match: ascii(match[0])[1:-1], text)


def printable_json(text: str) -> str:
    """A JSON document that means the same, with such characters as JSON escapes them."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
