"""One line per record, whatever its fields hold: logfmt or JSON, without secrets of URLs.

In logfmt a value is bare, or a JSON string: it is quoted where a reader could otherwise not tell
where it ends, or a terminal would obey it. An empty value and None are written alike.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from tradingkb.masking import masked

#: What no name of a field may hold.
_NO_NAME: Final = re.compile(r"[^\w.-]")


def logfmt(fields: Mapping[str, Any]) -> str:
    """`name=value` pairs."""
    pairs = ((_NO_NAME.sub("_", name), _quoted(_shown(value))) for name, value in fields.items())
    return " ".join(f"{name}={value}" for name, value in pairs)


def json_line(fields: Mapping[str, Any]) -> str:
    """One JSON object."""
    return json.dumps({name: _shown(value) for name, value in fields.items()})


def _shown(value: Any) -> Any:
    """What JSON has, or text; lists are comma-separated text, for grep wants words."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    parts = value if isinstance(value, list | tuple) else (value,)
    return masked(",".join(map(str, parts)))


def _quoted(value: Any) -> str:
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    bare = text.isprintable() and not any(mark in text for mark in ' ="')
    return text if bare else f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    if character.isprintable() and character not in '"\\':
        return character
    return json.dumps(character)[1:-1]  # \n, \", \u202e
