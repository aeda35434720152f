"""SHA-256 of rows over a canonical form: equal on every platform, in every store, for ever."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl

#: Rows whose texts exist at one time: a row with two regimes is a text of 2 kB, a million of them
#: would be 2 GB twice, as a column and as Python's texts.
_SLICE: Final = 16_384


def hashed(frame: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """SHA-256 per row over a canonical form of these columns.

    Floats enter by their IEEE 754 bits (-0.0 as 0.0), times as microseconds since 1970 UTC, each
    value with its length before it, null apart from the empty text: the same on every platform
    and for every spelling of the same value.

    Returns:
        Hexadecimal texts, shape (n,).
    """
    table = frame.select(columns)
    constants = _constants(table)
    parts = [_digests(_texts(part, constants)) for part in table.iter_slices(_SLICE)]
    return pl.concat(parts) if parts else pl.Series(dtype=pl.String)


def hashed_once(frame: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """As `hashed`, for columns whose values repeat: each combination is hashed once."""
    table = frame.select(columns)
    distinct = table.unique()
    distinct = distinct.with_columns(hashed(distinct, columns).alias("__hash__"))
    joined = table.join(
        distinct, on=list(columns), how="left", nulls_equal=True, maintain_order="left"
    )
    return joined["__hash__"]


def _constants(table: pl.DataFrame) -> dict[str, str]:
    """The framed value of every column that has a single one: sources leave many columns out."""
    found = {}
    for column in table.iter_columns():
        nulls = column.null_count()
        if nulls == len(column) or (not nulls and bool((column == column[0]).all())):
            text = _canonical(column.head(1)).to_list()
            found[column.name] = _framed(text[0]) if text else ""
    return found


def _framed(text: str | None) -> str:
    return ",-" if text is None else f",{len(text.encode())}:{text}"


def _texts(part: pl.DataFrame, constants: Mapping[str, str]) -> pl.Series:
    """One text per row: ",<bytes>:<value>" for each column, ",-" for null, less the first comma.

    Neighbouring constants become one literal, and the length with its marks is looked up in a
    table: to put a text together costs by the piece.
    """
    columns: list[pl.Series] = []
    pieces: list[pl.Expr] = []
    literal = ""
    for series in part.iter_columns():
        if series.name in constants:
            literal += constants[series.name]
            continue
        if literal:
            pieces.append(pl.lit(literal))
            literal = ""
        text = _canonical(series)
        place = (text.str.len_bytes() + 1).fill_null(0)
        columns += [
            _prefixes(int(place.max() or 0)).gather(place).alias(f"{len(columns)}"),  # type: ignore[arg-type]
            text.fill_null("").alias(f"{len(columns) + 1}"),
        ]
        pieces += [pl.col(column.name) for column in columns[-2:]]
    pieces.append(pl.lit(literal))
    height = pl.Series("rows", np.zeros(part.height, dtype=np.int8))  # when all are constants
    joined = pl.concat_str(pieces).str.slice(1).alias("text")
    return pl.DataFrame([height, *columns]).select(pl.col("rows"), joined)["text"]


def _prefixes(last: int) -> pl.Series:
    """What comes before a value, by the place 0 for null and n + 1 for n bytes, up to `last`."""
    return _prefixes_up_to(1 << last.bit_length())


@functools.lru_cache(maxsize=8)
def _prefixes_up_to(end: int) -> pl.Series:
    return pl.Series([",-", *(f",{n}:" for n in range(end))], dtype=pl.String)


def _digests(texts: pl.Series) -> pl.Series:
    # As bytes, because a text would be decoded for Python and encoded again for the hash.
    data = texts.cast(pl.Binary).to_list()
    return pl.Series([hashlib.sha256(row).hexdigest() for row in data], dtype=pl.String)


def _canonical(series: pl.Series) -> pl.Series:
    if series.dtype == pl.Float64:
        bits = (series.to_numpy() + 0.0).view(np.int64)  # adding 0.0 turns -0.0 into 0.0
        text = pl.Series(bits).cast(pl.String)
        return text.zip_with(series.is_not_null(), pl.Series([None], dtype=pl.String))
    if isinstance(series.dtype, pl.Datetime):
        return series.dt.epoch("us").cast(pl.String)
    return series.cast(pl.String)
