"""Reading trials from paths, frames and objects, and renaming the user's columns."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import polars as pl

from tradingkb.domain.regime import Regime
from tradingkb.domain.trial import Trial, as_utc, canonical_params, regime_to_json
from tradingkb.exceptions import InvalidTrialError
from tradingkb.importers.columns import COLUMNS

#: Names the row of the source in every frame of the importer; 1-based.
ROW = "__row__"
_READERS = {".parquet": pl.read_parquet, ".csv": pl.read_csv, ".ndjson": pl.read_ndjson,
            ".jsonl": pl.read_ndjson}  # fmt: skip


@dataclass(frozen=True)
class Const:
    """A constant in a mapping: every row has this value."""

    value: Any


def const(value: Any) -> Const:
    """Marks a value of a mapping as a constant, such as `{"objective_type": const("sharpe")}`."""
    return Const(value)


@dataclass(frozen=True)
class Source:
    """A user's table under canonical names.

    Attributes:
        frame: canonical columns (not yet checked), `param_*` columns, and `ROW`.
        name: how messages call it.
        ignored: the user's columns that no canonical column takes.
    """

    frame: pl.DataFrame
    name: str
    ignored: tuple[str, ...]


def read_source(trials: Any, mapping: Mapping[str, str | Const] | None = None) -> Source:
    """Reads trials and renames their columns.

    Args:
        trials: a path (.parquet, .csv, .ndjson), a Polars or pandas frame, or `Trial` objects.
        mapping: canonical name to the user's column, or to a constant.

    Raises:
        InvalidTrialError: no such file, an unknown format, a mapping that names no column; near
            names are suggested.
    """
    frame, name = _load(trials)
    if ROW in frame.columns:
        raise InvalidTrialError(f"the column name {ROW!r} is reserved", remedy="rename it")
    mapped = _mapped(frame, mapping or {})
    # Beside a params column, param_* columns are the user's own (a param_id, say).
    loose = "params" not in mapped.columns
    kept = [c for c in mapped.columns if c in COLUMNS or (loose and c.startswith("param_"))]
    taken = {column for column in (mapping or {}).values() if isinstance(column, str)}
    ignored = tuple(c for c in frame.columns if c not in kept and c not in taken)
    return Source(mapped.select(kept).with_row_index(ROW, offset=1), name, ignored)


def _load(trials: Any) -> tuple[pl.DataFrame, str]:
    if isinstance(trials, str | Path):
        return _load_path(Path(trials)), str(trials)
    if isinstance(trials, pl.LazyFrame):
        return trials.collect(), "a Polars frame"
    if isinstance(trials, pl.DataFrame):
        return trials, "a Polars frame"
    if type(trials).__module__.split(".")[0] == "pandas":
        return from_pandas(trials), "a pandas frame"
    if isinstance(trials, Trial):
        trials = [trials]
    if isinstance(trials, Sequence) and all(isinstance(t, Trial) for t in trials):
        return _from_objects(trials), f"{len(trials)} Trial objects"
    raise InvalidTrialError(
        f"cannot read trials from {type(trials).__name__}", field="trials",
        remedy="give a path, a Polars or pandas frame, or Trial objects",
    )  # fmt: skip


def _load_path(path: Path) -> pl.DataFrame:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InvalidTrialError(
            f"{path.name}: files of type {path.suffix or 'none'!r} are not read", field="trials",
            remedy=f"convert it to one of {', '.join(_READERS)}",
        )  # fmt: skip
    if not path.is_file():
        raise InvalidTrialError(
            f"{path} does not exist", field="trials", remedy="check the path"
        )
    try:
        if path.suffix.lower() == ".csv":
            return pl.read_csv(path, infer_schema_length=None)
        return reader(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InvalidTrialError(
            f"{path.name} cannot be read: {error}", field="trials", remedy="check the file"
        ) from error


def from_pandas(frame: Any) -> pl.DataFrame:
    """A pandas frame as a Polars one, without needing pyarrow; objects are kept as they are."""
    columns = {}
    for name in frame.columns:
        series = frame[name]
        kind = series.dtype.kind if hasattr(series.dtype, "kind") else "O"
        if kind in "iufb":
            columns[str(name)] = pl.Series(str(name), series.to_numpy())
        else:
            values = [None if v is None or v != v else v for v in series.tolist()]  # NaN, NaT
            columns[str(name)] = pl.Series(str(name), values, strict=False)
    return pl.DataFrame(columns)


def _from_objects(trials: Sequence[Trial]) -> pl.DataFrame:
    rows = []
    for number, trial in enumerate(trials, 1):
        row = {f.name: getattr(trial, f.name) for f in fields(trial)}
        try:
            row["params"] = canonical_params(trial.params)
        except InvalidTrialError as error:
            raise InvalidTrialError(str(error), row=number, field="params") from None
        for name, value in row.items():
            if COLUMNS[name].kind == "time" and value is not None:
                row[name] = as_utc(value)
            if isinstance(value, Regime):
                row[name] = regime_to_json(value)
        rows.append(row)
    schema = {name: _DTYPES[column.kind] for name, column in COLUMNS.items()}
    return pl.DataFrame(rows, schema=schema, orient="row", strict=False)


_DTYPES: dict[str, Any] = {
    "text": pl.String, "number": pl.Float64, "count": pl.Float64, "params": pl.String,
    "regime": pl.String, "time": pl.Datetime("us", "UTC"),
}  # fmt: skip


def _mapped(frame: pl.DataFrame, mapping: Mapping[str, str | Const]) -> pl.DataFrame:
    expressions = []
    for canonical, column in mapping.items():
        if canonical not in COLUMNS and not canonical.startswith("param_"):
            raise InvalidTrialError(
                f"{canonical!r} is no canonical column", field="mapping",
                remedy=_near(canonical, COLUMNS) + "; a mapping is {canonical: your column}",
            )  # fmt: skip
        if isinstance(column, Const):
            expressions.append(pl.lit(column.value).alias(canonical))
        elif column in frame.columns:
            expressions.append(pl.col(column).alias(canonical))
        else:
            raise InvalidTrialError(
                f"column {column!r} (for {canonical}) is not in the input", field="mapping",
                remedy=_near(column, frame.columns) + "; for a constant use tkb.const(...)",
            )  # fmt: skip
    return frame.with_columns(expressions)


def _near(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(known))}"
