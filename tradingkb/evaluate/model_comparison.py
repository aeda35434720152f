"""Two embedding models beside each other: what their neighbours are worth, and what they change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from tradingkb.domain import Part
from tradingkb.indexing import Estimate, NeighbourQuality
from tradingkb.reports import Report

#: What of an answer is compared, and what a change of it is called.
COMPARED: Final = {
    "params": "other parameters",
    "status": "another status",
    "trials": "other trials shown",
}
CHANGES: Final = dict.fromkeys(
    ("strategy_name", "window_key", "side", "field", "a", "b"), pl.String()
)
_MODELS: Final = {
    "model": pl.String(),
    "dimension": pl.Int64(),
    "embedded": pl.Int64(),
    "seconds": pl.Float64(),
    "loss": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "over": pl.String(),
}
_SHOWN: Final = 5


@dataclass(frozen=True)
class ComparedModel(Part):
    """One of the models.

    Attributes:
        model: its name.
        dimension: of its vectors.
        embedded: windows and regimes that were embedded for the comparison.
        seconds: what that took, wall time.
        quality: how good its neighbours are.
    """

    model: str
    dimension: int
    embedded: int
    seconds: float
    quality: NeighbourQuality

    def __str__(self) -> str:
        size = f"{self.dimension} dimensions, {self.embedded:,} embedded"
        return f"{self.model} ({size}): {self.quality}"


@dataclass(frozen=True, repr=False)
class ModelComparison(Report):
    """What another model would change.

    Attributes:
        workspace: slug.
        a, b: the models.
        difference: the loss of b less that of a, on the same probes: above 0 b is worse.
        n_windows: windows of the workspace that have a regime; at most 300 are compared.
        n_strategies, n_questions: what was asked with the windows that either finds.
        changed: by field of an answer, how many of the questions have another one.
        changes: strategy_name, window_key and side of the regime that was asked, field, and what
            either answers; for trials those that the other one does not show.
    """

    workspace: str
    a: ComparedModel
    b: ComparedModel
    difference: Estimate
    n_windows: int
    n_strategies: int
    n_questions: int
    changed: Mapping[str, int]
    changes: pl.DataFrame

    def summary(self) -> str:
        """One line."""
        return f"{self._lost()}; {self._answers('params')}"

    def details(self) -> list[str]:
        """Either model, and which answers change."""
        asked = f"{self.n_questions:,} questions about {self.n_strategies:,} strategies"
        lines = [str(self.a), str(self.b), f"asked: {asked}, with the windows that either finds"]
        lines += [self._answers(field) for field in ("status", "trials")]
        # Which trials head the list changes with every model; what is recommended hardly ever.
        told = self.changes.filter(pl.col("field") != "trials")
        lines += [_line(row) for row in told.head(_SHOWN).rows(named=True)]
        return lines + [f"and {told.height - _SHOWN:,} more"] * (told.height > _SHOWN)

    @property
    def models(self) -> pl.DataFrame:
        """One row per model: model, dimension, embedded, seconds, loss, low, high, over."""
        return pl.DataFrame([_row(model) for model in (self.a, self.b)], schema=_MODELS)

    def _repr_html_(self) -> str:
        from tradingkb.presentation import models_card

        return models_card(self.to_dict())

    def _lost(self) -> str:
        a, b, more = self.a, self.b, self.difference
        if a.quality.loss is None or b.quality.loss is None:
            return str(a.quality)
        each = f"{a.model} loses {a.quality.loss:.2f}, {b.model} {b.quality.loss:.2f}"
        if more.low is None or more.high is None:
            return f"{each}, of too few symbols and quarters to be sure"
        between = f"{more.low:+.2f} to {more.high:+.2f}, 95 % over {more.over}s"
        return f"{each} ({more.value:+.2f}: {between})"

    def _answers(self, field: str) -> str:
        return f"{self.changed[field]:,} of {self.n_questions:,} answers have {COMPARED[field]}"


def _row(model: ComparedModel) -> dict[str, Any]:
    quality = model.quality
    judged = {name: getattr(quality, name) for name in ("loss", "low", "high", "over")}
    sizes = {name: getattr(model, name) for name in ("model", "dimension", "embedded", "seconds")}
    return {**sizes, **judged}


def _line(row: Mapping[str, str | None]) -> str:
    asked = f"{row['strategy_name']} in market {row['side']} window {str(row['window_key'])[:8]}"
    return f"{asked}: {row['field']} {row['a'] or 'none'}, then {row['b'] or 'none'}"
