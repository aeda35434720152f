"""Nomination: which trials may put their parameters forward, and through which door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tradingkb.domain.filters import (
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
from tradingkb.recommend.view import View

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Filtered:
    """What the filters let through.

    Attributes:
        strict: shape (n,) over the view, trials that pass the strict filters.
        nominating: shape (n,), those that nominate: the strict ones, or the relaxed ones too.
        used_relaxed: whether the relaxed filters nominate.
        filters: the ones in force.
        strict_count, relaxed_count: trials that pass either, whether relaxing was needed or not.
        rejections, relaxations: of the strict filters, exact.
    """

    strict: Bools
    nominating: Bools
    used_relaxed: bool
    filters: Filters
    strict_count: int
    relaxed_count: int
    rejections: list[Rejection]
    relaxations: list[Relaxation]


def filter_columns(view: View, tags: tuple[str, ...]) -> FilterColumns:
    """The columns that filters compare; tags are those of the regime that earned the score."""
    carried = np.array([set(tags) <= found for found in view.windows.tags("during")], dtype=bool)
    return FilterColumns(
        has_oos=view.has_oos,
        max_drawdown=view.floats("max_drawdown"),
        n_trades=view.floats("n_trades"),
        overfit_gap=view.floats("overfit_gap"),
        has_tags=carried[view.window] if len(carried) else np.zeros(0, dtype=bool),
        window=view.window,
    )


def apply_filters(
    view: View, may_nominate: Bools, floors: Mapping[str, Any], overrides: Mapping[str, Any]
) -> Filtered:
    """Strict filters, and relaxed ones when too little passes.

    Args:
        view: the strategy's trials.
        may_nominate: shape (n,), eligible, known, with a score.
        floors: the strategy's own filter values; strict pass only.
        overrides: the request's filter values; both passes.
    """
    strict = resolve(STRICT, floors, overrides)
    columns = _subset(filter_columns(view, strict.regime_tags), may_nominate)
    passed = passing(failures(strict, columns), len(columns))
    enough = (
        passed.sum() >= MIN_CANDIDATES and len(np.unique(columns.window[passed])) >= MIN_WINDOWS
    )
    relaxed_filters = _looser(strict, resolve(RELAXED, {}, overrides))
    wider = passing(failures(relaxed_filters, columns), len(columns))
    used_relaxed = not enough and bool(wider.sum() > passed.sum())
    return Filtered(
        strict=_spread(passed, may_nominate),
        nominating=_spread(wider if used_relaxed else passed, may_nominate),
        used_relaxed=used_relaxed,
        filters=relaxed_filters if used_relaxed else strict,
        strict_count=int(passed.sum()),
        relaxed_count=int(wider.sum()),
        rejections=rejections(strict, columns),
        relaxations=relaxations(strict, columns),
    )


def _looser(strict: Filters, relaxed: Filters) -> Filters:
    """The wider of two thresholds each: a strategy's floors may be wider than the relaxed ones."""
    return replace(
        relaxed,
        require_oos=strict.require_oos and relaxed.require_oos,
        max_drawdown=max(strict.max_drawdown, relaxed.max_drawdown),
        min_trades=min(strict.min_trades, relaxed.min_trades),
        max_overfit_gap=max(strict.max_overfit_gap, relaxed.max_overfit_gap),
    )


def _subset(columns: FilterColumns, rows: Bools) -> FilterColumns:
    return FilterColumns(**{name: values[rows] for name, values in vars(columns).items()})


def _spread(mask: Bools, rows: Bools) -> Bools:
    full = np.zeros(len(rows), dtype=bool)
    full[rows] = mask
    return full
