"""Parameters in their three spellings (struct, JSON text, `param_*` columns) to canonical text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import polars as pl

from tradingkb.domain import canonical_params
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
            "no parameters",
            field="params",
            remedy="give a params column (struct or JSON text) or param_* columns, or map one: "
            '{"params": "your column"}',
        )
    struct = pl.struct(pl.col(c).alias(c.removeprefix(PREFIX)) for c in loose).alias("params")
    return frame.with_columns(struct).drop(loose)


def canonical_column(values: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Canonical JSON texts, and what is wrong with the rows that have none; shapes (n,).

    Equal spellings are parsed once: files of sweeps repeat a few hundred parameter sets.
    """
    if isinstance(values.dtype, pl.Struct):
        return _of_struct(values)
    if values.dtype == pl.Object:
        pairs = [_canonical(v, drop_null=False) for v in values.to_list()]
        return _series([text for text, _ in pairs], [error for _, error in pairs])
    if values.dtype != pl.String:
        error = f"{values.dtype} is no mapping"
        return _series([None] * len(values), [error] * len(values))
    return _by_spelling(values, drop_null=False)


def _of_struct(values: pl.Series) -> tuple[pl.Series, pl.Series]:
    """A struct column holds null for a parameter that a row does not have; pandas writes NaN."""
    loose = values.struct.unnest()
    for name, kind in loose.schema.items():
        if kind in (pl.Binary, pl.Object, pl.Duration, pl.Time):
            error = f"parameter {name} is {kind}, which is neither a number nor a text"
            return _series([None] * len(values), [error] * len(values))
    # JSON has no infinity: it would silently become "not given".
    infinite = [
        pl.when(pl.col(name).is_infinite()).then(pl.lit(f"parameter {name} is infinite"))
        for name, kind in loose.schema.items()
        if kind.is_float()
    ]
    # A float of 32 bits would be written by its shortest text, which is another number.
    exact = loose.with_columns(pl.col(pl.Float32).cast(pl.Float64)).to_struct()
    texts, errors = _by_spelling(exact.struct.json_encode(), drop_null=True)
    if infinite:
        errors = loose.select(pl.coalesce(*infinite, errors).alias("error"))["error"]
        texts = texts.zip_with(errors.is_null(), pl.Series([None], dtype=pl.String))
    return texts, errors


def _by_spelling(values: pl.Series, *, drop_null: bool) -> tuple[pl.Series, pl.Series]:
    distinct = values.unique()
    rows = [(text, *_canonical(text, drop_null=drop_null)) for text in distinct]
    table = pl.DataFrame(
        rows, schema={"key": pl.String, "text": pl.String, "error": pl.String}, orient="row"
    )
    keys = values.alias("key").to_frame()
    joined = keys.join(table, on="key", how="left", nulls_equal=True, maintain_order="left")
    return joined["text"].alias("params"), joined["error"]


def _canonical(value: Any, *, drop_null: bool) -> tuple[str | None, str | None]:
    if value is None:
        return None, "params are missing"
    try:
        parsed = json.loads(value, object_pairs_hook=_object) if isinstance(value, str) else value
        if drop_null and isinstance(parsed, Mapping):
            parsed = {k: v for k, v in parsed.items() if v is not None}
        if isinstance(parsed, Mapping) and not parsed:
            return None, "params are empty"
        return canonical_params(parsed), None
    except json.JSONDecodeError as error:
        return None, f"params are no JSON: {error}"
    except InvalidTrialError as error:
        return None, str(error)
    except (ValueError, RecursionError):  # an integer of 5,000 digits, ten thousand brackets
        return None, "params are no JSON that can be read"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = Counter(name for name, _ in pairs)
    if len(names) < len(pairs):
        twice = names.most_common(1)[0][0]
        raise InvalidTrialError(f"parameter {twice} is given twice", field="params")
    return dict(pairs)


def _series(texts: Any, errors: Any) -> tuple[pl.Series, pl.Series]:
    return (
        pl.Series("params", list(texts), dtype=pl.String),
        pl.Series("error", list(errors), dtype=pl.String),
    )
