"""The error tree with what to do, and the codes of answers."""

from __future__ import annotations

from collections.abc import Iterator

from commands import exit_code_meanings
from docstrings import summary
from pages import code, table


def tree() -> str:
    """A table of the errors, each below its parent, with the exit code and what to do."""
    from tradingkb.cli.output import EXIT_CODES
    from tradingkb.exceptions import TradingKBError

    todo = dict(exit_code_meanings())
    rows = []
    for depth, kind in _descendants(TradingKBError, 0):
        number = next(str(n) for base, n in EXIT_CODES if issubclass(kind, base))
        name = "&nbsp;" * 4 * depth + code(kind.__name__)
        rows.append((name, summary(kind), code(number), todo[number] if depth else "see below"))
    return table(("error", "raised when", "exit code", "what to do"), rows)


def answer_codes() -> str:
    """A table of the reasons and warnings of answers."""
    from tradingkb.recommend.answer import CODES

    rows = [(code(name), c.meaning, c.action) for name, c in CODES.items()]
    return table(("code", "meaning", "what to do"), rows)


def _descendants(kind: type, depth: int) -> Iterator[tuple[int, type]]:
    yield depth, kind
    for child in kind.__subclasses__():
        if child.__module__ == "tradingkb.exceptions":
            yield from _descendants(child, depth + 1)
