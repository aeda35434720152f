"""From a user's table to canonical trials: checked, completed, and identified.

The good rows come back as a frame; the bad ones with row, field, message and remedy. Nothing is
written here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import polars as pl

from tradingkb.domain.objective import get_objective, score
from tradingkb.domain.trial import METRICS
from tradingkb.importers.checks import Problems, read_column
from tradingkb.importers.columns import COLUMNS, NUMBERS, TIMES, WINDOW
from tradingkb.importers.params import gather_params
from tradingkb.importers.source import ROW, Const, read_source

SECONDS_PER_YEAR: Final = 365.25 * 86400
_TEXTS: Final = ("source_type", "source_id", "experiment_type", "strategy_name",
                 "strategy_version", "params", "objective_type", "symbol", "timeframe",
                 "engine")  # fmt: skip


@dataclass(frozen=True)
class Batch:
    """What came out of one source.

    Attributes:
        trials: the good rows: canonical columns, `window_key`, `params_hash`, `row_hash`, `ROW`.
        rejects: row, field, message, remedy, values (the row as JSON): one per problem.
        n_rows: rows of the source.
        duplicates: rows that repeat an earlier row exactly, and were taken once.
        notes: what the user should know, as sentences.
        source: how messages call it.
    """

    trials: pl.DataFrame
    rejects: pl.DataFrame
    n_rows: int
    duplicates: int
    notes: tuple[str, ...]
    source: str


def read_trials(
    trials: Any, *, mapping: Mapping[str, str | Const] | None = None, now: datetime
) -> Batch:
    """Reads, checks and completes trials.

    Args:
        trials: a path, frame or `Trial` objects; see `read_source`.
        mapping: canonical name to column or constant.
        now: when `known_at` is neither given nor follows from the windows.

    Raises:
        InvalidTrialError: the table as a whole cannot be used. Single bad rows raise nothing.
    """
    source = read_source(trials, mapping)
    raw = gather_params(source.frame)
    problems = Problems()
    columns = [read_column(raw, column, problems) for column in COLUMNS.values()]
    frame = pl.DataFrame([raw[ROW], *columns])
    frame = _with_defaults(frame, now)
    _check_rows(frame, problems)
    frame = _with_identity(_with_scores(frame, problems))
    frame, duplicates = _without_duplicates(frame, problems)
    found = problems.frame()
    good = frame.filter(~pl.col(ROW).is_in(found[ROW].implode()))
    rejects = _rejects(found, source.frame)
    notes = _notes(problems.nan_counts, source.ignored, duplicates, good)
    return Batch(good, rejects, raw.height, duplicates, notes, source.name)


def _with_defaults(frame: pl.DataFrame, now: datetime) -> pl.DataFrame:
    texts = [
        pl.col(c.name).fill_null(c.default) for c in COLUMNS.values() if c.default is not None
    ]
    # A result is knowable when the last of its windows has ended.
    last_end = pl.max_horizontal("oos_end", "is_end")
    known_at = pl.coalesce("known_at", last_end, "created_at", pl.lit(now))
    frame = frame.with_columns(*texts, known_at.dt.cast_time_unit("us").alias("known_at"))
    # Not the time of ingestion: it would differ between two ingests of one file.
    return frame.with_columns(pl.coalesce("created_at", "known_at").alias("created_at"))


def _check_rows(frame: pl.DataFrame, problems: Problems) -> None:
    problems.add(frame, pl.col("strategy_name").is_null(), "strategy_name", "is missing",
                 "every trial names its strategy; map it or set a constant")  # fmt: skip
    for start, end in (("is_start", "is_end"), ("oos_start", "oos_end")):
        problems.add(frame, (pl.col(start) >= pl.col(end)).fill_null(False), end,
                     pl.format("{} is not after {} {}", pl.col(end), pl.lit(start), pl.col(start)),
                     "windows are half-open [start, end): swap reversed dates")  # fmt: skip
    overlap = (pl.col("oos_start") < pl.col("is_end")) & (pl.col("is_start") < pl.col("oos_end"))
    problems.add(frame, overlap.fill_null(False), "oos_start",
                 pl.format("out-of-sample starts {} inside the in-sample window", "oos_start"),
                 "windows are half-open [start, end) and must not overlap")  # fmt: skip
    early = pl.col("known_at") < pl.max_horizontal("oos_end", "is_end")
    problems.add(frame, early.fill_null(False), "known_at",
                 "lies before the end of the trial's last window",
                 "a result cannot be known before its window has ended")  # fmt: skip
    problems.add(frame, pl.col("source_id").str.len_chars().fill_null(0) > 255, "source_id",
                 "is longer than 255 characters", "shorten it, or leave it out")  # fmt: skip


def _with_scores(frame: pl.DataFrame, problems: Problems) -> pl.DataFrame:
    """Fills `objective_score` with the objective's OOS value, else its IS value."""
    given = frame["objective_score"].to_numpy()
    filled = given.astype(np.float64, copy=True)
    kinds = frame["objective_type"].to_numpy()
    for name in frame["objective_type"].unique().drop_nulls():
        objective = get_objective(name) if COLUMNS["objective_type"].allowed.count(name) else None
        if objective is None:
            continue
        for sample in ("oos", "is"):
            computed = score(objective, metric_columns(frame, sample), np.full(len(filled), np.nan))
            missing = (kinds == name) & ~np.isfinite(filled)
            filled[missing] = computed[missing]
    scores = pl.Series("objective_score", filled).fill_nan(None)
    frame = frame.with_columns(scores)
    problems.add(frame, pl.col("objective_score").is_null(), "objective_score",
                 pl.format("no value of {} can be computed", "objective_type"),
                 "map sharpe_oos, sharpe_is, or whatever metrics the objective needs, or give "
                 "objective_score")  # fmt: skip
    return frame


