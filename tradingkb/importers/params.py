"""Parameters in their three spellings (struct, JSON text, `param_*` columns) to canonical text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import polars as pl

from tradingkb.domain.trial import canonical_params
from tradingkb.exceptions import InvalidTrialError

PREFIX = "param_"


def gather_params(frame: pl.DataFrame) -> pl.DataFrame:
    """Turns `param_*` columns into one `params` struct; leaves a frame with `params` alone.

    Raises:
        InvalidTrialError: neither spelling is there.
    """
    loose = [c for c in frame.columns if c.startswith(PREFIX)]
    if "params" in frame.columns:
        return frame
    if not loose:
        raise InvalidTrialError(
            "no parameters", field="params",
            remedy='give a params column (struct or JSON text) or param_* columns, or map one: '
            '{"params": "your column"}',
        )  # fmt: skip
    struct = pl.struct(pl.col(c).alias(c.removeprefix(PREFIX)) for c in loose).alias("params")
    return frame.with_columns(struct).drop(loose)


def canonical_column(values: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Canonical JSON texts, and what is wrong with the rows that have none; shapes (n,).

    Equal spellings are parsed once: files of sweeps repeat a few hundred parameter sets.
    """
    if isinstance(values.dtype, pl.Struct):
        # A struct column holds null for a parameter that a row does not have.
        values = values.struct.json_encode()
        return _by_spelling(values, drop_null=True)
    if values.dtype == pl.Object:
        texts, errors = zip(*(_canonical(v, False) for v in values.to_list()), strict=True)
        return _series(texts, errors)
    if values.dtype != pl.String:
        error = f"{values.dtype} is no mapping"
        return _series([None] * len(values), [error] * len(values))
    return _by_spelling(values, drop_null=False)


def _by_spelling(values: pl.Series, *, drop_null: bool) -> tuple[pl.Series, pl.Series]:
    distinct = values.unique()
    found = {text: _canonical(text, drop_null) for text in distinct}
    table = pl.DataFrame(
        {
            "key": list(found), "text": [t for t, _ in found.values()],
            "error": [e for _, e in found.values()],
        },
        schema={"key": pl.String, "text": pl.String, "error": pl.String},
    )  # fmt: skip
    joined = values.alias("key").to_frame().join(
        table, on="key", how="left", nulls_equal=True, maintain_order="left"
    )
    return joined["text"].alias("params"), joined["error"]


def _canonical(value: Any, drop_null: bool) -> tuple[str | None, str | None]:
    if value is None:
        return None, "params are missing"
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
        if drop_null and isinstance(parsed, Mapping):
            parsed = {k: v for k, v in parsed.items() if v is not None and not _is_nan(v)}
        if isinstance(parsed, Mapping) and not parsed:
            return None, "params are empty"
        return canonical_params(parsed), None
    except json.JSONDecodeError as error:
        return None, f"params are no JSON: {error}"
    except InvalidTrialError as error:
        return None, str(error)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _series(texts: Any, errors: Any) -> tuple[pl.Series, pl.Series]:
    return (
        pl.Series("params", list(texts), dtype=pl.String),
        pl.Series("error", list(errors), dtype=pl.String),
    )
