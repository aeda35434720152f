"""Nomination: which trials may put their parameters forward, and through which door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain import (
    MIN_CANDIDATES,
    MIN_WINDOWS,
    RELAXED,
    STRICT,
    FilterColumns,
    Filters,
    Rejection,
    Relaxation,
    failures,
    passing,
    rejections,
    relaxations,
    resolve,
)
from tradingkb.recommend.known import Context, View

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Filtered:
    """What the filters let through.

    Attributes:
        strict: shape (n,) over the view, trials that pass the strict filters.
        nominating: shape (n,), those that nominate: the strict ones, or the relaxed ones too.
        windows: shape (w,), windows in which a trial nominates.
        used_relaxed: whether the relaxed filters nominate.
        filters: the ones in force; `strict_filters` those of the strict pass.
        strict_count, relaxed_count: trials that pass either, whether relaxing was needed or not;
            the same experiment under several ids counts once.
        columns: what the strict filters compared.
    """

    strict: Bools
    nominating: Bools
    windows: Bools
    used_relaxed: bool
    filters: Filters
    strict_filters: Filters
    strict_count: int
    relaxed_count: int
    columns: FilterColumns

    @cached_property
    def rejections(self) -> tuple[Rejection, ...]:
        """What each strict filter turns away, exact: an answer shows it, a choice needs it not."""
        failed = failures(self.strict_filters, self.columns)
        return tuple(rejections(self.strict_filters, self.columns, failed))

    @cached_property
    def relaxations(self) -> tuple[Relaxation, ...]:
        """What would let more through the strict filters, exact."""
        failed = failures(self.strict_filters, self.columns)
        return tuple(relaxations(self.strict_filters, self.columns, failed=failed))

    @cached_property
    def relaxed(self) -> Bools:
        """Trials that only the relaxed filters let through, shape (n,)."""
        return self.nominating & ~self.strict


def filter_columns(view: View, rows: Bools, tags: tuple[str, ...]) -> FilterColumns:
    """What filters compare of these trials; tags are those of the regime that earned the score."""
    window = view.window[rows]
    has_tags = np.ones(len(window), dtype=bool)
    if tags:
        has_tags = view.windows.tags("during").covering(tags)[window]
    has_oos, max_drawdown, n_trades, overfit_gap = (c[rows] for c in view.filter_columns)
    tried = None if view.tried is None else view.tried[rows]
    return FilterColumns(has_oos, max_drawdown, n_trades, overfit_gap, has_tags, window, tried)


def apply_filters(view: View, may_nominate: Bools, strict: Filters, relaxed: Filters) -> Filtered:
    """Strict filters, and relaxed ones when too little passes.

    Args:
        view: the strategy's trials.
        may_nominate: shape (n,), eligible, known, with a score.
        strict: from `thresholds`.
        relaxed: from `thresholds`; they nominate too where the strict ones let too little through.
    """
    columns = filter_columns(view, may_nominate, strict.regime_tags)
    passed = passing(failures(strict, columns), len(columns))
    n_passed = columns.count(passed)
    enough = n_passed >= MIN_CANDIDATES and _n_windows(view, columns.window[passed]) >= MIN_WINDOWS
    wider = passing(failures(relaxed, columns), len(columns))
    n_wider = columns.count(wider)
    used_relaxed = not enough and n_wider > n_passed
    nominating = _spread(wider if used_relaxed else passed, may_nominate)
    return Filtered(
        strict=_spread(passed, may_nominate),
        nominating=nominating,
        windows=np.bincount(view.window[nominating], minlength=len(view.windows)) > 0,
        used_relaxed=used_relaxed,
        filters=relaxed if used_relaxed else strict,
        strict_filters=strict,
        strict_count=n_passed,
        relaxed_count=n_wider,
        columns=columns,
    )


def _n_windows(view: View, windows: Ints) -> int:
    return int((np.bincount(windows, minlength=len(view.windows)) > 0).sum())


def filter_trials(c: Context) -> Filtered:
    """What the filters of a question let through; kept with the pool.

    Raises:
        InvalidInputError: a filter value out of its range.
    """
    return c.pool.kept.get(
        "filtered",
        (c.spec.version if c.spec else None, c.question.overrides),
        lambda: _filter(c),
    )


def _filter(c: Context) -> Filtered:
    floors = c.spec.floors if c.spec else {}
    strict, relaxed = thresholds(floors, c.question.overrides.given)
    return apply_filters(c.view, c.pool.may_nominate, strict, relaxed)


def thresholds(floors: Mapping[str, Any], overrides: Mapping[str, Any]) -> tuple[Filters, Filters]:
    """The strict and the relaxed filters.

    Args:
        floors: the strategy's own filter values; strict pass only.
        overrides: the request's filter values; both passes.

    Raises:
        InvalidInputError: a filter value out of its range.
    """
    strict = resolve(STRICT, floors, overrides)
    return strict, _looser(strict, resolve(RELAXED, {}, overrides))


def _looser(strict: Filters, relaxed: Filters) -> Filters:
    """The wider of two thresholds each: a strategy's floors may be wider than the relaxed ones."""
    return replace(
        relaxed,
        require_oos=strict.require_oos and relaxed.require_oos,
        max_drawdown=max(strict.max_drawdown, relaxed.max_drawdown),
        min_trades=min(strict.min_trades, relaxed.min_trades),
        max_overfit_gap=max(strict.max_overfit_gap, relaxed.max_overfit_gap),
    )


def _spread(mask: Bools, rows: Bools) -> Bools:
    full = np.zeros(len(rows), dtype=bool)
    full[rows] = mask
    return full
