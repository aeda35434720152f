"""The outcome of a run is the worst that anybody says of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.runbooks.running.said import RESULT
from tradingkb.runbooks import MIMETYPE, Result
from tradingkb.runbooks.running.ending import outcome_of_run, result_of, short, storable
from tradingkb.runbooks.running.places import CellAt, CellFailed, places

DONE = Result.model_validate({**RESULT, "outcome": "done"})
AT = CellAt(2, 5, "Plan")


@pytest.mark.parametrize(
    ("result", "why", "failure", "expected"),
    [
        (DONE, None, None, ("done", None)),
        (DONE, "interrupted", None, ("failed", "interrupted (cell 2 of 5, Plan)")),
        (
            DONE,
            None,
            CellFailed(AT, "ValueError", "no"),
            ("failed", "ValueError: no (cell 2 of 5, Plan)"),
        ),
        (DONE, None, CellFailed(AT, "RunbookFailedError", "a: b"), ("failed", "a: b")),
        (
            DONE,
            None,
            CellFailed(AT, "SystemExit", ""),
            ("failed", "SystemExit (cell 2 of 5, Plan)"),
        ),
        (
            None,
            None,
            None,
            ("failed", "the notebook came to its end without a result: run.finish() gives it"),
        ),
    ],
)
def test_a_run_is_what_its_result_says_unless_something_ended_it(
    result: Any, why: Any, failure: Any, expected: Any
) -> None:
    assert outcome_of_run(result, why, failure, AT) == expected


def cells(*shown: Any) -> list[dict[str, Any]]:
    outputs = [{"output_type": "display_data", "data": {MIMETYPE: one}} for one in shown]
    return [{"cell_type": "markdown"}, {"cell_type": "code", "outputs": outputs}]


def test_the_last_result_counts_and_what_is_none_is_none() -> None:
    assert result_of(cells(RESULT, {**RESULT, "outcome": "done"})) == DONE
    assert result_of(cells()) is None
    assert result_of(cells({"outcome": "done"})) is None
    assert result_of(cells(RESULT, "no object")) is None


def test_an_error_is_one_paragraph_that_every_database_takes() -> None:
    assert short("a\n b\x00\x1b[31m\ud800") == "a b\\x00\\x1b[31m\\ud800"
    assert len(short("x" * 5_000)) < 1_100
    assert storable({"a\x00": ["b\x00", ("\ud800", 1, None)]}) == {"a": ["b", ["?", 1, None]]}


def test_cells_are_numbered_among_those_with_code_and_named_by_their_heading() -> None:
    def cell(kind: str, source: str) -> Any:
        return type("Cell", (), {"cell_type": kind, "source": source})

    found = places(
        [
            cell("code", "first = 1\nsecond = 2"),
            cell("markdown", "# Title\n\ntext\n\n## Plan ##"),
            cell("code", "  "),
            cell("code", "x" * 200),
            cell("markdown", "no heading"),
            cell("code", "y"),
            cell("markdown", "# bad\x00\x1b[2J"),
            cell("code", "z"),
        ]
    )
    assert found == {
        0: CellAt(1, 4, "first = 1"),
        3: CellAt(2, 4, "Plan"),
        5: CellAt(3, 4, "Plan"),
        7: CellAt(4, 4, "bad\\x00\\x1b[2J"),
    }
