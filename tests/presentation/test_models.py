from __future__ import annotations

from typing import Any

import polars as pl

from tradingkb.evaluate import ComparedModel, ModelComparison
from tradingkb.indexing import Estimate, NeighbourQuality
from tradingkb.presentation import models_card

HOSTILE = "<script>alert('x')</script>"
KNOWN = NeighbourQuality(0.61, 0.48, 0.74, "symbol", 100, 84)
FEW = NeighbourQuality(None, None, None, None, 8, 4)


def comparison(quality: NeighbourQuality = KNOWN, **changes: Any) -> ModelComparison:
    given = {
        "workspace": "default",
        "a": ComparedModel("regime-v1", 64, 184, 0.1, quality),
        "b": ComparedModel(HOSTILE, 1024, 184, 9.0, quality),
        "difference": Estimate(-0.05, -0.2, 0.1, "quarter"),
        "n_windows": 84,
        "n_strategies": 6,
        "n_questions": 1030,
        "changed": {"params": 3, "status": 0, "trials": 1030},
        "changes": pl.DataFrame(),
    }
    return ModelComparison(**{**given, **changes})


def test_it_says_what_either_loses_and_how_many_answers_change() -> None:
    card = models_card(comparison().to_dict())
    assert "0.61" in card
    assert "0.48 to 0.74 over symbols" in card
    assert "−0.20 to 0.10 over quarters" in card
    assert "1,024" in card
    assert "3 of 1,030 answers: other params" in card


def test_what_could_not_be_told_is_a_dash() -> None:
    card = models_card(comparison(FEW, difference=Estimate(float("nan"))).to_dict())
    assert "nan" not in card.lower()
    assert "None" not in card


def test_a_name_of_a_model_is_text() -> None:
    assert "<script" not in models_card(comparison(workspace=HOSTILE).to_dict())


def test_the_same_comparison_looks_the_same_however_long_it_took() -> None:
    slow = comparison(a=ComparedModel("regime-v1", 64, 184, 99.0, KNOWN))
    assert models_card(slow.to_dict()) == comparison()._repr_html_()
