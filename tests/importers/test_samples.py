"""Of which sample an objective's score is, as an ingest records it."""

from __future__ import annotations

from typing import Any

import pytest

from tradingkb.importers.frames import Batch

#: What leaves the in-sample, or the out-of-sample part out of a good trial.
NO_IS: dict[str, Any] = {"sharpe_is": None, "is_start": None, "is_end": None}
NO_OOS: dict[str, Any] = {
    **dict.fromkeys(("sharpe_oos", "max_drawdown_frac_oos", "n_trades_oos")),
    **dict.fromkeys(("oos_start", "oos_end")),
}
#: The same metrics, without a ratio out-of-sample.
UNKNOWN: dict[str, Any] = {"sharpe_oos": None}


def recorded(batch: Batch) -> list[str | None]:
    assert batch.rejects.is_empty()
    return batch.trials["objective_sample"].to_list()


def unsaid(batch: Batch) -> list[str]:
    return [note for note in batch.notes if "do not say of which sample" in note]


@pytest.mark.parametrize(
    ("facts", "sample"),
    [
        ({}, "oos"),
        (UNKNOWN, "is"),
        ({"objective_score": 0.75}, "oos"),
        ({"objective_score": 0.8}, "oos"),  # 0.75, rounded
        ({**UNKNOWN, "objective_score": 1.5}, "is"),
        ({**NO_IS, **UNKNOWN, "objective_score": 2.0}, "oos"),
        ({**NO_OOS, "objective_score": 2.0}, "is"),
        ({**UNKNOWN, "objective_score": 2.0, "objective_sample": "oos"}, "oos"),
        ({"objective_score": 0.75, "objective_sample": "is"}, "is"),
        ({"objective_type": "sortino", "objective_score": 2.0, **NO_IS}, "oos"),
    ],
)
def test_it_is_what_was_said_else_what_follows_from_the_trial(
    read: Any, facts: dict[str, Any], sample: str
) -> None:
    batch = read(facts)
    assert recorded(batch) == [sample]
    assert unsaid(batch) == []


@pytest.mark.parametrize(
    "facts",
    [
        {**UNKNOWN, "objective_score": 2.0},
        {"objective_type": "sortino", "objective_score": 2.0},
        {**NO_OOS, "oos_start": "2022-01-01", "oos_end": "2022-07-01", "objective_score": 2.0},
    ],
    ids=["of the optimiser's own objective", "without a formula", "dates alone"],
)
def test_what_may_be_either_is_in_sample_and_that_is_said(read: Any, facts: dict[str, Any]) -> None:
    batch = read(facts, facts | {"objective_sample": "oos"})
    assert recorded(batch) == ["is", "oos"]
    assert [note.split()[0] for note in unsaid(batch)] == ["1"]


def test_a_sample_without_a_score_says_nothing(read: Any) -> None:
    nothing = {"sharpe_is": float("nan"), "sharpe_oos": None, "objective_sample": "oos"}
    assert recorded(read(nothing)) == [None]


def test_a_sample_that_is_none_is_refused(read: Any) -> None:
    batch = read({"objective_sample": "test"})
    assert batch.rejects["field"].to_list() == ["objective_sample"]
