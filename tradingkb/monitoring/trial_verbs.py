"""The verbs of `KnowledgeBase` about what the stored trials look like.

Each verb is its docstring and a delegation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol

from tradingkb.monitoring.density import TrialDensity, trial_density
from tradingkb.monitoring.evidence import EvidenceStore
from tradingkb.monitoring.grid import ParamGrid, param_grid
from tradingkb.monitoring.pages import Page
from tradingkb.monitoring.trial_pages import (
    MOST_COUNTED,
    STORED,
    trial_order,
    trial_page,
    trial_query,
)
from tradingkb.verbs import only_reads
from tradingkb.workspaces import DEFAULT_WORKSPACE, Workspaces

Ranges = Mapping[str, tuple[Any, Any]]


class _Store(EvidenceStore, Protocol):
    def unhurried(self) -> AbstractContextManager[None]: ...


class _Indexer(Protocol):
    @property
    def clock(self) -> Callable[[], datetime]: ...


class _UseCases(Protocol):
    """What these verbs delegate to."""

    @property
    def store(self) -> _Store: ...
    @property
    def workspaces(self) -> Workspaces: ...
    @property
    def indexer(self) -> _Indexer: ...
    @property
    def again(self) -> Callable[[Callable[[], Any]], Any]: ...


class _Settings(Protocol):
    @property
    def embargo_s(self) -> float: ...


class TrialReports:
    """Part of `KnowledgeBase`."""

    settings: _Settings

    @property
    def use_cases(self) -> _UseCases:
        """What the verbs delegate to."""
        raise NotImplementedError

    @only_reads
    def trial_page(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        where: Mapping[str, Any] | None = None,
        limit: int = 100,
        after: str | None = None,
        order: str = STORED,
        descending: bool = True,
        ranges: Ranges | None = None,
    ) -> Page:
        """Stored trials page by page, those stored last first; columns as of `trials`.

        Args:
            workspace: slug or id.
            where: strategy_name, symbol, timeframe, kb_status, source_id, source_type or run_id to
                the value that it has to have, or to a list of values.
            limit: most rows of the page.
            after: `next` of the page before; None for the first one.
            order: "stored", "known_at", "strategy_name", "symbol", "timeframe", "kb_status",
                "objective_score" or a metric of a sample such as "sharpe_oos". Equal values are in
                the order of storing; trials without a value come last.
            descending: the greatest value first.
            ranges: "known_at", "objective_score" or a metric of a sample to (lowest, highest), both
                allowed, None where open; trials without a value are in no range.

        Raises:
            InvalidInputError: a limit below 1, an unknown name in `where`, `order` or `ranges`, a
                range that is none, or no `next` of a page in this order.
        """
        query, by = trial_query(where, ranges), trial_order(order, descending=descending)
        space = self.use_cases.workspaces.find(workspace)
        return trial_page(self.use_cases.store, space.id, query, by, limit, after)

    @only_reads
    def trial_count(
        self,
        workspace: str = DEFAULT_WORKSPACE,
        where: Mapping[str, Any] | None = None,
        ranges: Ranges | None = None,
    ) -> int:
        """How many trials `trial_page` lists: counted up to 100,000, which means "or more".

        Args:
            workspace: slug or id.
            where: as for `trial_page`.
            ranges: likewise.

        Raises:
            InvalidInputError: an unknown name, or a range that is none.
        """
        query, space = trial_query(where, ranges), self.use_cases.workspaces.find(workspace)
        return self.use_cases.store.trial_count(space.id, query, MOST_COUNTED)

    @only_reads
    def trial_density(
        self,
        workspace: str,
        strategy_name: str,
        x: str = "sharpe_is",
        y: str = "sharpe_oos",
        bins: int = 40,
    ) -> TrialDensity:
        """How two metrics of a strategy's trials lie together, such as in-sample and out-of-sample.

        Args:
            workspace: slug or id.
            strategy_name: whose trials.
            x: a metric of a sample, or "objective_score".
            y: likewise.
            bins: fields along each axis, up to 200.

        Raises:
            UnknownStrategyError: no such strategy, with near names.
            InvalidInputError: no such metric, or no number of fields.
        """
        space = self.use_cases.workspaces.find(workspace)
        store, until = self.use_cases.store, self._known_until()
        with store.reading():
            return trial_density(store, space.id, strategy_name, x, y, bins, until)

    @only_reads
    def param_grid(
        self,
        workspace: str,
        strategy_name: str,
        p: str | None = None,
        q: str | None = None,
        objective_type: str = "sharpe",
        timeframe: str | None = None,
    ) -> ParamGrid:
        """What a strategy earned over two of its parameters: look for the plateau.

        A plain mean, out-of-sample, of the trials that `recommend` judges by, with windows as the
        units. What `recommend` expects of a set is drawn together towards what is known of all
        sets, and weighs instrument, regime and quarters, which this table does not.

        Args:
            workspace: slug or id.
            strategy_name: which strategy.
            p: a parameter; None for the first one that varies.
            q: another one; None for the next one that varies, if any does.
            objective_type: what is averaged; see `tradingkb.objectives()`.
            timeframe: whose windows; None for the one with the most, as `recommend` chooses.

        Raises:
            NotFoundError: an unknown strategy, objective, parameter or timeframe, with near names.
            InvalidInputError: the same parameter twice.
        """
        space = self.use_cases.workspaces.find(workspace)
        store, until = self.use_cases.store, self._known_until()
        of = (strategy_name, p, q, objective_type, timeframe)
        with store.reading():
            return param_grid(store, space.id, *of, until)

    def _known_until(self) -> datetime:
        """What became known later does not count yet, as for a question."""
        return self.use_cases.indexer.clock() - timedelta(seconds=self.settings.embargo_s)
