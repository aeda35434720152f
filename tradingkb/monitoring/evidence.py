"""A strategy's scored trials as recommendations count them, read narrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tradingkb.derived import HAS_OOS, stored_score, untold_samples
from tradingkb.domain import METRICS, MIN_WINDOWS, Objective, score, stayed_out
from tradingkb.exceptions import UnknownStrategyError
from tradingkb.ports import (
    ContentStore,
    ListingStore,
    SpecStore,
    TransactionStore,
    TrialReportStore,
)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_YEAR_S: Final = 365.25 * 86400
_OF_EACH: Final = (
    *("param_set_id", "window_id"),
    *("objective_type", "objective_score", "objective_sample"),
)
_BOTH: Final = tuple(f"{metric}_{sample}" for sample in ("oos", "is") for metric in METRICS)
#: What tells that there was no trade in a sample, whatever the objective.
_ALWAYS: Final = ("sharpe", "return_frac", "max_drawdown_frac", "n_trades")


class EvidenceStore(
    TransactionStore, TrialReportStore, ContentStore, SpecStore, ListingStore, Protocol
):
    """What reports about a strategy's results read of a store."""


@dataclass(frozen=True)
class Evidence:
    """Scored trials of one strategy.

    Attributes:
        version: whose trials these are; those that name none are among them.
        in_sample: whether scores are in-sample where there is no other: fewer than three windows
            have an out-of-sample one.
        trials: param_set_id, window_id, timeframe, score (in the objective's own direction), idle
            (whether it is known to have made no trade in the sample of its score).
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
    read = partial(store.counted_trials, workspace_id, strategy_name)
    windows = store.window_dates(workspace_id)

    def rows(columns: Sequence[str]) -> pl.DataFrame:
        found = read((*_OF_EACH, *columns), until, version)
        return found.join(windows, on="window_id", how="left")

    found = rows([f"{name}_oos" for name in metrics_of(objective)])
    if untold_samples(objective, found).any():
        found = rows(_BOTH).with_columns(HAS_OOS)
    scores = _scores(found, objective, "oos")
    if _windows_of(found, scores) >= MIN_WINDOWS:
        return Evidence(version, False, _scored(found, scores, stayed_out(_Metrics(found, "oos"))))
    found = rows(_BOTH).with_columns(HAS_OOS)
    scores, inside = (_scores(found, objective, sample) for sample in ("oos", "is"))
    in_sample = bool((np.isnan(scores) & np.isfinite(inside)).any())
    known = np.isfinite(scores)
    out = (stayed_out(_Metrics(found, sample)) for sample in ("oos", "is"))
    trials = _scored(found, np.where(known, scores, inside), np.where(known, *out))
    return Evidence(version, in_sample, trials)


def _scored(found: pl.DataFrame, scores: Floats, idle: Bools) -> pl.DataFrame:
    measured = (pl.Series("score", scores), pl.Series("idle", idle))
    trials = found.select("param_set_id", "window_id", "timeframe", *measured)
    return trials.filter(pl.col("score").is_finite())


def metrics_of(objective: Objective) -> tuple[str, ...]:
    """The metrics that a score is computed from, in the order of `METRICS`."""
    asked = _Asked()
    if objective.formula is not None:
        objective.formula(asked)
    return tuple(name for name in METRICS if name in asked or name in _ALWAYS)


class _Asked(dict[str, Floats]):
    """Takes down what a formula asks for."""

    def __missing__(self, name: str) -> Floats:
        self[name] = np.full(1, np.nan)
        return self[name]


def _windows_of(found: pl.DataFrame, scores: Floats) -> int:
    return found["window_id"].filter(pl.Series(np.isfinite(scores))).n_unique()


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
