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
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tradingkb.exceptions import InvalidInputError

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
        min_trades: fewest trades in the sample that earned the score.
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
#: The names that a request or a strategy's floors may set.
OVERRIDABLE: Final = ("require_oos", "max_drawdown", "min_trades", "max_overfit_gap", "regime_tags")


@dataclass(frozen=True)
class FilterColumns:
    """What the filters look at, one row per trial, NaN where unknown.

    `max_drawdown` and `n_trades` are those of the sample that earned the score: out-of-sample
    where there is one, else in-sample. `tags` holds one Boolean column per requested tag.
    """

    has_oos: Bools
    max_drawdown: Floats
    n_trades: Floats
    overfit_gap: Floats
    has_tags: Bools
    window: Ints

    def __len__(self) -> int:
        return len(self.has_oos)


def resolve(base: Filters, floors: Mapping[str, Any], request: Mapping[str, Any]) -> Filters:
    """The filters of one pass: defaults, then the strategy's floors, then the request.

    A strategy's floors belong to the strict pass (relaxing is leaving them); a value that the
    request states is the user's word and holds in both passes.

    Raises:
        InvalidInputError: a value out of its range, with the range.
    """
    values = {
        name: source[name]
        for source in (floors, request)
        for name in OVERRIDABLE
        if source.get(name) is not None
    }
    return replace(base, **{name: _checked(name, value) for name, value in values.items()})


def _checked(name: str, value: Any) -> Any:
    if name == "require_oos":
        if not isinstance(value, bool):
            raise InvalidInputError(f"{value!r} is not true or false", field=name)
        return value
    if name == "regime_tags":
        return (value,) if isinstance(value, str) else tuple(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise InvalidInputError(f"{value!r} is not a number", field=name)
    if name == "max_drawdown" and not 0 <= value <= 1:
        raise InvalidInputError(
            f"{value:g} is not between 0 and 1", field=name,
            remedy="drawdowns are positive fractions: 25 % is 0.25",
        )  # fmt: skip
    if value < 0:
        raise InvalidInputError(f"{value:g} is negative", field=name, remedy="give 0 or more")
    return int(value) if name == "min_trades" else float(value)


def failures(filters: Filters, columns: FilterColumns) -> dict[str, Bools]:
    """For each active filter, which trials fail it; Boolean arrays of shape (n,)."""
    unknown = not filters.unknown_passes
    failed: dict[str, Bools] = {}
    if filters.require_oos:
        failed["require_oos"] = ~columns.has_oos
    failed["max_drawdown"] = np.where(
        np.isnan(columns.max_drawdown), unknown, columns.max_drawdown > filters.max_drawdown
    )
    failed["min_trades"] = np.where(
        np.isnan(columns.n_trades), unknown, columns.n_trades < filters.min_trades
    )
    if math.isfinite(filters.max_overfit_gap):
        failed["max_overfit_gap"] = np.nan_to_num(columns.overfit_gap) > filters.max_overfit_gap
    if filters.regime_tags:
        failed["regime_tags"] = ~columns.has_tags
    return failed


def passing(failed: Mapping[str, Bools], n: int) -> Bools:
    """Which trials fail nothing."""
    result = np.ones(n, dtype=bool)
    for mask in failed.values():
        result &= ~mask
    return result


@dataclass(frozen=True)
class Rejection:
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


def rejections(filters: Filters, columns: FilterColumns) -> list[Rejection]:
    """Exact counts per active filter, in one pass over the trials."""
    failed = failures(filters, columns)
    n_failed = np.sum(list(failed.values()), axis=0)
    values = {f.name: getattr(filters, f.name) for f in fields(filters)}
    missing = {
        "max_drawdown": np.isnan(columns.max_drawdown),
        "min_trades": np.isnan(columns.n_trades),
    }
    return [
        Rejection(
            filter=name,
            value=list(values[name]) if isinstance(values[name], tuple) else values[name],
            fails=int(mask.sum()),
            fails_only=int((mask & (n_failed == 1)).sum()),
            unknown=int((mask & missing[name]).sum()) if name in missing else 0,
        )
        for name, mask in failed.items()
    ]


@dataclass(frozen=True)
class Relaxation:
    """The smallest change of one filter alone that would give enough candidates.

    Attributes:
        filter: its name.
        current: the threshold in force.
        suggested: the threshold that is just wide enough; None when not even switching the
            filter off is enough.
        candidates, windows: trials and distinct windows that pass with `suggested` (or with the
            filter off, when `suggested` is None): exact.
        sufficient: whether that is enough.
        risk: what is given up.
    """

    filter: str
    current: Any
    suggested: Any
    candidates: int
    windows: int
    sufficient: bool
    risk: str


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
) -> list[Relaxation]:
    """For each filter alone, the smallest change that gives enough candidates.

    Returns:
        One entry per active filter that turns trials away on its own; empty when enough trials
        pass already. Entries that suffice come first.
    """
    failed = failures(filters, columns)
    passed = passing(failed, len(columns))
    if passed.sum() >= min_candidates and _distinct(columns.window[passed]) >= min_windows:
        return []
    n_failed = np.sum(list(failed.values()), axis=0)
    found = [
        _relax(name, filters, columns, passed, mask & (n_failed == 1), min_candidates, min_windows)
        for name, mask in failed.items()
        if (mask & (n_failed == 1)).any()
    ]
    return sorted(found, key=lambda r: (not r.sufficient, list(RISKS).index(r.filter)))


