"""What can be wrong with the answers of `tradingkb.testing.ollama_server`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tradingkb.testing.faults import Behaviour

#: Changes the vectors of an answer.
Change = Callable[[list[list[float]]], object]
#: How a pull ends that has begun: an error in its stream, an end without "success", a connection
#: that breaks off, a line that is no JSON.
PullFault = Literal["error", "no success", "cut", "garbage"]


@dataclass
class Faults:
    """What goes wrong with the next requests.

    Attributes:
        behaviours: what is done instead of answering, by path.
        changes: of vectors.
        pulls: how they end.
        refused: texts that fail, with status and error.
    """

    behaviours: dict[str, deque[Behaviour]] = field(default_factory=dict)
    changes: deque[Change] = field(default_factory=deque)
    pulls: deque[PullFault] = field(default_factory=deque)
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)


def one_too_few(vectors: list[list[float]]) -> None:
    """Drops the last vector."""
    vectors.pop()


def one_too_many(vectors: list[list[float]]) -> None:
    """Says the last vector twice."""
    vectors.append(vectors[-1])


def none_at_all(vectors: list[list[float]]) -> None:
    """Answers without a vector."""
    vectors.clear()


def shorter(vectors: list[list[float]]) -> None:
    """Takes a number off every vector."""
    vectors[:] = [vector[:-1] for vector in vectors]


def with_nan(vectors: list[list[float]]) -> None:
    """Puts a NaN into the last vector."""
    vectors[-1][0] = float("nan")


def zeros(vectors: list[list[float]]) -> None:
    """Makes the last vector one of zeros."""
    vectors[-1][:] = [0.0] * len(vectors[-1])
