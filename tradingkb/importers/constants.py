"""Constants of a mapping, checked once instead of in every row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from tradingkb.domain import is_unicode
from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers.checks import Problems, read_column
from tradingkb.importers.columns import COLUMNS, ROW
from tradingkb.importers.params import PREFIX, check_param, read_params
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
    if isinstance(value, str) and not is_unicode(value):  # Polars would put other letters in
        raise InvalidTrialError(
            f"the constant {value!a} is no Unicode text",
            field=name,
            remedy="give a text that UTF-8 can hold",
        )
    found = check_param(name, value) if name.startswith(PREFIX) else _of_column(name, value)
    if value is not None and found:
        message, remedy = found
        raise InvalidTrialError(f"the constant {message}", field=name, remedy=remedy)


def _of_column(name: str, value: Any) -> tuple[str, str] | None:
    problems = Problems()
    row = pl.select(pl.lit(1).alias(ROW), pl.lit(value).alias(name))
    if name == "params":
        nobody = pl.select(strategy_name=None, strategy_version=None)
        read_params(row, nobody, (), problems)
    elif name in COLUMNS:
        read_column(row, COLUMNS[name], problems)
    found = problems.frame().select("message", "remedy").rows()
    return found[0] if found else None
