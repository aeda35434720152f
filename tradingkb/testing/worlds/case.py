"""One drawn world with its truth, and what an answer to its question was worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import canonical_params
from tradingkb.recommend import Recommendation
from tradingkb.testing.worlds.memory import World

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
#: Figures by name; those that are not known are missing.
Figures = dict[str, float]

#: Two figures of one computation, in another order of sums.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Case:
    """A world, a question, and the truth behind it; p parameter sets.

    Attributes:
        world: the trials.
        sets: canonical texts of the parameter sets, in the order of all that follows.
        scores: shape (..., p), what the trials scored, NaN where not tried: the plain mean's view.
        truth: shape (p,), true mean of a window of the question's symbol, its level and its regime
            included, the luck of windows and of the common factor not.
        fresh: shape (m, p), windows of that symbol that nobody has seen.
        asked: the question, as `World.answer` takes it.
        right: shape (p,), the sets that may be chosen, where the world says it so.
        beside: the same without what this one adds, or asked without it.
    """

    world: World
    sets: list[str]
    scores: Floats
    truth: Floats
    fresh: Floats
    asked: Mapping[str, Any] = field(default_factory=dict)
    right: Bools | None = None
    beside: Case | None = None

    def answer(self) -> Recommendation:
        """What the recommender says."""
        return self.world.answer(**self.asked)


def measure(case: Case) -> Figures:
    """What the answer to a case was worth.

    An exception is a figure: `raised` is 1, and nothing else is known.
    """
    try:
        answer = case.answer()
    except Exception:  # whatever it is, a user would have got it instead of an answer
        return {"raised": 1.0}
    figures = {"raised": 0.0} | _worth(case, answer)
    if case.beside is not None:
        other = case.beside.answer()
        figures |= _changes(case, answer, case.beside, other)
    return figures


def _worth(case: Case, answer: Recommendation) -> Figures:
    """What was chosen and promised, against the truth."""
    best = float(case.truth.max())
    figures: Figures = {
        word: float(answer.status == word) for word in ("ok", "degraded", "none")
    } | {"plain": best - float(case.truth[plain_choice(case.scores)])}
    if answer.overfitting is not None:
        figures |= _luck(answer)
    place = chosen_of(case, answer)
    if place is None or answer.expected is None:
        return figures
    true, found = float(case.truth[place]), answer.expected
    figures |= {"regret": best - true, "bias": found.value - true}
    figures["excess"] = figures["regret"] - 1.5 * figures["plain"]
    if case.right is not None:
        figures["right"] = float(case.right[place])
    if found.low is not None and found.high is not None:
        figures["covers"] = float(found.low <= true <= found.high)
        figures["width"] = found.high - found.low
    if found.window_low is not None and found.window_high is not None:
        low, high = found.window_low, found.window_high
        fresh = case.fresh[:, place]
        figures["holds"] = float(np.mean((low <= fresh) & (fresh <= high)))
        figures["aside"] = abs((low + high) / 2 - found.value) / max((high - low) / 2, _ROUNDING)
    return figures


def _luck(answer: Recommendation) -> Figures:
    found = answer.overfitting
    figures: Figures = {}
    if found is not None and found.deflated_sharpe is not None:
        figures["dsr"] = found.deflated_sharpe.value
    if found is not None and found.pbo is not None:
        figures["pbo"] = found.pbo.value
    return figures


def _changes(case: Case, answer: Recommendation, beside: Case, other: Recommendation) -> Figures:
    """What became of the answer that the world beside gets."""
    mine, theirs = _worth(case, answer), _worth(beside, other)
    figures: Figures = {
        "same_choice": float(answer.params == other.params),
        "same_answer": float(_said(answer) == _said(other)),
        "same_status": float((answer.status, answer.reasons) == (other.status, other.reasons)),
    }
    for name in ("regret", "dsr", "pbo"):
        if name in mine and name in theirs:
            figures[f"{name}_change"] = mine[name] - theirs[name]
    if "dsr_change" in figures:
        figures["dsr_moved"] = abs(figures["dsr_change"])
    if "width" in mine and "width" in theirs:
        figures["wider"] = float(mine["width"] > theirs["width"])
        figures["moved"] = _moved(answer, other) / max(theirs["width"], _ROUNDING)
    return figures


def _moved(answer: Recommendation, other: Recommendation) -> float:
    """How far an end of the interval moved, in the objective's unit."""
    ends = ((_end(answer, name), _end(other, name)) for name in ("low", "high"))
    return max(abs(a - b) for a, b in ends)


def _end(answer: Recommendation, name: str) -> float:
    return float(getattr(answer.expected, name))


def _said(answer: Recommendation) -> tuple[Any, ...]:
    """Choice, interval, counts, status and luck of an answer, without rounding."""
    found = answer.expected
    counts = () if found is None else (found.n_windows, found.n_quarters, found.own_windows)
    ends = () if found is None else (found.value, found.low, found.high)
    spread = () if found is None else (found.window_low, found.window_high)
    figures = [*ends, *spread, *_luck(answer).values()]
    rounded = tuple(None if f is None else round(f, 8) for f in figures)
    return answer.params, answer.status, answer.reasons, counts, rounded


def chosen_of(case: Case, answer: Recommendation) -> int | None:
    """The place of the chosen set; None where none was, or one that nobody tried."""
    if answer.params is None:
        return None
    text = canonical_params(answer.params)
    return case.sets.index(text) if text in case.sets else None


def plain_choice(scores: Floats) -> int:
    """The set with the best plain mean of all its windows."""
    flat = scores.reshape(-1, scores.shape[-1])
    n = np.isfinite(flat).sum(axis=0)
    total = np.where(np.isfinite(flat), flat, 0.0).sum(axis=0)
    return int(np.argmax(np.where(n > 0, total / np.maximum(n, 1), -np.inf)))
