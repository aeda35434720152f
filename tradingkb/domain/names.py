"""Names: those of parameters, those that a user may have meant, and texts that can be none."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


def is_unicode(text: str) -> bool:
    """Whether every database can hold a text.

    None holds a lone half of a surrogate pair, which UTF-8 cannot write, and not all hold a NUL.
    """
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def near_names(name: str, known: Iterable[str], n: int = 3) -> list[str]:
    """The known names closest to one that is not known, best first; upper case is no difference.

    Args:
        name: what the user wrote.
        known: the names that exist, in any order.
        n: how many at most.
    """
    spellings: dict[str, list[str]] = {}
    for other in sorted(set(known) - {name}):
        spellings.setdefault(other.casefold(), []).append(other)
    found = difflib.get_close_matches(name.casefold(), list(spellings), n=n, cutoff=0.6)
    return [other for spelling in found for other in spellings[spelling]][:n]


def is_param_name(name: str) -> bool:
    """Whether a parameter can be called so: like a variable, as constraints and commands name it.

    Optimisers write `buy_rsi`; those that write "opt.lr" or "fast period" are renamed on the way
    in, because "a.b" and {"a": {"b": ...}} could not be told apart, nor "n=5" from a value.
    """
    return name.isidentifier()


def as_param_name(name: str) -> str:
    """A name like one that is none, which a parameter can have."""
    near = re.sub(r"\W+", "_", name).strip("_")
    near = near if is_param_name(near) else f"p_{near}".rstrip("_")
    return near if is_param_name(near) else "p"
