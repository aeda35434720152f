"""A table of figures for the cells of a notebook."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tradingkb.presentation.format import NONE
from tradingkb.presentation.markup import el, esc, num, table

_DIGITS: Final = 4


@dataclass(frozen=True, repr=False)
class Table:
    """Rows under a title: as HTML in a notebook, as text elsewhere.

    Attributes:
        rows: cells by column; all rows have the same columns.
        title: with what is counted, such as "Answers of the last hour (n = 120)".
        empty: what is said where there are no rows.
    """

    rows: Sequence[Mapping[str, Any]]
    title: str = ""
    empty: str = "none"

    def _repr_html_(self) -> str:
        cells = [
            {
                name: el("span", num(shown(value)), cls="n")
                if isinstance(value, int | float)
                else esc(shown(value))
                for name, value in row.items()
            }
            for row in self.rows
        ]
        found = table(cells) or el("p", esc(self.empty))
        return (el("p", el("strong", esc(self.title))) if self.title else "") + found

    def __repr__(self) -> str:
        if not self.rows:
            return f"{self.title}: {self.empty}" if self.title else self.empty
        lines = [list(self.rows[0]), *([shown(v) for v in row.values()] for row in self.rows)]
        widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
        text = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines]
        return "\n".join([self.title] * bool(self.title) + [line.rstrip() for line in text])


def shown(value: Any) -> str:
    """A value as a person reads it: numbers with four digits, structures as JSON."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.{_DIGITS}g}" if abs(value) < 10**_DIGITS else f"{value:,.0f}"
    if hasattr(value, "isoformat"):
        return str(value.isoformat(sep=" ", timespec="seconds")).replace("+00:00", " UTC")
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, default=str)
    return str(value)
