"""From a user's table to canonical trials: checked, completed, and identified.

The good rows come back as a frame; the bad ones with row, field, message and remedy. Nothing is
written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from tradingkb.domain import (
    TIMEFRAME_REMEDY,
    StrategySpec,
    as_utc,
    canonical_timeframe,
    is_duration,
    is_no_timeframe,
)
from tradingkb.importers import unscored
from tradingkb.importers.checks import Check, Problems, read_column
from tradingkb.importers.columns import COLUMNS, NUMBERS, ROW, TIMES, WINDOW
from tradingkb.importers.constants import check_constants
from tradingkb.importers.hashing import hashed, hashed_once
from tradingkb.importers.params import PREFIX, read_params
from tradingkb.importers.rejects import Refused, rejects_table
from tradingkb.importers.samples import with_scores
from tradingkb.importers.source import Const, Source, no_params, no_strategy, read_source

#: The day of an exchange is named by its end, which is tomorrow's midnight, or one further east.
_TOLERANCE: Final = timedelta(days=1)
_IDENTITY: Final = ("source_type", "source_id")
_TEXTS: Final = (
    *("source_type", "source_id", "experiment_type", "strategy_name", "strategy_version"),
    *("params", "objective_type", "symbol", "timeframe", "engine"),
)
#: What defines an experiment: an id that the source does not give is derived from it.
_EXPERIMENT: Final = (
    *("strategy_name", "strategy_version", "params", *WINDOW, "engine", "cost_bps"),
    "objective_type",
)
#: What the hash of a row is taken of.
CONTENT: Final = (*_TEXTS, *NUMBERS, *TIMES, "regime_is", "regime_oos")


@dataclass(frozen=True)
class Batch:
    """What came out of one source.

    Attributes:
        trials: the good rows: canonical columns, `window_key`, `params_hash`, `row_hash`, `ROW`.
        rejects: row, field, message, remedy, values (see `rejects_table`): one per problem.
        refused: the user's rows at fault, for a file to be corrected.
        n_rows: rows of the source.
        duplicates: rows that repeat an earlier row exactly, and were taken once.
        notes: what the user should know, as sentences.
        source: how messages call it.
    """

    trials: pl.DataFrame
    rejects: pl.DataFrame
    refused: Refused
    n_rows: int
    duplicates: int
    notes: tuple[str, ...]
    source: str


def read_trials(
    trials: Any,
    *,
    mapping: Mapping[str, str | Const] | None = None,
    now: datetime,
    specs: Sequence[StrategySpec] = (),
    scored: bool = True,
) -> Batch:
    """Reads, checks and completes trials.

    Args:
        trials: a path, frame or `Trial` objects; see `read_source`.
        mapping: canonical name to column or constant.
        specs: what strategies declare: parameters are read by it.
        now: when `known_at` is neither given nor follows from the windows.
        scored: False for experiments that may not have run yet: scores are not needed, and
            repeated rows are kept.

    Raises:
        InvalidTrialError: the table as a whole cannot be used. Single bad rows raise nothing.
    """
    source = read_source(trials, mapping, scored=scored)
    check_constants(mapping or {})
    raw = source.frame
    if not any(c == "params" or c.startswith(PREFIX) for c in raw.columns):
        raise no_params(source.ignored)
    _check_strategy(source)
    problems = Problems()
    problems.extend(_broken(source))
    plain = [c for c in COLUMNS.values() if c.kind != "params"]
    columns = [raw[ROW], *(read_column(raw, column, problems) for column in plain)]
    frame = pl.DataFrame(columns)
    params = read_params(
        raw,
        frame.select("strategy_name", "strategy_version"),
        specs,
        problems,
        source.kinds,
        is_csv=source.is_csv,
    )
    frame = _with_defaults(frame.with_columns(params.texts).select(ROW, *COLUMNS))
    _check_rows(frame, problems)
    if scored:
        _check_ended(frame, now, problems)
    said: tuple[str, ...] = ()
    if scored:
        frame, said = _with_scores(frame, problems)
    frame = _with_identity(frame)
    repeats = frame.select(_IDENTITY).is_duplicated()
    if scored:
        _check_duplicates(frame.filter(repeats), problems)
    sound = _without(frame, problems.among(frame))
    if scored and repeats.any():
        good = sound.unique(_IDENTITY, keep="first", maintain_order=True)
    else:
        good = sound
    good = _known_by(now, good)
    duplicates = sound.height - good.height
    found = problems.frame()
    rejects = rejects_table(found, source.frame)
    kinds = _own_names(params.kinds, mapping or {})
    refused = Refused.of(found, source.original, kinds)
    told = _notes(problems, source.ignored, duplicates, good)
    notes = (*source.notes, *params.notes, *said, *told)
    n_rows = raw.height + source.left_out + len(source.broken)
    return Batch(good, rejects, refused, n_rows, duplicates, notes, source.name)


def refuse(
    batch: Batch, found: pl.DataFrame, trials: Any, mapping: Mapping[str, str | Const] | None
) -> Batch:
    """A batch without rows that something else speaks against than what they say themselves.

    The source is read once more, for what stands in these rows: mostly there are none.

    Args:
        batch: what the source held.
        found: `ROW`, field, message, remedy.
        trials: the source.
        mapping: of its columns.
    """
    source = read_source(trials, mapping)
    rejects = pl.concat([batch.rejects, rejects_table(found, source.frame)])
    strangers = Refused.of(found, source.original, batch.refused.kinds)
    bad = batch.trials[ROW].is_in(found[ROW].implode())
    return replace(
        batch,
        trials=batch.trials.filter(~bad),
        rejects=rejects.sort("row", maintain_order=True),
        refused=batch.refused.and_also(strangers),
    )


def _check_strategy(source: Source) -> None:
    """Refuses a table of which no row names a strategy: a problem of each row says less.

    Raises:
        InvalidTrialError: with the mapping that names it.
    """
    frame = source.frame
    if frame.height and (
        "strategy_name" not in frame.columns or frame["strategy_name"].null_count() == frame.height
    ):
        raise no_strategy(source.ignored)


def _broken(source: Source) -> pl.DataFrame:
    """The rows of a file that could not be read at all, as problems."""
    schema = {ROW: pl.UInt32, "field": pl.String, "message": pl.String, "remedy": pl.String}
    rows = [(row, "line", text, "correct or remove it") for row, text in source.broken]
    return pl.DataFrame(rows, schema, orient="row")


def _without(frame: pl.DataFrame, bad: pl.Series) -> pl.DataFrame:
    # Most sources have no bad row: no copy of a million good ones then.
    return frame.filter(~bad) if bad.any() else frame


def _with_defaults(frame: pl.DataFrame) -> pl.DataFrame:
    texts = [pl.col(c.name).fill_null(c.default) for c in COLUMNS.values() if c.default is not None]
    # A result is knowable when the last of its windows has ended.
    last_end = pl.max_horizontal("oos_end", "is_end")
    spellings = frame["timeframe"].unique().drop_nulls().to_list()
    timeframe = pl.col("timeframe").replace({t: canonical_timeframe(t) for t in spellings})
    known_at = pl.coalesce("known_at", last_end, "created_at")
    frame = frame.with_columns(*texts, timeframe, known_at)
    return frame.with_columns(pl.coalesce("created_at", "known_at"))


def _known_by(now: datetime, frame: pl.DataFrame) -> pl.DataFrame:
    """Trials without any date are known now.

    That comes after `row_hash`, which would otherwise differ between two ingests of one file.
    """
    time = pl.lit(as_utc(now)).dt.cast_time_unit("us")
    return frame.with_columns(pl.col("known_at", "created_at").fill_null(time))


def _check_rows(frame: pl.DataFrame, problems: Problems) -> None:
    checks = [
        Check(
            pl.col("strategy_name").is_null(),
            "strategy_name",
            "is missing",
            "every trial names its strategy; map it or set a constant",
        )
    ]
    for start, end in (("is_start", "is_end"), ("oos_start", "oos_end")):
        message = pl.format(f"{{}} is not after {start} {{}}", _shown(end), _shown(start))
        remedy = "windows are half-open [start, end): swap reversed dates"
        checks.append(Check(pl.col(start) >= pl.col(end), end, message, remedy))
    overlap = (pl.col("oos_start") < pl.col("is_end")) & (pl.col("is_start") < pl.col("oos_end"))
    inside = pl.format("starts {} inside the in-sample window", _shown("oos_start"))
    apart = "windows are half-open [start, end) and must not overlap"
    checks.append(Check(overlap, "oos_start", inside, apart))
    early = pl.col("known_at") < pl.max_horizontal("oos_end", "is_end")
    nothing = [t for t in frame["timeframe"].unique().drop_nulls() if is_no_timeframe(t)]
    no_time = pl.format("'{}' is no time that a bar can last", "timeframe")
    checks.append(Check(pl.col("timeframe").is_in(nothing), "timeframe", no_time, TIMEFRAME_REMEDY))
    before = "lies before the end of the trial's last window"
    remedy = "a result cannot be known before its window has ended"
    problems.add_all(frame, [*checks, Check(early, "known_at", before, remedy)])


def _check_ended(frame: pl.DataFrame, now: datetime, problems: Problems) -> None:
    """Refuses results of windows that have not ended."""
    limit = pl.lit(as_utc(now) + _TOLERANCE).dt.cast_time_unit("us")
    later = [pl.col(end) > limit for end in ("oos_end", "is_end")]
    remedy = (
        "a result cannot be known before its window has ended: correct the date, or leave the "
        "trial out until then"
    )
    for end, bad in (("oos_end", later[0]), ("is_end", later[1] & ~later[0].fill_null(False))):
        message = pl.format("{} lies in the future", _shown(end))
        problems.add(frame, bad, end, message, remedy)


def _shown(time: str) -> pl.Expr:
    return pl.col(time).dt.strftime("%Y-%m-%d %H:%M")


def _with_scores(frame: pl.DataFrame, problems: Problems) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Fills `objective_score` in, and says which given ones are taken as in-sample."""
    frame, unsure = with_scores(frame)
    # A row with another problem may miss its score for that very reason: one message is enough.
    excused = problems.among(frame) | unscored.results(frame, problems)
    problems.add(
        frame,
        pl.col("objective_score").is_null() & ~pl.lit(excused),
        "objective_score",
        pl.format("no value of {} can be computed", "objective_type"),
        "map sharpe_oos, sharpe_is, or whatever metrics the objective needs, or give "
        "objective_score",
    )
    note = (
        f"{int(unsure.sum())} values of objective_score do not say of which sample they are, and "
        "count as in-sample: where they are out-of-sample, set objective_sample to 'oos'"
    )
    return frame, (note,) if unsure.any() else ()


