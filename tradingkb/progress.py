"""Progress bars on long work: in terminals and notebooks, none in pipes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

#: Told (what, done, total) as long work goes on.
Progress = Callable[[str, int, int], None]


@contextmanager
def progress_bar(wanted: bool | None, unit: str = "trials") -> Iterator[Progress]:
    """Gives a callback (what, done, total) that draws one bar per `what`.

    Args:
        wanted: True or False force it; None shows bars where a person looks on.
        unit: what is counted.
    """
    if not (_watched() if wanted is None else wanted):
        yield _silent
        return
    from tqdm.auto import tqdm

    bars: dict[str, Any] = {}

    def advance(what: str, done: int, total: int) -> None:
        bar = bars.get(what)
        if bar is None:
            bar = bars[what] = tqdm(total=total, desc=what, unit=unit, leave=False)
        bar.update(done - bar.n)

    try:
        yield advance
    finally:
        for bar in bars.values():
            bar.close()


def say(text: str) -> None:
    """Tells a person something at once, beside what a program reads on stdout."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def silent(_text: str) -> None:
    """Tells nobody."""


def _silent(_what: str, _done: int, _total: int) -> None:
    """Draws nothing."""


def _watched() -> bool:
    ipython = sys.modules.get("IPython")
    return sys.stderr.isatty() or bool(ipython and ipython.get_ipython())
