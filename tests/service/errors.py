"""Every kind of error, and one of each."""

from __future__ import annotations

from collections.abc import Iterator

from tradingkb import exceptions
from tradingkb.exceptions import (
    CircuitOpenError,
    ForkedError,
    NotFoundError,
    TradingKBError,
    UnembeddableError,
)


def kinds(root: type[TradingKBError] = TradingKBError) -> Iterator[type[TradingKBError]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__ == exceptions.__name__:
            yield from kinds(child)


def made(kind: type[TradingKBError]) -> TradingKBError:
    if issubclass(kind, NotFoundError):
        return kind("strategy_name", "x", ["y"])
    if kind is CircuitOpenError:
        return CircuitOpenError("db", 12.5, "refused")
    if kind is UnembeddableError:
        return UnembeddableError("m", {0: "refused"})
    return kind() if kind is ForkedError else kind("it failed")
