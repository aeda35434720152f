"""Is a stored trial still what its source said? Its hash, taken again, tells.

The hash was taken of what the row said, and some of what is stored was found out later: a window's
regime that was measured from prices, the time of an ingest for a trial without any date, of which
sample a score is. So it is taken with and without each of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final

import polars as pl

from tradingkb.importers.columns import TIMES
from tradingkb.importers.frames import CONTENT
from tradingkb.importers.hashing import hashed
from tradingkb.importers.unscored import SAMPLES

_REGIMES: Final = ("regime_is", "regime_oos")
_KNOWN: Final = ("known_at", "created_at")
_DATES: Final = tuple(name for name in TIMES if name not in _KNOWN)


def standing(rows: pl.DataFrame) -> pl.Series:
    """Which rows have the content that their hash was taken of.

    Args:
        rows: everything that a row's hash is taken of, and `row_hash`.

    Returns:
        Shape (n,): "plain", or "given" for a row that said a regime of its window itself; null for
        a row that says something else than it said.
    """
    left = rows.with_row_index("__place__")
    found = pl.Series("standing", [None] * rows.height, dtype=pl.String)
    for variant, kind in _variants(left):
        mine = variant["__place__"].filter(_stands(variant))
        if len(mine):
            found = found.scatter(mine, kind)
            left = left.filter(~pl.col("__place__").is_in(mine.implode()))
        if left.is_empty():
            break
    return found


def _variants(rows: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, str]]:
    """The rows as their source may have said them, the likeliest form first.

    Rows that are like an earlier form are left out of a later one.
    """
    undated = pl.all_horizontal(pl.col(name).is_null() for name in _DATES)
    undated &= pl.col("known_at") == pl.col("created_at")
    for dated, is_regime, oos_regime in product((True, False), (False, True), (False, True)):
        some = rows if dated else rows.filter(undated)
        for name, said in zip(_REGIMES, (is_regime, oos_regime), strict=True):
            if said:
                some = some.filter(pl.col(name).is_not_null())
            else:
                some = some.with_columns(pl.lit(None, dtype=pl.String).alias(name))
        if not dated:
            some = some.with_columns(pl.lit(None, dtype=rows.schema[n]).alias(n) for n in _KNOWN)
        yield some, "given" if is_regime or oos_regime else "plain"


def _stands(rows: pl.DataFrame) -> pl.Series:
    """Whether the hash is that of the row, with or without what it said of its sample."""
    if rows.is_empty():
        return pl.Series(dtype=pl.Boolean)
    plain = hashed(rows, CONTENT)
    stands = (plain == rows["row_hash"]).fill_null(False)
    for sample in SAMPLES:
        left = (~stands).arg_true()
        told = pl.DataFrame({"row_hash": plain.gather(left)})
        told = told.with_columns(objective_sample=pl.lit(sample))
        same = hashed(told, ("row_hash", "objective_sample")) == rows["row_hash"].gather(left)
        stands = stands.scatter(left, same.fill_null(False))
    return stands
