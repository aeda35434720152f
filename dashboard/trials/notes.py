"""Small print under a figure."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.shared.text import say

_LINE = '<li style="margin:0 0 .15rem 0">{{{name}}}</li>'


def notes(lines: Sequence[str]) -> None:
    """Shows sentences below each other, as text."""
    names = [f"line{k}" for k in range(len(lines))]
    say(
        '<ul style="font-size:.9rem;opacity:.85;margin:0;padding-left:1.1rem;'
        'overflow-wrap:anywhere">' + "".join(_LINE.format(name=name) for name in names) + "</ul>",
        **dict(zip(names, lines, strict=True)),
    )
