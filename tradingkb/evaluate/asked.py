"""What an evaluation is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tradingkb.exceptions import InvalidInputError


def names(given: Sequence[str] | str | None) -> tuple[str, ...] | None:
    """One name or several as a tuple; None stays None."""
    if given is None:
        return None
    return (given,) if isinstance(given, str) else tuple(given)


@dataclass(frozen=True)
class EvaluationRequest:
    """Which decisions are replayed.

    Attributes:
        objective_type: what a trial is judged by.
        strategies: names; None for all.
        symbols: instruments whose windows are decided; evidence comes from all. None for all.
        max_decisions: drawn at random beyond this number; None replays all.
        controls: also replay a placebo regime and random neighbours, which should add nothing.
        seed: of every draw.
    """

    objective_type: str = "sharpe"
    strategies: tuple[str, ...] | None = None
    symbols: tuple[str, ...] | None = None
    max_decisions: int | None = None
    controls: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        limit = self.max_decisions
        if limit is not None and (type(limit) is not int or limit < 1):
            raise InvalidInputError(
                f"{limit!r} is no number of decisions",
                field="max_decisions",
                remedy="give a whole number above 0, or None for all",
            )
