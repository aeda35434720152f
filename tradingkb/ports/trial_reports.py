"""The port of what the stored trials look like: lists in any order, counts, and narrow columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import polars as pl


@dataclass(frozen=True)
class TrialQuery:
    """Which trials; all conditions hold.

    Attributes:
        where: column of trials or windows to the value, or to a list of values of which it has one.
        ranges: numeric column of trials, or known_at, to the least and the greatest value, both
            allowed, None where open. A trial without a value is in no range.
    """

    where: Mapping[str, Any] = field(default_factory=dict)
    ranges: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class TrialOrder:
    """In which order.

    Attributes:
        column: of trials or windows; "id" is the order in which trials were stored.
        descending: the greatest value first. Trials without one come last either way.
    """

    column: str = "id"
    descending: bool = True


@dataclass(frozen=True)
class TrialPlace:
    """A trial's place in an order.

    Attributes:
        value: of the column; None where the trial has none.
        trial_id: of equal values, and of no value, by id in the direction of the order.
    """

    value: Any
    trial_id: int


class TrialReportStore(Protocol):
    """What the stored trials look like."""

    def trial_page(
        self,
        workspace_id: str,
        query: TrialQuery,
        order: TrialOrder,
        limit: int,
        after: TrialPlace | None,
    ) -> pl.DataFrame:
        """Trials as `trial_rows` has them, in an order.

        Texts are ordered by their code points on every database.

        Args:
            workspace_id: whose.
            query: which.
            order: in which order.
            limit: most rows.
            after: place of the last row of the page before; None for the first page.
        """

    def trial_count(self, workspace_id: str, query: TrialQuery, most: int) -> int:
        """How many trials there are, up to `most`: counting ends there."""

    def counted_trials(
        self,
        workspace_id: str,
        strategy_name: str,
        columns: Sequence[str],
        until: datetime,
        version: str | None,
    ) -> pl.DataFrame:
        """Some columns of a strategy's trials that count as evidence, in no order.

        Those that are not withdrawn and not rejected, known by `until`, and of a version, or of
        none that they name.
        """

    def newest_version(self, workspace_id: str, strategy_name: str, until: datetime) -> str | None:
        """The version that the trial known last names; None where none of those that count does."""

    def window_dates(self, workspace_id: str) -> pl.DataFrame:
        """Every window without its regimes: window_id, symbol, timeframe and the four dates."""
