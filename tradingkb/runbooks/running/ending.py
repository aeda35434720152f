"""What a run came to: its result, its outcome, and why it failed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tradingkb.ports import RunbookOutcome
from tradingkb.printable import printable
from tradingkb.runbooks.book import MIMETYPE, Result
from tradingkb.runbooks.running.places import CellAt, CellFailed

_LONGEST: Final = 1_000
#: Raised by the last cell after it has said a result of the outcome failed.
_SAID: Final = "RunbookFailedError"


def result_of(cells: Sequence[Mapping[str, Any]]) -> Result | None:
    """The result that the cells have shown last; None where there is none that is one."""
    from pydantic import ValidationError

    found = list(_shown(cells))
    if not found:
        return None
    try:
        return Result.model_validate(found[-1])
    except ValidationError:
        return None


def _shown(cells: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    for cell in cells:
        for output in cell.get("outputs", ()):
            if MIMETYPE in output.get("data", {}):
                yield output["data"][MIMETYPE]


def outcome_of_run(
    result: Result | None, why: str | None, failure: CellFailed | None, at: CellAt | None
) -> tuple[RunbookOutcome, str | None]:
    """The outcome of a run, and why it failed.

    Args:
        result: what the notebook says of itself.
        why: why it was ended from outside; None where it was not.
        failure: the cell that ended it; None where none did.
        at: the last cell that was begun.
    """
    if why is not None:
        return "failed", short(f"{why}{_place(at)}")
    if failure is not None:
        error = ": ".join(part for part in (failure.name, failure.text) if part)
        if failure.name == _SAID:
            return "failed", short(failure.text or error)
        return "failed", short(f"{error}{_place(failure.at)}")
    if result is None:
        return "failed", "the notebook came to its end without a result: run.finish() gives it"
    return result.outcome, None


def short(text: str) -> str:
    """One paragraph, with nothing that a terminal obeys or a database refuses."""
    found = printable(" ".join(text.split())).replace("\x00", "")
    return found if len(found) <= _LONGEST else f"{found[:_LONGEST]}..."


def storable(value: Any) -> Any:
    """A JSON form that every database takes: no NUL, no half of a pair in its texts."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {storable(str(name)): storable(one) for name, one in value.items()}
    return [storable(one) for one in value] if isinstance(value, list | tuple) else value


def as_json(value: Any) -> str:
    """A JSON document for a file."""
    return json.dumps(value, indent=1, default=str) + "\n"


def _place(at: CellAt | None) -> str:
    return "" if at is None else f" (cell {at.number} of {at.total}, {at.title})"
