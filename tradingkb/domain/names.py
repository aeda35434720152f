"""Names that a user may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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
