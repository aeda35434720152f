"""`python -m tradingkb.testing.worlds`: answers in worlds whose truth is known, as a table."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from tradingkb.testing.worlds.run import ROWS, run
from tradingkb.testing.worlds.table import HEAD, KEY, line, summary


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table, a row as soon as it is measured."""
    given = _parser().parse_args(arguments)
    if given.list:
        _tell("\n".join(ROWS))
        return 0
    _tell(HEAD)
    results = []
    for result in run(given.only or tuple(ROWS), given.repeats, given.jobs):
        results.append(result)
        _tell(line(result))
    _tell(f"\n{summary(results)}\n\n{KEY}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tradingkb.testing.worlds", description=__doc__)
    parser.add_argument(
        "--only",
        type=_names,
        default=(),
        metavar="NAMES",
        help="rows or families of rows, separated by commas: rolling, 'rolling:3 months'",
    )
    parser.add_argument(
        "--repeats", type=_count, metavar="N", help="worlds per row (as many as each row asks for)"
    )
    parser.add_argument(
        "--jobs", type=_count, default=os.cpu_count() or 1, metavar="N", help="processes"
    )
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    return parser


def _names(text: str) -> tuple[str, ...]:
    wanted = [name.strip() for name in text.split(",")]
    known = {*ROWS, *(row.family for row in ROWS.values())}
    if unknown := [name for name in wanted if name not in known]:
        families = ", ".join(dict.fromkeys(row.family for row in ROWS.values()))
        raise argparse.ArgumentTypeError(
            f"no row {', '.join(unknown)}; families are {families}, --list names the rows"
        )
    return tuple(name for name, row in ROWS.items() if name in wanted or row.family in wanted)


def _count(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no count: give 1 or more")
    return int(text)


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
