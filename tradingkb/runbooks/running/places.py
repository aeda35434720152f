"""Where a run is in its notebook: its cells with code, numbered and named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tradingkb.printable import printable

_HEADING: Final = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_LONGEST_TITLE: Final = 80


@dataclass(frozen=True)
class CellAt:
    """Where a run is.

    Attributes:
        number: of the cell among those with code, from 1.
        total: how many those are.
        title: the heading that it stands under, else its first line.
        seconds: that it took; None while it is executed.
    """

    number: int
    total: int
    title: str
    seconds: float | None = None


def injected(cell: Any) -> bool:
    """Whether a cell is that of the values, which the runner has put in."""
    return "injected-parameters" in cell.metadata.get("tags", ())


@dataclass(frozen=True)
class CellFailed:
    """The cell that ended a run, and by which error."""

    at: CellAt
    name: str
    text: str


def places(cells: Sequence[Any]) -> dict[int | None, CellAt]:
    """The cells with code by their index among all cells."""
    found: dict[int, str] = {}
    heading = ""
    for index, cell in enumerate(cells):
        if cell.cell_type == "markdown":
            titles = _HEADING.findall(cell.source)
            heading = titles[-1] if titles else heading
        elif cell.cell_type == "code" and cell.source.strip():
            line = cell.source.strip().splitlines()[0]
            found[index] = printable(heading or line)[:_LONGEST_TITLE]
    numbered = enumerate(found.items(), 1)
    return {index: CellAt(number, len(found), title) for number, (index, title) in numbered}
