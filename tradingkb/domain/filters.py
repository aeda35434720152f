"""Filters decide which trials may nominate their parameters; they never decide what counts.

Every filter is one comparison on one column, so that three questions have exact answers: how
many trials fail it, how many fail nothing else, and what is the smallest change of its value
that would let enough trials through.

A metric that a trial does not have fails a strict filter and passes a relaxed one: the strict
answer promises what was verified. The overfit gap needs both samples; a trial without an
out-of-sample part is the business of `require_oos`, not of `max_overfit_gap`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain.overrides import check_overrides
from tradingkb.domain.part import Part

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

#: Fewer nominations than this, or from fewer windows, and the strict filters are relaxed.
MIN_CANDIDATES: Final = 10
MIN_WINDOWS: Final = 3


@dataclass(frozen=True)
class Filters:
    """The thresholds of one pass.

    Attributes:
        require_oos: only trials with an out-of-sample result.
        max_drawdown: largest drawdown, a positive fraction (0.25 = 25 %).
        min_trades: fewest trades of the trial, in-sample and out-of-sample together.
        max_overfit_gap: largest `max(0, sharpe_is - sharpe_oos)`; infinity switches it off.
        regime_tags: tags that the trial's window must all carry.
        unknown_passes: whether a trial without the metric passes.
    """

    require_oos: bool = True
    max_drawdown: float = 0.25
    min_trades: int = 5
    max_overfit_gap: float = 0.30
    regime_tags: tuple[str, ...] = ()
    unknown_passes: bool = False


STRICT: Final = Filters()
RELAXED: Final = Filters(
    require_oos=False, max_drawdown=0.5, min_trades=3, max_overfit_gap=math.inf, unknown_passes=True
)


@dataclass(frozen=True)
class FilterColumns:
    """What the filters look at, one row per trial, NaN where unknown.

    `max_drawdown` is that of the sample that earned the score: out-of-sample where there is one,
    else in-sample; `n_trades` counts both samples; `has_tags` says whether a trial's window carries
    every requested tag; `window` numbers its window. `tried` numbers what was tried: trials of one
    window and set are one, stored under several ids, and count once; None where there are none.
    """

    has_oos: Bools
    max_drawdown: Floats
    n_trades: Floats
    overfit_gap: Floats
    has_tags: Bools
    window: Ints
    tried: Ints | None = None

    def __len__(self) -> int:
        return len(self.has_oos)

    def count(self, mask: Bools) -> int:
        """How many different trials these are."""
        if self.tried is None:
            return int(mask.sum())
        return int((np.bincount(self.tried[mask]) > 0).sum())


def resolve(base: Filters, floors: Mapping[str, Any], request: Mapping[str, Any]) -> Filters:
    """The filters of one pass: defaults, then the strategy's floors, then the request.

    A strategy's floors belong to the strict pass (relaxing is leaving them); a value that the
    request states is the user's word and holds in both passes.

    Raises:
        InvalidInputError: an unknown name, or a value out of its range, with the range.
    """
    return replace(base, **{**check_overrides(floors), **check_overrides(request)})


def failures(filters: Filters, columns: FilterColumns) -> dict[str, Bools]:
    """For each active filter, which trials fail it; Boolean arrays of shape (n,)."""
    unknown = not filters.unknown_passes
    failed: dict[str, Bools] = {}
    if filters.require_oos:
        failed["require_oos"] = ~columns.has_oos
    # NaN compares false, so an unknown metric fails exactly where `unknown` asks for it.
    failed["max_drawdown"] = columns.max_drawdown > filters.max_drawdown
    failed["min_trades"] = columns.n_trades < filters.min_trades
    if unknown:
        failed["max_drawdown"] |= np.isnan(columns.max_drawdown)
        failed["min_trades"] |= np.isnan(columns.n_trades)
    if math.isfinite(filters.max_overfit_gap):
        failed["max_overfit_gap"] = columns.overfit_gap > filters.max_overfit_gap
    if filters.regime_tags:
        failed["regime_tags"] = ~columns.has_tags
    return failed


def passing(failed: Mapping[str, Bools], n: int) -> Bools:
    """Which trials fail nothing."""
    result = np.ones(n, dtype=bool)
    for mask in failed.values():
        result &= ~mask
    return result


def _failure_counts(failed: Mapping[str, Bools], n: int) -> NDArray[np.int8]:
    """How many filters each trial fails."""
    counts = np.zeros(n, dtype=np.int8)
    for mask in failed.values():
        counts += mask
    return counts


@dataclass(frozen=True)
class Rejection(Part):
    """How many trials one filter turns away.

    Attributes:
        filter: its name.
        value: the threshold in force.
        fails: trials that fail it, whatever else they fail.
        fails_only: trials that fail it and nothing else.
        unknown: of `fails`, those that do not have the metric at all.
    """

    filter: str
    value: Any
    fails: int
    fails_only: int
    unknown: int


def rejections(
    filters: Filters, columns: FilterColumns, failed: Mapping[str, Bools] | None = None
) -> list[Rejection]:
    """Exact counts per active filter, in one pass over the trials; `failed`: see `failures`."""
    failed = failed if failed is not None else failures(filters, columns)
    n_failed = _failure_counts(failed, len(columns))
    missing = {
        "max_drawdown": np.isnan(columns.max_drawdown),
        "min_trades": np.isnan(columns.n_trades),
    }
    return [
        Rejection(
            filter=name,
            value=_plain(filters, name),
            fails=columns.count(mask),
            fails_only=columns.count(mask & (n_failed == 1)),
            unknown=columns.count(mask & missing[name]) if name in missing else 0,
        )
        for name, mask in failed.items()
    ]


@dataclass(frozen=True)
class Relaxation(Part):
    """The smallest change of one filter alone that would give enough candidates.

    Attributes:
        filter: its name.
        current: the threshold in force.
        suggested: the threshold that is just wide enough; None when no threshold is.
        candidates, windows: trials and distinct windows that pass with `suggested` (or with the
            widest threshold, when it is None): exact.
        sufficient: whether that is enough.
        risk: what is given up.
        unknown: trials that only this filter turns away because they lack the metric: no
            threshold lets them in.
    """

    filter: str
    current: Any
    suggested: Any
    candidates: int
    windows: int
    sufficient: bool
    risk: str
    unknown: int = 0


RISKS: Final = {
    "require_oos": "in-sample scores are flattered by the search that found them",
    "max_drawdown": "nominates parameters that lost more on the way",
    "min_trades": "fewer trades: the score may be luck",
    "max_overfit_gap": "nominates parameters that did much better in-sample than after it",
    "regime_tags": "nominates parameters from other market regimes",
}


def relaxations(
    filters: Filters,
    columns: FilterColumns,
    *,
    min_candidates: int = MIN_CANDIDATES,
    min_windows: int = MIN_WINDOWS,
    failed: Mapping[str, Bools] | None = None,
) -> list[Relaxation]:
    """For each filter alone, the smallest change that gives enough candidates.

    Returns:
        One entry per active filter that turns trials away on its own; empty when enough trials
        pass already. Entries that suffice come first.
    """
    failed = failed if failed is not None else failures(filters, columns)
    passed = passing(failed, len(columns))
    n_passed = columns.count(passed)
    if n_passed >= min_candidates and _distinct(columns.window[passed]) >= min_windows:
        return []
    n_failed = _failure_counts(failed, len(columns))
    found = []
    for name, mask in failed.items():
        only = mask & (n_failed == 1)
        if not only.any():
            continue
        order, ends = _widening(name, columns, only)
        tried = np.arange(len(columns)) if columns.tried is None else columns.tried
        counts = _distinct_so_far(tried, passed, order)[ends - 1]
        windows = _distinct_so_far(columns.window, passed, order)[ends - 1]
        enough = (counts >= min_candidates) & (windows >= min_windows)
        k = int(np.argmax(enough)) if enough.any() else -1
        found.append(
            Relaxation(
                filter=name,
                current=_plain(filters, name),
                suggested=_threshold(name, columns, order[ends[k] - 1]) if enough.any() else None,
                candidates=int(counts[k]) if len(counts) else n_passed,
                windows=int(windows[k]) if len(windows) else _distinct(columns.window[passed]),
                sufficient=bool(enough.any()),
                risk=RISKS[name],
                unknown=columns.count(only & ~np.isin(np.arange(len(only)), order)),
            )
        )
    return sorted(found, key=lambda r: (not r.sufficient, list(RISKS).index(r.filter)))


def _widening(name: str, columns: FilterColumns, only: Bools) -> tuple[Ints, Ints]:
    """The trials that a wider threshold lets in, nearest first, and how many each one lets in.

    A threshold lets in every trial of equal value at once; a Boolean filter has one threshold.
    """
    rows = np.flatnonzero(only)
    if name not in _METRICS:
        return rows, np.array([len(rows)])
    metric = getattr(columns, _METRICS[name])
    rows = rows[~np.isnan(metric[rows])]
    rows = rows[np.argsort(-metric[rows] if name == "min_trades" else metric[rows], kind="stable")]
    if not len(rows):
        return rows, np.zeros(0, dtype=np.int64)
    last_of_its_value = np.append(metric[rows[1:]] != metric[rows[:-1]], True)
    return rows, np.flatnonzero(last_of_its_value) + 1


#: The column behind each filter that compares a number.
_METRICS: Final = {
    "max_drawdown": "max_drawdown",
    "min_trades": "n_trades",
    "max_overfit_gap": "overfit_gap",
}


def _threshold(name: str, columns: FilterColumns, row: int) -> Any:
    if name not in _METRICS:
        return False if name == "require_oos" else []
    value = getattr(columns, _METRICS[name])[row]
    return int(value) if name == "min_trades" else float(value)


def _distinct_so_far(labels: Ints, passed: Bools, order: Ints) -> Ints:
    """Distinct labels that pass once the first 1, 2, ... trials of `order` are let in."""
    entering = labels[order]
    new = np.zeros(len(order), dtype=bool)
    new[np.unique(entering, return_index=True)[1]] = True
    new &= ~np.isin(entering, labels[passed])
    return np.asarray(_distinct(labels[passed]) + np.cumsum(new))


def _plain(filters: Filters, name: str) -> Any:
    value = getattr(filters, name)
    return list(value) if isinstance(value, tuple) else value


def _distinct(values: Ints) -> int:
    return len(np.unique(values))
