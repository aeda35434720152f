"""All trials of one strategy as arrays, in an order that does not depend on how they came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.derived import FILTER_COLUMNS
from tradingkb.domain.objective import Objective, score
from tradingkb.domain.regime import FEATURES, REGIME_SCHEMA_VERSION, Regime
from tradingkb.domain.strategy import ParamValue
from tradingkb.domain.trial import METRICS, parse_params, regime_from_json

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_SECONDS_PER_YEAR: Final = 365.25 * 86400
_WINDOW_DATES: Final = ("is_start", "is_end", "oos_start", "oos_end")


@dataclass(frozen=True)
class Windows:
    """The windows of a view, sorted by key; arrays of shape (w,).

    `before` and `during` are raw regime features, shape (w, 16), NaN where unknown; a side that
    was not measured falls back to the other one, as in the embedder.
    """

    frame: pl.DataFrame
    regimes: list[tuple[Regime | None, Regime | None]]
    symbol: NDArray[np.object_]
    timeframe: NDArray[np.object_]
    quarter: Ints
    before: Floats
    during: Floats

    def __len__(self) -> int:
        return len(self.quarter)

    def tags(self, side: str) -> list[frozenset[str]]:
        """The tags of one side of each window."""
        pairs = [(a or b, b or a) for a, b in self.regimes]
        chosen = [pair[0 if side == "before" else 1] for pair in pairs]
        return [frozenset(r.tags) if r else frozenset() for r in chosen]


@dataclass(frozen=True)
class View:
    """One strategy's trials, sorted by (source_type, source_id).

    Attributes:
        generation: of the partition it was made from.
        frame: the trials, one row each, with the filter columns.
        window, pset: shape (n,), indices into `windows` and `psets`.
        windows: the distinct windows.
        psets: the distinct parameter sets, sorted by their canonical text.
        pset_texts: their canonical texts.
    """

    generation: int
    frame: pl.DataFrame
    window: Ints
    pset: Ints
    windows: Windows
    psets: list[dict[str, ParamValue]]
    pset_texts: list[str]

    def __len__(self) -> int:
        return self.frame.height

    def floats(self, name: str) -> Floats:
        """A numeric column as floats, NaN where unknown, shape (n,)."""
        return self.frame[name].cast(pl.Float64).to_numpy()

    def micros(self, name: str) -> Ints:
        """A time column as microseconds since 1970 UTC; the smallest integer where unknown."""
        smallest = np.iinfo(np.int64).min
        return self.frame[name].dt.epoch("us").fill_null(smallest).to_numpy()

    @cached_property
    def known_at(self) -> Ints:
        """When each result became knowable, microseconds."""
        return self.micros("known_at")

    @cached_property
    def has_oos(self) -> Bools:
        """Whether a trial has any out-of-sample metric."""
        return self.frame["has_oos"].to_numpy()

    @cached_property
    def tie_schema(self) -> Bools:
        """Whether the trial's window was measured with the current regime schema."""
        current = np.array(
            [
                any(r is not None and r.schema_version == REGIME_SCHEMA_VERSION for r in pair)
                for pair in self.windows.regimes
            ],
            dtype=bool,
        )
        return current[self.window] if len(current) else np.zeros(0, dtype=bool)

    def scores(self, objective: Objective, sample: str) -> Floats:
        """The objective per trial in one sample, NaN where it cannot be computed."""
        metrics = {m: self.floats(f"{m}_{sample}") for m in METRICS}
        length = self.windows.frame[f"{sample}_end"] - self.windows.frame[f"{sample}_start"]
        years = length.dt.total_seconds(fractional=True).cast(pl.Float64).to_numpy()
        metrics["years"] = years[self.window] / _SECONDS_PER_YEAR
        return score(objective, metrics, self._stored(objective, sample))

    def _stored(self, objective: Objective, sample: str) -> Floats:
        """`objective_score` where it is of this objective and of this sample."""
        same = self.frame["objective_type"] == objective.name
        oos = self.frame["oos_end"].is_not_null() | self.frame["has_oos"]
        of_sample = oos if sample == "oos" else ~oos
        scores = self.frame["objective_score"].cast(pl.Float64).to_numpy()
        return np.where((same & of_sample).to_numpy(), scores, np.nan)


