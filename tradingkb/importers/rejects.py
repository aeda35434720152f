"""Refused rows: a table of problems for the report, and a file to be corrected and ingested."""

from __future__ import annotations

import contextlib
import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from tradingkb.domain import canonical_params
from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers.columns import ROW
from tradingkb.spreadsheet import as_cells, as_names, from_cells

REJECTS_SCHEMA: Final = {
    "row": pl.UInt32,
    "field": pl.String,
    "message": pl.String,
    "remedy": pl.String,
    "values": pl.String,
}
#: What a rejects file adds to the user's columns, and an ingest does not look at. The last one
#: says what parameter columns hold: CSV does not tell "5" from 5, nor one bad cell from a text.
MARKS: Final = (
    "_rejected_row",
    "_rejected_field",
    "_rejected_message",
    "_rejected_remedy",
    "_rejected_types",
)


#: Rows that are Python objects at one time.
_SLICE: Final = 10_000
#: Rows of which a report has the values; the file has those of all. A few kilobytes of Parquet
#: can hold millions of rows, and a text for each of them would fill the memory.
MOST_VALUES: Final = 10_000


def rejects_table(problems: pl.DataFrame, raw: pl.DataFrame) -> pl.DataFrame:
    """One row per problem: row, field, message, remedy, and the row's values as JSON.

    The values are null after the first `MOST_VALUES` rows.
    """
    if problems.is_empty():
        return pl.DataFrame(schema=REJECTS_SCHEMA)
    bad = raw.filter(np.isin(raw[ROW].to_numpy(), problems[ROW].to_numpy())).head(MOST_VALUES)
    rows = [_as_json(row) for row in bad.drop(ROW).to_dicts()]
    values = pl.DataFrame({ROW: bad[ROW].cast(pl.UInt32), "values": rows})
    return problems.join(values, on=ROW, how="left", maintain_order="left").rename({ROW: "row"})


@dataclass(frozen=True, eq=False)
class Refused:
    """The refused rows of a source as the user gave them, to be corrected and ingested.

    Attributes:
        problems: row, field, message, remedy, by row; several per row.
        rows: the user's columns of each row that has problems, and `ROW`; by row.
        kinds: "number", "boolean", "text" or "json" by column of them, see `Cells.kind`.
    """

    problems: pl.DataFrame
    rows: pl.DataFrame
    kinds: Mapping[str, str]

    @classmethod
    def of(
        cls, problems: pl.DataFrame, original: pl.DataFrame, kinds: Mapping[str, str]
    ) -> Refused:
        """The rows of the user's table that the problems name."""
        bad = problems[ROW].unique().sort()
        rows = original[bad.cast(pl.Int64) - 1]
        return cls(problems, rows.with_columns(bad.alias(ROW)), kinds)

    def and_also(self, others: Refused) -> Refused:
        """With rows of the same source that are refused for another reason."""
        problems = pl.concat([self.problems, others.problems]).sort(ROW, maintain_order=True)
        rows = pl.concat([self.rows, others.rows]).unique(ROW).sort(ROW)
        return replace(self, problems=problems, rows=rows)

    @property
    def height(self) -> int:
        """How many rows."""
        return self.rows.height

    def table(self, start: int = 0, length: int | None = None) -> pl.DataFrame:
        """`MARKS`, which say what is wrong, then the user's columns, as CSV can hold them."""
        rows = self.rows.slice(start, length)
        joined = [pl.col(name).str.join(" | ") for name in ("field", "message", "remedy")]
        bad = self._problems_of(rows[ROW]).group_by(ROW).agg(joined).sort(ROW)
        marks = [bad[name].alias(mark) for name, mark in zip(bad.columns, MARKS, strict=False)]
        types = pl.repeat(json.dumps(dict(self.kinds)), bad.height, dtype=pl.String, eager=True)
        columns = (_for_csv(c, self.kinds.get(c.name, "")) for c in rows.drop(ROW))
        return pl.DataFrame([*marks, types.alias(MARKS[-1]), *columns])

    def _problems_of(self, rows: pl.Series) -> pl.DataFrame:
        """Those of neighbouring rows."""
        if rows.is_empty():
            return self.problems.clear()
        begin = self.problems[ROW].search_sorted(rows[0], side="left")
        end = self.problems[ROW].search_sorted(rows[-1], side="right")
        return self.problems.slice(begin, end - begin)

    def write(self, path: Path) -> None:
        """Writes them as a CSV file that a spreadsheet can open, some thousand at a time."""
        with path.open("wb") as file:
            for start in range(0, max(1, self.height), _SLICE):
                part = as_cells(self.table(start, _SLICE))
                part.write_csv(file, include_header=start == 0)


def without_marks(frame: pl.DataFrame) -> pl.DataFrame:
    """A table without what a rejects file added to it."""
    if MARKS[-1] in frame.columns:
        frame = from_cells(frame)
    return frame.drop(MARKS, strict=False)


def kinds_in(frame: pl.DataFrame) -> dict[str, str]:
    """What a rejects file says about its columns; nothing for any other table."""
    if MARKS[-1] not in frame.columns:
        return {}
    return _kinds(frame[MARKS[-1]].drop_nulls().first())


def text_columns(path: Path) -> set[str]:
    """The columns that a rejects file says are texts, by its header; none for any other file."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        try:
            first = next(csv.DictReader(file), None) or {}
        except csv.Error:
            return set()
    kinds = _kinds(first.get(MARKS[-1]))
    return set(as_names([name for name, kind in kinds.items() if is_text(kind)]))


def is_text(kind: str) -> bool:
    """Whether a rejects file says of a column that its cells are texts, or JSON."""
    return kind.startswith(("text", "json"))


def _kinds(text: Any) -> dict[str, str]:
    try:
        return {str(name): str(kind) for name, kind in json.loads(text).items()}
    except (AttributeError, TypeError, ValueError):  # missing, or edited by hand
        return {}


def _as_json(row: Mapping[str, Any]) -> str:
    """A row as JSON, which has no NaN and no infinity: they are written as texts."""
    plain = {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }
    return json.dumps(plain, default=str)


def _for_csv(column: pl.Series, what: str) -> pl.Series:
    """A column as the importer reads it from CSV: structures as JSON, times in ISO 8601.

    Parameters of several types are JSON, too: CSV does not tell "5" from 5.
    """
    kind = column.dtype
    if what.startswith("json"):
        texts = [None if v is None else json.dumps(v, default=str) for v in column.to_list()]
        return pl.Series(column.name, texts, dtype=pl.String)
    if isinstance(kind, pl.Datetime):
        utc = column.dt.convert_time_zone("UTC") if kind.time_zone else column
        return utc.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f" + ("Z" if kind.time_zone else ""))
    if not (kind.is_nested() or kind in (pl.Object, pl.Binary, pl.Duration)):
        return column
    nulls = kind == pl.Object or what == "struct"
    values = [None if v is None else _text(v, nulls) for v in column.to_list()]
    return pl.Series(column.name, values, dtype=pl.String)


def _text(value: Any, nulls: bool) -> str:
    """JSON of a structure; `nulls` tells whether a null in it is a value or a missing field."""
    if isinstance(value, Mapping):
        given = {k: v for k, v in value.items() if nulls or v is not None}
        with contextlib.suppress(InvalidTrialError):  # what is wrong with it stays visible
            return canonical_params(given)
        return json.dumps(given, default=str)
    return json.dumps(value, default=str) if isinstance(value, list | tuple) else str(value)
