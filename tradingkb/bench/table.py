"""The table as Markdown, and the block of the page that holds it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tradingkb.bench.rows import Findings, Row, median
from tradingkb.exceptions import ConfigurationError

#: The page that shows it, from the repository's root.
PAGE: Final = Path("notebooks/reference/speed.md")
BEGIN: Final = "<!-- bench:begin -->"
END: Final = "<!-- bench:end -->"
_HEADS: Final = (
    "section",
    "measured",
    "ours",
    "peer or limit",
    "ratio",
    "spread",
    "runs",
    "wanted",
    "met",
)
_MET: Final = {True: "yes", False: "**no**", None: ""}


def markdown(machine: Mapping[str, str], results: Sequence[Findings]) -> str:
    """The whole report: machine, table, what its columns mean, and notes."""
    facts = [f"- {name}: {value}" for name, value in machine.items()]
    rows = [_cells(row) for result in results for row in result.rows]
    lines = [_HEADS, ["---"] * len(_HEADS), *rows]
    table = [f"| {' | '.join(line)} |" for line in lines]
    legend = (
        "Ratio: the median, over runs that alternate, of ours divided by the peer's; below 1 ours "
        "is the smaller figure. Spread: the 10th and the 90th percentile of the runs' ratios."
    )
    notes = [f"- {note}" for result in results for note in result.notes]
    return "\n".join([*facts, "", *table, "", legend, "", *notes])


def write_block(path: Path, text: str) -> None:
    """Puts the text between the markers of a file.

    Raises:
        ConfigurationError: no such file, or it does not have each marker once.
    """
    try:
        before = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    if before.count(BEGIN) != 1 or before.count(END) != 1:
        raise ConfigurationError(f"{path} needs {BEGIN} and {END} exactly once")
    head, rest = before.split(BEGIN)
    path.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def shown(figure: float) -> str:
    """A figure with three significant digits, and thousands apart."""
    if not figure:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(figure))))
    return f"{figure:,.{digits}f}"


def _cells(row: Row) -> tuple[str, ...]:
    wanted = "" if row.limit is None else f"≤ {row.limit:g}"
    if not row.measured:
        return row.section, row.what, "", row.against, "", "", "", wanted, ""
    spread = " to ".join(map(shown, row.spread)) if len(row.ratios) > 1 else ""
    return (
        row.section,
        row.what,
        f"{shown(median(row.ours))} {row.unit}",
        f"{shown(median(row.peer))} {row.unit}: {row.against}",
        shown(row.ratio),
        spread,
        str(len(row.ratios)),
        wanted,
        _MET[row.met],
    )
