"""Runs that have no result: what optimisers and trackers write into a column of states.

A pruned trial carries its last intermediate value as if it were its result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from tradingkb.importers.objects import settled

#: Names of such a column, besides one that a mapping names.
COLUMNS_OF_STATE: Final = ("state", "status")
_TEXTS: Final = (pl.String, pl.Categorical, pl.Enum)
_ENDED: Final = frozenset(
    {"complete", "completed", "finished", "done", "success", "succeeded", "ok", "true"}
)
_UNFINISHED: Final = frozenset(
    {"pruned", "fail", "failed", "failure", "error", "errored", "crashed", "running", "waiting"}
    | {"pending", "queued", "scheduled", "started", "killed", "aborted", "cancelled", "canceled"}
)


def without_result(
    frame: pl.DataFrame, columns: Sequence[str] = COLUMNS_OF_STATE, *, named: bool = False
) -> tuple[pl.Series, str | None]:
    """Which rows are of runs without a result, and a note that counts them.

    A column says it where it names runs that have not ended well and nothing else, or such that
    have: "CA" and "NY" are other states. A word that is not known beside them is no result.

    Args:
        frame: the user's table.
        columns: where to look; the first one that says it counts.
        named: whether the user has said that they say it, whatever their words are.

    Returns:
        Shape (n,), and None where no row is.
    """
    for name in columns:
        if name not in frame.columns or not (named or frame.schema[name] in _TEXTS):
            continue
        column = settled(frame[name])
        if column.dtype.is_nested() or column.dtype == pl.Object:
            continue
        # Python writes TrialState.PRUNED where a tool says PRUNED.
        words = column.cast(pl.String).str.to_lowercase().str.strip_chars()
        words = words.str.split(".").list.last()
        said = set(words.drop_nulls().unique()) - {""}
        tells = said & _UNFINISHED and (said & _ENDED or said <= _UNFINISHED)
        if not (tells or named):
            continue
        bad = (~words.is_in([*_ENDED, ""])).fill_null(False)
        if not bad.any():
            continue
        counts = words.filter(bad).value_counts()
        counts = counts.sort("count", words.name, descending=[True, False])
        each = ", ".join(f"{n:,} {word}" for word, n in counts.rows())
        rows = "1 row has" if bad.sum() == 1 else f"{bad.sum():,} rows have"
        return bad, f"{rows} no result, as the column {name} says, and were left out: {each}"
    return pl.repeat(False, frame.height, eager=True), None
