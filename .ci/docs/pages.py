"""Pages with generated parts: each part stands between a pair of `<!-- name -->` markers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "notebooks" / "reference"

Blocks = Mapping[str, Callable[[], str]]


def filled(text: str, blocks: Blocks, page: str) -> str:
    """`text` with each block's content between its markers; ValueError when they are missing."""
    for name, content in blocks.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"{page} needs {begin} and {end} exactly once")
        head, _, rest = text.partition(begin)
        text = f"{head}{begin}\n{content()}\n{end}{rest.partition(end)[2]}"
    return text


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    cells = ([_cell(text) for text in row] for row in rows)
    lines = [heads, ["---"] * len(heads), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: object) -> str:
    """Text as code; nothing where there is nothing."""
    return "" if text in (None, "") else f"`{text}`"


def _cell(text: str) -> str:
    """One line; a bar and, outside of code, a bracket would mean something in a table."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    safe = [p if p.startswith("`") else p.replace("<", "&lt;") for p in parts]
    return "".join(safe).replace("|", "\\|")
