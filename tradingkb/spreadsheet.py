"""Tables of users on their way to a spreadsheet, which runs a cell that begins with =, +, - or @.

An apostrophe before it makes such a text a text. It is taken off again where a file comes back:
`from_cells` of `as_cells` is the table as it was, whatever it holds. Numbers are none of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import polars as pl

#: Behind apostrophes and blanks, too; the wide forms are run where such keyboards are in use.
_RUNS: Final = r"^'*[\s\x00]*[=+\-@\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}]"
_NUMBER: Final = r"^[+-]([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


def as_cells(frame: pl.DataFrame) -> pl.DataFrame:
    """The table with an apostrophe before each text, and each name, that would be run."""
    frame = frame.with_columns(_written(pl.col(name)) for name in _texts(frame))
    return frame.rename(dict(zip(frame.columns, as_names(frame.columns), strict=True)))


def from_cells(frame: pl.DataFrame) -> pl.DataFrame:
    """The table that `as_cells` was given."""
    frame = frame.with_columns(_read(pl.col(name)) for name in _texts(frame))
    return frame.rename(dict(zip(frame.columns, _each(frame.columns, _read), strict=True)))


def as_names(names: Sequence[str]) -> list[str]:
    """Names of columns as `as_cells` writes them."""
    return _each(names, _written)


def _texts(frame: pl.DataFrame) -> list[str]:
    return [name for name, kind in frame.schema.items() if kind == pl.String]


def _each(names: Sequence[str], change: Callable[[pl.Expr], pl.Expr]) -> list[str]:
    return (
        pl.Series("name", names, dtype=pl.String)
        .to_frame()
        .select(change(pl.col("name")))["name"]
        .to_list()
    )


def _written(text: pl.Expr) -> pl.Expr:
    return pl.when(_would_run(text)).then(pl.format("'{}", text)).otherwise(text).name.keep()


def _read(text: pl.Expr) -> pl.Expr:
    rest = text.str.slice(1)
    added = text.str.starts_with("'") & _would_run(rest)
    return pl.when(added).then(rest).otherwise(text).name.keep()


def _would_run(text: pl.Expr) -> pl.Expr:
    return text.str.contains(_RUNS) & ~text.str.contains(_NUMBER)
