"""What docstrings say: the first sentence of a thing, and the meaning of each of its fields."""

from __future__ import annotations

import inspect
import re
from typing import Any

_SECTION = re.compile(r"^(\w+):$", re.MULTILINE)
_ENTRY = re.compile(r"^(\w+(?:, \w+)*): (.*)$", re.DOTALL)


def summary(thing: Any) -> str:
    """The first paragraph of a docstring as one line."""
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


def sections(thing: Any) -> dict[str, str]:
    """The Google-style sections of a docstring, unindented, by their title."""
    parts = _SECTION.split(inspect.getdoc(thing) or "")
    return {
        title: inspect.cleandoc("\n" + text)
        for title, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def meanings(thing: Any) -> dict[str, str]:
    """Each attribute of a class with what its docstring says; one text may be of several."""
    entries = re.split(r"\n(?=\S)", sections(thing).get("Attributes", ""))
    found = (_ENTRY.match(entry) for entry in entries)
    return {
        name: " ".join(match[2].split())
        for match in found
        if match is not None
        for name in match[1].split(", ")
    }
