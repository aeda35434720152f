"""How a path names a trial."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import Query

from tradingkb.service.problems import ProblemError

By = Annotated[
    Literal["trial_id", "source_id"],
    Query(description="What the path names: the number of a stored trial, or its source's id."),
]
#: Digits of no number of a trial.
_DIGITS: Final = 19


def trial_named(name: str, by: str) -> int | str:
    """The trial that is meant; a number alone could be either, and would change another one.

    Raises:
        ProblemError: no number, where `by` says that it is one.
    """
    if by == "source_id":
        return name
    if not (name.isascii() and name.isdecimal() and len(name) < _DIGITS):
        raise ProblemError(
            422,
            "invalid_trial_id",
            f"{name[:80]!r} is no trial_id",
            remedy="take trial_id from GET /kb/trials, or name the trial of its source: "
            "?by=source_id",
            field="trial_id",
        )
    return int(name)
