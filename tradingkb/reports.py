"""What use cases report: one shape of text, JSON and repr for all of it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from tradingkb.plain import plain
from tradingkb.printable import printable


class Report:
    """Gives a frozen dataclass its three forms.

    `to_dict()` is JSON-ready, `str()` a text for people, `repr()` one line.
    """

    def summary(self) -> str:
        """One line."""
        raise NotImplementedError

    def details(self) -> list[str]:
        """Further lines of the text."""
        return []

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form; frames as lists of rows."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]

    def __str__(self) -> str:
        return printable("\n".join([self.summary(), *(f"  {line}" for line in self.details())]))

    def __repr__(self) -> str:
        return printable(f"<{type(self).__name__}: {self.summary()}>")
