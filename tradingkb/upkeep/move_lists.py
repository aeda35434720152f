"""Whether two lists of trials differ in anything but the rounding of similarities; pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Row = Mapping[str, Any]

#: Similarities and scores nearer than this are the same: servers compute in float32, and a rounded
#: similarity that is scaled moves by a step of its rounding.
ROUNDING: Final = 2e-4
#: What a similarity moves.
_COMPUTED: Final = ("score", "similarity")
#: What follows from the order.
_PLACE: Final = frozenset({"rank", "tie_break", *_COMPUTED})


def same_but_for_rounding(mine: Sequence[Row], other: Sequence[Row]) -> bool:
    """Whether both list the same trials, and say the same of each, within rounding.

    A band of scores begins a little higher or lower then, and its trials change places within it;
    from the last band, which the end of the list cuts, others may be listed.

    Args:
        mine: trials of an answer, as `Recommendation.trials` lists them.
        other: those of the other place.
    """
    here, there = _by_id(mine), _by_id(other)
    alone = [{**here, **there}[name] for name in here.keys() ^ there.keys()]
    cut = max(_cut(mine), _cut(other)) + ROUNDING
    return (
        len(mine) == len(other)
        and all(_same(here[name], there[name]) for name in here.keys() & there.keys())
        and all(row["score"] <= cut for row in alone)
    )


def difference(mine: Sequence[Row], other: Sequence[Row]) -> str:
    """How many trials differ, which is the first of them, and by how much."""
    here, there = _by_id(mine), _by_id(other)
    found = [(n, why) for n in {**here, **there} for why in _why(here.get(n), there.get(n))]
    names = dict.fromkeys(name for name, _ in found)
    if not found:
        return "the same trials in another order"
    return f"{len(names)} of {len({**here, **there})} trials, first {found[0][0]}: {found[0][1]}"


def _why(mine: Row | None, other: Row | None) -> Iterator[str]:
    if mine is None or other is None:
        yield f"listed only by the {'target' if mine is None else 'source'}"
        return
    for name in sorted({*mine, *other} - {"rank", "tie_break"}):
        if mine.get(name) != other.get(name):
            yield f"{name} {mine.get(name)} in the source, {other.get(name)} in the target"


def _same(mine: Row, other: Row) -> bool:
    told = all(mine.get(name) == other.get(name) for name in {*mine, *other} - _PLACE)
    return told and all(_near(mine.get(name), other.get(name)) for name in _COMPUTED)


def _near(mine: float | None, other: float | None) -> bool:
    if mine is None or other is None:
        return mine is other
    return abs(mine - other) < ROUNDING


def _cut(rows: Sequence[Row]) -> float:
    """What scores in the last band, not all of which is listed, are below: those before it."""
    ends = [n for n, row in enumerate(rows[:-1], 1) if row["tie_break"] == "score"]
    return min(row["score"] for row in rows[: ends[-1]]) if ends else math.inf


def _by_id(rows: Sequence[Row]) -> dict[str, Row]:
    return {str(row["source_id"]): row for row in rows}