def _with_identity(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds window_key, params_hash, row_hash; derives source_id where the source has none."""
    frame = frame.with_columns(
        hashed_once(frame, WINDOW).alias("window_key"),
        hashed_once(frame, ("params",)).alias("params_hash"),
    )
    nameless = frame["source_id"].is_null()
    if nameless.any():
        derived = hashed(frame.filter(nameless), _EXPERIMENT)
        frame = frame.with_columns(frame["source_id"].scatter(nameless.arg_true(), derived))
    frame = frame.with_columns(hashed(frame, CONTENT).alias("row_hash"))
    return _with_samples(frame) if "sample" in frame.columns else frame


def _with_samples(frame: pl.DataFrame) -> pl.DataFrame:
    """The sample of each score that is known, in place of what was said of it.

    Only what was said is part of the hash: rows that say nothing of it keep theirs.
    """
    said = frame["objective_sample"].is_not_null()
    if said.any():
        told = hashed(frame.filter(said), ("row_hash", "objective_sample"))
        frame = frame.with_columns(frame["row_hash"].scatter(said.arg_true(), told))
    known = pl.when(pl.col("objective_score").is_not_null()).then("sample")
    return frame.with_columns(known.alias("objective_sample")).drop("sample")


def _check_duplicates(frame: pl.DataFrame, problems: Problems) -> None:
    """Refuses every copy of an identity whose rows differ; exact repeats are no problem.

    A row with a problem has lost the value at fault, so it is no repeat of a sound one.
    """
    content = pl.struct("row_hash", "kb_status", "unsound")
    rows = pl.col(ROW).sort().head(5).cast(pl.String).str.join(", ").over(_IDENTITY)
    more = pl.when(pl.len().over(_IDENTITY) > 5).then(pl.lit(", ...")).otherwise(pl.lit(""))
    problems.add(
        frame.with_columns(problems.among(frame), rows.alias("rows"), more.alias("more")),
        content.n_unique().over(_IDENTITY) > 1,
        "source_id",
        pl.format("'{}' appears with different content in rows {}{}", "source_id", "rows", "more"),
        "which one is right cannot be guessed: give each trial its own source_id, or remove one",
    )


def _own_names(kinds: Mapping[str, str], mapping: Mapping[str, str | Const]) -> dict[str, str]:
    """By the user's columns, what is known by canonical ones."""
    columns = [(mapping.get(name, name), kind) for name, kind in kinds.items()]
    return {column: kind for column, kind in columns if isinstance(column, str)}


def _odd_timeframes(good: pl.DataFrame) -> list[str]:
    """Timeframes that say no length of time: of charts of ticks, or mistyped."""
    counts = good.group_by("timeframe").agg(pl.len(), pl.col(ROW).min()).drop_nulls()
    odd = [row for row in counts.sort(ROW).rows() if not is_duration(row[0])]
    return [
        f"timeframe {name!r} is no length of time ({n:,} rows, the first is row {row}): where one "
        f"is meant, {TIMEFRAME_REMEDY}"
        for name, n, row in odd
    ]


def _notes(
    problems: Problems, ignored: tuple[str, ...], duplicates: int, good: pl.DataFrame
) -> tuple[str, ...]:
    notes = [f"{n} NaN in {name} taken as missing" for name, n in problems.nan_counts.items()]
    notes += unscored.notes(good, problems)
    if ignored:
        notes.append(f"columns not used: {', '.join(ignored)}")
    if duplicates:
        notes.append(f"{duplicates} rows repeat an earlier row exactly and were taken once")
    notes += _odd_timeframes(good)
    placeless = good.filter(pl.all_horizontal(pl.col(c).is_null() for c in WINDOW)).height
    if placeless:
        notes.append(
            f"{placeless} trials name no symbol, timeframe or dates: together they count as one "
            "window, because nothing says that their luck is independent"
        )
    return tuple(notes)