def make_view(
    generation: int, trials: pl.DataFrame, windows: pl.DataFrame, sets: pl.DataFrame
) -> View:
    """Builds the view.

    Args:
        generation: of the partition.
        trials: the partition as the store gives it.
        windows: `window_rows` of the workspace.
        sets: `param_set_rows` of the strategy.
    """
    used_windows = windows.filter(
        pl.col("window_id").is_in(trials["window_id"].unique().implode())
    ).sort("window_key")
    used_sets = sets.filter(
        pl.col("param_set_id").is_in(trials["param_set_id"].unique().implode())
    ).sort("params")
    window_index = used_windows.select("window_id", "oos_end").with_row_index("window")
    set_index = used_sets.select("param_set_id").with_row_index("pset")
    frame = (
        trials.join(window_index, on="window_id", maintain_order="left")
        .join(set_index, on="param_set_id", maintain_order="left")
        .sort("source_type", "source_id")
        .with_columns(FILTER_COLUMNS)
    )
    texts = used_sets["params"].to_list()
    return View(
        generation=generation,
        frame=frame,
        window=frame["window"].cast(pl.Int64).to_numpy(),
        pset=frame["pset"].cast(pl.Int64).to_numpy(),
        windows=_windows(used_windows),
        psets=[parse_params(text) for text in texts],
        pset_texts=texts,
    )


def _windows(frame: pl.DataFrame) -> Windows:
    regimes = [
        (regime_from_json(a) if a else None, regime_from_json(b) if b else None)
        for a, b in frame.select("regime_is", "regime_oos").rows()
    ]
    scored = frame.select(pl.coalesce("oos_start", "is_start", "oos_end", "is_end").alias("t"))["t"]
    quarter = (scored.dt.year().cast(pl.Int64) * 4 + (scored.dt.month() - 1) // 3).fill_null(0)
    return Windows(
        frame=frame,
        regimes=regimes,
        symbol=frame["symbol"].to_numpy().astype(object),
        timeframe=frame["timeframe"].to_numpy().astype(object),
        quarter=quarter.cast(pl.Int64).to_numpy(),
        before=_matrix([a or b for a, b in regimes]),
        during=_matrix([b or a for a, b in regimes]),
    )


def _matrix(regimes: list[Regime | None]) -> Floats:
    rows = [r.vector() if r else np.full(len(FEATURES), np.nan) for r in regimes]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES))


def statuses_as_of(view: View, history: pl.DataFrame, as_of_micros: int) -> list[str]:
    """Each trial's status at a time: the last change before it, else what it was before its first.

    Args:
        view: the trials.
        history: `status_history` of the strategy, ordered by time.
        as_of_micros: microseconds since 1970 UTC.
    """
    current: dict[int, str] = dict(
        zip(view.frame["trial_id"], view.frame["kb_status"], strict=True)
    )
    then: dict[int, str] = {}
    for trial, before, after, at in history.with_columns(pl.col("at").dt.epoch("us")).rows():
        then.setdefault(trial, before or "candidate")
        if at <= as_of_micros:
            then[trial] = after
    return [then.get(trial, status) for trial, status in current.items()]


def row_facts(view: View, rows: Ints) -> pl.DataFrame:
    """Window dates, symbol, timeframe and params of some trials, for display."""
    columns = ["symbol", "timeframe", *_WINDOW_DATES]
    windows: pl.DataFrame = view.windows.frame.select(columns)[view.window[rows].tolist()]
    texts: Mapping[str, Any] = {"params": [view.pset_texts[p] for p in view.pset[rows]]}
    return windows.hstack(pl.DataFrame(texts, schema={"params": pl.String}))
