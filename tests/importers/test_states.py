"""A run that was pruned, has failed or has not ended has no result, whatever its score says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers.frames import Batch, read_trials
from tradingkb.importers.states import without_result

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def read(words: list[Any], column: str = "state", **arguments: Any) -> Batch:
    frame = pl.DataFrame(
        {
            "strategy_name": "s",
            "source_id": [str(i) for i in range(len(words))],
            "sharpe_oos": [9.0] * len(words),
            "param_n": [5] * len(words),
            column: words,
        }
    )
    return read_trials(frame, now=NOW, **arguments)


@pytest.mark.parametrize("column", ["state", "status"])
@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["COMPLETE", "PRUNED", "FAIL", "RUNNING", "WAITING"], [0]),
        (["TrialState.COMPLETE", "TrialState.PRUNED"], [0]),
        (["FINISHED", "FAILED", "KILLED", "SCHEDULED"], [0]),
        (["PRUNED", "PRUNED"], []),
        (["complete", " running ", None, ""], [0, 2, 3]),
        (["COMPLETE", "PRUNED", "PAUSED"], [0]),  # a word that is not known is no result
        (["COMPLETE", "COMPLETE"], [0, 1]),
        (["CA", "NY"], [0, 1]),
        (["long", "running"], [0, 1]),  # nothing says that this is a state of runs
        ([1, 2], [0, 1]),
    ],
)
def test_only_runs_that_have_ended_well_are_results(
    column: str, words: list[Any], kept: list[int]
) -> None:
    batch = read(words, column)
    assert batch.trials["source_id"].to_list() == [str(i) for i in kept]
    assert batch.rejects.is_empty()
    assert batch.n_rows == len(words)
    note = any("no result" in note for note in batch.notes)
    assert note is (len(kept) < len(words))
    ignored = any(note == f"columns not used: {column}" for note in batch.notes)
    assert ignored is not note


def test_the_note_counts_them_by_word_the_most_frequent_first() -> None:
    batch = read(["COMPLETE", "FAIL", "PRUNED", "PRUNED"])
    assert batch.notes[0] == (
        "3 rows have no result, as the column state says, and were left out: 2 pruned, 1 fail"
    )
    assert read(["COMPLETE", "FAIL"]).notes[0].startswith("1 row has no result")


def test_a_mapping_names_a_column_of_another_name() -> None:
    batch = read(["COMPLETE", "PRUNED"], "outcome", mapping={"state": "outcome"})
    assert batch.trials.height == 1
    assert read(["COMPLETE", "PRUNED"], "outcome").trials.height == 2
    with pytest.raises(InvalidTrialError, match=r"column 'outcom' \(for state\)"):
        read(["COMPLETE"], "outcome", mapping={"state": "outcom"})


def test_of_a_column_that_the_user_names_every_word_but_those_of_success_is_no_result() -> None:
    batch = read(["ok", "bad", "OK"], "outcome", mapping={"state": "outcome"})
    assert batch.trials["source_id"].to_list() == ["0", "2"]
    assert "left out: 1 bad" in batch.notes[0]
    assert read(["ok", "bad"], "state").trials.height == 2
    assert read([True, False], "outcome", mapping={"state": "outcome"}).trials.height == 1
    assert not any("result" in n for n in read(["ok"], "o", mapping={"state": "o"}).notes)


def test_a_column_that_is_mapped_to_something_else_says_nothing_of_runs() -> None:
    batch = read(["COMPLETE", "PRUNED"], mapping={"engine": "state"})
    assert batch.trials["engine"].to_list() == ["COMPLETE", "PRUNED"]


def test_an_experiment_that_may_not_have_run_is_asked_about_whatever_its_state() -> None:
    assert read(["COMPLETE", "RUNNING"], scored=False).trials.height == 2


def test_a_left_out_row_is_not_refused_for_what_it_lacks() -> None:
    frame = pl.DataFrame(
        {
            "strategy_name": "s",
            "objective_score": [1.0, None],
            "param_n": [1, None],
            "state": ["COMPLETE", "FAIL"],
        }
    )
    batch = read_trials(frame, now=NOW)
    assert (batch.trials.height, batch.rejects.height) == (1, 0)


def test_the_first_column_that_says_it_counts() -> None:
    frame = pl.DataFrame({"state": ["CA", "NY"], "status": ["done", "failed"]})
    bad, note = without_result(frame)
    assert bad.to_list() == [False, True]
    assert note is not None
    assert "column status" in note
