"""The order of search results, the same from every adapter."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from tradingkb.ports import WindowHit

#: Similarities that agree to this many digits are equal. Sums of float32 differ by up to 4e-7: of
#: six digits, another server rounds one in fourteen otherwise; of four, one in thousands.
SIMILARITY_DIGITS: Final = 4


def rounded(similarity: float) -> float:
    """A similarity as it is compared and returned, without a negative zero."""
    return round(float(similarity), SIMILARITY_DIGITS) + 0.0


def by_similarity(hits: Iterable[WindowHit]) -> list[WindowHit]:
    """Nearest first; equally near ones by window key."""
    return sorted(hits, key=lambda hit: (-hit.similarity, hit.window_key))


def complete(nearest: Collection[WindowHit], limit: int) -> bool:
    """Whether no window that is still unknown could be among the first `limit`.

    Windows arrive nearest first, so all those as near as the last one kept are there as soon as
    one arrives that is farther.
    """
    if len(nearest) <= limit:
        return limit < 1
    hits = by_similarity(nearest)
    return hits[-1].similarity < hits[limit - 1].similarity
