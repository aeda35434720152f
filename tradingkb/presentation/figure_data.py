"""What the evidence figure draws, as plain rows and groups."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from tradingkb.presentation import facts
from tradingkb.presentation import format as fmt
from tradingkb.presentation.facts import Answer

Row = Mapping[str, Any]

_SMALLEST: Final = 5.0
_LARGEST: Final = 17.0
#: The share of windows that counts as the regime's neighbourhood in the figure.
_NEAREST: Final = 0.25


@dataclass(frozen=True)
class Group:
    """Windows that are drawn as one box."""

    label: str
    rows: list[Row]


def plain(text: object) -> str:
    """Text from data for Plotly, which would read `<a href>` and other tags as markup."""
    return escape(str(text), quote=False)


def scored(answer: Answer) -> list[Row]:
    """The evidence rows that have a score and a date."""
    return [
        row
        for row in answer["evidence"]
        if fmt.finite(row["objective"]) is not None and row["end"] is not None
    ]


def by_instrument(rows: list[Row], answer: Answer) -> list[tuple[str, str, list[int]]]:
    """(key, name, indices) of the other windows and the own ones, the latter drawn on top."""
    own = [i for i, row in enumerate(rows) if row["own"]]
    other = [i for i, row in enumerate(rows) if not row["own"]]
    named = "other markets" if answer.get("symbol") else "windows"
    found = [("other", named, other), ("own", facts.market(answer), own)]
    return [entry for entry in found if entry[2]]


def marker_sizes(rows: list[Row]) -> list[float]:
    """Diameters whose area grows with the likeness of the regime, relative to the largest one."""
    weights = [max(fmt.finite(row.get("weight")) or 0.0, 0.0) for row in rows]
    top = max(weights, default=0.0)
    if top == 0.0 or min(weights) == top:
        return [8.0] * len(rows)
    return [round(_SMALLEST + (_LARGEST - _SMALLEST) * math.sqrt(w / top), 2) for w in weights]


def by_neighbourhood(rows: list[Row]) -> list[Group]:
    """The nearest quarter of windows by regime distance, the rest, and those without a regime."""
    known = [row for row in rows if fmt.finite(row.get("regime_distance")) is not None]
    unknown = [row for row in rows if fmt.finite(row.get("regime_distance")) is None]
    if not known:
        return [_group("all windows", "no regime to compare", rows)]
    distances = sorted(float(row["regime_distance"]) for row in known)
    cut = distances[max(math.ceil(_NEAREST * len(distances)) - 1, 0)]
    near = [row for row in known if row["regime_distance"] <= cut]
    rest = [row for row in known if row["regime_distance"] > cut]
    groups = [
        _group("nearest quarter", f"within {cut:.2f}", near),
        _group("the rest", f"{cut:.2f} to {distances[-1]:.2f}", rest),
        _group("not measured", "no regime known", unknown),
    ]
    return [group for group in groups if group.rows]


def _group(name: str, note: str, rows: list[Row]) -> Group:
    return Group(f"{name}<br>{note}<br>n = {len(rows):,}", rows)


def hover(row: Row, answer: Answer) -> str:
    """What a mark says when it is pointed at."""
    unit = facts.unit(answer)
    name = fmt.market(row.get("symbol"), row.get("timeframe")) or "unknown market"
    own = " (yours)" if row["own"] else ""
    rank = fmt.finite(row.get("rank_in_window"))
    distance = fmt.finite(row.get("regime_distance"))
    tags = textwrap.wrap(plain(", ".join(row.get("tags") or ())), 44)
    lines = [
        f"<b>{plain(name)}</b>{own}",
        f"{fmt.day(row['start'])} to {fmt.day(row['end'])}",
        f"{plain(answer['objective_type'])} <b>{fmt.score(row['objective'], unit)}</b>",
        *([f"rank in its window {fmt.number(rank)} (1 is best)"] if rank is not None else []),
        *(
            [f"regime distance {fmt.number(distance)}, likeness {fmt.number(row['weight'])}"]
            if distance is not None
            else []
        ),
        *tags,
    ]
    return "<br>".join(lines)
