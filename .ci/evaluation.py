"""Evaluates the sample data: prints the table, writes a report, and on request the page's table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = Path("notebooks/reference/quality.md")
BEGIN, END = "<!-- evaluation:begin -->", "<!-- evaluation:end -->"


def block(found: Mapping[str, Any]) -> str:
    """What stands in the page: date, what was replayed, table, verdict."""
    from tradingkb.presentation.evaluation import (
        evaluation_markdown,
        summary_sentence,
        verdict,
    )

    sentence = summary_sentence(found)
    lines = [
        f"{found['at'][:10]}: {sentence}.",
        "",
        evaluation_markdown(found),
        "",
        verdict(found),
    ]
    return "\n".join(lines)


def write_page(text: str) -> None:
    """Replaces the block between the markers."""
    path = ROOT / PAGE
    head, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    path.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE}")
    parser.add_argument("--out", type=Path, default=Path("demo/evaluation.html"))
    given = parser.parse_args()

    import tradingkb as tkb

    with tempfile.TemporaryDirectory() as home, tkb.connect(home) as kb:
        kb.register_strategy(ROOT / "data" / "strategies")
        kb.ingest(ROOT / "data" / "trials.parquet", ohlcv=ROOT / "data" / "ohlcv")
        found = kb.evaluate()
    sys.stdout.write(f"{found}\nopen {found.to_html(given.out)}\n")
    if given.write:
        write_page(block(found.to_dict()))


if __name__ == "__main__":
    main()
