"""Text from data, shown as text: never as HTML, Markdown, LaTeX or an icon.

Streamlit reads Markdown in most places, and directives such as `:material/x:` even where it is
escaped. So what comes from data goes through here: into HTML of our own, every value escaped.
"""

from __future__ import annotations

import html
from typing import Any, Final

import streamlit as st

#: Characters of a name that are shown; the rest is in the tooltip.
LONGEST: Final = 80
#: After a colon, which begins an icon or a colour even where it is escaped: shows nothing.
_JOINER: Final = "\u2060"
_MEANS_SOMETHING: Final = frozenset("\\`*_{}[]()<>#+-.!|$:~^=&/@")


def markup(template: str, **values: Any) -> str:
    """HTML of a template of ours and values from anywhere, which are escaped."""
    return template.format(**{name: html.escape(str(value)) for name, value in values.items()})


def say(template: str, **values: Any) -> None:
    """Shows HTML of ours with values from anywhere.

    Args:
        template: HTML, with {names}; written by us, never taken from data.
        **values: by name; escaped.
    """
    st.html(markup(template, **values))


def shortened(text: str, longest: int = LONGEST) -> str:
    """A name that fits; an ellipsis stands for what is left out of the middle."""
    if len(text) <= longest:
        return text
    head = longest * 2 // 3
    return f"{text[:head]}…{text[-(longest - head - 1) :]}"


def in_label(text: str, longest: int = 40) -> str:
    """A name for a place that reads Markdown (a button, a tab): looks the same, means nothing.

    A word joiner stands after every colon; whoever copies the label copies it along, so names to be
    copied are shown elsewhere.
    """
    shown = shortened(" ".join(text.split()), longest)
    escaped = "".join(f"\\{c}" if c in _MEANS_SOMETHING else c for c in shown)
    return escaped.replace(":", f":{_JOINER}")