def _relax(
    name: str,
    filters: Filters,
    columns: FilterColumns,
    passed: Bools,
    only: Bools,
    min_candidates: int,
    min_windows: int,
) -> Relaxation:
    current = getattr(filters, name)
    current = list(current) if isinstance(current, tuple) else current
    if name in ("require_oos", "regime_tags"):
        wider = passed | only
        n, w = int(wider.sum()), _distinct(columns.window[wider])
        enough = n >= min_candidates and w >= min_windows
        off: Any = False if name == "require_oos" else []
        return Relaxation(name, current, off if enough else None, n, w, enough, RISKS[name])
    metric = {
        "max_drawdown": columns.max_drawdown,
        "min_trades": columns.n_trades,
        "max_overfit_gap": columns.overfit_gap,
    }[name]
    known = np.flatnonzero(only & ~np.isnan(metric))
    outwards = -metric[known] if name == "min_trades" else metric[known]
    known = known[np.argsort(outwards, kind="stable")]
    values, windows = metric[known], columns.window[known]
    counts = int(passed.sum()) + np.arange(1, len(known) + 1)
    distinct = _distinct(columns.window[passed]) + np.cumsum(_first_seen(windows, columns, passed))
    # A threshold lets in every trial of equal value, so only the last of each run is a candidate.
    last = np.append(values[1:] != values[:-1], True) if len(values) else np.zeros(0, dtype=bool)
    enough = last & (counts >= min_candidates) & (distinct >= min_windows)
    if enough.any():
        k = int(np.argmax(enough))
        value = int(values[k]) if name == "min_trades" else float(values[k])
        return Relaxation(name, current, value, int(counts[k]), int(distinct[k]), True, RISKS[name])
    n = int(counts[-1]) if len(known) else int(passed.sum())
    w = int(distinct[-1]) if len(known) else _distinct(columns.window[passed])
    return Relaxation(name, current, None, n, w, False, RISKS[name])


def _first_seen(windows: Ints, columns: FilterColumns, passed: Bools) -> Bools:
    """Marks the first row of each window that no passing trial has already brought."""
    first = np.zeros(len(windows), dtype=bool)
    first[np.unique(windows, return_index=True)[1]] = True
    return first & ~np.isin(windows, columns.window[passed])


def _distinct(values: Ints) -> int:
    return len(np.unique(values))