def metric_columns(frame: pl.DataFrame, sample: str) -> dict[str, np.ndarray[Any, Any]]:
    """The metrics of one sample as float arrays, NaN where unknown, and `years` of its window."""
    columns = {m: frame[f"{m}_{sample}"].cast(pl.Float64).to_numpy() for m in METRICS}
    length = (frame[f"{sample}_end"] - frame[f"{sample}_start"]).dt.total_seconds(fractional=True)
    return {**columns, "years": (length / SECONDS_PER_YEAR).cast(pl.Float64).to_numpy()}


def _with_identity(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds window_key, params_hash, row_hash; derives source_id where the source has none."""
    frame = frame.with_columns(
        hashed(frame, WINDOW).alias("window_key"), hashed(frame, ("params",)).alias("params_hash")
    )
    experiment = ("strategy_name", "strategy_version", "params", *WINDOW, "objective_type")
    derived = hashed(frame, experiment)
    frame = frame.with_columns(pl.coalesce("source_id", derived).alias("source_id"))
    content = (*_TEXTS, *NUMBERS, *TIMES, "regime_is", "regime_oos")
    return frame.with_columns(hashed(frame, content).alias("row_hash"))


def hashed(frame: pl.DataFrame, columns: tuple[str, ...]) -> pl.Series:
    """SHA-256 per row over a canonical form of these columns.

    Floats enter by their IEEE 754 bits (-0.0 as 0.0), times as microseconds since 1970 UTC, each
    value with its length before it, null apart from the empty text: the same on every platform
    and for every spelling of the same value.
    """
    parts = [_canonical(frame[name]) for name in columns]
    table = pl.DataFrame([p.alias(str(i)) for i, p in enumerate(parts)])
    framed = [
        pl.when(pl.col(c).is_null())
        .then(pl.lit("-"))
        .otherwise(pl.concat_str(pl.col(c).str.len_bytes().cast(pl.String), pl.lit(":"), c))
        for c in table.columns
    ]
    texts = table.select(pl.concat_str(framed, separator=",").alias("text"))["text"]
    distinct = texts.unique()
    digests = pl.Series([hashlib.sha256(t.encode()).hexdigest() for t in distinct], dtype=pl.String)
    if len(distinct) == len(texts):
        return pl.Series([hashlib.sha256(t.encode()).hexdigest() for t in texts], dtype=pl.String)
    return texts.replace_strict(distinct, digests, return_dtype=pl.String)


def _canonical(series: pl.Series) -> pl.Series:
    if series.dtype == pl.Float64:
        bits = (series.to_numpy() + 0.0).view(np.int64)  # adding 0.0 turns -0.0 into 0.0
        text = pl.Series(bits).cast(pl.String)
        return text.zip_with(series.is_not_null(), pl.Series([None], dtype=pl.String))
    if isinstance(series.dtype, pl.Datetime):
        return series.dt.epoch("us").cast(pl.String)
    return series.cast(pl.String)


def _without_duplicates(frame: pl.DataFrame, problems: Problems) -> tuple[pl.DataFrame, int]:
    """Takes exact repeats once; refuses rows that share an identity but not their content."""
    key = ["source_type", "source_id"]
    first = frame.unique([*key, "row_hash"], keep="first", maintain_order=True)
    n = pl.len().over(key)
    clash = first.with_columns(
        n.alias("n"), pl.col(ROW).min().over(key).alias("low"), pl.col(ROW).max().over(key).alias("high")
    )
    problems.add(
        clash, pl.col("n") > 1, "source_id",
        pl.format("'{}' appears with different content in rows {} to {}", "source_id", "low", "high"),
        "which one is right cannot be guessed: give each trial its own source_id, or remove one",
    )  # fmt: skip
    return first, frame.height - first.height


def _rejects(problems: pl.DataFrame, raw: pl.DataFrame) -> pl.DataFrame:
    if problems.is_empty():
        schema = {"row": pl.UInt32, "field": pl.String, "message": pl.String, "remedy": pl.String,
                  "values": pl.String}  # fmt: skip
        return pl.DataFrame(schema=schema)
    bad = raw.filter(pl.col(ROW).is_in(problems[ROW].unique().implode()))
    rows = bad.drop(ROW).to_dicts()
    values = pl.DataFrame(
        {ROW: bad[ROW].cast(pl.UInt32), "values": [json.dumps(r, default=str) for r in rows]}
    )
    return problems.join(values, on=ROW, how="left", maintain_order="left").rename({ROW: "row"})


def _notes(
    nan_counts: Mapping[str, int], ignored: tuple[str, ...], duplicates: int, good: pl.DataFrame
) -> tuple[str, ...]:
    notes = [f"{n} NaN in {name} taken as missing" for name, n in nan_counts.items()]
    if ignored:
        notes.append(f"columns not used: {', '.join(ignored)}")
    if duplicates:
        notes.append(f"{duplicates} rows repeat an earlier row exactly and were taken once")
    placeless = good.filter(pl.all_horizontal(pl.col(c).is_null() for c in WINDOW)).height
    if placeless:
        notes.append(
            f"{placeless} trials name no symbol, timeframe or dates: together they count as one "
            "window, because nothing says that their luck is independent"
        )
    return tuple(notes)
