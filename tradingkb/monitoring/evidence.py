"""A strategy's scored trials as recommendations count them, read narrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.derived import HAS_OOS, stored_score
from tradingkb.domain import METRICS, MIN_WINDOWS, Objective, score
from tradingkb.exceptions import UnknownStrategyError
from tradingkb.ports import ContentStore, ListingStore, SpecStore, TrialReportStore

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_YEAR_S: Final = 365.25 * 86400
_OF_EACH: Final = (
    *("param_set_id", "window_id", "objective_type", "objective_score", "objective_sample"),
    *(f"{metric}_oos" for metric in METRICS),
)
_INSIDE: Final = tuple(f"{metric}_is" for metric in METRICS)


class EvidenceStore(TrialReportStore, ContentStore, SpecStore, ListingStore, Protocol):
    """What reports about a strategy's results read of a store."""


@dataclass(frozen=True)
class Evidence:
    """Scored trials of one strategy.

    Attributes:
        version: whose trials these are; those that name none are among them.
        in_sample: whether scores are in-sample where there is no other: fewer than three windows
            have an out-of-sample one.
        trials: param_set_id, window_id, timeframe, score (in the objective's own direction).
    """

    version: str | None
    in_sample: bool
    trials: pl.DataFrame


def version_in_force(
    store: EvidenceStore, workspace_id: str, strategy_name: str, until: datetime
) -> str | None:
    """The version registered last, else the newest that trials name, as recommendations take it.

    Raises:
        UnknownStrategyError: neither spec nor trials of that name; near names are suggested.
    """
    specs = store.specs(workspace_id)
    mine = [spec.version for spec in specs if spec.name == strategy_name]
    if mine:
        return mine[-1]
    names = store.strategy_names(workspace_id)
    if strategy_name not in names:
        known = [*(spec.name for spec in specs), *names]
        raise UnknownStrategyError("strategy_name", strategy_name, known)
    return store.newest_version(workspace_id, strategy_name, until)


def read_evidence(
    store: EvidenceStore,
    workspace_id: str,
    strategy_name: str,
    objective: Objective,
    until: datetime,
) -> Evidence:
    """The trials that a recommendation would judge by at `until`, with their scores.

    Raises:
        UnknownStrategyError: no such strategy.
    """
    version = version_in_force(store, workspace_id, strategy_name, until)
    windows = store.window_dates(workspace_id)

    def rows(columns: Sequence[str]) -> pl.DataFrame:
        read = store.counted_trials(workspace_id, strategy_name, columns, until, version)
        return read.join(windows, on="window_id", how="left").with_columns(HAS_OOS)

    found = rows(_OF_EACH)
    if _needs_inside(found, objective):
        found = rows((*_OF_EACH, *_INSIDE))
    scores = _scores(found, objective, "oos")
    in_sample = _windows_of(found, scores) < MIN_WINDOWS
    if in_sample:
        if "sharpe_is" not in found.columns:
            found = rows((*_OF_EACH, *_INSIDE))
            scores = _scores(found, objective, "oos")
        inside = _scores(found, objective, "is")
        in_sample = bool((np.isnan(scores) & np.isfinite(inside)).any())
        scores = np.where(np.isfinite(scores), scores, inside)
    trials = found.select(
        "param_set_id", "window_id", "timeframe", pl.Series("score", scores, nan_to_null=True)
    )
    return Evidence(version, in_sample, trials.filter(pl.col("score").is_finite()))


def _windows_of(found: pl.DataFrame, scores: Floats) -> int:
    return found["window_id"].filter(pl.Series(np.isfinite(scores))).n_unique()


def _needs_inside(found: pl.DataFrame, objective: Objective) -> bool:
    """Whether in-sample metrics say of which sample a score is, as before schema 0006."""
    untold = found["objective_sample"].is_null() & (found["objective_type"] == objective.name)
    return bool((untold & found["objective_score"].is_not_null()).any())


def _scores(found: pl.DataFrame, objective: Objective, sample: str) -> Floats:
    ended = found["oos_end"].is_not_null().to_numpy()
    inside = _Metrics(found, "is")
    stored = stored_score(objective, found, sample, ended, inside)
    return score(objective, inside if sample == "is" else _Metrics(found, "oos"), stored)


class _Metrics(dict[str, Floats]):
    """Metric columns of one sample; read when a formula asks for them."""

    def __init__(self, found: pl.DataFrame, sample: str) -> None:
        self._found = found
        self._sample = sample

    def __missing__(self, name: str) -> Floats:
        if name == "years":
            start, end = (self._found[f"{self._sample}_{side}"] for side in ("start", "end"))
            seconds = (end - start).dt.total_seconds(fractional=True).cast(pl.Float64)
            return np.asarray(seconds.to_numpy() / _YEAR_S)
        return self._found[f"{name}_{self._sample}"].cast(pl.Float64).to_numpy()
