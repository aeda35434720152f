"""What a strategy earned over any two of its parameters: a table for a heat map."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import polars as pl

from tradingkb.domain import Objective, ParamValue, get_objective, parse_params
from tradingkb.exceptions import InvalidInputError, NotFoundError
from tradingkb.monitoring.evidence import Evidence, EvidenceStore, read_evidence
from tradingkb.monitoring.levels import Levels, levels, varying
from tradingkb.ranking import INTERVAL_LEVEL, t_quantile
from tradingkb.reports import Report

_CELL: Final = ["p_code", "q_code"]


@dataclass(frozen=True, repr=False)
class ParamGrid(Report):
    """What a strategy earned over two of its parameters.

    Trials are those that a recommendation would judge by now: known, not withdrawn, not rejected,
    of the version in force or of none that they name, with a score; archived ones, too, which
    nominate nothing but are evidence. A window (symbol, timeframe, dates) is one observation,
    however many trials were made on it. Windows of the same dates share their market, so that
    intervals are on the narrow side.

    Attributes:
        strategy_name, objective_type: of what.
        version: of the strategy whose trials these are; None where nothing names one.
        timeframe: whose windows these are; None where they name none.
        timeframes: windows with a score by timeframe ("" for those that name none).
        p, q: the two parameters; None for q where only one varies, and for both where none does.
        p_numeric, q_numeric: whether its values are numbers; else categories, as text.
        p_binned, q_binned: whether a cell holds several values: more than 30 were tried. Of
            categories the 29 of the most sets are told apart, and "... 71 others" are one.
        params: the parameters that vary: numeric ones first, those with more values before others.
        unit: of the objective.
        direction: "max" where more of it is better, "min" where less is.
        level: of the intervals.
        in_sample: whether scores are in-sample where there is no other, for want of windows.
        n_trials, n_windows, n_sets: trials, distinct windows and parameter sets in all cells.
        cells: one row per cell with a trial: p, p_low, p_high, q, q_low, q_high (value, or middle
            of the values from low to high; null where trials do not name the parameter), value
            (mean over windows of the mean score in the window, in the objective's own direction),
            low, high (interval of that mean, Student's t over windows; null for one window),
            over_others, over_others_low, over_others_high (the same of the difference to the mean
            of all other sets on the same window, which takes the luck of windows out; null where
            no window has others), n_trials, n_windows, n_sets, idle (share of the trials that are
            known to have made no trade). In order of p, then q.
    """

    strategy_name: str
    objective_type: str
    version: str | None
    timeframe: str | None
    timeframes: Mapping[str, int]
    p: str | None
    q: str | None
    p_numeric: bool
    q_numeric: bool
    p_binned: bool
    q_binned: bool
    params: tuple[str, ...]
    unit: str
    direction: str
    level: float
    in_sample: bool
    n_trials: int
    n_windows: int
    n_sets: int
    cells: pl.DataFrame

    def summary(self) -> str:
        """One line."""
        over = " and ".join(name for name in (self.p, self.q) if name) or "no parameter"
        return (
            f"{self.objective_type} of {self.strategy_name} over {over}: {self.cells.height} "
            f"cells, {self.n_trials:,} trials on {self.n_windows:,} windows"
        )


def param_grid(
    store: EvidenceStore,
    workspace_id: str,
    strategy_name: str,
    p: str | None,
    q: str | None,
    objective_type: str,
    timeframe: str | None,
    until: datetime,
) -> ParamGrid:
    """Reads the trials and puts them into cells; raises as `KnowledgeBase.param_grid`."""
    objective = get_objective(objective_type)
    found = read_evidence(store, workspace_id, strategy_name, objective, until)
    counts = timeframes_of(found.trials)
    chosen = _timeframe(counts, timeframe)
    trials = found.trials.filter(pl.col("timeframe").eq_missing(pl.lit(chosen, pl.String)))
    ids = trials["param_set_id"].unique().sort()
    rows = store.param_set_rows(workspace_id, strategy_name)
    texts = rows.filter(pl.col("param_set_id").is_in(ids.implode())).sort("param_set_id")["params"]
    sets = [parse_params(text) for text in texts]
    params = varying(sets)
    axes = tuple(levels(name, sets) for name in choose_axes(p, q, params, sets))
    observed = trials.select(
        pl.Series("set", np.searchsorted(ids.to_numpy(), trials["param_set_id"].to_numpy())),
        pl.col("window_id").alias("window"),
        "score",
        "idle",
    )
    return _report(strategy_name, objective, found, chosen, counts, params, axes, observed)


def _report(
    strategy_name: str,
    objective: Objective,
    found: Evidence,
    timeframe: str | None,
    counts: Mapping[str, int],
    params: tuple[str, ...],
    axes: tuple[Levels, ...],
    observed: pl.DataFrame,
) -> ParamGrid:
    p, q = axes
    return ParamGrid(
        strategy_name=strategy_name,
        objective_type=objective.name,
        version=found.version,
        timeframe=timeframe,
        timeframes=counts,
        p=p.name,
        q=q.name,
        p_numeric=p.numeric,
        q_numeric=q.numeric,
        p_binned=p.binned,
        q_binned=q.binned,
        params=params,
        unit=objective.unit,
        direction=objective.direction,
        level=INTERVAL_LEVEL,
        in_sample=found.in_sample,
        n_trials=observed.height,
        n_windows=observed["window"].n_unique(),
        n_sets=observed["set"].n_unique(),
        cells=make_cells(p, q, observed, objective),
    )


def timeframes_of(trials: pl.DataFrame) -> dict[str, int]:
    """Windows of each timeframe, the most first; "" for windows that name none."""
    counts = trials.group_by("timeframe").agg(pl.col("window_id").n_unique().alias("n"))
    counts = counts.with_columns(pl.col("timeframe").fill_null(""))
    return dict(counts.sort(["n", "timeframe"], descending=[True, False]).rows())


def _timeframe(counts: Mapping[str, int], wanted: str | None) -> str | None:
    """The asked, else the one with the most windows: annualised figures of others do not mix."""
    if wanted is None:
        named = [name for name in counts if name]
        return named[0] if named else None
    if wanted not in counts or not wanted:
        raise NotFoundError("timeframe", str(wanted), [name for name in counts if name])
    return wanted


def choose_axes(
    p: str | None,
    q: str | None,
    params: Sequence[str],
    sets: Sequence[Mapping[str, ParamValue]],
) -> tuple[str | None, str | None]:
    """The two parameters: those asked for, else the first ones that vary.

    Raises:
        NotFoundError: a parameter that no set has.
        InvalidInputError: the same one twice.
    """
    known = {name for one in sets for name in one}
    for name in (p, q):
        if name is not None and name not in known:
            raise NotFoundError("parameter", str(name), known)
    if p is not None and p == q:
        raise InvalidInputError(
            f"{p!r} cannot be both parameters", field="q", remedy="name another one, or none"
        )
    rest = [name for name in params if name not in (p, q)]
    first = p if p is not None else next(iter(rest), None)
    second = q if q is not None else next((name for name in rest if name != first), None)
    return first, second


def make_cells(p: Levels, q: Levels, observed: pl.DataFrame, objective: Objective) -> pl.DataFrame:
    """The cells of `ParamGrid`; pure.

    Args:
        p: the steps of one parameter, by parameter set.
        q: those of the other one.
        observed: set (index), window, score and idle of each trial.
        objective: bounds of its scores.
    """
    codes = pl.DataFrame({"p_code": p.code, "q_code": q.code}).with_row_index("set")
    codes = codes.with_columns(pl.col("set").cast(pl.Int64))
    pairs = observed.group_by("set", "window").agg(
        pl.col("score").mean(), pl.len().alias("trials"), pl.col("idle").sum()
    )
    pairs = pairs.join(codes, on="set", maintain_order="left").sort("set", "window")
    whole = pairs.group_by("window").agg(pl.col("score").sum().alias("all"), pl.len().alias("sets"))
    mine = pl.col("score").sum()
    others = (pl.col("all").first() - mine) / (pl.col("sets").first() - pl.len())
    by_window = (
        pairs.join(whole, on="window")
        .group_by(*_CELL, "window", maintain_order=True)
        .agg(
            pl.col("score").mean(),
            pl.when(pl.col("sets").first() > pl.len())
            .then(pl.col("score").mean() - others)
            .alias("over"),
        )
        .sort(*_CELL, "window")
    )
    cells = by_window.group_by(_CELL).agg(
        pl.col("score").mean().alias("value"),
        pl.col("score").std().alias("value_sd"),
        pl.len().alias("n_windows"),
        pl.col("over").mean().alias("over_others"),
        pl.col("over").std().alias("over_sd"),
        pl.col("over").count().alias("n_over"),
    )
    counts = pairs.group_by(_CELL).agg(
        pl.col("trials").sum().alias("n_trials"),
        pl.col("set").n_unique().alias("n_sets"),
        (pl.col("idle").sum() / pl.col("trials").sum()).alias("idle"),
    )
    return _shown(cells.join(counts, on=_CELL).sort(_CELL), p, q, objective)


def _shown(cells: pl.DataFrame, p: Levels, q: Levels, objective: Objective) -> pl.DataFrame:
    for axis, steps in (("p", p), ("q", q)):
        names = {
            "code": f"{axis}_code",
            "value": axis,
            "low": f"{axis}_low",
            "high": f"{axis}_high",
        }
        table = steps.table.rename(names).with_columns(pl.col(f"{axis}_code").cast(pl.Int64))
        cells = cells.join(table, on=f"{axis}_code", how="left", maintain_order="left")
    half, over = _half("value_sd", "n_windows"), _half("over_sd", "n_over")
    bounds = (_finite(objective.low), _finite(objective.high))
    value, others = pl.col("value"), pl.col("over_others")
    return cells.select(
        *("p", "p_low", "p_high", "q", "q_low", "q_high", "value"),
        (value - half).clip(*bounds).alias("low"),
        (value + half).clip(*bounds).alias("high"),
        "over_others",
        (others - over).alias("over_others_low"),
        (others + over).alias("over_others_high"),
        *(pl.col(name).cast(pl.Int64) for name in ("n_trials", "n_windows", "n_sets")),
        "idle",
    )


def _half(spread: str, n: str) -> pl.Expr:
    """Half the width of an interval of a mean; null for fewer than two observations."""
    factor = pl.col(n).map_elements(_factor, return_dtype=pl.Float64)
    return pl.col(spread) * factor


def _factor(n: int) -> float | None:
    return t_quantile((1 + INTERVAL_LEVEL) / 2, n - 1) / math.sqrt(n) if n > 1 else None


def _finite(bound: float) -> Any:
    return bound if math.isfinite(bound) else None
