"""Constants of a mapping, checked once instead of in every row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers.checks import Problems, read_column
from tradingkb.importers.columns import COLUMNS, ROW
from tradingkb.importers.params import PREFIX, canonical_column
from tradingkb.importers.source import Const, literal


def check_constants(mapping: Mapping[str, Any]) -> None:
    """Refuses a constant that no row could have.

    Raises:
        InvalidTrialError: what is wrong with it, without a row.
    """
    for name, value in mapping.items():
        if isinstance(value, Const):
            _check(name, literal(value.value))


def _check(name: str, value: Any) -> None:
    row = pl.select(pl.lit(1).alias(ROW), pl.lit(value).alias(name))
    found = _of_param(row, name) if name.startswith(PREFIX) else _of_column(row, name)
    if value is not None and found:
        message, remedy = found
        raise InvalidTrialError(f"the constant {message}", field=name, remedy=remedy)


def _of_param(row: pl.DataFrame, name: str) -> tuple[str, str] | None:
    struct = row.select(pl.struct(pl.col(name).alias(name.removeprefix(PREFIX))).alias(name))
    error = canonical_column(struct[name])[1].to_list()[0]
    return (error, "give a finite number, a text or a boolean") if error else None


def _of_column(row: pl.DataFrame, name: str) -> tuple[str, str] | None:
    problems = Problems()
    read_column(row, COLUMNS[name], problems)
    found = problems.frame().select("message", "remedy").rows()
    return found[0] if found else None
